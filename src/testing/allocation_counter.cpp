// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/testing/allocation_counter.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPSLOT_TESTING_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define OPSLOT_TESTING_SANITIZED 1
#endif
#endif

// A sanitizer replaces the same functions, and needs to see every block.
#if defined(__GLIBC__) && !defined(OPSLOT_TESTING_SANITIZED)
#define OPSLOT_TESTING_INTERPOSES 1
#endif

#if defined(__GNUC__)
// The first allocations come before main, and from the dynamic loader. The
// default model may allocate a thread's block on its first use, from within
// malloc; this one has it from the start.
#define OPSLOT_TESTING_TLS [[gnu::tls_model("initial-exec")]]
#else
#define OPSLOT_TESTING_TLS
#endif

namespace opslot::testing {

// What the process, or one thread of it, has taken from the heap.
struct detail::allocation_totals
{
    std::atomic<std::uint64_t> count;
    std::atomic<std::uint64_t> bytes;
};

namespace {

using detail::allocation_totals;

// Both are initialized statically: they count before any constructor has run.
OPSLOT_TESTING_TLS thread_local allocation_totals totals_of_thread{};
allocation_totals totals_of_process{};

#if defined(OPSLOT_TESTING_INTERPOSES)
void* counted(void* block, std::size_t size) noexcept
{
    if (block != nullptr)
    {
        constexpr auto order = std::memory_order_relaxed;
        // The thread is the only writer of its own, and spares the lock.
        auto& own = totals_of_thread;
        own.count.store(own.count.load(order) + 1, order);
        own.bytes.store(own.bytes.load(order) + size, order);
        totals_of_process.count.fetch_add(1, order);
        totals_of_process.bytes.fetch_add(size, order);
    }
    return block;
}
#endif

} // namespace

allocation_counter::allocation_counter(scope counted) noexcept
    : totals_(
          counted == scope::this_thread ? totals_of_thread : totals_of_process)
    , count_at_start_(0)
    , bytes_at_start_(0)
{
    reset();
}

bool allocation_counter::available() noexcept
{
    // Through a pointer, since the definition below could be inlined even
    // where a tool has put its own in its place.
    void* (*const volatile allocate)(std::size_t) = &std::malloc;
    allocation_counter const probe;
    std::free(allocate(1));
    return probe.count() != 0;
}

std::uint64_t allocation_counter::count() const noexcept
{
    return totals_.count.load(std::memory_order_relaxed) - count_at_start_;
}

std::uint64_t allocation_counter::bytes() const noexcept
{
    return totals_.bytes.load(std::memory_order_relaxed) - bytes_at_start_;
}

void allocation_counter::reset() noexcept
{
    count_at_start_ = totals_.count.load(std::memory_order_relaxed);
    bytes_at_start_ = totals_.bytes.load(std::memory_order_relaxed);
}

} // namespace opslot::testing

#if defined(OPSLOT_TESTING_INTERPOSES)

// The C library's own functions, under the names it exports for this use.
// The blocks are its own, so its free() takes them and needs no replacement.
extern "C" {
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
void* __libc_realloc(void* block, std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;

void* malloc(std::size_t size) noexcept
{
    return opslot::testing::counted(__libc_malloc(size), size);
}

void* calloc(std::size_t count, std::size_t size) noexcept
{
    // The product cannot overflow where memory was returned.
    return opslot::testing::counted(__libc_calloc(count, size), count * size);
}

void* realloc(void* block, std::size_t size) noexcept
{
    return opslot::testing::counted(__libc_realloc(block, size), size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept
{
    return opslot::testing::counted(__libc_memalign(alignment, size), size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    return opslot::testing::counted(__libc_memalign(alignment, size), size);
}

int posix_memalign(
    void** block, std::size_t alignment, std::size_t size) noexcept
{
    // POSIX: a power of two and a multiple of sizeof(void*), and the result
    // is returned, with errno as it was.
    bool const power_of_two =
        alignment != 0 && (alignment & (alignment - 1)) == 0;
    if (!power_of_two || alignment % sizeof(void*) != 0)
    {
        return EINVAL;
    }
    int const saved = errno;
    void* const result =
        opslot::testing::counted(__libc_memalign(alignment, size), size);
    errno = saved;
    if (result == nullptr)
    {
        return ENOMEM;
    }
    *block = result;
    return 0;
}
} // extern "C"

#endif
