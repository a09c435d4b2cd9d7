// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#define BOOST_TEST_MODULE contract_accepting
#include <opslot/accept_context.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/local.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdio>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::connect_context;
using opslot::pending;
using opslot::stream_context;
using support::finish;
using tcp = opslot::tcp;
using accept_context = support::counted<tcp::accept_context>;
using connector = support::counted<connect_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

tcp::endpoint loopback()
{
    return {asio::ip::address_v4::loopback(), 0};
}

struct listening
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::acceptor acceptor{io, loopback()};
    tcp::endpoint const endpoint = acceptor.local_endpoint();
};

// An endpoint at which nobody listens.
tcp::endpoint refusing()
{
    support::listener const l;
    return l.endpoint();
}

void check_connected(tcp::socket& socket, support::peer& peer)
{
    peer.write("a");
    std::array<char, 1> storage;
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 1u);
    BOOST_TEST(storage[0] == 'a');
}

} // namespace

// Model case 32.
BOOST_FIXTURE_TEST_CASE(an_accept_waits_for_a_connection, listening)
{
    accept_context c;
    auto const result = acceptor.start_accept(c);
    BOOST_TEST((result == pending));
    BOOST_TEST(!c.has_socket());
    auto peer = support::connect_to(endpoint);
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::accept));
    BOOST_TEST(c.has_socket());
    tcp::endpoint const from = c.peer_endpoint();
    tcp::socket socket = c.take_socket();
    BOOST_TEST(!c.has_socket());
    BOOST_TEST(socket.remote_endpoint() == from);
    BOOST_TEST(socket.local_endpoint() == endpoint);
    check_connected(socket, peer);
}

BOOST_FIXTURE_TEST_CASE(
    a_native_socket_that_waits_does_not_stop_the_start, listening)
{
    acceptor.native_non_blocking(false);
    accept_context c;
    auto const result = acceptor.start_accept(c);
    BOOST_TEST((result == pending));
    auto peer = support::connect_to(endpoint);
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    auto socket = c.take_socket();
    check_connected(socket, peer);
}

BOOST_FIXTURE_TEST_CASE(an_accept_takes_a_connection_that_waits, listening)
{
    auto peer = support::connect_to(endpoint);
    accept_context c;
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.error() == success);
    auto socket = c.take_socket();
    check_connected(socket, peer);
}

