// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Receiving and sending on a stream. The numbers are those of the behavioural
// cases in doc/saea.adoc.

#define BOOST_TEST_MODULE saea_stream
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "contract/receiver.hpp"
#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::receiver;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

// The ways to describe where some bytes are.
constexpr std::size_t shapes = 5;

void describe(stream_context& c, asio::mutable_buffer b, std::size_t shape)
{
    std::size_t const half = b.size() / 2;
    c.clear_buffers();
    switch (shape % shapes)
    {
    case 0:
        c.buffer(b);
        break;
    case 1:
        c.buffer_list(b);
        break;
    case 2:
        c.buffer_list(std::array<asio::mutable_buffer, 2>{
            asio::buffer(b, half), b + half});
        break;
    case 3:
        c.buffer_list(std::array<asio::mutable_buffer, 5>{
            asio::mutable_buffer(),
            asio::buffer(b, half),
            b + b.size(),
            b + half,
            asio::mutable_buffer()});
        break;
    default:
        // One buffer of more memory than is meant.
        c.buffer(
            asio::mutable_buffer(
                static_cast<char*>(b.data()) - half, b.size() + half),
            half,
            b.size());
    }
}

// Sends `data`, at most 512 bytes at a time, to a peer that echoes it, and
// receives it again, at most 256 bytes at a time.
template<typename SendShape, typename ReceiveShape>
void exchange(int family, SendShape send_shape, ReceiveShape receive_shape)
{
    constexpr std::size_t size = 123456;
    constexpr std::size_t margin = 512;
    asio::io_context io;
    tcp::socket socket(io);
    auto other = support::connect_tcp(socket, family);
    support::background const echo([&] {
        for (std::size_t left = size; left != 0;)
        {
            std::string const part =
                other.read(std::min<std::size_t>(left, 1000));
            other.write(part);
            left -= part.size();
        }
    });
    std::string data = payload(size + margin);
    std::string echoed(size + margin, '.');
    std::size_t sent = 0, received = 0, sends = 0, receives = 0;
    stream_context tx, rx;
    auto const send = [&] {
        std::size_t const n = std::min<std::size_t>(512, size - sent);
        describe(
            tx, asio::buffer(&data[margin + sent], n), send_shape(sends++));
        socket.async_send(tx);
    };
    auto const receive = [&] {
        std::size_t const n = std::min<std::size_t>(256, size - received);
        describe(
            rx,
            asio::buffer(&echoed[margin + received], n),
            receive_shape(receives++));
        socket.async_receive(rx);
    };
    tx.completion_handler([&](stream_context&) {
        BOOST_REQUIRE(tx.error() == success);
        BOOST_REQUIRE(
            tx.bytes_transferred() == std::min<std::size_t>(512, size - sent));
        sent += tx.bytes_transferred();
        if (sent != size)
        {
            send();
        }
    });
    rx.completion_handler([&](stream_context&) {
        BOOST_REQUIRE(rx.error() == success);
        received += rx.bytes_transferred();
        if (received != size)
        {
            receive();
        }
    });
    send();
    receive();
    support::run(io);
    BOOST_TEST(sent == size);
    BOOST_TEST(received == size);
    BOOST_TEST((echoed.compare(margin, size, data, margin, size) == 0));
}

// The bytes that sends say they have written, in the order of their starts.
std::string
written(std::deque<context> const& sends, std::vector<std::string> const& data)
{
    std::string result;
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        result.append(data[i], 0, sends[i].bytes_transferred());
    }
    return result;
}

} // namespace

// Buffers and lists

// Model case 44.
BOOST_AUTO_TEST_CASE(lists_with_empty_and_partial_segments_carry_everything)
{
    auto const with_empty_segments = [](std::size_t) { return std::size_t(3); };
    auto const parts = [](std::size_t) { return std::size_t(4); };
    for (int const family : {AF_INET, AF_INET6})
    {
        exchange(family, with_empty_segments, parts);
        exchange(family, parts, with_empty_segments);
    }
}

