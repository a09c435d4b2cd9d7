// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted_tcp.hpp>

#define BOOST_TEST_MODULE slotted_tcp
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <type_traits>
#include <utility>

#include "support/asio_application.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::slotted_tcp;
using io_executor = asio::io_context::executor_type;

tcp::endpoint loopback()
{
    return {asio::ip::address_v4::loopback(), 0};
}

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using asio_tcp = asio::ip::tcp;
    static_assert(std::is_same_v<tcp::endpoint, asio_tcp::endpoint>);
    static_assert(std::is_same_v<tcp::no_delay, asio_tcp::no_delay>);
    static_assert(std::is_same_v<tcp::iostream, asio_tcp::iostream>);
    static_assert(std::is_same_v<decltype(tcp::v4()), asio_tcp>);
    static_assert(std::is_same_v<tcp::socket::protocol_type, asio_tcp>);
    static_assert(std::is_base_of_v<asio_tcp::socket, tcp::socket>);
    static_assert(std::is_base_of_v<asio_tcp::acceptor, tcp::acceptor>);
    static_assert(std::is_base_of_v<asio_tcp::resolver, tcp::resolver>);
    static_assert(std::is_same_v<
                  tcp::resolver::results_type,
                  asio_tcp::resolver::results_type>);
    tcp const kept = tcp::v4();
    BOOST_TEST((kept == asio_tcp::v4()));
}

BOOST_AUTO_TEST_CASE(an_application_of_asio_runs_on_it)
{
    support::descriptor_check const leaks;
    auto const reply = support::asio_application<tcp>().run(
        [](auto& socket, auto const& results, auto handler) {
            asio::async_connect(socket, results, std::move(handler));
        });
    BOOST_TEST(reply == "hello\n");
}

BOOST_AUTO_TEST_CASE(every_form_of_accept_yields_slotted_sockets)
{
    asio::io_context io;
    asio::io_context second;
    tcp::acceptor acceptor(io, loopback());
    auto const connect = [&] {
        return support::connect_to(acceptor.local_endpoint());
    };
    error_code error;
    tcp::endpoint peer;
    using concrete = tcp::socket::rebind_executor<io_executor>::other;

    support::peer p = connect();
    auto first = acceptor.accept();
    static_assert(std::is_same_v<decltype(first), tcp::socket>);
    p = connect();
    static_assert(
        std::is_same_v<decltype(acceptor.accept(error)), tcp::socket>);
    BOOST_TEST(acceptor.accept(error).is_open());
    p = connect();
    tcp::socket into(io);
    acceptor.accept(into);
    BOOST_TEST(into.is_open());
    p = connect();
    BOOST_TEST(acceptor.accept(second).is_open());
    p = connect();
    BOOST_TEST(acceptor.accept(peer).is_open());
    BOOST_TEST(peer.port() != 0);
    p = connect();
    auto on_executor = acceptor.accept(second.get_executor(), peer);
    static_assert(std::is_same_v<decltype(on_executor), concrete>);

    int accepted = 0;
    auto const plain_handler = [&](error_code e) { accepted += e ? 0 : 1; };
    auto const handler = [&](error_code e, tcp::socket s) {
        accepted += !e && s.is_open() ? 1 : 0;
    };
    auto const concrete_handler = [&](error_code e, concrete s) {
        accepted += !e && s.is_open() ? 1 : 0;
    };
    io_executor const executor = second.get_executor();
    asio::any_io_executor const any = executor;
    auto const run = [&] {
        support::peer const other = connect();
        support::run(io);
    };
    into.close();
    acceptor.async_accept(into, plain_handler), run();
    into.close();
    acceptor.async_accept(into, peer, plain_handler), run();
    acceptor.async_accept(handler), run();
    acceptor.async_accept(peer, handler), run();
    acceptor.async_accept(any, handler), run();
    acceptor.async_accept(
        asio::make_strand(second),
        [&](error_code e, auto s) { accepted += !e && s.is_open() ? 1 : 0; }),
        run();
    acceptor.async_accept(any, peer, handler), run();
    acceptor.async_accept(executor, concrete_handler), run();
    acceptor.async_accept(second.get_executor(), peer, concrete_handler), run();
    acceptor.async_accept(second, concrete_handler), run();
    acceptor.async_accept(second, peer, concrete_handler), run();
    acceptor.async_accept(asio::deferred)(handler), run();
    BOOST_TEST(accepted == 12);

    auto future = acceptor.async_accept(asio::use_future);
    run();
    tcp::socket socket = future.get();
    BOOST_TEST(socket.is_open());

    acceptor.async_accept([&](error_code e, tcp::socket s) {
        BOOST_TEST(e == asio::error::operation_aborted);
        BOOST_TEST(!s.is_open());
    });
    acceptor.cancel();
    support::run(io);
    bool ready = false;
    acceptor.async_wait(acceptor.wait_read, [&](error_code e) { ready = !e; });
    run();
    BOOST_TEST(ready);
}
