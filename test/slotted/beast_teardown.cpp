// precompiled: no

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/beast_teardown.hpp>

#define BOOST_TEST_MODULE slotted_beast_teardown
#include <opslot/slotted_tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <type_traits>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using tcp = opslot::slotted_tcp;
using stream_type = websocket::stream<tcp::socket>;

static_assert(beast::is_async_stream<tcp::socket>::value);
static_assert(beast::is_sync_stream<tcp::socket>::value);
static_assert(
    std::is_same_v<beast::lowest_layer_type<stream_type>, tcp::socket>);

// Two ends of a connection, before the handshake.
struct two_streams
{
    support::descriptor_check leaks;
    asio::io_context io;
    stream_type client;
    stream_type server;

    explicit two_streams(bool strand = false)
        : client(executor(strand))
        , server(executor(strand))
    {
        support::peer other = support::connect_tcp(client.next_layer());
        server.next_layer().assign(tcp::v4(), other.release());
    }

    asio::any_io_executor executor(bool strand)
    {
        if (strand)
            return asio::make_strand(io.get_executor());
        return io.get_executor();
    }
};

void exchange_and_close(two_streams& both)
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

} // namespace

BOOST_AUTO_TEST_CASE(a_websocket_closes_its_slotted_socket)
{
    two_streams both;
    exchange_and_close(both);
}

BOOST_AUTO_TEST_CASE(a_websocket_on_a_strand_closes_its_slotted_socket)
{
    two_streams both(true);
    exchange_and_close(both);
}

BOOST_AUTO_TEST_CASE(a_websocket_closes_synchronously)
{
    two_streams both;
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

BOOST_AUTO_TEST_CASE(a_slotted_socket_is_closed_by_beast)
{
    two_streams both;
    beast::close_socket(beast::get_lowest_layer(both.client));
    BOOST_TEST(!both.client.next_layer().is_open());
}
