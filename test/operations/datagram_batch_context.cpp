// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/datagram_batch_context.hpp>

#define BOOST_TEST_MODULE operations_datagram_batch_context
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>

namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using boost::system::system_error;
using opslot::error;
using opslot::operation_kind;
using opslot::detail::context_access;
using opslot::detail::datagram_batch_request;
using opslot::detail::end_send;
using opslot::detail::was_not_sent;
using opslot::detail::were_sent;
using access = opslot::detail::datagram_batch_context_access;
using context = opslot::basic_datagram_batch_context<udp>;

error_code const success;
udp::endpoint const somewhere(asio::ip::address_v4::loopback(), 7);
udp::endpoint const elsewhere(asio::ip::address_v6::loopback(), 9);

auto is(error e)
{
    return [e](system_error const& thrown) { return thrown.code() == e; };
}

asio::const_buffer text(char const* bytes)
{
    return {bytes, std::strlen(bytes)};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_new_context_has_an_empty_list)
{
    context c;
    BOOST_TEST(c.capacity() == context::default_capacity);
    BOOST_TEST(c.size() == 0u);
    BOOST_TEST(c.sent() == 0u);
    BOOST_TEST((c.last_operation() == operation_kind::none));
    BOOST_TEST(
        (access::check(c, operation_kind::receive_batch) == error::no_buffer));
    BOOST_TEST(
        (access::check(c, operation_kind::send_batch) == error::no_elements));
}

BOOST_AUTO_TEST_CASE(datagrams_are_in_the_order_in_which_they_were_added)
{
    context c(4);
    c.add(text("a"), somewhere);
    c.add(text("bc"), elsewhere);
    c.add(text(""), elsewhere);
    c.add(text("to the peer"));
    BOOST_TEST(c.size() == 4u);
    BOOST_TEST(c[0].endpoint() == somewhere);
    BOOST_TEST(c[1].endpoint() == elsewhere);
    BOOST_TEST(c[2].endpoint() == elsewhere);
    BOOST_TEST(c[3].endpoint() == udp::endpoint());
    BOOST_TEST(c[1].buffer().size() == 2u);
    BOOST_TEST(c[2].buffer().size() == 0u);
    for (std::size_t i = 0; i != 4; ++i)
    {
        BOOST_TEST(c[i].error() == success);
        BOOST_TEST(!c[i].is_truncated());
        BOOST_TEST(c[i].packet_information().destination.is_unspecified());
    }
    BOOST_CHECK_EXCEPTION(
        c.add(text("full"), somewhere), system_error, is(error::out_of_range));
    BOOST_TEST(c.size() == 4u);
    c.clear();
    BOOST_TEST(c.size() == 0u);
    c.add(text("again"), somewhere);
    BOOST_TEST(c[0].endpoint() == somewhere);
}

BOOST_AUTO_TEST_CASE(a_datagram_may_get_other_bytes)
{
    context c(2);
    c.add(text("question"), somewhere);
    char const* const answer = "answer";
    c.buffer(0, text(answer));
    BOOST_TEST(c[0].buffer().data() == answer);
    BOOST_TEST(c[0].buffer().size() == 6u);
    BOOST_TEST(c[0].endpoint() == somewhere);
    BOOST_CHECK_EXCEPTION(
        c.buffer(1, text(answer)), system_error, is(error::out_of_range));
}

BOOST_AUTO_TEST_CASE(a_slab_has_room_for_whole_datagrams)
{
    context c(4);
    std::array<char, 50> storage;
    auto const limit = [&] {
        return access::prepare(c, operation_kind::receive_batch)->limit;
    };
    c.slab(asio::buffer(storage), 20);
    BOOST_TEST(limit() == 2u);
    c.slab(asio::buffer(storage), 50);
    BOOST_TEST(limit() == 1u);
    c.slab(asio::buffer(storage), 1);
    BOOST_TEST(limit() == 4u, "the list has no room for more");
    for (std::size_t const size : {0u, 51u})
    {
        BOOST_CHECK_EXCEPTION(
            c.slab(asio::buffer(storage), size),
            system_error,
            is(error::out_of_range));
    }
    BOOST_TEST(limit() == 4u);
}

BOOST_AUTO_TEST_CASE(a_receive_begins_with_an_empty_list)
{
    context c(4);
    std::array<char, 50> storage;
    c.slab(asio::buffer(storage), 10);
    c.add(text("a"), somewhere);
    auto& r = *access::prepare(c, operation_kind::receive_batch);
    BOOST_TEST(c.size() == 0u);
    BOOST_TEST(r.used == 0u);
    BOOST_TEST(r.address_capacity == udp::endpoint().capacity());
}

BOOST_AUTO_TEST_CASE(each_datagram_has_a_result_of_its_own)
{
    context c(4);
    for (int i = 0; i != 4; ++i)
    {
        c.add(text("abc"), somewhere);
    }
    auto& op = context_access::base(c);
    datagram_batch_request& r = *access::prepare(c, operation_kind::send_batch);
    error_code const unreachable = asio::error::network_unreachable;
    error_code const refused = asio::error::connection_refused;
    were_sent(r, 1, 3, op);
    was_not_sent(r, unreachable);
    was_not_sent(r, refused);
    BOOST_TEST(op.error == success, "it is not over");
    // Cancelled here.
    op.error = asio::error::operation_aborted;
    BOOST_TEST(c.sent() == 1u);
    BOOST_TEST(c.error_index() == 1u);
    BOOST_TEST(c[0].error() == success);
    BOOST_TEST(c[1].error() == unreachable);
    BOOST_TEST(c[2].error() == refused);
    BOOST_TEST(c[3].error() == asio::error::operation_aborted);
    op.error.clear();
    were_sent(r, 1, 3, op);
    end_send(r, op);
    BOOST_TEST(c.error() == unreachable);
    BOOST_TEST(c.error_index() == 1u);
    BOOST_TEST(c.bytes_transferred() == 6u);
    BOOST_TEST(c[3].error() == success);
    access::prepare(c, operation_kind::send_batch);
    op.error.clear();
    were_sent(r, 4, 12, op);
    end_send(r, op);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.error_index() == 4u);
    BOOST_TEST(c[1].error() == success);
}

BOOST_AUTO_TEST_CASE(a_context_may_have_no_room_or_too_much)
{
    context none(0);
    BOOST_CHECK_EXCEPTION(
        none.add(text("a")), system_error, is(error::out_of_range));
    std::array<char, 50> storage;
    none.slab(asio::buffer(storage), 10);
    BOOST_TEST(
        (access::check(none, operation_kind::receive_batch) ==
         error::no_buffer));
    for (int const shift : {0, 4, 30})
    {
        BOOST_CHECK_THROW(
            context(std::numeric_limits<std::size_t>::max() >> shift),
            std::bad_alloc);
    }
}

BOOST_AUTO_TEST_CASE(it_is_a_context_of_any_datagram_protocol)
{
    using local_context =
        opslot::basic_datagram_batch_context<asio::local::datagram_protocol>;
    local_context c;
    c.add(text("a"), asio::local::datagram_protocol::endpoint("/somewhere"));
    BOOST_TEST(c[0].endpoint().path() == "/somewhere");
    static_assert(std::is_base_of_v<opslot::operation_context, local_context>);
    static_assert(!std::is_copy_constructible_v<context>);
    static_assert(!std::is_move_constructible_v<context>);
}
