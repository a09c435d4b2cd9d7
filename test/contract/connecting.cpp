// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#define BOOST_TEST_MODULE contract_connecting
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "support/endpoints.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::pending;
using opslot::start_result;
using support::finish;
using support::peer;
using support::refusing;
using support::silent;
using tcp = opslot::tcp;
using accept_context = support::counted<tcp::accept_context>;
using connect_context = support::counted<opslot::connect_context>;

error_code const success;
tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);

tcp::endpoint address_of(peer const& p)
{
    tcp::endpoint result;
    auto size = static_cast<::socklen_t>(result.capacity());
    support::require(
        ::getsockname(p.native_handle(), result.data(), &size) == 0,
        "getsockname");
    result.resize(size);
    return result;
}

// Both ends are those of one connection, and carry data.
void check_connected(asio::io_context& io, tcp::socket& socket, peer& other)
{
    BOOST_REQUIRE(socket.is_open());
    BOOST_TEST(socket.remote_endpoint() == address_of(other));
    support::counted<opslot::stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    c.at_least(3);
    auto const result = socket.start_receive(c);
    other.write("abc");
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 3u);
    socket.write_some(asio::buffer("x", 1));
    BOOST_TEST(other.read(1) == "x");
}

// No descriptor can be had as long as this exists.
class no_more_descriptors
{
public:
    no_more_descriptors()
    {
        support::require(
            ::getrlimit(RLIMIT_NOFILE, &before_) == 0, "getrlimit");
        int const next = ::dup(STDERR_FILENO);
        support::require(next >= 0, "dup");
        ::close(next);
        ::rlimit limit = before_;
        limit.rlim_cur = static_cast<::rlim_t>(next);
        support::require(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    }

    no_more_descriptors(no_more_descriptors const&) = delete;

    ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    ::rlimit before_;
};

struct connecting
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::socket socket{io};
    support::listener listener;
    connect_context c;

    connecting() { c.endpoint(listener.endpoint()); }

    /// Runs for a moment, or until nothing is left to do.
    void run_shortly()
    {
        io.restart();
        io.run_for(std::chrono::seconds(2));
    }
};

} // namespace

// Model case 80.
BOOST_FIXTURE_TEST_CASE(a_context_connects, connecting)
{
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::connect));
    peer other = listener.accept();
    check_connected(io, socket, other);
}

