// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How operations on a stream start and complete, in each of their forms.

#define BOOST_TEST_MODULE contract_streams
#include "contract/streams.hpp"

#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;

} // namespace

// Both directions

BOOST_FIXTURE_TEST_CASE(data_goes_in_both_directions, connection)
{
    context rx, tx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    auto const received = socket.start_receive(rx);
    tx.buffer(asio::buffer(std::string_view("ping")));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == 4u);
    BOOST_TEST(other.read(4) == "ping");
    other.write("pong!");
    finish(io, rx, received);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 5u);
    BOOST_TEST(std::string(storage.data(), 5) == "pong!");
}

// Model case 43.
BOOST_AUTO_TEST_CASE(many_small_transfers_arrive_unchanged)
{
    for (int const family : {AF_INET, AF_INET6})
    {
        asio::io_context io;
        tcp::socket socket(io);
        auto other = support::connect_tcp(socket, family);
        std::string const data = payload(123456);
        std::string echoed;
        support::background const echo([&] {
            for (std::size_t left = data.size(); left != 0;)
            {
                std::string const part =
                    other.read(std::min<std::size_t>(left, 1000));
                other.write(part);
                left -= part.size();
            }
        });
        context rx, tx;
        std::array<char, 256> storage;
        rx.buffer(asio::buffer(storage));
        tx.buffer(asio::const_buffer(asio::buffer(data)), 0, 0);
        std::size_t sent = 0;
        while (echoed.size() != data.size())
        {
            auto const n = std::min<std::size_t>(512, data.size() - sent);
            tx.slice(sent, n);
            sent += n;
            finish(io, tx, socket.start_send(tx));
            BOOST_REQUIRE(tx.error() == success);
            BOOST_REQUIRE(tx.bytes_transferred() == n);
            while (echoed.size() + 2000 < sent ||
                   (sent == data.size() && echoed.size() != sent))
            {
                finish(io, rx, socket.start_receive(rx));
                BOOST_REQUIRE(rx.error() == success);
                echoed.append(storage.data(), rx.bytes_transferred());
            }
        }
        BOOST_TEST((echoed == data));
    }
}

// Model case 19.
BOOST_AUTO_TEST_CASE(one_context_serves_two_sockets_in_turn)
{
    asio::io_context io;
    tcp::socket first(io), second(io);
    auto other_first = support::connect_tcp(first);
    auto other_second = support::connect_tcp(second);
    context c;
    std::array<char, 8> storage;
    for (int round = 0; round != 10; ++round)
    {
        std::string const text = std::to_string(round);
        c.buffer(asio::buffer(text));
        finish(io, c, first.start_send(c));
        BOOST_TEST((c.last_operation() == opslot::operation_kind::send));
        BOOST_TEST(other_first.read(1) == text);
        other_second.write(text);
        c.buffer(asio::buffer(storage));
        finish(io, c, second.start_receive(c));
        BOOST_TEST((c.last_operation() == opslot::operation_kind::receive));
        BOOST_TEST(c.bytes_transferred() == 1u);
        BOOST_TEST(storage[0] == text[0]);
    }
}

BOOST_FIXTURE_TEST_CASE(
    the_two_directions_do_not_wait_for_each_other, connection)
{
    shrink_buffers();
    context tx, rx;
    std::string const data = payload(1 << 20);
    tx.buffer(asio::buffer(data));
    auto const sent = socket.start_send(tx);
    BOOST_TEST((sent == pending));
    other.write("abc");
    BOOST_TEST(contract::receive(*this, rx, 3) == "abc");
    BOOST_TEST(tx.is_pending());
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    finish(io, tx, sent);
    reader.join();
    BOOST_TEST((arrived == data));
}

// What a start reports

#if !defined(OPSLOT_ENGINE_PORTABLE)

BOOST_FIXTURE_TEST_CASE(
    a_receive_of_what_is_there_completes_at_once, connection)
{
    context rx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    other.write("hello");
    support::await(socket.native_handle());
    BOOST_TEST((socket.start_receive(rx) == completed));
    BOOST_TEST(!rx.is_pending());
    BOOST_TEST(rx.bytes_transferred() == 5u);
    support::run(io);
    BOOST_TEST(rx.calls == 0);
}

