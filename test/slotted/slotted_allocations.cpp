// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/operation_memory.hpp>
#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>
#include <opslot/slotted_udp.hpp>

#define BOOST_TEST_MODULE slotted_allocations
#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "support/connected.hpp"
#include "support/heap.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::slotted_steady_timer;
using opslot::testing::allocation_counter;
using tcp = opslot::slotted_tcp;
using udp = opslot::slotted_udp;
using io_executor = asio::io_context::executor_type;
using support::connected;
using support::countdown;
using support::expect_no_allocations;
using support::run_quietly;
using support::runners;
using support::where_allocations_are_seen;

template<class Executor>
using tcp_socket =
    typename tcp::socket::template rebind_executor<Executor>::other;

template<class Socket, class Executor>
void test_burst(asio::io_context& io, Executor const& executor)
{
    constexpr int burst = 1000;
    connected<Socket> pair(executor);
    std::array<char, burst> storage;
    expect_no_allocations([&] {
        int written = 0;
        auto const write = [&] {
            for (int i = 0; i != burst; ++i)
                pair.first.async_write_some(
                    asio::buffer("x", 1), [&](error_code error, std::size_t) {
                        written += error ? 0 : 1;
                    });
        };
        bool read = false;
        pair.first.async_wait(
            pair.first.wait_write, [&](error_code) { write(); });
        asio::async_read(
            pair.second,
            asio::buffer(storage),
            [&](error_code error, std::size_t) { read = !error; });
        return run_quietly(io) && read && written == burst;
    });
}

// What several threads do to one connection: an echo, again and again.
template<class Socket>
struct echo
{
    connected<Socket> pair;
    countdown& done;
    std::array<char, 64> request{};
    std::array<char, 64> reply{};
    int left = 0;

    template<class Executor>
    echo(Executor const& executor, countdown& d)
        : pair(executor)
        , done(d)
    {}

    void start(int count)
    {
        left = count;
        next();
    }

    void next()
    {
        asio::async_write(
            pair.first, asio::buffer(request), [](error_code, std::size_t) {});
        asio::async_read(
            pair.second, asio::buffer(reply), [this](error_code, std::size_t) {
                asio::async_write(
                    pair.second,
                    asio::buffer(reply),
                    [](error_code, std::size_t) {});
            });
        asio::async_read(
            pair.first, asio::buffer(request), [this](error_code, std::size_t) {
                if (--left != 0)
                    next();
                else
                    done.down();
            });
    }
};

template<class Socket, class Executor>
void test_threads(asio::io_context& io, Executor const& executor)
{
    constexpr int connections = 8;
    constexpr int echo_count = 20;
    countdown done;
    std::list<echo<Socket>> echoes;
    for (int i = 0; i != connections; ++i)
        echoes.emplace_back(executor, done);

    runners const threads(io, 4);
    auto const round = [&] {
        done.start(connections);
        for (auto& each : echoes)
            each.start(echo_count);
        return done.wait();
    };
    bool ok = true;
    for (int i = 0; ok && i != 50; ++i)
        ok = round();

    // A strand that moves to another thread because of what is left to do
    // takes 80 bytes from a cache of Asio's for each thread, and that one may
    // be empty by chance. The operations have no part in it: that would be one
    // allocation for each.
    allocation_counter const heap(allocation_counter::scope::process);
    for (int i = 0; ok && i != 50; ++i)
        ok = round();
    std::uint64_t const count = heap.count();
    BOOST_TEST(ok);
    BOOST_TEST(count < 50u * connections * echo_count * 4u / 100u);
}

} // namespace

BOOST_AUTO_TEST_CASE(
    a_burst_of_writes_from_one_handler, *where_allocations_are_seen())
{
    asio::io_context io;
    test_burst<tcp::socket>(io, io.get_executor());
    test_burst<tcp_socket<io_executor>>(io, io.get_executor());
}

