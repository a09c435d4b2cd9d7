// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/operation_memory.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE operations_stream_context
#include <boost/asio/buffer.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

namespace asio = boost::asio;
using boost::system::system_error;
using opslot::error;
using opslot::operation_kind;
using opslot::operation_memory;
using opslot::stream_context;
using opslot::testing::allocation_counter;

using opslot::detail::context_access;
using opslot::detail::stream_context_access;
using event = opslot::detail::operation::event;
using place = opslot::detail::operation_place;

auto is(error e)
{
    return [e](system_error const& thrown) { return thrown.code() == e; };
}

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

std::size_t blocks_in_use()
{
    return operation_memory::process().statistics().in_use;
}

// What an engine does with a pending operation, and with its result.
void go_pending(stream_context& c)
{
    context_access::begin(c, operation_kind::receive, nullptr);
    context_access::base(c).place.store(place::running);
}

void complete(stream_context& c)
{
    context_access::base(c).deliver(false);
}

bool can_receive(stream_context const& c)
{
    return stream_context_access::has_buffers_for(c, operation_kind::receive);
}

bool can_send(stream_context const& c)
{
    return stream_context_access::has_buffers_for(c, operation_kind::send);
}

// What the engine gets of the buffers.
std::vector<asio::mutable_buffer> request_of(stream_context& c)
{
    auto const* const r = stream_context_access::request(c);
    return {r->buffers, r->buffers + r->count};
}

bool is_one(stream_context& c, void const* data, std::size_t size)
{
    auto const buffers = request_of(c);
    return buffers.size() == 1 && buffers[0].data() == data &&
           buffers[0].size() == size && c.buffer().data() == data &&
           c.buffer().size() == size;
}

int const peek = asio::socket_base::message_peek;
constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

struct fixture
{
    stream_context c;
    std::array<char, 100> storage{};
    std::array<char, 50> other{};

    // Every setter that an operation in progress must not see.
    std::vector<std::function<void()>> setters()
    {
        return {
            [&] { c.buffer(asio::buffer(other)); },
            [&] { c.buffer(asio::const_buffer(asio::buffer(other))); },
            [&] { c.buffer(asio::buffer(other), 1, 2); },
            [&] { c.buffer(asio::const_buffer(asio::buffer(other)), 1, 2); },
            [&] { c.slice(3, 4); },
            [&] { c.buffer_list(std::vector<asio::mutable_buffer>(2)); },
            [&] { c.clear_buffers(); },
            [&] { c.at_least(7); },
            [&] { c.message_flags(peek); },
            [&] { c.completion_handler([](stream_context&) {}); },
            [&] { c.timeout(std::chrono::seconds(1)); },
            [&] { c.expires_at(std::chrono::steady_clock::now()); },
            [&] { c.keep_alive(nullptr); }};
    }

