// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/light_mutex.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/assert.hpp>
#include <boost/config.hpp>
#include <boost/core/bit.hpp>
#include <boost/pool/pool.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <stdexcept>

namespace opslot {
inline namespace OPSLOT_ABI {

namespace {

constexpr std::size_t step_bytes = 64;

// Operations of Asio, with a small handler, take 72 to 304 bytes, those with a
// strand, TLS or a gather list up to 500, Beast's up to 1 KiB (and another
// 416). Up to 384 the classes follow in steps of a cache line, since these are
// the blocks of which there are thousands; 320 is also the default slot. Above
// that a class costs at most half its size in waste, and powers of two keep the
// number of pools small: such blocks are buffers, of which there are few.
constexpr std::array<std::size_t, 15> class_bytes = {
    64,
    128,
    192,
    256,
    320,
    384,
    512,
    768,
    1024,
    2048,
    4096,
    8192,
    16384,
    32768,
    operation_memory::largest_block_bytes};

constexpr std::size_t largest_small_bytes = 1024;

// For a request of up to 1 KiB: the class, by the number of steps of 64 bytes.
constexpr std::array<unsigned char, largest_small_bytes / step_bytes + 1>
    small_class = {0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8};

constexpr std::size_t first_large_class = 9;
static_assert(class_bytes[first_large_class] == 2 * largest_small_bytes);

constexpr std::size_t small_class_index(std::size_t bytes) noexcept
{
    return small_class[(bytes + step_bytes - 1) / step_bytes];
}

// From 1 KiB on the classes are the powers of two.
constexpr std::size_t large_class_index(std::size_t bytes) noexcept
{
    constexpr int first_width =
        boost::core::bit_width(2 * largest_small_bytes - 1);
    return first_large_class +
           static_cast<std::size_t>(
               boost::core::bit_width(bytes - 1) - first_width);
}

constexpr std::size_t class_index(std::size_t bytes) noexcept
{
    return bytes <= largest_small_bytes ? small_class_index(bytes)
                                        : large_class_index(bytes);
}

constexpr bool every_class_is_the_smallest_that_fits() noexcept
{
    for (std::size_t index = 0; index != class_bytes.size(); ++index)
    {
        if (class_bytes[index] % step_bytes != 0)
            return false;
        if (class_index(class_bytes[index]) != index)
            return false;
        if (index != 0 && class_index(class_bytes[index - 1] + 1) != index)
            return false;
    }
    return class_index(0) == 0;
}

static_assert(every_class_is_the_smallest_that_fits());

// A class starts with a page and doubles from chunk to chunk, up to a quarter
// of a mebibyte: a program with few connections stays small, one with many does
// not visit the heap often, and the largest blocks come four at a time.
constexpr std::size_t first_chunk_bytes = 4 * 1024;
constexpr std::size_t largest_chunk_bytes = 256 * 1024;

// No heap has more. It is checked here because libstdc++ (12) rounds the size
// up to the alignment without looking, and returns a block of nothing if that
// overflows.
constexpr std::size_t largest_object_bytes =
    static_cast<std::size_t>((std::numeric_limits<std::ptrdiff_t>::max)());

struct chunk_allocator
{
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;

    static char* malloc BOOST_PREVENT_MACRO_SUBSTITUTION(size_type bytes)
    {
        return static_cast<char*>(::operator new(
            bytes,
            std::align_val_t(operation_memory::block_alignment),
            std::nothrow));
    }

    static void free BOOST_PREVENT_MACRO_SUBSTITUTION(char* chunk)
    {
        ::operator delete(
            chunk, std::align_val_t(operation_memory::block_alignment));
    }
};

class block_pool : public boost::pool<chunk_allocator>
{
public:
    using boost::pool<chunk_allocator>::pool;

    bool exhausted() const { return store().empty(); }

    // malloc() without a second look whether there is a block.
    void* take() { return (store().malloc)(); }

    size_type newest_chunk_bytes() const { return list.total_size(); }
};

} // namespace

// One pool with its lock and its figures, apart from its neighbours in the
// cache. The class without a pool stands for the heap.
class alignas(64) operation_memory::size_class
{
public:
    explicit size_class(std::size_t block_bytes)
        : block_bytes_(block_bytes)
        , pool_(
              block_bytes,
              (std::max)(first_chunk_bytes / block_bytes, std::size_t(1)),
              (std::max)(largest_chunk_bytes / block_bytes, std::size_t(1)))
    {}

    // What is taken nearly always is inline and calls nothing; the other ways
    // are functions of their own, called at the end, so that this one needs no
    // stack frame.
    void* allocate()
    {
        if (!mutex_.try_lock())
            return allocate_contended();
        if (pool_.exhausted())
            return grow_and_unlock();
        void* const block = lend();
        return mutex_.release() ? wake_one_and_return(block) : block;
    }

    void deallocate(void* block, operation_memory& owner) noexcept
    {
        if (!mutex_.try_lock())
            return deallocate_contended(block, owner);
        bool const was_orphan = take_back(block);
        bool const someone_waits = mutex_.release();
        if (was_orphan | someone_waits)
            finish_return(was_orphan, someone_waits, owner);
    }

    void heap_allocated() noexcept
    {
        std::lock_guard lock(mutex_);
        count_lent();
    }

    void heap_deallocated(operation_memory& owner) noexcept
    {
        mutex_.lock();
        --in_use_;
        bool const was_orphan = orphaned_;
        mutex_.unlock();
        if (was_orphan)
            owner.orphan_returned();
    }

    void reserve(std::size_t count)
    {
        if (count >= largest_object_bytes / block_bytes_)
            throw std::bad_alloc();
        std::lock_guard lock(mutex_);

        // A pool grows only when it has nothing left, so its free blocks are
        // set aside, as a list through their own memory.
        void* aside = nullptr;
        while (!pool_.exhausted())
        {
            void* const block = (pool_.malloc)();
            *static_cast<void**>(block) = aside;
            aside = block;
        }

        auto const usual_growth = pool_.get_next_size();
        pool_.set_next_size(count);
        void* const fresh = (pool_.malloc)();
        pool_.set_next_size(usual_growth);

        if (fresh)
        {
            count_growth();
            (pool_.free)(fresh);
        }
        while (aside)
        {
            void* const block = aside;
            aside = *static_cast<void**>(block);
            (pool_.free)(block);
        }

        // Boost.Pool tries half the blocks when the heap refuses all.
        if (!fresh || pool_.newest_chunk_bytes() / block_bytes_ < count)
            throw std::bad_alloc();
    }

    void add_to(operation_memory_statistics& sum) const noexcept
    {
        std::lock_guard lock(mutex_);
        sum.allocations += allocations_;
        sum.in_use += in_use_;
        sum.peak += peak_;
        sum.bytes_reserved += bytes_reserved_;
        sum.growths += growths_;
    }

    std::uint64_t allocations() const noexcept
    {
        std::lock_guard lock(mutex_);
        return allocations_;
    }

    void lock() noexcept { mutex_.lock(); }

    void unlock() noexcept { mutex_.unlock(); }

    // Marks the blocks lent out as orphans and returns their number. The
    // caller holds the lock.
    std::size_t orphan() noexcept
    {
        orphaned_ = true;
        return in_use_;
    }

private:
    BOOST_NOINLINE void* allocate_contended()
    {
        mutex_.lock();
        if (pool_.exhausted())
            return grow_and_unlock();
        void* const block = lend();
        mutex_.unlock();
        return block;
    }

    BOOST_NOINLINE void* grow_and_unlock()
    {
        std::lock_guard lock(mutex_, std::adopt_lock);
        void* const block = (pool_.malloc)();
        if (!block)
            throw std::bad_alloc();
        count_growth();
        count_lent();
        return block;
    }

    BOOST_NOINLINE void
    deallocate_contended(void* block, operation_memory& owner) noexcept
    {
        mutex_.lock();
        bool const was_orphan = take_back(block);
        finish_return(was_orphan, mutex_.release(), owner);
    }

    // The class may have ended by now, if no orphan returned: only the address
    // of the mutex is used.
    BOOST_NOINLINE void finish_return(
        bool was_orphan, bool someone_waits, operation_memory& owner) noexcept
    {
        if (someone_waits)
            mutex_.wake_one();
        if (was_orphan)
            owner.orphan_returned();
    }

    BOOST_NOINLINE void* wake_one_and_return(void* block) noexcept
    {
        mutex_.wake_one();
        return block;
    }

    void* lend() noexcept
    {
        void* const block = pool_.take();
        count_lent();
        return block;
    }

    bool take_back(void* block) noexcept
    {
        BOOST_ASSERT(pool_.is_from(block));
        (pool_.free)(block);
        --in_use_;
        return orphaned_;
    }

    void count_growth() noexcept
    {
        ++growths_;
        bytes_reserved_ += pool_.newest_chunk_bytes();
    }

    void count_lent() noexcept
    {
        ++allocations_;
        if (++in_use_ > peak_)
            peak_ = in_use_;
    }

    mutable detail::light_mutex mutex_;
    bool orphaned_ = false;
    std::size_t const block_bytes_;
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::uint64_t allocations_ = 0;
    std::uint64_t growths_ = 0;
    std::size_t bytes_reserved_ = 0;
    block_pool pool_;
};

struct operation_memory::size_classes
{
    std::array<size_class, class_bytes.size()> pools = {
        size_class(class_bytes[0]),
        size_class(class_bytes[1]),
        size_class(class_bytes[2]),
        size_class(class_bytes[3]),
        size_class(class_bytes[4]),
        size_class(class_bytes[5]),
        size_class(class_bytes[6]),
        size_class(class_bytes[7]),
        size_class(class_bytes[8]),
        size_class(class_bytes[9]),
        size_class(class_bytes[10]),
        size_class(class_bytes[11]),
        size_class(class_bytes[12]),
        size_class(class_bytes[13]),
        size_class(class_bytes[14])};
    size_class heap = size_class(operation_memory::largest_block_bytes);
};

// Holds the context's reference.
class operation_memory::service : public boost::asio::execution_context::service
{
public:
    static boost::asio::execution_context::id id;

    explicit service(boost::asio::execution_context& context)
        : boost::asio::execution_context::service(context)
        , memory_(new operation_memory)
    {}

    operation_memory& memory() noexcept { return *memory_; }

private:
    void shutdown() noexcept override {}

    operation_memory_ptr const memory_;
};

boost::asio::execution_context::id operation_memory::service::id;

operation_memory::operation_memory()
    : classes_(new size_classes)
{}

operation_memory::~operation_memory() = default;

operation_memory& operation_memory::of(boost::asio::execution_context& context)
{
    return boost::asio::use_service<service>(context).memory();
}

operation_memory*
operation_memory::find(boost::asio::execution_context& context) noexcept
{
    return boost::asio::has_service<service>(context)
               ? &boost::asio::use_service<service>(context).memory()
               : nullptr;
}

operation_memory& operation_memory::process()
{
    // A reference that is never dropped, to an object that is never destroyed.
    static operation_memory& memory = *[] {
        auto* const immortal = new operation_memory;
        intrusive_ptr_add_ref(immortal);
        return immortal;
    }();
    return memory;
}

void* operation_memory::allocate(std::size_t bytes, std::size_t alignment)
{
    if (bytes > largest_small_bytes || alignment > block_alignment)
        return allocate_large(bytes, alignment);
    return classes_->pools[small_class_index(bytes)].allocate();
}

void operation_memory::deallocate(
    void* block, std::size_t bytes, std::size_t alignment) noexcept
{
    if (bytes > largest_small_bytes || alignment > block_alignment)
        return deallocate_large(block, bytes, alignment);
    classes_->pools[small_class_index(bytes)].deallocate(block, *this);
}

BOOST_NOINLINE void*
operation_memory::allocate_large(std::size_t bytes, std::size_t alignment)
{
    if (bytes <= largest_block_bytes && alignment <= block_alignment)
        return classes_->pools[large_class_index(bytes)].allocate();

    if (bytes > largest_object_bytes)
        throw std::bad_alloc();
    void* const block = ::operator new(bytes, std::align_val_t(alignment));
    classes_->heap.heap_allocated();
    return block;
}

BOOST_NOINLINE void operation_memory::deallocate_large(
    void* block, std::size_t bytes, std::size_t alignment) noexcept
{
    if (bytes <= largest_block_bytes && alignment <= block_alignment)
        return classes_->pools[large_class_index(bytes)].deallocate(
            block, *this);

    ::operator delete(block, std::align_val_t(alignment));
    classes_->heap.heap_deallocated(*this);
}

void operation_memory::reserve(std::size_t bytes, std::size_t count)
{
    if (bytes > largest_block_bytes)
        throw std::length_error(
            "opslot::operation_memory::reserve: no size class is that large");
    if (count != 0)
        classes_->pools[class_index(bytes)].reserve(count);
}

operation_memory_statistics operation_memory::statistics() const noexcept
{
    operation_memory_statistics sum;
    for (size_class const& each : classes_->pools)
        each.add_to(sum);
    classes_->heap.add_to(sum);
    sum.heap_allocations = classes_->heap.allocations();
    sum.overflows = overflows_.load(std::memory_order_relaxed);
    return sum;
}

// With the last reference gone, the object lives on for the blocks that are
// still lent out. All locks are held while they are counted, so that a block
// coming back on another thread is either counted no more or an orphan.
void operation_memory::retire() noexcept
{
    size_classes& classes = *classes_;
    for (size_class& each : classes.pools)
        each.lock();
    classes.heap.lock();

    std::size_t orphans = classes.heap.orphan();
    for (size_class& each : classes.pools)
        orphans += each.orphan();
    orphans_.store(orphans, std::memory_order_relaxed);

    classes.heap.unlock();
    for (size_class& each : classes.pools)
        each.unlock();

    // From here on another thread may return the last orphan.
    if (orphans == 0)
        delete this;
}

BOOST_NOINLINE void operation_memory::orphan_returned() noexcept
{
    if (orphans_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete this;
}

} // namespace OPSLOT_ABI
} // namespace opslot
