// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What is received and sent. The numbers are those of the cases that the
// model's own tests have.

#define BOOST_TEST_MODULE contract_datagrams
#include "contract/datagrams.hpp"

#include <opslot/error.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
using asio::socket_base;
using boost::system::error_code;
using contract::datagram_context;
using contract::datagram_receiver;
using contract::datagrams;
using opslot::completed;
using opslot::operation_kind;
using opslot::pending;
using support::finish;
using support::payload;
using udp = opslot::udp;

error_code const success;
auto const families = data::make({AF_INET, AF_INET6});

} // namespace

// Receiving

// Model case 68.
BOOST_DATA_TEST_CASE(a_part_of_a_buffer_is_filled, families, family)
{
    datagrams d(family);
    datagram_context rx;
    std::string storage;
    for (std::uint32_t i = 0; i != 16; ++i)
    {
        std::string const sent = payload(256, i);
        storage.assign(300, '.');
        rx.buffer(asio::buffer(storage), 10, 256);
        auto const result = d.socket.start_receive_from(rx);
        d.send(sent);
        finish(d.io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 256u);
        BOOST_TEST(!rx.is_truncated());
        BOOST_TEST(rx.sender() == d.other.endpoint());
        BOOST_TEST(
            (storage == std::string(10, '.') + sent + std::string(34, '.')));
    }
}

// A stream socket has no receive_from, by its type. What comes to a connected
// datagram socket can be received by either operation.
// Model case 69.
BOOST_FIXTURE_TEST_CASE(a_connected_socket_tells_the_sender_too, datagrams)
{
    socket.connect(other.endpoint());
    datagram_receiver rx;
    send("abc");
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.data() == "abc");
    BOOST_TEST(rx.sender() == other.endpoint());
    send("def");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.data() == "def");
    BOOST_TEST(rx.sender() == udp::endpoint());
}

BOOST_FIXTURE_TEST_CASE(each_receive_gets_one_datagram, datagrams)
{
    datagram_receiver rx;
    for (char const* each : {"a", "bc", "def"})
    {
        send(each);
    }
    for (char const* each : {"a", "bc", "def"})
    {
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(rx.data() == each);
    }
    BOOST_TEST((socket.start_receive_from(rx) == pending));
    send("gh");
    support::run(io);
    BOOST_TEST(rx.data() == "gh");
}

BOOST_FIXTURE_TEST_CASE(what_is_there_completes_the_start, datagrams)
{
    datagram_receiver rx;
    send("abc");
    BOOST_TEST((socket.start_receive_from(rx) == completed));
    BOOST_TEST(rx.data() == "abc");
    BOOST_TEST((rx.last_operation() == operation_kind::receive_from));
    support::poll(io);
    BOOST_TEST(rx.calls == 0);
    send("def");
    socket.async_receive_from(rx);
    BOOST_TEST(rx.calls == 0);
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.data() == "def");
}

BOOST_FIXTURE_TEST_CASE(outstanding_receives_are_served_in_order, datagrams)
{
    std::deque<datagram_receiver> receives(8);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != receives.size(); ++i)
    {
        receives[i].completion_handler(
            [&order, i](auto&) { order.push_back(i); });
        BOOST_TEST((socket.start_receive_from(receives[i]) == pending));
    }
    for (std::size_t i = 0; i != receives.size(); ++i)
    {
        send(std::string(i + 1, static_cast<char>('a' + i)));
    }
    support::run(io);
    BOOST_TEST(order.size() == receives.size());
    for (std::size_t i = 0; i != receives.size(); ++i)
    {
        BOOST_TEST(order[i] == i);
        BOOST_TEST(
            receives[i].data() ==
            std::string(i + 1, static_cast<char>('a' + i)));
    }
}

BOOST_FIXTURE_TEST_CASE(a_budget_lets_others_in, datagrams)
{
    datagram_receiver rx;
    socket.sync_budget(2);
    for (char const* each : {"a", "b", "c"})
    {
        send(each);
    }
    BOOST_TEST((socket.start_receive_from(rx) == completed));
    BOOST_TEST((socket.start_receive_from(rx) == completed));
    BOOST_TEST((socket.start_receive_from(rx) == pending));
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.data() == "c");
}

