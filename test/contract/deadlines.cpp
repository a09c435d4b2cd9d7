// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Timeouts and expiries of operations.

#define BOOST_TEST_MODULE contract_deadlines
#include <opslot/accept_context.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

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
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

error_code const success;
error_code const aborted = asio::error::operation_aborted;
error_code const timed_out = opslot::error::timeout;

// What a busy machine may add to a deadline.
constexpr std::chrono::seconds slack{5};

} // namespace

BOOST_AUTO_TEST_CASE(a_timeout_is_not_the_kernels)
{
    error_code const kernels(ETIMEDOUT, boost::system::system_category());
    BOOST_TEST((timed_out == std::errc::timed_out));
    BOOST_TEST((timed_out == boost::system::errc::timed_out));
    BOOST_TEST((std::error_code(timed_out) == std::errc::timed_out));
    BOOST_TEST((timed_out != kernels));
    BOOST_TEST((timed_out != error_code(asio::error::timed_out)));
}

BOOST_FIXTURE_TEST_CASE(a_timeout_ends_an_operation_and_never_early, connection)
{
    for (int const ms : {1, 7, 20, 55})
    {
        receiver rx;
        rx.timeout(milliseconds(ms));
        BOOST_TEST((rx.timeout() == milliseconds(ms)));
        auto const start = clock::now();
        clock::time_point end;
        rx.completion_handler([&](stream_context&) { end = clock::now(); });
        BOOST_TEST((socket.start_receive(rx) == pending));
        support::run(io);
        BOOST_TEST(rx.error() == timed_out);
        BOOST_TEST(rx.bytes_transferred() == 0u);
        BOOST_TEST((end - start >= milliseconds(ms)));
        BOOST_TEST(
            (end - start <
             milliseconds(ms) + opslot::deadline_resolution + slack));
    }
    // Nothing was consumed.
    other.write("a");
    receiver rx;
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.storage[0] == 'a');
}

BOOST_FIXTURE_TEST_CASE(a_timeout_counts_from_each_start, connection)
{
    receiver rx;
    rx.timeout(milliseconds(30));
    for (int i = 0; i != 3; ++i)
    {
        auto const start = clock::now();
        finish(io, rx, socket.start_receive(rx));
        BOOST_TEST(rx.error() == timed_out);
        BOOST_TEST((clock::now() - start >= milliseconds(30)));
    }
    rx.timeout(milliseconds(0));
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(rx.error() == success);
}

BOOST_FIXTURE_TEST_CASE(an_expiry_holds_for_one_operation, connection)
{
    receiver rx, probe;
    // It is long past for the next operation.
    auto const is_gone = [&] {
        BOOST_TEST((socket.start_receive(rx) == pending));
        probe.timeout(milliseconds(10));
        finish(io, probe, socket.start_receive(probe));
        BOOST_TEST(probe.error() == timed_out);
        BOOST_TEST(rx.is_pending());
        rx.cancel();
        support::run(io);
        BOOST_TEST(rx.error() == aborted);
    };
    auto const when = clock::now() + milliseconds(25);
    rx.expires_at(when);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == timed_out);
    BOOST_TEST((clock::now() >= when));
    is_gone();
    // So it is where the operation does not have to wait.
    rx.expires_at(clock::now() - milliseconds(1));
    finish(io, rx, socket.start_send(rx));
    BOOST_TEST(rx.error() == success);
    is_gone();
}

BOOST_FIXTURE_TEST_CASE(a_time_in_the_past_ends_what_goes_pending, connection)
{
    receiver rx;
    rx.expires_at(clock::now() - std::chrono::hours(1));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == timed_out);
    rx.expires_at(clock::time_point() + milliseconds(1));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == timed_out);
}

BOOST_FIXTURE_TEST_CASE(the_earlier_deadline_counts, connection)
{
    receiver rx;
    rx.timeout(std::chrono::hours(1));
    rx.expires_at(clock::now() + milliseconds(5));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == timed_out);
    rx.timeout(milliseconds(5));
    rx.expires_at(clock::now() + std::chrono::hours(1));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == timed_out);
}

BOOST_FIXTURE_TEST_CASE(huge_deadlines_are_as_good_as_none, connection)
{
    receiver rx;
    rx.timeout(clock::duration::max());
    auto const first = socket.start_receive(rx);
    support::poll(io);
    BOOST_TEST(rx.is_pending());
    other.write("a");
    finish(io, rx, first);
    BOOST_TEST(rx.error() == success);
    rx.expires_at(clock::time_point::max());
    auto const started = socket.start_receive(rx);
    support::poll(io);
    BOOST_TEST(rx.is_pending());
    other.write("b");
    finish(io, rx, started);
    BOOST_TEST(rx.error() == success);
    // Negative means none.
    rx.timeout(milliseconds(-5));
    BOOST_TEST((rx.timeout() == milliseconds(0)));
}

BOOST_FIXTURE_TEST_CASE(a_deadline_that_did_not_fire_has_no_effect, connection)
{
    receiver rx, probe;
    rx.timeout(milliseconds(20));
    BOOST_TEST((socket.start_receive(rx) == pending));
    rx.cancel();
    support::run(io);
    BOOST_TEST(rx.error() == aborted);
    rx.timeout(milliseconds(0));
    BOOST_TEST((socket.start_receive(rx) == pending));
    probe.timeout(milliseconds(60));
    finish(io, probe, socket.start_receive(probe));
    BOOST_TEST(probe.error() == timed_out);
    BOOST_TEST(rx.is_pending());
    rx.cancel();
    support::run(io);
    BOOST_TEST(rx.error() == aborted);
}

