// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/basic_socket_core.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_basic_socket_core
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using opslot::stream_context;
using support::connection;
using tcp = opslot::tcp;

error_code const success;
tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

bool is_valid(int fd)
{
    return ::fcntl(fd, F_GETFD) != -1;
}

struct closed_socket
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::socket socket{io};
};

} // namespace

// Opening and closing

BOOST_FIXTURE_TEST_CASE(a_socket_opens_and_closes, closed_socket)
{
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(socket.native_handle() == -1);
    socket.open(tcp::v4());
    BOOST_TEST(socket.is_open());
    int const fd = socket.native_handle();
    BOOST_TEST(is_valid(fd));
    socket.close();
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(socket.native_handle() == -1);
    BOOST_TEST(!is_valid(fd));

    error_code ec = asio::error::fault;
    BOOST_TEST(socket.open(tcp::v6(), ec) == success);
    BOOST_TEST(ec == success);
    BOOST_TEST(socket.local_endpoint().protocol().family() == AF_INET6);
    ec = asio::error::fault;
    BOOST_TEST(socket.close(ec) == success);
    BOOST_TEST(ec == success);
    // Without a protocol it is that of a default endpoint.
    socket.open();
    BOOST_TEST(socket.local_endpoint().protocol().family() == AF_INET);
}

BOOST_FIXTURE_TEST_CASE(an_open_socket_does_not_open_again, closed_socket)
{
    socket.open(tcp::v4());
    int const fd = socket.native_handle();
    error_code ec;
    BOOST_TEST(socket.open(tcp::v4(), ec) == asio::error::already_open);
    BOOST_TEST(ec == asio::error::already_open);
    BOOST_CHECK_EXCEPTION(
        socket.open(tcp::v6()), system_error, is(asio::error::already_open));
    BOOST_TEST(socket.native_handle() == fd);

    // What is not taken over stays with the caller.
    support::listener const other;
    BOOST_TEST(
        socket.assign(tcp::v4(), other.native_handle(), ec) ==
        asio::error::already_open);
    BOOST_CHECK_EXCEPTION(
        socket.assign(tcp::v4(), other.native_handle()),
        system_error,
        is(asio::error::already_open));
    BOOST_TEST(is_valid(other.native_handle()));
    BOOST_TEST(socket.native_handle() == fd);
}

BOOST_FIXTURE_TEST_CASE(what_the_system_cannot_open_is_reported, closed_socket)
{
    opslot::basic_stream_socket<asio::generic::stream_protocol> generic(io);
    error_code ec;
    generic.open(asio::generic::stream_protocol(12345, 0), ec);
    BOOST_TEST(ec == asio::error::address_family_not_supported);
    BOOST_TEST(!generic.is_open());
    BOOST_CHECK_EXCEPTION(
        generic.open(asio::generic::stream_protocol(12345, 0)),
        system_error,
        is(asio::error::address_family_not_supported));
}

BOOST_FIXTURE_TEST_CASE(what_is_no_socket_is_not_taken_over, closed_socket)
{
    error_code ec;
    socket.assign(tcp::v4(), -1, ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    BOOST_TEST(!socket.is_open());
    BOOST_CHECK_THROW(socket.assign(tcp::v4(), -1), system_error);
    socket.open(tcp::v4());
    BOOST_TEST(socket.is_open());
}

BOOST_FIXTURE_TEST_CASE(a_closed_socket_stays_closed, closed_socket)
{
    socket.close();
    error_code ec = asio::error::fault;
    socket.close(ec);
    BOOST_TEST(ec == success);
}

BOOST_FIXTURE_TEST_CASE(a_socket_is_taken_over_and_released, closed_socket)
{
    auto other = support::connect_tcp(socket);
    int const fd = socket.native_handle();
    BOOST_TEST(fd >= 0);
    BOOST_TEST(socket.release() == fd);
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(is_valid(fd));

    tcp::socket second(io);
    error_code ec = asio::error::fault;
    BOOST_TEST(second.assign(tcp::v4(), fd, ec) == success);
    BOOST_TEST(second.native_handle() == fd);
    second.write_some(asio::buffer("x", 1));
    BOOST_TEST(other.read(1) == "x");
    ec = asio::error::fault;
    BOOST_TEST(second.release(ec) == fd);
    BOOST_TEST(ec == success);
    support::peer const owner(fd);
}

BOOST_FIXTURE_TEST_CASE(releasing_aborts_what_is_pending, connection)
{
    support::counted<stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(c) == opslot::pending));
    support::peer owner(socket.release());
    BOOST_TEST(c.calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    // The native socket is in order.
    ::fcntl(owner.native_handle(), F_SETFL, 0);
    other.write("abc");
    BOOST_TEST(owner.read(3) == "abc");
}