// Model case 45.
BOOST_AUTO_TEST_CASE(the_shape_may_be_another_at_each_operation)
{
    auto const each = [](std::size_t i) { return i; };
    auto const each_backwards = [](std::size_t i) {
        return shapes - i % shapes;
    };
    for (int const family : {AF_INET, AF_INET6})
    {
        exchange(family, each, each);
        exchange(family, each, each_backwards);
    }
}

// Model case 46.
BOOST_FIXTURE_TEST_CASE(five_large_buffers_leave_in_one_send, connection)
{
    constexpr std::size_t size = 12300000;
    std::string const data = payload(size);
    context tx;
    std::vector<asio::const_buffer> const list(5, asio::buffer(data));
    tx.buffer_list(list);
    std::string arrived;
    support::background reader([&] { arrived = other.read(5 * size); });
    finish(io, tx, socket.start_send(tx));
    reader.join();
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 5 * size);
    BOOST_REQUIRE(arrived.size() == 5 * size);
    for (std::size_t i = 0; i != 5; ++i)
    {
        BOOST_TEST((arrived.compare(i * size, size, data) == 0));
    }
}

// Many at a time

// Model case 48.
BOOST_FIXTURE_TEST_CASE(outstanding_lists_are_filled_in_order, connection)
{
    std::deque<context> receives(3);
    std::array<std::array<char, 2>, 3> storage{};
    for (std::size_t i = 0; i != 3; ++i)
    {
        receives[i].buffer_list(std::array<asio::mutable_buffer, 2>{
            asio::buffer(&storage[i][0], 1), asio::buffer(&storage[i][1], 1)});
        BOOST_TEST((socket.start_receive(receives[i]) == pending));
    }
    other.write("abcde");
    support::run(io);
    std::string text;
    for (std::size_t i = 0; i != 3; ++i)
    {
        std::size_t const n = receives[i].bytes_transferred();
        BOOST_TEST(receives[i].calls == 1);
        BOOST_TEST(receives[i].error() == success);
        BOOST_TEST((n == 1 || n == 2));
        text.append(storage[i].data(), n);
    }
    BOOST_TEST(text == std::string("abcde", text.size()));
}

BOOST_FIXTURE_TEST_CASE(
    a_cancelled_receive_has_consumed_nothing_wherever_it_stands, connection)
{
    // The bytes are there when it is cancelled.
    for (std::size_t cancelled = 0; cancelled != 4; ++cancelled)
    {
        std::deque<receiver> receives(4);
        for (auto& rx : receives)
        {
            BOOST_TEST((socket.start_receive(rx) == pending));
        }
        support::poll(io);
        other.write("abc");
        support::await(socket.native_handle());
        BOOST_TEST(receives[cancelled].cancel());
        support::run(io);
        std::string text;
        for (std::size_t i = 0; i != 4; ++i)
        {
            BOOST_TEST(receives[i].calls == 1);
            if (i == cancelled)
            {
                BOOST_TEST(receives[i].error() == aborted);
                BOOST_TEST(receives[i].bytes_transferred() == 0u);
                continue;
            }
            BOOST_TEST(receives[i].error() == success);
            text.append(receives[i].storage.data(), 1);
        }
        BOOST_TEST(text == "abc");
    }
}

BOOST_FIXTURE_TEST_CASE(an_empty_receive_has_its_place_in_the_order, connection)
{
    context first_empty, second_empty;
    receiver first, second, third;
    std::array<char, 1> storage;
    first_empty.buffer(asio::buffer(storage, 0));
    second_empty.buffer(asio::buffer(storage, 0));
    for (stream_context* const c :
         {static_cast<stream_context*>(&first_empty),
          static_cast<stream_context*>(&first),
          static_cast<stream_context*>(&second_empty),
          static_cast<stream_context*>(&second),
          static_cast<stream_context*>(&third)})
    {
        BOOST_TEST((socket.start_receive(*c) == pending));
    }
    other.write("a");
    support::run_until(io, [&] { return first.calls == 1; });
    support::poll(io);
    BOOST_TEST(first_empty.calls == 1);
    BOOST_TEST(first_empty.bytes_transferred() == 0u);
    BOOST_TEST(first.storage[0] == 'a');
    BOOST_TEST(second.is_pending());
    other.write("bc");
    support::run(io);
    BOOST_TEST(second_empty.calls == 1);
    BOOST_TEST(second_empty.error() == success);
    BOOST_TEST(second_empty.bytes_transferred() == 0u);
    BOOST_TEST(second.storage[0] == 'b');
    BOOST_TEST(third.storage[0] == 'c');
}

