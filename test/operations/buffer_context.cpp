// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What stream_context.cpp says in full of the contexts of streams holds for
// all that have buffers.

#include <opslot/buffer_context.hpp>

#define BOOST_TEST_MODULE operations_buffer_context
#include <opslot/datagram_context.hpp>
#include <opslot/stream_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/mpl/list.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <type_traits>

namespace {

namespace asio = boost::asio;
using boost::system::system_error;
using opslot::buffer_context;
using opslot::error;
using datagram_context = opslot::basic_datagram_context<asio::ip::udp>;
using contexts = boost::mpl::list<opslot::stream_context, datagram_context>;

auto is(error e)
{
    return [e](system_error const& thrown) { return thrown.code() == e; };
}

} // namespace

BOOST_AUTO_TEST_CASE(it_is_a_base_only)
{
    static_assert(!std::is_default_constructible_v<buffer_context>);
    static_assert(!std::is_destructible_v<buffer_context>);
    static_assert(!std::is_copy_constructible_v<buffer_context>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_and_its_parts_are_set, Context, contexts)
{
    Context derived;
    buffer_context& c = derived;
    std::array<char, 10> storage{};
    c.buffer(asio::buffer(storage));
    BOOST_TEST(c.buffer().size() == 10u);
    c.slice(3, 4);
    BOOST_TEST(c.buffer().data() == &storage[3]);
    BOOST_TEST(c.buffer().size() == 4u);
    BOOST_TEST(c.offset() == 3u);
    BOOST_CHECK_EXCEPTION(c.slice(8, 3), system_error, is(error::out_of_range));
    BOOST_TEST(c.buffer().data() == &storage[3]);
    c.buffer(asio::buffer(storage), 1, 2);
    BOOST_TEST(c.buffer().data() == &storage[1]);
    c.clear_buffers();
    BOOST_TEST(c.buffer().size() == 0u);
    BOOST_CHECK_EXCEPTION(c.slice(0, 1), system_error, is(error::no_buffer));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(
    the_whole_buffer_can_be_chosen_again, Context, contexts)
{
    Context derived;
    buffer_context& c = derived;
    BOOST_CHECK_EXCEPTION(c.slice(), system_error, is(error::no_buffer));
    std::array<char, 10> storage{};
    c.buffer(asio::buffer(storage));
    c.slice(3, 4);
    c.slice(0, 0);
    c.slice();
    BOOST_TEST(c.buffer().data() == &storage[0]);
    BOOST_TEST(c.buffer().size() == 10u);
    BOOST_TEST(c.offset() == 0u);
    // Also if what was set is a part of something.
    c.buffer(asio::buffer(storage), 1, 2);
    c.slice();
    BOOST_TEST(c.buffer().data() == &storage[0]);
    BOOST_TEST(c.buffer().size() == 10u);
    c.clear_buffers();
    BOOST_CHECK_EXCEPTION(c.slice(), system_error, is(error::no_buffer));
    c.buffer_list(std::array<asio::mutable_buffer, 1>{asio::buffer(storage)});
    BOOST_CHECK_EXCEPTION(c.slice(), system_error, is(error::no_buffer));
    c.dispose();
    BOOST_CHECK_EXCEPTION(c.slice(), system_error, is(error::context_disposed));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(
    a_buffer_and_a_list_exclude_each_other, Context, contexts)
{
    Context derived;
    buffer_context& c = derived;
    std::array<char, 4> storage{};
    std::array<asio::mutable_buffer, 2> const list{
        asio::buffer(storage), asio::buffer(storage)};
    c.buffer_list(list);
    BOOST_CHECK_EXCEPTION(
        c.buffer(asio::buffer(storage)),
        system_error,
        is(error::buffer_and_list));
    c.clear_buffers();
    c.buffer(asio::buffer(storage));
    BOOST_CHECK_EXCEPTION(
        c.buffer_list(list), system_error, is(error::buffer_and_list));
    BOOST_TEST(c.buffer().size() == 4u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(flags_stay_set, Context, contexts)
{
    Context derived;
    buffer_context& c = derived;
    auto const peek = asio::socket_base::message_peek;
    c.message_flags(peek);
    BOOST_TEST((c.message_flags() == peek));
    BOOST_TEST((c.received_flags() == 0));
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        c.message_flags(0), system_error, is(error::context_disposed));
    BOOST_CHECK_EXCEPTION(
        c.clear_buffers(), system_error, is(error::context_disposed));
}
