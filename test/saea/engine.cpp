// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What an engine must bear: races, interruptions, readiness that is gone, more
// operations than fit anywhere. The numbers are those of the behavioural cases
// in doc/saea.adoc.

#define BOOST_TEST_MODULE saea_engine
#include <opslot/accept_context.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "contract/receiver.hpp"
#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
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

} // namespace

// Races

namespace {

// A thread in `run`, for operations that others start.
class runner
{
public:
    explicit runner(asio::io_context& io)
        : work_(asio::make_work_guard(io))
        , thread_([&io] { io.run_for(2 * support::patience); })
    {}

    ~runner() { work_.reset(); }

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    support::background thread_;
};

// Waits for a thread that runs elsewhere.
template<typename Predicate>
bool spin_until(Predicate done)
{
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    while (!done())
    {
        if (std::chrono::steady_clock::now() > limit)
        {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

} // namespace

// Model case 102.
BOOST_AUTO_TEST_CASE(bytes_that_arrive_during_a_start_are_not_lost)
{
    constexpr int rounds = 3000;
    connection c;
    stream_context rx;
    std::array<char, 1> storage;
    rx.buffer(asio::buffer(storage));
    std::atomic<int> calls{0}, go{0};
    rx.completion_handler([&](stream_context&) { ++calls; });
    bool in_time = true;
    {
        runner const run(c.io);
        support::background const writer([&] {
            for (int i = 1; i <= rounds; ++i)
            {
                if (!spin_until([&] { return go != i - 1; }) || go < 0)
                {
                    return;
                }
                c.other.write("x");
            }
        });
        int at_once = 0;
        for (int i = 1; i <= rounds && in_time; ++i)
        {
            // The byte arrives before, during or after the call.
            go = i;
            if (c.socket.start_receive(rx) == completed)
            {
                ++at_once;
            }
            in_time = spin_until([&] { return calls + at_once == i; });
        }
        go = in_time ? rounds : -1;
    }
    BOOST_TEST(in_time);
    BOOST_TEST(rx.error() == success);
}

// Model case 102.
BOOST_AUTO_TEST_CASE(bytes_that_arrive_during_a_first_start_are_not_lost)
{
    // The socket becomes known to the engine in that call.
    asio::io_context io;
    for (int i = 0; i != 300; ++i)
    {
        tcp::socket socket(io);
        auto other = support::connect_tcp(socket);
        receiver rx;
        std::atomic<bool> go{false};
        support::background writer([&] {
            if (spin_until([&] { return go.load(); }))
            {
                other.write("x");
            }
        });
        go = true;
        auto const result = socket.start_receive(rx);
        finish(io, rx, result);
        BOOST_REQUIRE(rx.error() == success);
        BOOST_REQUIRE(rx.storage[0] == 'x');
    }
}

// Readiness that is gone

// Model case 107.
BOOST_FIXTURE_TEST_CASE(bytes_that_another_has_taken_are_waited_for, connection)
{
    receiver rx, more;
    support::peer duplicate(::dup(socket.native_handle()));
    BOOST_REQUIRE(duplicate.native_handle() >= 0);
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_receive(more) == pending));
    for (int i = 0; i != 3; ++i)
    {
        other.write("a");
        support::await(duplicate.native_handle());
        BOOST_TEST(duplicate.read(1) == "a");
        support::poll(io);
        BOOST_TEST(rx.is_pending());
        BOOST_TEST(more.is_pending());
    }
    other.write("bc");
    support::run(io);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.storage[0] == 'b');
    BOOST_TEST(more.storage[0] == 'c');
}

// Model case 107.
BOOST_AUTO_TEST_CASE(a_connection_that_another_has_taken_is_waited_for)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    support::counted<tcp::accept_context> c;
    BOOST_TEST((acceptor.start_accept(c) == pending));
    for (int i = 0; i != 3; ++i)
    {
        auto const first = support::connect_to(acceptor.local_endpoint());
        support::await(acceptor.native_handle());
        support::peer const taken(
            ::accept(acceptor.native_handle(), nullptr, nullptr));
        BOOST_REQUIRE(taken.native_handle() >= 0);
        support::poll(io);
        BOOST_TEST(c.is_pending());
    }
    auto const second = support::connect_to(acceptor.local_endpoint());
    support::run(io);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.has_socket());
}

// Interruptions

