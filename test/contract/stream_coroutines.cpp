// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Coroutines on streams, with contexts and without.

#define BOOST_TEST_MODULE contract_stream_coroutines
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using opslot::stream_context;
using support::connection;
using tcp = opslot::tcp;

struct coroutines : connection
{
    template<typename Body>
    void run(Body body)
    {
        bool ended = false;
        std::exception_ptr thrown;
        asio::co_spawn(io, body, [&](std::exception_ptr e) {
            thrown = e;
            ended = true;
        });
        support::run(io);
        BOOST_TEST(ended);
        if (thrown)
        {
            std::rethrow_exception(thrown);
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(coroutines_read_and_write_without_a_context, coroutines)
{
    other.write("abcdef");
    run([&]() -> asio::awaitable<void> {
        std::array<char, 6> storage;
        std::size_t n = co_await asio::async_read(
            socket, asio::buffer(storage), asio::use_awaitable);
        BOOST_TEST(n == 6u);
        n = co_await asio::async_write(
            socket, asio::buffer(storage), asio::deferred);
        BOOST_TEST(n == 6u);
    });
    BOOST_TEST(other.read(6) == "abcdef");
}

BOOST_FIXTURE_TEST_CASE(coroutines_operate_on_a_context, coroutines)
{
    run([&]() -> asio::awaitable<void> {
        stream_context c;
        std::array<char, 6> storage;
        for (int i = 0; i != 100; ++i)
        {
            other.write("ping");
            c.buffer(asio::buffer(storage));
            std::size_t n =
                co_await socket.async_receive(c, asio::use_awaitable);
            BOOST_TEST(n == 4u);
            c.buffer(asio::buffer(storage, n));
            n = co_await socket.async_send(c, asio::deferred);
            BOOST_TEST(n == 4u);
            BOOST_TEST(other.read(4) == "ping");
        }
    });
}

BOOST_FIXTURE_TEST_CASE(coroutines_get_errors_as_exceptions, coroutines)
{
    other.close();
    run([&]() -> asio::awaitable<void> {
        std::array<char, 6> storage;
        bool caught = false;
        try
        {
            co_await socket.async_read_some(
                asio::buffer(storage), asio::use_awaitable);
        }
        catch (system_error const& e)
        {
            caught = e.code() == asio::error::eof;
        }
        BOOST_TEST(caught);
        auto const [ec, n] = co_await socket.async_read_some(
            asio::buffer(storage), asio::as_tuple(asio::use_awaitable));
        BOOST_TEST(ec == asio::error::eof);
        BOOST_TEST(n == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(coroutines_catch_misuse_of_a_context, coroutines)
{
    run([&]() -> asio::awaitable<void> {
        stream_context c;
        bool caught = false;
        try
        {
            co_await socket.async_receive(c, asio::use_awaitable);
        }
        catch (system_error const& e)
        {
            caught = e.code() == opslot::error::no_buffer;
        }
        BOOST_TEST(caught);
    });
}

BOOST_FIXTURE_TEST_CASE(a_parallel_group_cancels_the_slower_one, coroutines)
{
    using namespace asio::experimental::awaitable_operators;
    run([&]() -> asio::awaitable<void> {
        std::array<char, 6> storage;
        asio::steady_timer timer(io, std::chrono::milliseconds(1));
        auto const result = co_await(
            socket.async_read_some(
                asio::buffer(storage), asio::use_awaitable) ||
            timer.async_wait(asio::use_awaitable));
        BOOST_TEST(result.index() == 1u);
        // The read that was cancelled took nothing.
        other.write("abc");
        std::size_t const n = co_await socket.async_read_some(
            asio::buffer(storage), asio::use_awaitable);
        BOOST_TEST(std::string_view(storage.data(), n) == "abc");
    });
}

BOOST_AUTO_TEST_CASE(a_context_goes_with_its_coroutine)
{
    support::descriptor_check const leaks;
    // The coroutine is destroyed with the io_context while it waits.
    bool destroyed = false;
    {
        asio::io_context inner;
        tcp::socket waiting(inner);
        auto idle = support::connect_tcp(waiting);

        struct flag
        {
            bool& value;

            ~flag() { value = true; }
        };

        asio::co_spawn(
            inner,
            [&]() -> asio::awaitable<void> {
                flag const at_end{destroyed};
                stream_context c;
                std::array<char, 6> storage;
                c.buffer(asio::buffer(storage));
                co_await waiting.async_receive(c, asio::use_awaitable);
            },
            asio::detached);
        support::poll(inner);
        BOOST_TEST(!destroyed);
    }
    BOOST_TEST(destroyed);
}