BOOST_FIXTURE_TEST_CASE(closing_aborts_what_is_pending, connection)
{
    support::counted<stream_context> a, b;
    std::array<char, 4> storage;
    a.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(a) == opslot::pending));
    BOOST_TEST(
        (socket.start_wait(b, tcp::socket::wait_error) == opslot::pending));
    int aborted = 0;
    socket.async_wait(tcp::socket::wait_read, [&](error_code ec) {
        aborted += ec == asio::error::operation_aborted;
    });
    socket.close();
    BOOST_TEST(a.calls + b.calls + aborted == 0);
    support::run(io);
    BOOST_TEST(a.calls == 1);
    BOOST_TEST(b.calls == 1);
    BOOST_TEST(aborted == 1);
    BOOST_TEST(a.error() == asio::error::operation_aborted);
    BOOST_TEST(b.error() == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(
    cancelling_aborts_and_leaves_the_socket_open, connection)
{
    support::counted<stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    for (bool const throwing : {false, true})
    {
        BOOST_TEST((socket.start_receive(c) == opslot::pending));
        error_code ec = asio::error::fault;
        if (throwing)
        {
            socket.cancel();
        }
        else
        {
            BOOST_TEST(socket.cancel(ec) == success);
        }
        support::run(io);
        BOOST_TEST(c.error() == asio::error::operation_aborted);
    }
    BOOST_TEST(c.calls == 2);
    auto const result = socket.start_receive(c);
    other.write("abc");
    support::finish(io, c, result);
    BOOST_TEST(c.bytes_transferred() == 3u);
    socket.cancel();
}

// Closed sockets

BOOST_FIXTURE_TEST_CASE(a_closed_socket_refuses_every_call, closed_socket)
{
    tcp::no_delay option(true);
    asio::socket_base::bytes_readable command;
    std::vector<std::function<void(error_code&)>> const reporting{
        [&](error_code& ec) { socket.release(ec); },
        [&](error_code& ec) { socket.cancel(ec); },
        [&](error_code& ec) { socket.bind(loopback, ec); },
        [&](error_code& ec) { socket.set_option(option, ec); },
        [&](error_code& ec) { socket.get_option(option, ec); },
        [&](error_code& ec) { socket.io_control(command, ec); },
        [&](error_code& ec) { socket.non_blocking(true, ec); },
        [&](error_code& ec) { socket.native_non_blocking(true, ec); },
        [&](error_code& ec) {
            BOOST_TEST(socket.local_endpoint(ec) == tcp::endpoint());
        },
        [&](error_code& ec) { socket.wait(tcp::socket::wait_read, ec); }};
    for (auto const& call : reporting)
    {
        error_code ec;
        call(ec);
        BOOST_TEST(ec == asio::error::bad_descriptor);
    }
    std::vector<std::function<void()>> const throwing{
        [&] { socket.release(); },
        [&] { socket.cancel(); },
        [&] { socket.bind(loopback); },
        [&] { socket.set_option(option); },
        [&] { socket.get_option(option); },
        [&] { socket.io_control(command); },
        [&] { socket.non_blocking(true); },
        [&] { socket.native_non_blocking(true); },
        [&] { socket.local_endpoint(); },
        [&] { socket.wait(tcp::socket::wait_read); }};
    for (auto const& call : throwing)
    {
        BOOST_CHECK_EXCEPTION(
            call(), system_error, is(asio::error::bad_descriptor));
    }
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(!socket.non_blocking());
    BOOST_TEST(!socket.native_non_blocking());
}

BOOST_FIXTURE_TEST_CASE(a_closed_socket_ends_every_wait, closed_socket)
{
    support::counted<stream_context> c;
    int calls = 0;
    auto const handler = [&](error_code ec) {
        BOOST_TEST(ec == asio::error::bad_descriptor);
        ++calls;
    };
    support::finish(io, c, socket.start_wait(c, tcp::socket::wait_read));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    int const before = c.calls;
    socket.async_wait(c, tcp::socket::wait_read);
    BOOST_TEST(c.calls == before);
    support::run(io);
    BOOST_TEST(c.calls == before + 1);
    socket.async_wait(tcp::socket::wait_write, handler);
    socket.async_wait(c, tcp::socket::wait_write, handler);
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 2);
}

