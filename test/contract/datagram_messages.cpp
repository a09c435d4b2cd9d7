// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Where datagrams arrive. The numbers are those of the cases that the model's
// own tests have.

#define BOOST_TEST_MODULE contract_datagram_messages
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "contract/datagrams.hpp"
#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
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

unsigned loopback_index()
{
    unsigned const index = ::if_nametoindex("lo");
    BOOST_REQUIRE(index != 0u);
    return index;
}

// A socket that is bound to every address.
struct wildcard
{
    support::descriptor_check leaks;
    asio::io_context io;
    udp::socket socket{io, udp::endpoint(udp::v4(), 0)};
    support::datagram_peer other;

    void send(std::string const& text, char const* address)
    {
        other.send(
            text,
            {asio::ip::make_address(address), socket.local_endpoint().port()});
    }
};

template<typename Option>
void set(udp::socket& socket, int level, int name, Option value)
{
    BOOST_REQUIRE(
        ::setsockopt(
            socket.native_handle(), level, name, &value, sizeof(value)) == 0);
}

} // namespace

// Model case 74.
BOOST_DATA_TEST_CASE(every_form_of_buffers_gets_the_message, families, family)
{
    datagrams d(family);
    datagram_context rx;
    std::string storage(1024, '.');
    for (std::uint32_t i = 0; i != 30; ++i)
    {
        rx.clear_buffers();
        storage.assign(1024, '.');
        switch (i % 3)
        {
        case 0:
            rx.buffer(asio::buffer(storage));
            break;
        case 1:
            rx.buffer_list(asio::buffer(storage));
            break;
        default:
            rx.buffer_list(std::array<asio::mutable_buffer, 2>{
                asio::buffer(storage, 500), asio::buffer(storage) + 500});
        }
        std::string const sent = payload(1024, i);
        auto const result = d.socket.start_receive_message_from(rx);
        d.send(sent);
        finish(d.io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 1024u);
        BOOST_TEST(!rx.is_truncated());
        BOOST_TEST((storage == sent));
        BOOST_TEST(rx.sender() == d.other.endpoint());
        BOOST_TEST(
            rx.packet_information().destination ==
            d.socket.local_endpoint().address());
        BOOST_TEST(
            (rx.last_operation() == operation_kind::receive_message_from));
    }
}

BOOST_FIXTURE_TEST_CASE(it_tells_which_address_was_meant, wildcard)
{
    socket.enable_packet_information();
    datagram_receiver rx;
    for (char const* address : {"127.0.0.1", "127.0.0.2", "127.1.2.3"})
    {
        send("abc", address);
        finish(io, rx, socket.start_receive_message_from(rx));
        BOOST_TEST(rx.data() == "abc");
        BOOST_TEST(rx.sender() == other.endpoint());
        auto const packet = rx.packet_information();
        BOOST_TEST(packet.destination == asio::ip::make_address(address));
        BOOST_TEST(packet.interface_index == loopback_index());
    }
}

BOOST_FIXTURE_TEST_CASE(the_first_operation_asks_for_it, wildcard)
{
    datagram_receiver rx;
    auto const result = socket.start_receive_message_from(rx);
    BOOST_TEST((result == pending));
    send("abc", "127.0.0.2");
    finish(io, rx, result);
    BOOST_TEST(
        rx.packet_information().destination ==
        asio::ip::make_address("127.0.0.2"));
    BOOST_TEST(rx.packet_information().interface_index == loopback_index());
}

BOOST_FIXTURE_TEST_CASE(an_earlier_datagram_tells_less, wildcard)
{
    send("abc", "127.0.0.2");
    datagram_receiver rx;
    BOOST_TEST((socket.start_receive_message_from(rx) == completed));
    BOOST_TEST(rx.data() == "abc");
    BOOST_TEST(
        rx.packet_information().destination ==
        asio::ip::make_address("127.0.0.2"));
}

