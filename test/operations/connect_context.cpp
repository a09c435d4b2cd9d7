// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/connect_context.hpp>

#define BOOST_TEST_MODULE operations_connect_context
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <type_traits>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using opslot::connect_context;
using opslot::error;

using opslot::detail::connect_context_access;
using opslot::detail::context_access;
using event = opslot::detail::operation::event;
using place = opslot::detail::operation_place;

auto is(error e)
{
    return [e](boost::system::system_error const& thrown) {
        return thrown.code() == e;
    };
}

// What an engine does with a pending operation, and with its result.
void go_pending(connect_context& c)
{
    context_access::begin(c, opslot::operation_kind::connect, nullptr);
    context_access::base(c).place.store(place::running);
}

void complete(connect_context& c)
{
    context_access::base(c).deliver(false);
}

template<typename Endpoint>
bool has(connect_context const& c, Endpoint const& expected)
{
    return c.endpoint().size() == expected.size() &&
           c.endpoint().protocol().family() == expected.protocol().family() &&
           std::memcmp(c.endpoint().data(), expected.data(), expected.size()) ==
               0;
}

tcp::endpoint const first(asio::ip::address_v4::loopback(), 4711);
tcp::endpoint const second(asio::ip::address_v6::loopback(), 4712);

} // namespace

BOOST_AUTO_TEST_CASE(a_context_neither_copies_nor_moves)
{
    static_assert(!std::is_copy_constructible_v<connect_context>);
    static_assert(!std::is_move_constructible_v<connect_context>);
    static_assert(!std::is_copy_assignable_v<connect_context>);
    static_assert(!std::is_move_assignable_v<connect_context>);
}

BOOST_AUTO_TEST_CASE(a_new_context_has_no_endpoint)
{
    connect_context c;
    BOOST_TEST(!connect_context_access::prepare(c));
    BOOST_TEST(c.endpoint().size() <= sizeof(sa_family_t));
    BOOST_TEST(!c.is_pending());
    BOOST_TEST(!c.error());
    BOOST_TEST((c.last_operation() == opslot::operation_kind::none));
}

BOOST_AUTO_TEST_CASE(endpoints_of_any_stream_protocol_are_taken)
{
    connect_context c;
    c.endpoint(first);
    BOOST_TEST(has(c, first));
    c.endpoint(second);
    BOOST_TEST(has(c, second));
    asio::local::stream_protocol::endpoint const local("/a/path/of/a/socket");
    c.endpoint(local);
    BOOST_TEST(has(c, local));
    asio::generic::stream_protocol::endpoint const generic(first);
    c.endpoint(generic);
    BOOST_TEST(has(c, first));
}

BOOST_AUTO_TEST_CASE(the_request_opens_a_socket_of_the_endpoints_protocol)
{
    connect_context c;
    c.endpoint(second);
    auto const* const request = connect_context_access::prepare(c);
    BOOST_REQUIRE(request);
    BOOST_TEST(request->family == tcp::v6().family());
    BOOST_TEST(request->type == tcp::v6().type());
    BOOST_TEST(request->address == c.endpoint().data());
    BOOST_TEST(request->address_size == second.size());
    c.endpoint(first);
    BOOST_REQUIRE(connect_context_access::prepare(c));
    BOOST_TEST(
        connect_context_access::prepare(c)->family == tcp::v4().family());
}

BOOST_AUTO_TEST_CASE(the_endpoint_stays_set)
{
    connect_context c;
    c.endpoint(first);
    go_pending(c);
    BOOST_TEST(has(c, first));
    complete(c);
    BOOST_TEST(has(c, first));
    BOOST_TEST(connect_context_access::prepare(c));
}

BOOST_AUTO_TEST_CASE(a_busy_context_keeps_its_endpoint)
{
    connect_context c;
    c.endpoint(first);
    go_pending(c);
    BOOST_CHECK_EXCEPTION(
        c.endpoint(second),
        boost::system::system_error,
        is(error::context_busy));
    BOOST_TEST(has(c, first));
    complete(c);
    c.endpoint(second);
    BOOST_TEST(has(c, second));
}

BOOST_AUTO_TEST_CASE(a_disposed_context_keeps_its_endpoint)
{
    connect_context c;
    c.endpoint(first);
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        c.endpoint(second),
        boost::system::system_error,
        is(error::context_disposed));
    BOOST_TEST(has(c, first));
}

BOOST_AUTO_TEST_CASE(the_handler_gets_the_connect_context)
{
    connect_context c;
    connect_context* got = nullptr;
    c.completion_handler([&](connect_context& given) { got = &given; });
    go_pending(c);
    BOOST_TEST(!got);
    complete(c);
    BOOST_TEST(got == &c);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::connect));
}

BOOST_AUTO_TEST_CASE(what_is_set_round_trips)
{
    using std::chrono::milliseconds;
    connect_context c;
    BOOST_TEST(!c.parallel());
    BOOST_TEST(!c.fast_open());
    BOOST_TEST((c.head_start() == milliseconds(250)));
    BOOST_TEST(c.buffer().size() == 0u);
    BOOST_TEST(!c.connect_by_name_error());
    c.parallel(true);
    c.fast_open(true);
    c.head_start(milliseconds(20));
    c.buffer(asio::buffer("abc", 3));
    BOOST_TEST(c.parallel());
    BOOST_TEST(c.fast_open());
    BOOST_TEST((c.head_start() == milliseconds(20)));
    BOOST_TEST(c.buffer().size() == 3u);
}

BOOST_AUTO_TEST_CASE(the_last_place_to_connect_to_counts)
{
    connect_context c;
    BOOST_TEST(!connect_context_access::has_endpoint(c));
    c.endpoint(first);
    BOOST_TEST(connect_context_access::has_endpoint(c));
    BOOST_TEST(!connect_context_access::is_composed(c));
    c.endpoints(std::array<tcp::endpoint, 2>{first, second});
    BOOST_TEST(connect_context_access::is_composed(c));
    c.name("localhost", "http");
    BOOST_TEST(connect_context_access::has_name(c));
    c.endpoints(std::array<tcp::endpoint, 1>{second});
    BOOST_TEST(!connect_context_access::has_name(c));
    BOOST_TEST(connect_context_access::is_composed(c));
    c.endpoint(second);
    BOOST_TEST(!connect_context_access::is_composed(c));
    BOOST_TEST(has(c, second));
    // One endpoint, and data: two steps.
    c.buffer(asio::buffer("abc", 3));
    BOOST_TEST(connect_context_access::is_composed(c));
    c.buffer(asio::const_buffer());
    BOOST_TEST(!connect_context_access::is_composed(c));
}
