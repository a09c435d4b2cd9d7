// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#define BOOST_TEST_MODULE contract_misuse
#include "support/misuse.hpp"

#include <opslot/accept_context.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using opslot::completed;
using opslot::connect_context;
using opslot::error;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::expect_delivered;
using support::expect_thrown;
using support::finish;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;
using accept_context = support::counted<tcp::accept_context>;

error_code const success;
constexpr std::size_t too_large = std::numeric_limits<std::size_t>::max();
constexpr auto wait_read = tcp::socket::wait_read;

// Expects every way to start an operation on a stream context to be refused.
void expect_starts_refused(
    asio::io_context& io, tcp::socket& s, stream_context& c, error expected)
{
    expect_thrown(expected, [&] { (void)s.start_receive(c); });
    expect_thrown(expected, [&] { (void)s.start_send(c); });
    expect_thrown(expected, [&] { (void)s.start_wait(c, wait_read); });
    expect_thrown(expected, [&] { s.async_receive(c); });
    expect_thrown(expected, [&] { s.async_send(c); });
    expect_thrown(expected, [&] { s.async_wait(c, wait_read); });
    expect_delivered(
        io, expected, [&](auto handler) { s.async_receive(c, handler); });
    expect_delivered(
        io, expected, [&](auto handler) { s.async_send(c, handler); });
    expect_delivered(io, expected, [&](auto handler) {
        s.async_wait(c, wait_read, handler);
    });
}

// An object that a context may keep alive, if a pointer owns it.
struct owner : std::enable_shared_from_this<owner>
{
    context rx;
    std::array<char, 8> storage{};

    owner()
    {
        rx.keep_alive(*this);
        rx.buffer(asio::buffer(storage));
    }
};

// Expects every setter to be refused.
void expect_setters_refused(stream_context& c, error expected)
{
    static std::array<char, 4> storage;
    static std::array<asio::mutable_buffer, 2> const list;
    static auto const object = std::make_shared<owner>();
    asio::mutable_buffer const writable = asio::buffer(storage);
    asio::const_buffer const read_only = writable;
    expect_thrown(expected, [&] {
        c.completion_handler([](stream_context&) { BOOST_TEST(false); });
    });
    expect_thrown(expected, [&] { c.buffer(writable); });
    expect_thrown(expected, [&] { c.buffer(read_only); });
    expect_thrown(expected, [&] { c.buffer(writable, 1, 2); });
    expect_thrown(expected, [&] { c.buffer(read_only, 1, 2); });
    expect_thrown(expected, [&] { c.slice(0, 1); });
    expect_thrown(expected, [&] { c.buffer_list(list); });
    expect_thrown(expected, [&] { c.clear_buffers(); });
    expect_thrown(expected, [&] { c.at_least(2); });
    expect_thrown(expected, [&] { c.message_flags(0); });
    expect_thrown(expected, [&] { c.timeout(std::chrono::seconds(1)); });
    expect_thrown(expected, [&] {
        c.expires_at(std::chrono::steady_clock::time_point::min());
    });
    expect_thrown(expected, [&] { c.keep_alive(*object); });
    expect_thrown(expected, [&] { c.keep_alive(nullptr); });
}

// A context that receives into storage of its own.
struct receiver : context
{
    std::array<char, 8> storage{};

    receiver() { buffer(asio::buffer(storage)); }

    std::string_view text() const
    {
        return {storage.data(), bytes_transferred()};
    }
};

// Receives what the peer writes now, to see that a context is as good as new.
void expect_works(connection& c, receiver& rx)
{
    int const before = rx.calls;
    c.other.write("fine");
    c.socket.async_receive(rx);
    support::run_until(c.io, [&] { return rx.calls != before; });
    BOOST_TEST(rx.calls == before + 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.text() == "fine");
}

} // namespace

// Busy

// Model case 4.
BOOST_FIXTURE_TEST_CASE(a_busy_context_cannot_be_started_again, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    expect_starts_refused(io, socket, rx, error::context_busy);
    tcp::socket second(io);
    auto other_second = support::connect_tcp(second);
    expect_starts_refused(io, second, rx, error::context_busy);
    BOOST_TEST(rx.is_pending());
    BOOST_TEST(rx.calls == 0);
    BOOST_TEST((rx.last_operation() == opslot::operation_kind::receive));

    // What is pending was not touched, and ends as if nothing had been.
    other_second.write("no");
    support::poll(io);
    BOOST_TEST(rx.calls == 0);
    other.write("yes");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.text() == "yes");
    expect_works(*this, rx);
}

