// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How much is queued to be sent, and waiting until it is less.

#define BOOST_TEST_MODULE contract_send_queue
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/connection.hpp"
#include "support/files.hpp"
#include "support/heap.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::pending;
using support::connection;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<opslot::stream_context>;

error_code const success;

/// A connection whose peer reads nothing yet, with more to send than the
/// system takes.
struct blocked_connection : connection
{
    static constexpr std::size_t size = 1 << 20;

    std::string const data = payload(size);
    context first;

    blocked_connection()
    {
        shrink_buffers();
        first.buffer(asio::buffer(data));
        BOOST_TEST_REQUIRE((socket.start_send(first) == pending));
        // Until the system takes no more: it moves bytes between the ends, and
        // may do so late.
        std::size_t before = 0;
        do
        {
            before = socket.queued_bytes();
            support::run_for(io, std::chrono::milliseconds(20));
        } while (socket.queued_bytes() != before);
        BOOST_TEST_REQUIRE(first.is_pending());
    }

    /// The peer reads until all of it was sent.
    void drain(std::size_t n)
    {
        support::background const reader(
            [&] { BOOST_TEST(other.discard(n) == n); });
        support::run_until(io, [&] { return socket.queued_bytes() == 0; });
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(nothing_is_queued_where_nothing_waits, connection)
{
    BOOST_TEST(socket.queued_bytes() == 0u);
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(socket.queued_bytes() == 0u);
    BOOST_TEST(other.read(3) == "abc");

    context c;
    BOOST_TEST((socket.start_wait_queued(c, 0) == completed));
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::wait));
    tcp::socket closed(io);
    BOOST_TEST(closed.queued_bytes() == 0u);
    BOOST_TEST(closed.queued_bytes_peak() == 0u);
    BOOST_TEST((closed.start_wait_queued(c, 0) == completed));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
}

