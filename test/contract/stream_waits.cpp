// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Waiting until a stream can be read or written, or has urgent data.

#define BOOST_TEST_MODULE contract_stream_waits
#include <opslot/accept_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <string>

#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
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
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;
constexpr auto urgent = asio::socket_base::message_out_of_band;

} // namespace

// Readiness

BOOST_FIXTURE_TEST_CASE(a_wait_ends_when_the_socket_is_readable, connection)
{
    context c;
    auto const result = socket.start_wait(c, tcp::socket::wait_read);
    BOOST_TEST((result == pending));
    support::poll(io);
    BOOST_TEST(c.is_pending());
    other.write("abc");
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::wait));
    // It consumed nothing, and one that starts now ends too.
    finish(io, c, socket.start_wait(c, tcp::socket::wait_read));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(contract::receive(*this, c, 3) == "abc");
    BOOST_TEST((socket.start_wait(c, tcp::socket::wait_read) == pending));
    support::poll(io);
    BOOST_TEST(c.is_pending());
    c.cancel();
    support::run(io);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(a_wait_ends_when_the_socket_is_writable, connection)
{
    context c;
    finish(io, c, socket.start_wait(c, tcp::socket::wait_write));
    BOOST_TEST(c.error() == success);

    shrink_buffers();
    std::string const block = payload(4096);
    std::size_t written = 0;
    socket.non_blocking(true);
    for (;;)
    {
        error_code ec;
        written += socket.write_some(asio::buffer(block), ec);
        if (ec)
        {
            BOOST_TEST(ec == asio::error::would_block);
            break;
        }
    }
    auto const result = socket.start_wait(c, tcp::socket::wait_write);
    BOOST_TEST((result == pending));
    support::poll(io);
    BOOST_TEST(c.is_pending());
    BOOST_TEST(other.discard(written) == written);
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
}

BOOST_FIXTURE_TEST_CASE(every_form_of_a_wait_ends, connection)
{
    context c;
    int calls = 0;
    auto const handler = [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    };
    socket.async_wait(tcp::socket::wait_read, handler);
    socket.async_wait(c, tcp::socket::wait_read, handler);
    support::poll(io);
    BOOST_TEST(calls == 0);
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 2);
    socket.async_wait(c, tcp::socket::wait_write);
    BOOST_TEST(c.calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
}

// Urgent data

BOOST_FIXTURE_TEST_CASE(a_wait_for_an_exception_sees_urgent_data, connection)
{
    context c;
    auto const result = socket.start_wait(c, tcp::socket::wait_error);
    BOOST_TEST((result == pending));
    other.write("abc");
    support::await(socket.native_handle());
    support::poll(io);
    BOOST_TEST(c.is_pending());
    other.write("!", MSG_OOB);
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
}

BOOST_FIXTURE_TEST_CASE(urgent_data_is_received_with_its_flag, connection)
{
    context rx;
    std::array<char, 4> storage;
    rx.buffer(asio::buffer(storage));
    rx.message_flags(asio::socket_base::message_out_of_band);
    auto const result = socket.start_receive(rx);
    other.write("!", MSG_OOB);
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 1u);
    BOOST_TEST(storage[0] == '!');
}

