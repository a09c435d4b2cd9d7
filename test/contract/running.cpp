// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How operations live with the io_context, its threads and its executors.

#define BOOST_TEST_MODULE contract_running

#include <opslot/diagnostics.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using tcp = opslot::tcp;

/// Two connections on one io_context.
struct two_connections
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::socket first{io}, second{io};
    support::peer first_peer = support::connect_tcp(first);
    support::peer second_peer = support::connect_tcp(second);
};

/// A receive that waits for one byte and then does something.
struct receiver
{
    stream_context context;
    char byte = 0;

    template<typename Socket, typename Handler>
    void wait(Socket& socket, Handler handler)
    {
        context.completion_handler(std::move(handler));
        context.buffer(asio::buffer(&byte, 1));
        BOOST_REQUIRE((socket.start_receive(context) == pending));
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(run_returns_when_nothing_is_pending, connection)
{
    receiver r;
    int calls = 0;
    r.wait(socket, [&](auto&) { ++calls; });
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(opslot::diagnostics(io).pending == 0u);
    // And it works again afterwards.
    r.wait(socket, [&](auto&) { ++calls; });
    other.write("y");
    support::run(io);
    BOOST_TEST(calls == 2);
    BOOST_TEST(r.byte == 'y');
}

BOOST_FIXTURE_TEST_CASE(run_goes_on_while_something_is_pending, connection)
{
    receiver r;
    r.wait(socket, [](auto&) {});
    io.run_for(std::chrono::milliseconds(20));
    BOOST_TEST(!io.stopped());
    BOOST_TEST(r.context.is_pending());
}

BOOST_FIXTURE_TEST_CASE(run_one_and_poll_make_progress, connection)
{
    receiver r;
    int calls = 0;
    r.wait(socket, [&](auto&) { ++calls; });
    io.poll();
    BOOST_TEST(calls == 0);
    other.write("x");
    support::run_until(io, [&] { return calls == 1; });
    r.wait(socket, [&](auto&) { ++calls; });
    other.write("y");
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    while (calls != 2 && std::chrono::steady_clock::now() < limit)
    {
        support::poll(io);
    }
    BOOST_TEST(calls == 2);
}

BOOST_FIXTURE_TEST_CASE(
    no_handler_starts_after_stop_and_none_is_lost, two_connections)
{
    receiver a, b;
    int calls = 0;
    a.wait(first, [&](auto&) {
        ++calls;
        io.stop();
    });
    b.wait(second, [&](auto&) {
        ++calls;
        io.stop();
    });
    first_peer.write("x");
    second_peer.write("y");
    io.run();
    BOOST_TEST(calls == 1);
    io.restart();
    support::run_until(io, [&] { return calls == 2; });
    BOOST_TEST(a.byte == 'x');
    BOOST_TEST(b.byte == 'y');
}

BOOST_FIXTURE_TEST_CASE(
    a_handler_that_throws_leaves_the_others_to_the_next_run, two_connections)
{
    receiver a, b;
    int calls = 0;
    auto const handler = [&](auto&) {
        ++calls;
        throw std::runtime_error("of the handler");
    };
    a.wait(first, handler);
    b.wait(second, handler);
    first_peer.write("x");
    second_peer.write("y");
    BOOST_CHECK_THROW(io.run(), std::runtime_error);
    BOOST_TEST(calls == 1);
    BOOST_CHECK_THROW(
        support::run_until(io, [&] { return calls == 3; }), std::runtime_error);
    BOOST_TEST(calls == 2);
    BOOST_TEST(!a.context.is_pending());
    BOOST_TEST(!b.context.is_pending());
    support::run(io);
}

BOOST_FIXTURE_TEST_CASE(
    with_two_threads_a_handler_may_wait_for_that_of_another_socket,
    two_connections)
{
    // Both are ready before the first turn, so one thread fetches both.
    for (int round = 0; round != 20; ++round)
    {
        receiver a, b;
        std::promise<void> other_ran[2];
        bool in_time[2] = {};
        auto const meet = [&](int self) {
            other_ran[self].set_value();
            in_time[self] = other_ran[1 - self].get_future().wait_for(
                                support::patience) == std::future_status::ready;
        };
        a.wait(first, [&](auto&) { meet(0); });
        b.wait(second, [&](auto&) { meet(1); });
        first_peer.write("x");
        second_peer.write("y");
        io.restart();
        {
            support::background helper([&] { io.run(); });
            io.run();
        }
        BOOST_TEST(in_time[0]);
        BOOST_TEST(in_time[1]);
    }
}

BOOST_AUTO_TEST_CASE(a_strand_runs_one_handler_at_a_time)
{
    asio::io_context io;
    auto const strand = asio::make_strand(io);
    constexpr int sockets = 8;
    constexpr int rounds = 200;
    std::vector<std::unique_ptr<tcp::socket>> all;
    std::vector<support::peer> peers;
    std::vector<std::unique_ptr<receiver>> receivers;
    int inside = 0; // guarded by the strand and nothing else
    int calls = 0;
    bool overlapped = false;
    for (int i = 0; i != sockets; ++i)
    {
        all.push_back(std::make_unique<tcp::socket>(strand));
        peers.push_back(support::connect_tcp(*all.back()));
        receivers.push_back(std::make_unique<receiver>());
        tcp::socket& socket = *all.back();
        receiver& r = *receivers.back();
        r.wait(socket, [&](stream_context& c) {
            overlapped |= ++inside != 1;
            ++calls;
            --inside;
            if (!c.error())
            {
                socket.async_receive(c);
            }
        });
    }
    {
        support::background writer([&] {
            for (int n = 0; n != rounds; ++n)
            {
                for (auto& peer : peers)
                {
                    peer.write("x");
                }
            }
            for (auto& peer : peers)
            {
                peer.close();
            }
        });
        support::background one([&] { io.run(); });
        support::background two([&] { io.run(); });
        io.run();
    }
    BOOST_TEST(!overlapped);
    BOOST_TEST(calls == sockets * (rounds + 1));
}

// Model case 23.
BOOST_FIXTURE_TEST_CASE(
    a_bound_executor_gets_the_handler_and_is_kept_at_work, connection)
{
    asio::io_context elsewhere;
    receiver r;
    std::thread::id where;
    r.wait(socket, asio::bind_executor(elsewhere, [&](auto&) {
               where = std::this_thread::get_id();
           }));
    std::thread::id expected;
    {
        support::background runner([&] {
            expected = std::this_thread::get_id();
            elsewhere.run(); // returns only after the handler
        });
        other.write("x");
        support::run(io);
    }
    BOOST_TEST((where == expected));
    BOOST_TEST(!r.context.is_pending());
}

BOOST_AUTO_TEST_CASE(sockets_work_on_a_thread_pool)
{
    asio::thread_pool pool(2);
    std::atomic<int> calls{0};
    {
        tcp::socket socket(pool);
        auto peer = support::connect_tcp(socket);
        receiver r;
        std::promise<std::thread::id> done;
        r.wait(socket, [&](auto&) {
            ++calls;
            done.set_value(std::this_thread::get_id());
        });
        peer.write("x");
        auto result = done.get_future();
        BOOST_REQUIRE(
            (result.wait_for(support::patience) == std::future_status::ready));
        BOOST_TEST((result.get() != std::this_thread::get_id()));
        pool.join();
    }
    BOOST_TEST(calls == 1);
}

BOOST_FIXTURE_TEST_CASE(plain_objects_of_asio_share_the_context, connection)
{
    asio::steady_timer timer(io, std::chrono::milliseconds(1));
    asio::local::stream_protocol::socket a(io), b(io);
    asio::local::connect_pair(a, b);
    receiver r;
    int calls = 0;
    char byte = 0;
    r.wait(socket, [&](auto&) { ++calls; });
    timer.async_wait([&](error_code ec) {
        calls += !ec;
        asio::write(b, asio::buffer("z", 1));
        other.write("x");
    });
    a.async_read_some(asio::buffer(&byte, 1), [&](error_code ec, std::size_t) {
        calls += !ec;
    });
    support::run(io);
    BOOST_TEST(calls == 3);
    BOOST_TEST(byte == 'z');
}

BOOST_FIXTURE_TEST_CASE(
    operations_may_be_started_by_threads_outside_of_run, connection)
{
    constexpr int rounds = 500;
    auto guard = asio::make_work_guard(io);
    support::background runner([&] { io.run(); });
    for (int n = 0; n != rounds; ++n)
    {
        std::promise<char> done;
        char byte = 0;
        socket.async_read_some(
            asio::buffer(&byte, 1),
            [&](error_code, std::size_t) { done.set_value(byte); });
        char const sent = static_cast<char>('a' + n % 26);
        other.write(std::string(1, sent));
        auto result = done.get_future();
        BOOST_REQUIRE(
            (result.wait_for(support::patience) == std::future_status::ready));
        BOOST_REQUIRE((result.get() == sent));
    }
    guard.reset();
}

BOOST_FIXTURE_TEST_CASE(
    an_empty_loop_of_poll_does_not_start_handlers_twice, connection)
{
    receiver r;
    int calls = 0;
    r.wait(socket, [&](auto&) { ++calls; });
    other.write("xyz");
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    while (calls == 0 && std::chrono::steady_clock::now() < limit)
    {
        io.poll();
    }
    for (int n = 0; n != 100; ++n)
    {
        io.restart();
        io.poll();
    }
    BOOST_TEST(calls == 1);
}