BOOST_AUTO_TEST_CASE(
    a_burst_of_writes_on_a_strand, *where_allocations_are_seen())
{
    asio::io_context io;
    auto const strand = asio::make_strand(io.get_executor());
    test_burst<tcp::socket>(io, strand);
    test_burst<tcp_socket<asio::strand<io_executor>>>(io, strand);
}

BOOST_AUTO_TEST_CASE(
    a_burst_of_waits_of_one_timer, *where_allocations_are_seen())
{
    asio::io_context io;
    slotted_steady_timer timer(io);
    expect_no_allocations([&] {
        int ended = 0;
        timer.expires_after(std::chrono::hours(1));
        for (int i = 0; i != 1000; ++i)
            timer.async_wait([&](error_code) { ++ended; });
        timer.cancel();
        return run_quietly(io) && ended == 1000;
    });
}

BOOST_AUTO_TEST_CASE(a_timer_that_is_set_again, *where_allocations_are_seen())
{
    asio::io_context io;
    slotted_steady_timer timer(io);
    expect_no_allocations([&] {
        int cancelled = 0;
        bool due = false;
        for (int i = 0; i != 100; ++i)
        {
            timer.expires_after(std::chrono::hours(1));
            timer.async_wait([&](error_code error) {
                cancelled += error ? 1 : 0;
                due = !error;
            });
            io.poll();
        }
        timer.expires_after(std::chrono::microseconds(1));
        timer.async_wait([&](error_code error) { due = !error; });
        return run_quietly(io) && due && cancelled == 100;
    });
}

BOOST_AUTO_TEST_CASE(
    operations_started_by_another_thread, *where_allocations_are_seen())
{
    asio::io_context io;
    // How many operations overlap, and so how many overflow, depends on when
    // the threads run: there is memory for that from the start.
    for (std::size_t bytes = 64; bytes <= 512; bytes += 64)
    {
        opslot::operation_memory::of(io).reserve(bytes, 8);
    }
    asio::any_io_executor const executors[] = {
        io.get_executor(), asio::make_strand(io.get_executor())};
    for (asio::any_io_executor const& executor : executors)
    {
        connected<tcp::socket> pair(executor);
        slotted_steady_timer timer(executor);
        countdown done;
        io.restart();
        runners const threads(io, 1);
        std::array<char, 5> storage;
        expect_no_allocations([&] {
            done.start(3);
            asio::async_read(
                pair.second,
                asio::buffer(storage),
                [&](error_code, std::size_t) { done.down(); });
            asio::async_write(
                pair.first,
                asio::buffer("hello", 5),
                [&](error_code, std::size_t) { done.down(); });
            timer.expires_after(std::chrono::microseconds(1));
            timer.async_wait([&](error_code) { done.down(); });
            return done.wait();
        });
    }
}

BOOST_AUTO_TEST_CASE(
    a_strand_shared_by_four_threads, *where_allocations_are_seen())
{
    asio::io_context io;
    test_threads<tcp::socket>(io, asio::make_strand(io.get_executor()));
}

BOOST_AUTO_TEST_CASE(
    a_concrete_strand_shared_by_four_threads, *where_allocations_are_seen())
{
    asio::io_context io;
    test_threads<tcp_socket<asio::strand<io_executor>>>(
        io, asio::make_strand(io.get_executor()));
}

BOOST_AUTO_TEST_CASE(a_fan_out_from_one_handler, *where_allocations_are_seen())
{
    asio::io_context io;
    for (std::size_t const width : {3u, 8u, 32u})
    {
        std::list<connected<tcp::socket>> pairs;
        for (std::size_t i = 0; i != width; ++i)
            pairs.emplace_back(io.get_executor());
        std::array<char, 1> byte;
        slotted_steady_timer start(io, std::chrono::seconds(0));
        expect_no_allocations([&] {
            std::size_t finished = 0;
            auto const count = [&](error_code error, std::size_t) {
                finished += error ? 0u : 1u;
            };
            start.async_wait([&](error_code) {
                for (auto& each : pairs)
                {
                    each.first.async_write_some(asio::buffer("x", 1), count);
                    each.second.async_read_some(asio::buffer(byte), count);
                }
            });
            return run_quietly(io) && finished == 2 * width;
        });
    }
}

