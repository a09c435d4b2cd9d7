// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What completes inside the call that starts it. The numbers are those of the
// behavioural cases in doc/saea.adoc.

#define BOOST_TEST_MODULE saea_synchronous
#include <opslot/connect_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;

// What can be finished at once is; only the portable engine need not do so.
#if defined(OPSLOT_ENGINE_PORTABLE)
constexpr bool may_wait = true;
#else
constexpr bool may_wait = false;
#endif

} // namespace

// Model case 26.
BOOST_FIXTURE_TEST_CASE(
    a_receive_of_what_is_there_has_its_result_or_calls, connection)
{
    context rx;
    std::array<char, 3> storage;
    rx.buffer(asio::buffer(storage));
    other.write("abcdefghi");
    support::await(socket.native_handle());
    std::string text;
    for (int i = 0; i != 3; ++i)
    {
        auto const result = socket.start_receive(rx);
        BOOST_TEST((result == completed || may_wait));
        finish(io, rx, result);
        BOOST_TEST(rx.error() == success);
        text.append(storage.data(), rx.bytes_transferred());
    }
    BOOST_TEST(text == "abcdefghi");
}

// Model case 30.
BOOST_AUTO_TEST_CASE(no_error_of_the_system_is_thrown)
{
    asio::io_context io;
    tcp::socket closed(io), lonely(io, tcp::v4());
    tcp::acceptor deaf(io, tcp::v4());
    context c;
    support::counted<tcp::accept_context> a;
    support::counted<opslot::connect_context> out;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    // TCP connects to no address of everybody.
    out.endpoint(tcp::endpoint(asio::ip::address_v4::broadcast(), 1));
    for (tcp::socket* const s : {&closed, &lonely})
    {
        finish(io, c, s->start_receive(c));
        BOOST_TEST(c.error() != success);
        finish(io, c, s->start_send(c));
        BOOST_TEST(c.error() != success);
        BOOST_TEST(c.bytes_transferred() == 0u);
    }
    finish(io, a, deaf.start_accept(a));
    BOOST_TEST(a.error() != success);
    finish(io, out, closed.start_connect(out));
    BOOST_TEST(out.error() != success);
}

// Model case 28.
BOOST_AUTO_TEST_CASE(no_handler_runs_inside_of_another)
{
    // Each handler goes on with the next receive, and what completes at once
    // goes on in its loop: the stack has one handler at any time.
    constexpr std::size_t rounds = 50000;
    connection c;
    stream_context rx;
    std::array<char, 1> storage;
    std::size_t received = 0;
    int depth = 0, deepest = 0;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([&](stream_context&) {
        deepest = std::max(deepest, ++depth);
        do
        {
            received += rx.bytes_transferred();
        } while (!rx.error() && received != rounds &&
                 c.socket.start_receive(rx) == completed);
        --depth;
    });
    support::background const writer(
        [&] { c.other.write(std::string(rounds, 'x')); });
    c.socket.async_receive(rx);
    support::run(c.io);
    BOOST_TEST(received == rounds);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(deepest == 1);
}

// Model case 27.
BOOST_FIXTURE_TEST_CASE(
    what_completed_at_once_may_be_started_again_at_once, connection)
{
    // Sends whose results are taken in the call never call, and those that go
    // pending call once, whichever way the engine decides each time.
    shrink_buffers();
    std::string const data = support::payload(3000);
    constexpr int rounds = 500;
    context tx;
    tx.buffer(asio::buffer(data));
    int at_once = 0;
    std::string arrived;
    support::background reader(
        [&] { arrived = other.read(rounds * data.size()); });
    for (int i = 0; i != rounds; ++i)
    {
        auto const result = socket.start_send(tx);
        at_once += result == completed;
        if (result == pending)
        {
            support::run_until(io, [&] { return !tx.is_pending(); });
        }
        BOOST_REQUIRE(tx.error() == success);
        BOOST_REQUIRE(tx.bytes_transferred() == data.size());
    }
    reader.join();
    support::run(io);
    BOOST_TEST(tx.calls == rounds - at_once);
    BOOST_TEST((at_once != 0 || may_wait));
    std::string expected;
    for (int i = 0; i != rounds; ++i)
    {
        expected += data;
    }
    BOOST_TEST((arrived == expected));
}