// Model case 75.
BOOST_FIXTURE_TEST_CASE(a_peek_leaves_the_datagram_there, datagrams)
{
    datagram_receiver rx;
    rx.message_flags(socket_base::message_peek);
    send("abc");
    for (int i = 0; i != 2; ++i)
    {
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(rx.data() == "abc");
        BOOST_TEST(rx.sender() == other.endpoint());
    }
    BOOST_TEST((rx.message_flags() == socket_base::message_peek));
    rx.message_flags(0);
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.data() == "abc");
    BOOST_TEST((socket.start_receive_from(rx) == pending));
    rx.cancel();
    support::run(io);
}

// Model case 75.
BOOST_FIXTURE_TEST_CASE(what_does_not_fit_is_lost_and_said, datagrams)
{
    datagram_context rx;
    std::string storage(4, '.');
    rx.buffer(asio::buffer(storage), 0, 3);
    for (bool const is_list : {false, true})
    {
        if (is_list)
        {
            rx.clear_buffers();
            rx.buffer_list(std::array<asio::mutable_buffer, 2>{
                asio::buffer(&storage[0], 1), asio::buffer(&storage[1], 2)});
        }
        send("abcdef");
        send("gh");
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 3u);
        BOOST_TEST(rx.is_truncated());
        BOOST_TEST(storage == "abc.");
        BOOST_TEST(rx.sender() == other.endpoint());
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(rx.bytes_transferred() == 2u);
        BOOST_TEST(!rx.is_truncated());
        BOOST_TEST(storage == "ghc.");
    }
    rx.message_flags(socket_base::message_peek);
    send("1234");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.is_truncated());
    rx.message_flags(0);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.is_truncated());
    BOOST_TEST(storage == "123.");
}

BOOST_FIXTURE_TEST_CASE(a_buffer_of_the_right_size_is_not_too_small, datagrams)
{
    datagram_context rx;
    std::string storage(3, '.');
    rx.buffer(asio::buffer(storage));
    send("abc");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.bytes_transferred() == 3u);
    BOOST_TEST(!rx.is_truncated());
}

BOOST_FIXTURE_TEST_CASE(a_datagram_without_bytes_is_one_too, datagrams)
{
    datagram_receiver rx;
    BOOST_TEST((socket.start_receive_from(rx) == pending));
    send("");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    BOOST_TEST(rx.sender() == other.endpoint());
    BOOST_TEST(!rx.is_truncated());
    send("");
    send("a");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.data() == "a");
}

BOOST_FIXTURE_TEST_CASE(an_empty_buffer_takes_a_datagram, datagrams)
{
    datagram_context rx;
    datagram_receiver next;
    for (bool const is_list : {false, true})
    {
        rx.clear_buffers();
        if (is_list)
        {
            rx.buffer_list(std::array<asio::mutable_buffer, 2>{});
        }
        else
        {
            rx.buffer(asio::mutable_buffer());
        }
        auto const result = socket.start_receive_from(rx);
        BOOST_TEST((result == pending));
        support::poll(io);
        BOOST_TEST(rx.is_pending());
        send("abc");
        send("d");
        finish(io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 0u);
        BOOST_TEST(rx.is_truncated());
        BOOST_TEST(rx.sender() == other.endpoint());
        finish(io, next, socket.start_receive(next));
        BOOST_TEST(next.data() == "d");
    }
}

BOOST_FIXTURE_TEST_CASE(a_wait_takes_nothing, datagrams)
{
    datagram_receiver rx;
    auto const result = socket.start_wait(rx, udp::socket::wait_read);
    BOOST_TEST((result == pending));
    send("abc");
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST((rx.last_operation() == operation_kind::wait));
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.data() == "abc");
    finish(io, rx, socket.start_wait(rx, udp::socket::wait_write));
    BOOST_TEST(rx.error() == success);
}

// Model case 71.
BOOST_FIXTURE_TEST_CASE(nothing_arrives_at_a_socket_without_a_port, datagrams)
{
    datagram_receiver rx;
    udp::socket unbound(io, udp::v4());
    finish(io, rx, unbound.start_receive_from(rx));
    BOOST_TEST(rx.error() == asio::error::invalid_argument);
    finish(io, rx, unbound.start_receive(rx));
    BOOST_TEST(rx.error() == asio::error::invalid_argument);
    unbound.bind(support::any_port());
    auto const result = unbound.start_receive_from(rx);
    BOOST_TEST((result == pending));
    other.send("abc", unbound.local_endpoint());
    finish(io, rx, result);
    BOOST_TEST(rx.data() == "abc");
}

