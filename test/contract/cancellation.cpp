// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How operations are cancelled: one by one, with their socket, by slots.

#define BOOST_TEST_MODULE contract_cancellation
#include <opslot/accept_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <thread>

#include "contract/receiver.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::receiver;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;
using cancel = asio::cancellation_type;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

// What a token form has told its handler.
struct result
{
    int calls = 0;
    error_code error;
    std::size_t bytes = 0;

    auto handler()
    {
        return [this](error_code ec, std::size_t n) {
            ++calls;
            error = ec;
            bytes = n;
        };
    }
};

} // namespace

// One context

// Model case 63.
BOOST_FIXTURE_TEST_CASE(cancelling_an_idle_context_does_nothing, connection)
{
    receiver rx;
    BOOST_TEST(!rx.cancel());
    other.write("a");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(!rx.cancel());
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_receive_has_consumed_nothing, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST(rx.cancel());
    BOOST_TEST(rx.calls == 0);
    BOOST_TEST(!rx.cancel());
    other.write("a");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == aborted);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.storage[0] == 'a');
}

BOOST_FIXTURE_TEST_CASE(cancelling_one_leaves_the_others_alone, connection)
{
    std::deque<receiver> receives(3);
    context tx;
    for (auto& rx : receives)
    {
        BOOST_TEST((socket.start_receive(rx) == pending));
    }
    BOOST_TEST(receives[1].cancel());
    support::poll(io);
    BOOST_TEST(receives[1].calls == 1);
    BOOST_TEST(receives[0].is_pending());
    BOOST_TEST(receives[2].is_pending());
    other.write("ab");
    support::run(io);
    BOOST_TEST(receives[0].storage[0] == 'a');
    BOOST_TEST(receives[2].storage[0] == 'b');
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_receive_of_more_keeps_what_came, connection)
{
    context rx;
    std::array<char, 10> storage;
    rx.buffer(asio::buffer(storage));
    rx.at_least(10);
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("abc");
    support::await(socket.native_handle());
    support::poll(io);
    BOOST_TEST(rx.cancel());
    support::run(io);
    BOOST_TEST(rx.error() == aborted);
    std::size_t const taken = rx.bytes_transferred();
    BOOST_TEST(taken <= 3u);
    other.write("d");
    rx.at_least(4 - taken);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.bytes_transferred() == 4 - taken);
    BOOST_TEST(storage[3 - taken] == 'd');
}