// Model cases 33 and 34.
BOOST_FIXTURE_TEST_CASE(fifteen_accepts_are_outstanding_at_a_time, listening)
{
    for (bool const connects_first : {false, true})
    {
        std::deque<accept_context> contexts(15);
        std::vector<support::peer> peers;
        int done = 0;
        auto const connect = [&] {
            for (int i = 0; i != 15; ++i)
            {
                peers.push_back(support::connect_to(endpoint));
            }
        };
        if (connects_first)
        {
            connect();
        }
        for (auto& c : contexts)
        {
            done += acceptor.start_accept(c) == opslot::completed;
        }
        if (!connects_first)
        {
            BOOST_TEST(done == 0);
            connect();
        }
        support::run(io);
        std::set<unsigned short> ports;
        for (auto& c : contexts)
        {
            done += c.calls;
            BOOST_TEST(c.error() == success);
            ports.insert(c.peer_endpoint().port());
            auto const socket = c.take_socket();
            BOOST_TEST(socket.is_open());
        }
        BOOST_TEST(done == 15);
        BOOST_TEST(ports.size() == 15u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_context_without_a_connection_gives_none, listening)
{
    accept_context c;
    BOOST_CHECK_EXCEPTION(
        c.take_socket(), boost::system::system_error, [](auto const& e) {
            return e.code() == asio::error::bad_descriptor;
        });
    BOOST_TEST((acceptor.start_accept(c) == pending));
    BOOST_CHECK_EXCEPTION(
        c.take_socket(), boost::system::system_error, [](auto const& e) {
            return e.code() == opslot::error::context_busy;
        });
    BOOST_TEST(c.is_pending());
    c.cancel();
    support::run(io);
    BOOST_TEST(c.error() == aborted);
}

// Model case 39.
BOOST_FIXTURE_TEST_CASE(a_connection_nobody_took_is_closed, listening)
{
    accept_context c;
    auto first = support::connect_to(endpoint);
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.has_socket());
    auto second = support::connect_to(endpoint);
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(first.read(1) == "");
    {
        accept_context last;
        auto third = support::connect_to(endpoint);
        finish(io, last, acceptor.start_accept(last));
        BOOST_TEST(last.has_socket());
    }
    auto socket = c.take_socket();
    check_connected(socket, second);
}

BOOST_FIXTURE_TEST_CASE(peers_may_belong_to_another_io_context, listening)
{
    asio::io_context second;
    accept_context c{asio::any_io_executor(second.get_executor())};
    auto const result = acceptor.start_accept(c);
    auto peer = support::connect_to(endpoint);
    finish(io, c, result);
    auto socket = c.take_socket();
    stream_context rx;
    std::array<char, 1> storage;
    int calls = 0;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([&](stream_context&) { ++calls; });
    BOOST_TEST((socket.start_receive(rx) == pending));
    peer.write("a");
    support::run(io);
    BOOST_TEST(calls == 0);
    support::run(second);
    BOOST_TEST(calls == 1);
}

BOOST_FIXTURE_TEST_CASE(
    an_accepted_connection_may_outlive_its_io_context, listening)
{
    std::optional<asio::io_context> second(std::in_place);
    accept_context c{asio::any_io_executor(second->get_executor())};
    auto peer = support::connect_to(endpoint);
    finish(io, c, acceptor.start_accept(c));
    second.reset();
    BOOST_TEST(c.has_socket());
    // It is closed with its context.
}

BOOST_FIXTURE_TEST_CASE(accepting_without_descriptors_is_reported, listening)
{
    ::rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    accept_context c;
    // What the acceptor needs is there before the limit is.
    auto const warm_up = support::connect_to(endpoint);
    finish(io, c, acceptor.start_accept(c));
    c.take_socket().close();

    auto peer = support::connect_to(endpoint);
    int const next = ::dup(0);
    BOOST_REQUIRE(next >= 0);
    ::close(next);
    ::rlimit const none{static_cast<::rlim_t>(next), before.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    finish(io, c, acceptor.start_accept(c));
    error_code const first = c.error();
    finish(io, c, acceptor.start_accept(c));
    error_code const again = c.error();
    ::setrlimit(RLIMIT_NOFILE, &before);
    BOOST_TEST(first == asio::error::no_descriptors);
    BOOST_TEST(again == asio::error::no_descriptors);
    BOOST_TEST(!c.has_socket());
    // The connection waited.
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.error() == success);
    auto socket = c.take_socket();
    check_connected(socket, peer);
}

BOOST_FIXTURE_TEST_CASE(
    a_waiting_accept_without_descriptors_is_reported, listening)
{
    ::rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    accept_context c;
    auto const result = acceptor.start_accept(c);
    BOOST_TEST((result == pending));
    support::poll(io);
    auto peer = support::connect_to(endpoint);
    int const next = ::dup(0);
    BOOST_REQUIRE(next >= 0);
    ::close(next);
    ::rlimit const none{static_cast<::rlim_t>(next), before.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    finish(io, c, result);
    ::setrlimit(RLIMIT_NOFILE, &before);
    BOOST_TEST(c.error() == asio::error::no_descriptors);
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.error() == success);
}

// Model case 37.
BOOST_AUTO_TEST_CASE(an_acceptor_that_does_not_listen_reports_it)
{
    asio::io_context io;
    tcp::acceptor closed(io), open(io, tcp::v4());
    accept_context c;
    finish(io, c, closed.start_accept(c));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    finish(io, c, open.start_accept(c));
    BOOST_TEST(c.error() == asio::error::invalid_argument);
}

BOOST_FIXTURE_TEST_CASE(
    the_async_form_of_an_accept_calls_its_handler, listening)
{
    auto const peer = support::connect_to(endpoint);
    accept_context c;
    acceptor.async_accept(c);
    BOOST_TEST(c.calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.has_socket());
}

// Model case 40.
BOOST_FIXTURE_TEST_CASE(every_token_form_accepts, listening)
{
    using plain = asio::io_context::executor_type;
    using concrete_socket = opslot::basic_stream_socket<asio::ip::tcp, plain>;
    asio::io_context second;
    accept_context c;
    tcp::socket into(io), into_with_endpoint(io);
    tcp::endpoint first_from, second_from;
    int calls = 0;
    auto const on_error_only = [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    };
    auto const on_socket = [&](error_code ec, auto socket) {
        BOOST_TEST(ec == success);
        BOOST_TEST(socket.is_open());
        ++calls;
    };
    acceptor.async_accept(c, on_error_only);
    acceptor.async_accept(into, on_error_only);
    acceptor.async_accept(into_with_endpoint, first_from, on_error_only);
    acceptor.async_accept(on_socket);
    acceptor.async_accept(second_from, on_socket);
    acceptor.async_accept(
        second.get_executor(), [&](error_code ec, concrete_socket s) {
            BOOST_TEST(ec == success);
            BOOST_TEST(&s.get_executor().context() == &second);
            ++calls;
        });
    acceptor.async_accept(second, [&](error_code ec, concrete_socket s) {
        BOOST_TEST(ec == success);
        BOOST_TEST(&s.get_executor().context() == &second);
        ++calls;
    });
    support::poll(io);
    BOOST_TEST(calls == 0);
    std::vector<support::peer> peers;
    for (int i = 0; i != 7; ++i)
    {
        peers.push_back(support::connect_to(endpoint));
    }
    support::run(io);
    BOOST_TEST(calls == 7);
    BOOST_TEST(c.calls == 0);
    BOOST_TEST(c.has_socket());
    BOOST_TEST(into.is_open());
    BOOST_TEST(into_with_endpoint.remote_endpoint() == first_from);
    BOOST_TEST(second_from.port() != 0u);
    // A socket that is open is refused, and the connection kept.
    error_code ec;
    acceptor.async_accept(into, [&](error_code e) { ec = e; });
    support::run(io);
    BOOST_TEST(ec == asio::error::already_open);
}

// Model case 36.
BOOST_FIXTURE_TEST_CASE(closing_the_acceptor_ends_its_accepts, listening)
{
    std::deque<accept_context> contexts(3);
    int calls = 0;
    for (auto& c : contexts)
    {
        BOOST_TEST((acceptor.start_accept(c) == pending));
    }
    acceptor.async_accept([&](error_code ec, tcp::socket s) {
        BOOST_TEST(ec == aborted);
        BOOST_TEST(!s.is_open());
        ++calls;
    });
    acceptor.close();
    support::run(io);
    for (auto& c : contexts)
    {
        BOOST_TEST(c.calls == 1);
        BOOST_TEST(c.error() == aborted);
    }
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(an_accept_chain_serves_many_connections)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, loopback());
    auto const endpoint = acceptor.local_endpoint();
    tcp::accept_context c;
    int accepted = 0;
    constexpr int count = 300;
    c.completion_handler([&](auto&) {
        do
        {
            BOOST_TEST(c.error() == success);
            c.take_socket();
            ++accepted;
        } while (accepted != count &&
                 acceptor.start_accept(c) == opslot::completed);
    });
    acceptor.async_accept(c);
    support::background const client([&] {
        for (int i = 0; i != count; ++i)
        {
            support::connect_to(endpoint);
        }
    });
    support::run(io);
    BOOST_TEST(accepted == count);
}