// Model case 73.
BOOST_FIXTURE_TEST_CASE(a_receive_after_shutdown_fails, datagrams)
{
    error_code ignored;
    datagram_receiver rx, later;
    socket.connect(other.endpoint());
    send("abc");
    finish(io, rx, socket.start_receive(rx));
    auto const first = socket.start_receive(rx);
    auto const second = socket.start_receive(later);
    BOOST_TEST((first == pending));
    socket.shutdown(udp::socket::shutdown_receive, ignored);
    finish(io, rx, first);
    support::run(io);
    BOOST_TEST(rx.error() == asio::error::shut_down);
    BOOST_TEST((second == pending));
    BOOST_TEST(later.error() == asio::error::shut_down);
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.error() == asio::error::shut_down);
    // Sending goes on.
    datagram_context tx;
    tx.buffer(asio::buffer("def", 3));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(other.receive() == "def");
}

// Sending

BOOST_DATA_TEST_CASE(a_datagram_goes_to_the_endpoint, families, family)
{
    datagrams d(family);
    support::datagram_peer third(family);
    datagram_context tx;
    std::string const sent = payload(1000);
    tx.buffer(asio::buffer(sent));
    tx.endpoint(d.other.endpoint());
    finish(d.io, tx, d.socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 1000u);
    BOOST_TEST((d.other.receive() == sent));
    BOOST_TEST(d.other.sender() == d.socket.local_endpoint());
    BOOST_TEST(tx.endpoint() == d.other.endpoint());
    BOOST_TEST((tx.last_operation() == operation_kind::send_to));
    tx.endpoint(third.endpoint());
    finish(d.io, tx, d.socket.start_send_to(tx));
    BOOST_TEST((third.receive() == sent));
}

BOOST_FIXTURE_TEST_CASE(a_list_is_one_datagram, datagrams)
{
    datagram_context tx;
    tx.endpoint(other.endpoint());
    tx.buffer_list(std::array<asio::const_buffer, 4>{
        asio::buffer("ab", 2),
        asio::const_buffer(),
        asio::buffer("c", 1),
        asio::buffer("def", 3)});
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.bytes_transferred() == 6u);
    BOOST_TEST(other.receive() == "abcdef");
}

BOOST_FIXTURE_TEST_CASE(no_bytes_are_a_datagram, datagrams)
{
    datagram_context tx;
    tx.endpoint(other.endpoint());
    tx.buffer(asio::const_buffer());
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(other.receive() == "");
    tx.clear_buffers();
    tx.buffer_list(std::array<asio::const_buffer, 2>{});
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(other.receive() == "");
    BOOST_TEST(other.sender() == socket.local_endpoint());
    socket.connect(other.endpoint());
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(other.receive() == "");
}

BOOST_FIXTURE_TEST_CASE(sends_of_one_turn_stay_apart, datagrams)
{
    std::deque<datagram_context> sends(20);
    bool are_sent = false;
    asio::post(io, [&] {
        for (std::size_t i = 0; i != sends.size(); ++i)
        {
            static std::string const bytes(20, 'x');
            sends[i].endpoint(other.endpoint());
            sends[i].buffer(asio::buffer(bytes, i + 1));
            (void)socket.start_send_to(sends[i]);
        }
        are_sent = true;
    });
    support::run(io);
    BOOST_TEST(are_sent);
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        BOOST_TEST(sends[i].bytes_transferred() == i + 1);
        BOOST_TEST(other.receive() == std::string(i + 1, 'x'));
    }
}

BOOST_FIXTURE_TEST_CASE(a_context_answers_its_sender, datagrams)
{
    datagram_receiver c;
    support::datagram_peer const elsewhere;
    c.endpoint(elsewhere.endpoint());
    send("abc");
    finish(io, c, socket.start_receive_from(c));
    // What was set is not overwritten by what was received.
    BOOST_TEST(c.endpoint() == elsewhere.endpoint());
    BOOST_TEST(c.sender() == other.endpoint());
    c.endpoint(c.sender());
    c.slice(0, c.bytes_transferred());
    finish(io, c, socket.start_send_to(c));
    BOOST_TEST(other.receive() == "abc");
    BOOST_TEST(c.sender() == other.endpoint());
}

