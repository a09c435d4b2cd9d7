// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/basic_socket.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_basic_socket
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using opslot::connect_context;
using support::connection;
using tcp = opslot::tcp;
using context = support::counted<connect_context>;

error_code const success;

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

struct closed_socket
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::socket socket{io};
};

// An address at which nobody listens as long as this exists.
class refusing
{
public:
    refusing()
        : socket_(
              io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0))
    {}

    tcp::endpoint endpoint() const { return socket_.local_endpoint(); }

private:
    asio::io_context io_;
    asio::ip::tcp::socket socket_;
};

} // namespace

// Closed sockets

BOOST_FIXTURE_TEST_CASE(a_closed_socket_refuses_every_call, closed_socket)
{
    std::vector<std::function<void(error_code&)>> const reporting{
        [&](error_code& ec) {
            BOOST_TEST(socket.remote_endpoint(ec) == tcp::endpoint());
        },
        [&](error_code& ec) {
            socket.shutdown(tcp::socket::shutdown_both, ec);
        },
        [&](error_code& ec) { BOOST_TEST(socket.available(ec) == 0u); },
        [&](error_code& ec) { BOOST_TEST(!socket.at_mark(ec)); }};
    for (auto const& call : reporting)
    {
        error_code ec;
        call(ec);
        BOOST_TEST(ec == asio::error::bad_descriptor);
    }
    std::vector<std::function<void()>> const throwing{
        [&] { socket.remote_endpoint(); },
        [&] { socket.shutdown(tcp::socket::shutdown_send); },
        [&] { socket.available(); },
        [&] { socket.at_mark(); }};
    for (auto const& call : throwing)
    {
        BOOST_CHECK_EXCEPTION(
            call(), system_error, is(asio::error::bad_descriptor));
    }
}

BOOST_FIXTURE_TEST_CASE(an_unconnected_socket_says_so, closed_socket)
{
    socket.open(tcp::v4());
    error_code ec;
    socket.remote_endpoint(ec);
    BOOST_TEST(ec == asio::error::not_connected);
    BOOST_CHECK_EXCEPTION(
        socket.remote_endpoint(), system_error, is(asio::error::not_connected));
    socket.shutdown(tcp::socket::shutdown_both, ec);
    BOOST_TEST(ec == asio::error::not_connected);
    BOOST_CHECK_EXCEPTION(
        socket.shutdown(tcp::socket::shutdown_both),
        system_error,
        is(asio::error::not_connected));
}

// What a connected socket tells

BOOST_FIXTURE_TEST_CASE(the_lowest_layer_is_the_socket, closed_socket)
{
    using base =
        opslot::basic_socket<asio::ip::tcp, tcp::socket::executor_type>;
    static_assert(std::is_same_v<tcp::socket::lowest_layer_type, base>);
    BOOST_TEST(&socket.lowest_layer() == &static_cast<base&>(socket));
    tcp::socket const& constant = socket;
    BOOST_TEST(&constant.lowest_layer() == &static_cast<base&>(socket));
    socket.lowest_layer().open(tcp::v4());
    BOOST_TEST(socket.is_open());
}

BOOST_FIXTURE_TEST_CASE(endpoints_match_crosswise, closed_socket)
{
    for (int const family : {AF_INET, AF_INET6})
    {
        support::listener listener(family);
        socket.connect(listener.endpoint());
        auto const other = listener.accept();
        BOOST_TEST(socket.remote_endpoint() == listener.endpoint());
        error_code ec = asio::error::fault;
        BOOST_TEST(socket.remote_endpoint(ec) == listener.endpoint());
        BOOST_TEST(ec == success);
        tcp::endpoint seen;
        auto size = static_cast<::socklen_t>(seen.capacity());
        BOOST_TEST(
            ::getpeername(other.native_handle(), seen.data(), &size) == 0);
        seen.resize(size);
        BOOST_TEST(socket.local_endpoint() == seen);
        socket.close();
    }
}

BOOST_FIXTURE_TEST_CASE(what_is_available_is_told, connection)
{
    BOOST_TEST(socket.available() == 0u);
    other.write("hello");
    support::await(socket.native_handle());
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.available(ec) == 5u);
    BOOST_TEST(ec == success);
    std::array<char, 2> storage;
    socket.read_some(asio::buffer(storage));
    BOOST_TEST(socket.available() == 3u);
}

BOOST_FIXTURE_TEST_CASE(the_mark_of_urgent_data_is_told, connection)
{
    BOOST_TEST(!socket.at_mark());
    other.write("a");
    other.write("!", MSG_OOB);
    other.write("b");
    support::await(socket.native_handle(), POLLPRI);
    BOOST_TEST(!socket.at_mark());
    std::array<char, 1> storage;
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 1u);
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.at_mark(ec));
    BOOST_TEST(ec == success);
}

BOOST_FIXTURE_TEST_CASE(each_direction_shuts_down, connection)
{
    std::array<char, 4> storage;
    socket.shutdown(tcp::socket::shutdown_send);
    BOOST_TEST(other.read_all() == "");
    error_code ec;
    socket.write_some(asio::buffer("x", 1), ec);
    BOOST_TEST(ec == asio::error::broken_pipe);

    other.write("abc");
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 3u);
    ec = asio::error::fault;
    BOOST_TEST(socket.shutdown(tcp::socket::shutdown_receive, ec) == success);
    socket.read_some(asio::buffer(storage), ec);
    BOOST_TEST(ec == asio::error::eof);
}