BOOST_AUTO_TEST_CASE(local_sockets_are_accepted)
{
    using local = opslot::local::stream_protocol;
    asio::io_context io;
    std::string const path =
        "/tmp/opslot_accepting_" + std::to_string(::getpid());
    ::unlink(path.c_str());
    local::acceptor acceptor(io, local::endpoint(path));
    local::socket client(io);
    support::counted<local::accept_context> c;
    connector connect;
    connect.endpoint(local::endpoint(path));
    auto const accepting = acceptor.start_accept(c);
    finish(io, connect, client.start_connect(connect));
    BOOST_TEST(connect.error() == success);
    if (c.calls == 0)
    {
        finish(io, c, accepting);
    }
    auto server = c.take_socket();
    std::array<char, 1> storage{'x'};
    BOOST_TEST(client.write_some(asio::buffer(storage)) == 1u);
    BOOST_TEST(server.read_some(asio::buffer(storage)) == 1u);
    ::unlink(path.c_str());
}

// Connecting

BOOST_AUTO_TEST_CASE(a_connect_reports_what_became_of_it)
{
    support::descriptor_check const leaks;
    for (bool const is_open : {false, true})
    {
        asio::io_context io;
        support::listener l;
        tcp::socket socket(io);
        if (is_open)
        {
            socket.open(tcp::v4());
        }
        connector c;
        c.endpoint(l.endpoint());
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(c.error() == success);
        BOOST_TEST((c.last_operation() == opslot::operation_kind::connect));
        auto peer = l.accept();
        check_connected(socket, peer);
        BOOST_TEST(socket.remote_endpoint() == l.endpoint());
    }
}