BOOST_FIXTURE_TEST_CASE(a_datagram_that_is_too_long_is_not_sent, datagrams)
{
    datagram_context tx;
    std::string const sent(70000, 'x');
    tx.endpoint(other.endpoint());
    tx.buffer(asio::buffer(sent));
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == asio::error::message_size);
    BOOST_TEST(tx.bytes_transferred() == 0u);
    tx.slice(0, 5);
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(other.receive() == "xxxxx");
}

// Model case 76.
BOOST_FIXTURE_TEST_CASE(a_list_may_have_any_length, datagrams)
{
    for (std::size_t const count : {63u, 64u, 65u, 1024u, 1025u, 1200u, 5000u})
    {
        std::string const sent =
            payload(count, static_cast<std::uint32_t>(count));
        std::vector<asio::const_buffer> from;
        std::string storage(count + 1, '.');
        std::vector<asio::mutable_buffer> into;
        for (std::size_t i = 0; i != count; ++i)
        {
            from.emplace_back(&sent[i], 1);
            into.emplace_back(&storage[i], 1);
        }
        datagram_context tx, rx;
        tx.buffer_list(from);
        tx.endpoint(socket.local_endpoint());
        rx.buffer_list(into);
        for (auto const receive :
             {&udp::socket::start_receive_from,
              &udp::socket::start_receive_message_from})
        {
            finish(io, tx, socket.start_send_to(tx));
            BOOST_TEST(tx.error() == success);
            BOOST_TEST(tx.bytes_transferred() == count);
            storage.assign(count + 1, '.');
            finish(io, rx, (socket.*receive)(rx));
            BOOST_TEST(rx.error() == success);
            BOOST_TEST(rx.bytes_transferred() == count);
            BOOST_TEST(!rx.is_truncated());
            BOOST_TEST((storage == sent + "."));
        }
        // One byte more than there is room for.
        other.send(sent + "!", socket.local_endpoint());
        storage.assign(count + 1, '.');
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == count);
        BOOST_TEST(rx.is_truncated());
        BOOST_TEST((storage == sent + "."));
    }
}

BOOST_FIXTURE_TEST_CASE(the_largest_datagram_arrives, datagrams)
{
    std::string const sent = payload(65507);
    std::string storage(70000, '.');
    datagram_context tx, rx;
    tx.buffer(asio::buffer(sent));
    tx.endpoint(socket.local_endpoint());
    rx.buffer(asio::buffer(storage));
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.bytes_transferred() == sent.size());
    BOOST_TEST(!rx.is_truncated());
    storage.resize(sent.size());
    BOOST_TEST((storage == sent));
}

// Model case 78.
BOOST_FIXTURE_TEST_CASE(the_first_send_binds_the_socket, datagrams)
{
    udp::socket fresh(io, udp::v4());
    BOOST_TEST(fresh.local_endpoint().port() == 0u);
    datagram_context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.endpoint(other.endpoint());
    auto const result = fresh.start_send_to(tx);
    finish(io, tx, result);
    BOOST_TEST(fresh.local_endpoint().port() != 0u);
    other.receive();
    datagram_receiver rx;
    other.send("def", other.sender());
    finish(io, rx, fresh.start_receive_from(rx));
    BOOST_TEST(rx.data() == "def");
}

// The system has bound the socket by then, and the library does not hide that
// as .NET does.
// Model case 78.
BOOST_FIXTURE_TEST_CASE(a_broadcast_needs_the_option, datagrams)
{
    udp::socket fresh(io, udp::v4());
    udp::socket everywhere(io, udp::endpoint(udp::v4(), 0));
    datagram_context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.endpoint(
        {asio::ip::make_address("127.255.255.255"),
         everywhere.local_endpoint().port()});
    finish(io, tx, fresh.start_send_to(tx));
    BOOST_TEST(tx.error() == asio::error::access_denied);
    BOOST_TEST(tx.bytes_transferred() == 0u);
    fresh.set_option(socket_base::broadcast(true));
    finish(io, tx, fresh.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
    datagram_receiver rx;
    finish(io, rx, everywhere.start_receive_message_from(rx));
    BOOST_TEST(rx.data() == "abc");
    BOOST_TEST(rx.packet_information().destination == tx.endpoint().address());
}

// Connected sockets

// Model case 80.
BOOST_FIXTURE_TEST_CASE(a_connected_socket_hears_its_peer_only, datagrams)
{
    support::datagram_peer stranger;
    support::counted<opslot::connect_context> to;
    to.endpoint(other.endpoint());
    finish(io, to, socket.start_connect(to));
    BOOST_TEST(to.error() == success);
    BOOST_TEST(socket.remote_endpoint() == other.endpoint());
    datagram_receiver rx;
    datagram_context tx;
    stranger.send("no", socket.local_endpoint());
    send("yes");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.data() == "yes");
    BOOST_TEST((rx.last_operation() == operation_kind::receive));
    tx.buffer(asio::buffer("abc", 3));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST((tx.last_operation() == operation_kind::send));
    BOOST_TEST(other.receive() == "abc");
    BOOST_TEST(other.sender() == socket.local_endpoint());
}

