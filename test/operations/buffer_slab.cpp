// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/buffer_slab.hpp>
#include <opslot/context_pool.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE operations_buffer_slab
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using opslot::buffer_slab;
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

// Whether `f` fails with this code, and says so in words of its own.
template<typename Function>
bool fails_with(error_code const& expected, char const* words, Function f)
{
    try
    {
        f();
    }
    catch (system_error const& e)
    {
        return e.code() == expected &&
               std::string(e.what()).find(words) != std::string::npos;
    }
    return false;
}

std::uintptr_t address(asio::mutable_buffer const& buffer)
{
    return reinterpret_cast<std::uintptr_t>(buffer.data());
}

} // namespace

BOOST_AUTO_TEST_CASE(buffers_without_a_size_are_refused)
{
    BOOST_TEST(fails_with(
        asio::error::invalid_argument, "no size", [] { buffer_slab(0, 4); }));
}

BOOST_AUTO_TEST_CASE(an_alignment_that_is_no_power_of_two_is_refused)
{
    for (std::size_t const alignment : {0u, 3u, 48u})
    {
        BOOST_TEST(fails_with(asio::error::invalid_argument, "alignment", [&] {
            buffer_slab(16, 4, alignment);
        }));
    }
}

// A sanitizer ends the program where a heap would refuse.
BOOST_AUTO_TEST_CASE(
    a_size_that_no_heap_has_is_refused, *where_allocations_are_seen())
{
    std::size_t const most = (std::numeric_limits<std::size_t>::max)();
    BOOST_CHECK_THROW(buffer_slab(most, 1), std::bad_alloc);
    BOOST_CHECK_THROW(buffer_slab(1, most), std::bad_alloc);
    BOOST_CHECK_THROW(buffer_slab(most / 4, 8), std::bad_alloc);
    BOOST_CHECK_THROW(buffer_slab(1, 1, most / 2 + 1), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(buffers_are_aligned_and_do_not_overlap)
{
    for (std::size_t const alignment :
         {std::size_t(1),
          buffer_slab::cache_line_alignment,
          buffer_slab::page_alignment})
    {
        buffer_slab slab(100, 5, alignment);
        BOOST_TEST(slab.size() == 5u);
        BOOST_TEST(slab.buffer_size() == 100u);
        for (std::size_t i = 0; i != slab.size(); ++i)
        {
            BOOST_TEST(slab[i].size() == 100u);
            BOOST_TEST(address(slab[i]) % alignment == 0u);
            std::memset(slab[i].data(), static_cast<int>(i), 100);
        }
        for (std::size_t i = 0; i != slab.size(); ++i)
        {
            std::string const expected(100, static_cast<char>(i));
            BOOST_TEST(std::memcmp(slab[i].data(), expected.data(), 100) == 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(buffers_are_contiguous)
{
    buffer_slab slab(64, 3);
    BOOST_TEST(address(slab[1]) == address(slab[0]) + 64);
    BOOST_TEST(address(slab[2]) == address(slab[0]) + 128);
}

BOOST_AUTO_TEST_CASE(a_number_beyond_the_last_buffer_is_refused)
{
    buffer_slab const slab(64, 3);
    BOOST_TEST(fails_with(opslot::error::out_of_range, "no such", [&] {
        static_cast<void>(slab[3]);
    }));
}

BOOST_AUTO_TEST_CASE(an_empty_slab_lends_nothing_out)
{
    buffer_slab slab(64, 0);
    BOOST_TEST(slab.try_acquire().size() == 0u);
    int elsewhere = 0;
    error_code ec;
    slab.release(asio::buffer(&elsewhere, sizeof(elsewhere)), ec);
    BOOST_TEST(ec == asio::error::fault);
}

BOOST_AUTO_TEST_CASE(every_buffer_is_lent_out_once)
{
    buffer_slab slab(64, 100);
    std::set<std::uintptr_t> addresses;
    for (std::size_t i = 0; i != slab.size(); ++i)
    {
        addresses.insert(address(slab.acquire()));
    }
    BOOST_TEST(addresses.size() == 100u);

    BOOST_TEST(slab.try_acquire().data() == nullptr);
    BOOST_TEST(fails_with(asio::error::no_buffer_space, "left", [&] {
        static_cast<void>(slab.acquire());
    }));
    BOOST_TEST(slab.statistics().in_use == 100u);
    BOOST_TEST(slab.statistics().peak == 100u);
    BOOST_TEST(slab.statistics().refusals == 2u);
}

BOOST_AUTO_TEST_CASE(the_buffer_released_last_is_lent_out_next)
{
    buffer_slab slab(64, 3);
    auto const first = slab.acquire();
    auto const second = slab.acquire();
    slab.release(first);
    slab.release(second);
    BOOST_TEST(slab.statistics().in_use == 0u);
    BOOST_TEST(slab.acquire().data() == second.data());
    BOOST_TEST(slab.acquire().data() == first.data());
    BOOST_TEST(slab.statistics().peak == 2u);
}

BOOST_AUTO_TEST_CASE(a_shortened_buffer_is_taken_back)
{
    buffer_slab slab(64, 1);
    slab.release(asio::buffer(slab.acquire(), 10));
    BOOST_TEST(slab.acquire().size() == 64u);
}

BOOST_AUTO_TEST_CASE(a_foreign_buffer_is_refused_and_changes_nothing)
{
    buffer_slab slab(64, 4);
    buffer_slab other(64, 4);
    auto const lent = slab.acquire();
    std::array<asio::mutable_buffer, 6> const foreign = {
        {asio::mutable_buffer(),
         other.acquire(),
         lent + 1,
         {static_cast<char*>(lent.data()) - 64, 64},
         {static_cast<char*>(slab[3].data()) + 64, 64},
         {lent.data(), 65}}};
    for (auto const& buffer : foreign)
    {
        BOOST_TEST(fails_with(
            asio::error::fault, "not one of", [&] { slab.release(buffer); }));
    }
    BOOST_TEST(slab.statistics().in_use == 1u);
}

BOOST_AUTO_TEST_CASE(a_second_release_is_refused_and_changes_nothing)
{
    buffer_slab slab(64, 2);
    auto const lent = slab.acquire();
    auto const never = slab[1];
    slab.release(lent);
    for (auto const& buffer : {lent, never})
    {
        BOOST_TEST(fails_with(asio::error::invalid_argument, "not lent", [&] {
            slab.release(buffer);
        }));
    }
    BOOST_TEST(slab.statistics().in_use == 0u);
    BOOST_TEST(slab.acquire().data() != slab.acquire().data());
}

BOOST_AUTO_TEST_CASE(an_error_code_tells_of_success_too)
{
    buffer_slab slab(64, 1);
    error_code ec = asio::error::fault;
    slab.release(slab.acquire(), ec);
    BOOST_TEST(!ec);
}

BOOST_AUTO_TEST_CASE(lending_out_needs_no_heap, *where_allocations_are_seen())
{
    allocation_counter const construction;
    buffer_slab slab(4096, 16, buffer_slab::page_alignment);
    BOOST_TEST(construction.count() == 2u);

    allocation_counter const heap;
    for (int round = 0; round != 100; ++round)
    {
        slab.release(slab.acquire());
        static_cast<void>(slab.statistics());
    }
    BOOST_TEST(heap.count() == 0u);
}

BOOST_AUTO_TEST_CASE(threads_never_share_a_buffer)
{
    buffer_slab slab(64, 3);
    std::atomic<bool> intact{true};
    auto const work = [&](char name) {
        for (int round = 0; round != 20000; ++round)
        {
            auto const buffer = slab.try_acquire();
            if (!buffer.data())
            {
                continue;
            }
            auto* const bytes = static_cast<char volatile*>(buffer.data());
            bytes[0] = name;
            bytes[63] = name;
            if (bytes[0] != name || bytes[63] != name)
            {
                intact = false;
            }
            slab.release(buffer);
        }
    };
    std::vector<std::thread> threads;
    for (char const name : {'a', 'b', 'c', 'd'})
    {
        threads.emplace_back(work, name);
    }
    for (std::thread& thread : threads)
    {
        thread.join();
    }
    BOOST_TEST(intact);
    BOOST_TEST(slab.statistics().in_use == 0u);
}

BOOST_AUTO_TEST_CASE(each_context_of_a_pool_has_its_buffer)
{
    asio::io_context io;
    //[pool
    opslot::buffer_slab slab(4096, 64);
    opslot::context_pool<opslot::stream_context> contexts(
        io,
        {8, slab.size()},
        [&slab](opslot::stream_context& context, std::size_t index) {
            context.buffer(slab[index]);
        });
    //]
    std::set<void*> addresses;
    std::vector<opslot::context_ptr<opslot::stream_context>> acquired;
    while (auto context = contexts.try_acquire())
    {
        BOOST_TEST(context->buffer().size() == 4096u);
        addresses.insert(context->buffer().data());
        acquired.push_back(context);
    }
    BOOST_TEST(addresses.size() == 64u);

    // A context that takes the place of a disposed one has its buffer.
    void* const data = acquired.back()->buffer().data();
    acquired.back()->dispose();
    acquired.pop_back();
    BOOST_TEST(contexts.try_acquire()->buffer().data() == data);
}
