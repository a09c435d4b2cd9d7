// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How a stream ends, and what comes with its end.

#define BOOST_TEST_MODULE contract_stream_ends
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

#include "contract/receiver.hpp"
#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::receiver;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

} // namespace

// By the peer

// Model case 49.
BOOST_FIXTURE_TEST_CASE(the_end_of_the_stream_is_eof, connection)
{
    context rx;
    std::array<char, 4> storage;
    rx.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(rx);
    other.shutdown();
    finish(io, rx, result);
    BOOST_TEST(rx.error() == asio::error::eof);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    // It stays so, and sending goes on.
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == asio::error::eof);
    context tx;
    tx.buffer(asio::buffer(std::string_view("late")));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(other.read(4) == "late");
}

BOOST_FIXTURE_TEST_CASE(the_end_completes_each_outstanding_receive, connection)
{
    std::deque<context> receives(4);
    std::array<char, 4> storage;
    for (auto& rx : receives)
    {
        rx.buffer(asio::buffer(storage));
        BOOST_TEST((socket.start_receive(rx) == pending));
    }
    other.write("a");
    support::await(socket.native_handle());
    support::poll(io);
    other.close();
    support::run(io);
    BOOST_TEST(receives[0].error() == success);
    for (std::size_t i = 1; i != 4; ++i)
    {
        BOOST_TEST(receives[i].error() == asio::error::eof);
        BOOST_TEST(receives[i].calls == 1);
    }
}

BOOST_AUTO_TEST_CASE(data_with_the_end_is_received_before_it)
{
    for (bool const waits : {false, true})
    {
        connection c;
        context rx;
        std::array<char, 64> storage;
        rx.buffer(asio::buffer(storage));
        opslot::start_result result = completed;
        if (waits)
        {
            result = c.socket.start_receive(rx);
            BOOST_TEST((result == pending));
        }
        c.other.write("abc");
        c.other.close();
        if (!waits)
        {
            support::await(c.socket.native_handle());
            result = c.socket.start_receive(rx);
        }
        finish(c.io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 3u);
        finish(c.io, rx, c.socket.start_receive(rx));
        BOOST_TEST(rx.error() == asio::error::eof);
    }
}

BOOST_FIXTURE_TEST_CASE(an_end_behind_a_short_read_is_not_missed, connection)
{
    // The event of the data comes alone, then that of the end while the
    // socket is believed to be empty.
    context rx;
    other.write("abc");
    BOOST_TEST(contract::receive(*this, rx, 3) == "abc");
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    support::poll(io);
    other.write("de");
    other.shutdown();
    finish(io, rx, result);
    BOOST_TEST(rx.bytes_transferred() == 2u);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == asio::error::eof);
}