BOOST_FIXTURE_TEST_CASE(a_peek_leaves_its_bytes_to_the_next_one, connection)
{
    receiver peeking, first, second;
    peeking.message_flags(asio::socket_base::message_peek);
    BOOST_TEST((socket.start_receive(peeking) == pending));
    BOOST_TEST((socket.start_receive(first) == pending));
    BOOST_TEST((socket.start_receive(second) == pending));
    other.write("ab");
    support::run(io);
    BOOST_TEST(peeking.storage[0] == 'a');
    BOOST_TEST(first.storage[0] == 'a');
    BOOST_TEST(second.storage[0] == 'b');
}

BOOST_FIXTURE_TEST_CASE(a_peek_does_not_wait_for_more, connection)
{
    context rx;
    std::array<char, 8> storage;
    rx.buffer(asio::buffer(storage));
    rx.at_least(5);
    rx.message_flags(asio::socket_base::message_peek);
    auto const peeked = socket.start_receive(rx);
    BOOST_TEST((peeked == pending));
    other.write("abc");
    finish(io, rx, peeked);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 3u);
    rx.message_flags(0);
    auto const received = socket.start_receive(rx);
    other.write("de");
    finish(io, rx, received);
    BOOST_TEST(rx.bytes_transferred() == 5u);
    BOOST_TEST(std::string(storage.data(), 5) == "abcde");
}

// Model case 64.
BOOST_AUTO_TEST_CASE(what_cancelled_sends_have_written_is_what_arrives)
{
    constexpr std::size_t size = 65536;
    constexpr std::size_t count = 100;
    std::vector<std::string> data;
    for (std::uint32_t i = 0; i != count; ++i)
    {
        data.push_back(payload(size, i));
    }
    // From the first, which is partly written, or without touching it.
    for (std::size_t const begin : {0u, 1u})
    {
        connection c;
        c.socket.set_option(asio::socket_base::send_buffer_size(1024));
        std::deque<context> sends(count);
        std::vector<opslot::start_result> results;
        for (std::size_t i = 0; i != count; ++i)
        {
            sends[i].buffer(asio::buffer(data[i]));
            results.push_back(c.socket.start_send(sends[i]));
        }
        std::string arrived;
        support::background reader([&] { arrived = c.other.read_all(); });
        // Some of them are over by then.
        support::run_until(c.io, [&] { return sends[5].calls == 1; });
        std::size_t cancelled = 0;
        for (std::size_t i = begin; i < count; i += 2)
        {
            cancelled += sends[i].cancel();
        }
        BOOST_TEST(cancelled != 0u);
        support::run(c.io);
        c.socket.shutdown(tcp::socket::shutdown_send);
        reader.join();
        std::size_t ended = 0;
        for (std::size_t i = 0; i != count; ++i)
        {
            BOOST_TEST(sends[i].calls == (results[i] == pending ? 1 : 0));
            ended += sends[i].error() == aborted;
            BOOST_TEST(
                (sends[i].error() == aborted ||
                 sends[i].bytes_transferred() == size));
        }
        BOOST_TEST(ended >= cancelled);
        BOOST_TEST((arrived == written(sends, data)));
    }
}

// The end of the stream, of the socket and of the connection

