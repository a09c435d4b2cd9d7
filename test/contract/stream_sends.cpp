// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A send completes when everything is written, and sends keep their order.

#define BOOST_TEST_MODULE contract_stream_sends
#include <opslot/diagnostics.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::cut;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using context = support::counted<stream_context>;

error_code const success;

// Sends what a context describes, which is more than the system takes at a
// time, and expects all of it to arrive.
void expect_parts(connection& c, context& tx, std::string const& data)
{
    auto const before = opslot::diagnostics(c.io).send_calls;
    auto const result = c.socket.start_send(tx);
    BOOST_TEST((result == pending));
    // A part has arrived, and the rest has to wait until it is read.
    support::await(c.other.native_handle());
    support::poll(c.io);
    BOOST_TEST(tx.is_pending());
    BOOST_TEST(tx.calls == 0);
    std::string arrived;
    support::background reader([&] { arrived = c.other.read(data.size()); });
    finish(c.io, tx, result);
    reader.join();
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == data.size());
    BOOST_TEST((arrived == data));
#if !defined(OPSLOT_ENGINE_PORTABLE)
    BOOST_TEST(opslot::diagnostics(c.io).send_calls > before + 1);
#else
    BOOST_TEST(opslot::diagnostics(c.io).send_calls == before);
#endif
}

} // namespace

// Buffers

// Model case 11.
BOOST_FIXTURE_TEST_CASE(a_part_of_a_buffer_is_sent, connection)
{
    context tx;
    std::string const text = "0123456789";
    tx.buffer(asio::buffer(text), 2, 3);
    BOOST_TEST(tx.offset() == 2u);
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.bytes_transferred() == 3u);
    tx.slice(9, 1);
    BOOST_TEST(tx.offset() == 9u);
    finish(io, tx, socket.start_send(tx));
    tx.slice(5, 0);
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 0u);
    tx.slice(0, 2);
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(other.read(6) == "234901");
}

BOOST_FIXTURE_TEST_CASE(a_buffer_stays_set_and_unchanged, connection)
{
    context tx;
    std::string const text = "again ";
    tx.buffer(asio::buffer(text));
    for (int i = 0; i != 3; ++i)
    {
        finish(io, tx, socket.start_send(tx));
        BOOST_TEST(tx.buffer().data() == text.data());
        BOOST_TEST(tx.buffer().size() == 6u);
    }
    BOOST_TEST(other.read(18) == "again again again ");
}

BOOST_FIXTURE_TEST_CASE(a_list_is_sent_with_its_empty_segments, connection)
{
    context tx;
    std::string const data = payload(1000);
    tx.buffer_list(cut(data, {0, 1, 0, 0, 498, 1, 0, 500, 0}));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 1000u);
    BOOST_TEST((other.read(1000) == data));
}

BOOST_FIXTURE_TEST_CASE(a_list_is_a_snapshot, connection)
{
    context tx;
    std::vector<asio::const_buffer> list{
        asio::buffer("ab", 2), asio::buffer("cd", 2)};
    tx.buffer_list(list);
    list[0] = asio::buffer("xxxx", 4);
    list.clear();
    list.shrink_to_fit();
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.bytes_transferred() == 4u);
    BOOST_TEST(other.read(4) == "abcd");
}

BOOST_FIXTURE_TEST_CASE(a_list_to_send_may_be_of_any_length, connection)
{
    for (std::size_t const count : {65u, 100u, 1025u, 3000u})
    {
        context tx;
        std::string const data = payload(3 * count);
        tx.buffer_list(cut(data, std::vector<std::size_t>(count, 3)));
        finish(io, tx, socket.start_send(tx));
        BOOST_TEST(tx.error() == success);
        BOOST_TEST(tx.bytes_transferred() == data.size());
        BOOST_TEST((other.read(data.size()) == data));
    }
}

BOOST_FIXTURE_TEST_CASE(a_list_of_only_empty_segments_sends_nothing, connection)
{
    context tx;
    std::array<asio::const_buffer, 70> const list{};
    tx.buffer_list(list);
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 0u);
    tx.clear_buffers();
    tx.buffer(asio::buffer(std::string_view("next")));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(other.read(4) == "next");
}

BOOST_FIXTURE_TEST_CASE(a_long_run_of_empty_segments_is_skipped, connection)
{
    context tx;
    std::vector<asio::const_buffer> list(2000);
    list.emplace_back(asio::buffer(std::string_view("data")));
    tx.buffer_list(list);
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.bytes_transferred() == 4u);
    BOOST_TEST(other.read(4) == "data");
}

// Model case 45.
BOOST_FIXTURE_TEST_CASE(buffers_and_lists_may_alternate, connection)
{
    context tx;
    std::string const data = payload(90);
    for (std::size_t i = 0; i != 30; ++i)
    {
        tx.clear_buffers();
        asio::const_buffer const part(data.data() + 3 * i, 3);
        switch (i % 3)
        {
        case 0:
            tx.buffer(part);
            break;
        case 1:
            tx.buffer_list(part);
            break;
        default:
            tx.buffer_list(std::array<asio::const_buffer, 1>());
            tx.buffer_list(std::array<asio::const_buffer, 2>{
                asio::buffer(part, 1), part + 1});
        }
        finish(io, tx, socket.start_send(tx));
        BOOST_TEST(tx.bytes_transferred() == 3u);
    }
    BOOST_TEST(other.read(90) == data);
}

