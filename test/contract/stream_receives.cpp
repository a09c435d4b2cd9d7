// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Where received bytes go, and how many a receive waits for.

#define BOOST_TEST_MODULE contract_stream_receives
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using context = support::counted<stream_context>;

error_code const success;

} // namespace

// Buffers

// Model case 11.
BOOST_FIXTURE_TEST_CASE(a_part_of_a_buffer_is_filled, connection)
{
    context rx;
    std::string storage(8, '.');
    rx.buffer(asio::buffer(storage), 3, 2);
    other.write("abcd");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(storage == "...ab...");
    rx.slice(7, 1);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(storage == "...ab..c");
}

BOOST_FIXTURE_TEST_CASE(a_list_is_filled_in_order, connection)
{
    context rx;
    std::string a(2, '.'), b(3, '.'), c(4, '.');
    std::array<asio::mutable_buffer, 5> const list{
        asio::buffer(a),
        asio::mutable_buffer(),
        asio::buffer(b),
        asio::mutable_buffer(),
        asio::buffer(c)};
    rx.buffer_list(list);
    rx.at_least(6);
    auto const result = socket.start_receive(rx);
    other.write("abcd");
    support::poll(io);
    other.write("ef");
    finish(io, rx, result);
    BOOST_TEST(rx.bytes_transferred() == 6u);
    BOOST_TEST(a == "ab");
    BOOST_TEST(b == "cde");
    BOOST_TEST(c == "f...");
}

BOOST_FIXTURE_TEST_CASE(a_list_to_fill_may_be_of_any_length, connection)
{
    for (std::size_t const count : {65u, 100u, 1025u, 3000u})
    {
        context rx;
        std::string const data = payload(3 * count);
        std::string storage(data.size(), '.');
        std::vector<asio::mutable_buffer> list;
        for (std::size_t i = 0; i != count; ++i)
        {
            list.emplace_back(&storage[3 * i], 3);
        }
        rx.buffer_list(list);
        rx.at_least(data.size());
        other.write(data);
        finish(io, rx, socket.start_receive(rx));
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == data.size());
        BOOST_TEST((storage == data));
    }
}

BOOST_FIXTURE_TEST_CASE(a_long_run_of_empty_segments_is_passed, connection)
{
    context rx;
    std::string storage(4, '.');
    std::vector<asio::mutable_buffer> into(2000);
    into.emplace_back(asio::buffer(storage));
    rx.buffer_list(into);
    rx.at_least(4);
    other.write("back");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(storage == "back");
}

BOOST_FIXTURE_TEST_CASE(more_than_two_gigabytes_may_be_asked_for, connection)
{
    std::size_t const size = (std::size_t(2) << 30) + 4096;
    contract::address_space const space(size);
    auto const* const bytes = static_cast<char const*>(space.buffer().data());
    context rx;
    rx.buffer(space.buffer());
    auto const first = socket.start_receive(rx);
    other.write("abc");
    finish(io, rx, first);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(std::string(bytes, rx.bytes_transferred()) == "abc");

    rx.clear_buffers();
    rx.buffer_list(std::array<asio::mutable_buffer, 2>{
        asio::buffer(space.buffer(), 2), space.buffer() + 2});
    auto const in_list = socket.start_receive(rx);
    other.write("defg");
    finish(io, rx, in_list);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(std::string(bytes, rx.bytes_transferred()) == "defg");

    std::size_t received = 0;
    socket.async_read_some(space.buffer(), [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        received = n;
    });
    other.write("hi");
    support::run(io);
    BOOST_TEST(std::string(bytes, received) == "hi");

    // As many bytes as were asked for never come.
    rx.clear_buffers();
    rx.buffer(space.buffer());
    rx.at_least(size);
    auto const all = socket.start_receive(rx);
    other.write("jkl");
    other.shutdown();
    finish(io, rx, all);
    BOOST_TEST(rx.error() == asio::error::eof);
    BOOST_TEST(std::string(bytes, rx.bytes_transferred()) == "jkl");
}

// How much it waits for

BOOST_FIXTURE_TEST_CASE(at_least_waits_for_that_many_bytes, connection)
{
    context rx;
    std::array<char, 64> storage;
    rx.buffer(asio::buffer(storage));
    rx.at_least(10);
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    for (char const* part : {"abc", "def", "ghi"})
    {
        other.write(part);
        support::await(socket.native_handle());
        support::poll(io);
        BOOST_TEST(rx.is_pending());
    }
    other.write("jk");
    finish(io, rx, result);
    BOOST_TEST(rx.bytes_transferred() >= 10u);
    BOOST_TEST(std::string(storage.data(), 10) == "abcdefghij");
    BOOST_TEST(rx.at_least() == 10u);
}

BOOST_FIXTURE_TEST_CASE(at_least_beyond_the_buffer_means_all_of_it, connection)
{
    context rx;
    std::array<char, 6> storage;
    rx.buffer(asio::buffer(storage));
    rx.at_least(1000);
    auto const result = socket.start_receive(rx);
    other.write("abcdefgh");
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 6u);
}