// Model case 5.
BOOST_FIXTURE_TEST_CASE(a_busy_context_cannot_be_changed, connection)
{
    receiver rx;
    rx.at_least(3);
    BOOST_TEST((socket.start_receive(rx) == pending));
    expect_setters_refused(rx, error::context_busy);
    BOOST_TEST(rx.buffer().data() == rx.storage.data());
    BOOST_TEST(rx.buffer().size() == rx.storage.size());
    BOOST_TEST(rx.at_least() == 3u);
    BOOST_TEST(rx.timeout().count() == 0);
    BOOST_TEST(rx.is_pending());
    other.write("ab");
    support::poll(io);
    BOOST_TEST(rx.calls == 0);
    other.write("c");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.text() == "abc");
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(a_pending_send_is_not_disturbed_by_misuse, connection)
{
    shrink_buffers();
    std::string const data = support::payload(100000);
    std::string const second_data = support::payload(1000, 2);
    context tx;
    tx.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_send(tx) == pending));
    expect_starts_refused(io, socket, tx, error::context_busy);
    expect_setters_refused(tx, error::context_busy);
    std::string arrived;
    support::background reader(
        [&] { arrived = other.read(data.size() + second_data.size()); });
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == data.size());
    tx.buffer(asio::buffer(second_data));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    reader.join();
    BOOST_TEST((arrived == data + second_data));
}

BOOST_FIXTURE_TEST_CASE(a_context_of_a_token_operation_is_busy_too, connection)
{
    receiver rx;
    int calls = 0;
    std::size_t received = 0;
    socket.async_receive(rx, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        received = n;
        ++calls;
    });
    expect_starts_refused(io, socket, rx, error::context_busy);
    expect_setters_refused(rx, error::context_busy);
    BOOST_TEST(rx.is_pending());
    BOOST_TEST(calls == 0);
    other.write("yes");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(received == 3u);
    BOOST_TEST(rx.calls == 0);
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(
    a_context_is_busy_until_its_handler_is_called, connection)
{
    // The bytes are there when the operation starts; what is missing is the
    // call of the handler.
    receiver rx;
    other.write("yes");
    support::await(socket.native_handle());
    socket.async_receive(rx);
    expect_thrown(error::context_busy, [&] { (void)socket.start_receive(rx); });
    expect_thrown(error::context_busy, [&] { rx.clear_buffers(); });
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.text() == "yes");
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(a_waiting_context_is_busy, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_wait(rx, wait_read) == pending));
    expect_starts_refused(io, socket, rx, error::context_busy);
    expect_setters_refused(rx, error::context_busy);
    other.write("x");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST((rx.last_operation() == opslot::operation_kind::wait));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.text() == "x");
}

BOOST_FIXTURE_TEST_CASE(misuse_in_a_handler_is_reported_there, connection)
{
    receiver first, second;
    int calls = 0;
    first.completion_handler([&](stream_context&) {
        ++calls;
        // This one is idle again, the other one is not.
        expect_thrown(
            error::context_busy, [&] { (void)socket.start_receive(second); });
        expect_thrown(error::context_busy, [&] { second.at_least(2); });
        socket.async_receive(second, [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == make_error_code(error::context_busy));
            BOOST_TEST(n == 0u);
            ++calls;
        });
        BOOST_TEST(calls == 1);
    });
    BOOST_TEST((socket.start_receive(first) == pending));
    BOOST_TEST((socket.start_receive(second) == pending));
    other.write("x");
    support::run_until(io, [&] { return calls == 2; });
    BOOST_TEST(second.is_pending());
    other.write("y");
    support::run(io);
    BOOST_TEST(second.calls == 1);
    BOOST_TEST(second.text() == "y");
    expect_works(*this, second);
}

