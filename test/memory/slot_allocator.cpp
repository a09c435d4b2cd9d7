// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slot_allocator.hpp>

#define BOOST_TEST_MODULE memory_slot_allocator
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace {

namespace asio = boost::asio;
using opslot::overflow;
using opslot::slot;
using opslot::slot_allocator;

// As in the documentation of slot_allocator.
struct wait_handler
{
    using allocator_type = slot_allocator<void>;

    allocator_type get_allocator() const noexcept { return allocator; }

    void operator()(boost::system::error_code error) { *succeeded = !error; }

    allocator_type allocator;
    bool* succeeded;
};

static_assert(std::is_same_v<
              std::allocator_traits<slot_allocator<void>>::rebind_alloc<int>,
              slot_allocator<int>>);
static_assert(std::is_nothrow_copy_constructible_v<slot_allocator<int>>);
static_assert(sizeof(slot_allocator<int>) == sizeof(void*));

} // namespace

BOOST_AUTO_TEST_CASE(allocators_of_one_slot_are_equal)
{
    slot<> memory;
    slot<> elsewhere;
    slot_allocator<int> const ints(memory);
    slot_allocator<void> const nothing(ints);
    BOOST_TEST((ints == nothing));
    BOOST_TEST(!(ints != nothing));
    BOOST_TEST((ints != slot_allocator<int>(elsewhere)));
    BOOST_TEST(&nothing.slot() == &memory);
}

BOOST_AUTO_TEST_CASE(containers_take_their_memory_from_the_slot)
{
    slot<> memory(overflow::fail);
    {
        std::vector<int, slot_allocator<int>> numbers(
            80, 7, slot_allocator<int>(memory));
        BOOST_TEST(memory.blocks_in_use() == 1u);
        BOOST_TEST(memory.high_water_bytes() == 80 * sizeof(int));
        BOOST_CHECK_THROW(numbers.push_back(8), opslot::slot_exhausted);
        BOOST_TEST(numbers.size() == 80u);
    }
    BOOST_TEST(memory.blocks_in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(the_alignment_of_the_type_is_respected)
{
    struct alignas(128) wide
    {
        int number;
    };

    slot<> memory;
    slot_allocator<wide> allocator(memory);
    wide* const object = allocator.allocate(1);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(object) % 128 == 0u);
    allocator.deallocate(object, 1);
}

BOOST_AUTO_TEST_CASE(a_size_that_cannot_be_counted_is_refused)
{
    slot<> memory;
    slot_allocator<std::uint64_t> allocator(memory);
    std::size_t volatile too_many =
        (std::numeric_limits<std::size_t>::max)() / 8 + 2;
    BOOST_CHECK_THROW(
        static_cast<void>(allocator.allocate(too_many)),
        std::bad_array_new_length);
    BOOST_TEST(memory.high_water_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(an_operation_takes_its_memory_from_the_slot)
{
    slot<> memory(overflow::fail);
    asio::io_context io;
    asio::steady_timer timer(io);
    timer.expires_at(asio::steady_timer::time_point::min());
    bool succeeded = false;
    timer.async_wait(wait_handler{slot_allocator<void>(memory), &succeeded});
    BOOST_TEST(memory.blocks_in_use() == 1u);
    io.run();
    BOOST_TEST(succeeded);
    BOOST_TEST(memory.blocks_in_use() == 0u);
}
