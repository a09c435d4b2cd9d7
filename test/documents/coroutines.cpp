// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// cxxstd: 20

// The code blocks of the guide's page on coroutines, compiled and run;
// pages.cpp compares.

#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE documents_coroutines
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include "support/connection.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::tcp;

//[ask
asio::awaitable<std::string> ask(tcp::socket& socket, std::string question)
{
    std::array<char, 1024> storage; // before the context, to outlive it
    opslot::stream_context context;
    context.timeout(std::chrono::seconds(5)); // for each operation

    context.buffer(asio::buffer(question));
    co_await socket.async_send(context, asio::deferred); // all of it, or throws

    context.buffer(asio::buffer(storage));
    std::size_t const size =
        co_await socket.async_receive(context, asio::deferred);
    co_return std::string(storage.data(), size);
}

//]

//[count
asio::awaitable<std::size_t> count(tcp::socket& socket)
{
    constexpr auto token = asio::as_tuple(asio::deferred);
    std::array<char, 1024> storage;
    opslot::stream_context context;
    context.buffer(asio::buffer(storage));
    std::size_t sum = 0;
    for (;;)
    {
        auto const [error, size] =
            co_await socket.async_receive(context, token);
        sum += size;
        if (error) // also at the end of the stream
            co_return sum;
    }
}

//]

//[composed
asio::awaitable<void> reply(tcp::socket& socket)
{
    std::array<char, 4> head;
    co_await asio::async_read(socket, asio::buffer(head), asio::deferred);
    co_await asio::async_write(socket, asio::buffer(head), asio::deferred);
}

//]

} // namespace

BOOST_FIXTURE_TEST_CASE(a_coroutine_has_its_context, support::connection)
{
    std::string answer;
    asio::co_spawn(
        io, ask(socket, "who?"), [&](std::exception_ptr e, std::string text) {
            BOOST_TEST(!e);
            answer = text;
        });
    support::background server([this] {
        BOOST_TEST(other.read(4) == "who?");
        other.write("me");
    });
    support::run(io);
    server.join();
    BOOST_TEST(answer == "me");
}

BOOST_FIXTURE_TEST_CASE(an_error_may_be_a_value, support::connection)
{
    std::size_t sum = 0;
    asio::co_spawn(
        io, count(socket), [&](std::exception_ptr, std::size_t n) { sum = n; });
    other.write("hello");
    other.shutdown();
    support::run(io);
    BOOST_TEST(sum == 5u);
}

BOOST_FIXTURE_TEST_CASE(composed_operations_await, support::connection)
{
    asio::co_spawn(
        io, reply(socket), [](std::exception_ptr e) { BOOST_TEST(!e); });
    other.write("head");
    support::run(io);
    BOOST_TEST(other.read(4) == "head");
}