// Model case 51.
BOOST_FIXTURE_TEST_CASE(the_end_completes_receives_of_lists, connection)
{
    std::deque<context> receives(2);
    std::array<char, 4> storage;
    for (std::size_t i = 0; i != 2; ++i)
    {
        describe(receives[i], asio::buffer(storage), 2 + i);
        BOOST_TEST((socket.start_receive(receives[i]) == pending));
    }
    other.close();
    support::run(io);
    for (auto const& rx : receives)
    {
        BOOST_TEST(rx.calls == 1);
        BOOST_TEST(rx.error() == asio::error::eof);
        BOOST_TEST(rx.bytes_transferred() == 0u);
    }
}

// Model case 53.
BOOST_FIXTURE_TEST_CASE(the_smallest_buffers_of_the_system_do, connection)
{
    int const none = 0;
    socket.set_option(asio::socket_base::send_buffer_size(none));
    socket.set_option(asio::socket_base::receive_buffer_size(none));
    for (int const option : {SO_SNDBUF, SO_RCVBUF})
    {
        BOOST_REQUIRE(
            ::setsockopt(
                other.native_handle(),
                SOL_SOCKET,
                option,
                &none,
                sizeof(none)) == 0);
    }
    std::string const data = payload(10000);
    std::string arrived, storage(10000, '.');
    context tx, rx;
    tx.buffer(asio::buffer(data));
    rx.buffer(asio::buffer(storage));
    rx.at_least(storage.size());
    support::background reader([&] {
        arrived = other.read(data.size());
        other.write(data);
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    auto const sent = socket.start_send(tx);
    support::run(io);
    reader.join();
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(tx.calls == (sent == pending ? 1 : 0));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 10000u);
    BOOST_TEST((arrived == data));
    BOOST_TEST((storage == data));
}

// Model case 56.
BOOST_AUTO_TEST_CASE(operations_do_not_depend_on_the_modes_of_the_socket)
{
    for (bool const lingers : {false, true})
    {
        for (bool const non_blocking : {false, true})
        {
            connection c;
            context rx, tx;
            c.socket.set_option(asio::socket_base::linger(lingers, 1));
            c.socket.non_blocking(non_blocking);
            for (int i = 0; i != 3; ++i)
            {
                std::array<char, 4> storage;
                rx.buffer(asio::buffer(storage));
                auto const received = c.socket.start_receive(rx);
                BOOST_TEST((received == pending));
                support::poll(c.io);
                BOOST_TEST(rx.is_pending());
                tx.buffer(asio::buffer("ping", 4));
                finish(c.io, tx, c.socket.start_send(tx));
                BOOST_TEST(c.other.read(4) == "ping");
                c.other.write("pong");
                finish(c.io, rx, received);
                BOOST_TEST(rx.error() == success);
                BOOST_TEST(
                    std::string(storage.data(), rx.bytes_transferred()) ==
                    "pong");
                BOOST_TEST(c.socket.non_blocking() == non_blocking);
                c.socket.non_blocking(!non_blocking);
                c.socket.non_blocking(non_blocking);
            }
        }
    }
}

namespace {

// Connects a socket of IPv4, of IPv6, or of both to a peer.
support::peer connect_as(tcp::socket& socket, int kind)
{
    support::listener l(kind == 1 ? AF_INET6 : AF_INET);
    tcp::endpoint where = l.endpoint();
    socket.open(kind == 0 ? tcp::v4() : tcp::v6());
    if (kind == 2)
    {
        socket.set_option(asio::ip::v6_only(false));
        where = tcp::endpoint(
            asio::ip::make_address_v6(
                asio::ip::v4_mapped, where.address().to_v4()),
            where.port());
    }
    socket.connect(where);
    return l.accept();
}

// What ends a read of the peer.
error_code end_of(support::peer& other)
{
    try
    {
        other.read_all();
        return success;
    }
    catch (boost::system::system_error const& e)
    {
        return e.code();
    }
}

} // namespace

// Model case 59.
BOOST_AUTO_TEST_CASE(a_close_aborts_here_and_ends_or_resets_there)
{
    std::string const data = payload(8 << 20);
    for (int const kind : {0, 1, 2})
    {
        for (bool const sends : {false, true})
        {
            for (bool const resets : {false, true})
            {
                support::descriptor_check const leaks;
                asio::io_context io;
                tcp::socket socket(io);
                auto other = connect_as(socket, kind);
                context c;
                c.buffer(asio::const_buffer(asio::buffer(data)));
                receiver rx;
                auto const result =
                    sends ? socket.start_send(c) : socket.start_receive(rx);
                BOOST_TEST((result == pending));
                support::poll(io);
                if (resets)
                {
                    socket.set_option(asio::socket_base::linger(true, 0));
                }
                socket.close();
                support::run(io);
                context const& ended = sends ? c : rx;
                BOOST_TEST(ended.calls == 1);
                BOOST_TEST(ended.error() == aborted);
                BOOST_TEST(
                    end_of(other) ==
                    (resets ? error_code(asio::error::connection_reset)
                            : success));
            }
        }
    }
}

// Model case 63.
BOOST_FIXTURE_TEST_CASE(a_cancelled_receive_of_any_size_lets_others, connection)
{
    std::array<char, 4> storage;
    for (std::size_t const size : {0u, 1u, 4u})
    {
        context rx;
        rx.buffer(asio::buffer(storage, size));
        // Before the start it has no effect.
        BOOST_TEST(!rx.cancel());
        BOOST_TEST((socket.start_receive(rx) == pending));
        BOOST_TEST(rx.cancel());
        support::run(io);
        BOOST_TEST(rx.calls == 1);
        BOOST_TEST(rx.error() == aborted);
        BOOST_TEST(rx.bytes_transferred() == 0u);
        auto const result = socket.start_receive(rx);
        BOOST_TEST((result == pending));
        other.write("a");
        finish(io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == std::min<std::size_t>(size, 1));
        if (size == 0)
        {
            BOOST_TEST(contract::receive(*this, rx, 1) == "a");
        }
    }
}

// Model case 66.
BOOST_FIXTURE_TEST_CASE(
    a_reset_disconnects_and_what_is_no_failure_does_not, connection)
{
    receiver rx;
    error_code ec;
    auto const expect_connected = [&] {
        socket.remote_endpoint(ec);
        BOOST_TEST(ec == success);
    };
    rx.timeout(std::chrono::milliseconds(1));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == make_error_code(opslot::error::timeout));
    expect_connected();
    rx.timeout({});
    BOOST_TEST((socket.start_receive(rx) == pending));
    rx.cancel();
    support::run(io);
    BOOST_TEST(rx.error() == aborted);
    expect_connected();
    socket.non_blocking(true);
    socket.read_some(asio::buffer(rx.storage), ec);
    BOOST_TEST(ec == asio::error::would_block);
    expect_connected();

    auto const result = socket.start_receive(rx);
    other.reset();
    finish(io, rx, result);
    BOOST_TEST(rx.error() == asio::error::connection_reset);
    socket.remote_endpoint(ec);
    BOOST_TEST(ec == asio::error::not_connected);
    context tx;
    tx.buffer(asio::buffer("x", 1));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == asio::error::broken_pipe);
}

BOOST_FIXTURE_TEST_CASE(shutting_down_ends_the_sends_that_wait, connection)
{
    shrink_buffers();
    std::string const data = payload(4 << 20);
    std::deque<context> sends(3);
    for (auto& tx : sends)
    {
        tx.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(tx) == pending));
    }
    support::poll(io);
    socket.shutdown(tcp::socket::shutdown_send);
    support::run(io);
    for (auto const& tx : sends)
    {
        BOOST_TEST(tx.calls == 1);
        BOOST_TEST(tx.error() == asio::error::broken_pipe);
    }
    // What had been written arrives, and then the end.
    std::size_t const n = sends[0].bytes_transferred();
    BOOST_TEST(n != 0u);
    std::string const arrived = other.read_all();
    BOOST_TEST(arrived.size() == n);
    BOOST_TEST((data.compare(0, arrived.size(), arrived) == 0));
}