BOOST_FIXTURE_TEST_CASE(
    the_exception_of_misuse_leaves_run_and_harms_nothing, connection)
{
    receiver first, second;
    first.completion_handler(
        [&](stream_context&) { (void)socket.start_receive(second); });
    BOOST_TEST((socket.start_receive(first) == pending));
    BOOST_TEST((socket.start_receive(second) == pending));
    other.write("x");
    expect_thrown(error::context_busy, [&] { io.run_for(support::patience); });
    BOOST_TEST(!first.is_pending());
    BOOST_TEST(second.is_pending());
    other.write("y");
    support::run(io);
    BOOST_TEST(second.calls == 1);
    BOOST_TEST(second.text() == "y");
    expect_works(*this, second);
}

// Model case 4.
BOOST_AUTO_TEST_CASE(a_busy_accept_context_is_not_touched)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    accept_context a;
    BOOST_TEST((acceptor.start_accept(a) == pending));
    auto const expected = error::context_busy;
    expect_thrown(expected, [&] { (void)acceptor.start_accept(a); });
    expect_thrown(expected, [&] { acceptor.async_accept(a); });
    expect_thrown(expected, [&] { (void)acceptor.start_wait(a, wait_read); });
    expect_thrown(expected, [&] { (void)a.take_socket(); });
    expect_thrown(expected, [&] {
        a.completion_handler([](tcp::accept_context&) { BOOST_TEST(false); });
    });
    expect_delivered(
        io, expected, [&](auto handler) { acceptor.async_accept(a, handler); });
    BOOST_TEST(!a.has_socket());
    BOOST_TEST(a.calls == 0);
    for (int i = 1; i != 3; ++i)
    {
        auto client = support::connect_to(acceptor.local_endpoint());
        support::run_until(io, [&] { return a.calls == i; });
        BOOST_TEST(a.error() == success);
        BOOST_TEST(a.has_socket());
        tcp::socket accepted = a.take_socket();
        BOOST_TEST(!a.has_socket());
        accepted.write_some(asio::buffer("ok", 2));
        BOOST_TEST(client.read(2) == "ok");
        BOOST_TEST(a.calls == i);
        if (i == 1)
        {
            // Nothing there to be taken twice.
            BOOST_CHECK_EXCEPTION(
                (void)a.take_socket(), system_error, [](auto const& e) {
                    return e.code() == asio::error::bad_descriptor;
                });
            acceptor.async_accept(a);
        }
    }
}

// Model case 4.
BOOST_AUTO_TEST_CASE(a_busy_connect_context_is_not_touched)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::socket socket(io), second(io);
    support::listener l, unused;
    support::counted<connect_context> c;
    c.endpoint(l.endpoint());
    socket.async_connect(c);
    auto const expected = error::context_busy;
    expect_thrown(expected, [&] { (void)second.start_connect(c); });
    expect_thrown(expected, [&] { second.async_connect(c); });
    expect_thrown(expected, [&] { c.endpoint(unused.endpoint()); });
    expect_thrown(expected, [&] {
        c.completion_handler([](connect_context&) { BOOST_TEST(false); });
    });
    int refused = 0;
    second.async_connect(c, [&](error_code ec) {
        BOOST_TEST(ec == make_error_code(expected));
        ++refused;
    });
    BOOST_TEST(refused == 0);
    BOOST_TEST(!second.is_open());
    support::run(io);
    BOOST_TEST(refused == 1);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(socket.remote_endpoint() == l.endpoint());
    BOOST_TEST(!second.is_open());
    c.endpoint(unused.endpoint());
    second.async_connect(c);
    support::run(io);
    BOOST_TEST(c.calls == 2);
    BOOST_TEST(second.remote_endpoint() == unused.endpoint());
}

// Disposed

// Model case 7.
BOOST_FIXTURE_TEST_CASE(a_disposed_context_is_of_no_more_use, connection)
{
    receiver rx;
    rx.dispose();
    BOOST_TEST(rx.is_disposed());
    other.write("x");
    support::await(socket.native_handle());
    expect_starts_refused(io, socket, rx, error::context_disposed);
    expect_setters_refused(rx, error::context_disposed);
    BOOST_TEST(rx.calls == 0);
    BOOST_TEST(!rx.is_pending());
    // The bytes are there for another context.
    receiver good;
    finish(io, good, socket.start_receive(good));
    BOOST_TEST(good.text() == "x");
}

