// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE testing_allocation_counter
#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "support/sanitizers.hpp"

namespace {

using opslot::testing::allocation_counter;
using scope = allocation_counter::scope;

// Under a sanitizer, for instance, the cases are reported as skipped.
boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

auto where_allocations_are_seen()
{
    return boost::unit_test::precondition(allocations_are_seen);
}

// What is stored here may be read by anyone, so that the compiler keeps the
// allocation that made it.
void* volatile escaped;

// The largest request: no heap can fulfil it. Volatile, or the compiler warns
// that it is too large.
std::size_t volatile too_large = std::numeric_limits<std::size_t>::max() / 2;

struct alignas(64) over_aligned
{
    std::array<char, 192> bytes;
};

// Expects one allocation of `size` bytes from `allocate`, and none from
// `deallocate`, in both scopes.
template<class Allocate, class Deallocate>
void expect_one(std::size_t size, Allocate allocate, Deallocate deallocate)
{
    allocation_counter const own(scope::this_thread);
    allocation_counter const all(scope::process);

    escaped = allocate();

    auto const own_count = own.count();
    auto const own_bytes = own.bytes();
    auto const all_count = all.count();
    auto const all_bytes = all.bytes();

    deallocate(escaped);

    auto const count_at_end = own.count();

    BOOST_TEST(own_count == 1u);
    BOOST_TEST(own_bytes == size);
    BOOST_TEST(all_count == 1u);
    BOOST_TEST(all_bytes == size);
    BOOST_TEST(count_at_end == 1u);
}

} // namespace

// Without this, every other case could be skipped on the platform it is for.
BOOST_AUTO_TEST_CASE(allocations_are_seen_where_it_is_promised)
{
#if OPSLOT_TEST_ADDRESS_SANITIZER || OPSLOT_TEST_THREAD_SANITIZER
    BOOST_TEST(!allocation_counter::available());
#elif defined(__GLIBC__)
    // Not so under Valgrind, which preloads its own functions.
    char const* const preloaded = std::getenv("LD_PRELOAD");
    BOOST_TEST(
        (allocation_counter::available() ||
         (preloaded != nullptr && std::strstr(preloaded, "vgpreload"))));
#else
    BOOST_TEST_MESSAGE("available: " << allocation_counter::available());
#endif
}

BOOST_AUTO_TEST_CASE(malloc_is_seen, *where_allocations_are_seen())
{
    expect_one(
        100,
        [] { return std::malloc(100); },
        [](void* block) { std::free(block); });
}

BOOST_AUTO_TEST_CASE(calloc_is_seen, *where_allocations_are_seen())
{
    expect_one(
        120,
        [] { return std::calloc(12, 10); },
        [](void* block) { std::free(block); });
}

