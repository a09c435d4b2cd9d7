// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// C++20 coroutines: one accepts, one echoes for each connection.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <cstddef>
#include <utility>

#include "app.hpp"

namespace {

asio::awaitable<void> echo(tcp::socket socket)
{
    try
    {
        std::array<char, 4096> storage;
        for (;;)
        {
            std::size_t const n = co_await socket.async_read_some(
                asio::buffer(storage), asio::deferred);
            co_await asio::async_write(
                socket, asio::buffer(storage, n), asio::deferred);
        }
    }
    catch (boost::system::system_error const&)
    {
        // The connection has ended.
    }
}

class server
{
public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
    {
        asio::co_spawn(io, accept(), asio::detached);
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    asio::awaitable<void> accept()
    {
        for (;;)
        {
            tcp::socket socket =
                co_await acceptor_.async_accept(asio::use_awaitable);
            auto const executor = socket.get_executor();
            asio::co_spawn(executor, echo(std::move(socket)), asio::detached);
        }
    }

    tcp::acceptor acceptor_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<server>(argc, argv);
}
