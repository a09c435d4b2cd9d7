#ifndef OPSLOT_OPERATION_MEMORY_HPP
#define OPSLOT_OPERATION_MEMORY_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {

class operation_memory;

/// A counted reference to an operation_memory.
using operation_memory_ptr = boost::intrusive_ptr<operation_memory>;

/// What an operation_memory has done so far. All figures are since its
/// creation, and consistent within one size class.
struct operation_memory_statistics
{
    /// Blocks handed out, from pools and from the heap.
    std::uint64_t allocations = 0;

    /// Blocks that are lent out now.
    std::size_t in_use = 0;

    /// The sum, over the size classes, of the most blocks that were lent out
    /// at once: what the memory has to hold so that it need not grow.
    std::size_t peak = 0;

    /// Bytes of heap that the pools hold, whether lent out or not.
    std::size_t bytes_reserved = 0;

    /// Of the allocations, those that went to the heap because no size class
    /// serves their size or their alignment.
    std::uint64_t heap_allocations = 0;

    /// How often a pool took a chunk from the heap.
    std::uint64_t growths = 0;

    /// Of the allocations, those that did not fit into the slot of a handler
    /// or the slots of an I/O object.
    std::uint64_t overflows = 0;
};

/** The memory of operations: thread-safe pools of blocks in size classes.

    Whatever an engine, a token operation or an overflowing slot needs for the
    time of an operation comes from here. A block that is given back is kept
    for the next request of its class, so that steady traffic does not reach
    the heap: once `growths` and `heap_allocations` of the statistics() stand
    still, there is no allocation any more. Memory returns to the heap when the
    operation_memory ends, not before.

    Each `execution_context` has one, found by of(); memory that belongs to no
    context comes from process(). It is reference counted:

    @verbatim
      io_context ──owns──▶ service ──operation_memory_ptr──▶ operation_memory
      slot, socket, descriptor ─────operation_memory_ptr──────▲        │
      operation_memory_allocator ──────plain pointer──────────┘      lends
                                                                       ▼
                                                                     blocks
    @endverbatim

    It ends with the last reference *and* the last block: a block may be given
    back after the context and all references have gone, but new ones may not
    be requested then.

    Thread safety: Distinct objects: safe. Shared objects: safe. A block may be
    given back on another thread than the one that requested it.

    Cost: each size class has a lock, held for some ten instructions. Up to
    1 KiB, allocate() and deallocate() together take about 60 instructions while
    the class has a free block; up to 64 KiB about 95.
*/
class operation_memory
{
public:
    /// The size in bytes of the largest block that comes from a pool.
    static constexpr std::size_t largest_block_bytes = 64 * 1024;

    /// The alignment in bytes of every block that comes from a pool: a cache
    /// line, so that blocks in use on different threads do not share one.
    static constexpr std::size_t block_alignment = 64;

    operation_memory(operation_memory const&) = delete;
    operation_memory& operator=(operation_memory const&) = delete;

    /** The memory of an execution context, created at the first call.

        @param context The context. The result stays valid as long as the
        context, and longer for whoever makes an operation_memory_ptr of it.

        Exception safety: strong; throws `std::bad_alloc`, at the first call.

        Cost: a search in the services of the context, under their lock. Keep
        the reference; do not call this once per operation.
    */
    static operation_memory& of(boost::asio::execution_context& context);

    /// The same, or null if nobody has asked for it yet. Does not throw.
    static operation_memory*
    find(boost::asio::execution_context& context) noexcept;

    /** The memory of the process, for what belongs to no execution context.

        It is created at the first call and never destroyed, so that static
        objects may use it at any time, and it stays reachable for leak
        checkers.

        Exception safety: strong; throws `std::bad_alloc`, at the first call.
    */
    static operation_memory& process();

    /** Lends out a block.

        @param bytes The size. Zero is allowed.

        @param alignment A power of two, in bytes.

        @return The block, never null. It is aligned to `alignment` at least.

        A request above largest_block_bytes or block_alignment goes to the
        heap and is counted.

        Exception safety: strong; throws `std::bad_alloc`.

        Cost: constant; no allocation while the class has a free block.
    */
    [[nodiscard]] void* allocate(
        std::size_t bytes, std::size_t alignment = alignof(std::max_align_t));

    /** Takes a block back.

        @param block What allocate() returned; not null.

        @param bytes,alignment The arguments it was requested with.

        Preconditions: this object lent the block and has not got it back.
    */
    void deallocate(
        void* block,
        std::size_t bytes,
        std::size_t alignment = alignof(std::max_align_t)) noexcept;

