// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Stackful coroutines: one accepts, one echoes for each connection.

#include <boost/asio/buffer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <utility>

#include "app.hpp"

namespace {

void echo(tcp::socket& socket, asio::yield_context yield)
{
    std::array<char, 4096> storage;
    error_code error;
    while (!error)
    {
        std::size_t const n =
            socket.async_read_some(asio::buffer(storage), yield[error]);
        if (!error)
            asio::async_write(socket, asio::buffer(storage, n), yield[error]);
    }
}

class server
{
public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
    {
        asio::spawn(
            io,
            [this](asio::yield_context yield) { accept(yield); },
            asio::detached);
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    void accept(asio::yield_context yield)
    {
        for (;;)
        {
            tcp::socket socket = acceptor_.async_accept(yield);
            auto const executor = socket.get_executor();
            asio::spawn(
                executor,
                [socket = std::move(socket)](asio::yield_context own) mutable {
                    echo(socket, own);
                },
                asio::detached);
        }
    }

    tcp::acceptor acceptor_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<server>(argc, argv);
}