// Model case 27.
BOOST_FIXTURE_TEST_CASE(a_send_that_fits_completes_at_once, connection)
{
    context tx;
    tx.buffer(asio::buffer(std::string_view("hello")));
    BOOST_TEST((socket.start_send(tx) == completed));
    BOOST_TEST(tx.bytes_transferred() == 5u);
    support::run(io);
    BOOST_TEST(tx.calls == 0);
    BOOST_TEST(other.read(5) == "hello");
}

BOOST_FIXTURE_TEST_CASE(a_start_in_a_handler_completes_at_once, connection)
{
    context rx;
    std::array<char, 2> storage;
    rx.buffer(asio::buffer(storage));
    std::string got;
    int calls = 0, at_once = 0;
    rx.completion_handler([&](stream_context&) {
        ++calls;
        got.append(storage.data(), rx.bytes_transferred());
        while (got.size() != 8 && socket.start_receive(rx) == completed)
        {
            ++at_once;
            got.append(storage.data(), rx.bytes_transferred());
        }
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("abcdefgh");
    support::run_until(io, [&] { return got.size() == 8; });
    BOOST_TEST(got == "abcdefgh");
    BOOST_TEST(at_once > 0);
    BOOST_TEST(calls + at_once == 4);
}

#endif

BOOST_FIXTURE_TEST_CASE(
    a_receive_of_nothing_is_pending_and_calls_its_handler_once, connection)
{
    context rx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST(rx.is_pending());
    support::poll(io);
    BOOST_TEST(rx.calls == 0);
    other.write("x");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(!rx.is_pending());
    BOOST_TEST(rx.bytes_transferred() == 1u);
}

BOOST_AUTO_TEST_CASE(an_error_known_at_once_is_a_completion)
{
    asio::io_context io;
    tcp::socket socket(io);
    context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    finish(io, c, socket.start_receive(c));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    finish(io, c, socket.start_send(c));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    finish(io, c, socket.start_wait(c, tcp::socket::wait_read));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    socket.async_receive(c);
    support::run(io);
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
}

BOOST_AUTO_TEST_CASE(an_unconnected_socket_reports_that_it_is)
{
    asio::io_context io;
    tcp::socket socket(io, tcp::v4());
    context c;
    std::array<char, 4> storage{};
    c.buffer(asio::buffer(storage));
    finish(io, c, socket.start_receive(c));
    BOOST_TEST(c.error() == asio::error::not_connected);
    finish(io, c, socket.start_send(c));
    BOOST_TEST(
        (c.error() == asio::error::not_connected ||
         c.error() == asio::error::broken_pipe));
}

// The other forms

BOOST_FIXTURE_TEST_CASE(
    the_async_form_calls_its_handler_and_never_inside_the_call, connection)
{
    std::array<char, 4> storage;
    stream_context rx, tx;
    bool inside = false;
    int calls = 0;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([&](stream_context& c) {
        BOOST_TEST(!inside);
        BOOST_TEST(c.error() == success);
        ++calls;
    });
    tx.buffer(asio::buffer(std::string_view("abcd")));
    tx.completion_handler([&](stream_context& c) {
        BOOST_TEST(!inside);
        BOOST_TEST(c.bytes_transferred() == 4u);
        ++calls;
    });
    auto const start = [&] {
        inside = true;
        socket.async_send(tx);
        socket.async_receive(rx);
        inside = false;
    };
    other.write("abcdabcd");
    support::await(socket.native_handle());
    start();
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 2);
    asio::post(io, start);
    support::run(io);
    BOOST_TEST(calls == 4);

    // The same from inside a handler of the library's.
    context trigger;
    std::array<char, 1> byte;
    trigger.buffer(asio::buffer(byte));
    trigger.completion_handler([&](stream_context&) { start(); });
    BOOST_TEST((socket.start_receive(trigger) == pending));
    other.write("tabcd");
    support::run(io);
    BOOST_TEST(calls == 6);
}

BOOST_FIXTURE_TEST_CASE(the_token_form_takes_the_handlers_place, connection)
{
    context rx, tx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    tx.buffer(asio::buffer(std::string_view("abc")));
    bool inside = true;
    int calls = 0;
    socket.async_send(tx, [&](error_code ec, std::size_t n) {
        BOOST_TEST(!inside);
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 3u);
        ++calls;
    });
    socket.async_receive(rx, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 2u);
        BOOST_TEST(!rx.is_pending());
        ++calls;
    });
    BOOST_TEST(rx.is_pending());
    inside = false;
    other.write("xy");
    support::run(io);
    BOOST_TEST(calls == 2);
    BOOST_TEST(rx.calls == 0);
    BOOST_TEST(tx.calls == 0);
    // The stored handler is still the one for the next operation.
    socket.async_send(tx);
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(other.read(6) == "abcabc");
}

