// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/transmit_context.hpp>

#define BOOST_TEST_MODULE operations_transmit_context
#include <opslot/context_ptr.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <type_traits>
#include <vector>

#include "support/files.hpp"
#include "support/open_descriptors.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::error;
using opslot::open_file;
using opslot::transmit_context;
using opslot::transmit_element;
using opslot::detail::context_access;
using opslot::detail::transmit_request;
using place = opslot::detail::operation_place;
using end_of = opslot::detail::transmit_end;

transmit_request* request(transmit_context& c)
{
    return opslot::detail::transmit_context_access::request(c);
}

auto is(error e)
{
    return [e](boost::system::system_error const& thrown) {
        return thrown.code() == e;
    };
}

// What an engine does with a pending operation, and with its result.
void go_pending(transmit_context& c)
{
    context_access::begin(c, opslot::operation_kind::transmit, request(c));
    context_access::base(c).place.store(place::running);
}

void complete(transmit_context& c)
{
    context_access::base(c).deliver(false);
}

std::string const text = "text";

} // namespace

BOOST_AUTO_TEST_CASE(a_context_neither_copies_nor_moves)
{
    static_assert(!std::is_copy_constructible_v<transmit_context>);
    static_assert(!std::is_move_constructible_v<transmit_context>);
    static_assert(!std::is_copy_assignable_v<transmit_context>);
    static_assert(!std::is_move_assignable_v<transmit_context>);
}

BOOST_AUTO_TEST_CASE(a_new_context_has_no_elements)
{
    transmit_context c;
    BOOST_TEST(!request(c));
    BOOST_TEST(c.element_count() == 0u);
    BOOST_TEST(c.element_index() == 0u);
    BOOST_TEST(c.progress() == 0u);
    BOOST_TEST(!c.is_pending());
    BOOST_TEST((c.last_operation() == opslot::operation_kind::none));
}

BOOST_AUTO_TEST_CASE(elements_come_from_ranges_of_what_converts_to_them)
{
    transmit_context c;
    c.elements({asio::buffer(text), transmit_element::from_path("name")});
    BOOST_TEST(c.element_count() == 2u);
    BOOST_TEST(request(c)->parts[1].path == "name");
    std::array<asio::mutable_buffer, 3> const buffers{};
    c.elements(buffers);
    BOOST_TEST(c.element_count() == 3u);
    std::vector<asio::const_buffer> const many(7, asio::buffer(text));
    c.elements(many.begin() + 1, many.end());
    BOOST_TEST(c.element_count() == 6u);
    BOOST_TEST(request(c)->count == 6u);
    c.elements(std::vector<transmit_element>());
    BOOST_TEST(c.element_count() == 0u);
    BOOST_TEST(request(c));
    c.clear_elements();
    BOOST_TEST(!request(c));
}

BOOST_AUTO_TEST_CASE(cleared_elements_let_go_of_their_files)
{
    support::temporary_file const file("content");
    std::size_t const before = support::open_descriptors();
    transmit_context c;
    c.elements({open_file(file.path())});
    BOOST_TEST(support::open_descriptors() == before + 1);
    c.clear_elements();
    BOOST_TEST(support::open_descriptors() == before);
    c.elements({open_file(file.path())});
    c.elements({asio::buffer(text)});
    BOOST_TEST(support::open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(what_happens_at_the_end_is_set_and_stays_set)
{
    transmit_context c;
    c.elements({asio::buffer(text)});
    BOOST_TEST((request(c)->end == end_of::stay_connected));
    c.disconnect_after(opslot::socket_reuse::no);
    BOOST_TEST((request(c)->end == end_of::disconnect));
    c.disconnect_after(opslot::socket_reuse::yes);
    c.elements({asio::buffer(text), asio::buffer(text)});
    BOOST_TEST((request(c)->end == end_of::disconnect_to_reuse));
    c.stay_connected();
    BOOST_TEST((request(c)->end == end_of::stay_connected));
}

// Model case 5.
BOOST_AUTO_TEST_CASE(a_busy_context_keeps_its_description)
{
    transmit_context c;
    c.elements({asio::buffer(text)});
    go_pending(c);
    auto const refused = [&](error e) {
        using boost::system::system_error;
        auto const expected = is(e);
        BOOST_CHECK_EXCEPTION(
            c.elements({asio::buffer(text)}), system_error, expected);
        BOOST_CHECK_EXCEPTION(c.clear_elements(), system_error, expected);
        BOOST_CHECK_EXCEPTION(
            c.disconnect_after(opslot::socket_reuse::no),
            system_error,
            expected);
        BOOST_CHECK_EXCEPTION(c.stay_connected(), system_error, expected);
        BOOST_CHECK_EXCEPTION(
            c.completion_handler([](transmit_context&) {}),
            system_error,
            expected);
        BOOST_TEST(c.element_count() == 1u);
    };
    refused(error::context_busy);
    complete(c);
    c.elements({asio::buffer(text)});
    c.dispose();
    refused(error::context_disposed);
}

BOOST_AUTO_TEST_CASE(the_handler_gets_the_transmit_context)
{
    transmit_context c;
    transmit_context* got = nullptr;
    c.completion_handler([&](transmit_context& given) { got = &given; });
    c.elements({asio::buffer(text)});
    go_pending(c);
    complete(c);
    BOOST_TEST(got == &c);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::transmit));
}

BOOST_AUTO_TEST_CASE(contexts_may_be_counted)
{
    auto const counted = opslot::make_context<transmit_context>();
    counted->elements({asio::buffer(text)});
    BOOST_TEST(counted->element_count() == 1u);
    static_assert(
        std::is_base_of_v<opslot::operation_context, transmit_context>);
}