BOOST_FIXTURE_TEST_CASE(shutting_down_ends_a_pending_receive, connection)
{
    support::counted<opslot::stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(c) == opslot::pending));
    socket.shutdown(tcp::socket::shutdown_both);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::eof);
}

// Connecting and waiting for it

BOOST_FIXTURE_TEST_CASE(connecting_opens_a_closed_socket, closed_socket)
{
    for (int const family : {AF_INET, AF_INET6})
    {
        support::listener listener(family);
        error_code ec = asio::error::fault;
        BOOST_TEST(socket.connect(listener.endpoint(), ec) == success);
        BOOST_TEST(ec == success);
        auto other = listener.accept();
        BOOST_TEST(socket.is_open());
        socket.write_some(asio::buffer("x", 1));
        BOOST_TEST(other.read(1) == "x");
        socket.close();
        socket.connect(listener.endpoint());
        BOOST_TEST(socket.is_open());
        socket.close();
    }
}

BOOST_FIXTURE_TEST_CASE(connecting_keeps_an_open_socket, closed_socket)
{
    support::listener listener;
    socket.open(tcp::v4());
    socket.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    int const fd = socket.native_handle();
    auto const bound = socket.local_endpoint();
    socket.connect(listener.endpoint());
    BOOST_TEST(socket.native_handle() == fd);
    BOOST_TEST(socket.local_endpoint() == bound);
}

BOOST_FIXTURE_TEST_CASE(a_refused_connection_is_reported, closed_socket)
{
    refusing const nobody;
    error_code ec;
    BOOST_TEST(
        socket.connect(nobody.endpoint(), ec) ==
        asio::error::connection_refused);
    BOOST_TEST(ec == asio::error::connection_refused);
    socket.close();
    BOOST_CHECK_EXCEPTION(
        socket.connect(nobody.endpoint()),
        system_error,
        is(asio::error::connection_refused));
}

BOOST_FIXTURE_TEST_CASE(a_connected_socket_connects_no_more, closed_socket)
{
    support::listener listener;
    socket.connect(listener.endpoint());
    error_code ec;
    socket.connect(listener.endpoint(), ec);
    BOOST_TEST(ec == asio::error::already_connected);
}

BOOST_FIXTURE_TEST_CASE(
    a_non_blocking_connect_reports_that_it_is_under_way, closed_socket)
{
    support::listener listener;
    socket.open(tcp::v4());
    socket.non_blocking(true);
    error_code ec;
    socket.connect(listener.endpoint(), ec);
    BOOST_TEST(
        (ec == asio::error::in_progress || ec == asio::error::would_block));
    support::await(socket.native_handle(), POLLOUT);
    BOOST_TEST(socket.remote_endpoint() == listener.endpoint());
}

// Connecting without waiting for it

BOOST_FIXTURE_TEST_CASE(each_form_of_a_connect_connects, closed_socket)
{
    support::listener listener;
    context c;
    c.endpoint(listener.endpoint());
    int calls = 0;
    auto const handler = [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    };
    std::vector<std::function<void()>> const forms{
        [&] { support::finish(io, c, socket.start_connect(c)); },
        [&] {
            int const before = c.calls;
            socket.async_connect(c);
            BOOST_TEST(c.calls == before);
            support::run(io);
            BOOST_TEST(c.calls == before + 1);
        },
        [&] { socket.async_connect(c, handler); },
        [&] { socket.async_connect(listener.endpoint(), handler); }};
    for (auto const& connect : forms)
    {
        int const before = calls;
        connect();
        BOOST_TEST(calls == before);
        support::run(io);
        auto other = listener.accept();
        BOOST_TEST(c.error() == success);
        BOOST_TEST(socket.remote_endpoint() == listener.endpoint());
        socket.write_some(asio::buffer("x", 1));
        BOOST_TEST(other.read(1) == "x");
        socket.close();
    }
    BOOST_TEST(calls == 2);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::connect));
}

BOOST_FIXTURE_TEST_CASE(a_connect_without_an_endpoint_is_misuse, closed_socket)
{
    context c;
    BOOST_CHECK_EXCEPTION(
        static_cast<void>(socket.start_connect(c)),
        system_error,
        is(opslot::error::no_endpoint));
    BOOST_CHECK_EXCEPTION(
        socket.async_connect(c), system_error, is(opslot::error::no_endpoint));
    int calls = 0;
    socket.async_connect(c, [&](error_code ec) {
        BOOST_TEST((ec == opslot::error::no_endpoint));
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(c.calls == 0);
    BOOST_TEST(!socket.is_open());
    BOOST_TEST((c.last_operation() == opslot::operation_kind::none));
}

BOOST_AUTO_TEST_CASE(a_connect_after_the_io_context_is_aborted)
{
    support::descriptor_check const leaks;
    support::listener listener;
    context c;
    c.endpoint(listener.endpoint());
    auto io = std::make_unique<asio::io_context>();
    tcp::socket socket(*io);
    io.reset();
    auto const result = socket.start_connect(c);
    BOOST_TEST((result == opslot::completed));
    BOOST_TEST(c.calls == 0);
    BOOST_TEST(
        (c.error() == success || c.error() == asio::error::operation_aborted));
}
