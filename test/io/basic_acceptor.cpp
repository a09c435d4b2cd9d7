// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/basic_acceptor.hpp>
#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_basic_acceptor
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;
using io_executor = asio::io_context::executor_type;
using strand = asio::strand<io_executor>;
using any_acceptor = opslot::basic_acceptor<tcp>;
using any_socket = opslot::basic_stream_socket<tcp>;
using io_acceptor = opslot::basic_acceptor<tcp, io_executor>;
using io_socket = opslot::basic_stream_socket<tcp, io_executor>;
using strand_acceptor = opslot::basic_acceptor<tcp, strand>;
using accept_context = support::counted<opslot::tcp::accept_context>;

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

tcp::endpoint address_of(support::peer const& p)
{
    tcp::endpoint result;
    auto size = static_cast<::socklen_t>(result.capacity());
    support::require(
        ::getsockname(p.native_handle(), result.data(), &size) == 0,
        "getsockname");
    result.resize(size);
    return result;
}

// A byte from the peer arrives at the socket.
template<typename Socket>
void check_connected(Socket& socket, support::peer& other)
{
    BOOST_REQUIRE(socket.is_open());
    BOOST_TEST(socket.remote_endpoint() == address_of(other));
    socket.write_some(asio::buffer("x", 1));
    BOOST_TEST(other.read(1) == "x");
}

struct listening
{
    support::descriptor_check leaks;
    asio::io_context io;
    any_acceptor acceptor{io, loopback};
    tcp::endpoint const endpoint = acceptor.local_endpoint();
};

struct closed_acceptor
{
    asio::io_context io;
    any_acceptor acceptor{io};
};

} // namespace

// Construction

