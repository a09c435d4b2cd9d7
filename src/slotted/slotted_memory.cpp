// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/slotted_memory.hpp>

#include <cstdio>
#include <cstdlib>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

slotted_memory_ptr slotted_memory::make(boost::asio::execution_context& context)
{
    static_assert(
        sizeof(slotted_memory) <= 512, "a size class of operation_memory");
    operation_memory& memory = operation_memory::of(context);
    void* const storage =
        memory.allocate(sizeof(slotted_memory), alignof(slotted_memory));
    return slotted_memory_ptr(::new (storage) slotted_memory(memory));
}

void slotted_memory::not_lent() noexcept
{
    std::fputs(
        "opslot: a slotted I/O object gets back a block that it has not lent "
        "out or has back already\n",
        stderr);
    std::abort();
}

void* slotted_memory::allocate_overflow(
    std::size_t bytes, std::size_t alignment)
{
    void* const memory = memory_->allocate(bytes, alignment);
    memory_->count_overflow();
    intrusive_ptr_add_ref(this);
    return memory;
}

void slotted_memory::deallocate_overflow(
    void* memory, std::size_t bytes, std::size_t alignment) noexcept
{
    memory_->deallocate(memory, bytes, alignment);
    intrusive_ptr_release(this);
}

void slotted_memory::end() noexcept
{
    operation_memory_ptr const memory = std::move(memory_);
    this->~slotted_memory();
    memory->deallocate(this, sizeof(slotted_memory), alignof(slotted_memory));
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
