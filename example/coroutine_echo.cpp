// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// cxxstd: 20

// Sends back what it receives: one coroutine for each connection, and no
// allocation for a message.
//
// usage: coroutine_echo [port]

#include <opslot/tcp.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>
#include <system_error>
#include <utility>

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::tcp;

// Errors are results here, not exceptions: a connection that ends is no
// surprise.
constexpr auto token = asio::as_tuple(asio::deferred);

asio::awaitable<void> session(tcp::socket socket)
{
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    std::array<char, 4096> storage;
    opslot::stream_context context;
    // A deadline for each operation, without a timer or a parallel group.
    context.timeout(std::chrono::minutes(1));
    for (;;)
    {
        context.buffer(asio::buffer(storage));
        auto const [receive_error, size] =
            co_await socket.async_receive(context, token);
        if (receive_error) // also at the end of the stream
        {
            co_return;
        }
        context.slice(0, size);
        auto const [send_error, sent] =
            co_await socket.async_send(context, token); // sends everything
        if (send_error)
        {
            co_return;
        }
    }
}

asio::awaitable<void> listen(tcp::acceptor acceptor)
{
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer retry(executor);
    for (;;)
    {
        auto [error, socket] = co_await acceptor.async_accept(token);
        if (!error)
        {
            asio::co_spawn(
                executor, session(std::move(socket)), asio::detached);
            continue;
        }
        // There are no descriptors left, for instance.
        std::cerr << "accept: " << error.message() << std::endl;
        retry.expires_after(std::chrono::milliseconds(100));
        co_await retry.async_wait(token);
    }
}

int main(int argc, char* argv[])
{
    char const* const text = argc > 1 ? argv[1] : "7007";
    unsigned short port = 0;
    auto const [end, error] =
        std::from_chars(text, text + std::strlen(text), port);
    if (argc > 2 || error != std::errc() || *end != '\0')
    {
        std::cerr << "usage: coroutine_echo [port]\n";
        return 2;
    }
    try
    {
        asio::io_context io(1);
        tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
        // The coroutines, and the sockets in them, end with the io_context.
        asio::signal_set signals(io, SIGINT, SIGTERM);
        signals.async_wait([&](error_code, int) { io.stop(); });
        std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
        asio::co_spawn(io, listen(std::move(acceptor)), asio::detached);
        io.run();
        return 0;
    }
    catch (std::exception const& e)
    {
        std::cerr << "coroutine_echo: " << e.what() << '\n';
        return 1;
    }
}
