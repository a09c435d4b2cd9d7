// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slot.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE memory_slot
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/last_words.hpp"

namespace {

namespace asio = boost::asio;
using opslot::operation_memory;
using opslot::operation_memory_ptr;
using opslot::overflow;
using opslot::slot;
using opslot::slot_base;
using opslot::slot_exhausted;
using opslot::testing::allocation_counter;
using support::last_words;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

auto where_allocations_are_seen()
{
    return boost::unit_test::precondition(allocations_are_seen);
}

bool is_aligned(void* address, std::size_t alignment)
{
    return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

static_assert(!std::is_copy_constructible_v<slot<>>);
static_assert(!std::is_move_constructible_v<slot<>>);
static_assert(!std::is_copy_assignable_v<slot<>>);
static_assert(!std::is_move_assignable_v<slot<>>);
static_assert(std::is_base_of_v<std::bad_alloc, slot_exhausted>);
static_assert(sizeof(slot<>) <= 320 + 128 + 96);

} // namespace

BOOST_AUTO_TEST_CASE(a_slot_says_what_it_holds)
{
    slot<> const usual;
    BOOST_TEST(usual.capacity_bytes() == 320u);
    BOOST_TEST(usual.secondary_capacity_bytes() == 128u);
    BOOST_TEST(usual.misses() == 0u);
    BOOST_TEST(usual.high_water_bytes() == 0u);
    BOOST_TEST(usual.blocks_in_use() == 0u);

    slot<1001, 65> const rounded;
    BOOST_TEST(rounded.capacity_bytes() == 1008u);
    BOOST_TEST(rounded.secondary_capacity_bytes() == 80u);

    slot<64, 512> const swapped;
    BOOST_TEST(swapped.capacity_bytes() == 512u);
    BOOST_TEST(swapped.secondary_capacity_bytes() == 64u);
}

BOOST_AUTO_TEST_CASE(two_blocks_are_lent_at_once)
{
    slot<> memory(overflow::fail);
    auto* const low = reinterpret_cast<char*>(&memory);
    void* const first = memory.allocate(320);
    void* const second = memory.allocate(128);
    BOOST_TEST(is_aligned(first, alignof(std::max_align_t)));
    BOOST_TEST(is_aligned(second, alignof(std::max_align_t)));
    for (void* const block : {first, second})
    {
        BOOST_TEST((static_cast<char*>(block) > low));
        BOOST_TEST((static_cast<char*>(block) < low + sizeof(memory)));
    }
    std::memset(first, 1, 320);
    std::memset(second, 2, 128);
    BOOST_TEST(static_cast<unsigned char*>(first)[319] == 1);
    BOOST_TEST(memory.blocks_in_use() == 2u);
    BOOST_TEST(memory.misses() == 0u);

    memory.deallocate(second, 128);
    memory.deallocate(first, 320);
    BOOST_TEST(memory.blocks_in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(a_small_request_leaves_the_larger_block_for_another)
{
    slot<> memory(overflow::fail);
    void* const small = memory.allocate(40);
    void* const large = memory.allocate(300);
    memory.deallocate(large, 300);
    void* const second_small = memory.allocate(64);
    BOOST_TEST(second_small == large);
    memory.deallocate(second_small, 64);
    memory.deallocate(small, 40);
    BOOST_TEST(memory.misses() == 0u);
}

BOOST_AUTO_TEST_CASE(a_block_is_lent_again_after_its_return)
{
    slot<> memory(overflow::fail);
    void* const first = memory.allocate(200);
    memory.deallocate(first, 200);
    void* const again = memory.allocate(300);
    BOOST_TEST(again == first);
    memory.deallocate(again, 300);
}

BOOST_AUTO_TEST_CASE(a_request_for_nothing_is_served)
{
    slot<> memory(overflow::fail);
    void* const nothing = memory.allocate(0);
    void* const also_nothing = memory.allocate(0);
    BOOST_TEST(nothing != nullptr);
    BOOST_TEST(also_nothing != nothing);
    memory.deallocate(nothing, 0);
    memory.deallocate(also_nothing, 0);
}

BOOST_AUTO_TEST_CASE(the_high_water_mark_is_the_largest_request)
{
    slot<> memory;
    for (std::size_t const bytes : {100u, 1000u, 300u})
        memory.deallocate(memory.allocate(bytes), bytes);
    BOOST_TEST(memory.high_water_bytes() == 1000u);
    BOOST_TEST(memory.misses() == 1u);

    slot<> refusing(overflow::fail);
    BOOST_CHECK_THROW(
        static_cast<void>(refusing.allocate(2000)), slot_exhausted);
    BOOST_TEST(refusing.high_water_bytes() == 2000u);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_overflows_and_counts)
{
    slot<> memory;
    auto const before = operation_memory::process().statistics();
    void* const first = memory.allocate(100);
    void* const second = memory.allocate(100);
    void* const third = memory.allocate(100);
    void* const large = memory.allocate(5000);
    BOOST_TEST(is_aligned(third, alignof(std::max_align_t)));
    std::memset(third, 3, 100);
    std::memset(large, 4, 5000);
    BOOST_TEST(memory.misses() == 2u);
    BOOST_TEST(memory.blocks_in_use() == 4u);
    auto const during = operation_memory::process().statistics();
    BOOST_TEST(during.in_use == before.in_use + 2);

    memory.deallocate(first, 100);
    memory.deallocate(third, 100);
    memory.deallocate(large, 5000);
    memory.deallocate(second, 100);
    BOOST_TEST(memory.blocks_in_use() == 0u);
    BOOST_TEST(memory.misses() == 2u);
    auto const after = operation_memory::process().statistics();
    BOOST_TEST(after.in_use == before.in_use);
}

BOOST_AUTO_TEST_CASE(an_over_aligned_request_overflows)
{
    slot<> memory;
    for (std::size_t alignment = 32; alignment <= 4096; alignment *= 2)
    {
        void* const block = memory.allocate(64, alignment);
        BOOST_TEST(is_aligned(block, alignment));
        std::memset(block, 1, 64);
        memory.deallocate(block, 64, alignment);
    }
    BOOST_TEST(memory.misses() == 8u);
    BOOST_TEST(memory.blocks_in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(overflows_go_to_the_memory_of_a_context_and_outlive_it)
{
    std::optional<asio::io_context> io(std::in_place);
    operation_memory_ptr const pool(&operation_memory::of(*io));
    slot<> memory(*io);
    slot<> by_memory(*pool);
    void* const block = memory.allocate(400);
    void* const other = by_memory.allocate(400);
    BOOST_TEST(pool->statistics().in_use == 2u);
    by_memory.deallocate(other, 400);

    io.reset();
    std::memset(block, 1, 400);
    void* const later = memory.allocate(400);
    memory.deallocate(block, 400);
    memory.deallocate(later, 400);
    BOOST_TEST(pool->statistics().in_use == 0u);
}

BOOST_AUTO_TEST_CASE(a_slot_that_must_not_overflow_says_what_was_missing)
{
    slot<> memory(overflow::fail);
    void* const lent = memory.allocate(320);
    try
    {
        static_cast<void>(memory.allocate(400, 32));
        BOOST_ERROR("not thrown");
    }
    catch (slot_exhausted const& error)
    {
        BOOST_TEST(error.size_bytes() == 400u);
        BOOST_TEST(error.capacity_bytes() == 320u);
        BOOST_TEST(
            error.what() ==
            std::string("opslot: slot exhausted: 400 bytes (alignment 32) "
                        "requested from blocks of 320 and 128 bytes, 1 of "
                        "them in use"));
    }
    BOOST_TEST(memory.misses() == 1u);
    BOOST_TEST(memory.blocks_in_use() == 1u);
    memory.deallocate(lent, 320);
    memory.deallocate(memory.allocate(320), 320);
}

BOOST_AUTO_TEST_CASE(
    nothing_reaches_the_heap_after_warm_up, *where_allocations_are_seen())
{
    slot<> memory;
    auto const burst = [&memory] {
        std::array<void*, 100> blocks;
        for (std::size_t index = 0; index != blocks.size(); ++index)
            blocks[index] = memory.allocate(40 + 10 * index);
        for (std::size_t index = 0; index != blocks.size(); ++index)
            memory.deallocate(blocks[index], 40 + 10 * index);
    };
    burst();
    allocation_counter const heap(allocation_counter::scope::process);
    for (int round = 0; round != 10; ++round)
        burst();
    BOOST_TEST(heap.count() == 0u);
    BOOST_TEST(memory.misses() == 11 * 98u);
}

BOOST_AUTO_TEST_CASE(blocks_are_freed_on_other_threads)
{
    constexpr int rounds = 20000;
    slot<> memory;
    std::atomic<unsigned char*> handed_over{nullptr};
    std::atomic<bool> done{false};
    std::atomic<bool> intact{true};

    std::thread receiver([&] {
        for (;;)
        {
            bool const last = done;
            if (auto* const block = handed_over.exchange(nullptr))
            {
                if (block[0] != block[199])
                    intact = false;
                memory.deallocate(block, 200);
            }
            else if (last)
                return;
            else
                std::this_thread::yield();
        }
    });
    for (int round = 0; round != rounds; ++round)
    {
        auto* const block = static_cast<unsigned char*>(memory.allocate(200));
        block[0] = block[199] = static_cast<unsigned char>(round);
        if (auto* const not_taken = handed_over.exchange(block))
            memory.deallocate(not_taken, 200);
    }
    done = true;
    receiver.join();
    BOOST_TEST(intact);
    BOOST_TEST(memory.blocks_in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(a_block_is_never_lent_to_two_threads)
{
    constexpr int rounds = 20000;
    slot<> memory;
    std::atomic<bool> intact{true};
    auto const work = [&](unsigned char mark) {
        for (int round = 0; round != rounds; ++round)
        {
            std::size_t const bytes = round % 3 == 0 ? 128 : 300;
            auto* const block =
                static_cast<unsigned char*>(memory.allocate(bytes));
            std::memset(block, mark, bytes);
            if (round % 64 == 0)
                std::this_thread::yield();
            for (std::size_t index = 0; index != bytes; ++index)
                if (block[index] != mark)
                    intact = false;
            memory.deallocate(block, bytes);
        }
    };
    std::vector<std::thread> threads;
    for (unsigned char mark = 1; mark != 5; ++mark)
        threads.emplace_back(work, mark);

    // The figures may be read meanwhile.
    while (memory.high_water_bytes() != 300)
        std::this_thread::yield();
    BOOST_TEST(memory.blocks_in_use() <= 4u);
    for (std::thread& thread : threads)
        thread.join();
    BOOST_TEST(intact);
    BOOST_TEST(memory.blocks_in_use() == 0u);
    BOOST_TEST(memory.misses() <= 4u * rounds);
}

BOOST_AUTO_TEST_CASE(proper_use_does_not_end_the_program)
{
    BOOST_TEST(last_words([] {
                   slot<> memory;
                   memory.deallocate(memory.allocate(100), 100);
               }).empty());
}

BOOST_AUTO_TEST_CASE(a_slot_destroyed_while_it_lends_ends_the_program)
{
    for (std::size_t const bytes : {100u, 300u, 1000u})
    {
        std::string const words = last_words([bytes] {
            slot<> memory;
            static_cast<void>(memory.allocate(bytes));
        });
        BOOST_TEST(
            contains(words, "opslot: a slot is destroyed while 1 of its"),
            words << bytes);
    }
}

BOOST_AUTO_TEST_CASE(a_second_return_ends_the_program)
{
    for (std::size_t const bytes : {100u, 300u, 1000u})
    {
        std::string const words = last_words([bytes] {
            slot<> memory;
            void* const block = memory.allocate(bytes);
            memory.deallocate(block, bytes);
            memory.deallocate(block, bytes);
        });
        BOOST_TEST(contains(words, "has back already"), words << bytes);
    }
}

BOOST_AUTO_TEST_CASE(a_return_with_another_size_ends_the_program)
{
    for (std::size_t const bytes : {100u, 300u, 1000u})
    {
        std::string const words = last_words([bytes] {
            slot<> memory;
            memory.deallocate(memory.allocate(bytes), bytes + 1);
        });
        BOOST_TEST(
            contains(
                words,
                "a slot gets back a block of " + std::to_string(bytes + 1)),
            words << bytes);
    }
}

BOOST_AUTO_TEST_CASE(a_return_of_foreign_memory_ends_the_program)
{
    for (overflow const policy : {overflow::pool, overflow::fail})
        for (std::size_t const offset : {0u, 64u, 65u})
        {
            std::string const words = last_words([=] {
                slot<> memory(policy);
                auto const foreign = std::make_unique<char[]>(256);
                memory.deallocate(
                    offset ? foreign.get() + offset : nullptr, 100);
            });
            BOOST_TEST(contains(words, "not lent"), words << offset);
        }
}

BOOST_AUTO_TEST_CASE(a_return_to_another_slot_ends_the_program)
{
    for (std::size_t const bytes : {1000u, 100u})
    {
        std::string const words = last_words([bytes] {
            slot<> lender;
            slot<> other;
            other.deallocate(lender.allocate(bytes), bytes);
        });
        BOOST_TEST(contains(words, "not lent"), words << bytes);
    }
}

BOOST_AUTO_TEST_CASE(use_after_the_end_ends_the_program)
{
    alignas(slot<>) static std::byte storage[sizeof(slot<>)];
    slot_base* volatile late = nullptr;
    auto const end_a_slot = [&](std::size_t bytes) {
        auto* const memory = ::new (storage) slot<>;
        void* const block = memory->allocate(bytes);
        memory->deallocate(block, bytes);
        late = memory;
        memory->~slot();
        return block;
    };

    for (std::size_t const bytes : {100u, 300u})
    {
        std::string const words = last_words([&] {
            void* const block = end_a_slot(bytes);
            late->deallocate(block, bytes);
        });
        BOOST_TEST(contains(words, "outlives its slot"), words << bytes);
    }
    for (std::size_t const bytes : {100u, 300u, 1000u})
    {
        std::string const words = last_words([&] {
            end_a_slot(bytes);
            static_cast<void>(late->allocate(bytes));
        });
        BOOST_TEST(contains(words, "after its end"), words << bytes);
    }
}
