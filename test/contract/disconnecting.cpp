// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A connection ends behind what is queued to be sent, and its socket may be
// connected again. Numbers are those of the cases of the model.

#define BOOST_TEST_MODULE contract_disconnecting
#include <opslot/connect_context.hpp>
#include <opslot/error.hpp>
#include <opslot/local.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "contract/receiver.hpp"
#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using contract::receiver;
using opslot::completed;
using opslot::error;
using opslot::pending;
using opslot::socket_reuse;
using opslot::stream_context;
using support::connection;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

// A socket that has something queued to be sent.
struct sending : connection
{
    std::string const data = payload(4 << 20);
    context tx;
    context end;

    sending()
    {
        shrink_buffers();
        tx.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(tx) == pending));
    }
};

// An option of TCP that Asio has no name for.
struct tcp_option
{
    int option;
    int value;

    template<typename Protocol>
    int level(Protocol const&) const
    {
        return IPPROTO_TCP;
    }

    template<typename Protocol>
    int name(Protocol const&) const
    {
        return option;
    }

    template<typename Protocol>
    int const* data(Protocol const&) const
    {
        return &value;
    }

    template<typename Protocol>
    int* data(Protocol const&)
    {
        return &value;
    }

    template<typename Protocol>
    std::size_t size(Protocol const&) const
    {
        return sizeof(value);
    }

    template<typename Protocol>
    void resize(Protocol const&, std::size_t)
    {}
};

// Expects a connected socket to work in both directions.
template<typename Socket>
void expect_works(asio::io_context& io, Socket& socket, support::peer& other)
{
    receiver rx;
    context tx;
    std::string_view const text = "hello";
    tx.buffer(asio::buffer(text));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(other.read(5) == "hello");
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    other.write("!");
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.storage[0] == '!');
}

// Connects a socket again, and expects it to work.
void expect_reusable(asio::io_context& io, tcp::socket& socket)
{
    error_code ec;
    BOOST_TEST(socket.is_open());
    socket.remote_endpoint(ec);
    BOOST_TEST(ec == asio::error::not_connected);
    support::listener l;
    support::counted<opslot::connect_context> connect;
    connect.endpoint(l.endpoint());
    finish(io, connect, socket.start_connect(connect));
    BOOST_TEST(connect.error() == success);
    support::peer other = l.accept();
    expect_works(io, socket, other);
}

} // namespace

// At once

// Model case 90.
BOOST_FIXTURE_TEST_CASE(a_disconnect_ends_both_directions, connection)
{
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    context end;
    BOOST_TEST((socket.start_disconnect(end) == completed));
    BOOST_TEST(end.error() == success);
    BOOST_TEST((end.last_operation() == opslot::operation_kind::disconnect));
    BOOST_TEST(other.read_all() == "");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == asio::error::eof);
    context tx;
    tx.buffer(asio::buffer(std::string_view("x")));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == asio::error::broken_pipe);
    BOOST_TEST(socket.is_open());
}

// Model case 90.
BOOST_FIXTURE_TEST_CASE(without_reuse_a_later_connect_fails, connection)
{
    socket.disconnect();
    support::listener l;
    error_code ec;
    socket.connect(l.endpoint(), ec);
    BOOST_TEST(ec == asio::error::already_connected);
    support::counted<opslot::connect_context> connect;
    connect.endpoint(l.endpoint());
    finish(io, connect, socket.start_connect(connect));
    BOOST_TEST(connect.error() == asio::error::already_connected);
}

// Model case 90.
BOOST_FIXTURE_TEST_CASE(with_reuse_it_connects_again, connection)
{
    expect_works(io, socket, other);
    context end;
    for (int i = 0; i != 3; ++i)
    {
        BOOST_TEST(
            (socket.start_disconnect(end, socket_reuse::yes) == completed));
        BOOST_TEST(end.error() == success);
        BOOST_TEST(end.calls == 0);
        if (i == 0)
        {
            BOOST_TEST(other.read_all() == "");
        }
        expect_reusable(io, socket);
    }
    socket.disconnect(socket_reuse::yes);
    expect_reusable(io, socket);
}

