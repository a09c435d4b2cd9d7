// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What is counted is every allocation of the process after a few rounds of
// the same traffic.

#define BOOST_TEST_MODULE contract_allocations_coroutines
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>

#include "support/heap.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using opslot::stream_context;
using support::expect_no_allocations;
using support::run_quietly;
using support::socket_pair;
using support::where_allocations_are_seen;
using tcp = opslot::tcp;

constexpr std::size_t message_size = 64;
using message = std::array<char, message_size>;

// Sends back what comes until the end of the stream, without a context.
template<typename Token>
asio::awaitable<void> echo(tcp::socket& socket, Token token)
{
    message storage;
    for (;;)
    {
        co_await asio::async_read(socket, asio::buffer(storage), token);
        co_await asio::async_write(socket, asio::buffer(storage), token);
    }
}

// Sends a message and waits for the answer, over and over, on contexts, and
// stops `io` after each round of messages.
template<typename Token>
asio::awaitable<void>
ping(asio::io_context& io, tcp::socket& socket, int& rounds, Token token)
{
    constexpr int messages = 20;
    message storage{};
    stream_context rx, tx;
    rx.buffer(asio::buffer(storage));
    rx.at_least(message_size);
    tx.buffer(asio::buffer(storage));
    for (;;)
    {
        for (int i = 0; i != messages; ++i)
        {
            co_await socket.async_send(tx, token);
            co_await socket.async_receive(rx, token);
        }
        ++rounds;
        io.stop();
    }
}

template<typename Executor, typename Token>
void expect_echo_without_allocations(
    asio::io_context& io, Executor const& executor, Token token)
{
    socket_pair sockets(executor);
    int rounds = 0;
    int expected = 0;
    asio::co_spawn(executor, echo(sockets.second, token), asio::detached);
    asio::co_spawn(
        executor, ping(io, sockets.first, rounds, token), asio::detached);
    expect_no_allocations(
        [&] { return run_quietly(io) && rounds == ++expected; });
    // Both end with an exception, which nobody is interested in.
    sockets.first.close();
    sockets.second.close();
    BOOST_TEST(run_quietly(io));
    BOOST_TEST(rounds == expected);
}

} // namespace

BOOST_AUTO_TEST_CASE(
    coroutines_that_await_deferred_operations, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    expect_echo_without_allocations(io, io.get_executor(), asio::deferred);
}

BOOST_AUTO_TEST_CASE(
    coroutines_that_await_with_use_awaitable, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    expect_echo_without_allocations(io, io.get_executor(), asio::use_awaitable);
}

BOOST_AUTO_TEST_CASE(coroutines_on_a_strand, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    asio::any_io_executor const strand = asio::make_strand(io);
    expect_echo_without_allocations(io, strand, asio::deferred);
}