namespace {

template<typename Acceptor, typename From>
void construct(From&& from)
{
    {
        Acceptor const closed(from);
        BOOST_TEST(!closed.is_open());
    }
    {
        Acceptor open(from, tcp::v6());
        BOOST_TEST(open.local_endpoint().protocol().family() == AF_INET6);
    }
    {
        Acceptor ready(from, loopback);
        auto other = support::connect_to(ready.local_endpoint());
        auto socket = ready.accept();
        check_connected(socket, other);
    }
    {
        Acceptor ready(from, loopback, false);
        asio::socket_base::reuse_address reuse(true);
        ready.get_option(reuse);
        BOOST_TEST(!reuse.value());
        BOOST_CHECK_EXCEPTION(
            Acceptor(from, ready.local_endpoint(), false),
            system_error,
            is(asio::error::address_in_use));
    }
    {
        support::listener l;
        int const fd = ::dup(l.native_handle());
        Acceptor taken(from, tcp::v4(), fd);
        BOOST_TEST(taken.native_handle() == fd);
        auto other = support::connect_to(l.endpoint());
        auto socket = taken.accept();
        check_connected(socket, other);
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(acceptors_are_made_from_contexts_and_executors)
{
    asio::io_context io;
    {
        any_acceptor const warm_up(io, tcp::v4());
    }
    support::descriptor_check const leaks;
    construct<any_acceptor>(io);
    construct<any_acceptor>(io.get_executor());
    construct<any_acceptor>(asio::make_strand(io));
    construct<io_acceptor>(io);
    construct<io_acceptor>(io.get_executor());
    construct<strand_acceptor>(asio::make_strand(io));
}

BOOST_FIXTURE_TEST_CASE(addresses_are_reused_by_default, listening)
{
    asio::socket_base::reuse_address reuse;
    acceptor.get_option(reuse);
    BOOST_TEST(reuse.value());
}

BOOST_AUTO_TEST_CASE(the_types_of_an_acceptor_belong_together)
{
    static_assert(std::is_same_v<
                  any_acceptor::rebind_executor<io_executor>::other,
                  io_acceptor>);
    static_assert(std::is_same_v<any_acceptor::socket_type, any_socket>);
    static_assert(std::is_same_v<io_acceptor::socket_type, io_socket>);
    static_assert(
        std::
            is_same_v<any_acceptor::context_type, opslot::tcp::accept_context>);
    static_assert(std::is_nothrow_move_constructible_v<any_acceptor>);
    static_assert(std::is_nothrow_move_assignable_v<any_acceptor>);
    static_assert(!std::is_copy_constructible_v<any_acceptor>);
    static_assert(!std::is_copy_assignable_v<any_acceptor>);
    static_assert(std::is_constructible_v<any_acceptor, io_acceptor&&>);
    static_assert(!std::is_constructible_v<io_acceptor, any_acceptor&&>);
    static_assert(!std::is_convertible_v<asio::io_context&, any_acceptor>);
}

BOOST_FIXTURE_TEST_CASE(an_acceptor_is_set_up_step_by_step, closed_acceptor)
{
    acceptor.open(tcp::v4());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(loopback);
    error_code ec = asio::error::fault;
    BOOST_TEST(acceptor.listen(5, ec) == success);
    BOOST_TEST(ec == success);
    acceptor.listen();
    auto other = support::connect_to(acceptor.local_endpoint());
    auto socket = acceptor.accept();
    check_connected(socket, other);
}

// Moves

BOOST_FIXTURE_TEST_CASE(a_moved_acceptor_goes_on, listening)
{
    accept_context c;
    BOOST_TEST((acceptor.start_accept(c) == opslot::pending));
    any_acceptor moved(std::move(acceptor));
    BOOST_TEST(!acceptor.is_open());
    BOOST_TEST((moved.get_executor() == io.get_executor()));
    any_acceptor assigned(io, loopback);
    int const closed = assigned.native_handle();
    assigned = std::move(moved);
    BOOST_TEST(!is_valid(closed));
    BOOST_TEST(assigned.local_endpoint() == endpoint);
    BOOST_TEST(c.calls == 0);
    auto other = support::connect_to(endpoint);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    auto socket = c.take_socket();
    check_connected(socket, other);
}

BOOST_FIXTURE_TEST_CASE(a_moved_from_acceptor_can_be_used_again, listening)
{
    any_acceptor const first(std::move(acceptor));
    BOOST_TEST((acceptor.get_executor() == io.get_executor()));
    acceptor.open(tcp::v4());
    acceptor.bind(loopback);
    acceptor.listen();
    auto other = support::connect_to(acceptor.local_endpoint());
    int calls = 0;
    acceptor.async_accept([&](error_code ec, any_socket socket) {
        BOOST_TEST(ec == success);
        BOOST_TEST((socket.get_executor() == io.get_executor()));
        check_connected(socket, other);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(acceptors_convert_to_wider_executors)
{
    asio::io_context io;
    io_acceptor narrow(io, loopback);
    auto const endpoint = narrow.local_endpoint();
    any_acceptor wide(std::move(narrow));
    BOOST_TEST(!narrow.is_open());
    BOOST_TEST(wide.local_endpoint() == endpoint);
    auto other = support::connect_to(endpoint);
    auto socket = wide.accept();
    check_connected(socket, other);
}

// Asio's acceptors

BOOST_AUTO_TEST_CASE(acceptors_of_asio_are_taken_over_and_go_back)
{
    asio::io_context io;
    {
        any_acceptor const warm_up(io, loopback);
    }
    support::descriptor_check const leaks;
    tcp::acceptor theirs(io, loopback);
    theirs.non_blocking(true);
    auto const endpoint = theirs.local_endpoint();
    int const fd = theirs.native_handle();
    any_acceptor ours(std::move(theirs));
    BOOST_TEST(!theirs.is_open());
    BOOST_TEST(ours.native_handle() == fd);
    BOOST_TEST(ours.non_blocking());
    auto other = support::connect_to(endpoint);
    support::await(fd);
    auto socket = ours.accept();
    check_connected(socket, other);

    accept_context c;
    BOOST_TEST((ours.start_accept(c) == opslot::pending));
    tcp::acceptor back = ours.to_asio();
    BOOST_TEST(!ours.is_open());
    BOOST_TEST(back.native_handle() == fd);
    BOOST_TEST(back.non_blocking());
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    int calls = 0;
    back.async_accept([&](error_code ec, tcp::socket) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    auto const second = support::connect_to(endpoint);
    support::run(io);
    BOOST_TEST(calls == 1);

    tcp::acceptor closed(io);
    any_acceptor still_closed(std::move(closed));
    BOOST_TEST(!still_closed.is_open());
    BOOST_TEST(!still_closed.to_asio().is_open());
}

// Errors

BOOST_FIXTURE_TEST_CASE(a_closed_acceptor_refuses_every_call, closed_acceptor)
{
    any_socket peer(io);
    tcp::endpoint address;
    std::vector<std::function<void(error_code&)>> const reporting{
        [&](error_code& ec) { acceptor.listen(1, ec); },
        [&](error_code& ec) { acceptor.accept(peer, ec); },
        [&](error_code& ec) { acceptor.accept(peer, address, ec); },
        [&](error_code& ec) { BOOST_TEST(!acceptor.accept(ec).is_open()); },
        [&](error_code& ec) {
            BOOST_TEST(!acceptor.accept(address, ec).is_open());
        },
        [&](error_code& ec) {
            BOOST_TEST(!acceptor.accept(io.get_executor(), ec).is_open());
        }};
    for (auto const& call : reporting)
    {
        error_code ec;
        call(ec);
        BOOST_TEST(ec == asio::error::bad_descriptor);
    }
    std::vector<std::function<void()>> const throwing{
        [&] { acceptor.listen(); },
        [&] { acceptor.accept(peer); },
        [&] { acceptor.accept(peer, address); },
        [&] { acceptor.accept(); },
        [&] { acceptor.accept(address); },
        [&] { acceptor.accept(io.get_executor()); },
        [&] { acceptor.accept(io.get_executor(), address); },
        [&] { acceptor.accept(io); },
        [&] { acceptor.accept(io, address); }};
    for (auto const& call : throwing)
    {
        BOOST_CHECK_EXCEPTION(
            call(), system_error, is(asio::error::bad_descriptor));
    }
    BOOST_TEST(!peer.is_open());
    BOOST_TEST(address == tcp::endpoint());
}

BOOST_FIXTURE_TEST_CASE(a_closed_acceptor_ends_every_accept, closed_acceptor)
{
    accept_context c;
    support::finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    BOOST_TEST(!c.has_socket());
    int const before = c.calls;
    acceptor.async_accept(c);
    support::run(io);
    BOOST_TEST(c.calls == before + 1);
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    int calls = 0;
    acceptor.async_accept(c, [&](error_code ec) {
        BOOST_TEST(ec == asio::error::bad_descriptor);
        ++calls;
    });
    acceptor.async_accept([&](error_code ec, any_socket socket) {
        BOOST_TEST(ec == asio::error::bad_descriptor);
        BOOST_TEST(!socket.is_open());
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 2);
}

BOOST_FIXTURE_TEST_CASE(an_open_socket_is_not_accepted_into, listening)
{
    any_socket peer(io, tcp::v4());
    int const fd = peer.native_handle();
    tcp::endpoint address;
    error_code ec;
    auto other = support::connect_to(endpoint);
    auto const open = asio::error::already_open;
    BOOST_TEST(acceptor.accept(peer, ec) == open);
    BOOST_TEST(acceptor.accept(peer, address, ec) == open);
    BOOST_CHECK_EXCEPTION(acceptor.accept(peer), system_error, is(open));
    BOOST_CHECK_EXCEPTION(
        acceptor.accept(peer, address), system_error, is(open));
    int calls = 0;
    acceptor.async_accept(peer, [&](error_code e) {
        BOOST_TEST(e == open);
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(peer.native_handle() == fd);
    // The connection is still there.
    peer.close();
    acceptor.accept(peer);
    check_connected(peer, other);
}

BOOST_FIXTURE_TEST_CASE(a_socket_opened_meanwhile_is_left_alone, listening)
{
    any_socket peer(io);
    int calls = 0;
    acceptor.async_accept(peer, [&](error_code ec) {
        BOOST_TEST(ec == asio::error::already_open);
        ++calls;
    });
    peer.open(tcp::v4());
    int const fd = peer.native_handle();
    auto other = support::connect_to(endpoint);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(peer.native_handle() == fd);
    // What was accepted for it was closed.
    BOOST_TEST(other.read_all() == "");
}

// Synchronous accepts

BOOST_FIXTURE_TEST_CASE(every_synchronous_accept_accepts, listening)
{
    auto const accepted = [&](auto&& accept) {
        auto other = support::connect_to(endpoint);
        tcp::endpoint address = address_of(other);
        auto socket = accept(address);
        check_connected(socket, other);
    };
    accepted([&](tcp::endpoint const&) { return acceptor.accept(); });
    accepted([&](tcp::endpoint const&) {
        error_code ec = asio::error::fault;
        auto socket = acceptor.accept(ec);
        BOOST_TEST(ec == success);
        return socket;
    });
    accepted([&](tcp::endpoint const& expected) {
        tcp::endpoint seen;
        auto socket = acceptor.accept(seen);
        BOOST_TEST(seen == expected);
        return socket;
    });
    accepted([&](tcp::endpoint const& expected) {
        tcp::endpoint seen;
        error_code ec = asio::error::fault;
        auto socket = acceptor.accept(seen, ec);
        BOOST_TEST(ec == success);
        BOOST_TEST(seen == expected);
        return socket;
    });
    accepted([&](tcp::endpoint const&) {
        io_socket socket = acceptor.accept(io.get_executor());
        return socket;
    });
    accepted([&](tcp::endpoint const&) {
        error_code ec = asio::error::fault;
        auto socket = acceptor.accept(asio::make_strand(io), ec);
        BOOST_TEST(ec == success);
        return socket;
    });
    accepted([&](tcp::endpoint const&) {
        io_socket socket(io);
        acceptor.accept(socket);
        return socket;
    });
    accepted([&](tcp::endpoint const& expected) {
        any_socket socket(io);
        tcp::endpoint seen;
        acceptor.accept(socket, seen);
        BOOST_TEST(seen == expected);
        return socket;
    });
    accepted([&](tcp::endpoint const&) {
        any_socket socket(io);
        error_code ec = asio::error::fault;
        BOOST_TEST(acceptor.accept(socket, ec) == success);
        BOOST_TEST(ec == success);
        return socket;
    });
    accepted([&](tcp::endpoint const& expected) {
        any_socket socket(io);
        tcp::endpoint seen;
        error_code ec = asio::error::fault;
        BOOST_TEST(acceptor.accept(socket, seen, ec) == success);
        BOOST_TEST(seen == expected);
        return socket;
    });
}

BOOST_FIXTURE_TEST_CASE(a_synchronous_accept_waits, listening)
{
    support::peer other;
    {
        support::background const client(
            [&] { other = support::connect_to(endpoint); });
        any_socket socket = acceptor.accept();
        BOOST_TEST(socket.is_open());
    }
}

BOOST_FIXTURE_TEST_CASE(a_non_blocking_accept_does_not_wait, listening)
{
    acceptor.non_blocking(true);
    error_code ec;
    any_socket const socket = acceptor.accept(ec);
    BOOST_TEST(ec == asio::error::would_block);
    BOOST_TEST(!socket.is_open());
    BOOST_CHECK_EXCEPTION(
        acceptor.accept(), system_error, is(asio::error::would_block));
}

BOOST_FIXTURE_TEST_CASE(a_peer_on_another_context_works_there, listening)
{
    asio::io_context second;
    any_socket peer(second);
    auto other = support::connect_to(endpoint);
    acceptor.accept(peer);
    support::counted<opslot::stream_context> c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    auto const result = peer.start_receive(c);
    other.write("abc");
    support::finish(second, c, result);
    BOOST_TEST(c.bytes_transferred() == 3u);
}

namespace {

// A peer that is accepted by `accept` works on `context`, and has told its
// address.
template<typename Accept>
void check_accept_for(
    asio::io_context& context,
    tcp::endpoint const& listening_at,
    bool tells_address,
    Accept accept)
{
    auto other = support::connect_to(listening_at);
    tcp::endpoint address;
    io_socket peer = accept(address);
    BOOST_TEST((peer.get_executor() == context.get_executor()));
    BOOST_TEST(
        address == (tells_address ? address_of(other) : tcp::endpoint()));
    check_connected(peer, other);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_peer_gets_the_context_that_is_named, listening)
{
    asio::io_context second;
    auto const executor = second.get_executor();
    error_code ec = asio::error::fault;
    auto const check = [&](bool tells_address, auto accept) {
        check_accept_for(second, endpoint, tells_address, accept);
    };
    check(false, [&](auto&) { return acceptor.accept(second); });
    check(false, [&](auto&) { return acceptor.accept(second, ec); });
    check(true, [&](auto& e) { return acceptor.accept(second, e); });
    check(true, [&](auto& e) { return acceptor.accept(second, e, ec); });
    check(false, [&](auto&) { return acceptor.accept(executor); });
    check(false, [&](auto&) { return acceptor.accept(executor, ec); });
    check(true, [&](auto& e) { return acceptor.accept(executor, e); });
    check(true, [&](auto& e) { return acceptor.accept(executor, e, ec); });
    BOOST_TEST(ec == success);
}

// Token forms

BOOST_FIXTURE_TEST_CASE(a_token_gets_a_peer_for_the_named_context, listening)
{
    asio::io_context second;
    auto const executor = second.get_executor();
    auto const check = [&](bool tells_address, auto start) {
        check_accept_for(second, endpoint, tells_address, [&](auto& address) {
            std::optional<io_socket> peer;
            start(address, [&](error_code ec, io_socket accepted) {
                BOOST_TEST(ec == success);
                peer.emplace(std::move(accepted));
            });
            support::run(io);
            BOOST_REQUIRE(peer);
            return std::move(*peer);
        });
    };
    check(false, [&](auto&, auto h) { acceptor.async_accept(second, h); });
    check(true, [&](auto& e, auto h) { acceptor.async_accept(second, e, h); });
    check(false, [&](auto&, auto h) { acceptor.async_accept(executor, h); });
    check(
        true, [&](auto& e, auto h) { acceptor.async_accept(executor, e, h); });
}

BOOST_FIXTURE_TEST_CASE(an_accepted_address_has_its_size, closed_acceptor)
{
    acceptor.open(tcp::v6());
    acceptor.bind(tcp::endpoint(asio::ip::address_v6::loopback(), 0));
    acceptor.listen();
    auto const other = support::connect_to(acceptor.local_endpoint());
    tcp::endpoint seen;
    int calls = 0;
    acceptor.async_accept(seen, [&](error_code ec, any_socket socket) {
        BOOST_TEST(ec == success);
        BOOST_TEST(seen == socket.remote_endpoint());
        BOOST_TEST(seen == address_of(other));
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(seen.size() == sizeof(::sockaddr_in6));
}

BOOST_FIXTURE_TEST_CASE(an_accept_waits_in_every_form, listening)
{
    support::counted<opslot::connect_context> c;
    auto const result = acceptor.start_wait(c, any_acceptor::wait_read);
    BOOST_TEST((result == opslot::pending));
    int calls = 0;
    acceptor.async_wait(any_acceptor::wait_read, [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    auto const other = support::connect_to(endpoint);
    support::finish(io, c, result);
    support::run(io);
    BOOST_TEST(calls == 1);
    acceptor.wait(any_acceptor::wait_read);
    acceptor.non_blocking(true);
    BOOST_TEST(acceptor.accept().is_open());
}

// Lifetime

BOOST_AUTO_TEST_CASE(an_acceptor_may_outlive_its_io_context)
{
    support::descriptor_check const leaks;
    opslot::tcp::accept_context c;
    bool called = false;
    c.completion_handler([&](auto&) { called = true; });
    auto io = std::make_unique<asio::io_context>();
    any_acceptor acceptor(*io, loopback);
    BOOST_TEST((acceptor.start_accept(c) == opslot::pending));
    acceptor.async_accept([&](error_code, any_socket) { called = true; });
    io.reset();
    BOOST_TEST(!called);
    BOOST_TEST(!c.is_pending());
}

BOOST_FIXTURE_TEST_CASE(connections_in_the_backlog_go_with_it, listening)
{
    auto other = support::connect_to(endpoint);
    acceptor.close();
    BOOST_CHECK_EXCEPTION(
        other.read(1), system_error, is(asio::error::connection_reset));
}