BOOST_AUTO_TEST_CASE(a_refused_connect_leaves_the_context_usable)
{
    asio::io_context io;
    tcp::socket socket(io);
    support::listener l;
    connector c;
    c.endpoint(refusing());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == asio::error::connection_refused);
    socket.close();
    c.endpoint(l.endpoint());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
}

BOOST_AUTO_TEST_CASE(every_form_of_a_connect_completes)
{
    asio::io_context io;
    support::listener l;
    tcp::socket a(io), b(io), d(io), e(io);
    connector c, token;
    int calls = 0;
    auto const handler = [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    };
    c.endpoint(l.endpoint());
    token.endpoint(l.endpoint());
    a.async_connect(c);
    BOOST_TEST(c.calls == 0);
    b.async_connect(token, handler);
    d.async_connect(l.endpoint(), handler);
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(token.calls == 0);
    BOOST_TEST(calls == 2);
    error_code refused;
    e.async_connect(refusing(), [&](error_code ec) { refused = ec; });
    support::run(io);
    BOOST_TEST(refused == asio::error::connection_refused);
}

BOOST_AUTO_TEST_CASE(a_connected_socket_does_not_connect_again)
{
    asio::io_context io;
    support::listener l;
    tcp::socket socket(io);
    connector c;
    c.endpoint(l.endpoint());
    finish(io, c, socket.start_connect(c));
    // Linux reports the first success twice, after a connect that was pending.
    finish(io, c, socket.start_connect(c));
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == asio::error::already_connected);
    auto peer = l.accept();
    check_connected(socket, peer);
}

BOOST_AUTO_TEST_CASE(a_pending_connect_is_cancelled)
{
    // A backlog that is full lets a connection wait.
    support::listener const l(AF_INET, 0);
    asio::io_context io;
    std::deque<tcp::socket> fillers;
    bool is_full = false;
    for (int i = 0; i != 8 && !is_full; ++i)
    {
        fillers.emplace_back(io);
        connector filler;
        filler.endpoint(l.endpoint());
        filler.timeout(std::chrono::milliseconds(100));
        finish(io, filler, fillers.back().start_connect(filler));
        is_full = filler.error() == error_code(opslot::error::timeout);
    }
    if (!is_full)
    {
        BOOST_TEST_MESSAGE("skipped: the backlog has no end");
        return;
    }
    for (bool const closes : {false, true})
    {
        tcp::socket socket(io);
        connector c;
        c.endpoint(l.endpoint());
        auto const result = socket.start_connect(c);
        BOOST_REQUIRE((result == pending));
        support::poll(io);
        BOOST_TEST(c.is_pending());
        if (closes)
        {
            socket.close();
        }
        else
        {
            BOOST_TEST(c.cancel());
        }
        finish(io, c, result);
        BOOST_TEST(c.error() == aborted);
    }
    tcp::socket socket(io);
    asio::cancellation_signal signal;
    error_code ec;
    socket.async_connect(
        l.endpoint(),
        asio::bind_cancellation_slot(
            signal.slot(), [&](error_code e) { ec = e; }));
    support::poll(io);
    signal.emit(asio::cancellation_type::total);
    support::run(io);
    BOOST_TEST(ec == aborted);
}

