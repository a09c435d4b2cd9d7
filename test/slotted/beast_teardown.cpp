// precompiled: no

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/beast_teardown.hpp>

#define BOOST_TEST_MODULE slotted_beast_teardown
#include <opslot/slotted_tcp.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <tuple>
#include <type_traits>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using protocols = std::tuple<opslot::slotted_tcp, opslot::tcp>;

// Two ends of a connection, before the handshake.
template<typename Tcp>
struct two_streams
{
    using stream_type = websocket::stream<typename Tcp::socket>;
    static_assert(beast::is_async_stream<typename Tcp::socket>::value);
    static_assert(beast::is_sync_stream<typename Tcp::socket>::value);

    support::descriptor_check leaks;
    asio::io_context io;
    stream_type client;
    stream_type server;

    explicit two_streams(bool strand = false)
        : client(executor(strand))
        , server(executor(strand))
    {
        support::peer other = support::connect_tcp(client.next_layer());
        server.next_layer().assign(Tcp::v4(), other.release());
    }

    asio::any_io_executor executor(bool strand)
    {
        if (strand)
            return asio::make_strand(io.get_executor());
        return io.get_executor();
    }
};

template<typename Tcp>
void exchange_and_close(two_streams<Tcp>& both)
{
    beast::flat_buffer received;
    error_code server_end;
    error_code client_end = websocket::error::no_host;
    bool echoed = false;

    both.server.async_accept([&](error_code accepted) {
        BOOST_TEST(!accepted);
        both.server.async_read(received, [&](error_code, std::size_t n) {
            BOOST_TEST(n == 5u);
            both.server.async_write(
                received.data(), [&](error_code, std::size_t) {
                    received.consume(5);
                    both.server.async_read(
                        received, [&](error_code error, std::size_t) {
                            server_end = error;
                        });
                });
        });
    });
    beast::flat_buffer reply;
    both.client.async_handshake("localhost", "/", [&](error_code shaken) {
        BOOST_TEST(!shaken);
        both.client.async_write(
            asio::buffer("hello", 5), [&](error_code, std::size_t) {
                both.client.async_read(reply, [&](error_code, std::size_t n) {
                    echoed = n == 5;
                    both.client.async_close(
                        websocket::close_code::normal,
                        [&](error_code error) { client_end = error; });
                });
            });
    });
    support::run(both.io);
    BOOST_TEST(echoed);
    BOOST_TEST(!client_end);
    BOOST_TEST((server_end == websocket::error::closed));
    BOOST_TEST(!both.client.next_layer().is_open());
    BOOST_TEST(!both.server.next_layer().is_open());
}

static_assert(std::is_same_v<
              beast::lowest_layer_type<
                  websocket::stream<opslot::slotted_tcp::socket>>,
              opslot::slotted_tcp::socket>);

} // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(a_websocket_closes_its_socket, Tcp, protocols)
{
    two_streams<Tcp> both;
    exchange_and_close(both);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(
    a_websocket_on_a_strand_closes_its_socket, Tcp, protocols)
{
    two_streams<Tcp> both(true);
    exchange_and_close(both);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_websocket_closes_synchronously, Tcp, protocols)
{
    two_streams<Tcp> both;
    {
        support::background const server([&] {
            error_code error;
            beast::flat_buffer received;
            both.server.accept(error);
            both.server.read(received, error);
        });
        error_code error;
        both.client.handshake("localhost", "/", error);
        BOOST_TEST(!error);
        both.client.close(websocket::close_code::normal, error);
        BOOST_TEST(!error);
    }
    BOOST_TEST(!both.client.next_layer().is_open());
    BOOST_TEST(!both.server.next_layer().is_open());
}

// A client that sends more, and only then ends. Beast 1.81 does not read it
// from the sockets of Asio.
BOOST_AUTO_TEST_CASE(what_comes_late_is_read)
{
    support::descriptor_check leaks;
    asio::io_context io;
    opslot::tcp::socket socket(io);
    support::peer other = support::connect_tcp(socket);
    int calls = 0;
    auto const end = [&](error_code error) {
        BOOST_TEST(!error);
        ++calls;
    };
    using beast::websocket::async_teardown;
    async_teardown(beast::role_type::server, socket, end);
    BOOST_TEST(calls == 0);
    support::poll(io);
    other.write(std::string(10'000, 'x'));
    support::poll(io);
    BOOST_TEST(calls == 0);
    BOOST_TEST(socket.is_open());
    other.shutdown();
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(!socket.is_open());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_closed_socket_cannot_end, Tcp, protocols)
{
    asio::io_context io;
    typename Tcp::socket socket(io);
    for (auto role : {beast::role_type::server, beast::role_type::client})
    {
        error_code result;
        using beast::websocket::async_teardown;
        async_teardown(role, socket, [&](error_code error) { result = error; });
        BOOST_TEST(!result);
        support::run(io);
        BOOST_TEST(result == asio::error::bad_descriptor);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_socket_is_closed_by_beast, Tcp, protocols)
{
    two_streams<Tcp> both;
    beast::close_socket(beast::get_lowest_layer(both.client));
    BOOST_TEST(!both.client.next_layer().is_open());
}
