// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Where handlers run, and the threads that run them.

#define BOOST_TEST_MODULE contract_executors
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <string>
#include <utility>

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
using tcp = opslot::tcp;
using context = support::counted<stream_context>;
template<typename Executor>
using socket_of = opslot::basic_stream_socket<asio::ip::tcp, Executor>;

error_code const success;

// The value of a future, which fails the test if it takes too long.
template<typename T>
T value_of(std::future<T> f)
{
    BOOST_REQUIRE((f.wait_for(support::patience) == std::future_status::ready));
    return f.get();
}

// Runs an io_context on several threads until it has no work.
struct threads
{
    std::deque<support::background> all;

    threads(asio::io_context& io, int count)
    {
        for (int i = 0; i != count; ++i)
        {
            all.emplace_back([&io] { io.run_for(support::patience); });
        }
    }
};

} // namespace

// The executor of a socket

BOOST_AUTO_TEST_CASE(a_socket_works_on_a_strand_of_an_erased_executor)
{
    asio::io_context io;
    auto const strand =
        asio::make_strand(asio::any_io_executor(io.get_executor()));
    socket_of<asio::strand<asio::any_io_executor>> socket(strand);
    auto other = support::connect_tcp(socket);
    receiver rx;
    bool ran_there = false;
    rx.completion_handler([&](stream_context&) {
        ++rx.calls;
        ran_there = strand.running_in_this_thread();
    });
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    other.write("a");
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(ran_there);
    int calls = 0;
    socket.async_write_some(
        asio::buffer(rx.storage), [&](error_code ec, std::size_t) {
            BOOST_TEST(ec == success);
            BOOST_TEST(strand.running_in_this_thread());
            ++calls;
        });
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(other.read(1) == "a");
}

BOOST_AUTO_TEST_CASE(sockets_work_on_every_executor_of_a_thread_pool)
{
    asio::thread_pool pool(2);
    auto const strand = asio::make_strand(pool);
    socket_of<asio::thread_pool::executor_type> concrete(pool.get_executor());
    tcp::socket erased(pool), on_strand(strand);
    auto const receives = [](auto& socket, auto runs_where_it_should) {
        auto other = support::connect_tcp(socket);
        std::array<char, 4> storage;
        std::promise<std::size_t> read;
        bool ran_there = false;
        socket.async_read_some(
            asio::buffer(storage), [&](error_code, std::size_t n) {
                ran_there = runs_where_it_should();
                read.set_value(n);
            });
        other.write("ab");
        BOOST_TEST(value_of(read.get_future()) == 2u);
        BOOST_TEST(ran_there);
    };
    auto const in_pool = [executor = pool.get_executor()] {
        return executor.running_in_this_thread();
    };
    receives(concrete, in_pool);
    receives(erased, in_pool);
    receives(on_strand, [&] { return strand.running_in_this_thread(); });
    pool.join();
}

// The executor of a handler

BOOST_FIXTURE_TEST_CASE(
    an_operation_is_pending_until_its_executor_runs, connection)
{
    asio::io_context second;
    receiver rx;
    bool ran = false;
    rx.completion_handler(asio::bind_executor(
        second.get_executor(), [&](stream_context&) { ran = true; }));
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(!ran);
    BOOST_TEST(rx.is_pending());
    support::run(second);
    BOOST_TEST(ran);
}

BOOST_FIXTURE_TEST_CASE(work_is_held_on_the_handlers_executor, connection)
{
    for (bool const token : {false, true})
    {
        asio::io_context second;
        receiver rx;
        bool ran = false;
        if (token)
        {
            socket.async_read_some(
                asio::buffer(rx.storage),
                asio::bind_executor(
                    second.get_executor(),
                    [&](error_code, std::size_t) { ran = true; }));
        }
        else
        {
            rx.completion_handler(asio::bind_executor(
                second.get_executor(), [&](stream_context&) { ran = true; }));
            BOOST_TEST((socket.start_receive(rx) == pending));
        }
        // It would stop if it had no work.
        second.poll();
        BOOST_TEST(!second.stopped());
        other.write("a");
        support::run(io);
        BOOST_TEST(!ran);
        BOOST_TEST(!second.stopped());
        support::run(second);
        BOOST_TEST(ran);
    }
}

BOOST_FIXTURE_TEST_CASE(
    work_is_released_when_an_operation_is_withdrawn, connection)
{
    asio::io_context second;
    {
        receiver rx;
        rx.completion_handler(
            asio::bind_executor(second.get_executor(), [](stream_context&) {}));
        BOOST_TEST((socket.start_receive(rx) == pending));
        second.poll();
        BOOST_TEST(!second.stopped());
    }
    second.poll();
    BOOST_TEST(second.stopped());
    support::run(io);
}

