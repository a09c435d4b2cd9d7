#ifndef OPSLOT_SLOT_HPP
#define OPSLOT_SLOT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/execution_context.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/// What a slot does with a request that its blocks cannot serve.
enum class overflow
{
    /// Takes the memory from an operation_memory.
    pool,

    /// Throws slot_exhausted: for programs that must not allocate after
    /// their initialisation.
    fail
};

/** Thrown by a slot with overflow::fail that cannot serve a request.

    what() names the sizes, so that a log line is enough to choose a better
    slot size.
*/
class slot_exhausted : public std::bad_alloc
{
public:
    /// Describes a request for `size_bytes`, made to a slot with two blocks.
    slot_exhausted(
        std::size_t size_bytes,
        std::size_t alignment_bytes,
        std::size_t capacity_bytes,
        std::size_t secondary_capacity_bytes,
        std::size_t blocks_in_use) noexcept;

    /// The size of the request in bytes.
    std::size_t size_bytes() const noexcept { return size_bytes_; }

    /// The size in bytes of the larger block of the slot. A request may be
    /// smaller and yet fail, if the block is lent out.
    std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }

    /// Says what was requested and what there is.
    char const* what() const noexcept override { return message_; }

private:
    std::size_t size_bytes_;
    std::size_t capacity_bytes_;
    char message_[160];
};

/** What all slots have in common, whatever their size.

    Functions that work with any slot take a `slot_base&`; users create a slot.

    Thread safety: Distinct objects: safe. Shared objects: safe, except the
    destructor. Nothing here waits for another thread, as long as no request
    overflows.
*/
class slot_base
{
public:
    slot_base(slot_base const&) = delete;
    slot_base& operator=(slot_base const&) = delete;

    /** Lends out memory: a block that is large enough, or an overflow.

        @param bytes The size.

        @param alignment A power of two, in bytes. Above
        `alignof(std::max_align_t)` the request overflows.

        Exception safety: strong; throws slot_exhausted with overflow::fail,
        and `std::bad_alloc`.

        Cost: about 15 instructions, without a lock, if a block serves the
        request; else that of operation_memory::allocate().
    */
    [[nodiscard]] void* allocate(
        std::size_t bytes, std::size_t alignment = alignof(std::max_align_t))
    {
        if (bytes > high_water_bytes_.load(std::memory_order_relaxed))
            raise_high_water(bytes);
        if (alignment <= alignof(std::max_align_t))
        {
            // The smaller block first, so that the other remains for a request
            // that needs it.
            if (smaller_.lend(bytes))
                return smaller_.memory;
            if (larger_.lend(bytes))
                return larger_.memory;
        }
        return allocate_overflow(bytes, alignment);
    }

    /** Takes memory back, on any thread.

        @param memory What allocate() returned.

        @param bytes,alignment The arguments it was requested with.

        If this slot has not lent `memory` with that size, or has it back
        already, the program ends with a message: the slot, and whatever uses
        its blocks now, would be corrupted.

        Cost: about 8 instructions for a block of the slot.
    */
    void deallocate(
        void* memory,
        std::size_t bytes,
        std::size_t alignment = alignof(std::max_align_t)) noexcept
    {
        if (memory == smaller_.memory)
            smaller_.take_back(bytes);
        else if (memory == larger_.memory)
            larger_.take_back(bytes);
        else
            deallocate_overflow(memory, bytes, alignment);
    }

    /// The size in bytes of the larger block.
    std::size_t capacity_bytes() const noexcept
    {
        return larger_.capacity_bytes;
    }

    /// The size in bytes of the smaller block.
    std::size_t secondary_capacity_bytes() const noexcept
    {
        return smaller_.capacity_bytes;
    }

    /// How many requests the blocks could not serve: the overflows, and the
    /// requests that failed.
    std::size_t misses() const noexcept
    {
        return misses_.load(std::memory_order_relaxed);
    }

    /// The largest request so far in bytes, served or not. A slot of this
    /// size would have held each single request.
    std::size_t high_water_bytes() const noexcept
    {
        return high_water_bytes_.load(std::memory_order_relaxed);
    }

    /// The blocks that are lent out now, overflows included. Zero does not
    /// mean that no operation is pending, see slot.
    std::size_t blocks_in_use() const noexcept
    {
        return overflows_in_use_.load(std::memory_order_relaxed) +
               (smaller_.is_lent() ? 1 : 0) + (larger_.is_lent() ? 1 : 0);
    }

protected:
    /// Takes over two regions of memory that live as long as the object.
    slot_base(
        void* smaller,
        std::size_t smaller_bytes,
        void* larger,
        std::size_t larger_bytes,
        overflow policy,
        operation_memory_ptr overflow_memory) noexcept;

    /// Ends the program with a message if memory is still lent out.
    ~slot_base();

private:
    // The state of a block is one word, which holds the size of the request
    // that it serves, so that a return with another size is noticed:
    //
    //   free (0) ──lend──▶ bytes + 1 ──take_back──▶ free ──~slot──▶ ended
    //
    struct block
    {
        static constexpr std::size_t free = 0;
        static constexpr std::size_t ended = static_cast<std::size_t>(-1);

        bool lend(std::size_t bytes) noexcept
        {
            std::size_t expected = free;
            return bytes <= capacity_bytes && state.compare_exchange_strong(
                                                  expected,
                                                  bytes + 1,
                                                  std::memory_order_acquire,
                                                  std::memory_order_relaxed);
        }

