// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slot.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

namespace {

// Stands in front of the memory of each overflow. The pool overwrites the first
// word of a block that it has back, and `owner` is cleared before: a second
// return is noticed as long as the block has not been lent out again.
struct overflow_header
{
    std::size_t bytes;
    slot_base const* owner;
};

constexpr std::size_t offset_for(std::size_t alignment) noexcept
{
    constexpr std::size_t least = alignof(std::max_align_t);
    static_assert(sizeof(overflow_header) <= least);
    return (std::max)(alignment, least);
}

overflow_header* header_of(void* memory) noexcept
{
    return static_cast<overflow_header*>(memory) - 1;
}

// A broken promise about memory cannot be reported to anybody: the handler
// that breaks it has no error to deliver, and destructors and deallocation do
// not throw.
template<class... Arguments>
[[noreturn]] void
end_program(char const* format, Arguments... arguments) noexcept
{
    char message[256];
    std::snprintf(message, sizeof(message), format, arguments...);
    std::fputs(message, stderr);
    std::abort();
}

} // namespace

slot_exhausted::slot_exhausted(
    std::size_t size_bytes,
    std::size_t alignment_bytes,
    std::size_t capacity_bytes,
    std::size_t secondary_capacity_bytes,
    std::size_t blocks_in_use) noexcept
    : size_bytes_(size_bytes)
    , capacity_bytes_(capacity_bytes)
{
    std::snprintf(
        message_,
        sizeof(message_),
        "opslot: slot exhausted: %zu bytes (alignment %zu) requested from "
        "blocks of %zu and %zu bytes, %zu of them in use",
        size_bytes,
        alignment_bytes,
        capacity_bytes,
        secondary_capacity_bytes,
        blocks_in_use);
}

slot_base::slot_base(
    void* smaller,
    std::size_t smaller_bytes,
    void* larger,
    std::size_t larger_bytes,
    overflow policy,
    operation_memory_ptr overflow_memory) noexcept
    : smaller_{smaller, smaller_bytes}
    , larger_{larger, larger_bytes}
    , overflow_memory_(std::move(overflow_memory))
    , policy_(policy)
{}

slot_base::~slot_base()
{
    // The state `ended` makes a later use of the slot fail, since it looks
    // like a block that is lent out with a size that nobody can name.
    std::size_t const smaller =
        smaller_.state.exchange(block::ended, std::memory_order_acquire);
    std::size_t const larger =
        larger_.state.exchange(block::ended, std::memory_order_acquire);
    std::size_t const lent = overflows_in_use_.load(std::memory_order_acquire) +
                             (smaller != block::free ? 1 : 0) +
                             (larger != block::free ? 1 : 0);
    if (lent != 0)
        end_program(
            "opslot: a slot is destroyed while %zu of its blocks are lent out "
            "to operations; it must outlive them, and the io_context that "
            "they are pending on\n",
            lent);
}

void slot_base::not_lent(std::size_t bytes) noexcept
{
    end_program(
        "opslot: a slot gets back a block of %zu bytes that it has not lent "
        "out, has back already, or outlives its slot\n",
        bytes);
}

void slot_base::raise_high_water(std::size_t bytes) noexcept
{
    std::size_t seen = high_water_bytes_.load(std::memory_order_relaxed);
    while (seen < bytes && !high_water_bytes_.compare_exchange_weak(
                               seen, bytes, std::memory_order_relaxed))
    {}
}

void* slot_base::allocate_overflow(std::size_t bytes, std::size_t alignment)
{
    if (larger_.state.load(std::memory_order_relaxed) == block::ended)
        end_program(
            "opslot: %zu bytes are requested from a slot after its end\n",
            bytes);

    misses_.fetch_add(1, std::memory_order_relaxed);
    if (policy_ == overflow::fail)
        throw slot_exhausted(
            bytes,
            alignment,
            capacity_bytes(),
            secondary_capacity_bytes(),
            blocks_in_use());

    std::size_t const offset = offset_for(alignment);
    if (bytes > (std::numeric_limits<std::size_t>::max)() - offset)
        throw std::bad_alloc();

    void* const whole = overflow_memory_->allocate(
        offset + bytes, (std::max)(alignment, alignof(std::max_align_t)));
    overflow_memory_->count_overflow();
    overflows_in_use_.fetch_add(1, std::memory_order_relaxed);
    void* const memory = static_cast<std::byte*>(whole) + offset;
    ::new (header_of(memory)) overflow_header{bytes, this};
    return memory;
}

void slot_base::deallocate_overflow(
    void* memory, std::size_t bytes, std::size_t alignment) noexcept
{
    std::size_t const offset = offset_for(alignment);

    // What has no header is not looked at.
    if (policy_ == overflow::fail || !memory ||
        reinterpret_cast<std::uintptr_t>(memory) % offset != 0)
        not_lent(bytes);

    overflow_header& header = *header_of(memory);
    if (header.owner != this || header.bytes != bytes)
        not_lent(bytes);
    header.owner = nullptr;

    overflow_memory_->deallocate(
        static_cast<std::byte*>(memory) - offset,
        offset + bytes,
        (std::max)(alignment, alignof(std::max_align_t)));

    // The last access: the owner may destroy the slot after it.
    overflows_in_use_.fetch_sub(1, std::memory_order_release);
}

} // namespace OPSLOT_ABI
} // namespace opslot