// Model case 6.
BOOST_FIXTURE_TEST_CASE(
    a_context_disposed_while_pending_completes_and_cannot_go_on, connection)
{
    receiver rx;
    int calls = 0;
    rx.completion_handler([&](stream_context& c) {
        ++calls;
        BOOST_TEST(c.is_disposed());
        expect_thrown(
            error::context_disposed, [&] { (void)socket.start_receive(rx); });
        expect_thrown(error::context_disposed, [&] { rx.timeout({}); });
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    rx.dispose();
    BOOST_TEST(!rx.is_disposed());
    expect_starts_refused(io, socket, rx, error::context_disposed);
    expect_setters_refused(rx, error::context_disposed);
    BOOST_TEST(rx.is_pending());
    other.write("last");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.text() == "last");
}

BOOST_AUTO_TEST_CASE(disposed_contexts_neither_accept_nor_connect)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto client = support::connect_to(acceptor.local_endpoint());
    auto const expected = error::context_disposed;
    accept_context a;
    a.dispose();
    expect_thrown(expected, [&] { (void)acceptor.start_accept(a); });
    expect_thrown(expected, [&] { acceptor.async_accept(a); });
    expect_delivered(
        io, expected, [&](auto handler) { acceptor.async_accept(a, handler); });
    tcp::socket socket(io);
    connect_context c;
    c.endpoint(acceptor.local_endpoint());
    c.dispose();
    expect_thrown(expected, [&] { (void)socket.start_connect(c); });
    expect_thrown(expected, [&] { socket.async_connect(c); });
    expect_thrown(expected, [&] { c.endpoint(acceptor.local_endpoint()); });
    expect_delivered(
        io, expected, [&](auto handler) { socket.async_connect(c, handler); });
    BOOST_TEST(!socket.is_open());
    accept_context good;
    finish(io, good, acceptor.start_accept(good));
    BOOST_TEST(good.error() == success);
    BOOST_TEST(good.has_socket());
}

// Buffers

BOOST_FIXTURE_TEST_CASE(a_transfer_without_a_buffer_is_refused, connection)
{
    receiver rx;
    rx.clear_buffers();
    other.write("x");
    support::await(socket.native_handle());
    auto const expected = error::no_buffer;
    expect_thrown(expected, [&] { (void)socket.start_receive(rx); });
    expect_thrown(expected, [&] { (void)socket.start_send(rx); });
    expect_thrown(expected, [&] { socket.async_receive(rx); });
    expect_thrown(expected, [&] { socket.async_send(rx); });
    expect_thrown(expected, [&] { rx.slice(0, 0); });
    expect_delivered(
        io, expected, [&](auto handler) { socket.async_receive(rx, handler); });
    expect_delivered(
        io, expected, [&](auto handler) { socket.async_send(rx, handler); });
    BOOST_TEST((rx.last_operation() == opslot::operation_kind::none));
    BOOST_TEST(rx.calls == 0);
    // A wait needs none.
    finish(io, rx, socket.start_wait(rx, wait_read));
    BOOST_TEST(rx.error() == success);
    rx.buffer(asio::buffer(rx.storage));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.text() == "x");
}

BOOST_FIXTURE_TEST_CASE(
    a_receive_into_memory_that_is_only_read_is_refused, connection)
{
    receiver rx;
    std::string const text = "constant";
    asio::const_buffer const b = asio::buffer(text);
    std::array<asio::const_buffer, 2> const list{b, b};
    auto const expected = error::no_buffer;
    other.write("x");
    support::await(socket.native_handle());
    auto const expect_refused = [&] {
        expect_thrown(expected, [&] { (void)socket.start_receive(rx); });
        expect_thrown(expected, [&] { socket.async_receive(rx); });
        expect_delivered(io, expected, [&](auto handler) {
            socket.async_receive(rx, handler);
        });
    };
    rx.buffer(b);
    expect_refused();
    rx.buffer(b, 1, 2);
    expect_refused();
    rx.slice(0, 8);
    expect_refused();
    finish(io, rx, socket.start_send(rx));
    BOOST_TEST(rx.bytes_transferred() == 8u);
    rx.clear_buffers();
    rx.buffer_list(list);
    expect_refused();
    finish(io, rx, socket.start_send(rx));
    BOOST_TEST(rx.bytes_transferred() == 16u);
    BOOST_TEST(text == "constant");
    BOOST_TEST(other.read(24) == text + text + text);
    rx.clear_buffers();
    rx.buffer(asio::buffer(rx.storage));
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.text() == "x");
}

