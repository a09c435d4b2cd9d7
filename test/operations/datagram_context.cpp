// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/datagram_context.hpp>

#define BOOST_TEST_MODULE operations_datagram_context
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::system_error;
using opslot::error;
using opslot::operation_kind;
using opslot::detail::context_access;
using opslot::detail::datagram_context_access;
using place = opslot::detail::operation_place;
using context = opslot::basic_datagram_context<udp>;

udp::endpoint const somewhere(asio::ip::address_v4::loopback(), 7);
udp::endpoint const elsewhere(asio::ip::address_v6::loopback(), 9);

auto is(error e)
{
    return [e](system_error const& thrown) { return thrown.code() == e; };
}

} // namespace

BOOST_AUTO_TEST_CASE(a_new_context_has_defaults)
{
    context c;
    BOOST_TEST(c.endpoint() == udp::endpoint());
    BOOST_TEST(c.sender() == udp::endpoint());
    BOOST_TEST(!c.is_truncated());
    BOOST_TEST(c.packet_information().destination.is_unspecified());
    BOOST_TEST(c.packet_information().interface_index == 0u);
    BOOST_TEST(c.buffer().size() == 0u);
    BOOST_TEST((c.message_flags() == 0));
    BOOST_TEST((c.received_flags() == 0));
    BOOST_TEST((c.last_operation() == operation_kind::none));
    BOOST_TEST(!datagram_context_access::has_endpoint(c));
    BOOST_TEST(!datagram_context_access::has_buffers(c, true));
}

BOOST_AUTO_TEST_CASE(an_endpoint_stays_set)
{
    context c;
    c.endpoint(somewhere);
    BOOST_TEST(c.endpoint() == somewhere);
    BOOST_TEST(datagram_context_access::has_endpoint(c));
    c.endpoint(elsewhere);
    BOOST_TEST(c.endpoint() == elsewhere);
    auto const* const r =
        datagram_context_access::prepare(c, operation_kind::send_to);
    BOOST_TEST(r->datagram->target_size == elsewhere.size());
    BOOST_TEST(
        std::memcmp(r->datagram->target, elsewhere.data(), elsewhere.size()) ==
        0);
}

BOOST_AUTO_TEST_CASE(a_connected_send_has_no_target)
{
    context c;
    c.endpoint(somewhere);
    auto const* const r =
        datagram_context_access::prepare(c, operation_kind::send);
    BOOST_TEST(r->datagram->target == nullptr);
    BOOST_TEST(r->datagram->target_size == 0u);
    BOOST_TEST(c.endpoint() == somewhere);
}

BOOST_AUTO_TEST_CASE(what_was_received_is_told_until_the_next_receive)
{
    context c;
    c.endpoint(somewhere);
    auto* const r = datagram_context_access::prepare(
        c, operation_kind::receive_message_from);
    BOOST_TEST(r->datagram->wants_arrival);
    BOOST_REQUIRE(r->datagram->sender_capacity >= elsewhere.size());
    std::memcpy(r->datagram->sender, elsewhere.data(), elsewhere.size());
    r->datagram->sender_size = elsewhere.size();
    r->datagram->is_truncated = true;
    r->datagram->arrived_at = {127, 0, 0, 5};
    r->datagram->arrived_at_size = 4;
    r->datagram->interface_index = 3;
    for (auto const kind : {operation_kind::send_to, operation_kind::send})
    {
        BOOST_TEST(c.sender() == elsewhere);
        BOOST_TEST(c.endpoint() == somewhere);
        BOOST_TEST(c.is_truncated());
        BOOST_TEST(
            c.packet_information().destination ==
            asio::ip::make_address("127.0.0.5"));
        BOOST_TEST(c.packet_information().interface_index == 3u);
        datagram_context_access::prepare(c, kind);
    }
    datagram_context_access::prepare(c, operation_kind::receive);
    BOOST_TEST(r->datagram->sender == nullptr);
    BOOST_TEST(!r->datagram->wants_arrival);
    BOOST_TEST(c.sender() == udp::endpoint());
    BOOST_TEST(!c.is_truncated());
    BOOST_TEST(c.packet_information().destination.is_unspecified());
    BOOST_TEST(c.packet_information().interface_index == 0u);
}

BOOST_AUTO_TEST_CASE(an_address_of_ipv6_is_told_too)
{
    context c;
    auto* const r = datagram_context_access::prepare(
        c, operation_kind::receive_message_from);
    auto const bytes = asio::ip::make_address_v6("2001:db8::5").to_bytes();
    std::copy(bytes.begin(), bytes.end(), r->datagram->arrived_at.begin());
    r->datagram->arrived_at_size = 16;
    BOOST_TEST(
        c.packet_information().destination ==
        asio::ip::make_address("2001:db8::5"));
}

BOOST_AUTO_TEST_CASE(a_busy_or_disposed_context_refuses_an_endpoint)
{
    context c;
    c.endpoint(somewhere);
    context_access::begin(c, operation_kind::receive, nullptr);
    context_access::base(c).place.store(place::running);
    BOOST_CHECK_EXCEPTION(
        c.endpoint(elsewhere), system_error, is(error::context_busy));
    context_access::base(c).place.store(place::nowhere);
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        c.endpoint(elsewhere), system_error, is(error::context_disposed));
    BOOST_TEST(c.endpoint() == somewhere);
}

BOOST_AUTO_TEST_CASE(it_is_a_context_of_any_datagram_protocol)
{
    using local_context =
        opslot::basic_datagram_context<asio::local::datagram_protocol>;
    local_context c;
    c.endpoint(asio::local::datagram_protocol::endpoint("/somewhere"));
    BOOST_TEST(c.endpoint().path() == "/somewhere");
    static_assert(std::is_base_of_v<opslot::buffer_context, local_context>);
    static_assert(!std::is_copy_constructible_v<context>);
    static_assert(!std::is_move_constructible_v<context>);
}
