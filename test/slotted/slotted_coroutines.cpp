// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>

#define BOOST_TEST_MODULE slotted_coroutines
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

#include "support/heap.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::slotted_steady_timer;
using opslot::testing::allocation_counter;
using tcp = opslot::slotted_tcp;

template<class Body, class Executor>
void run(asio::io_context& io, Executor const& executor, Body body)
{
    bool finished = false;
    std::exception_ptr thrown;
    asio::co_spawn(
        executor,
        [&]() -> asio::awaitable<void> {
            co_await body();
            finished = true;
        },
        [&](std::exception_ptr exception) { thrown = exception; });
    support::run(io);
    if (thrown)
        std::rethrow_exception(thrown);
    BOOST_TEST(finished);
}

// What the round trips of two coroutines take from the heap, counted from the
// fifth on.
template<class Token>
std::uint64_t
round_trip_allocations(asio::any_io_executor const& executor, Token token)
{
    auto& io = static_cast<asio::io_context&>(
        asio::query(executor, asio::execution::context));
    tcp::socket client(executor);
    tcp::socket server(executor);
    support::peer other = support::connect_tcp(client);
    server.assign(tcp::v4(), other.release());

    constexpr int rounds = 50;
    std::uint64_t allocations = 0;
    asio::co_spawn(
        executor,
        [&]() -> asio::awaitable<void> {
            std::array<char, 1> byte;
            for (;;)
            {
                co_await server.async_read_some(asio::buffer(byte), token);
                co_await server.async_write_some(asio::buffer(byte), token);
            }
        },
        asio::detached);
    run(io, executor, [&]() -> asio::awaitable<void> {
        std::array<char, 1> byte{};
        allocation_counter heap;
        for (int i = 0; i != rounds; ++i)
        {
            if (i == 5)
                heap.reset();
            co_await client.async_write_some(asio::buffer(byte), token);
            co_await client.async_read_some(asio::buffer(byte), token);
        }
        allocations = heap.count();
        client.close();
    });
    return allocations;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_default_token_of_the_executor_is_used)
{
    using token = asio::use_awaitable_t<>;
    using socket_type = token::as_default_on_t<tcp::socket>;
    using acceptor_type = token::as_default_on_t<tcp::acceptor>;
    using timer_type = token::as_default_on_t<slotted_steady_timer>;
    static_assert(std::is_base_of_v<
                  token::as_default_on_t<asio::ip::tcp::socket>,
                  socket_type>);

    asio::io_context io;
    tcp::endpoint const any(asio::ip::address_v4::loopback(), 0);
    run(io, io.get_executor(), [&]() -> asio::awaitable<void> {
        acceptor_type acceptor(io, any);
        socket_type client(io);
        asio::co_spawn(
            io,
            [&]() -> asio::awaitable<void> {
                co_await client.async_connect(acceptor.local_endpoint());
                co_await asio::async_write(client, asio::buffer("hello", 5));
            },
            asio::detached);
        socket_type server = co_await acceptor.async_accept();
        std::array<char, 5> storage;
        std::size_t const bytes =
            co_await asio::async_read(server, asio::buffer(storage));
        BOOST_TEST(bytes == 5u);
        co_await server.async_wait(server.wait_write);
        co_await server.async_write_some(asio::buffer("a", 1));
        BOOST_TEST(
            co_await client.async_read_some(asio::buffer(storage)) == 1u);
        timer_type timer(io, std::chrono::milliseconds(1));
        co_await timer.async_wait();

        auto converted =
            asio::use_awaitable.as_default_on(tcp::socket(std::move(server)));
        static_assert(std::is_same_v<decltype(converted), socket_type>);
        co_await converted.async_write_some(asio::buffer("a", 1));
    });
}

BOOST_AUTO_TEST_CASE(tokens_of_coroutines_work)
{
    asio::io_context io;
    asio::any_io_executor const executors[] = {
        io.get_executor(), asio::make_strand(io.get_executor())};
    for (asio::any_io_executor const& executor : executors)
    {
        tcp::acceptor acceptor(
            executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        slotted_steady_timer timer(executor);
        run(io, executor, [&]() -> asio::awaitable<void> {
            std::array const endpoints = {acceptor.local_endpoint()};
            tcp::socket client(executor);
            asio::co_spawn(
                executor,
                [&]() -> asio::awaitable<void> {
                    co_await asio::async_connect(
                        client, endpoints, asio::use_awaitable);
                    co_await asio::async_write(
                        client,
                        asio::buffer("hello, you", 10),
                        asio::use_awaitable);
                    client.close();
                },
                asio::detached);
            tcp::socket server =
                co_await acceptor.async_accept(asio::use_awaitable);
            std::array<char, 5> storage;
            error_code redirected;
            std::size_t received = co_await asio::async_read(
                server,
                asio::buffer(storage),
                asio::redirect_error(asio::use_awaitable, redirected));
            BOOST_TEST(received == 5u);
            BOOST_TEST(!redirected);

            auto const [error, bytes] = co_await server.async_read_some(
                asio::buffer(storage, 2), asio::as_tuple(asio::use_awaitable));
            BOOST_TEST(!error);
            BOOST_TEST(bytes == 2u);

            received = co_await server.async_read_some(
                asio::buffer(storage), asio::deferred);
            BOOST_TEST(received == 3u);

            bool thrown = false;
            try
            {
                co_await server.async_read_some(
                    asio::buffer(storage), asio::use_awaitable);
            }
            catch (boost::system::system_error const& e)
            {
                thrown = e.code() == asio::error::eof;
            }
            BOOST_TEST(thrown);
            timer.expires_after(std::chrono::milliseconds(1));
            co_await timer.async_wait(asio::deferred);
        });
    }
}

BOOST_AUTO_TEST_CASE(a_coroutine_stays_cancellable)
{
    asio::io_context io;
    slotted_steady_timer timer(io, std::chrono::hours(1));
    asio::cancellation_signal signal;
    error_code error;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            asio::post(
                io, [&] { signal.emit(asio::cancellation_type::terminal); });
            co_await timer.async_wait(
                asio::redirect_error(asio::use_awaitable, error));
        },
        asio::bind_cancellation_slot(signal.slot(), asio::detached));
    support::run(io);
    BOOST_TEST(error == asio::error::operation_aborted);
}

BOOST_AUTO_TEST_CASE(
    a_round_trip_takes_nothing_from_the_heap,
    *support::where_allocations_are_seen())
{
    asio::io_context io;
    asio::io_context strand_io;
    auto const strand = asio::make_strand(strand_io.get_executor());
    BOOST_TEST(
        round_trip_allocations(io.get_executor(), asio::use_awaitable) == 0u);
    BOOST_TEST(round_trip_allocations(strand, asio::use_awaitable) == 0u);
    BOOST_TEST(round_trip_allocations(io.get_executor(), asio::deferred) == 0u);
    BOOST_TEST(round_trip_allocations(strand, asio::deferred) == 0u);
}
