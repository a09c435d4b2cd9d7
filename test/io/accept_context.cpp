// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/accept_context.hpp>
#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_accept_context
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using tcp = opslot::tcp;
using context = support::counted<tcp::accept_context>;

error_code const success;
tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

struct listening
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::acceptor acceptor{io, loopback};
    tcp::endpoint const endpoint = acceptor.local_endpoint();

    // Accepts a connection into the context.
    template<typename Context>
    support::peer accept(Context& c)
    {
        auto result = acceptor.start_accept(c);
        support::peer other = support::connect_to(endpoint);
        support::finish(io, c, result);
        BOOST_REQUIRE(c.error() == success);
        return other;
    }
};

// Bytes arrive at the socket, with the help of the context it belongs to.
template<typename Socket>
void check_receive(asio::io_context& io, Socket& socket, support::peer& other)
{
    support::counted<opslot::stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(c);
    other.write("abc");
    support::finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 3u);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_new_context_has_no_socket)
{
    context c;
    BOOST_TEST(!c.has_socket());
    BOOST_CHECK_EXCEPTION(
        c.take_socket(), system_error, is(asio::error::bad_descriptor));
    static_assert(!std::is_copy_constructible_v<tcp::accept_context>);
    static_assert(!std::is_move_constructible_v<tcp::accept_context>);
    static_assert(
        std::is_same_v<tcp::accept_context::socket_type, tcp::socket>);
}

