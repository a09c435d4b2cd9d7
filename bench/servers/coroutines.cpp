// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// cxxstd: 20

// An echo as coroutines, the same for all sockets with Asio's forms.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <utility>
#include <vector>

#include "families.hpp"
#include "service.hpp"

namespace {

namespace asio = boost::asio;
using bench::cell;

template<typename Socket>
asio::awaitable<void> echo(Socket socket, cell const& c)
{
    std::vector<char> buffer(c.buffer_bytes);
    try
    {
        for (;;)
        {
            std::size_t const n = co_await socket.async_read_some(
                asio::buffer(buffer), asio::deferred);
            co_await asio::async_write(
                socket, asio::buffer(buffer, n), asio::deferred);
        }
    }
    catch (boost::system::system_error const&)
    {
        // The end of the connection.
    }
}

template<typename Acceptor>
asio::awaitable<void> accept(Acceptor& acceptor, cell const& c)
{
    for (;;)
    {
        auto socket = co_await acceptor.async_accept(asio::deferred);
        socket.set_option(asio::ip::tcp::no_delay(true));
        asio::co_spawn(
            acceptor.get_executor(),
            echo(std::move(socket), c),
            asio::detached);
    }
}

template<typename Family>
void serve(cell const& c)
{
    asio::io_context io(1);
    typename Family::acceptor acceptor(
        io, {asio::ip::address_v4::loopback(), 0});
    asio::co_spawn(io, accept(acceptor, c), asio::detached);
    bench::announce(acceptor.local_endpoint().port());
    io.run();
}

} // namespace

int main(int argc, char* argv[])
{
    return bench::serve_main(
        argc,
        argv,
        {
            {"asio coroutines", &serve<bench::asio_any>},
            {"asio_concrete coroutines", &serve<bench::asio_concrete>},
            {"slotted coroutines", &serve<bench::slotted>},
            {"opslot coroutines", &serve<bench::opslot_token>},
        });
}