BOOST_FIXTURE_TEST_CASE(
    a_shorter_deadline_after_a_longer_one_is_kept, connection)
{
    receiver rx;
    rx.timeout(std::chrono::hours(1));
    BOOST_TEST((socket.start_receive(rx) == pending));
    rx.cancel();
    support::run(io);
    rx.timeout(milliseconds(5));
    auto const start = clock::now();
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == timed_out);
    BOOST_TEST((clock::now() - start < slack));
}

BOOST_FIXTURE_TEST_CASE(a_timed_out_send_ends_those_behind_it, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    context tx, behind;
    tx.buffer(asio::buffer(data));
    tx.timeout(milliseconds(10));
    behind.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_send(tx) == pending));
    BOOST_TEST((socket.start_send(behind) == pending));
    support::run(io);
    BOOST_TEST(tx.error() == timed_out);
    BOOST_TEST(tx.bytes_transferred() > 0u);
    BOOST_TEST(behind.calls == 1);
    BOOST_TEST(behind.error() == aborted);
}

BOOST_FIXTURE_TEST_CASE(accepts_waits_and_tokens_have_deadlines, connection)
{
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    support::counted<tcp::accept_context> accept;
    context wait;
    receiver rx;
    error_code token;
    accept.timeout(milliseconds(3));
    wait.timeout(milliseconds(4));
    rx.timeout(milliseconds(5));
    BOOST_TEST((acceptor.start_accept(accept) == pending));
    BOOST_TEST((socket.start_wait(wait, tcp::socket::wait_read) == pending));
    socket.async_receive(rx, [&](error_code ec, std::size_t n) {
        token = ec;
        BOOST_TEST(n == 0u);
    });
    support::run(io);
    BOOST_TEST(accept.error() == timed_out);
    BOOST_TEST(wait.error() == timed_out);
    BOOST_TEST(token == timed_out);
    // What they waited for is still there for others.
    accept.timeout(milliseconds(0));
    auto const peer = support::connect_to(acceptor.local_endpoint());
    finish(io, accept, acceptor.start_accept(accept));
    BOOST_TEST(accept.error() == success);
}

BOOST_FIXTURE_TEST_CASE(a_thousand_staggered_deadlines_fire_in_time, connection)
{
    constexpr int count = 1000;
    std::deque<receiver> receives(count);
    std::vector<clock::time_point> due(count), ended(count);
    int calls = 0;
    for (std::size_t i = 0; i != count; ++i)
    {
        receives[i].completion_handler([&, i](stream_context&) {
            ended[i] = clock::now();
            ++calls;
        });
        // Neither in order nor all at different times.
        due[i] = clock::now() + milliseconds(1 + (i * 37) % 251);
        receives[i].expires_at(due[i]);
        BOOST_REQUIRE((socket.start_receive(receives[i]) == pending));
    }
    support::run(io);
    BOOST_TEST(calls == count);
    bool early = false, late = false;
    for (std::size_t i = 0; i != count; ++i)
    {
        BOOST_TEST(receives[i].error() == timed_out);
        early = early || ended[i] < due[i];
        late = late || ended[i] > due[i] + opslot::deadline_resolution + slack;
    }
    BOOST_TEST(!early);
    BOOST_TEST(!late);
}

BOOST_FIXTURE_TEST_CASE(
    deadlines_may_be_set_and_withdrawn_many_times, connection)
{
    receiver rx;
    for (int i = 0; i != 2000; ++i)
    {
        bool const cancels = i % 3 == 0;
        // None of them fires.
        rx.timeout(
            cancels ? milliseconds(1 + i * 13 % 5000)
                    : support::patience + milliseconds(i * 13 % 5000));
        BOOST_REQUIRE((socket.start_receive(rx) == pending));
        if (cancels)
        {
            rx.cancel();
        }
        else
        {
            other.write("a");
        }
        support::run_until(io, [&] { return rx.calls == i + 1; });
        BOOST_REQUIRE(rx.error() == (cancels ? aborted : success));
    }
    std::optional<receiver> gone(std::in_place);
    gone->timeout(milliseconds(5));
    BOOST_TEST((socket.start_receive(*gone) == pending));
    gone.reset();
    receiver probe;
    probe.timeout(milliseconds(15));
    finish(io, probe, socket.start_receive(probe));
    BOOST_TEST(probe.error() == timed_out);
}

BOOST_FIXTURE_TEST_CASE(what_came_in_time_is_received_late, connection)
{
    // The thread has no time to look at it before the deadline.
    for (int i = 0; i != 3; ++i)
    {
        receiver rx;
        rx.timeout(milliseconds(20));
        BOOST_TEST((socket.start_receive(rx) == pending));
        support::poll(io);
        asio::post(io, [&] {
            other.write("a");
            std::this_thread::sleep_for(milliseconds(60));
        });
        finish(io, rx, pending);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 1u);
    }
    // It came before the start, which does not know of it yet.
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("a");
    finish(io, rx, pending);
    other.write("b");
    rx.expires_at(clock::now() - std::chrono::seconds(1));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.storage[0] == 'b');
    // But what is not enough does not keep a deadline from firing.
    context more;
    char storage[2];
    more.buffer(asio::buffer(storage));
    more.at_least(2);
    more.timeout(milliseconds(20));
    auto const result = socket.start_receive(more);
    other.write("c");
    finish(io, more, result);
    BOOST_TEST(more.error() == timed_out);
    BOOST_TEST(more.bytes_transferred() == 1u);
}

BOOST_FIXTURE_TEST_CASE(deadlines_that_fire_are_counted, connection)
{
    auto const before = opslot::diagnostics(io).timeouts;
    receiver rx;
    rx.timeout(milliseconds(1));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(opslot::diagnostics(io).timeouts == before + 1);
}