BOOST_FIXTURE_TEST_CASE(a_send_without_a_peer_fails, datagrams)
{
    datagram_context tx;
    tx.buffer(asio::buffer("abc", 3));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == boost::system::errc::destination_address_required);
    tx.endpoint(other.endpoint());
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
}

BOOST_DATA_TEST_CASE(an_unreachable_port_is_no_end, families, family)
{
    datagrams d(family);
    udp::endpoint const gone = d.other.endpoint();
    d.socket.connect(gone);
    d.other.close();
    datagram_receiver rx;
    datagram_context tx;
    tx.buffer(asio::buffer("abc", 3));
    BOOST_TEST((d.socket.start_receive(rx) == pending));
    finish(d.io, tx, d.socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    support::run_until(d.io, [&] { return rx.calls == 1; });
    BOOST_TEST(rx.error() == asio::error::connection_refused);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    // It may be reported to a send as well.
    finish(d.io, tx, d.socket.start_send(tx));
    finish(d.io, tx, d.socket.start_send(tx));
    BOOST_TEST(tx.error() == asio::error::connection_refused);
    // The socket goes on: with the same peer, if that comes back.
    udp::socket back(d.io, gone);
    finish(d.io, tx, d.socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    datagram_receiver there;
    finish(d.io, there, back.start_receive_from(there));
    BOOST_TEST(there.data() == "abc");
    tx.endpoint(there.sender());
    finish(d.io, tx, back.start_send_to(tx));
    finish(d.io, rx, d.socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.data() == "abc");
}

// Two families on one socket

namespace {

// A socket of IPv6 that receives IPv4 as well.
struct dual_stack
{
    support::descriptor_check leaks;
    asio::io_context io;
    udp::socket socket{io, udp::v6()};
    support::datagram_peer v4{AF_INET};
    support::datagram_peer v6{AF_INET6};

    dual_stack()
    {
        socket.set_option(asio::ip::v6_only(false));
        socket.bind(udp::endpoint(udp::v6(), 0));
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(both_families_reach_a_dual_socket, dual_stack)
{
    auto const port = socket.local_endpoint().port();
    datagram_receiver rx;
    v4.send("four", {asio::ip::address_v4::loopback(), port});
    finish(io, rx, socket.start_receive_message_from(rx));
    BOOST_TEST(rx.data() == "four");
    BOOST_TEST(rx.sender().port() == v4.endpoint().port());
    auto const mapped = asio::ip::make_address_v6(
        asio::ip::v4_mapped, asio::ip::address_v4::loopback());
    BOOST_TEST(rx.sender().address() == mapped);
    BOOST_TEST(rx.packet_information().destination == mapped);
    v6.send("six", {asio::ip::address_v6::loopback(), port});
    finish(io, rx, socket.start_receive_message_from(rx));
    BOOST_TEST(rx.data() == "six");
    BOOST_TEST(rx.sender() == v6.endpoint());
    BOOST_TEST(
        rx.packet_information().destination ==
        asio::ip::address_v6::loopback());
}

BOOST_FIXTURE_TEST_CASE(a_dual_socket_reaches_both_families, dual_stack)
{
    datagram_context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.endpoint(v4.endpoint());
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(v4.receive() == "abc");
    BOOST_TEST(tx.endpoint() == v4.endpoint());
    tx.endpoint(
        {asio::ip::make_address_v6(
             asio::ip::v4_mapped, asio::ip::address_v4::loopback()),
         v4.endpoint().port()});
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(v4.receive() == "abc");
    tx.endpoint(v6.endpoint());
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(v6.receive() == "abc");
}
