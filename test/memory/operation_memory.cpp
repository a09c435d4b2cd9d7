// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/operation_memory.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE memory_operation_memory
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace {

namespace asio = boost::asio;
using opslot::operation_memory;
using opslot::operation_memory_allocator;
using opslot::operation_memory_ptr;
using opslot::testing::allocation_counter;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

auto where_allocations_are_seen()
{
    return boost::unit_test::precondition(allocations_are_seen);
}

// A memory that nobody else uses.
struct own_memory
{
    asio::io_context io;
    operation_memory& memory = operation_memory::of(io);
};

struct lent_block
{
    void* address;
    std::size_t bytes;
    std::size_t alignment;
};

bool is_aligned(void* address, std::size_t alignment)
{
    return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

bool holds(lent_block const& block, unsigned char value)
{
    auto const* const bytes = static_cast<unsigned char*>(block.address);
    for (std::size_t index = 0; index != block.bytes; ++index)
        if (bytes[index] != value)
            return false;
    return true;
}

#if defined(__GLIBC__)
std::size_t mapped_bytes()
{
    return ::mallinfo2().hblkhd;
}
#else
std::size_t mapped_bytes()
{
    return 0;
}
#endif

} // namespace

BOOST_FIXTURE_TEST_CASE(every_block_is_aligned_and_does_not_overlap, own_memory)
{
    std::vector<lent_block> blocks;
    for (std::size_t const limit :
         {0u,
          64u,
          128u,
          192u,
          256u,
          320u,
          384u,
          512u,
          768u,
          1024u,
          2048u,
          4096u,
          8192u,
          16384u,
          32768u,
          65536u})
        for (std::size_t const bytes : {limit, limit + 1, limit + 37})
            for (std::size_t alignment = 1; alignment <= 256; alignment *= 2)
                blocks.push_back(
                    {memory.allocate(bytes, alignment), bytes, alignment});

    for (std::size_t index = 0; index != blocks.size(); ++index)
        std::memset(
            blocks[index].address,
            static_cast<int>(index % 251),
            blocks[index].bytes);

    for (std::size_t index = 0; index != blocks.size(); ++index)
    {
        lent_block const& block = blocks[index];
        BOOST_TEST(is_aligned(block.address, block.alignment));
        BOOST_TEST(holds(block, static_cast<unsigned char>(index % 251)));
        memory.deallocate(block.address, block.bytes, block.alignment);
    }
    BOOST_TEST(memory.statistics().in_use == 0u);
}

BOOST_FIXTURE_TEST_CASE(
    a_block_of_a_pool_does_not_share_a_cache_line, own_memory)
{
    void* const block = memory.allocate(1);
    BOOST_TEST(is_aligned(block, operation_memory::block_alignment));
    memory.deallocate(block, 1);
}

BOOST_FIXTURE_TEST_CASE(the_figures_tell_what_happened, own_memory)
{
    auto const none = memory.statistics();
    BOOST_TEST(none.allocations == 0u);
    BOOST_TEST(none.bytes_reserved == 0u);
    BOOST_TEST(none.growths == 0u);

    void* const first = memory.allocate(100);
    void* const second = memory.allocate(200);
    memory.deallocate(first, 100);
    void* const third = memory.allocate(100);

    auto const some = memory.statistics();
    BOOST_TEST(some.allocations == 3u);
    BOOST_TEST(some.in_use == 2u);
    BOOST_TEST(some.peak == 2u);
    BOOST_TEST(some.growths == 2u);
    BOOST_TEST(some.bytes_reserved >= 2 * 2048u);
    BOOST_TEST(some.heap_allocations == 0u);

    memory.deallocate(second, 200);
    memory.deallocate(third, 100);
    BOOST_TEST(memory.statistics().in_use == 0u);
    BOOST_TEST(memory.statistics().peak == 2u);
}

BOOST_FIXTURE_TEST_CASE(
    requests_that_no_class_serves_go_to_the_heap_and_count, own_memory)
{
    std::size_t const largest = operation_memory::largest_block_bytes;
    memory.deallocate(memory.allocate(largest), largest);
    BOOST_TEST(memory.statistics().heap_allocations == 0u);

    void* const too_large = memory.allocate(largest + 1);
    std::memset(too_large, 1, largest + 1);
    void* const over_aligned = memory.allocate(64, 4096);
    BOOST_TEST(is_aligned(over_aligned, 4096));

    BOOST_TEST(memory.statistics().heap_allocations == 2u);
    BOOST_TEST(memory.statistics().allocations == 3u);
    BOOST_TEST(memory.statistics().in_use == 2u);
    memory.deallocate(too_large, largest + 1);
    memory.deallocate(over_aligned, 64, 4096);
    BOOST_TEST(memory.statistics().in_use == 0u);
}

BOOST_FIXTURE_TEST_CASE(
    nothing_reaches_the_heap_after_warm_up,
    own_memory,
    *where_allocations_are_seen())
{
    auto const burst = [this] {
        std::array<void*, 1000> blocks;
        for (std::size_t index = 0; index != blocks.size(); ++index)
            blocks[index] = memory.allocate(40 + index);
        for (std::size_t index = 0; index != blocks.size(); ++index)
            memory.deallocate(blocks[index], 40 + index);
    };
    allocation_counter const warm_up(allocation_counter::scope::process);
    burst();
    BOOST_TEST(warm_up.count() > 0u);

    auto const growths = memory.statistics().growths;
    allocation_counter const steady(allocation_counter::scope::process);
    for (int round = 0; round != 10; ++round)
        burst();
    BOOST_TEST(steady.count() == 0u);
    BOOST_TEST(memory.statistics().growths == growths);
}

BOOST_FIXTURE_TEST_CASE(
    growths_count_every_chunk_from_the_heap,
    own_memory,
    *where_allocations_are_seen())
{
    std::vector<void*> blocks;
    blocks.reserve(5000);
    allocation_counter const heap(allocation_counter::scope::process);
    for (int count = 0; count != 5000; ++count)
        blocks.push_back(memory.allocate(320));
    BOOST_TEST(heap.count() == memory.statistics().growths);
    BOOST_TEST(heap.bytes() >= memory.statistics().bytes_reserved);
    BOOST_TEST(
        heap.bytes() - memory.statistics().bytes_reserved < 64 * heap.count());
    for (void* block : blocks)
        memory.deallocate(block, 320);
}

BOOST_FIXTURE_TEST_CASE(
    reserved_blocks_add_up_and_need_no_further_heap, own_memory)
{
    void* const lent = memory.allocate(512);
    memory.reserve(512, 100);
    memory.reserve(500, 300);
    auto const growths = memory.statistics().growths;

    std::vector<void*> blocks;
    for (int count = 0; count != 400; ++count)
        blocks.push_back(memory.allocate(512));
    BOOST_TEST(memory.statistics().growths == growths);
    BOOST_TEST(growths == 3u);

    for (void* block : blocks)
        memory.deallocate(block, 512);
    memory.deallocate(lent, 512);
}

BOOST_FIXTURE_TEST_CASE(
    a_request_that_the_heap_refuses_changes_nothing,
    own_memory,
    *where_allocations_are_seen())
{
    std::size_t const largest = (std::numeric_limits<std::size_t>::max)();
    for (std::size_t const bytes : {largest, largest - 20, largest / 2 - 100})
        BOOST_CHECK_THROW(
            static_cast<void>(memory.allocate(bytes)), std::bad_alloc);
    BOOST_TEST(memory.statistics().allocations == 0u);
    BOOST_TEST(memory.statistics().in_use == 0u);
}

BOOST_FIXTURE_TEST_CASE(reserving_nothing_does_nothing, own_memory)
{
    memory.reserve(64, 0);
    BOOST_TEST(memory.statistics().growths == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_size_without_a_class_cannot_be_reserved, own_memory)
{
    BOOST_CHECK_THROW(
        memory.reserve(operation_memory::largest_block_bytes + 1, 1),
        std::length_error);
    BOOST_TEST(memory.statistics().bytes_reserved == 0u);
}

// A sanitizer ends the program where a heap would refuse.
BOOST_FIXTURE_TEST_CASE(
    a_reservation_that_the_heap_refuses_leaves_the_memory_usable,
    own_memory,
    *where_allocations_are_seen())
{
    void* const before = memory.allocate(64);
    memory.deallocate(before, 64);
    auto const reserved = memory.statistics().bytes_reserved;

    std::size_t const largest = (std::numeric_limits<std::size_t>::max)();
    for (std::size_t const count : {largest, largest / 64, largest / 128 - 2})
        BOOST_CHECK_THROW(memory.reserve(64, count), std::bad_alloc);

    BOOST_TEST(memory.statistics().bytes_reserved == reserved);
    void* const after = memory.allocate(64);
    BOOST_TEST(memory.statistics().growths == 1u);
    memory.deallocate(after, 64);
}

BOOST_AUTO_TEST_CASE(each_context_has_one_memory)
{
    asio::io_context one;
    asio::io_context other;
    BOOST_TEST(&operation_memory::of(one) == &operation_memory::of(one));
    BOOST_TEST(&operation_memory::of(one) != &operation_memory::of(other));
    BOOST_TEST(&operation_memory::process() == &operation_memory::process());
    BOOST_TEST(&operation_memory::process() != &operation_memory::of(one));
}

BOOST_AUTO_TEST_CASE(a_reference_keeps_the_memory_beyond_its_context)
{
    std::optional<asio::io_context> io(std::in_place);
    operation_memory_ptr memory(&operation_memory::of(*io));
    memory->reserve(65536, 8);
    void* const early = memory->allocate(65536);
    io.reset();

    void* const late = memory->allocate(65536);
    std::memset(early, 1, 65536);
    std::memset(late, 2, 65536);
    BOOST_TEST(memory->statistics().in_use == 2u);
    memory->deallocate(early, 65536);
    memory->deallocate(late, 65536);
    BOOST_TEST(memory->statistics().in_use == 0u);
}

// The reserved chunk is so large that the heap maps it, and unmaps it when it
// is freed: used too late, it ends the program, and a leak shows in mallinfo.
BOOST_AUTO_TEST_CASE(lent_blocks_keep_the_memory_and_the_last_one_ends_it)
{
    auto const mapped_before = mapped_bytes();
    std::array<lent_block, 3> blocks = {
        {{nullptr, 65536, 16}, {nullptr, 65537, 16}, {nullptr, 64, 4096}}};
    operation_memory* memory = nullptr;
    {
        asio::io_context io;
        memory = &operation_memory::of(io);
        memory->reserve(65536, 16);
        for (lent_block& block : blocks)
            block.address = memory->allocate(block.bytes, block.alignment);
    }
    for (lent_block const& block : blocks)
        std::memset(block.address, 7, block.bytes);

    std::vector<std::thread> threads;
    for (lent_block const& block : blocks)
        threads.emplace_back([memory, block] {
            memory->deallocate(block.address, block.bytes, block.alignment);
        });
    for (std::thread& thread : threads)
        thread.join();
    BOOST_TEST(mapped_bytes() == mapped_before);
}

BOOST_FIXTURE_TEST_CASE(threads_give_back_each_others_blocks, own_memory)
{
    constexpr std::size_t thread_count = 4;
    constexpr int rounds = 20000;
    std::array<std::atomic<unsigned char*>, 16> exchange{};
    std::atomic<bool> intact{true};

    // The first byte is the owner's, the last one a copy of it: they differ
    // if a block is ever lent to two.
    auto const work = [&](std::size_t thread) {
        for (int round = 0; round != rounds; ++round)
        {
            auto* const mine =
                static_cast<unsigned char*>(memory.allocate(192));
            mine[0] = static_cast<unsigned char>(thread + 1);
            mine[191] = mine[0];
            auto& place =
                exchange[static_cast<std::size_t>(round) * 7 % exchange.size()];
            auto* const other = place.exchange(mine);
            if (!other)
                continue;
            if (other[0] != other[191] || other[0] == 0 ||
                other[0] > thread_count)
                intact = false;
            other[0] = 0;
            other[191] = 0;
            memory.deallocate(other, 192);
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread != thread_count; ++thread)
        threads.emplace_back(work, thread);
    while (memory.statistics().allocations < thread_count * rounds / 2)
        std::this_thread::yield();
    for (std::thread& thread : threads)
        thread.join();

    for (auto& place : exchange)
        if (auto* const left = place.load())
            memory.deallocate(left, 192);
    BOOST_TEST(intact);
    BOOST_TEST(memory.statistics().in_use == 0u);
    BOOST_TEST(memory.statistics().allocations == thread_count * rounds);
    BOOST_TEST(memory.statistics().growths <= 3u);
}

BOOST_FIXTURE_TEST_CASE(allocators_of_one_memory_are_equal, own_memory)
{
    operation_memory_allocator<int> const ints(memory);
    operation_memory_allocator<void> const nothing(ints);
    operation_memory_allocator<int> const elsewhere(
        operation_memory::process());
    BOOST_TEST((ints == nothing));
    BOOST_TEST(!(ints != nothing));
    BOOST_TEST((ints != elsewhere));
    BOOST_TEST(&nothing.memory() == &memory);
}

BOOST_FIXTURE_TEST_CASE(an_allocator_serves_containers, own_memory)
{
    struct alignas(64) line
    {
        int number;
    };

    operation_memory_allocator<void> const allocator(memory);
    {
        std::vector<line, operation_memory_allocator<line>> lines(
            10, line{3}, allocator);
        BOOST_TEST(is_aligned(lines.data(), 64));
        BOOST_TEST(memory.statistics().in_use == 1u);
        BOOST_TEST(memory.statistics().heap_allocations == 0u);
    }
    BOOST_TEST(memory.statistics().in_use == 0u);
}

BOOST_FIXTURE_TEST_CASE(an_allocator_refuses_a_size_it_cannot_count, own_memory)
{
    operation_memory_allocator<std::uint64_t> allocator(memory);
    std::size_t volatile too_many =
        (std::numeric_limits<std::size_t>::max)() / 8 + 2;
    BOOST_CHECK_THROW(
        static_cast<void>(allocator.allocate(too_many)),
        std::bad_array_new_length);
    BOOST_TEST(memory.statistics().allocations == 0u);
}

BOOST_AUTO_TEST_CASE(a_pending_operation_is_freed_with_its_context)
{
    operation_memory_ptr memory;
    {
        asio::io_context io;
        memory = &operation_memory::of(io);
        asio::steady_timer timer(io, std::chrono::hours(1));
        timer.async_wait(asio::bind_allocator(
            operation_memory_allocator<void>(*memory), [](auto) {}));
        BOOST_TEST(memory->statistics().in_use == 1u);
    }
    BOOST_TEST(memory->statistics().in_use == 0u);
}
