// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_tcp
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <type_traits>
#include <utility>

#include "support/asio_application.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::tcp;

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using asio_tcp = asio::ip::tcp;
    static_assert(std::is_same_v<tcp::endpoint, asio_tcp::endpoint>);
    static_assert(std::is_same_v<tcp::resolver, asio_tcp::resolver>);
    static_assert(std::is_same_v<tcp::no_delay, asio_tcp::no_delay>);
    static_assert(std::is_same_v<decltype(tcp::v4()), asio_tcp>);
    static_assert(std::is_same_v<tcp::socket::protocol_type, asio_tcp>);
    static_assert(std::is_same_v<tcp::acceptor::protocol_type, asio_tcp>);
    static_assert(
        std::is_same_v<tcp::socket::executor_type, asio::any_io_executor>);
    static_assert(!std::is_same_v<tcp::socket, asio_tcp::socket>);
    static_assert(!std::is_same_v<tcp::acceptor, asio_tcp::acceptor>);
    BOOST_TEST(tcp::v4().family() == AF_INET);
    BOOST_TEST(tcp::v6().family() == AF_INET6);
}

BOOST_AUTO_TEST_CASE(the_types_of_the_library_belong_together)
{
    static_assert(std::is_same_v<tcp::acceptor::socket_type, tcp::socket>);
    static_assert(
        std::is_same_v<tcp::acceptor::context_type, tcp::accept_context>);
    static_assert(
        std::is_same_v<tcp::accept_context::socket_type, tcp::socket>);
    static_assert(!std::is_default_constructible_v<tcp>);
}

BOOST_AUTO_TEST_CASE(a_protocol_can_be_kept)
{
    tcp protocol = tcp::v4();
    BOOST_TEST((protocol == tcp::v4()));
    protocol = tcp::endpoint(tcp::v6(), 0).protocol();
    asio::io_context io;
    tcp::socket const socket(io, protocol);
    BOOST_TEST((socket.local_endpoint().protocol() == tcp::v6()));
}

BOOST_AUTO_TEST_CASE(it_is_a_protocol_of_its_own_too)
{
    using socket_type = opslot::basic_stream_socket<tcp>;
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    socket_type client(io);
    client.connect(acceptor.local_endpoint());
    BOOST_TEST(acceptor.accept().remote_endpoint() == client.local_endpoint());
}

BOOST_AUTO_TEST_CASE(an_application_of_asio_runs_on_it)
{
    support::descriptor_check const leaks;
    auto const reply = support::asio_application<tcp>().run(
        [](auto& socket, auto const& results, auto handler) {
            opslot::async_connect(socket, results, std::move(handler));
        });
    BOOST_TEST(reply == "hello\n");
}

BOOST_AUTO_TEST_CASE(both_families_work)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    for (auto const& address :
         {asio::ip::make_address("127.0.0.1"), asio::ip::make_address("::1")})
    {
        tcp::acceptor acceptor(io, tcp::endpoint(address, 0));
        tcp::socket client(io);
        opslot::connect_context to;
        to.endpoint(acceptor.local_endpoint());
        client.async_connect(to);
        tcp::socket server = acceptor.accept();
        support::run(io);
        BOOST_TEST(!to.error());
        BOOST_TEST(client.remote_endpoint() == server.local_endpoint());
        BOOST_TEST(server.remote_endpoint() == client.local_endpoint());
    }
}