// Settings

BOOST_FIXTURE_TEST_CASE(a_socket_binds_to_an_endpoint, closed_socket)
{
    socket.open(tcp::v4());
    socket.bind(loopback);
    auto const bound = socket.local_endpoint();
    BOOST_TEST(bound.address() == loopback.address());
    BOOST_TEST(bound.port() != 0);
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.local_endpoint(ec) == bound);
    BOOST_TEST(ec == success);

    tcp::socket second(io, tcp::v4());
    BOOST_TEST(second.bind(bound, ec) == asio::error::address_in_use);
    BOOST_CHECK_EXCEPTION(
        second.bind(bound), system_error, is(asio::error::address_in_use));
    ec = asio::error::fault;
    BOOST_TEST(second.bind(loopback, ec) == success);
    BOOST_TEST(second.local_endpoint().port() != bound.port());
}

BOOST_FIXTURE_TEST_CASE(options_are_set_and_read, connection)
{
    auto const flag_is_kept = [&](auto option) {
        for (bool const value : {true, false})
        {
            decltype(option) const wanted(value);
            decltype(option) found(!value);
            error_code ec = asio::error::fault;
            BOOST_TEST(socket.set_option(wanted, ec) == success);
            BOOST_TEST(ec == success);
            socket.get_option(found);
            BOOST_TEST(found.value() == value);
            socket.set_option(wanted);
            found = decltype(option)(!value);
            ec = asio::error::fault;
            BOOST_TEST(socket.get_option(found, ec) == success);
            BOOST_TEST(found.value() == value);
        }
    };
    flag_is_kept(tcp::no_delay());
    flag_is_kept(asio::socket_base::keep_alive());
    flag_is_kept(asio::socket_base::reuse_address());
    flag_is_kept(asio::socket_base::out_of_band_inline());

    asio::socket_base::receive_low_watermark low;
    socket.set_option(asio::socket_base::receive_low_watermark(7));
    socket.get_option(low);
    BOOST_TEST(low.value() == 7);
}

BOOST_FIXTURE_TEST_CASE(buffer_sizes_are_read_as_they_were_set, connection)
{
    asio::socket_base::send_buffer_size send;
    asio::socket_base::receive_buffer_size receive;
    socket.set_option(asio::socket_base::send_buffer_size(16384));
    socket.set_option(asio::socket_base::receive_buffer_size(8192));
    socket.get_option(send);
    socket.get_option(receive);
    BOOST_TEST(send.value() == 16384);
    BOOST_TEST(receive.value() == 8192);
}

BOOST_FIXTURE_TEST_CASE(the_linger_option_is_set_and_read, connection)
{
    socket.set_option(asio::socket_base::linger(true, 3));
    asio::socket_base::linger linger;
    socket.get_option(linger);
    BOOST_TEST(linger.enabled());
    BOOST_TEST(linger.timeout() == 3);
    socket.set_option(asio::socket_base::linger(false, 0));
    socket.get_option(linger);
    BOOST_TEST(!linger.enabled());
}