BOOST_FIXTURE_TEST_CASE(
    a_handler_bound_to_the_sockets_own_executor_runs_there, connection)
{
    receiver rx;
    int calls = 0;
    rx.completion_handler(asio::bind_executor(
        io.get_executor(), [&](stream_context&) { ++calls; }));
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(calls == 1);
    rx.completion_handler(asio::bind_executor(
        asio::any_io_executor(io.get_executor()),
        [&](stream_context&) { ++calls; }));
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(calls == 2);
}

// Running

BOOST_FIXTURE_TEST_CASE(
    run_returns_when_what_was_pending_is_cancelled_or_withdrawn, connection)
{
    BOOST_TEST(io.run() == 0u);
    for (int i = 0; i != 3; ++i)
    {
        receiver rx;
        io.restart();
        BOOST_TEST((socket.start_receive(rx) == pending));
        support::poll(io);
        BOOST_TEST(!io.stopped());
        rx.cancel();
        support::run(io);
        BOOST_TEST(rx.calls == 1);
        BOOST_TEST((socket.start_receive(rx) == pending));
        support::poll(io);
        BOOST_TEST(!io.stopped());
    }
    support::run(io);
}

BOOST_FIXTURE_TEST_CASE(every_way_of_running_makes_progress, connection)
{
    receiver rx;
    auto const runs = [&](auto step) {
        BOOST_TEST((socket.start_receive(rx) == pending));
        other.write("a");
        support::await(socket.native_handle());
        int const before = rx.calls;
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        while (rx.calls == before && std::chrono::steady_clock::now() < limit)
        {
            io.restart();
            step();
        }
        BOOST_REQUIRE(rx.calls == before + 1);
        BOOST_TEST(rx.error() == success);
    };
    runs([&] { io.poll_one(); });
    runs([&] { io.run_one_for(support::patience); });
    runs([&] { io.run_for(support::patience); });
    runs([&] { io.run_one_for(std::chrono::milliseconds(1)); });
}

BOOST_FIXTURE_TEST_CASE(asios_work_is_done_between_busy_sockets, connection)
{
    // A socket that always has something to do does not hold up a post.
    receiver rx;
    bool posted = false;
    int rounds = 0;
    rx.completion_handler([&](stream_context&) {
        ++rounds;
        if (!posted && rounds < 100000)
        {
            other.write("a");
            socket.async_receive(rx);
        }
    });
    socket.async_receive(rx);
    other.write("a");
    asio::post(io, [&] { asio::post(io, [&] { posted = true; }); });
    support::run(io);
    BOOST_TEST(posted);
    BOOST_TEST(rounds < 100000);
}

// Threads

BOOST_AUTO_TEST_CASE(a_handler_may_wait_for_a_socket_that_is_ready_later)
{
    asio::io_context io;
    tcp::socket first(io), second(io);
    auto first_other = support::connect_tcp(first);
    auto second_other = support::connect_tcp(second);
    receiver a, b;
    std::promise<void> b_ran;
    auto b_done = b_ran.get_future();
    bool ok = false;
    a.completion_handler([&](stream_context&) {
        second_other.write("b");
        ok = b_done.wait_for(support::patience) == std::future_status::ready;
    });
    b.completion_handler([&](stream_context&) { b_ran.set_value(); });
    BOOST_TEST((first.start_receive(a) == pending));
    BOOST_TEST((second.start_receive(b) == pending));
    first_other.write("a");
    {
        threads const all(io, 4);
    }
    BOOST_TEST(ok);
}