BOOST_FIXTURE_TEST_CASE(at_least_reports_what_came_before_the_end, connection)
{
    context rx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    rx.at_least(10);
    auto const result = socket.start_receive(rx);
    other.write("abc");
    support::await(socket.native_handle());
    support::poll(io);
    other.write("de");
    other.close();
    finish(io, rx, result);
    BOOST_TEST(rx.error() == asio::error::eof);
    BOOST_TEST(rx.bytes_transferred() == 5u);
}

BOOST_FIXTURE_TEST_CASE(an_empty_buffer_waits_until_readable, connection)
{
    context rx;
    rx.buffer(asio::mutable_buffer());
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    support::poll(io);
    BOOST_TEST(rx.is_pending());
    other.write("abc");
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    BOOST_TEST(contract::receive(*this, rx, 3) == "abc");
}

BOOST_FIXTURE_TEST_CASE(an_empty_buffer_sees_the_end_as_readable, connection)
{
    context rx;
    rx.buffer(asio::mutable_buffer());
    auto const result = socket.start_receive(rx);
    other.close();
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(contract::receive(*this, rx, 1) == "");
    BOOST_TEST(rx.error() == asio::error::eof);
}

BOOST_FIXTURE_TEST_CASE(every_way_to_ask_for_no_bytes_waits, connection)
{
    std::array<char, 4> storage{};
    context part, list;
    part.buffer(asio::buffer(storage), 2, 0);
    list.buffer_list(std::array<asio::mutable_buffer, 3>{});
    for (context* const rx : {&part, &list})
    {
        auto const result = socket.start_receive(*rx);
        BOOST_TEST((result == pending));
        support::poll(io);
        BOOST_TEST(rx->is_pending());
        other.write("a");
        finish(io, *rx, result);
        BOOST_TEST(rx->error() == success);
        BOOST_TEST(rx->bytes_transferred() == 0u);
        context next;
        BOOST_TEST(contract::receive(*this, next, 1) == "a");
    }
}

// Model case 24.
BOOST_FIXTURE_TEST_CASE(flags_belong_to_the_context_and_stay_set, connection)
{
    context rx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    rx.message_flags(asio::socket_base::message_peek);
    other.write("abc");
    for (int i = 0; i != 3; ++i)
    {
        finish(io, rx, socket.start_receive(rx));
        BOOST_TEST(rx.bytes_transferred() == 3u);
    }
    BOOST_TEST((rx.message_flags() == asio::socket_base::message_peek));
    rx.message_flags(0);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.bytes_transferred() == 3u);
    BOOST_TEST((socket.start_receive(rx) == pending));
    rx.cancel();
    support::run(io);
}

// Many at a time

BOOST_FIXTURE_TEST_CASE(outstanding_receives_are_served_in_order, connection)
{
    std::deque<context> receives(5);
    std::array<char, 5> storage{};
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != 5; ++i)
    {
        receives[i].buffer(asio::buffer(&storage[i], 1));
        receives[i].completion_handler(
            [&order, i](stream_context&) { order.push_back(i); });
        BOOST_TEST((socket.start_receive(receives[i]) == pending));
    }
    other.write("abcde");
    support::run(io);
    BOOST_TEST(std::string(storage.data(), 5) == "abcde");
    BOOST_TEST((order == std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

// Local sockets

BOOST_FIXTURE_TEST_CASE(local_sockets_carry_data, contract::local_connection)
{
    context rx, tx;
    std::string const data = payload(2 << 20);
    tx.buffer(asio::buffer(data));
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    finish(io, tx, socket.start_send(tx));
    reader.join();
    BOOST_TEST(tx.bytes_transferred() == data.size());
    BOOST_TEST((arrived == data));
    other.write("abc");
    BOOST_TEST(contract::receive(*this, rx, 3) == "abc");
    other.close();
    BOOST_TEST(contract::receive(*this, rx, 1) == "");
    BOOST_TEST(rx.error() == asio::error::eof);
}

BOOST_FIXTURE_TEST_CASE(
    data_beside_passed_descriptors_all_arrives, contract::local_connection)
{
    context rx;
    std::array<char, 64> storage;
    rx.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    int const passed = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    BOOST_REQUIRE(passed >= 0);
    auto const write_with_descriptor = [&](std::string text) {
        ::iovec vector{&text[0], text.size()};
        alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        ::msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        ::cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::copy_n(
            reinterpret_cast<char const*>(&passed),
            sizeof(int),
            reinterpret_cast<char*>(CMSG_DATA(header)));
        BOOST_REQUIRE(
            ::sendmsg(other.native_handle(), &message, 0) ==
            static_cast<ssize_t>(text.size()));
    };
    write_with_descriptor("ab");
    other.write("cd");
    write_with_descriptor("ef");
    write_with_descriptor("gh");
    other.write("i");
    ::close(passed);
    BOOST_TEST(
        contract::receive(*this, rx, 9, result, storage.data()) == "abcdefghi");
    BOOST_TEST(rx.error() == success);
}
