// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Starts, completions, cancels, closes, disposals and deadlines at the same
// time, as often as it takes for them to meet, and nothing ends twice or never.

#define BOOST_TEST_MODULE contract_races
#include <opslot/context_ptr.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "support/connected.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using tcp = opslot::tcp;
using std::chrono::microseconds;

bool is_expected(error_code ec)
{
    return !ec || ec == asio::error::operation_aborted ||
           ec == opslot::error::timeout || ec == asio::error::eof ||
           ec == asio::error::connection_reset ||
           ec == asio::error::broken_pipe ||
           ec == asio::error::bad_descriptor ||
           ec == opslot::error::send_interrupted;
}

// How often operations were started and ended.
struct tally
{
    std::atomic<int> started{0};
    std::atomic<int> ended{0};
    std::atomic<int> unexpected{0};

    void end(error_code ec)
    {
        ++ended;
        unexpected += !is_expected(ec);
    }
};

// A socket with its peer and contexts, all of them used on one executor.
struct participant
{
    struct each
    {
        stream_context context;
        std::array<char, 64> storage{};
        /// Until the handler has seen the result.
        std::atomic<bool> is_busy{false};
    };

    participant(asio::any_io_executor ex, tally& t)
        : executor(std::move(ex))
        , socket(executor)
        , other(executor)
        , sums(t)
    {
        for (each& e : contexts)
        {
            e.context.buffer(asio::buffer(e.storage));
            e.context.completion_handler(asio::bind_executor(
                executor, [this, &e](stream_context&) { end(e); }));
        }
        open();
    }

    void open()
    {
        auto peer = support::connect_tcp(socket);
        other.assign(tcp::v4(), peer.release());
        // A reset keeps no port: there are many connections.
        socket.set_option(asio::socket_base::linger(true, 0));
        other.set_option(asio::socket_base::linger(true, 0));
        // Nobody waits for room in the middle of it all.
        socket.non_blocking(true);
        other.non_blocking(true);
    }

    // On the executor.
    void act(std::uint32_t random)
    {
        each& e = contexts[random / 8 % contexts.size()];
        bool const is_first = random / 64 % 2 == 0;
        tcp::socket& s = is_first ? socket : other;
        switch (random % 8)
        {
        case 0:
        case 1:
        case 2:
            if (!e.is_busy.load(std::memory_order_acquire))
            {
                e.context.timeout(microseconds(random / 128 % 4 * 700));
                start(e, s, random / 1024);
            }
            break;
        case 3:
            e.context.cancel();
            break;
        case 4:
            s.cancel();
            break;
        case 5:
            // Not for ever: each takes a port for its listener.
            if (random / 128 % 8 == 0 && reopened != 50)
            {
                ++reopened;
                socket.close();
                other.close();
                open();
            }
            break;
        case 6:
            s.shutdown(tcp::socket::shutdown_send, ignored);
            break;
        default:
            s.write_some(asio::buffer("x", 1), ignored);
        }
    }

    void start(each& e, tcp::socket& s, std::uint32_t random)
    {
        stream_context& c = e.context;
        ++sums.started;
        e.is_busy.store(true, std::memory_order_relaxed);
        if (random % 4 == 0)
        {
            s.async_send(c);
        }
        else if (random % 4 == 1)
        {
            s.async_receive(c);
        }
        else
        {
            auto const result =
                random % 4 == 2 ? s.start_send(c) : s.start_receive(c);
            if (result == completed)
            {
                end(e);
            }
        }
    }

    void end(each& e)
    {
        sums.end(e.context.error());
        e.is_busy.store(false, std::memory_order_release);
    }

    asio::any_io_executor executor;
    tcp::socket socket;
    tcp::socket other;
    tally& sums;
    std::array<each, 6> contexts;
    int reopened = 0;
    error_code ignored;
};

constexpr int enough = 3000;

void check(tally const& t)
{
    BOOST_TEST(t.started >= enough);
    BOOST_TEST(t.ended == t.started);
    BOOST_TEST(t.unexpected == 0);
}

