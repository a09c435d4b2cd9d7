// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted_local.hpp>

#define BOOST_TEST_MODULE slotted_local
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <type_traits>

#include <unistd.h>

#include "support/heap.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace local = opslot::slotted_local;
using boost::system::error_code;

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using stream = local::stream_protocol;
    using asio_stream = asio::local::stream_protocol;
    static_assert(std::is_same_v<stream::endpoint, asio_stream::endpoint>);
    static_assert(std::is_base_of_v<asio_stream::socket, stream::socket>);
    static_assert(std::is_base_of_v<asio_stream::acceptor, stream::acceptor>);
    static_assert(std::is_base_of_v<
                  asio::local::datagram_protocol::socket,
                  local::datagram_protocol::socket>);
    stream const kept = stream::endpoint("x").protocol();
    BOOST_TEST(kept.type() == SOCK_STREAM);
    local::datagram_protocol const datagrams =
        local::datagram_protocol::endpoint("x").protocol();
    BOOST_TEST(datagrams.type() == SOCK_DGRAM);
}

BOOST_AUTO_TEST_CASE(an_acceptor_yields_slotted_sockets)
{
    using stream = local::stream_protocol;
    asio::io_context io;
    std::string name("\0opslot slotted_local ", 22);
    name += std::to_string(::getpid());
    stream::acceptor acceptor(io, stream::endpoint(name));
    stream::socket client(io);
    int done = 0;
    acceptor.async_accept([&](error_code error, stream::socket socket) {
        BOOST_TEST(!error);
        BOOST_TEST(socket.is_open());
        ++done;
    });
    client.async_connect(stream::endpoint(name), [&](error_code error) {
        BOOST_TEST(!error);
        ++done;
    });
    support::run(io);
    BOOST_TEST(done == 2);
}

BOOST_AUTO_TEST_CASE(
    a_pair_transfers_a_stream, *support::where_allocations_are_seen())
{
    asio::io_context io;
    local::stream_protocol::socket first(io);
    local::stream_protocol::socket second(io);
    local::connect_pair(first, second);
    std::array<char, 5> storage;
    support::expect_no_allocations([&] {
        bool read = false;
        asio::async_read(
            first, asio::buffer(storage), [&](error_code, std::size_t n) {
                read = n == 5;
            });
        asio::async_write(
            second, asio::buffer("hello", 5), [](error_code, std::size_t) {});
        return support::run_quietly(io) && read;
    });
}

BOOST_AUTO_TEST_CASE(
    a_pair_transfers_datagrams, *support::where_allocations_are_seen())
{
    asio::io_context io;
    local::datagram_protocol::socket first(io);
    local::datagram_protocol::socket second(io);
    local::connect_pair(first, second);
    std::array<char, 16> storage;
    support::expect_no_allocations([&] {
        bool read = false;
        first.async_receive(
            asio::buffer(storage),
            [&](error_code, std::size_t n) { read = n == 5; });
        second.async_send(
            asio::buffer("hello", 5), [](error_code, std::size_t) {});
        return support::run_quietly(io) && read;
    });
}