BOOST_FIXTURE_TEST_CASE(
    local_sockets_disconnect_too, contract::local_connection)
{
    context end;
    BOOST_TEST((socket.start_disconnect(end, socket_reuse::yes) == completed));
    BOOST_TEST(end.error() == success);
    BOOST_TEST(other.read_all() == "");
    BOOST_TEST((socket.start_disconnect(end) == completed));
    BOOST_TEST(end.error() == asio::error::not_connected);
    socket.close();
    other = support::connect_local(socket);
    expect_works(io, socket, other);
}

// Model case 91.
BOOST_AUTO_TEST_CASE(a_socket_that_is_not_connected_reports_it)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    context end;
    for (auto const reuse : {socket_reuse::no, socket_reuse::yes})
    {
        tcp::socket socket(io);
        error_code ec;
        BOOST_TEST((socket.start_disconnect(end, reuse) == completed));
        BOOST_TEST(end.error() == asio::error::bad_descriptor);
        BOOST_TEST(socket.disconnect(reuse, ec) == end.error());
        socket.open(tcp::v4());
        BOOST_TEST((socket.start_disconnect(end, reuse) == completed));
        BOOST_TEST(end.error() == asio::error::not_connected);
        BOOST_TEST(socket.disconnect(reuse, ec) == end.error());
        BOOST_CHECK_EXCEPTION(
            socket.disconnect(reuse), system_error, [](auto const& e) {
                return e.code() == asio::error::not_connected;
            });
        // It was left as it is.
        expect_reusable(io, socket);
    }
}