// Model case 12.
BOOST_FIXTURE_TEST_CASE(a_buffer_and_a_list_exclude_each_other, connection)
{
    receiver rx;
    std::array<char, 2> a{}, b{};
    std::array<asio::mutable_buffer, 2> const list{
        asio::buffer(a), asio::buffer(b)};
    std::array<asio::const_buffer, 2> const const_list{
        asio::buffer(a), asio::buffer(b)};
    auto const expected = error::buffer_and_list;
    expect_thrown(expected, [&] { rx.buffer_list(list); });
    expect_thrown(expected, [&] { rx.buffer_list(const_list); });
    BOOST_TEST(rx.buffer().data() == rx.storage.data());
    expect_works(*this, rx);

    rx.clear_buffers();
    rx.buffer_list(list);
    asio::mutable_buffer const one = asio::buffer(rx.storage);
    expect_thrown(expected, [&] { rx.buffer(one); });
    expect_thrown(expected, [&] { rx.buffer(asio::const_buffer(one)); });
    expect_thrown(expected, [&] { rx.buffer(one, 0, 1); });
    expect_thrown(expected, [&] { rx.buffer(asio::const_buffer(one), 0, 1); });
    // A list has no parts to choose from.
    expect_thrown(error::no_buffer, [&] { rx.slice(0, 1); });
    other.write("wxyz");
    support::await(socket.native_handle());
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.bytes_transferred() == 4u);
    BOOST_TEST(std::string(b.data(), 2) == "yz");
}

// Model case 8.
BOOST_FIXTURE_TEST_CASE(a_part_must_lie_within_its_buffer, connection)
{
    receiver rx;
    std::string storage(10, '.');
    asio::mutable_buffer const whole = asio::buffer(storage);
    asio::const_buffer const read_only = whole;
    rx.buffer(whole, 2, 3);

    struct part
    {
        std::size_t offset;
        std::size_t count;
    };

    for (part const p :
         {part{11, 0},
          part{0, 11},
          part{10, 1},
          part{9, 2},
          part{too_large, 0},
          part{0, too_large},
          part{1, too_large},
          part{too_large, 2},
          part{too_large, too_large}})
    {
        BOOST_TEST_CONTEXT(p.offset << ", " << p.count)
        {
            auto const expected = error::out_of_range;
            expect_thrown(
                expected, [&] { rx.buffer(whole, p.offset, p.count); });
            expect_thrown(
                expected, [&] { rx.buffer(read_only, p.offset, p.count); });
            expect_thrown(expected, [&] { rx.slice(p.offset, p.count); });
        }
    }
    // The part that was chosen before is still the one, and so is the whole.
    BOOST_TEST(rx.offset() == 2u);
    BOOST_TEST(rx.buffer().size() == 3u);
    other.write("abcd");
    support::await(socket.native_handle());
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(storage == "..abc.....");
    rx.slice(9, 1);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(storage == "..abc....d");
    // At its very end a part may be empty.
    rx.slice(10, 0);
    BOOST_TEST(rx.buffer().size() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_receive_asks_for_at_least_one_byte, connection)
{
    receiver rx;
    rx.at_least(4);
    expect_thrown(error::out_of_range, [&] { rx.at_least(0); });
    BOOST_TEST(rx.at_least() == 4u);
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("abc");
    support::poll(io);
    BOOST_TEST(rx.calls == 0);
    other.write("d");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.text() == "abcd");
}

// Owners and endpoints

