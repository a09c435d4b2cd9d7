// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// cxxstd: 20

// Sends back what it receives: one coroutine for each connection, and no
// allocation for a message. co_await is the start of an operation and its
// completion, at once or later.
//
//   coroutine_echo
//   nc 127.0.0.1 7007

#include <opslot/tcp.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <chrono>
#include <iostream>
#include <list>
#include <utility>

#include "support/server_program.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::tcp;
using support::threading;

//[session
// Errors are results here, not exceptions: a connection that ends is no
// surprise.
constexpr auto token = asio::as_tuple(asio::deferred);

asio::awaitable<void> converse(tcp::socket& socket)
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

class server
{
    tcp::acceptor acceptor_;
    std::list<tcp::socket> sockets_; // for the end

public:
    explicit server(tcp::acceptor acceptor)
        : acceptor_(std::move(acceptor))
    {
        asio::co_spawn(acceptor_.get_executor(), listen(), asio::detached);
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

    // What has arrived is sent back, and then the streams end.
    void stop()
    {
        acceptor_.close();
        for (tcp::socket& each : sockets_)
        {
            support::end_receiving(each);
        }
    }

private:
    asio::awaitable<void> listen()
    {
        auto const executor = co_await asio::this_coro::executor;
        asio::steady_timer retry(executor);
        while (acceptor_.is_open())
        {
            auto [error, socket] = co_await acceptor_.async_accept(token);
            if (!error)
            {
                sockets_.push_front(std::move(socket));
                asio::co_spawn(
                    executor, session(sockets_.begin()), asio::detached);
            }
            else if (acceptor_.is_open())
            {
                // There are no descriptors left, for instance.
                std::cerr << "accept: " << error.message() << std::endl;
                retry.expires_after(std::chrono::milliseconds(100));
                co_await retry.async_wait(token);
            }
        }
    }

    asio::awaitable<void> session(std::list<tcp::socket>::iterator socket)
    {
        co_await converse(*socket);
        sockets_.erase(socket);
    }
};

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {7007, threading::each}, [](auto const& options) {
            support::serve(options, [](tcp::acceptor acceptor) {
                return server(std::move(acceptor));
            });
        });
}