BOOST_AUTO_TEST_CASE(data_with_a_reset_is_received_or_the_reset_reported)
{
    for (bool const waits : {false, true})
    {
        connection c;
        context rx;
        std::array<char, 64> storage;
        rx.buffer(asio::buffer(storage));
        opslot::start_result result = completed;
        if (waits)
        {
            result = c.socket.start_receive(rx);
        }
        c.other.write("abc");
        c.other.reset();
        if (!waits)
        {
            support::await(c.socket.native_handle());
            result = c.socket.start_receive(rx);
        }
        finish(c.io, rx, result);
        if (!rx.error())
        {
            BOOST_TEST(rx.bytes_transferred() == 3u);
            finish(c.io, rx, c.socket.start_receive(rx));
        }
        BOOST_TEST(rx.error() == asio::error::connection_reset);
        BOOST_TEST(rx.bytes_transferred() == 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_reset_ends_a_send_that_waits, connection)
{
    shrink_buffers();
    context tx, behind;
    std::string const data = payload(4 << 20);
    tx.buffer(asio::buffer(data));
    behind.buffer(asio::buffer(data));
    auto const result = socket.start_send(tx);
    BOOST_TEST((result == pending));
    BOOST_TEST((socket.start_send(behind) == pending));
    other.reset();
    finish(io, tx, result);
    support::run(io);
    BOOST_TEST(
        (tx.error() == asio::error::connection_reset ||
         tx.error() == asio::error::broken_pipe));
    BOOST_TEST(tx.bytes_transferred() > 0u);
    BOOST_TEST(tx.bytes_transferred() < data.size());
    BOOST_TEST(behind.calls == 1);
    BOOST_TEST(behind.error() != success);
    BOOST_TEST(behind.bytes_transferred() == 0u);
}

// By closing

BOOST_FIXTURE_TEST_CASE(a_close_in_a_handler_ends_everything, connection)
{
    shrink_buffers();
    std::string const data = payload(4 << 20);
    receiver rx, more;
    context tx, wait;
    int tokens = 0;
    std::array<char, 1> storage;
    tx.buffer(asio::buffer(data));
    rx.completion_handler([&](stream_context&) {
        socket.close();
        BOOST_TEST(!socket.is_open());
        BOOST_TEST(more.calls + tx.calls + wait.calls + tokens == 0);
        // Nothing starts any more.
        receiver late;
        BOOST_TEST((socket.start_receive(late) == completed));
        BOOST_TEST(late.error() == asio::error::bad_descriptor);
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_receive(more) == pending));
    BOOST_TEST((socket.start_send(tx) == pending));
    BOOST_TEST((socket.start_wait(wait, tcp::socket::wait_error) == pending));
    socket.async_read_some(
        asio::buffer(storage), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == aborted);
            BOOST_TEST(n == 0u);
            ++tokens;
        });
    other.write("a");
    support::run(io);
    for (context const* const c : {static_cast<context*>(&more), &tx, &wait})
    {
        BOOST_TEST(c->calls == 1);
        BOOST_TEST(c->error() == aborted);
    }
    BOOST_TEST(tokens == 1);
    // The peer gets what was written, and the end.
    std::string const arrived = other.read_all();
    BOOST_TEST(arrived.size() >= tx.bytes_transferred());
    BOOST_TEST(arrived.size() < data.size());
    BOOST_TEST((data.compare(0, arrived.size(), arrived) == 0));
}

// Model cases 101 and 104.
BOOST_FIXTURE_TEST_CASE(
    a_closed_socket_is_silent_while_a_duplicate_lives, connection)
{
    receiver rx, more;
    context tx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_receive(more) == pending));
    support::poll(io);
    support::peer duplicate(::dup(socket.native_handle()));
    BOOST_REQUIRE(duplicate.native_handle() >= 0);
    socket.close();
    support::run(io);
    for (receiver const* const c : {&rx, &more})
    {
        BOOST_TEST(c->calls == 1);
        BOOST_TEST(c->error() == aborted);
    }

    // Another socket takes its place, most likely under the same number.
    auto next_other = support::connect_tcp(socket);
    BOOST_TEST((socket.start_receive(rx) == pending));
    support::poll(io);
    other.write("late");
    support::await(duplicate.native_handle());
    support::poll(io);
    BOOST_TEST(rx.is_pending());
    next_other.write("n");
    support::run(io);
    BOOST_TEST(rx.calls == 2);
    BOOST_TEST(rx.storage[0] == 'n');

    // The connection itself lives as long as the duplicate.
    BOOST_TEST(duplicate.read(4) == "late");
    duplicate.write("still there");
    BOOST_TEST(other.read(11) == "still there");
    duplicate.close();
    BOOST_TEST(other.read(1) == "");
}

// Urgent data within the stream

BOOST_FIXTURE_TEST_CASE(bytes_around_urgent_data_all_arrive, connection)
{
    context rx;
    std::array<char, 64> storage;
    rx.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    other.write("abc");
    other.write("!", MSG_OOB);
    other.write("defgh");
    BOOST_TEST(
        contract::receive(*this, rx, 8, result, storage.data()) == "abcdefgh");
    BOOST_TEST(rx.error() == success);
}

BOOST_FIXTURE_TEST_CASE(
    urgent_data_between_receives_strands_nothing, connection)
{
    context rx;
    std::array<char, 64> storage;
    rx.buffer(asio::buffer(storage));
    for (std::size_t round = 0; round != 50; ++round)
    {
        std::string const before(1 + round % 3, 'a');
        std::string const after(1 + round % 5, 'b');
        auto const result = socket.start_receive(rx);
        other.write(before);
        other.write("!", MSG_OOB);
        other.write(after);
        std::string const expected = before + after;
        BOOST_REQUIRE(
            contract::receive(
                *this, rx, expected.size(), result, storage.data()) ==
            expected);
        BOOST_REQUIRE(rx.error() == success);
    }
}