// A context that is disposed, or busy, is misuse.
// Model case 91.
BOOST_FIXTURE_TEST_CASE(misuse_of_a_context_changes_nothing, sending)
{
    auto const expect_misuse = [&](opslot::operation_context& c, error e) {
        auto const is_it = [=](system_error const& thrown) {
            return thrown.code() == make_error_code(e);
        };
        BOOST_CHECK_EXCEPTION(
            (void)socket.start_disconnect(c), system_error, is_it);
        BOOST_CHECK_EXCEPTION(socket.async_disconnect(c), system_error, is_it);
        int calls = 0;
        socket.async_disconnect(c, socket_reuse::yes, [&](error_code ec) {
            BOOST_TEST((ec == e));
            ++calls;
        });
        BOOST_TEST(calls == 0);
        support::run_until(io, [&] { return calls == 1; });
    };
    expect_misuse(tx, error::context_busy);
    end.dispose();
    expect_misuse(end, error::context_disposed);
    support::background reader([&] { other.discard(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    expect_works(io, socket, other);
}

// Behind what is sent

BOOST_FIXTURE_TEST_CASE(a_disconnect_waits_for_what_is_queued, sending)
{
    for (auto const reuse : {socket_reuse::yes, socket_reuse::no})
    {
        int const calls = end.calls;
        BOOST_TEST((socket.start_disconnect(end, reuse) == pending));
        std::string arrived;
        support::background reader([&] { arrived = other.read_all(); });
        support::run(io);
        BOOST_TEST(tx.error() == success);
        BOOST_TEST(end.calls == calls + 1);
        BOOST_TEST(end.error() == success);
        reader.join();
        BOOST_TEST((arrived == data));
        if (reuse == socket_reuse::yes)
        {
            expect_reusable(io, socket);
            socket.close();
            other = support::connect_tcp(socket);
            shrink_buffers();
            BOOST_TEST((socket.start_send(tx) == pending));
        }
    }
}

BOOST_FIXTURE_TEST_CASE(the_synchronous_form_does_not_wait, sending)
{
    error_code ec;
    BOOST_TEST(
        socket.disconnect(socket_reuse::yes, ec) == asio::error::would_block);
    BOOST_TEST(tx.is_pending());
    support::background reader([&] { other.discard(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(socket.disconnect(socket_reuse::yes, ec) == success);
    expect_reusable(io, socket);
}

BOOST_FIXTURE_TEST_CASE(the_other_forms_call_their_handlers, connection)
{
    context end;
    socket.async_disconnect(end, socket_reuse::yes);
    BOOST_TEST(end.calls == 0);
    support::run(io);
    BOOST_TEST(end.calls == 1);
    BOOST_TEST(end.error() == success);
    support::listener l;
    socket.connect(l.endpoint());
    other = l.accept();
    int calls = 0;
    socket.async_disconnect(end, socket_reuse::no, [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(end.calls == 1);
    BOOST_TEST(other.read_all() == "");
}

BOOST_FIXTURE_TEST_CASE(with_reuse_all_that_is_pending_ends, sending)
{
    receiver rx;
    context wait;
    context behind;
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_wait(wait, tcp::socket::wait_error) == pending));
    BOOST_TEST((socket.start_disconnect(end, socket_reuse::yes) == pending));
    behind.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_send(behind) == pending));
    std::string arrived;
    support::background reader([&] { arrived = other.read_all(); });
    support::run(io);
    reader.join();
    BOOST_TEST((arrived == data));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(end.error() == success);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == aborted);
    BOOST_TEST(wait.calls == 1);
    BOOST_TEST(wait.error() == aborted);
    BOOST_TEST(behind.calls == 1);
    BOOST_TEST(behind.error() == aborted);
    BOOST_TEST(behind.bytes_transferred() == 0u);
    expect_reusable(io, socket);
}

// Ending early

BOOST_FIXTURE_TEST_CASE(a_queued_disconnect_can_be_cancelled, sending)
{
    BOOST_TEST((socket.start_disconnect(end) == pending));
    BOOST_TEST(end.cancel());
    asio::cancellation_signal signal;
    error_code reported;
    support::poll(io);
    BOOST_TEST(end.calls == 1);
    BOOST_TEST(end.error() == aborted);
    socket.async_disconnect(
        end,
        socket_reuse::yes,
        asio::bind_cancellation_slot(
            signal.slot(), [&](error_code ec) { reported = ec; }));
    signal.emit(asio::cancellation_type::total);
    support::poll(io);
    BOOST_TEST(reported == aborted);
    end.timeout(std::chrono::milliseconds(20));
    BOOST_TEST((socket.start_disconnect(end) == pending));
    support::run_until(io, [&] { return end.calls == 2; });
    BOOST_TEST((end.error() == error::timeout));
    {
        context withdrawn;
        BOOST_TEST((socket.start_disconnect(withdrawn) == pending));
    }
    // The connection is still there.
    support::background reader([&] { other.discard(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(tx.error() == success);
    expect_works(io, socket, other);
}

// The peer of a local socket that reads nothing takes nothing more, either.
BOOST_FIXTURE_TEST_CASE(
    a_disconnect_does_not_wait_for_cancelled_sends, contract::local_connection)
{
    std::string const data = payload(4 << 20);
    context tx;
    context end;
    tx.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_send(tx) == pending));
    support::poll(io);
    BOOST_TEST((socket.start_disconnect(end, socket_reuse::yes) == pending));
    BOOST_TEST(tx.cancel());
    support::run(io);
    BOOST_TEST(tx.error() == aborted);
    BOOST_TEST(end.calls == 1);
    BOOST_TEST(end.error() == success);
}

BOOST_FIXTURE_TEST_CASE(nor_for_withdrawn_ones, contract::local_connection)
{
    std::string const data = payload(4 << 20);
    std::optional<context> tx(std::in_place);
    context end;
    tx->buffer(asio::buffer(data));
    BOOST_TEST((socket.start_send(*tx) == pending));
    support::poll(io);
    BOOST_TEST((socket.start_disconnect(end, socket_reuse::yes) == pending));
    tx.reset();
    support::run(io);
    BOOST_TEST(end.calls == 1);
    BOOST_TEST(end.error() == success);
}

BOOST_FIXTURE_TEST_CASE(a_fresh_socket_knows_of_no_broken_stream, connection)
{
    shrink_buffers();
    std::string const data = payload(4 << 20);
    {
        context tx;
        tx.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(tx) == pending));
    }
    context end;
    finish(io, end, socket.start_disconnect(end, socket_reuse::yes));
    BOOST_TEST(end.error() == success);
    expect_reusable(io, socket);
}

BOOST_FIXTURE_TEST_CASE(closing_ends_a_queued_disconnect, sending)
{
    BOOST_TEST((socket.start_disconnect(end) == pending));
    socket.close();
    support::run(io);
    BOOST_TEST(end.calls == 1);
    BOOST_TEST(end.error() == aborted);
    BOOST_TEST(tx.error() == aborted);
}

BOOST_FIXTURE_TEST_CASE(a_pending_disconnect_keeps_its_owner, sending)
{
    struct owner : std::enable_shared_from_this<owner>
    {
        context end;
    };

    auto object = std::make_shared<owner>();
    std::weak_ptr<owner> const watch = object;
    object->end.keep_alive(*object);
    BOOST_TEST((socket.start_disconnect(object->end) == pending));
    object.reset();
    BOOST_TEST(!watch.expired());
    support::background const reader([&] { other.discard(data.size()); });
    support::run(io);
    BOOST_TEST(watch.expired());
}

// What a fresh socket has

BOOST_FIXTURE_TEST_CASE(options_that_were_set_are_set_again, connection)
{
    socket.set_option(tcp::no_delay(false));
    socket.set_option(tcp::no_delay(true));
    socket.set_option(asio::socket_base::keep_alive(true));
    socket.set_option(asio::socket_base::linger(true, 3));
    socket.set_option(asio::socket_base::send_buffer_size(50000));
    for (int i = 0; i != 2; ++i)
    {
        socket.disconnect(socket_reuse::yes);
        tcp::no_delay no_delay;
        asio::socket_base::keep_alive keep_alive;
        asio::socket_base::linger linger;
        asio::socket_base::send_buffer_size size;
        asio::socket_base::reuse_address never_set;
        socket.get_option(no_delay);
        socket.get_option(keep_alive);
        socket.get_option(linger);
        socket.get_option(size);
        socket.get_option(never_set);
        BOOST_TEST(no_delay.value());
        BOOST_TEST(keep_alive.value());
        BOOST_TEST(linger.enabled());
        BOOST_TEST(linger.timeout() == 3);
#if !defined(OPSLOT_ENGINE_PORTABLE)
        BOOST_TEST(size.value() == 50000);
#endif
        BOOST_TEST(!never_set.value());
        expect_reusable(io, socket);
    }
    // Another socket that takes the place of this one has none of them.
    socket.close();
    socket.open(tcp::v4());
    tcp::no_delay no_delay;
    socket.get_option(no_delay);
    BOOST_TEST(!no_delay.value());
}

BOOST_FIXTURE_TEST_CASE(any_number_of_options_is_set_again, connection)
{
    // More than the first block of memory for them holds.
    std::array<int, 6> const names{
        TCP_KEEPIDLE,
        TCP_KEEPINTVL,
        TCP_KEEPCNT,
        TCP_SYNCNT,
        TCP_LINGER2,
        TCP_USER_TIMEOUT};
    for (int const value : {20, 30})
    {
        for (int const name : names)
        {
            socket.set_option(tcp_option{name, value});
        }
    }
    socket.disconnect(socket_reuse::yes);
    for (int const name : names)
    {
        tcp_option option{name, 0};
        socket.get_option(option);
        BOOST_TEST(option.value == 30);
    }
    expect_reusable(io, socket);
}

BOOST_FIXTURE_TEST_CASE(a_socket_of_version_6_stays_one, connection)
{
    tcp::socket six(io);
    support::peer peer;
    try
    {
        peer = support::connect_tcp(six, AF_INET6);
    }
    catch (system_error const&)
    {
        BOOST_TEST_MESSAGE("skipped: no IPv6 on the loopback");
        return;
    }
    six.disconnect(socket_reuse::yes);
    support::listener l(AF_INET6);
    six.connect(l.endpoint());
    peer = l.accept();
    expect_works(io, six, peer);
}

BOOST_FIXTURE_TEST_CASE(an_event_of_the_old_connection_is_ignored, connection)
{
    // The old one is registered, lives on in a duplicate, and its peer's end
    // comes late.
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    support::peer const duplicate(::dup(socket.native_handle()));
    socket.disconnect(socket_reuse::yes);
    support::listener l;
    socket.connect(l.endpoint());
    support::peer fresh = l.accept();
    support::run_until(io, [&] { return rx.calls == 1; });
    BOOST_TEST(rx.error() == aborted);
    auto const result = socket.start_receive(rx);
    BOOST_TEST((result == pending));
    other.reset();
    support::poll(io);
    BOOST_TEST(rx.is_pending());
    fresh.write("!");
    finish(io, rx, result);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.storage[0] == '!');
}