    void check_unchanged()
    {
        BOOST_TEST(is_one(c, &storage[10], 20));
        BOOST_TEST(c.offset() == 10u);
        BOOST_TEST(c.at_least() == 5u);
        BOOST_TEST(c.message_flags() == 0);
        BOOST_TEST(c.timeout().count() == 0);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(stream_contexts, fixture)

BOOST_AUTO_TEST_CASE(empty_braces_make_one)
{
    static_assert(!std::is_aggregate_v<stream_context>);

    struct session
    {
        stream_context rx, tx;
    } const s{{}, {}};

    BOOST_TEST(!s.rx.is_pending());
    BOOST_TEST(!s.tx.is_pending());
}

BOOST_AUTO_TEST_CASE(a_new_context_has_defaults)
{
    BOOST_TEST(c.buffer().size() == 0u);
    BOOST_TEST(c.offset() == 0u);
    BOOST_TEST(c.at_least() == 1u);
    BOOST_TEST(c.message_flags() == 0);
    BOOST_TEST(c.received_flags() == 0);
    BOOST_TEST(!can_receive(c));
    BOOST_TEST(!can_send(c));
}

// One buffer

BOOST_AUTO_TEST_CASE(a_buffer_can_be_received_into_and_sent_from)
{
    c.buffer(asio::buffer(storage));
    BOOST_TEST(is_one(c, storage.data(), 100));
    BOOST_TEST(c.offset() == 0u);
    BOOST_TEST(can_receive(c));
    BOOST_TEST(can_send(c));
}

BOOST_AUTO_TEST_CASE(a_const_buffer_can_only_be_sent_from)
{
    std::string_view const text = "text";
    c.buffer(asio::buffer(text));
    BOOST_TEST(is_one(c, text.data(), 4));
    BOOST_TEST(can_send(c));
    BOOST_TEST(!can_receive(c));
    c.slice(1, 2);
    BOOST_TEST(is_one(c, text.data() + 1, 2));
    BOOST_TEST(!can_receive(c));
    c.buffer(asio::buffer(text), 2, 1);
    BOOST_TEST(is_one(c, text.data() + 2, 1));
    BOOST_TEST(!can_receive(c));
}

BOOST_AUTO_TEST_CASE(a_later_buffer_takes_the_place_of_the_former)
{
    c.buffer(asio::buffer(std::string_view("text")));
    c.buffer(asio::buffer(storage));
    BOOST_TEST(is_one(c, storage.data(), 100));
    BOOST_TEST(can_receive(c));
    c.buffer(asio::buffer(other), 5, 10);
    BOOST_TEST(is_one(c, &other[5], 10));
    c.buffer(asio::buffer(other));
    BOOST_TEST(is_one(c, other.data(), 50));
    BOOST_TEST(c.offset() == 0u);
}

BOOST_AUTO_TEST_CASE(an_empty_buffer_is_a_buffer)
{
    c.buffer(asio::mutable_buffer());
    BOOST_TEST(can_receive(c));
    BOOST_TEST(can_send(c));
    BOOST_TEST(request_of(c).size() == 1u);
    BOOST_TEST(stream_context_access::request(c)->total() == 0u);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_buffer_lies_within_it)
{
    c.buffer(asio::buffer(storage), 10, 20);
    BOOST_TEST(is_one(c, &storage[10], 20));
    BOOST_TEST(c.offset() == 10u);
    c.buffer(asio::buffer(storage), 0, 100);
    BOOST_TEST(is_one(c, storage.data(), 100));
    c.buffer(asio::buffer(storage), 100, 0);
    BOOST_TEST(is_one(c, storage.data() + 100, 0));
    c.buffer(asio::buffer(storage), 99, 1);
    BOOST_TEST(is_one(c, &storage[99], 1));
}

BOOST_AUTO_TEST_CASE(a_part_beyond_the_buffer_is_refused)
{
    c.buffer(asio::buffer(storage), 10, 20);
    c.at_least(5);

    struct part
    {
        std::size_t offset, count;
    };

    for (part const p :
         {part{101, 0},
          part{100, 1},
          part{0, 101},
          part{50, 51},
          part{1, huge},
          part{huge, 1},
          part{huge, huge}})
    {
        BOOST_CHECK_EXCEPTION(
            c.buffer(asio::buffer(storage), p.offset, p.count),
            system_error,
            is(error::out_of_range));
        BOOST_CHECK_EXCEPTION(
            c.buffer(
                asio::const_buffer(asio::buffer(storage)), p.offset, p.count),
            system_error,
            is(error::out_of_range));
        BOOST_CHECK_EXCEPTION(
            c.slice(p.offset, p.count), system_error, is(error::out_of_range));
        check_unchanged();
        BOOST_TEST(can_receive(c));
    }
}

BOOST_AUTO_TEST_CASE(slices_count_from_the_beginning_of_the_buffer)
{
    c.buffer(asio::buffer(storage));
    c.slice(40, 10);
    BOOST_TEST(is_one(c, &storage[40], 10));
    c.slice(20, 60);
    BOOST_TEST(is_one(c, &storage[20], 60));
    BOOST_TEST(c.offset() == 20u);
    c.slice(0, 100);
    BOOST_TEST(is_one(c, storage.data(), 100));

    // Also of a buffer that was given with a part.
    c.buffer(asio::buffer(storage), 50, 10);
    c.slice(5, 95);
    BOOST_TEST(is_one(c, &storage[5], 95));
    BOOST_TEST(can_receive(c));
}

BOOST_AUTO_TEST_CASE(there_is_no_slice_without_a_buffer)
{
    BOOST_CHECK_EXCEPTION(c.slice(0, 0), system_error, is(error::no_buffer));
    c.buffer_list(std::vector<asio::mutable_buffer>(2));
    BOOST_CHECK_EXCEPTION(c.slice(0, 0), system_error, is(error::no_buffer));
    c.clear_buffers();
    c.buffer(asio::buffer(storage));
    c.clear_buffers();
    BOOST_CHECK_EXCEPTION(c.slice(0, 0), system_error, is(error::no_buffer));
}

// Lists

BOOST_AUTO_TEST_CASE(a_list_is_copied)
{
    std::vector<asio::mutable_buffer> list{
        asio::buffer(storage, 10), asio::buffer(other, 20)};
    c.buffer_list(list);
    list.clear();
    list.shrink_to_fit();
    auto const request = request_of(c);
    BOOST_REQUIRE(request.size() == 2u);
    BOOST_TEST(request[0].data() == storage.data());
    BOOST_TEST(request[0].size() == 10u);
    BOOST_TEST(request[1].data() == other.data());
    BOOST_TEST(request[1].size() == 20u);
    BOOST_TEST(stream_context_access::request(c)->total() == 30u);
    BOOST_TEST(can_receive(c));
    BOOST_TEST(can_send(c));
    BOOST_TEST(c.buffer().size() == 0u);
    BOOST_TEST(c.offset() == 0u);
}

BOOST_AUTO_TEST_CASE(a_const_list_can_only_be_sent_from)
{
    c.buffer_list(std::array<asio::const_buffer, 2>{
        asio::buffer(storage), asio::buffer(other)});
    BOOST_TEST(can_send(c));
    BOOST_TEST(!can_receive(c));
    c.buffer_list(std::array<asio::mutable_buffer, 2>{
        asio::buffer(storage), asio::buffer(other)});
    BOOST_TEST(can_receive(c));
}

BOOST_AUTO_TEST_CASE(any_buffer_sequence_is_a_list)
{
    auto const total = [&] {
        return stream_context_access::request(c)->total();
    };
    c.buffer_list(asio::buffer(storage));
    BOOST_TEST(request_of(c).size() == 1u);
    BOOST_TEST(total() == 100u);
    BOOST_TEST(can_receive(c));
    c.buffer_list(std::deque<asio::const_buffer>(3, asio::buffer(other)));
    BOOST_TEST(request_of(c).size() == 3u);
    BOOST_TEST(total() == 150u);
    c.buffer_list(std::list<asio::mutable_buffer>(100, asio::buffer(other)));
    BOOST_TEST(request_of(c).size() == 100u);
    BOOST_TEST(total() == 5000u);
    for (auto const& b : request_of(c))
    {
        BOOST_REQUIRE(b.data() == other.data());
        BOOST_REQUIRE(b.size() == 50u);
    }
    c.buffer_list(std::vector<asio::mutable_buffer>());
    BOOST_TEST(request_of(c).empty());
    BOOST_TEST(total() == 0u);
    c.buffer_list(asio::mutable_buffer());
    BOOST_TEST(request_of(c).size() == 1u);
    BOOST_TEST(total() == 0u);
}

BOOST_AUTO_TEST_CASE(a_list_keeps_its_memory_for_later_lists)
{
    std::size_t const before = blocks_in_use();
    {
        stream_context d;
        d.buffer_list(std::vector<asio::mutable_buffer>(20));
        BOOST_TEST(blocks_in_use() == before + 1);
        d.buffer_list(std::vector<asio::mutable_buffer>(3));
        d.clear_buffers();
        BOOST_TEST(blocks_in_use() == before + 1);
        d.buffer_list(std::vector<asio::mutable_buffer>(40));
        BOOST_TEST(blocks_in_use() == before + 1);
    }
    BOOST_TEST(blocks_in_use() == before);
}

BOOST_AUTO_TEST_CASE(
    setting_buffers_again_allocates_nothing,
    *boost::unit_test::precondition(allocations_are_seen))
{
    std::array<asio::mutable_buffer, 8> const list{};
    c.buffer_list(list);
    allocation_counter const counter;
    for (int i = 0; i != 100; ++i)
    {
        c.buffer_list(list);
        c.clear_buffers();
        c.buffer(asio::buffer(storage));
        c.slice(1, 2);
        c.clear_buffers();
    }
    BOOST_TEST(counter.count() == 0u);
}

BOOST_AUTO_TEST_CASE(a_buffer_and_a_list_exclude_each_other)
{
    std::vector<asio::mutable_buffer> const list(2, asio::buffer(other));
    c.buffer(asio::buffer(storage), 10, 20);
    c.at_least(5);
    BOOST_CHECK_EXCEPTION(
        c.buffer_list(list), system_error, is(error::buffer_and_list));
    check_unchanged();
    BOOST_TEST(can_receive(c));

    c.clear_buffers();
    BOOST_TEST(!can_receive(c));
    BOOST_TEST(!can_send(c));
    c.buffer_list(list);
    asio::const_buffer const read_only = asio::buffer(storage);
    BOOST_CHECK_EXCEPTION(
        c.buffer(asio::buffer(storage)),
        system_error,
        is(error::buffer_and_list));
    BOOST_CHECK_EXCEPTION(
        c.buffer(read_only), system_error, is(error::buffer_and_list));
    BOOST_CHECK_EXCEPTION(
        c.buffer(asio::buffer(storage), 1, 1),
        system_error,
        is(error::buffer_and_list));
    BOOST_CHECK_EXCEPTION(
        c.buffer(read_only, 1, 1), system_error, is(error::buffer_and_list));
    BOOST_TEST(request_of(c).size() == 2u);
    BOOST_TEST(stream_context_access::request(c)->total() == 100u);
    BOOST_TEST(can_receive(c));

    c.clear_buffers();
    c.buffer(asio::buffer(storage));
    BOOST_TEST(is_one(c, storage.data(), 100));
}

// Details

BOOST_AUTO_TEST_CASE(at_least_stays_set_and_refuses_zero)
{
    c.at_least(5);
    BOOST_TEST(c.at_least() == 5u);
    BOOST_CHECK_EXCEPTION(c.at_least(0), system_error, is(error::out_of_range));
    BOOST_TEST(c.at_least() == 5u);
    c.at_least(huge);
    BOOST_TEST(c.at_least() == huge);
    go_pending(c);
    complete(c);
    BOOST_TEST(c.at_least() == huge);
    c.at_least(1);
    BOOST_TEST(c.at_least() == 1u);
}

BOOST_AUTO_TEST_CASE(flags_stay_set)
{
    c.message_flags(peek);
    BOOST_TEST(c.message_flags() == peek);
    go_pending(c);
    complete(c);
    BOOST_TEST(c.message_flags() == peek);
    c.message_flags(0);
    BOOST_TEST(c.message_flags() == 0);
}

BOOST_AUTO_TEST_CASE(flags_are_seen_whenever_they_are_set)
{
    auto const is_plain = [&] {
        return stream_context_access::request(c)->is_plain;
    };
    c.buffer(asio::buffer(storage));
    BOOST_TEST(is_plain());
    c.message_flags(peek);
    BOOST_TEST(!is_plain());
    c.clear_buffers();
    c.buffer(asio::buffer(storage));
    BOOST_TEST(!is_plain());
    c.message_flags(0);
    BOOST_TEST(is_plain());

    // A list is not plain, even one of a single buffer.
    c.clear_buffers();
    c.buffer_list(asio::buffer(storage));
    BOOST_TEST(!is_plain());
    c.clear_buffers();
    c.buffer(asio::buffer(storage));
    BOOST_TEST(is_plain());
}

BOOST_AUTO_TEST_CASE(buffers_stay_set_when_an_operation_ends)
{
    c.buffer(asio::buffer(storage), 10, 20);
    go_pending(c);
    complete(c);
    BOOST_TEST(is_one(c, &storage[10], 20));
    BOOST_TEST(c.offset() == 10u);
}

// Misuse

BOOST_AUTO_TEST_CASE(a_busy_context_refuses_every_setter)
{
    int calls = 0;
    c.completion_handler([&](stream_context&) { ++calls; });
    c.buffer(asio::buffer(storage), 10, 20);
    c.at_least(5);
    go_pending(c);
    for (auto const& set : setters())
    {
        BOOST_CHECK_EXCEPTION(set(), system_error, is(error::context_busy));
        check_unchanged();
    }
    // What is not part of the operation may be set.
    c.user_token(&storage);
    BOOST_TEST(c.user_token() == &storage);
    complete(c);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_disposed_context_refuses_every_setter)
{
    c.buffer(asio::buffer(storage), 10, 20);
    c.at_least(5);
    c.dispose();
    for (auto const& set : setters())
    {
        BOOST_CHECK_EXCEPTION(set(), system_error, is(error::context_disposed));
        check_unchanged();
    }
}

BOOST_AUTO_TEST_CASE(each_setter_works_on_an_idle_context)
{
    for (std::size_t i = 0; i != setters().size(); ++i)
    {
        // A list is refused where a buffer is set.
        c.clear_buffers();
        if (i != 5)
        {
            c.buffer(asio::buffer(storage));
        }
        BOOST_CHECK_NO_THROW(setters()[i]());
    }
}

BOOST_AUTO_TEST_CASE(a_context_neither_copies_nor_moves)
{
    static_assert(!std::is_copy_constructible_v<stream_context>);
    static_assert(!std::is_move_constructible_v<stream_context>);
    static_assert(!std::is_copy_assignable_v<stream_context>);
    static_assert(!std::is_move_assignable_v<stream_context>);
}

BOOST_AUTO_TEST_SUITE_END()