// Model cases 61 and 62.
BOOST_FIXTURE_TEST_CASE(a_handler_may_wait_for_the_other_direction, connection)
{
    shrink_buffers();
    std::string const data = support::payload(1 << 20);
    receiver rx;
    context tx;
    std::promise<void> sent;
    auto sent_done = sent.get_future();
    bool ok = false;
    tx.buffer(asio::buffer(data));
    tx.completion_handler([&](stream_context&) { sent.set_value(); });
    rx.completion_handler([&](stream_context&) {
        ok = sent_done.wait_for(support::patience) == std::future_status::ready;
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_send(tx) == pending));
    support::background const reader([&] {
        other.write("a");
        other.discard(data.size());
    });
    {
        threads const all(io, 4);
    }
    BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(many_threads_run_many_sockets)
{
    asio::io_context io;
    constexpr int rounds = 500;

    struct session
    {
        tcp::socket socket;
        tcp::socket far;
        receiver rx;
        receiver far_rx;
        context tx, far_tx;
        int left = rounds;

        explicit session(asio::io_context& c)
            : socket(c)
            , far(c)
        {}
    };

    std::deque<session> sessions;
    std::atomic<int> total{0};
    for (int i = 0; i != 16; ++i)
    {
        auto& s = sessions.emplace_back(io);
        auto end = support::connect_tcp(s.socket);
        s.far.assign(tcp::v4(), end.release());
        s.rx.completion_handler([&s, &total](stream_context& c) {
            ++total;
            if (c.error() || --s.left == 0)
            {
                error_code ignored;
                s.socket.shutdown(tcp::socket::shutdown_both, ignored);
                return;
            }
            s.socket.async_send(s.tx);
        });
        s.tx.buffer(asio::buffer(s.rx.storage));
        s.tx.completion_handler(
            [&s](stream_context&) { s.socket.async_receive(s.rx); });
        s.far_rx.completion_handler([&s](stream_context& c) {
            if (!c.error())
            {
                s.far.async_send(s.far_tx);
            }
        });
        s.far_tx.buffer(asio::buffer(s.far_rx.storage));
        s.far_tx.completion_handler(
            [&s](stream_context&) { s.far.async_receive(s.far_rx); });
        s.far.async_receive(s.far_rx);
        s.socket.async_send(s.tx);
    }
    {
        threads const all(io, 4);
    }
    BOOST_TEST(io.stopped());
    BOOST_TEST(total == 16 * rounds);
}

BOOST_FIXTURE_TEST_CASE(
    a_foreign_thread_may_start_operations_on_contexts, connection)
{
    auto guard = asio::make_work_guard(io);
    support::background const runner([&] { io.run_for(support::patience); });
    // Many are outstanding while the first ones complete.
    constexpr int count = 500;
    std::promise<void> done;
    std::atomic<int> calls{0}, failed{0};
    std::deque<receiver> receives(count);
    for (auto& rx : receives)
    {
        rx.completion_handler([&](stream_context& c) {
            failed += c.error().failed() || c.bytes_transferred() != 1;
            if (++calls == count)
            {
                done.set_value();
            }
        });
        socket.async_receive(rx);
        other.write("a");
    }
    value_of(done.get_future());
    // The last handler has returned when another one runs.
    for (int i = 0; i != 50; ++i)
    {
        receiver rx;
        std::promise<void> one, next;
        rx.completion_handler([&](stream_context&) { one.set_value(); });
        BOOST_REQUIRE((socket.start_receive(rx) == pending));
        other.write("a");
        value_of(one.get_future());
        asio::post(io, [&] { next.set_value(); });
        value_of(next.get_future());
        BOOST_TEST(!rx.is_pending());
    }
    BOOST_TEST(failed == 0);
    guard.reset();
}

BOOST_AUTO_TEST_CASE(operations_wake_a_thread_that_sleeps_in_run)
{
    asio::io_context io;
    auto guard = asio::make_work_guard(io);
    support::background const runner([&] { io.run_for(support::patience); });
    for (int i = 0; i != 50; ++i)
    {
        tcp::socket socket(io);
        auto other = support::connect_tcp(socket);
        std::promise<error_code> done;
        std::array<char, 1> storage;
        other.write("a");
        support::await(socket.native_handle());
        socket.async_read_some(
            asio::buffer(storage),
            [&](error_code ec, std::size_t) { done.set_value(ec); });
        BOOST_TEST(value_of(done.get_future()) == success);
    }
    guard.reset();
}

// To other types, and back

BOOST_FIXTURE_TEST_CASE(
    operations_stay_pending_when_the_type_of_the_executor_changes, connection)
{
    using plain = asio::io_context::executor_type;
    socket_of<plain> concrete(io);
    auto end = support::connect_tcp(concrete);
    receiver rx;
    BOOST_TEST((concrete.start_receive(rx) == pending));
    tcp::socket erased(std::move(concrete));
    BOOST_TEST(!concrete.is_open());
    BOOST_TEST(erased.is_open());
    end.write("ab");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == success);
    finish(io, rx, erased.start_receive(rx));
    BOOST_TEST(rx.storage[0] == 'b');
}

BOOST_FIXTURE_TEST_CASE(a_released_socket_can_be_assigned_again, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    int const fd = socket.release();
    BOOST_TEST(!socket.is_open());
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == asio::error::operation_aborted);
    other.write("a");
    tcp::socket next(io);
    next.assign(tcp::v4(), fd);
    finish(io, rx, next.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST((next.start_receive(rx) == pending));
    other.write("b");
    support::run(io);
    BOOST_TEST(rx.error() == success);
}
