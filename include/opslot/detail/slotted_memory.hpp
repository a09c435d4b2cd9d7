#ifndef OPSLOT_DETAIL_SLOTTED_MEMORY_HPP
#define OPSLOT_DETAIL_SLOTTED_MEMORY_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The slot of a slotted I/O object, which lives as long as an operation may
    need it.
*/

#include <opslot/config.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

class slotted_memory;

using slotted_memory_ptr = boost::intrusive_ptr<slotted_memory>;

/** Two blocks and an overflow, like a slot, but counted.

    It is held by the I/O object, by every piece of memory that it has lent
    out, and by the handlers that will ask again after they gave memory back:

    @verbatim
      slotted I/O object ──slotted_memory_ptr──▶ slotted_memory ◀── block
      handler that hops ──slotted_reference──────▲      ▲── overflow
    @endverbatim

    All of it is one word: a block that is lent out is a bit in it, everything
    else a reference in the bits above. When the word becomes zero the object
    gives itself back to the operation_memory it came from. A request and its
    return cost one atomic operation each.

    A block that is given back twice ends the program with a message, in every
    build, as with a slot: whatever uses the block now would be corrupted.
*/
class slotted_memory
{
public:
    /// Creates one, in the memory of `context`, into which it overflows.
    static slotted_memory_ptr make(boost::asio::execution_context& context);

    slotted_memory(slotted_memory const&) = delete;
    slotted_memory& operator=(slotted_memory const&) = delete;

    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment)
    {
        std::size_t state = state_.load(std::memory_order_relaxed);
        while (std::size_t const block = free_block(state, bytes, alignment))
        {
            if (state_.compare_exchange_weak(
                    state,
                    state | block,
                    std::memory_order_acquire,
                    std::memory_order_relaxed))
                return block == smaller_lent ? smaller_ : larger_;
        }
        return allocate_overflow(bytes, alignment);
    }

    void
    deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept
    {
        if (memory == smaller_)
            take_back(smaller_lent);
        else if (memory == larger_)
            take_back(larger_lent);
        else
            deallocate_overflow(memory, bytes, alignment);
    }

    friend void intrusive_ptr_add_ref(slotted_memory* memory) noexcept
    {
        memory->state_.fetch_add(reference, std::memory_order_relaxed);
    }

    friend void intrusive_ptr_release(slotted_memory* memory) noexcept
    {
        memory->drop(reference);
    }

private:
    static constexpr std::size_t smaller_lent = 1;
    static constexpr std::size_t larger_lent = 2;
    static constexpr std::size_t reference = 4;

    // With the members before them they fill a size class of operation_memory.
    // The larger one holds Asio's operations with a handler of some pointers
    // (facts: up to 304 bytes), the smaller one a strand's.
    static constexpr std::size_t smaller_bytes = 128;
    static constexpr std::size_t larger_bytes = 368;

    explicit slotted_memory(operation_memory& memory) noexcept
        : memory_(&memory)
    {}

    ~slotted_memory() = default;

    // The bit of the smallest free block that serves a request, or zero.
    static std::size_t free_block(
        std::size_t state, std::size_t bytes, std::size_t alignment) noexcept
    {
        if (alignment > alignof(std::max_align_t) || bytes > larger_bytes)
            return 0;
        if (bytes <= smaller_bytes && !(state & smaller_lent))
            return smaller_lent;
        return ~state & larger_lent;
    }

    void take_back(std::size_t block) noexcept
    {
        // Looked at before, since the memory may have ended after it.
        if (!(state_.load(std::memory_order_relaxed) & block))
            not_lent();
        drop(block);
    }

    void drop(std::size_t share) noexcept
    {
        if (state_.fetch_sub(share, std::memory_order_acq_rel) == share)
            end();
    }

    [[noreturn]] static void not_lent() noexcept;
    void* allocate_overflow(std::size_t bytes, std::size_t alignment);
    void deallocate_overflow(
        void* memory, std::size_t bytes, std::size_t alignment) noexcept;
    void end() noexcept;

    std::atomic<std::size_t> state_{0};
    operation_memory_ptr memory_;
    alignas(std::max_align_t) std::byte smaller_[smaller_bytes];
    alignas(std::max_align_t) std::byte larger_[larger_bytes];
};

/// An allocator over a slotted_memory, which its user keeps alive.
template<class T>
class slotted_allocator
{
public:
    using value_type = T;

    explicit slotted_allocator(slotted_memory& memory) noexcept
        : memory_(&memory)
    {}

    template<class U>
    slotted_allocator(slotted_allocator<U> const& other) noexcept
        : memory_(&other.memory())
    {}

    [[nodiscard]] T* allocate(std::size_t count)
    {
        if (count > (std::numeric_limits<std::size_t>::max)() / sizeof(T))
            throw std::bad_array_new_length();
        return static_cast<T*>(
            memory_->allocate(count * sizeof(T), alignof(T)));
    }

    void deallocate(T* memory, std::size_t count) noexcept
    {
        memory_->deallocate(memory, count * sizeof(T), alignof(T));
    }

    slotted_memory& memory() const noexcept { return *memory_; }

    template<class U>
    friend bool operator==(
        slotted_allocator const& left,
        slotted_allocator<U> const& right) noexcept
    {
        return &left.memory() == &right.memory();
    }

    template<class U>
    friend bool operator!=(
        slotted_allocator const& left,
        slotted_allocator<U> const& right) noexcept
    {
        return !(left == right);
    }

private:
    slotted_memory* memory_;
};

/** What a handler knows of the memory.

    A handler that is called where its operation completes asks for memory once,
    and what was lent holds the rest. Only a handler that goes another way, over
    a strand or to another context, gives the memory of the operation back
    first and asks again for that of the way: it counts, so that the I/O object
    may end in between.

    One that was moved from still names the memory, for the operation that
    Asio could not construct and now takes apart.
*/
class slotted_reference
{
public:
    slotted_reference(slotted_memory& memory, bool counted) noexcept
        : memory_(&memory)
        , counted_(counted)
    {
        if (counted_)
            intrusive_ptr_add_ref(memory_);
    }

    slotted_reference(slotted_reference const& other) noexcept
        : slotted_reference(*other.memory_, other.counted_)
    {}

    slotted_reference(slotted_reference&& other) noexcept
        : memory_(other.memory_)
        , counted_(std::exchange(other.counted_, false))
    {}

    slotted_reference& operator=(slotted_reference const&) = delete;

    ~slotted_reference()
    {
        if (counted_)
            intrusive_ptr_release(memory_);
    }

    slotted_memory& operator*() const noexcept { return *memory_; }

private:
    slotted_memory* memory_;
    bool counted_;
};

/// Whether an associated allocator is the one that stands for "none".
template<class Allocator>
inline constexpr bool binds_no_memory = false;

template<class T>
inline constexpr bool binds_no_memory<std::allocator<T>> = true;

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