BOOST_FIXTURE_TEST_CASE(results_are_reset_at_each_start, connection)
{
    context rx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    other.write("abc");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.bytes_transferred() == 3u);
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST(rx.bytes_transferred() == 0u);
    BOOST_TEST(rx.error() == success);
    rx.cancel();
    support::run(io);
    BOOST_TEST(rx.error() == asio::error::operation_aborted);
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST(rx.error() == success);
    other.write("a");
    support::run(io);
}

BOOST_FIXTURE_TEST_CASE(token_forms_take_flags_and_sequences, connection)
{
    int calls = 0;
    std::array<char, 2> a{}, b{};
    std::array<asio::mutable_buffer, 2> const list{
        asio::buffer(a), asio::buffer(b)};
    other.write("wxyz");
    support::await(socket.native_handle());
    socket.async_receive(
        list,
        asio::socket_base::message_peek,
        [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == 4u);
            ++calls;
        });
    support::run(io);
    socket.async_receive(list, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 4u);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(std::string(b.data(), 2) == "yz");
    socket.async_send(list, 0, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 4u);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(other.read(4) == "wxyz");
    BOOST_TEST(calls == 3);
}

// Asio's forms

BOOST_FIXTURE_TEST_CASE(synchronous_reads_and_writes_transfer, connection)
{
    std::array<char, 8> storage;
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.write_some(asio::buffer("ab", 2)) == 2u);
    BOOST_TEST(socket.write_some(asio::buffer("cd", 2), ec) == 2u);
    BOOST_TEST(ec == success);
    BOOST_TEST(other.read(4) == "abcd");
    other.write("1234");
    BOOST_TEST(socket.read_some(asio::buffer(storage, 2)) == 2u);
    ec = asio::error::fault;
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 2u);
    BOOST_TEST(ec == success);
    BOOST_TEST(storage[0] == '3');
    other.close();
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 0u);
    BOOST_TEST(ec == asio::error::eof);
    BOOST_CHECK_EXCEPTION(
        socket.read_some(asio::buffer(storage)),
        boost::system::system_error,
        [](auto const& e) { return e.code() == asio::error::eof; });
}

BOOST_FIXTURE_TEST_CASE(a_synchronous_read_waits_for_data, connection)
{
    std::array<char, 8> storage;
    support::background const writer([&] { other.write("x"); });
    BOOST_TEST(!socket.non_blocking());
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 1u);
}

BOOST_FIXTURE_TEST_CASE(composed_operations_of_asio_work, connection)
{
    std::string const data = payload(300000);
    std::string arrived, storage(data.size(), '.'), line;
    int calls = 0;
    support::background reader([&] {
        arrived = other.read(data.size());
        other.write(data);
        other.write("first\nsecond\n");
    });
    asio::async_write(
        socket, asio::buffer(data), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == data.size());
            ++calls;
        });
    asio::async_read(
        socket, asio::buffer(storage), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == storage.size());
            ++calls;
            asio::async_read_until(
                socket,
                asio::dynamic_buffer(line),
                "second\n",
                [&](error_code ec_line, std::size_t n_line) {
                    BOOST_TEST(ec_line == success);
                    BOOST_TEST(n_line == 13u);
                    ++calls;
                });
        });
    support::run(io);
    reader.join();
    BOOST_TEST(calls == 3);
    BOOST_TEST((arrived == data));
    BOOST_TEST((storage == data));
    BOOST_TEST(line == "first\nsecond\n");
}

BOOST_FIXTURE_TEST_CASE(a_token_read_of_no_bytes_does_not_wait, connection)
{
    int calls = 0;
    socket.async_read_some(
        asio::mutable_buffer(), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == 0u);
            ++calls;
        });
    support::run(io);
    BOOST_TEST(calls == 1);
}