BOOST_FIXTURE_TEST_CASE(a_close_that_lingers_for_no_time_resets, connection)
{
    socket.set_option(asio::socket_base::linger(true, 0));
    socket.close();
    BOOST_CHECK_EXCEPTION(
        other.read(1), system_error, is(asio::error::connection_reset));
}

BOOST_FIXTURE_TEST_CASE(options_depend_on_the_protocol, closed_socket)
{
    asio::ip::v6_only only;
    socket.open(tcp::v6());
    for (bool const value : {true, false})
    {
        socket.set_option(asio::ip::v6_only(value));
        socket.get_option(only);
        BOOST_TEST(only.value() == value);
    }
    socket.close();
    socket.open(tcp::v4());
    error_code ec;
    socket.set_option(asio::ip::v6_only(true), ec);
    BOOST_TEST(ec != success);
    BOOST_CHECK_THROW(socket.set_option(asio::ip::v6_only(true)), system_error);
}

BOOST_FIXTURE_TEST_CASE(an_io_control_tells_what_can_be_read, connection)
{
    asio::socket_base::bytes_readable command(true);
    socket.io_control(command);
    BOOST_TEST(command.get() == 0u);
    other.write("hello");
    support::await(socket.native_handle());
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.io_control(command, ec) == success);
    BOOST_TEST(command.get() == 5u);
}

BOOST_FIXTURE_TEST_CASE(a_non_blocking_socket_does_not_wait, connection)
{
    std::array<char, 4> storage;
    BOOST_TEST(!socket.non_blocking());
    socket.non_blocking(true);
    BOOST_TEST(socket.non_blocking());
    error_code ec;
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 0u);
    BOOST_TEST(ec == asio::error::would_block);
    BOOST_CHECK_EXCEPTION(
        socket.read_some(asio::buffer(storage)),
        system_error,
        is(asio::error::would_block));
    ec = asio::error::fault;
    BOOST_TEST(socket.non_blocking(false, ec) == success);
    BOOST_TEST(!socket.non_blocking());
    support::background const writer([&] { other.write("x"); });
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 1u);
}

BOOST_FIXTURE_TEST_CASE(the_modes_go_together_as_in_asio, connection)
{
    socket.native_non_blocking(true);
    BOOST_TEST(socket.native_non_blocking());
    BOOST_TEST((::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) != 0);
    socket.native_non_blocking(false);
    BOOST_TEST(!socket.native_non_blocking());
    BOOST_TEST((::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) == 0);

    socket.non_blocking(true);
    error_code ec;
    socket.native_non_blocking(false, ec);
    BOOST_TEST(ec == asio::error::invalid_argument);
    BOOST_CHECK_EXCEPTION(
        socket.native_non_blocking(false),
        system_error,
        is(asio::error::invalid_argument));
    BOOST_TEST(socket.non_blocking());
    ec = asio::error::fault;
    BOOST_TEST(socket.native_non_blocking(true, ec) == success);

    // Operations do not block, whatever the mode was set to.
    socket.non_blocking(false);
    socket.native_non_blocking(false);
    support::counted<stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(c);
    BOOST_TEST((result == opslot::pending));
    other.write("abc");
    support::finish(io, c, result);
    BOOST_TEST(c.bytes_transferred() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_non_blocking_mode_set_again_does_not_wait, connection)
{
    // The native mode is what makes it true.
    std::array<char, 4> storage;
    socket.native_non_blocking(false);
    socket.non_blocking(true);
    error_code ec;
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 0u);
    BOOST_TEST(ec == asio::error::would_block);
}