BOOST_AUTO_TEST_CASE(a_range_is_tried_until_one_accepts)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    support::listener l;
    std::vector<tcp::endpoint> const mixed{
        refusing(), refusing(), l.endpoint(), refusing()};
    std::vector<tcp::endpoint> const refused{refusing(), refusing()};
    std::vector<tcp::endpoint> const none;
    {
        tcp::socket socket(io);
        BOOST_TEST(opslot::connect(socket, mixed) == l.endpoint());
        auto peer = l.accept();
        check_connected(socket, peer);
    }
    tcp::socket socket(io);
    error_code ec;
    BOOST_TEST(opslot::connect(socket, refused, ec) == tcp::endpoint());
    BOOST_TEST(ec == asio::error::connection_refused);
    opslot::connect(socket, none, ec);
    BOOST_TEST(ec == asio::error::not_found);
    BOOST_CHECK_THROW(
        opslot::connect(socket, none), boost::system::system_error);

    int calls = 0;
    opslot::async_connect(
        socket, mixed, [&](error_code e, tcp::endpoint const& where) {
            BOOST_TEST(e == success);
            BOOST_TEST(where == l.endpoint());
            ++calls;
        });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    auto peer = l.accept();
    check_connected(socket, peer);
    opslot::async_connect(
        socket, refused, [&](error_code e, tcp::endpoint const& where) {
            BOOST_TEST(e == asio::error::connection_refused);
            BOOST_TEST(where == tcp::endpoint());
            ++calls;
        });
    support::run(io);
    opslot::async_connect(
        socket, none, [&](error_code e, tcp::endpoint const&) {
            BOOST_TEST(e == asio::error::not_found);
            ++calls;
        });
    support::run(io);
    BOOST_TEST(calls == 3);
}

BOOST_AUTO_TEST_CASE(a_condition_chooses_among_the_endpoints)
{
    asio::io_context io;
    support::listener first, second;
    std::vector<tcp::endpoint> const both{
        refusing(), first.endpoint(), second.endpoint()};
    std::vector<error_code> seen;
    auto const only_second = [&](error_code ec, tcp::endpoint const& e) {
        seen.push_back(ec);
        return e != first.endpoint();
    };
    tcp::socket socket(io);
    error_code ec;
    BOOST_TEST(
        opslot::connect(socket, both, only_second, ec) == second.endpoint());
    BOOST_TEST(seen.size() == 3u);
    BOOST_TEST(seen[0] == success);
    BOOST_TEST(seen[1] == asio::error::connection_refused);
    int calls = 0;
    tcp::socket other(io);
    opslot::async_connect(
        other,
        both,
        only_second,
        [&](error_code e, tcp::endpoint const& where) {
            BOOST_TEST(e == success);
            BOOST_TEST(where == second.endpoint());
            ++calls;
        });
    support::run(io);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(names_are_resolved_and_connected_to)
{
    asio::io_context io;
    support::listener l;
    tcp::resolver resolver(io);
    auto const results =
        resolver.resolve("127.0.0.1", std::to_string(l.endpoint().port()));
    tcp::socket socket(io);
    BOOST_TEST(opslot::connect(socket, results) == l.endpoint());
    tcp::socket other(io);
    int calls = 0;
    opslot::async_connect(other, results, [&](error_code ec, tcp::endpoint) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
}