    /** Adds free blocks to a size class.

        @param bytes The size of the requests to prepare for.

        @param count How many blocks to add to those that the class has.
        Independent callers may each reserve what they need.

        Exception safety: basic; throws `std::length_error` if `bytes` is more
        than largest_block_bytes, and `std::bad_alloc`. Blocks added so far
        stay.

        Cost: one heap allocation, and time linear in the free and the added
        blocks of the class, under its lock. Meant for start-up.
    */
    void reserve(std::size_t bytes, std::size_t count);

    /** The figures up to now.

        Cost: takes the lock of each size class in turn. Figures of different
        classes are not read at the same instant.
    */
    operation_memory_statistics statistics() const noexcept;

    /// Counts an allocation of a slot that it had no room for.
    void count_overflow() noexcept
    {
        overflows_.fetch_add(1, std::memory_order_relaxed);
    }

    /// Adds a reference, for `boost::intrusive_ptr`.
    friend void intrusive_ptr_add_ref(operation_memory* memory) noexcept
    {
        memory->references_.fetch_add(1, std::memory_order_relaxed);
    }

    /// Drops a reference, for `boost::intrusive_ptr`.
    friend void intrusive_ptr_release(operation_memory* memory) noexcept
    {
        if (memory->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            memory->retire();
    }

private:
    class size_class;
    class service;
    struct size_classes;

    operation_memory();
    ~operation_memory();

    void* allocate_large(std::size_t bytes, std::size_t alignment);
    void deallocate_large(
        void* block, std::size_t bytes, std::size_t alignment) noexcept;
    void retire() noexcept;
    void orphan_returned() noexcept;

    std::unique_ptr<size_classes> const classes_;
    std::atomic<std::size_t> references_{0};
    std::atomic<std::uint64_t> overflows_{0};

    // The blocks still lent out after the last reference has gone.
    std::atomic<std::size_t> orphans_{0};
};

/** An allocator over an operation_memory.

    @tparam T The type of the objects to make room for; may be `void`.

    It meets the requirements of Allocator, so that it can be the associated
    allocator of a handler. Copies, also of other types, compare equal if they
    use the same memory.

    It keeps a plain pointer and counts nothing. It may *deallocate* at any
    time, since a block that is lent out keeps the memory alive; whoever
    *allocates* sees to it that the context or an operation_memory_ptr is still
    there.

    Thread safety: as operation_memory.

    Example:
    @code
    opslot::operation_memory_allocator<void> allocator(
        opslot::operation_memory::of(io));
    socket.async_wait(
        socket.wait_read, boost::asio::bind_allocator(allocator, handler));
    @endcode
*/
template<class T>
class operation_memory_allocator
{
public:
    /// The type of the objects.
    using value_type = T;

    /// Makes an allocator over `memory`, which it refers to.
    explicit operation_memory_allocator(operation_memory& memory) noexcept
        : memory_(&memory)
    {}

    /// Makes an allocator over the same memory for another type.
    template<class U>
    operation_memory_allocator(
        operation_memory_allocator<U> const& other) noexcept
        : memory_(&other.memory())
    {}

    /** Lends out a block for `count` objects.

        Exception safety: strong; throws `std::bad_alloc`.
    */
    [[nodiscard]] T* allocate(std::size_t count)
    {
        if (count > (std::numeric_limits<std::size_t>::max)() / sizeof(T))
            throw std::bad_array_new_length();
        return static_cast<T*>(
            memory_->allocate(count * sizeof(T), alignof(T)));
    }

    /// Takes back a block for `count` objects.
    void deallocate(T* block, std::size_t count) noexcept
    {
        memory_->deallocate(block, count * sizeof(T), alignof(T));
    }

    /// The memory in use.
    operation_memory& memory() const noexcept { return *memory_; }

private:
    operation_memory* memory_;
};

/// Whether two allocators use the same memory.
template<class T, class U>
bool operator==(
    operation_memory_allocator<T> const& left,
    operation_memory_allocator<U> const& right) noexcept
{
    return &left.memory() == &right.memory();
}

/// Whether two allocators use different memories.
template<class T, class U>
bool operator!=(
    operation_memory_allocator<T> const& left,
    operation_memory_allocator<U> const& right) noexcept
{
    return !(left == right);
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