BOOST_FIXTURE_TEST_CASE(the_budget_can_be_set_at_any_time, closed_socket)
{
    BOOST_TEST(socket.sync_budget() == 0u);
    socket.sync_budget(7);
    BOOST_TEST(socket.sync_budget() == 7u);
    socket.open(tcp::v4());
    BOOST_TEST(socket.sync_budget() == 7u);
    socket.sync_budget(tcp::socket::unlimited_budget + 0);
    BOOST_TEST(socket.sync_budget() == tcp::socket::unlimited_budget + 0);
    tcp::socket moved(std::move(socket));
    BOOST_TEST(moved.sync_budget() == tcp::socket::unlimited_budget + 0);
}

// Waiting

BOOST_FIXTURE_TEST_CASE(a_synchronous_wait_returns_when_it_is_ready, connection)
{
    socket.wait(tcp::socket::wait_write);
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.wait(tcp::socket::wait_write, ec) == success);
    {
        support::background const writer([&] { other.write("x"); });
        socket.wait(tcp::socket::wait_read);
    }
    BOOST_TEST(socket.available() == 1u);
    {
        support::background const writer([&] { other.write("!", MSG_OOB); });
        socket.wait(tcp::socket::wait_error);
    }
}

BOOST_FIXTURE_TEST_CASE(a_non_blocking_wait_does_not_wait, connection)
{
    socket.non_blocking(true);
    error_code ec;
    BOOST_TEST(
        socket.wait(tcp::socket::wait_read, ec) == asio::error::would_block);
    BOOST_CHECK_EXCEPTION(
        socket.wait(tcp::socket::wait_read),
        system_error,
        is(asio::error::would_block));
    BOOST_TEST(
        socket.wait(tcp::socket::wait_error, ec) == asio::error::would_block);
    BOOST_TEST(socket.wait(tcp::socket::wait_write, ec) == success);
    other.write("x");
    support::await(socket.native_handle());
    socket.wait(tcp::socket::wait_read);
}

BOOST_FIXTURE_TEST_CASE(a_wait_takes_a_context_of_any_type, connection)
{
    support::counted<opslot::connect_context> c;
    auto const result = socket.start_wait(c, tcp::socket::wait_read);
    BOOST_TEST((result == opslot::pending));
    other.write("x");
    support::finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::wait));
    support::counted<tcp::accept_context> a;
    support::finish(io, a, socket.start_wait(a, tcp::socket::wait_read));
    BOOST_TEST(a.error() == success);
    BOOST_TEST(!a.has_socket());
}

// Executors

BOOST_AUTO_TEST_CASE(sockets_have_the_executor_they_were_made_with)
{
    asio::io_context io;
    tcp::socket from_context(io);
    BOOST_TEST((from_context.get_executor() == io.get_executor()));
    asio::any_io_executor const any = asio::make_strand(io);
    tcp::socket from_executor(any);
    BOOST_TEST((from_executor.get_executor() == any));

    using concrete = opslot::
        basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
    static_assert(std::is_same_v<
                  concrete::executor_type,
                  asio::io_context::executor_type>);
    concrete c(io);
    BOOST_TEST((c.get_executor() == io.get_executor()));

    using strand = asio::strand<asio::io_context::executor_type>;
    opslot::basic_stream_socket<asio::ip::tcp, strand> s(
        strand(io.get_executor()));
    s.open(tcp::v4());
    BOOST_TEST(s.is_open());

    asio::thread_pool pool(1);
    tcp::socket on_pool(pool, tcp::v4());
    BOOST_TEST((on_pool.get_executor() == pool.get_executor()));
}

namespace {

// Waits through every form on a socket of this type.
template<typename Socket>
void wait_in_every_form(asio::io_context& io, Socket& socket)
{
    auto other = support::connect_tcp(socket);
    support::counted<stream_context> c;
    int calls = 0;
    auto const handler = [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    };
    auto const result = socket.start_wait(c, Socket::wait_read);
    BOOST_TEST((result == opslot::pending));
    socket.async_wait(Socket::wait_read, handler);
    other.write("x");
    support::finish(io, c, result);
    socket.async_wait(c, Socket::wait_write, handler);
    support::run(io);
    BOOST_TEST(calls == 2);
    socket.async_wait(c, Socket::wait_write);
    support::run(io);
    BOOST_TEST(c.calls == 2);
}

} // namespace