BOOST_FIXTURE_TEST_CASE(cancelling_in_the_stack_of_a_handler_works, connection)
{
    receiver first, second;
    bool was_pending = false;
    first.completion_handler([&](stream_context&) {
        was_pending = second.cancel();
        BOOST_TEST(second.calls == 0);
    });
    BOOST_TEST((socket.start_receive(first) == pending));
    BOOST_TEST((socket.start_receive(second) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(was_pending);
    BOOST_TEST(second.calls == 1);
    BOOST_TEST(second.error() == aborted);
}

BOOST_FIXTURE_TEST_CASE(a_wait_and_an_accept_are_cancelled, connection)
{
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    support::counted<tcp::accept_context> accept;
    context wait;
    BOOST_TEST((acceptor.start_accept(accept) == pending));
    BOOST_TEST((socket.start_wait(wait, tcp::socket::wait_read) == pending));
    BOOST_TEST(accept.cancel());
    BOOST_TEST(wait.cancel());
    support::run(io);
    BOOST_TEST(accept.error() == aborted);
    BOOST_TEST(!accept.has_socket());
    BOOST_TEST(wait.error() == aborted);
}

// A whole socket

// Model case 57.
BOOST_AUTO_TEST_CASE(a_socket_ends_each_operation_once)
{
    for (bool const closes : {false, true})
    {
        connection c;
        c.shrink_buffers();
        std::string const data = payload(8 << 20);
        std::deque<receiver> receives(5);
        std::deque<context> sends(3);
        context wait;
        result token;
        std::array<char, 1> storage;
        for (auto& rx : receives)
        {
            BOOST_TEST((c.socket.start_receive(rx) == pending));
        }
        for (auto& tx : sends)
        {
            tx.buffer(asio::buffer(data));
            BOOST_TEST((c.socket.start_send(tx) == pending));
        }
        BOOST_TEST(
            (c.socket.start_wait(wait, tcp::socket::wait_error) == pending));
        c.socket.async_read_some(asio::buffer(storage), token.handler());
        if (closes)
        {
            c.socket.close();
            c.socket.close();
        }
        else
        {
            c.socket.cancel();
        }
        BOOST_TEST(receives[0].calls == 0);
        support::run(c.io);
        for (auto const& rx : receives)
        {
            BOOST_TEST(rx.calls == 1);
            BOOST_TEST(rx.error() == aborted);
        }
        for (auto const& tx : sends)
        {
            BOOST_TEST(tx.calls == 1);
            BOOST_TEST(tx.error() == aborted);
        }
        BOOST_TEST(sends[0].bytes_transferred() > 0u);
        BOOST_TEST(sends[1].bytes_transferred() == 0u);
        BOOST_TEST(wait.calls == 1);
        BOOST_TEST(token.calls == 1);
        BOOST_TEST(token.error == aborted);
        BOOST_TEST(c.socket.is_open() == !closes);
    }
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_socket_goes_on, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    socket.cancel();
    support::run(io);
    BOOST_TEST(rx.error() == aborted);
    other.write("a");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
}

BOOST_AUTO_TEST_CASE(cancelling_a_closed_socket_reports_it)
{
    asio::io_context io;
    tcp::socket socket(io);
    error_code ec;
    socket.cancel(ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec = {};
    socket.close(ec);
    BOOST_TEST(ec == success);
}

// Sends

BOOST_FIXTURE_TEST_CASE(
    cancelling_a_partly_written_send_ends_those_behind_it, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    std::deque<context> sends(3);
    for (auto& tx : sends)
    {
        tx.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(tx) == pending));
    }
    BOOST_TEST(sends[0].cancel());
    support::run(io);
    BOOST_TEST(sends[0].error() == aborted);
    BOOST_TEST(sends[0].bytes_transferred() > 0u);
    for (std::size_t i = 1; i != 3; ++i)
    {
        BOOST_TEST(sends[i].calls == 1);
        BOOST_TEST(sends[i].error() == aborted);
        BOOST_TEST(sends[i].bytes_transferred() == 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(cancelling_an_untouched_send_ends_only_it, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    std::deque<context> sends(3);
    for (auto& tx : sends)
    {
        tx.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(tx) == pending));
    }
    BOOST_TEST(sends[1].cancel());
    std::string arrived;
    support::background reader([&] { arrived = other.read(2 * data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(sends[0].error() == success);
    BOOST_TEST(sends[1].error() == aborted);
    BOOST_TEST(sends[1].bytes_transferred() == 0u);
    BOOST_TEST(sends[2].error() == success);
    BOOST_TEST((arrived == data + data));
}

// Cancellation slots

BOOST_AUTO_TEST_CASE(receives_and_waits_honour_every_type_of_cancellation)
{
    for (auto const type : {cancel::terminal, cancel::partial, cancel::total})
    {
        connection c;
        tcp::acceptor acceptor(c.io, {asio::ip::address_v4::loopback(), 0});
        asio::cancellation_signal receive, on_context, wait, accept;
        receiver rx;
        result plain, with_context;
        error_code waited, accepted;
        int calls = 0;
        std::array<char, 1> storage;
        c.socket.async_read_some(
            asio::buffer(storage),
            asio::bind_cancellation_slot(receive.slot(), plain.handler()));
        c.socket.async_receive(
            rx,
            asio::bind_cancellation_slot(
                on_context.slot(), with_context.handler()));
        c.socket.async_wait(
            tcp::socket::wait_error,
            asio::bind_cancellation_slot(wait.slot(), [&](error_code ec) {
                waited = ec;
                ++calls;
            }));
        acceptor.async_accept(asio::bind_cancellation_slot(
            accept.slot(), [&](error_code ec, tcp::socket s) {
                BOOST_TEST(!s.is_open());
                accepted = ec;
                ++calls;
            }));
        support::poll(c.io);
        for (auto* signal : {&receive, &on_context, &wait, &accept})
        {
            signal->emit(cancel::none);
        }
        support::poll(c.io);
        BOOST_TEST(plain.calls + with_context.calls + calls == 0);
        for (auto* signal : {&receive, &on_context, &wait, &accept})
        {
            signal->emit(type);
        }
        support::run(c.io);
        BOOST_TEST(plain.calls == 1);
        BOOST_TEST(plain.error == aborted);
        BOOST_TEST(with_context.calls == 1);
        BOOST_TEST(with_context.error == aborted);
        BOOST_TEST(calls == 2);
        BOOST_TEST(waited == aborted);
        BOOST_TEST(accepted == aborted);
        // Emitted again, a signal finds nothing.
        receiver next;
        BOOST_TEST((c.socket.start_receive(next) == pending));
        receive.emit(type);
        on_context.emit(type);
        support::poll(c.io);
        BOOST_TEST(next.is_pending());
        next.cancel();
        support::run(c.io);
    }
}

BOOST_FIXTURE_TEST_CASE(a_written_send_is_not_cancelled_in_total, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    context tx, behind;
    tx.buffer(asio::buffer(data));
    behind.buffer(asio::buffer(data));
    asio::cancellation_signal first, second;
    result sent, untouched;
    socket.async_send(
        tx, asio::bind_cancellation_slot(first.slot(), sent.handler()));
    socket.async_send(
        behind,
        asio::bind_cancellation_slot(second.slot(), untouched.handler()));
    support::poll(io);
    first.emit(cancel::total);
    second.emit(cancel::total);
    support::poll(io);
    BOOST_TEST(sent.calls == 0);
    BOOST_TEST(untouched.calls == 1);
    BOOST_TEST(untouched.error == aborted);
    first.emit(cancel::partial);
    support::run(io);
    BOOST_TEST(sent.calls == 1);
    BOOST_TEST(sent.error == aborted);
    BOOST_TEST(sent.bytes > 0u);
    BOOST_TEST(sent.bytes < data.size());
}

BOOST_FIXTURE_TEST_CASE(a_token_write_is_cancelled_while_it_waits, connection)
{
    shrink_buffers();
    std::string const block = payload(65536);
    socket.non_blocking(true);
    error_code ec;
    while (!ec)
    {
        socket.write_some(asio::buffer(block), ec);
    }
    asio::cancellation_signal signal;
    result sent;
    socket.async_write_some(
        asio::buffer(block),
        asio::bind_cancellation_slot(signal.slot(), sent.handler()));
    support::poll(io);
    BOOST_TEST(sent.calls == 0);
    signal.emit(cancel::total);
    support::run(io);
    BOOST_TEST(sent.calls == 1);
    BOOST_TEST(sent.error == aborted);
    BOOST_TEST(sent.bytes == 0u);
}

// From other threads

BOOST_FIXTURE_TEST_CASE(a_foreign_thread_may_cancel_at_any_time, connection)
{
    receiver rx;
    std::atomic<bool> ends{false}, ended{false};
    int calls = 0;
    int cancelled = 0;
    rx.completion_handler([&](stream_context& c) {
        ++calls;
        if (ends)
        {
            ended = true;
        }
        else
        {
            socket.async_receive(c);
        }
    });
    socket.async_receive(rx);
    support::background canceller([&] {
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        while (!ended && std::chrono::steady_clock::now() < limit)
        {
            cancelled += rx.cancel();
            ends = cancelled >= 500;
            std::this_thread::yield();
        }
    });
    support::run(io);
    canceller.join();
    // Each call that said so has ended one operation.
    BOOST_TEST(cancelled >= 500);
    BOOST_TEST(calls == cancelled);
    BOOST_TEST(rx.error() == aborted);
    BOOST_TEST(!rx.is_pending());
}

BOOST_FIXTURE_TEST_CASE(cancel_and_completion_agree_on_the_result, connection)
{
    // Exactly one of the two ends each operation.
    for (int i = 0; i != 200; ++i)
    {
        receiver rx;
        BOOST_REQUIRE((socket.start_receive(rx) == pending));
        bool by_cancel = false;
        {
            support::background const canceller(
                [&] { by_cancel = rx.cancel(); });
            other.write("a");
            support::run_until(io, [&] { return rx.calls == 1; });
        }
        BOOST_TEST((rx.error() == aborted) == by_cancel);
        if (by_cancel)
        {
            finish(io, rx, socket.start_receive(rx));
            BOOST_TEST(rx.error() == success);
        }
    }
}
