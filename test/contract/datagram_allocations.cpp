// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What is counted is every allocation of the process after a few rounds of
// the same traffic.

#define BOOST_TEST_MODULE contract_datagram_allocations
#include <opslot/error.hpp>
#include <opslot/local.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

#include "support/datagram_peer.hpp"
#include "support/heap.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::pending;
using support::expect_no_allocations;
using support::run_quietly;
using support::where_allocations_are_seen;
using udp = opslot::udp;
using context = udp::datagram_context;

constexpr std::size_t message_size = 64;
using message = std::array<char, message_size>;

// Two sockets on the loopback.
struct two_sockets
{
    support::descriptor_check leaks;
    asio::io_context io;
    udp::socket first{io, support::any_port()};
    udp::socket second{io, support::any_port()};
    message out{}, in{};
};

// Sends back what comes.
struct echo
{
    udp::socket& socket;
    context c;
    message storage{};
    int left = 0;

    explicit echo(udp::socket& s)
        : socket(s)
    {
        c.buffer(asio::buffer(storage));
        c.completion_handler([this](context&) { go_on(); });
    }

    void receive()
    {
        c.slice(0, storage.size());
        if (socket.start_receive_message_from(c) != pending)
        {
            go_on();
        }
    }

    void go_on()
    {
        if (c.error())
        {
            return;
        }
        if (c.last_operation() != opslot::operation_kind::send_to)
        {
            c.endpoint(c.sender());
            c.slice(0, c.bytes_transferred());
            if (socket.start_send_to(c) == pending)
            {
                return;
            }
        }
        if (--left > 0)
        {
            receive();
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(
    an_echo_allocates_nothing, two_sockets, *where_allocations_are_seen())
{
    echo server(second);
    context tx, rx;
    tx.buffer(asio::buffer(out));
    tx.endpoint(second.local_endpoint());
    rx.buffer(asio::buffer(in));
    int answers = 0;
    rx.completion_handler([&](context& c) { answers += !c.error(); });
    expect_no_allocations([&] {
        answers = 0;
        server.left = 1;
        server.receive();
        if (first.start_receive_from(rx) != pending ||
            first.start_send_to(tx) == pending || tx.error())
        {
            return false;
        }
        return run_quietly(io) && answers == 1 &&
               rx.bytes_transferred() == message_size;
    });
}

BOOST_FIXTURE_TEST_CASE(
    many_outstanding_operations_allocate_nothing,
    two_sockets,
    *where_allocations_are_seen())
{
    std::deque<context> sends(50), receives(50);
    int done = 0;
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        sends[i].buffer(asio::buffer(out));
        sends[i].endpoint(second.local_endpoint());
        sends[i].completion_handler([&](context& c) { done += !c.error(); });
        receives[i].buffer(asio::buffer(in));
        receives[i].completion_handler([&](context& c) { done += !c.error(); });
    }
    expect_no_allocations([&] {
        done = 0;
        for (std::size_t i = 0; i != sends.size(); ++i)
        {
            second.async_receive_from(receives[i]);
            first.async_send_to(sends[i]);
        }
        return run_quietly(io) && done == 100;
    });
}

BOOST_FIXTURE_TEST_CASE(
    token_forms_allocate_nothing, two_sockets, *where_allocations_are_seen())
{
    udp::endpoint sender;
    udp::endpoint const target = second.local_endpoint();
    context c;
    c.buffer(asio::buffer(in));
    int done = 0;
    auto const handler = [&](error_code ec, std::size_t n) {
        done += !ec && n == message_size;
    };
    // More buffers than a record has room for.
    std::vector<asio::const_buffer> from;
    std::vector<asio::mutable_buffer> into;
    for (std::size_t i = 0; i != message_size; ++i)
    {
        from.emplace_back(&out[i], 1);
        into.emplace_back(&in[i], 1);
    }
    expect_no_allocations([&] {
        done = 0;
        second.async_receive_from(asio::buffer(in), sender, handler);
        second.async_receive(asio::buffer(in), handler);
        second.async_receive(into, handler);
        second.async_receive_message_from(c, handler);
        for (int i = 0; i != 3; ++i)
        {
            first.async_send_to(asio::buffer(out), target, handler);
        }
        first.async_send_to(from, target, handler);
        return run_quietly(io) && done == 8;
    });
}

BOOST_FIXTURE_TEST_CASE(
    long_lists_allocate_nothing, two_sockets, *where_allocations_are_seen())
{
    std::array<char, 1500> sent{}, received{};
    std::vector<asio::const_buffer> from;
    std::vector<asio::mutable_buffer> into;
    for (std::size_t i = 0; i != sent.size(); ++i)
    {
        from.emplace_back(&sent[i], 1);
        into.emplace_back(&received[i], 1);
    }
    context tx, rx;
    tx.endpoint(second.local_endpoint());
    second.sync_budget(udp::socket::unlimited_budget);
    expect_no_allocations([&] {
        tx.buffer_list(from);
        rx.buffer_list(into);
        if (first.start_send_to(tx) == pending ||
            second.start_receive_from(rx) == pending)
        {
            return false;
        }
        first.send_to(from, second.local_endpoint());
        return second.receive(into) == sent.size() &&
               rx.bytes_transferred() == sent.size();
    });
}

BOOST_FIXTURE_TEST_CASE(
    batches_allocate_nothing, two_sockets, *where_allocations_are_seen())
{
    using batch = udp::datagram_batch_context;
    std::vector<char> slab(64 * 100);
    batch tx, rx, few(3);
    rx.slab(asio::buffer(slab), 100);
    few.slab(asio::buffer(slab), 100);
    context one;
    one.buffer(asio::buffer(in));
    std::size_t received = 0, sent = 0;
    rx.completion_handler([&](batch& c) { received += c.size(); });
    auto const token = [&](error_code, std::size_t n) { sent += n; };
    second.sync_budget(udp::socket::unlimited_budget);
    expect_no_allocations([&] {
        received = 0;
        sent = 0;
        if (second.start_receive_batch(rx) != pending)
        {
            return false;
        }
        // Runs of one size, which may go merged, and what breaks them.
        tx.clear();
        for (std::size_t i = 0; i != 60; ++i)
        {
            tx.add(
                asio::buffer(out, i % 20 == 10 ? 5 : 50),
                second.local_endpoint());
        }
        first.async_send_batch(tx, token);
        while (received < 60 && run_quietly(io))
        {
            if (!rx.is_pending() && received < 60)
            {
                second.async_receive_batch(rx);
            }
        }
        // What one receive does not take is kept for others.
        if (second.start_receive_batch(few) != pending ||
            first.start_send_batch(tx) == pending || tx.error() ||
            !run_quietly(io))
        {
            return false;
        }
        std::size_t taken = few.size();
        while (taken < 60)
        {
            if (second.start_receive_batch(few) == pending || few.error())
            {
                return false;
            }
            taken += few.size();
            if (taken < 60)
            {
                if (second.start_receive_from(one) == pending || one.error())
                {
                    return false;
                }
                ++taken;
            }
        }
        return sent == 60 && received == 60;
    });
}

BOOST_FIXTURE_TEST_CASE(
    operations_that_are_ended_allocate_nothing,
    two_sockets,
    *where_allocations_are_seen())
{
    context cancelled, late;
    int ends = 0;
    for (context* const c : {&cancelled, &late})
    {
        c->buffer(asio::buffer(in));
        c->completion_handler([&](context& ended) {
            ends += ended.error() == asio::error::operation_aborted ||
                    ended.error() == opslot::error::timeout;
        });
    }
    late.timeout(std::chrono::milliseconds(2));
    asio::cancellation_signal signal;
    expect_no_allocations([&] {
        ends = 0;
        (void)first.start_receive_from(cancelled);
        (void)first.start_receive_message_from(late);
        first.async_receive(
            asio::buffer(in),
            asio::bind_cancellation_slot(
                signal.slot(), [&](error_code ec, std::size_t) {
                    ends += ec == asio::error::operation_aborted;
                }));
        cancelled.cancel();
        signal.emit(asio::cancellation_type::total);
        return run_quietly(io) && ends == 3;
    });
}

BOOST_FIXTURE_TEST_CASE(
    opening_and_closing_allocates_nothing,
    two_sockets,
    *where_allocations_are_seen())
{
    context rx;
    rx.buffer(asio::buffer(in));
    int ends = 0;
    rx.completion_handler([&](context& c) {
        ends += c.error() == asio::error::operation_aborted;
    });
    expect_no_allocations([&] {
        ends = 0;
        udp::socket s(io, support::any_port());
        (void)s.start_receive_message_from(rx);
        s.close();
        return run_quietly(io) && ends == 1;
    });
}
