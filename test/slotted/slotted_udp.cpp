// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted_udp.hpp>

#define BOOST_TEST_MODULE slotted_udp
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <string_view>
#include <type_traits>

#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using udp = opslot::slotted_udp;

struct two_sockets
{
    support::descriptor_check leaks;
    asio::io_context io;
    udp::socket near{io, udp::endpoint(asio::ip::address_v4::loopback(), 0)};
    udp::socket far{io, udp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::array<char, 16> storage{};
    int done = 0;

    auto expecting(std::size_t bytes)
    {
        return [this, bytes](error_code error, std::size_t n) {
            done += !error && n == bytes ? 1 : 0;
        };
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using asio_udp = asio::ip::udp;
    static_assert(std::is_same_v<udp::endpoint, asio_udp::endpoint>);
    static_assert(std::is_same_v<udp::socket::protocol_type, asio_udp>);
    static_assert(std::is_base_of_v<asio_udp::socket, udp::socket>);
    static_assert(std::is_base_of_v<asio_udp::resolver, udp::resolver>);
    udp const kept = udp::v6();
    BOOST_TEST((kept == asio_udp::v6()));
}

BOOST_FIXTURE_TEST_CASE(datagrams_go_to_and_from_endpoints, two_sockets)
{
    udp::endpoint sender;
    near.async_receive_from(asio::buffer(storage), sender, expecting(3));
    far.async_send_to(
        asio::buffer("abc", 3), near.local_endpoint(), expecting(3));
    support::run(io);
    BOOST_TEST(done == 2);
    BOOST_TEST(sender == far.local_endpoint());

    near.async_receive_from(
        asio::buffer(storage), sender, udp::socket::message_peek, expecting(4));
    far.async_send_to(
        asio::buffer("abcd", 4), near.local_endpoint(), 0, expecting(4));
    support::run(io);
    near.async_receive_from(asio::buffer(storage), sender, expecting(4));
    support::run(io);
    BOOST_TEST(done == 5);
    BOOST_TEST((std::string_view(storage.data(), 4) == "abcd"));
}

BOOST_FIXTURE_TEST_CASE(datagrams_go_over_a_connection, two_sockets)
{
    near.async_connect(far.local_endpoint(), [&](error_code error) {
        BOOST_TEST(!error);
        ++done;
    });
    support::run(io);
    far.connect(near.local_endpoint());
    near.async_send(asio::buffer("abc", 3), expecting(3));
    far.async_receive(asio::buffer(storage), expecting(3));
    support::run(io);
    near.async_send(asio::buffer("ab", 2), 0, expecting(2));
    far.async_receive(asio::buffer(storage), 0, expecting(2));
    support::run(io);
    near.async_wait(near.wait_write, [&](error_code error) {
        BOOST_TEST(!error);
        ++done;
    });
    support::run(io);
    BOOST_TEST(done == 6);

    error_code aborted;
    near.async_receive(
        asio::buffer(storage),
        [&](error_code error, std::size_t) { aborted = error; });
    near.close();
    support::run(io);
    BOOST_TEST(aborted == asio::error::operation_aborted);
}

BOOST_AUTO_TEST_CASE(a_resolver_resolves)
{
    asio::io_context io;
    udp::resolver resolver(io);
    udp::endpoint found;
    resolver.async_resolve(
        udp::v4(),
        "127.0.0.1",
        "80",
        [&](error_code error, udp::resolver::results_type const& results) {
            BOOST_REQUIRE(!error);
            found = *results.begin();
        });
    support::run(io);
    BOOST_TEST(found.port() == 80);
}