BOOST_FIXTURE_TEST_CASE(a_plain_receive_knows_nothing_of_it, wildcard)
{
    datagram_receiver rx;
    BOOST_TEST(rx.packet_information().destination.is_unspecified());
    send("a", "127.0.0.2");
    finish(io, rx, socket.start_receive_message_from(rx));
    BOOST_TEST(!rx.packet_information().destination.is_unspecified());
    send("b", "127.0.0.2");
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.packet_information().destination.is_unspecified());
    BOOST_TEST(rx.packet_information().interface_index == 0u);
    BOOST_TEST(rx.sender() == other.endpoint());
}

BOOST_FIXTURE_TEST_CASE(a_cut_datagram_tells_it_too, wildcard)
{
    datagram_context rx;
    std::string storage(2, '.');
    rx.buffer(asio::buffer(storage));
    auto const result = socket.start_receive_message_from(rx);
    send("abc", "127.0.0.2");
    finish(io, rx, result);
    BOOST_TEST(rx.is_truncated());
    BOOST_TEST(storage == "ab");
    BOOST_TEST(rx.sender() == other.endpoint());
    BOOST_TEST(
        rx.packet_information().destination ==
        asio::ip::make_address("127.0.0.2"));
}

BOOST_FIXTURE_TEST_CASE(other_ancillary_data_is_passed_over, wildcard)
{
    set(socket, SOL_SOCKET, SO_TIMESTAMP, 1);
    set(socket, SOL_SOCKET, SO_RXQ_OVFL, 1);
    set(socket, IPPROTO_IP, IP_RECVTTL, 1);
    set(socket, IPPROTO_IP, IP_RECVTOS, 1);
    set(socket, IPPROTO_IP, IP_RECVOPTS, 1);
    set(socket, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
    socket.enable_packet_information();
    datagram_receiver rx;
    for (int i = 0; i != 3; ++i)
    {
        send("abc", "127.0.0.3");
        finish(io, rx, socket.start_receive_message_from(rx));
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.data() == "abc");
        BOOST_TEST((rx.received_flags() & MSG_CTRUNC) == 0);
        BOOST_TEST(
            rx.packet_information().destination ==
            asio::ip::make_address("127.0.0.3"));
        BOOST_TEST(rx.packet_information().interface_index == loopback_index());
        // And where nobody asked for it there is no harm in it.
        send("def", "127.0.0.3");
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(rx.data() == "def");
    }
}

BOOST_AUTO_TEST_CASE(a_link_local_address_has_its_interface)
{
    opslot::detail::datagram_request request;
    request.arrived_at = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    request.arrived_at_size = 16;
    request.interface_index = 7;
    auto const packet = opslot::detail::arrival_of(request);
    BOOST_TEST(packet.destination.to_v6().scope_id() == 7u);
    BOOST_TEST(packet.interface_index == 7u);
}

BOOST_FIXTURE_TEST_CASE(
    a_local_socket_cannot_tell_it, contract::local_datagrams)
{
    contract::local_datagram_receiver rx;
    other.send(asio::buffer("abc", 3));
    finish(io, rx, socket.start_receive_message_from(rx));
    BOOST_TEST(rx.error() == asio::error::operation_not_supported);
    error_code ec;
    socket.enable_packet_information(ec);
    BOOST_TEST(ec == asio::error::operation_not_supported);
    // The datagram is there still.
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.data() == "abc");
}

BOOST_AUTO_TEST_CASE(a_closed_socket_cannot_tell_it)
{
    asio::io_context io;
    udp::socket socket(io);
    error_code ec;
    socket.enable_packet_information(ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    BOOST_CHECK_THROW(
        socket.enable_packet_information(), boost::system::system_error);
    datagram_receiver rx;
    finish(io, rx, socket.start_receive_message_from(rx));
    BOOST_TEST(rx.error() == asio::error::bad_descriptor);
}