BOOST_AUTO_TEST_CASE(sockets_work_on_executors_of_every_kind)
{
    using io_executor = asio::io_context::executor_type;
    asio::io_context io;
    {
        tcp::socket socket(io);
        wait_in_every_form(io, socket);
    }
    {
        opslot::basic_stream_socket<asio::ip::tcp, io_executor> socket(io);
        wait_in_every_form(io, socket);
    }
    {
        opslot::basic_stream_socket<asio::ip::tcp, asio::strand<io_executor>>
            socket(asio::make_strand(io));
        wait_in_every_form(io, socket);
    }
    {
        tcp::socket socket(asio::make_strand(io));
        wait_in_every_form(io, socket);
    }
    {
        tcp::socket socket(asio::any_io_executor(
            asio::make_strand(asio::any_io_executor(io.get_executor()))));
        wait_in_every_form(io, socket);
    }
}

BOOST_AUTO_TEST_CASE(an_executor_that_leads_to_no_context_is_refused)
{
    support::descriptor_check const leaks;
    asio::any_io_executor const empty;
    auto const refused = is(opslot::error::no_execution_context);
    BOOST_CHECK_EXCEPTION(tcp::socket{empty}, system_error, refused);
    BOOST_CHECK_EXCEPTION(tcp::socket(empty, tcp::v4()), system_error, refused);
    BOOST_CHECK_EXCEPTION(
        tcp::acceptor(empty, loopback), system_error, refused);
}

namespace {

/// An executor that says nothing of a context.
struct contextless_executor
{
    template<typename Function>
    void execute(Function&& f) const
    {
        std::decay_t<Function>(std::forward<Function>(f))();
    }

    friend bool operator==(contextless_executor, contextless_executor) noexcept
    {
        return true;
    }

    friend bool operator!=(contextless_executor, contextless_executor) noexcept
    {
        return false;
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(a_concrete_executor_without_a_context_is_refused)
{
    using socket =
        opslot::basic_stream_socket<asio::ip::tcp, contextless_executor>;
    BOOST_CHECK_EXCEPTION(
        socket{contextless_executor()},
        system_error,
        is(opslot::error::no_execution_context));
}

// Lifetime

BOOST_AUTO_TEST_CASE(sockets_may_outlive_their_io_context)
{
    support::descriptor_check const leaks;
    stream_context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    bool called = false;
    c.completion_handler([&](stream_context&) { called = true; });
    support::peer other;
    auto io = std::make_unique<asio::io_context>();
    tcp::socket socket(*io), idle(*io, tcp::v4()), closed(*io);
    tcp::acceptor acceptor(*io, loopback);
    other = support::connect_tcp(socket);
    BOOST_TEST((socket.start_receive(c) == opslot::pending));
    io.reset();
    BOOST_TEST(!called);
    BOOST_TEST(!c.is_pending());

    // They close, and close by themselves.
    error_code ec;
    idle.close(ec);
    BOOST_TEST(ec == success);
    BOOST_TEST(!idle.is_open());
    tcp::socket moved(
        std::move(acceptor).is_open() ? std::move(socket) : std::move(closed));
    BOOST_TEST(moved.is_open());
}

BOOST_AUTO_TEST_CASE(a_socket_without_its_io_context_starts_nothing)
{
    support::counted<stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    auto io = std::make_unique<asio::io_context>();
    tcp::socket socket(*io);
    auto const other = support::connect_tcp(socket);
    io.reset();
    BOOST_TEST((socket.start_receive(c) == opslot::completed));
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    BOOST_TEST(c.calls == 0);
}

BOOST_AUTO_TEST_CASE(a_socket_of_a_destroyed_object_leaves_no_descriptor)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    for (int i = 0; i != 3; ++i)
    {
        std::optional<tcp::socket> socket;
        socket.emplace(io, tcp::v4());
        BOOST_TEST(socket->is_open());
        socket.reset();
    }
}