BOOST_AUTO_TEST_CASE(realloc_is_seen, *where_allocations_are_seen())
{
    void* const old_block = std::malloc(10);
    expect_one(
        100'000,
        [old_block] { return std::realloc(old_block, 100'000); },
        [](void* block) { std::free(block); });
}

BOOST_AUTO_TEST_CASE(aligned_alloc_is_seen, *where_allocations_are_seen())
{
    expect_one(
        512,
        [] { return std::aligned_alloc(256, 512); },
        [](void* block) { std::free(block); });
}

#if defined(__GLIBC__)
BOOST_AUTO_TEST_CASE(posix_memalign_is_seen, *where_allocations_are_seen())
{
    expect_one(
        300,
        [] {
            void* block = nullptr;
            BOOST_REQUIRE(::posix_memalign(&block, 64, 300) == 0);
            return block;
        },
        [](void* block) { std::free(block); });
}

BOOST_AUTO_TEST_CASE(memalign_is_seen, *where_allocations_are_seen())
{
    expect_one(
        300,
        [] { return ::memalign(64, 300); },
        [](void* block) { std::free(block); });
}

BOOST_AUTO_TEST_CASE(
    posix_memalign_reports_errors_as_posix_says, *where_allocations_are_seen())
{
    int object = 0;
    void* const untouched = &object;
    void* block = untouched;
    errno = 0;
    std::size_t volatile alignment = 24;
    BOOST_TEST(::posix_memalign(&block, alignment, 8) == EINVAL);
    alignment = sizeof(void*) / 2;
    BOOST_TEST(::posix_memalign(&block, alignment, 8) == EINVAL);
    alignment = 64;
    BOOST_TEST(::posix_memalign(&block, alignment, too_large) == ENOMEM);
    BOOST_TEST(block == untouched);
    BOOST_TEST(errno == 0);
}
#endif

BOOST_AUTO_TEST_CASE(aligned_blocks_are_aligned, *where_allocations_are_seen())
{
    for (std::size_t alignment = 16; alignment <= 4096; alignment *= 2)
    {
        std::unique_ptr<void, decltype(&std::free)> const block(
            std::aligned_alloc(alignment, alignment), &std::free);
        auto address = block.get();
        std::size_t space = alignment;
        BOOST_TEST(
            std::align(alignment, alignment, address, space) == block.get());
    }
}

BOOST_AUTO_TEST_CASE(operator_new_is_seen_once, *where_allocations_are_seen())
{
    expect_one(
        8,
        [] { return new double(1); },
        [](void* block) { delete static_cast<double*>(block); });
}

BOOST_AUTO_TEST_CASE(
    operator_new_for_arrays_is_seen_once, *where_allocations_are_seen())
{
    expect_one(
        80,
        [] { return new double[10]; },
        [](void* block) { delete[] static_cast<double*>(block); });
}

BOOST_AUTO_TEST_CASE(
    operator_new_without_exceptions_is_seen_once, *where_allocations_are_seen())
{
    expect_one(
        8,
        [] { return new (std::nothrow) double(1); },
        [](void* block) { delete static_cast<double*>(block); });
    expect_one(
        80,
        [] { return new (std::nothrow) double[10]; },
        [](void* block) { delete[] static_cast<double*>(block); });
}

BOOST_AUTO_TEST_CASE(
    operator_new_with_alignment_is_seen_once, *where_allocations_are_seen())
{
    expect_one(
        sizeof(over_aligned),
        [] { return new over_aligned; },
        [](void* block) { delete static_cast<over_aligned*>(block); });
    expect_one(
        3 * sizeof(over_aligned),
        [] { return new over_aligned[3]; },
        [](void* block) { delete[] static_cast<over_aligned*>(block); });
    expect_one(
        sizeof(over_aligned),
        [] { return new (std::nothrow) over_aligned; },
        [](void* block) { delete static_cast<over_aligned*>(block); });
}

BOOST_AUTO_TEST_CASE(
    calls_from_the_c_library_are_seen, *where_allocations_are_seen())
{
    allocation_counter const heap;
    char* const copy = ::strdup("twelve bytes");
    escaped = copy;
    auto const count = heap.count();
    std::free(copy);
    BOOST_TEST(count == 1u);
    BOOST_TEST(heap.bytes() >= 13u);
}

BOOST_AUTO_TEST_CASE(failed_calls_do_not_count, *where_allocations_are_seen())
{
    allocation_counter const heap;
    escaped = std::malloc(too_large);
    bool const none = escaped == nullptr;
    escaped = std::calloc(too_large, 3);
    bool const none_zeroed = escaped == nullptr;
    auto const count = heap.count();
    BOOST_TEST(none);
    BOOST_TEST(none_zeroed);
    BOOST_TEST(count == 0u);
}

BOOST_AUTO_TEST_CASE(
    the_stack_and_deallocation_do_not_count, *where_allocations_are_seen())
{
    auto block = std::make_unique<int>(1);
    allocation_counter const own(scope::this_thread);
    allocation_counter const all(scope::process);

    std::array<char, 4096> on_the_stack;
    on_the_stack.fill('x');
    escaped = on_the_stack.data();
    block.reset();
    std::free(nullptr);

    auto const own_count = own.count();
    auto const all_count = all.count();
    BOOST_TEST(own_count == 0u);
    BOOST_TEST(all_count == 0u);
}

BOOST_AUTO_TEST_CASE(
    only_the_scope_of_the_process_sees_other_threads,
    *where_allocations_are_seen())
{
    // The thread's own start allocates too, in this thread.
    auto const work = [] {
        escaped = std::malloc(1'000'000);
        std::free(escaped);
    };
    allocation_counter const own(scope::this_thread);
    allocation_counter const all(scope::process);

    std::thread other(work);
    other.join();

    auto const own_bytes = own.bytes();
    auto const all_bytes = all.bytes();
    BOOST_TEST(own_bytes < 1'000'000u);
    BOOST_TEST(all_bytes >= 1'000'000u);
}

BOOST_AUTO_TEST_CASE(
    no_allocation_of_any_thread_is_lost, *where_allocations_are_seen())
{
    constexpr std::size_t each = 10'000;
    auto const work = [] {
        allocation_counter const own;
        for (std::size_t i = 0; i != each; ++i)
        {
            void* volatile const block = std::malloc(1);
            std::free(block);
        }
        return own.count();
    };
    std::uint64_t seen_by_other = 0;
    allocation_counter const all(scope::process);
    std::thread other([&] { seen_by_other = work(); });
    auto const seen_here = work();
    other.join();
    auto const seen = all.count();

    BOOST_TEST(seen_here == each);
    BOOST_TEST(seen_by_other == each);
    BOOST_TEST(seen >= 2 * each);
}

BOOST_AUTO_TEST_CASE(
    another_thread_may_read_the_count, *where_allocations_are_seen())
{
    allocation_counter const heap(scope::this_thread);
    void* const volatile block = std::malloc(5'000'000);
    std::free(block);
    std::uint64_t read = 0;
    std::thread([&] { read = heap.bytes(); }).join();
    BOOST_TEST(read >= 5'000'000u);
}

BOOST_AUTO_TEST_CASE(reset_starts_from_zero, *where_allocations_are_seen())
{
    allocation_counter heap;
    escaped = std::malloc(10);
    std::free(escaped);
    auto const before = heap.count();
    heap.reset();
    auto const count = heap.count();
    auto const bytes = heap.bytes();
    BOOST_TEST(before == 1u);
    BOOST_TEST(count == 0u);
    BOOST_TEST(bytes == 0u);
}

BOOST_AUTO_TEST_CASE(counters_nest, *where_allocations_are_seen())
{
    allocation_counter const outer;
    escaped = std::malloc(1);
    std::free(escaped);
    allocation_counter const inner;
    escaped = std::malloc(1);
    std::free(escaped);
    auto const inner_count = inner.count();
    auto const outer_count = outer.count();
    BOOST_TEST(inner_count == 1u);
    BOOST_TEST(outer_count == 2u);
}

// The example of the class.
BOOST_AUTO_TEST_CASE(
    a_vector_allocates_once_when_it_is_reserved,
    *boost::unit_test::precondition(allocations_are_seen))
{
    std::vector<int> numbers;
    allocation_counter const heap;
    numbers.reserve(100);
    numbers.resize(100);
    BOOST_TEST(heap.count() == 1u);
}