namespace {

volatile std::sig_atomic_t signals = 0;

// Keeps a signal from the threads that are made meanwhile.
class signal_block
{
public:
    signal_block()
    {
        ::sigset_t alarm;
        ::sigemptyset(&alarm);
        ::sigaddset(&alarm, SIGALRM);
        ::pthread_sigmask(SIG_BLOCK, &alarm, &before_);
    }

    signal_block(signal_block const&) = delete;

    ~signal_block() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    ::sigset_t before_;
};

// As long as it exists, a signal whose handler does not restart system calls
// comes again and again.
class interruptions
{
public:
    interruptions()
    {
        struct ::sigaction action
        {};

        action.sa_handler = [](int) { signals = signals + 1; };
        ::sigemptyset(&action.sa_mask);
        support::require(
            ::sigaction(SIGALRM, &action, &before_) == 0, "sigaction");
        set(100);
    }

    interruptions(interruptions const&) = delete;

    ~interruptions()
    {
        set(0);
        ::sigaction(SIGALRM, &before_, nullptr);
    }

private:
    static void set(int microseconds)
    {
        ::itimerval const interval{{0, microseconds}, {0, microseconds}};
        ::setitimer(ITIMER_REAL, &interval, nullptr);
    }

    struct ::sigaction before_
    {};
};

} // namespace

// Model case 107.
BOOST_FIXTURE_TEST_CASE(signals_end_no_operation, connection)
{
    constexpr int rounds = 200;
    shrink_buffers();
    std::string const data = payload(20000);
    context tx, rx;
    std::string storage(data.size(), '.');
    tx.buffer(asio::buffer(data));
    rx.buffer(asio::buffer(storage));
    rx.at_least(storage.size());
    auto const echo = [&] {
        for (int i = 0; i != rounds; ++i)
        {
            other.write(other.read(data.size()));
        }
    };
    std::optional<signal_block> not_there(std::in_place);
    support::background const peer(echo);
    not_there.reset();
    interruptions const often;
    for (int i = 0; i != rounds || signals < 20; ++i)
    {
        if (i >= rounds)
        {
            // Faster than the signals: what waits meets them.
            rx.timeout(std::chrono::milliseconds(1));
            finish(io, rx, socket.start_receive(rx));
            BOOST_REQUIRE(
                rx.error() == make_error_code(opslot::error::timeout));
            continue;
        }
        BOOST_REQUIRE((socket.start_receive(rx) == pending));
        finish(io, tx, socket.start_send(tx));
        BOOST_REQUIRE(tx.error() == success);
        support::run_until(io, [&] { return !rx.is_pending(); });
        BOOST_REQUIRE(rx.error() == success);
        BOOST_REQUIRE((storage == data));
    }
}

// More than fits

// Model case 103.
BOOST_FIXTURE_TEST_CASE(thousands_of_receives_are_outstanding, connection)
{
    constexpr std::size_t count = 5000;
    std::string const data = payload(count);
    std::deque<receiver> receives(count);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != count; ++i)
    {
        receives[i].completion_handler(
            [&order, i](stream_context&) { order.push_back(i); });
        BOOST_REQUIRE((socket.start_receive(receives[i]) == pending));
    }
    other.write(data);
    support::run(io);
    BOOST_TEST(order.size() == count);
    BOOST_TEST(std::is_sorted(order.begin(), order.end()));
    std::string arrived;
    for (auto const& rx : receives)
    {
        arrived += rx.storage[0];
    }
    BOOST_TEST((arrived == data));
}

// Model case 103.
BOOST_FIXTURE_TEST_CASE(thousands_of_sends_are_outstanding, connection)
{
    constexpr std::size_t count = 5000;
    constexpr std::size_t size = 100;
    shrink_buffers();
    std::string const data = payload(count * size);
    std::deque<context> sends(count);
    std::size_t at_once = 0;
    for (std::size_t i = 0; i != count; ++i)
    {
        sends[i].buffer(asio::buffer(data), i * size, size);
        at_once += socket.start_send(sends[i]) == completed;
    }
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    support::run(io);
    reader.join();
    std::size_t called = 0;
    for (auto const& tx : sends)
    {
        called += static_cast<std::size_t>(tx.calls);
        BOOST_TEST(tx.error() == success);
        BOOST_TEST(tx.bytes_transferred() == size);
    }
    BOOST_TEST(called + at_once == count);
    BOOST_TEST((arrived == data));
}