BOOST_FIXTURE_TEST_CASE(what_the_system_took_is_not_queued, blocked_connection)
{
    std::size_t const queued = socket.queued_bytes();
    BOOST_TEST(queued > 0u);
    BOOST_TEST(queued < size);
    context second;
    second.buffer(asio::buffer(data, 1000));
    BOOST_TEST((socket.start_send(second) == pending));
    BOOST_TEST(socket.queued_bytes() == queued + 1000);
    BOOST_TEST(socket.queued_bytes_peak() == queued + 1000);

    std::size_t const read = size - queued;
    BOOST_TEST(other.discard(read) == read);
    support::run_until(io, [&] { return socket.queued_bytes() < queued; });
    BOOST_TEST(first.is_pending());
    drain(size + 1000 - read);
    support::run(io);
    BOOST_TEST(first.bytes_transferred() == size);
    BOOST_TEST(second.bytes_transferred() == 1000u);
    BOOST_TEST(socket.queued_bytes_peak() == queued + 1000);
    socket.close();
    BOOST_TEST(socket.queued_bytes_peak() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_wait_ends_at_its_mark, blocked_connection)
{
    std::array<context, 3> waits;
    std::array<std::size_t, 3> const marks{size / 2, 1000, 0};
    std::array<std::size_t, 3> found{};
    for (std::size_t i = 0; i != waits.size(); ++i)
    {
        waits[i].completion_handler([&, i](opslot::stream_context&) {
            ++waits[i].calls;
            found[i] = socket.queued_bytes();
        });
        BOOST_TEST((socket.start_wait_queued(waits[i], marks[i]) == pending));
    }
    support::poll(io);
    for (context const& w : waits)
    {
        BOOST_TEST(w.is_pending());
    }
    drain(size);
    support::run(io);
    for (std::size_t i = 0; i != waits.size(); ++i)
    {
        BOOST_TEST(waits[i].calls == 1);
        BOOST_TEST(waits[i].error() == success);
        BOOST_TEST(found[i] <= marks[i]);
    }
    // They did not all wait for the end.
    BOOST_TEST(first.calls == 1);
}

BOOST_FIXTURE_TEST_CASE(a_wait_holds_nothing_up, blocked_connection)
{
    context wait;
    BOOST_TEST((socket.start_wait_queued(wait, 0) == pending));
    context rx;
    std::array<char, 8> storage;
    rx.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(rx);
    other.write("abc");
    finish(io, rx, result);
    BOOST_TEST(rx.bytes_transferred() == 3u);
    BOOST_TEST(wait.is_pending());
    drain(size);
    support::run(io);
    BOOST_TEST(wait.calls == 1);
}

BOOST_FIXTURE_TEST_CASE(every_form_of_a_queue_wait_ends, blocked_connection)
{
    context started;
    BOOST_TEST((socket.start_wait_queued(started, 0) == pending));
    context stored;
    socket.async_wait_queued(stored, 0);
    context with_token;
    int calls = 0;
    socket.async_wait_queued(with_token, 0, [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    auto future = socket.async_wait_queued(0, asio::use_future);
    drain(size);
    support::run(io);
    BOOST_TEST(started.calls == 1);
    BOOST_TEST(stored.calls == 1);
    BOOST_TEST(calls == 1);
    future.get();
    // At once, and yet not inside the call.
    socket.async_wait_queued(stored, 0);
    socket.async_wait_queued(with_token, 0, [&](error_code) { ++calls; });
    BOOST_TEST(stored.calls == 1);
    BOOST_TEST(calls == 1);
    support::run(io);
    BOOST_TEST(stored.calls == 2);
    BOOST_TEST(calls == 2);
}

BOOST_FIXTURE_TEST_CASE(
    a_queue_wait_is_cancelled_in_every_way, blocked_connection)
{
    context wait;
    auto const expect_ended = [&](error_code const& expected) {
        support::run_until(io, [&] { return !wait.is_pending(); });
        BOOST_TEST(wait.error() == expected);
    };
    BOOST_TEST((socket.start_wait_queued(wait, 0) == pending));
    wait.cancel();
    expect_ended(asio::error::operation_aborted);

    wait.timeout(std::chrono::milliseconds(5));
    BOOST_TEST((socket.start_wait_queued(wait, 0) == pending));
    expect_ended(make_error_code(opslot::error::timeout));
    wait.timeout({});

    asio::cancellation_signal signal;
    int calls = 0;
    socket.async_wait_queued(
        0, asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) {
            BOOST_TEST(ec == asio::error::operation_aborted);
            ++calls;
        }));
    signal.emit(asio::cancellation_type::total);
    support::run_until(io, [&] { return calls == 1; });

    {
        context withdrawn;
        BOOST_TEST((socket.start_wait_queued(withdrawn, 0) == pending));
    }
    BOOST_TEST(first.is_pending());
    BOOST_TEST((socket.start_wait_queued(wait, 0) == pending));
    socket.close();
    expect_ended(asio::error::operation_aborted);
    support::run(io);
    BOOST_TEST(first.error() == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(
    a_send_that_ends_otherwise_leaves_the_queue, blocked_connection)
{
    std::size_t const queued = socket.queued_bytes();
    auto second = std::make_unique<context>();
    context third;
    second->buffer(asio::buffer(data, 5000));
    third.buffer(asio::buffer(data, 7000));
    BOOST_TEST((socket.start_send(*second) == pending));
    BOOST_TEST((socket.start_send(third) == pending));
    context wait;
    BOOST_TEST((socket.start_wait_queued(wait, queued) == pending));
    third.cancel();
    BOOST_TEST(socket.queued_bytes() == queued + 5000);
    support::poll(io);
    BOOST_TEST(wait.is_pending());
    // Withdrawn, with nothing of it sent.
    second.reset();
    BOOST_TEST(socket.queued_bytes() == queued);
    support::run_until(io, [&] { return wait.calls == 1; });
    BOOST_TEST(wait.error() == success);

    // An error ends all sends, and what waits for them.
    BOOST_TEST((socket.start_wait_queued(wait, 0) == pending));
    other.reset();
    support::run(io);
    BOOST_TEST(socket.queued_bytes() == 0u);
    BOOST_TEST(bool(first.error()));
    BOOST_TEST(wait.calls == 2);
    BOOST_TEST(wait.error() == success);
}

BOOST_FIXTURE_TEST_CASE(files_and_lists_count_as_well, blocked_connection)
{
    std::size_t const queued = socket.queued_bytes();
    support::temporary_file const file(payload(20000));
    support::counted<opslot::transmit_context> tx;
    std::string const head(100, 'h');
    tx.elements(
        {opslot::transmit_element(asio::buffer(head)),
         opslot::transmit_element::from_path(file.path(), 5000)});
    BOOST_TEST((socket.start_transmit(tx) == pending));
    BOOST_TEST(socket.queued_bytes() == queued + 15100);
    context list;
    std::vector<asio::const_buffer> const parts{
        asio::buffer(data, 10), asio::buffer(data, 20)};
    list.buffer_list(parts);
    BOOST_TEST((socket.start_send(list) == pending));
    BOOST_TEST(socket.queued_bytes() == queued + 15130);
    drain(size + 15130);
    support::run(io);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(list.bytes_transferred() == 30u);
}

BOOST_FIXTURE_TEST_CASE(a_source_goes_on_below_its_mark, connection)
{
    // What a fast source does to a slow peer: it stops above one mark, and
    // goes on below another.
    shrink_buffers();
    constexpr std::size_t high = 64 * 1024;
    constexpr std::size_t low = 16 * 1024;
    constexpr std::size_t count = 500;
    std::string const block = payload(4000);
    std::deque<context> sends(count);
    std::size_t next = 0;
    context room;
    //[back_pressure
    auto const produce = [&] {
        while (next != count && socket.queued_bytes() < high)
        {
            context& tx = sends[next++];
            tx.buffer(asio::buffer(block));
            socket.async_send(tx);
        }
        if (next != count)
        {
            socket.async_wait_queued(room, low);
        }
    };
    room.completion_handler([&](opslot::stream_context&) { produce(); });
    //]
    int stops = 0;
    room.completion_handler([&](opslot::stream_context&) {
        BOOST_TEST(socket.queued_bytes() <= low);
        ++stops;
        produce();
    });
    produce();
    support::background const reader([&] {
        BOOST_TEST(other.discard(count * block.size()) == count * block.size());
    });
    support::run(io);
    BOOST_TEST(stops > 0);
    BOOST_TEST(socket.queued_bytes_peak() < high + block.size());
    for (context const& tx : sends)
    {
        BOOST_TEST(tx.bytes_transferred() == block.size());
    }
}

BOOST_AUTO_TEST_CASE(
    waits_for_the_queue_take_nothing_from_the_heap,
    *support::where_allocations_are_seen())
{
    asio::io_context io;
    support::socket_pair pair(io.get_executor());
    pair.first.set_option(asio::socket_base::send_buffer_size(8192));
    std::string const data = payload(1 << 20);
    std::string storage(1 << 20, '\0');
    context tx;
    context rx;
    context wait;
    tx.buffer(asio::buffer(data));
    rx.buffer(asio::buffer(storage));
    support::expect_no_allocations([&] {
        int const before = wait.calls;
        bool const waits = pair.first.start_send(tx) == pending &&
                           pair.first.start_wait_queued(wait, 1000) == pending;
        while (wait.calls == before || tx.is_pending())
        {
            if (!rx.is_pending())
            {
                pair.second.async_receive(rx);
            }
            if (io.stopped())
            {
                io.restart();
            }
            if (io.run_one_for(std::chrono::seconds(10)) == 0)
            {
                return false;
            }
        }
        return waits && !tx.error() && !wait.error();
    });
}
