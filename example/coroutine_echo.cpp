// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// cxxstd: 20

// Sends back what it receives: one coroutine for each connection, and no
// allocation for a message. co_await is the start of an operation and its
// completion, at once or later.
//
//   coroutine_echo 7007
//   nc 127.0.0.1 7007

#include <opslot/tcp.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <chrono>
#include <iostream>
#include <utility>

#include "support/server_program.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::tcp;

//[session
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

//]

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
    return support::server_main(argc, argv, {7007}, [](auto const& options) {
        asio::io_context io(1);
        tcp::acceptor acceptor(io, options.endpoint());
        auto const endpoint = acceptor.local_endpoint();
        asio::co_spawn(io, listen(std::move(acceptor)), asio::detached);
        // The coroutines, and the sockets in them, go with the io_context.
        support::run(io, endpoint);
    });
}