// Acts until enough was started, or it takes too long.
template<typename Act>
void act_for_long(tally const& sums, std::uint32_t seed, Act act)
{
    std::mt19937 random(seed);
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    for (int i = 1; sums.started < enough; ++i)
    {
        act(static_cast<std::uint32_t>(random()));
        if (i % 64 == 0)
        {
            if (std::chrono::steady_clock::now() > limit)
            {
                break;
            }
            std::this_thread::yield();
        }
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(everything_may_meet_on_strands)
{
    support::descriptor_check const leaks;
    tally sums;
    asio::io_context io;
    std::list<participant> all;
    for (int i = 0; i != 4; ++i)
    {
        all.emplace_back(asio::make_strand(io), sums);
    }
    {
        support::runners const threads(io, 3);
        std::list<support::background> posters;
        std::uint32_t seed = 0;
        for (participant& p : all)
        {
            posters.emplace_back([&p, s = ++seed] {
                act_for_long(p.sums, s, [&p](std::uint32_t r) {
                    asio::post(p.executor, [&p, r] { p.act(r); });
                });
                asio::post(p.executor, [&p] {
                    p.socket.close();
                    p.other.close();
                });
            });
        }
        for (support::background& p : posters)
        {
            p.join();
        }
    }
    check(sums);
    BOOST_TEST(opslot::diagnostics(io).pending == 0u);
}

BOOST_AUTO_TEST_CASE(distinct_sockets_are_used_by_distinct_threads)
{
    support::descriptor_check const leaks;
    tally sums;
    asio::io_context io;
    std::list<participant> all;
    for (int i = 0; i != 3; ++i)
    {
        all.emplace_back(io.get_executor(), sums);
    }
    {
        support::runners const threads(io, 2);
        std::list<support::background> users;
        std::uint32_t seed = 0;
        for (participant& p : all)
        {
            users.emplace_back([&p, s = ++seed] {
                act_for_long(p.sums, s, [&p](std::uint32_t r) { p.act(r); });
                p.socket.close();
                p.other.close();
            });
        }
        for (support::background& u : users)
        {
            u.join();
        }
    }
    check(sums);
    BOOST_TEST(opslot::diagnostics(io).pending == 0u);
}

BOOST_AUTO_TEST_CASE(deadlines_cancels_and_bytes_end_an_operation_once)
{
    support::descriptor_check const leaks;
    tally sums;
    asio::io_context io;
    support::connected<tcp::socket> pair(io.get_executor());
    stream_context rx;
    char byte = 0;
    rx.buffer(asio::buffer(&byte, 1));
    std::atomic<bool> is_idle{true};
    rx.completion_handler([&](stream_context& c) {
        sums.end(c.error());
        is_idle.store(true, std::memory_order_release);
    });
    std::atomic<bool> is_over{false};
    bool in_time = true;
    {
        support::runners const threads(io, 2);
        support::background const canceller([&] {
            while (!is_over)
            {
                rx.cancel();
                std::this_thread::sleep_for(microseconds(300));
            }
        });
        support::background const writer([&] {
            error_code ignored;
            while (!is_over)
            {
                pair.second.write_some(asio::buffer("x", 1), ignored);
                std::this_thread::sleep_for(microseconds(500));
            }
        });
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        for (int i = 0; i != enough && in_time; ++i)
        {
            while (!is_idle.exchange(false, std::memory_order_acquire))
            {
                in_time &= std::chrono::steady_clock::now() < limit;
                if (!in_time)
                {
                    break;
                }
                std::this_thread::yield();
            }
            rx.timeout(microseconds(i % 3 * 400));
            ++sums.started;
            pair.first.async_receive(rx);
        }
        rx.cancel();
        is_over = true;
        asio::post(io, [&] { pair.first.cancel(); });
    }
    BOOST_TEST(in_time);
    check(sums);
}

BOOST_AUTO_TEST_CASE(a_disposal_meets_the_end_of_an_operation)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    support::connected<tcp::socket> pair(io.get_executor());
    std::atomic<int> ends{0};
    int misuse = 0;
    constexpr int count = 1000;
    {
        support::runners const threads(io, 2);
        for (int i = 0; i != count; ++i)
        {
            // The last reference may go in any thread.
            auto c = opslot::make_context<stream_context>();
            auto const storage = std::make_shared<char>();
            c->buffer(asio::buffer(storage.get(), 1));
            c->completion_handler(
                [storage, &ends](stream_context&) { ++ends; });
            pair.first.async_receive(*c);
            pair.second.write_some(asio::buffer("x", 1));
            c->dispose();
            try
            {
                pair.first.async_receive(*c);
                ++misuse;
            }
            catch (boost::system::system_error const&)
            {}
        }
    }
    BOOST_TEST(misuse == 0);
    BOOST_TEST(ends == count);
}

BOOST_AUTO_TEST_CASE(a_context_goes_from_one_io_context_to_another)
{
    support::descriptor_check const leaks;
    asio::io_context first, second;
    support::connected<tcp::socket> a(first.get_executor());
    support::connected<tcp::socket> b(second.get_executor());
    stream_context c;
    char byte = 0;
    c.buffer(asio::buffer(&byte, 1));
    support::countdown done;
    done.start(1);
    constexpr int count = 4000;
    int hops = 0;
    // Each handler starts it on the other socket, run by another thread.
    c.completion_handler([&](stream_context&) {
        if (++hops == count)
        {
            done.down();
            return;
        }
        auto& next = hops % 2 == 0 ? a : b;
        next.second.write_some(asio::buffer("x", 1));
        next.first.async_receive(c);
    });
    bool in_time = false;
    {
        support::runners const one(first, 1), other(second, 1);
        a.second.write_some(asio::buffer("x", 1));
        a.first.async_receive(c);
        in_time = done.wait();
    }
    BOOST_TEST(in_time);
    BOOST_TEST(hops == count);
    BOOST_TEST(c.error() == error_code());
}