BOOST_FIXTURE_TEST_CASE(a_send_of_no_bytes_completes, connection)
{
    context tx;
    tx.buffer(asio::const_buffer());
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 0u);
    socket.async_send(tx);
    support::run(io);
    BOOST_TEST(tx.error() == success);
    int calls = 0;
    socket.async_send(asio::const_buffer(), [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 0u);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
    // Nothing came of it.
    tx.buffer(asio::buffer(std::string_view("x")));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(other.read(1) == "x");
}

// Writing in parts

BOOST_FIXTURE_TEST_CASE(a_send_completes_when_everything_is_written, connection)
{
    shrink_buffers();
    context tx;
    std::string const data = payload(4 << 20);
    tx.buffer(asio::buffer(data));
    expect_parts(*this, tx, data);
}

BOOST_FIXTURE_TEST_CASE(a_list_may_be_written_in_parts, connection)
{
    // Parts end within segments.
    shrink_buffers();
    context tx;
    std::string const data = payload(5 * 700001);
    tx.buffer_list(cut(data, std::vector<std::size_t>(5, 700001)));
    expect_parts(*this, tx, data);
}

BOOST_FIXTURE_TEST_CASE(a_buffer_of_more_than_two_gigabytes_is_sent, connection)
{
    std::size_t const size = (std::size_t(2) << 30) + 4096;
    contract::address_space const zeros(size);
    context tx;
    tx.buffer(asio::const_buffer(zeros.buffer()));
    std::size_t arrived = 0;
    support::background reader([&] { arrived = other.discard(size); });
    finish(io, tx, socket.start_send(tx));
    reader.join();
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == size);
    BOOST_TEST(arrived == size);
}

// Many at a time

BOOST_FIXTURE_TEST_CASE(concurrent_sends_arrive_as_their_sequence, connection)
{
    constexpr std::size_t size = 2 << 20;
    std::deque<context> sends(3);
    std::vector<std::string> data;
    for (std::uint32_t i = 0; i != 3; ++i)
    {
        data.push_back(payload(size, i + 1));
    }
    std::string arrived;
    support::background reader([&] { arrived = other.read(3 * size); });
    std::vector<std::size_t> order;
    std::size_t ended = 0;
    for (std::size_t i = 0; i != 3; ++i)
    {
        sends[i].buffer(asio::buffer(data[i]));
        sends[i].completion_handler([&, i](stream_context& c) {
            BOOST_TEST(c.error() == success);
            BOOST_TEST(c.bytes_transferred() == size);
            order.push_back(i);
            ++ended;
        });
    }
    for (std::size_t i = 0; i != 3; ++i)
    {
        ended += socket.start_send(sends[i]) == completed;
    }
    support::run(io);
    reader.join();
    BOOST_TEST(ended == 3u);
    BOOST_TEST(std::is_sorted(order.begin(), order.end()));
    BOOST_TEST((arrived == data[0] + data[1] + data[2]));
}

BOOST_FIXTURE_TEST_CASE(
    sends_of_all_sizes_started_in_one_handler_keep_their_order, connection)
{
    constexpr std::size_t count = 300;
    std::deque<context> sends(count);
    std::deque<std::string> data;
    std::string expected;
    for (std::size_t i = 0; i != count; ++i)
    {
        // Small ones, large ones, and some that have no byte.
        std::size_t const size = i % 7 == 0 ? 3000 + i : i % 11 == 0 ? 0 : i;
        data.push_back(payload(size, static_cast<std::uint32_t>(i)));
        expected += data.back();
    }
    std::string arrived;
    support::background reader([&] { arrived = other.read(expected.size()); });
    std::size_t ended = 0;
    context trigger;
    std::array<char, 1> byte;
    trigger.buffer(asio::buffer(byte));
    trigger.completion_handler([&](stream_context&) {
        for (std::size_t i = 0; i != count; ++i)
        {
            sends[i].buffer(asio::buffer(data[i]));
            sends[i].completion_handler([&, i](stream_context& c) {
                BOOST_TEST(c.error() == success);
                BOOST_TEST(c.bytes_transferred() == data[i].size());
                ++ended;
            });
            ended += socket.start_send(sends[i]) == completed;
        }
    });
    BOOST_TEST((socket.start_receive(trigger) == pending));
    other.write("!");
    support::run(io);
    reader.join();
    BOOST_TEST(ended == count);
    BOOST_TEST((arrived == expected));
}

BOOST_FIXTURE_TEST_CASE(
    sends_that_are_not_gathered_keep_their_order, connection)
{
    socket.gather_sends(false);
    BOOST_TEST(!socket.gather_sends());
    std::deque<context> sends(20);
    std::string const data = payload(20 * 50);
    std::size_t ended = 0;
    asio::post(io, [&] {
        for (std::size_t i = 0; i != 20; ++i)
        {
            sends[i].buffer(asio::buffer(data), 50 * i, 50);
            ended += socket.start_send(sends[i]) == completed;
        }
    });
    support::run(io);
    for (auto const& c : sends)
    {
        ended += static_cast<std::size_t>(c.calls);
        BOOST_TEST(c.bytes_transferred() == 50u);
    }
    BOOST_TEST(ended == 20u);
    BOOST_TEST((other.read(data.size()) == data));
}
