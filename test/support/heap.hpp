#ifndef OPSLOT_TEST_SUPPORT_HEAP_HPP
#define OPSLOT_TEST_SUPPORT_HEAP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>
#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>

#include "support/peer.hpp"
#include "support/run.hpp"

namespace support {

/// A condition for cases that count: where the heap is out of sight, they are
/// reported as skipped.
inline auto where_allocations_are_seen()
{
    return boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
        boost::test_tools::assertion_result seen(
            opslot::testing::allocation_counter::available());
        seen.message() << "the heap is out of sight";
        return seen;
    });
}

/// Runs until nothing is pending, without a word to the test framework, which
/// allocates. Returns false if that takes too long.
///
/// It runs one handler at a time, with a new state of Asio's thread for each,
/// so that memory which Asio keeps there is no help.
inline bool run_quietly(boost::asio::io_context& io)
{
    if (io.stopped())
    {
        io.restart();
    }
    io.run_for(patience);
    return io.stopped();
}

/// Checks that rounds after the first ones take nothing from the heap, in any
/// thread. A round returns whether it did what it should, and says nothing to
/// the test framework.
template<typename Round>
void expect_no_allocations(Round round, int warm_up = 8, int counted = 32)
{
    using opslot::testing::allocation_counter;
    bool ok = true;
    for (int i = 0; ok && i != warm_up; ++i)
    {
        ok = round();
    }
    BOOST_REQUIRE_MESSAGE(ok, "a round of the warm-up failed");
    allocation_counter const heap(allocation_counter::scope::process);
    for (int i = 0; ok && i != counted; ++i)
    {
        ok = round();
    }
    std::uint64_t const count = heap.count();
    std::uint64_t const bytes = heap.bytes();
    BOOST_TEST(ok, "a round failed");
    BOOST_TEST(
        count == 0u,
        count << " allocations of " << bytes << " bytes in " << counted
              << " rounds");
}

/// Both ends of a TCP connection, in one context.
struct socket_pair
{
    opslot::tcp::socket first;
    opslot::tcp::socket second;

    template<typename Executor>
    explicit socket_pair(Executor const& executor)
        : first(executor)
        , second(executor)
    {
        peer other = connect_tcp(first);
        second.assign(boost::asio::ip::tcp::v4(), other.release());
        boost::asio::ip::tcp::no_delay const at_once(true);
        first.set_option(at_once);
        second.set_option(at_once);
    }
};

} // namespace support

#endif
