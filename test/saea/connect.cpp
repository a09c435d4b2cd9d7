// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Connecting. The numbers are those of the behavioural cases in
// doc/saea.adoc.

#define BOOST_TEST_MODULE saea_connect
#include <opslot/connect_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <string>

#include <sys/socket.h>

#include "contract/receiver.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::receiver;
using opslot::pending;
using support::finish;
using tcp = opslot::tcp;
using connect_context = support::counted<opslot::connect_context>;
using context = support::counted<opslot::stream_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

// An address that answers nobody as long as its backlog is full.
class silent
{
public:
    tcp::endpoint endpoint() const { return listener_.endpoint(); }

    // Takes all connections that wait.
    void answer()
    {
        first_.close();
        listener_.accept();
    }

    support::peer accept() { return listener_.accept(); }

private:
    support::listener listener_{AF_INET, 0};
    support::peer first_ = support::connect_to(listener_.endpoint());
};

} // namespace

// Model case 80.
BOOST_AUTO_TEST_CASE(a_connect_makes_the_socket_a_connected_one)
{
    for (int const family : {AF_INET, AF_INET6})
    {
        support::descriptor_check const leaks;
        asio::io_context io;
        support::listener l(family);
        tcp::socket socket(io);
        connect_context c;
        c.endpoint(l.endpoint());
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.bytes_transferred() == 0u);
        BOOST_TEST(socket.is_open());
        BOOST_TEST(socket.remote_endpoint() == l.endpoint());
        auto peer = l.accept();
        socket.write_some(asio::buffer("a", 1));
        BOOST_TEST(peer.read(1) == "a");
    }
}

// Model case 88.
BOOST_AUTO_TEST_CASE(a_close_aborts_a_connect_and_what_was_started_behind_it)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    silent nobody_answers;
    tcp::socket socket(io);
    connect_context c;
    receiver rx;
    context tx, wait;
    c.endpoint(nobody_answers.endpoint());
    tx.buffer(asio::buffer("abc", 3));
    BOOST_TEST((socket.start_connect(c) == pending));
    auto const received = socket.start_receive(rx);
    auto const sent = socket.start_send(tx);
    auto const waited = socket.start_wait(wait, tcp::socket::wait_read);
    support::poll(io);
    socket.close();
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == aborted);
    BOOST_TEST(rx.calls == (received == pending ? 1 : 0));
    BOOST_TEST(rx.error() != success);
    BOOST_TEST(tx.calls == (sent == pending ? 1 : 0));
    BOOST_TEST(tx.error() != success);
    BOOST_TEST(wait.calls == (waited == pending ? 1 : 0));
}

BOOST_AUTO_TEST_CASE(transfers_started_while_connecting_go_on_when_connected)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    silent late;
    tcp::socket socket(io);
    connect_context c;
    receiver rx;
    context tx;
    c.endpoint(late.endpoint());
    tx.buffer(asio::buffer("abc", 3));
    BOOST_TEST((socket.start_connect(c) == pending));
    auto const received = socket.start_receive(rx);
    auto const sent = socket.start_send(tx);
    BOOST_TEST((received == pending));
    BOOST_TEST((sent == pending));
    support::poll(io);
    BOOST_TEST(c.is_pending());
    // The system tries again after a second, and finds room.
    late.answer();
    support::run_until(io, [&] { return tx.calls == 1; });
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(tx.error() == success);
    auto peer = late.accept();
    BOOST_TEST(peer.read(3) == "abc");
    BOOST_TEST(rx.is_pending());
    peer.write("x");
    support::run(io);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.storage[0] == 'x');
}

BOOST_AUTO_TEST_CASE(a_receive_does_not_take_the_error_of_a_connect)
{
    support::descriptor_check const leaks;
    for (int i = 0; i != 20; ++i)
    {
        asio::io_context io;
        tcp::socket nobody(
            io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        tcp::socket socket(io);
        connect_context c;
        receiver rx;
        context tx;
        c.endpoint(nobody.local_endpoint());
        tx.buffer(asio::buffer("abc", 3));
        auto const connected = socket.start_connect(c);
        auto const received = socket.start_receive(rx);
        auto const sent = socket.start_send(tx);
        support::run(io);
        BOOST_TEST(c.calls == (connected == pending ? 1 : 0));
        BOOST_TEST(c.error() == asio::error::connection_refused);
        BOOST_TEST(rx.calls == (received == pending ? 1 : 0));
        BOOST_TEST(rx.error() != success);
        BOOST_TEST(tx.calls == (sent == pending ? 1 : 0));
        BOOST_TEST(tx.error() != success);
        BOOST_TEST(tx.bytes_transferred() == 0u);
    }
}