BOOST_FIXTURE_TEST_CASE(
    an_object_that_no_pointer_owns_is_not_kept_alive, connection)
{
    owner on_the_stack;
    context& rx = on_the_stack.rx;
    other.write("x");
    support::await(socket.native_handle());
    expect_starts_refused(io, socket, rx, error::not_owned);
    BOOST_TEST(!rx.is_pending());
    rx.keep_alive(nullptr);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(on_the_stack.storage[0] == 'x');

    // Named by its constructor before any pointer owned it, which is fine.
    auto const owned = std::make_shared<owner>();
    BOOST_TEST((socket.start_receive(owned->rx) == pending));
    BOOST_TEST(owned.use_count() == 2);
    other.write("y");
    support::run(io);
    BOOST_TEST(owned->rx.calls == 1);
    BOOST_TEST(owned->storage[0] == 'y');
    BOOST_TEST(owned.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(accepts_and_connects_need_the_owner_too)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket socket(io);
    owner on_the_stack;
    auto const expected = error::not_owned;
    accept_context a;
    a.keep_alive(on_the_stack);
    expect_thrown(expected, [&] { (void)acceptor.start_accept(a); });
    expect_thrown(expected, [&] { acceptor.async_accept(a); });
    expect_delivered(
        io, expected, [&](auto handler) { acceptor.async_accept(a, handler); });
    support::counted<connect_context> c;
    c.endpoint(acceptor.local_endpoint());
    c.keep_alive(on_the_stack);
    expect_thrown(expected, [&] { (void)socket.start_connect(c); });
    expect_thrown(expected, [&] { socket.async_connect(c); });
    expect_delivered(
        io, expected, [&](auto handler) { socket.async_connect(c, handler); });
    BOOST_TEST(!socket.is_open());
    c.keep_alive(nullptr);
    a.keep_alive(nullptr);
    socket.async_connect(c);
    acceptor.async_accept(a);
    support::run(io);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(a.error() == success);
}

BOOST_AUTO_TEST_CASE(a_connect_needs_an_endpoint)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::socket socket(io);
    support::listener l;
    support::counted<connect_context> c;
    auto const expected = error::no_endpoint;
    expect_thrown(expected, [&] { (void)socket.start_connect(c); });
    expect_thrown(expected, [&] { socket.async_connect(c); });
    expect_delivered(
        io, expected, [&](auto handler) { socket.async_connect(c, handler); });
    // Not even the socket was opened.
    BOOST_TEST(!socket.is_open());
    BOOST_TEST((c.last_operation() == opslot::operation_kind::none));
    BOOST_TEST(c.calls == 0);
    c.endpoint(l.endpoint());
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(socket.remote_endpoint() == l.endpoint());
}

// What a rejected call leaves as it was

BOOST_FIXTURE_TEST_CASE(a_rejected_start_leaves_the_last_result, connection)
{
    receiver rx;
    other.write("abc");
    finish(io, rx, socket.start_receive(rx));
    rx.clear_buffers();
    auto const expect_unchanged = [&] {
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 3u);
        BOOST_TEST((rx.last_operation() == opslot::operation_kind::receive));
    };
    expect_thrown(error::no_buffer, [&] { (void)socket.start_send(rx); });
    expect_unchanged();
    expect_thrown(error::no_buffer, [&] { socket.async_send(rx); });
    expect_unchanged();
    expect_delivered(io, error::no_buffer, [&](auto handler) {
        socket.async_send(rx, handler);
    });
    expect_unchanged();
    rx.dispose();
    expect_starts_refused(io, socket, rx, error::context_disposed);
    expect_unchanged();
}

