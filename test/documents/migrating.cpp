// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The code blocks of doc/migrating.adoc, compiled and run; pages.cpp compares.

#include <opslot/slotted_tcp.hpp>

#define BOOST_TEST_MODULE docs_migrating
#include <opslot/bind_slot.hpp>
#include <opslot/slot.hpp>
#include <opslot/slotted.hpp>
#include <opslot/slotted_timer.hpp>
#include <opslot/tcp.hpp>
#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "support/connected.hpp"
#include "support/heap.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

//[types
using tcp = opslot::slotted_tcp;                   // asio::ip::tcp
using steady_timer = opslot::slotted_steady_timer; // asio::steady_timer
using descriptor = opslot::slotted<asio::posix::stream_descriptor>;
//]

//[concrete
using io_executor = asio::io_context::executor_type;
using fast_socket = tcp::socket::rebind_executor<io_executor>::other;
//]

static_assert(std::is_base_of_v<asio::posix::stream_descriptor, descriptor>);
static_assert(std::is_base_of_v<asio::steady_timer, steady_timer>);

// An application in small: a message goes, and comes.
template<class Socket>
bool exchange(asio::io_context& io, support::connected<Socket>& pair)
{
    std::array<char, 5> storage{};
    bool done = false;
    asio::async_write(
        pair.first, asio::buffer("hello", 5), [](error_code, std::size_t) {});
    asio::async_read(
        pair.second, asio::buffer(storage), [&](error_code, std::size_t n) {
            done = n == 5;
        });
    return support::run_quietly(io) && done;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_types_are_those_of_asio_with_slots)
{
    asio::io_context io;
    support::connected<tcp::socket> pair(io.get_executor());
    BOOST_TEST(exchange(io, pair));
    support::connected<fast_socket> fast_pair(io.get_executor());
    BOOST_TEST(exchange(io, fast_pair));
}

BOOST_AUTO_TEST_CASE(a_slot_is_bound_where_there_is_no_object)
{
    int calls = 0;
    auto const done = [&] { ++calls; };
    //[bind_slot
    opslot::slot<> slot; // outlives the io_context
    asio::io_context io;
    asio::post(io, opslot::bind_slot(slot, done));
    //]
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(slot.high_water_bytes() > 0u);
}

BOOST_AUTO_TEST_CASE(the_right_size_can_be_read)
{
    opslot::slot<> slot;
    asio::io_context io;
    std::array<char, 500> cargo{};
    asio::post(io, opslot::bind_slot(slot, [cargo] { (void)cargo; }));
    support::run(io);
    //[size
    if (slot.misses() != 0)
        BOOST_TEST_MESSAGE("slot<" << slot.high_water_bytes() << "> would do");
    //]
    BOOST_TEST(slot.misses() != 0u);
    BOOST_TEST(slot.high_water_bytes() >= 500u);
}

BOOST_AUTO_TEST_CASE(
    a_test_of_a_user_counts, *support::where_allocations_are_seen())
{
    asio::io_context io;
    support::connected<tcp::socket> pair(io.get_executor());
    auto const one_round = [&] { return exchange(io, pair); };
    //[count
    using opslot::testing::allocation_counter;
    bool ok = one_round(); // what is made once, is made here
    allocation_counter const heap(allocation_counter::scope::process);
    for (int i = 0; i != 100; ++i)
        ok = one_round() && ok;
    BOOST_TEST(heap.count() == 0u);
    //]
    BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(a_connection_goes_to_a_context_and_back)
{
    asio::io_context io;
    support::connected<tcp::socket> pair(io.get_executor());
    tcp::socket& socket = pair.first;

    int calls = 0;
    auto const sent = [&](opslot::stream_context&) { ++calls; };
    //[to_context
    opslot::tcp::socket hot(std::move(socket));
    opslot::stream_context tx;
    tx.completion_handler(sent);
    tx.buffer(asio::buffer("hello", 5));
    if (hot.start_send(tx) == opslot::completed)
        sent(tx);
    //]
    std::array<char, 5> storage{};
    asio::async_read(
        pair.second, asio::buffer(storage), [](error_code, std::size_t) {});
    support::run(io);
    BOOST_TEST((std::string_view(storage.data(), 5) == "hello"));
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(calls == 1);

    //[to_asio
    socket = hot.to_asio();
    //]
    BOOST_TEST(exchange(io, pair));
}

BOOST_AUTO_TEST_CASE(a_slotted_object_is_an_object_of_asio)
{
    asio::io_context io;
    support::connected<tcp::socket> pair(io.get_executor());
    tcp::socket& slotted = pair.first;
    //[to_plain
    asio::ip::tcp::socket plain(std::move(slotted));
    //]
    BOOST_TEST(plain.is_open());
    slotted = std::move(plain);
    BOOST_TEST(exchange(io, pair));
}