        void take_back(std::size_t bytes) noexcept
        {
            // The last access: the owner may destroy the slot after it.
            if (state.exchange(free, std::memory_order_release) != bytes + 1)
                not_lent(bytes);
        }

        bool is_lent() const noexcept
        {
            return state.load(std::memory_order_relaxed) != free;
        }

        void* memory;
        std::size_t capacity_bytes;
        std::atomic<std::size_t> state{free};
    };

    [[noreturn]] static void not_lent(std::size_t bytes) noexcept;
    void raise_high_water(std::size_t bytes) noexcept;
    void* allocate_overflow(std::size_t bytes, std::size_t alignment);
    void deallocate_overflow(
        void* memory, std::size_t bytes, std::size_t alignment) noexcept;

    block smaller_;
    block larger_;
    std::atomic<std::size_t> high_water_bytes_{0};
    std::atomic<std::size_t> overflows_in_use_{0};
    std::atomic<std::size_t> misses_{0};
    operation_memory_ptr const overflow_memory_;
    overflow const policy_;
};

/** The memory of one asynchronous operation at a time, owned by the caller.

    Asio asks a handler's associated allocator for the memory of an operation.
    A slot, bound to the handler by bind_slot() or a slot_allocator, is that
    memory: a member of a session or of a socket's owner, used again and again.

    It has two blocks, because some operations hold two for a moment: a handler
    on its way through a strand holds its operation and the strand's. A request
    takes the smallest free block that fits. Other requests overflow into an
    operation_memory, whose pools keep them from the heap too, or fail.

    misses() and high_water_bytes() tell whether the size is right: with no
    misses after a time of real load it is, else high_water_bytes() says what
    one operation needs.

    Lifetime, two rules to know:

    @li A slot must outlive the operations that use it, also those still
    pending when their `io_context` is destroyed: it frees them, through their
    allocator, without calling the handlers. Declare slots before the
    `io_context`, or own them by something that the handlers keep alive.

    @li A free block does not mean a finished operation. Asio gives the memory
    back before it calls the handler, and a strand takes and gives back blocks
    on the way. blocks_in_use() says nothing about pending operations.

    Mistakes end the program, in every build, with a message on the standard
    error stream: destroying a slot whose memory is lent out, giving back memory
    that it did not lend or has back already, and, as long as its storage has
    not been used for something else, using it after its end.

    A slot neither copies nor moves.

    @tparam Bytes The size of the primary block in bytes. 320 holds the
    operations of sockets, timers and resolvers with a handler of a few
    pointers; operations of Beast and of TLS streams need up to 1 KiB.

    @tparam SecondaryBytes The size of the secondary block in bytes.

    Both are rounded up to a multiple of `alignof(std::max_align_t)`.

    Thread safety: as slot_base. A block may be given back on any thread.

    Cost: the two blocks and 96 bytes.

    Example:
    @code
    class session : public std::enable_shared_from_this<session>
    {
        boost::asio::ip::tcp::socket socket_;
        opslot::slot<> slot_;
        std::array<char, 4096> storage_;

        void receive()
        {
            socket_.async_read_some(
                boost::asio::buffer(storage_),
                opslot::bind_slot(
                    slot_,
                    [self = shared_from_this()](auto error, auto bytes)
                    { self->received(error, bytes); }));
        }
        …
    };
    @endcode
*/
template<std::size_t Bytes = 320, std::size_t SecondaryBytes = 128>
class slot : public slot_base
{
public:
    /** Makes a slot that overflows into operation_memory::process(), or
        fails, according to `policy`.

        Exception safety: strong; throws `std::bad_alloc` where it is the first
        to use operation_memory::process().
    */
    explicit slot(overflow policy = overflow::pool)
        : slot(
              policy,
              policy == overflow::pool
                  ? operation_memory_ptr(&operation_memory::process())
                  : operation_memory_ptr())
    {}

    /** Makes a slot that overflows into `memory` and keeps a reference to it.
     */
    explicit slot(operation_memory& memory) noexcept
        : slot(overflow::pool, operation_memory_ptr(&memory))
    {}

    /** Makes a slot that overflows into the operation_memory of `context`,
        which may end before the slot.

        Exception safety: strong; throws `std::bad_alloc`.
    */
    explicit slot(boost::asio::execution_context& context)
        : slot(operation_memory::of(context))
    {}

private:
    static constexpr std::size_t rounded_up(std::size_t bytes) noexcept
    {
        constexpr std::size_t unit = alignof(std::max_align_t);
        return (std::max)((bytes + unit - 1) / unit * unit, unit);
    }

    static constexpr std::size_t larger_bytes =
        rounded_up((std::max)(Bytes, SecondaryBytes));
    static constexpr std::size_t smaller_bytes =
        rounded_up((std::min)(Bytes, SecondaryBytes));

    slot(overflow policy, operation_memory_ptr memory) noexcept
        : slot_base(
              smaller_,
              smaller_bytes,
              larger_,
              larger_bytes,
              policy,
              std::move(memory))
    {}

    alignas(std::max_align_t) std::byte smaller_[smaller_bytes];
    alignas(std::max_align_t) std::byte larger_[larger_bytes];
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