BOOST_AUTO_TEST_CASE(a_large_handler, *where_allocations_are_seen())
{
    asio::io_context io;
    asio::any_io_executor const executors[] = {
        io.get_executor(), asio::make_strand(io.get_executor())};
    for (asio::any_io_executor const& executor : executors)
    {
        connected<tcp::socket> pair(executor);
        std::array<char, 1> byte;
        std::array<char, 4000> cargo{};
        cargo.back() = 1;
        expect_no_allocations([&] {
            int finished = 0;
            pair.first.async_write_some(
                asio::buffer("x", 1),
                [&finished, cargo](error_code, std::size_t) {
                    finished += cargo.back();
                });
            pair.second.async_read_some(
                asio::buffer(byte),
                [&finished, cargo](error_code, std::size_t) {
                    finished += cargo.back();
                });
            return run_quietly(io) && finished == 2;
        });
    }
}

BOOST_AUTO_TEST_CASE(a_connection_for_each_round, *where_allocations_are_seen())
{
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::endpoint const endpoint = acceptor.local_endpoint();
    expect_no_allocations([&] {
        int finished = 0;
        std::array<char, 1> byte;
        tcp::socket client(io);
        tcp::socket server(io);
        acceptor.async_accept([&](error_code, tcp::socket accepted) {
            server = std::move(accepted);
            server.async_read_some(
                asio::buffer(byte),
                [&](error_code, std::size_t) { ++finished; });
        });
        client.async_connect(endpoint, [&](error_code) {
            client.async_write_some(
                asio::buffer("x", 1),
                [&](error_code, std::size_t) { ++finished; });
        });
        return run_quietly(io) && finished == 2;
    });
}

BOOST_AUTO_TEST_CASE(datagrams_from_one_handler, *where_allocations_are_seen())
{
    asio::io_context io;
    udp::endpoint const any(asio::ip::address_v4::loopback(), 0);
    udp::socket from(io, any);
    udp::socket to(io, any);
    udp::endpoint const destination = to.local_endpoint();
    std::array<udp::endpoint, 16> senders;
    std::array<char, 16> storage;
    expect_no_allocations([&] {
        int finished = 0;
        auto const count = [&](error_code error, std::size_t) {
            finished += error ? 0 : 1;
        };
        for (udp::endpoint& sender : senders)
        {
            to.async_receive_from(asio::buffer(storage), sender, count);
            from.async_send_to(asio::buffer("x", 1), destination, count);
        }
        return run_quietly(io) && finished == 32;
    });
}

BOOST_AUTO_TEST_CASE(
    an_executor_that_cannot_be_unwrapped_adds_nothing,
    *where_allocations_are_seen())
{
    // Asio allocates for this one; the slots must not add to it.
    asio::io_context io;
    asio::any_io_executor const executor =
        asio::make_strand(asio::any_io_executor(io.get_executor()));
    connected<tcp::socket> slotted(executor);
    connected<asio::ip::tcp::socket> plain(executor);
    std::array<char, 1> byte;
    auto const allocations = [&](auto& pair) {
        auto const round = [&] {
            for (int i = 0; i != 16; ++i)
            {
                pair.first.async_write_some(
                    asio::buffer("x", 1), [](error_code, std::size_t) {});
                pair.second.async_read_some(
                    asio::buffer(byte), [](error_code, std::size_t) {});
            }
            return run_quietly(io);
        };
        round();
        allocation_counter const heap;
        round();
        return heap.count();
    };
    BOOST_TEST(allocations(slotted) <= allocations(plain));
}