BOOST_FIXTURE_TEST_CASE(an_accepted_socket_is_taken_once, listening)
{
    context c;
    auto other = accept(c);
    BOOST_TEST(c.has_socket());
    tcp::socket socket = c.take_socket();
    BOOST_TEST(!c.has_socket());
    BOOST_CHECK_EXCEPTION(
        c.take_socket(), system_error, is(asio::error::bad_descriptor));
    BOOST_TEST((socket.get_executor() == io.get_executor()));
    check_receive(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(the_address_of_the_peer_is_kept, listening)
{
    context c;
    auto const other = accept(c);
    tcp::endpoint const address = c.peer_endpoint();
    tcp::socket const socket = c.take_socket();
    BOOST_TEST(socket.remote_endpoint() == address);
    BOOST_TEST(c.peer_endpoint() == address);
}

BOOST_FIXTURE_TEST_CASE(a_socket_nobody_took_is_closed_at_a_start, listening)
{
    context c;
    auto first = accept(c);
    auto const result = acceptor.start_accept(c);
    BOOST_TEST((result == opslot::pending));
    BOOST_TEST(!c.has_socket());
    BOOST_TEST(first.read_all() == "");
    auto second = support::connect_to(endpoint);
    support::finish(io, c, result);
    tcp::socket socket = c.take_socket();
    check_receive(io, socket, second);
}

BOOST_FIXTURE_TEST_CASE(a_socket_nobody_took_goes_with_its_context, listening)
{
    std::optional<context> c;
    c.emplace();
    auto other = accept(*c);
    c.reset();
    BOOST_TEST(other.read_all() == "");
}

BOOST_FIXTURE_TEST_CASE(a_refused_start_keeps_the_socket, listening)
{
    context c;
    auto other = accept(c);
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        static_cast<void>(acceptor.start_accept(c)),
        system_error,
        is(opslot::error::context_disposed));
    BOOST_TEST(c.has_socket());
    tcp::socket socket = c.take_socket();
    check_receive(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(a_busy_context_gives_no_socket, listening)
{
    context c;
    BOOST_TEST((acceptor.start_accept(c) == opslot::pending));
    BOOST_TEST(!c.has_socket());
    BOOST_CHECK_EXCEPTION(
        c.take_socket(), system_error, is(opslot::error::context_busy));
    BOOST_CHECK_EXCEPTION(
        static_cast<void>(acceptor.start_accept(c)),
        system_error,
        is(opslot::error::context_busy));
    BOOST_CHECK_EXCEPTION(
        c.completion_handler([](auto&) {}),
        system_error,
        is(opslot::error::context_busy));
    auto other = support::connect_to(endpoint);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    tcp::socket socket = c.take_socket();
    check_receive(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(a_failed_accept_gives_no_socket, listening)
{
    context c;
    auto const other = accept(c);
    BOOST_TEST((acceptor.start_accept(c) == opslot::pending));
    c.cancel();
    support::run(io);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    BOOST_TEST(!c.has_socket());
    BOOST_CHECK_EXCEPTION(
        c.take_socket(), system_error, is(asio::error::bad_descriptor));
}

BOOST_FIXTURE_TEST_CASE(the_handler_gets_the_accept_context, listening)
{
    tcp::accept_context c;
    int calls = 0;
    std::optional<tcp::socket> socket;
    c.completion_handler([&](tcp::accept_context& done) {
        BOOST_TEST(&done == &c);
        BOOST_TEST(done.has_socket());
        BOOST_TEST((done.last_operation() == opslot::operation_kind::accept));
        socket.emplace(done.take_socket());
        ++calls;
    });
    acceptor.async_accept(c);
    auto other = support::connect_to(endpoint);
    support::run(io);
    BOOST_TEST(calls == 1);
    check_receive(io, *socket, other);
}

BOOST_FIXTURE_TEST_CASE(one_context_serves_two_acceptors_in_turn, listening)
{
    asio::io_context second_io;
    tcp::acceptor second(second_io, loopback);
    context c;
    for (int round = 0; round != 3; ++round)
    {
        auto first_peer = accept(c);
        tcp::socket from_first = c.take_socket();
        BOOST_TEST((from_first.get_executor() == io.get_executor()));
        check_receive(io, from_first, first_peer);
        auto const result = second.start_accept(c);
        auto second_peer = support::connect_to(second.local_endpoint());
        support::finish(second_io, c, result);
        tcp::socket from_second = c.take_socket();
        BOOST_TEST((from_second.get_executor() == second_io.get_executor()));
        check_receive(second_io, from_second, second_peer);
    }
}

// The executor of accepted sockets

BOOST_FIXTURE_TEST_CASE(accepted_sockets_get_a_given_executor, listening)
{
    asio::any_io_executor const strand = asio::make_strand(io);
    context c(strand);
    for (int round = 0; round != 2; ++round)
    {
        auto other = accept(c);
        tcp::socket socket = c.take_socket();
        BOOST_TEST((socket.get_executor() == strand));
        check_receive(io, socket, other);
    }
}

BOOST_FIXTURE_TEST_CASE(accepted_sockets_get_another_io_context, listening)
{
    asio::io_context second;
    context c(second.get_executor());
    auto other = accept(c);
    tcp::socket socket = c.take_socket();
    BOOST_TEST((socket.get_executor() == second.get_executor()));
    check_receive(second, socket, other);
}

BOOST_FIXTURE_TEST_CASE(accepted_sockets_may_be_of_another_type, listening)
{
    using executor = asio::io_context::executor_type;
    using socket_type = opslot::basic_stream_socket<asio::ip::tcp, executor>;
    using io_acceptor = opslot::basic_acceptor<asio::ip::tcp, executor>;
    support::counted<opslot::basic_accept_context<socket_type>> c(
        io.get_executor());
    io_acceptor narrow(io, loopback);
    auto const result = narrow.start_accept(c);
    auto other = support::connect_to(narrow.local_endpoint());
    support::finish(io, c, result);
    socket_type socket = c.take_socket();
    check_receive(io, socket, other);

    // A context of the wider type on an acceptor of the narrow one.
    context wide;
    auto const second = narrow.start_accept(wide);
    auto another = support::connect_to(narrow.local_endpoint());
    support::finish(io, wide, second);
    tcp::socket wide_socket = wide.take_socket();
    BOOST_TEST((wide_socket.get_executor() == io.get_executor()));
    check_receive(io, wide_socket, another);
}

// Lifetime

BOOST_AUTO_TEST_CASE(a_context_with_a_socket_may_outlive_its_io_context)
{
    support::descriptor_check const leaks;
    context c;
    support::peer other;
    {
        asio::io_context io;
        tcp::acceptor acceptor(io, loopback);
        auto const result = acceptor.start_accept(c);
        other = support::connect_to(acceptor.local_endpoint());
        support::finish(io, c, result);
        BOOST_TEST(c.has_socket());
    }
}

BOOST_FIXTURE_TEST_CASE(a_context_may_go_while_it_is_pending, listening)
{
    int calls = 0;
    {
        tcp::accept_context c;
        c.completion_handler([&](auto&) { ++calls; });
        BOOST_TEST((acceptor.start_accept(c) == opslot::pending));
    }
    // The connection is for the next accept.
    auto other = support::connect_to(endpoint);
    support::run(io);
    BOOST_TEST(calls == 0);
    acceptor.non_blocking(true);
    tcp::socket socket = acceptor.accept();
    check_receive(io, socket, other);
}