// Model cases 20 and 81.
BOOST_FIXTURE_TEST_CASE(a_refused_connection_is_reported, connecting)
{
    refusing const nobody;
    c.endpoint(nobody.endpoint());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == asio::error::connection_refused);
    socket.close();
    int calls = 0;
    socket.async_connect(nobody.endpoint(), [&](error_code ec) {
        BOOST_TEST(ec == asio::error::connection_refused);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
    socket.close();
    // The context and the socket are good for another attempt.
    c.endpoint(listener.endpoint());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
    peer other = listener.accept();
    check_connected(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(the_second_form_calls_later, connecting)
{
    for (int round = 1; round != 4; ++round)
    {
        socket.async_connect(c);
        BOOST_TEST(c.calls == round - 1);
        BOOST_TEST(c.is_pending());
        support::run(io);
        BOOST_TEST(c.calls == round);
        BOOST_TEST(c.error() == success);
        peer other = listener.accept();
        check_connected(io, socket, other);
        socket.close();
    }
}

BOOST_FIXTURE_TEST_CASE(a_token_replaces_the_stored_handler, connecting)
{
    int calls = 0;
    socket.async_connect(c, [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(c.calls == 0);
    peer other = listener.accept();
    check_connected(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(one_context_connects_sockets_in_turn, connecting)
{
    support::listener v6(AF_INET6);
    std::deque<tcp::socket> sockets;
    for (int i = 0; i != 5; ++i)
    {
        auto& l = i % 2 ? v6 : listener;
        c.endpoint(l.endpoint());
        sockets.emplace_back(io);
        finish(io, c, sockets.back().start_connect(c));
        BOOST_TEST(c.error() == success);
        peer other = l.accept();
        check_connected(io, sockets.back(), other);
    }
}

BOOST_FIXTURE_TEST_CASE(many_connects_are_outstanding, connecting)
{
    std::deque<connect_context> contexts(20);
    std::deque<tcp::socket> sockets;
    std::vector<start_result> results;
    for (auto& each : contexts)
    {
        each.endpoint(listener.endpoint());
        sockets.emplace_back(io);
        results.push_back(sockets.back().start_connect(each));
    }
    support::run(io);
    for (std::size_t i = 0; i != contexts.size(); ++i)
    {
        BOOST_TEST(contexts[i].calls == (results[i] == pending ? 1 : 0));
        BOOST_TEST(contexts[i].error() == success);
        BOOST_TEST(sockets[i].remote_endpoint() == listener.endpoint());
    }
}

// Model case 82.
BOOST_FIXTURE_TEST_CASE(a_connected_socket_connects_no_more, connecting)
{
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
    peer other = listener.accept();
    // Linux answers the first call after a connect in the background with
    // the success of that: the socket is told so only now.
    finish(io, c, socket.start_connect(c));
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == asio::error::already_connected);
    check_connected(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(a_second_connect_leaves_the_first_alone, connecting)
{
    silent const nobody_answers;
    connect_context second;
    c.endpoint(nobody_answers.endpoint());
    second.endpoint(nobody_answers.endpoint());
    BOOST_TEST((socket.start_connect(c) == pending));
    auto const result = socket.start_connect(second);
    support::poll(io);
    BOOST_TEST(c.is_pending());
    BOOST_TEST(c.calls == 0);
    BOOST_TEST(c.cancel());
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    // At once, or when the first one is over.
    BOOST_TEST(second.calls == (result == pending ? 1 : 0));
    BOOST_TEST(second.error() == asio::error::already_started);
}

// Model case 88.
BOOST_FIXTURE_TEST_CASE(a_pending_connect_is_cancelled_or_closed, connecting)
{
    silent const nobody_answers;
    c.endpoint(nobody_answers.endpoint());
    BOOST_TEST((socket.start_connect(c) == pending));
    support::poll(io);
    BOOST_TEST(c.is_pending());
    BOOST_TEST(c.cancel());
    BOOST_TEST(!c.cancel());
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    socket.close();

    BOOST_TEST((socket.start_connect(c) == pending));
    socket.cancel();
    support::run(io);
    BOOST_TEST(c.calls == 2);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    socket.close();

    BOOST_TEST((socket.start_connect(c) == pending));
    socket.close();
    support::run(io);
    BOOST_TEST(c.calls == 3);
    BOOST_TEST(c.error() == asio::error::operation_aborted);

    // The context is good for a connect that succeeds.
    c.endpoint(listener.endpoint());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
}

namespace {

// The cancellation of the token forms, on a socket that is open or that the
// connect opens.
void cancel_token_connects(connecting& f, bool is_open)
{
    silent const nobody_answers;
    f.c.endpoint(nobody_answers.endpoint());
    for (auto const type :
         {asio::cancellation_type::terminal,
          asio::cancellation_type::partial,
          asio::cancellation_type::total})
    {
        for (bool const on_context : {false, true})
        {
            int calls = 0;
            asio::cancellation_signal signal;
            auto token =
                asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) {
                    BOOST_TEST(ec == asio::error::operation_aborted);
                    ++calls;
                });
            if (is_open)
            {
                f.socket.open(tcp::v4());
            }
            if (on_context)
            {
                f.socket.async_connect(f.c, std::move(token));
            }
            else
            {
                f.socket.async_connect(
                    nobody_answers.endpoint(), std::move(token));
            }
            signal.emit(type);
            f.run_shortly();
            BOOST_TEST(calls == 1);
            f.socket.close();
            support::run(f.io);
        }
    }
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_token_connect_is_cancelled_by_its_slot, connecting)
{
    cancel_token_connects(*this, true);
}

BOOST_FIXTURE_TEST_CASE(a_token_connect_that_opens_is_cancelled, connecting)
{
    cancel_token_connects(*this, false);
}

BOOST_FIXTURE_TEST_CASE(a_connect_ends_at_its_deadline, connecting)
{
    silent const nobody_answers;
    c.endpoint(nobody_answers.endpoint());
    c.timeout(std::chrono::milliseconds(20));
    finish(io, c, socket.start_connect(c));
    BOOST_TEST((c.error() == opslot::error::timeout));
    BOOST_TEST((c.error() != asio::error::timed_out));
    socket.close();
    c.endpoint(listener.endpoint());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
}

BOOST_FIXTURE_TEST_CASE(a_withdrawn_connect_calls_nothing, connecting)
{
    silent const nobody_answers;
    int calls = 0;
    {
        opslot::connect_context going;
        going.endpoint(nobody_answers.endpoint());
        going.completion_handler([&](auto&) { ++calls; });
        BOOST_TEST((socket.start_connect(going) == pending));
    }
    support::run(io);
    BOOST_TEST(calls == 0);
    BOOST_TEST(socket.is_open());
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_cannot_open_reports_it, connecting)
{
    {
        // What the engine needs itself is there.
        tcp::socket const warm_up(io, tcp::v4());
    }
    no_more_descriptors const limit;
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == asio::error::no_descriptors);
    BOOST_TEST(!socket.is_open());
    int calls = 0;
    socket.async_connect(listener.endpoint(), [&](error_code ec) {
        BOOST_TEST(ec == asio::error::no_descriptors);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
}

BOOST_FIXTURE_TEST_CASE(a_connected_socket_transfers_at_once, connecting)
{
    // In the handler of the connect, and without a wait in between.
    support::counted<opslot::stream_context> tx, rx;
    std::array<char, 4> storage;
    tx.buffer(asio::buffer("ping", 4));
    rx.buffer(asio::buffer(storage));
    opslot::connect_context connect;
    connect.endpoint(listener.endpoint());
    std::optional<start_result> sent, received;
    connect.completion_handler([&](auto& done) {
        BOOST_REQUIRE(done.error() == success);
        sent = socket.start_send(tx);
        received = socket.start_receive(rx);
    });
    socket.async_connect(connect);
    support::run_until(io, [&] { return received.has_value(); });
    peer other = listener.accept();
    BOOST_TEST(other.read(4) == "ping");
    support::poll(io);
    other.write("pong");
    if (*received == pending)
    {
        support::run_until(io, [&] { return rx.calls == 1; });
    }
    BOOST_TEST(tx.calls == (*sent == pending ? 1 : 0));
    BOOST_TEST(std::string(storage.data(), 4) == "pong");
}

// Both engines have completions that were not delivered when all ends

BOOST_AUTO_TEST_CASE(an_undelivered_error_goes_with_its_io_context)
{
    connect_context c;
    refusing const nobody;
    c.endpoint(nobody.endpoint());
    accept_context a;
    {
        asio::io_context io;
        tcp::acceptor closed(io);
        closed.async_accept(a);
        BOOST_TEST(a.is_pending());
        tcp::socket socket(io);
        socket.async_connect(c);
        BOOST_TEST(c.is_pending());
    }
    BOOST_TEST(a.calls + c.calls == 0);
    BOOST_TEST(!a.is_pending());
    BOOST_TEST(!c.is_pending());
}

BOOST_AUTO_TEST_CASE(undelivered_connections_go_with_their_io_context)
{
    support::descriptor_check const leaks;
    accept_context a;
    peer first, second;
    {
        asio::io_context io;
        tcp::acceptor acceptor(io, loopback);
        first = support::connect_to(acceptor.local_endpoint());
        second = support::connect_to(acceptor.local_endpoint());
        support::await(acceptor.native_handle());
        acceptor.async_accept(a);
        acceptor.async_accept(
            [](error_code, tcp::socket) { BOOST_ERROR("called"); });
    }
    BOOST_TEST(a.calls == 0);
    BOOST_TEST(!a.is_pending());
}