namespace {

// Expects receives of urgent data on a new connection to wait until there are
// any, whatever else arrives.
void expect_urgent_data(asio::io_context& io, tcp::socket& s, support::peer& p)
{
    context rx, normal;
    std::array<char, 4> storage;
    std::array<char, 3> text;
    rx.buffer(asio::buffer(storage));
    rx.message_flags(urgent);
    normal.buffer(asio::buffer(text));
    normal.at_least(text.size());
    // The second time there have been some before.
    for (char const* const byte : {"!", "?"})
    {
        auto const result = s.start_receive(rx);
        BOOST_TEST((result == pending));
        support::poll(io);
        BOOST_TEST(rx.is_pending());
        p.write("abc");
        support::await(s.native_handle());
        support::poll(io);
        BOOST_TEST(rx.is_pending());
        p.write(byte, MSG_OOB);
        finish(io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(std::string(storage.data(), rx.bytes_transferred()) == byte);
        // The other bytes are all there.
        finish(io, normal, s.start_receive(normal));
        BOOST_TEST(normal.error() == success);
        BOOST_TEST(std::string(text.data(), text.size()) == "abc");
    }
    BOOST_TEST((s.start_receive(rx) == pending));
    support::poll(io);
    rx.cancel();
    support::run(io);
    BOOST_TEST(rx.error() == asio::error::operation_aborted);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(
    a_receive_of_urgent_data_waits_on_a_connected_socket, connection)
{
    support::listener l;
    tcp::socket connected(io);
    connected.connect(l.endpoint());
    support::peer p = l.accept();
    expect_urgent_data(io, connected, p);
}

BOOST_AUTO_TEST_CASE(a_receive_of_urgent_data_waits_on_an_accepted_socket)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    support::counted<tcp::accept_context> accept;
    auto const result = acceptor.start_accept(accept);
    auto p = support::connect_to(acceptor.local_endpoint());
    finish(io, accept, result);
    BOOST_REQUIRE(accept.has_socket());
    tcp::socket accepted = accept.take_socket();
    expect_urgent_data(io, accepted, p);
}

BOOST_FIXTURE_TEST_CASE(every_form_receives_urgent_data, connection)
{
    context rx;
    std::array<char, 2> storage{}, second{};
    rx.buffer(asio::buffer(storage));
    rx.message_flags(urgent);
    socket.async_receive(rx);
    support::poll(io);
    BOOST_TEST(rx.is_pending());
    other.write("!", MSG_OOB);
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(storage[0] == '!');

    int calls = 0;
    socket.async_receive(
        asio::buffer(second), urgent, [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == 1u);
            ++calls;
        });
    support::poll(io);
    BOOST_TEST(calls == 0);
    other.write("?", MSG_OOB);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(second[0] == '?');
}

BOOST_FIXTURE_TEST_CASE(urgent_data_that_are_there_are_received, connection)
{
    context rx;
    std::array<char, 2> storage{};
    rx.buffer(asio::buffer(storage));
    rx.message_flags(urgent);
    other.write("!", MSG_OOB);
    support::await(socket.native_handle(), POLLPRI);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 1u);
    BOOST_TEST(storage[0] == '!');
}

BOOST_FIXTURE_TEST_CASE(
    urgent_and_normal_receives_do_not_wait_for_each_other, connection)
{
    context rx, normal;
    std::array<char, 2> storage{};
    std::array<char, 8> text{};
    rx.buffer(asio::buffer(storage));
    rx.message_flags(urgent);
    normal.buffer(asio::buffer(text));
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_receive(normal) == pending));
    other.write("abc");
    support::run_until(io, [&] { return normal.calls == 1; });
    BOOST_TEST(std::string(text.data(), normal.bytes_transferred()) == "abc");
    BOOST_TEST(rx.is_pending());
    BOOST_TEST((socket.start_receive(normal) == pending));
    other.write("!", MSG_OOB);
    support::run_until(io, [&] { return rx.calls == 1; });
    BOOST_TEST(storage[0] == '!');
    other.write("d");
    support::run(io);
    BOOST_TEST(normal.calls == 2);
    BOOST_TEST(text[0] == 'd');
}

BOOST_AUTO_TEST_CASE(a_reset_ends_what_waits_for_urgent_data)
{
    for (bool const receives : {false, true})
    {
        connection c;
        context rx;
        std::array<char, 2> storage{};
        rx.buffer(asio::buffer(storage));
        rx.message_flags(urgent);
        auto const result =
            receives ? c.socket.start_receive(rx)
                     : c.socket.start_wait(rx, tcp::socket::wait_error);
        BOOST_TEST((result == pending));
        support::poll(c.io);
        c.other.reset();
        finish(c.io, rx, result);
        BOOST_TEST(rx.error().failed() == receives);
        BOOST_TEST(rx.bytes_transferred() == 0u);
    }
}