BOOST_FIXTURE_TEST_CASE(
    a_rejected_start_does_not_use_up_the_expiry_time, connection)
{
    receiver rx;
    rx.clear_buffers();
    rx.expires_at(std::chrono::steady_clock::now());
    expect_thrown(error::no_buffer, [&] { (void)socket.start_receive(rx); });
    expect_thrown(error::no_buffer, [&] { socket.async_receive(rx); });
    expect_delivered(io, error::no_buffer, [&](auto handler) {
        socket.async_receive(rx, handler);
    });
    rx.buffer(asio::buffer(rx.storage));
    BOOST_TEST((socket.start_receive(rx) == pending));
    support::run(io);
    BOOST_TEST(rx.error() == make_error_code(error::timeout));
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(a_rejected_setter_keeps_the_stored_handler, connection)
{
    struct throws_when_copied
    {
        throws_when_copied() = default;

        throws_when_copied(throws_when_copied const&)
        {
            throw std::runtime_error("copied");
        }

        void operator()(stream_context&) const { BOOST_TEST(false); }
    };

    struct large_one : throws_when_copied
    {
        std::array<char, 256> more{};
    };

    receiver rx;
    throws_when_copied const handler;
    large_one const large;
    BOOST_CHECK_THROW(rx.completion_handler(handler), std::runtime_error);
    expect_works(*this, rx);
    BOOST_CHECK_THROW(rx.completion_handler(large), std::runtime_error);
    expect_works(*this, rx);
    BOOST_TEST(rx.calls == 2);
}

BOOST_FIXTURE_TEST_CASE(rejected_calls_are_not_counted_as_started, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    auto const before = opslot::diagnostics(io);
    expect_starts_refused(io, socket, rx, error::context_busy);
    auto const after = opslot::diagnostics(io);
    BOOST_TEST(after.started == before.started);
    BOOST_TEST(after.completed_synchronously == before.completed_synchronously);
    BOOST_TEST(after.pending == 1u);
    other.write("x");
    support::run(io);
    BOOST_TEST(opslot::diagnostics(io).pending == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_rejected_start_takes_no_reference, connection)
{
    auto const shared = std::make_shared<owner>();
    auto const counted = opslot::make_context<context>();
    shared->rx.clear_buffers();
    for (stream_context* c :
         {static_cast<stream_context*>(&shared->rx),
          static_cast<stream_context*>(counted.get())})
    {
        expect_thrown(
            error::no_buffer, [&] { (void)socket.start_receive(*c); });
        expect_thrown(error::no_buffer, [&] { socket.async_receive(*c); });
        expect_delivered(io, error::no_buffer, [&](auto handler) {
            socket.async_receive(*c, handler);
        });
    }
    BOOST_TEST(shared.use_count() == 1);
    // Nothing is left that would keep the context from its work.
    support::run(io);
}

BOOST_AUTO_TEST_CASE(misuse_comes_before_what_is_wrong_with_the_socket)
{
    asio::io_context io;
    tcp::socket closed(io);
    receiver rx;
    rx.clear_buffers();
    expect_thrown(error::no_buffer, [&] { (void)closed.start_receive(rx); });
    expect_delivered(io, error::no_buffer, [&](auto handler) {
        closed.async_send(rx, handler);
    });
    rx.buffer(asio::buffer(rx.storage));
    finish(io, rx, closed.start_receive(rx));
    BOOST_TEST(rx.error() == asio::error::bad_descriptor);
}

BOOST_FIXTURE_TEST_CASE(
    misuse_is_delivered_on_the_executor_of_the_handler, connection)
{
    auto const strand = asio::make_strand(io);
    receiver rx;
    rx.clear_buffers();
    int calls = 0;
    socket.async_receive(
        rx, asio::bind_executor(strand, [&](error_code ec, std::size_t) {
            BOOST_TEST(ec == make_error_code(error::no_buffer));
            BOOST_TEST(strand.running_in_this_thread());
            ++calls;
        }));
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
}

// The engine's options

BOOST_AUTO_TEST_CASE(options_cannot_be_changed_at_work)
{
    asio::io_context io;
    opslot::reactor_options options;
    options.handlers_per_turn = 0;
    expect_thrown(error::out_of_range, [&] { opslot::configure(io, options); });
    options.handlers_per_turn = 7;
    opslot::configure(io, options);
    tcp::socket socket(io);
    opslot::configure(io, options);
#if !defined(OPSLOT_ENGINE_PORTABLE)
    // The other engine has nothing to configure, and only checks values.
    options.handlers_per_turn = 8;
    expect_thrown(
        error::already_configured, [&] { opslot::configure(io, options); });
    options.handlers_per_turn = 7;
    options.single_threaded = true;
    expect_thrown(
        error::already_configured, [&] { opslot::configure(io, options); });
#endif

    auto other = support::connect_tcp(socket);
    receiver rx;
    other.write("x");
    socket.async_receive(rx);
    support::run(io);
    BOOST_TEST(rx.text() == "x");
}
