// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Connects by name, to several addresses, and with first data.

#define BOOST_TEST_MODULE contract_connecting_in_steps
#include <opslot/context_pool.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/error.hpp>
#include <opslot/local.hpp>
#include <opslot/tcp.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/unicast.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/connection.hpp"
#include "support/endpoints.hpp"
#include "support/heap.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using opslot::completed;
using opslot::error;
using opslot::pending;
using support::finish;
using support::peer;
using support::refusing;
using support::silent;
using tcp = opslot::tcp;
using connect_context = support::counted<opslot::connect_context>;
using endpoints = std::vector<tcp::endpoint>;
using std::chrono::hours;
using std::chrono::milliseconds;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

// No resolver asks anybody about it.
char const* const no_host = "not a host";

struct connecting
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::socket socket{io};
    support::listener listener;
    support::listener v6{AF_INET6};
    refusing nobody;
    tcp::endpoint const good = listener.endpoint();
    tcp::endpoint const good6 = v6.endpoint();
    tcp::endpoint const bad = nobody.endpoint();
    connect_context c;

    std::string port() const { return std::to_string(good.port()); }

    void connect() { finish(io, c, socket.start_connect(c)); }

    /// Both ends are those of one connection, and carry data.
    void check_connected(tcp::socket& s, support::listener& l)
    {
        BOOST_REQUIRE(s.is_open());
        peer other = l.accept();
        BOOST_TEST(s.remote_endpoint() == l.endpoint());
        s.write_some(asio::buffer("x", 1));
        BOOST_TEST(other.read(1) == "x");
        support::counted<opslot::stream_context> rx;
        std::array<char, 4> storage;
        rx.buffer(asio::buffer(storage));
        rx.at_least(3);
        auto const result = s.start_receive(rx);
        other.write("abc");
        finish(io, rx, result);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 3u);
    }

    /// After whatever went wrong, context and socket connect.
    void check_usable()
    {
        c.buffer(asio::const_buffer());
        c.timeout({});
        c.endpoints(endpoints{bad, good});
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, listener);
        socket.close();
    }
};

template<typename Error, typename Call>
void expect_thrown(Error expected, Call call)
{
    BOOST_CHECK_EXCEPTION(call(), system_error, [&](system_error const& e) {
        return e.code() == make_error_code(expected);
    });
}

} // namespace

// Several addresses

BOOST_FIXTURE_TEST_CASE(endpoints_are_tried_in_their_order, connecting)
{
    refusing second;
    c.endpoints(endpoints{bad, second.endpoint(), good, good6});
    auto const result = socket.start_connect(c);
    BOOST_TEST((result == pending));
    BOOST_TEST(c.is_pending());
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::connect));
    BOOST_TEST(c.bytes_transferred() == 0u);
    BOOST_TEST((c.peer_endpoint() == tcp::endpoint(good)));
    check_connected(socket, listener);
}

BOOST_FIXTURE_TEST_CASE(one_context_connects_in_every_way_in_turn, connecting)
{
    for (int round = 0; round != 3; ++round)
    {
        c.endpoints(endpoints{bad, good6});
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, v6);
        socket.close();
        c.endpoint(good);
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, listener);
        BOOST_TEST((c.peer_endpoint() == tcp::endpoint(good)));
        socket.close();
        c.name("127.0.0.1", port());
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, listener);
        socket.close();
    }
}

// Model case 81.
BOOST_FIXTURE_TEST_CASE(the_last_error_wins, connecting)
{
    silent const nobody_answers;
    c.endpoints(endpoints{bad, bad});
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(c.connect_by_name_error() == success);
    // The second address is one that no socket of its family connects to.
    c.endpoints(endpoints{
        bad, tcp::endpoint(asio::ip::make_address("255.255.255.255"), 9)});
    connect();
    BOOST_TEST(c.error() != success);
    BOOST_TEST(c.error() != asio::error::connection_refused);
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(addresses_of_a_resolver_are_taken, connecting)
{
    auto const results = tcp::resolver(io).resolve(
        good.address().to_string(), port(), tcp::resolver::numeric_host);
    c.endpoints(results);
    connect();
    BOOST_TEST(c.error() == success);
    check_connected(socket, listener);
}

BOOST_AUTO_TEST_CASE(local_endpoints_are_tried_in_their_order)
{
    using local = opslot::local::stream_protocol;
    support::descriptor_check const leaks;
    asio::io_context io;
    std::string const path = "/tmp/opslot_steps_" + std::to_string(::getpid());
    ::unlink(path.c_str());
    local::acceptor acceptor(io, local::endpoint(path));
    local::socket socket(io);
    connect_context c;
    std::string const data = "hello";
    c.endpoints(std::vector<local::endpoint>{
        local::endpoint(path + "_not"), local::endpoint(path)});
    c.buffer(asio::buffer(data));
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 5u);
    local::socket server(io);
    acceptor.accept(server);
    std::array<char, 8> storage;
    BOOST_TEST(server.read_some(asio::buffer(storage)) == 5u);
    ::unlink(path.c_str());
}

// Names

// Model case 84.
BOOST_FIXTURE_TEST_CASE(a_name_is_resolved_and_connected_to, connecting)
{
    c.name("localhost", port());
    auto const result = socket.start_connect(c);
    BOOST_TEST((result == pending));
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.connect_by_name_error() == success);
    check_connected(socket, listener);
}

// Model case 84.
BOOST_FIXTURE_TEST_CASE(a_name_nobody_has_is_not_found, connecting)
{
    c.name(no_host, "80");
    connect();
    BOOST_TEST(c.error() == asio::error::host_not_found);
    BOOST_TEST(c.connect_by_name_error() == asio::error::host_not_found);
    BOOST_TEST(!socket.is_open());
    // The next result replaces it.
    c.name("127.0.0.1", port());
    connect();
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.connect_by_name_error() == success);
    check_connected(socket, listener);
    socket.close();
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_name_whose_address_refuses_tells_so, connecting)
{
    c.name("127.0.0.1", std::to_string(bad.port()));
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    BOOST_TEST(c.connect_by_name_error() == asio::error::connection_refused);
    // A connect to endpoints is none by name.
    c.endpoints(endpoints{bad});
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    BOOST_TEST(c.connect_by_name_error() == success);
    check_usable();
}

// Model case 86.
BOOST_FIXTURE_TEST_CASE(addresses_as_names_choose_the_family, connecting)
{
    // The port alone may be somebody's in the other family.
    refusing const nobody6(asio::ip::address_v6::loopback());
    std::string const bad6 = std::to_string(nobody6.endpoint().port());
    for (int round = 0; round != 2; ++round)
    {
        c.name("127.0.0.1", port());
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, listener);
        socket.close();
        c.name("::1", std::to_string(good6.port()));
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, v6);
        socket.close();
        c.name("::1", bad6);
        connect();
        BOOST_TEST(c.error() == asio::error::connection_refused);
    }
}

// Addresses at the same time

BOOST_FIXTURE_TEST_CASE(a_silent_address_has_a_head_start_only, connecting)
{
    std::deque<silent> silent_ones(3);
    endpoints all;
    for (auto const& each : silent_ones)
    {
        all.push_back(each.endpoint());
    }
    all.push_back(good);
    c.endpoints(all);
    c.parallel(true);
    c.head_start(milliseconds(20));
    BOOST_TEST(c.parallel());
    auto const begin = std::chrono::steady_clock::now();
    connect();
    BOOST_TEST(c.error() == success);
    // Three head starts have passed.
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= milliseconds(60)));
    BOOST_TEST((c.peer_endpoint() == tcp::endpoint(good)));
    check_connected(socket, listener);
    socket.close();
    // Alone, the first one is waited for.
    c.parallel(false);
    c.timeout(milliseconds(100));
    connect();
    BOOST_TEST((c.error() == error::timeout));
    BOOST_TEST(!socket.is_open());
}

BOOST_FIXTURE_TEST_CASE(a_failure_ends_the_head_start, connecting)
{
    c.endpoints(endpoints{bad, bad, good});
    c.parallel(true);
    c.head_start(hours(1));
    connect();
    BOOST_TEST(c.error() == success);
    check_connected(socket, listener);
    socket.close();
    c.endpoints(endpoints{bad, bad});
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(the_first_connection_is_taken, connecting)
{
    // Both would be good, and the first has its head start.
    c.endpoints(endpoints{good, good6});
    c.parallel(true);
    c.head_start(hours(1));
    connect();
    BOOST_TEST((c.peer_endpoint() == tcp::endpoint(good)));
    check_connected(socket, listener);
}

BOOST_FIXTURE_TEST_CASE(names_are_tried_in_parallel_too, connecting)
{
    c.name("localhost", port());
    c.parallel(true);
    c.head_start(milliseconds(1));
    for (int round = 0; round != 5; ++round)
    {
        connect();
        BOOST_TEST(c.error() == success);
        check_connected(socket, listener);
        socket.close();
    }
}

// Data

// Model case 89.
BOOST_FIXTURE_TEST_CASE(first_data_are_sent_with_the_connect, connecting)
{
    for (bool const fast : {false, true})
    {
        for (std::size_t const size : {1u, 10000u})
        {
            std::string const data = support::payload(size);
            c.endpoint(good);
            c.buffer(asio::buffer(data));
            c.fast_open(fast);
            BOOST_TEST((socket.start_connect(c) == pending));
            peer other = listener.accept();
            support::run(io);
            BOOST_TEST(c.error() == success);
            BOOST_TEST(c.bytes_transferred() == size);
            BOOST_TEST((other.read(size) == data));
            socket.close();

            c.endpoints(endpoints{bad, good});
            connect();
            BOOST_TEST(c.error() == success);
            BOOST_TEST(c.bytes_transferred() == size);
            other = listener.accept();
            BOOST_TEST((other.read(size) == data));
            socket.close();
        }
    }
    c.buffer(asio::const_buffer());
    connect();
    BOOST_TEST(c.bytes_transferred() == 0u);
    check_connected(socket, listener);
}

BOOST_FIXTURE_TEST_CASE(a_connect_waits_until_everything_is_sent, connecting)
{
    std::string const data = support::payload(8 << 20);
    c.endpoint(good);
    c.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_connect(c) == pending));
    peer other = listener.accept();
    support::background reader([&] {
        std::string const got = other.read(data.size());
        BOOST_TEST((got == data));
    });
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == data.size());
}

namespace {

struct no_cookie
{
    int const value = 1;

    int level(tcp const&) const { return IPPROTO_TCP; }

    // TCP_FASTOPEN_NO_COOKIE, since Linux 4.15: data go out with the
    // first packet although the server has never agreed to that.
    int name(tcp const&) const { return 34; }

    int const* data(tcp const&) const { return &value; }

    std::size_t size(tcp const&) const { return sizeof(value); }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_fast_open_that_is_refused_tries_the_next, connecting)
{
    std::string const data = support::payload(3000);
    error_code ec;
    socket.open(tcp::v4());
    socket.set_option(no_cookie(), ec);
    if (ec)
    {
        BOOST_TEST_MESSAGE("skipped: no fast open without a cookie");
        return;
    }
    c.endpoints(endpoints{bad, bad, good});
    c.buffer(asio::buffer(data));
    c.fast_open(true);
    connect();
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == data.size());
    peer other = listener.accept();
    BOOST_TEST((other.read(data.size()) == data));
    socket.close();

    socket.open(tcp::v4());
    socket.set_option(no_cookie());
    c.endpoints(endpoints{bad});
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    BOOST_TEST(c.bytes_transferred() == 0u);
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(
    a_fast_open_of_more_than_a_packet_tries_the_next, connecting)
{
    // The first packet takes some of it, and the rest learns of the refusal.
    std::string const data = support::payload(1 << 20);
    error_code ec;
    socket.open(tcp::v4());
    socket.set_option(no_cookie(), ec);
    if (ec)
    {
        BOOST_TEST_MESSAGE("skipped: no fast open without a cookie");
        return;
    }
    c.endpoints(endpoints{bad, good});
    c.buffer(asio::buffer(data));
    c.fast_open(true);
    std::string arrived;
    support::background reader([&] {
        peer other = listener.accept();
        arrived = other.read(data.size());
    });
    connect();
    reader.join();
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == data.size());
    BOOST_TEST((arrived == data));
}

// What was set before

// Model case 85.
BOOST_FIXTURE_TEST_CASE(options_survive_the_change_of_socket, connecting)
{
    socket.open(tcp::v4());
    socket.set_option(tcp::no_delay(true));
    socket.set_option(asio::socket_base::keep_alive(true));
    socket.set_option(asio::socket_base::receive_buffer_size(20000));
    socket.set_option(asio::ip::unicast::hops(33));
    socket.non_blocking(true);
    for (auto const& last : {good, good6})
    {
        c.endpoints(endpoints{bad, last});
        connect();
        BOOST_REQUIRE(c.error() == success);
        tcp::no_delay delay;
        asio::socket_base::keep_alive alive;
        asio::socket_base::receive_buffer_size size;
        socket.get_option(delay);
        socket.get_option(alive);
        socket.get_option(size);
        BOOST_TEST(delay.value());
        BOOST_TEST(alive.value());
        BOOST_TEST(size.value() == 20000);
        BOOST_TEST(socket.non_blocking());
        // The level of this one depends on the family that the socket has.
        asio::ip::unicast::hops hops(0);
        socket.get_option(hops);
        BOOST_TEST(hops.value() > 0);
        socket.non_blocking(false);
        check_connected(socket, last == good ? listener : v6);
        socket.close();
        socket.open(tcp::v4());
        socket.set_option(tcp::no_delay(true));
        socket.set_option(asio::socket_base::keep_alive(true));
        socket.set_option(asio::socket_base::receive_buffer_size(20000));
        socket.non_blocking(true);
    }
}

// The socket is of the family that the name does not have at this port, so
// another one takes its place.
// Model case 85.
BOOST_FIXTURE_TEST_CASE(options_survive_a_connect_by_name, connecting)
{
    socket.open(tcp::v6());
    socket.set_option(tcp::no_delay(true));
    socket.set_option(asio::socket_base::keep_alive(true));
    c.name("localhost", port());
    connect();
    BOOST_REQUIRE(c.error() == success);
    BOOST_TEST((socket.local_endpoint().protocol() == tcp::v4()));
    tcp::no_delay delay;
    asio::socket_base::keep_alive alive;
    socket.get_option(delay);
    socket.get_option(alive);
    BOOST_TEST(delay.value());
    BOOST_TEST(alive.value());
    check_connected(socket, listener);
}

// However the socket came to be.
BOOST_FIXTURE_TEST_CASE(
    options_of_other_sockets_survive_the_change_too, connecting)
{
    auto const expect_delay_off = [&](tcp::socket& s) {
        s.set_option(tcp::no_delay(true));
        connect_context last;
        last.endpoints(endpoints{bad, good6, good});
        finish(io, last, s.start_connect(last));
        BOOST_REQUIRE(last.error() == success);
        tcp::no_delay delay;
        s.get_option(delay);
        BOOST_TEST(delay.value());
        peer const other =
            (last.peer_endpoint() == good6 ? v6 : listener).accept();
    };
    // Accepted, and disconnected to be used again.
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::ip::tcp::socket client(io);
    client.connect(acceptor.local_endpoint());
    tcp::socket accepted = acceptor.accept();
    accepted.disconnect(opslot::socket_reuse::yes);
    expect_delay_off(accepted);
    // Assigned.
    tcp::socket assigned(io);
    tcp::socket given(io, tcp::v4());
    assigned.assign(tcp::v4(), given.release());
    expect_delay_off(assigned);
    // Opened by the connect itself.
    tcp::socket fresh(io);
    connect_context first;
    first.endpoints(endpoints{bad, good});
    finish(io, first, fresh.start_connect(first));
    BOOST_REQUIRE(first.error() == success);
    peer const other = listener.accept();
    fresh.disconnect(opslot::socket_reuse::yes);
    expect_delay_off(fresh);
}

BOOST_FIXTURE_TEST_CASE(a_socket_of_one_family_gets_the_other, connecting)
{
    socket.open(tcp::v4());
    c.endpoints(endpoints{bad, good6});
    connect();
    BOOST_REQUIRE(c.error() == success);
    asio::ip::v6_only only;
    socket.get_option(only);
    peer other = v6.accept();
    asio::ip::tcp::socket asio_socket = socket.to_asio();
    BOOST_TEST(asio_socket.remote_endpoint() == good6);
    asio_socket.get_option(only);
}

BOOST_FIXTURE_TEST_CASE(a_bound_socket_stays_bound, connecting)
{
    tcp::endpoint const here(asio::ip::make_address("127.0.0.2"), 0);
    socket.open(tcp::v4());
    socket.bind(here);
    // Those of another family are passed over.
    c.endpoints(endpoints{good6, bad, good});
    c.parallel(true);
    connect();
    BOOST_REQUIRE(c.error() == success);
    BOOST_TEST(socket.local_endpoint().address() == here.address());
    check_connected(socket, listener);
    socket.close();

    socket.open(tcp::v4());
    socket.bind(here);
    c.endpoints(endpoints{good6});
    connect();
    BOOST_TEST(c.error() == asio::error::address_family_not_supported);
    c.name("::1", std::to_string(good6.port()));
    connect();
    BOOST_TEST(c.error() == asio::error::host_not_found);
    socket.close();
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(options_stay_through_failures_and_moves, connecting)
{
    socket.open(tcp::v4());
    socket.set_option(tcp::no_delay(true));
    c.endpoints(endpoints{bad});
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    tcp::socket moved(std::move(socket));
    c.endpoints(endpoints{bad, good});
    finish(io, c, moved.start_connect(c));
    BOOST_REQUIRE(c.error() == success);
    tcp::no_delay delay;
    moved.get_option(delay);
    BOOST_TEST(delay.value());
    moved.close();
    // Closing forgets them.
    finish(io, c, moved.start_connect(c));
    BOOST_REQUIRE(c.error() == success);
    moved.get_option(delay);
    BOOST_TEST(!delay.value());
}

// Forms

BOOST_FIXTURE_TEST_CASE(every_form_completes_later, connecting)
{
    tcp::socket second(io), third(io);
    connect_context token;
    c.endpoints(endpoints{bad, good});
    // To another listener: which connection is first is not said.
    token.endpoints(endpoints{bad, good6});
    int calls = 0;
    socket.async_connect(c);
    second.async_connect(token, [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    BOOST_TEST(c.calls == 0);
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(calls == 1);
    BOOST_TEST(token.calls == 0);
    check_connected(socket, listener);
    check_connected(second, v6);
    // What is known at once is delivered later, too.
    error_code ec;
    socket.async_connect(c);
    second.async_connect(token, [&](error_code e) { ec = e; });
    BOOST_TEST(c.calls == 1);
    support::run(io);
    BOOST_TEST(c.calls == 2);
    BOOST_TEST(c.error() == asio::error::already_connected);
    BOOST_TEST(ec == asio::error::already_connected);
}

// Model case 82.
BOOST_FIXTURE_TEST_CASE(a_connected_socket_keeps_its_connection, connecting)
{
    c.endpoint(good);
    connect();
    c.endpoints(endpoints{good6, good});
    auto const result = socket.start_connect(c);
    BOOST_TEST((result == completed));
    BOOST_TEST(c.error() == asio::error::already_connected);
    BOOST_TEST(!c.is_pending());
    check_connected(socket, listener);
}

// Model case 82.
BOOST_FIXTURE_TEST_CASE(a_second_connect_leaves_the_first_alone, connecting)
{
    silent const nobody_answers;
    connect_context in_steps, plain;
    c.endpoints(endpoints{nobody_answers.endpoint(), good});
    in_steps.endpoints(endpoints{good});
    plain.endpoint(good);
    BOOST_TEST((socket.start_connect(c) == pending));
    BOOST_TEST((socket.start_connect(in_steps) == completed));
    BOOST_TEST(in_steps.error() == asio::error::already_started);
    BOOST_TEST((socket.start_connect(plain) == completed));
    BOOST_TEST(plain.error() == asio::error::already_started);
    BOOST_TEST(!socket.is_open());
    error_code ec;
    socket.open(tcp::v4(), ec);
    BOOST_TEST(ec == asio::error::already_open);
    BOOST_TEST(c.is_pending());
    c.cancel();
    support::run(io);
    BOOST_TEST(c.error() == aborted);
    // Nor is a plain one disturbed by one of several steps.
    plain.endpoint(nobody_answers.endpoint());
    BOOST_TEST((socket.start_connect(plain) == pending));
    BOOST_TEST((socket.start_connect(c) == completed));
    BOOST_TEST(c.error() == asio::error::already_started);
    BOOST_TEST(plain.is_pending());
    plain.cancel();
    support::run(io);
    socket.close();
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(other_operations_find_the_socket_closed, connecting)
{
    silent const nobody_answers;
    c.endpoints(endpoints{nobody_answers.endpoint(), good});
    BOOST_TEST((socket.start_connect(c) == pending));
    support::counted<opslot::stream_context> other;
    std::array<char, 4> storage;
    other.buffer(asio::buffer(storage));
    finish(io, other, socket.start_receive(other));
    BOOST_TEST(other.error() == asio::error::bad_descriptor);
    finish(io, other, socket.start_send(other));
    BOOST_TEST(other.error() == asio::error::bad_descriptor);
    finish(io, other, socket.start_wait(other, tcp::socket::wait_read));
    BOOST_TEST(other.error() == asio::error::bad_descriptor);
    error_code ec;
    socket.wait(tcp::socket::wait_write, ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    socket.local_endpoint(ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    socket.release(ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    BOOST_TEST(c.is_pending());
    socket.cancel();
    support::run(io);
    BOOST_TEST(c.error() == aborted);
    check_usable();
}

// Ends

namespace {

// Connects that are in each of their steps when something ends them.
template<typename End>
void end_in_each_step(connecting& f, error_code const& expected, End end)
{
    silent const nobody_answers;
    std::string const data = support::payload(16 << 20);
    for (int const step : {0, 1, 2})
    {
        switch (step)
        {
        case 0:
            f.c.name("localhost", f.port());
            break;
        case 1:
            f.c.endpoints(endpoints{f.bad, nobody_answers.endpoint()});
            break;
        default:
            f.c.buffer(asio::buffer(data));
            f.c.endpoint(f.good);
        }
        int const calls = f.c.calls;
        BOOST_TEST((f.socket.start_connect(f.c) == pending));
        std::optional<peer> other;
        if (step == 2)
        {
            other = f.listener.accept();
            // The peer does not read, so the send waits in the end.
            support::run_until(f.io, [&] {
                int arrived = 0;
                ::ioctl(other->native_handle(), FIONREAD, &arrived);
                return arrived != 0;
            });
        }
        else if (step == 1)
        {
            support::poll(f.io);
        }
        end();
        support::run(f.io);
        BOOST_TEST(f.c.calls == calls + 1);
        BOOST_TEST(f.c.error() == expected);
        BOOST_TEST(!f.socket.is_open());
        BOOST_TEST(
            (f.c.connect_by_name_error() == (step ? success : expected)));
        if (step == 2)
        {
            BOOST_TEST(f.c.bytes_transferred() > 0u);
            BOOST_TEST(f.c.bytes_transferred() < data.size());
        }
        f.check_usable();
    }
}

} // namespace

BOOST_FIXTURE_TEST_CASE(every_step_can_be_cancelled, connecting)
{
    end_in_each_step(*this, aborted, [this] {
        BOOST_TEST(c.cancel());
        BOOST_TEST(!c.cancel());
    });
}

// Model case 88.
BOOST_FIXTURE_TEST_CASE(closing_the_socket_ends_every_step, connecting)
{
    end_in_each_step(*this, aborted, [this] { socket.close(); });
    end_in_each_step(*this, aborted, [this] { socket.cancel(); });
    end_in_each_step(*this, aborted, [this] { socket = tcp::socket(io); });
}

BOOST_FIXTURE_TEST_CASE(a_deadline_counts_for_all_steps, connecting)
{
    silent const first, second;
    c.endpoints(endpoints{bad, first.endpoint(), second.endpoint()});
    c.timeout(milliseconds(30));
    auto const begin = std::chrono::steady_clock::now();
    connect();
    BOOST_TEST((c.error() == error::timeout));
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= milliseconds(30)));
    BOOST_TEST(!socket.is_open());
    // While sending.
    std::string const data = support::payload(16 << 20);
    c.endpoint(good);
    c.buffer(asio::buffer(data));
    c.timeout(milliseconds(100));
    connect();
    BOOST_TEST((c.error() == error::timeout));
    BOOST_TEST(c.bytes_transferred() > 0u);
    BOOST_TEST(c.bytes_transferred() < data.size());
    peer const other = listener.accept();
    // It stays set, and counts from each start.
    c.endpoints(endpoints{first.endpoint()});
    connect();
    BOOST_TEST((c.error() == error::timeout));
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_slot_cancels_every_step, connecting)
{
    silent const nobody_answers;
    for (bool const is_open : {false, true})
    {
        for (auto const type :
             {asio::cancellation_type::terminal,
              asio::cancellation_type::partial,
              asio::cancellation_type::total})
        {
            if (is_open)
            {
                socket.open(tcp::v4());
            }
            asio::cancellation_signal signal;
            error_code ec;
            int calls = 0;
            c.endpoints(endpoints{bad, nobody_answers.endpoint()});
            socket.async_connect(
                c,
                asio::bind_cancellation_slot(signal.slot(), [&](error_code e) {
                    ec = e;
                    ++calls;
                }));
            support::poll(io);
            BOOST_TEST(calls == 0);
            signal.emit(type);
            support::run(io);
            BOOST_TEST(calls == 1);
            BOOST_TEST(ec == aborted);
            BOOST_TEST(!socket.is_open());
        }
    }
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_send_that_fails_is_the_result, connecting)
{
    std::string const data = support::payload(16 << 20);
    c.endpoints(endpoints{good, good6});
    c.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_connect(c) == pending));
    {
        peer other = listener.accept();
        ::linger const hard{1, 0};
        ::setsockopt(
            other.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        support::poll(io);
    }
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() != success);
    BOOST_TEST(c.bytes_transferred() < data.size());
    BOOST_TEST(!socket.is_open());
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(the_result_goes_where_the_socket_is, connecting)
{
    silent const nobody_answers;
    c.endpoints(endpoints{nobody_answers.endpoint(), good});
    c.parallel(true);
    c.head_start(milliseconds(5));
    auto const result = socket.start_connect(c);
    support::poll(io);
    tcp::socket moved(std::move(socket));
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(!socket.is_open());
    check_connected(moved, listener);
    check_usable();
}

// Lifetime

BOOST_FIXTURE_TEST_CASE(a_withdrawn_connect_calls_nothing, connecting)
{
    silent const nobody_answers;
    std::string const data = support::payload(16 << 20);
    for (int const step : {0, 1, 2})
    {
        int calls = 0;
        std::optional<opslot::connect_context> going(std::in_place);
        going->completion_handler([&](auto&) { ++calls; });
        if (step == 0)
        {
            going->name("localhost", port());
        }
        else if (step == 1)
        {
            going->endpoints(endpoints{bad, nobody_answers.endpoint()});
        }
        else
        {
            going->endpoint(good);
            going->buffer(asio::buffer(data));
        }
        BOOST_TEST((socket.start_connect(*going) == pending));
        std::optional<peer> other;
        if (step == 2)
        {
            other = listener.accept();
        }
        if (step != 0)
        {
            support::poll(io);
        }
        going.reset();
        support::run(io);
        BOOST_TEST(calls == 0);
        BOOST_TEST(!socket.is_open());
        check_usable();
    }
}

BOOST_FIXTURE_TEST_CASE(
    a_connect_withdrawn_before_its_call_leaves_a_connection, connecting)
{
    // Nobody runs what the handler belongs to, until the connection is there.
    asio::io_context other_io;
    int calls = 0;
    std::optional<opslot::connect_context> going(std::in_place);
    going->completion_handler(
        asio::bind_executor(other_io, [&](auto&) { ++calls; }));
    going->endpoints(endpoints{bad, good});
    BOOST_TEST((socket.start_connect(*going) == pending));
    while (!socket.is_open() && io.run_one_for(std::chrono::seconds(5)) != 0)
    {}
    going.reset();
    support::run(io);
    support::run(other_io);
    BOOST_TEST(calls == 0);
    check_connected(socket, listener);
    socket.close();
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_failed_to_connect_is_closed, connecting)
{
    socket.open(tcp::v4());
    c.endpoints(endpoints{bad});
    connect();
    BOOST_TEST(c.error() == asio::error::connection_refused);
    BOOST_TEST(!socket.is_open());
    error_code ec;
    socket.cancel(ec);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_disposed_connect_completes_once, connecting)
{
    c.endpoints(endpoints{bad, good});
    BOOST_TEST((socket.start_connect(c) == pending));
    c.dispose();
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
    check_connected(socket, listener);
    tcp::socket second(io);
    expect_thrown(error::context_disposed, [&] {
        static_cast<void>(second.start_connect(c));
    });
}

BOOST_FIXTURE_TEST_CASE(a_pending_connect_keeps_its_owner, connecting)
{
    struct client : std::enable_shared_from_this<client>
    {
        tcp::socket socket;
        opslot::connect_context c;
        int& alive;

        client(asio::io_context& io, int& count)
            : socket(io)
            , alive(count)
        {
            ++alive;
            c.keep_alive(*this);
        }

        ~client() { --alive; }
    };

    int alive = 0;
    auto one = std::make_shared<client>(io, alive);
    one->c.endpoints(endpoints{bad, good});
    one->c.completion_handler([&alive](auto&) { BOOST_TEST(alive == 1); });
    BOOST_TEST((one->socket.start_connect(one->c) == pending));
    one.reset();
    BOOST_TEST(alive == 1);
    support::run(io);
    BOOST_TEST(alive == 0);

    opslot::context_pool<opslot::connect_context> pool(
        io, opslot::context_pool_options{1, 1});
    int calls = 0;
    for (int round = 0; round != 3; ++round)
    {
        auto pooled = pool.try_acquire();
        BOOST_REQUIRE(pooled);
        pooled->completion_handler([&](auto&) { ++calls; });
        pooled->endpoints(endpoints{bad, good});
        tcp::socket s(io);
        BOOST_TEST((s.start_connect(*pooled) == pending));
        pooled.reset();
        BOOST_TEST(!pool.try_acquire());
        support::run(io);
        BOOST_TEST(calls == round + 1);
    }
}

BOOST_AUTO_TEST_CASE(connects_go_with_their_io_context)
{
    support::descriptor_check const leaks;
    silent const nobody_answers;
    support::listener l;
    std::string const data = support::payload(16 << 20);
    auto const guard = std::make_shared<int>();
    for (bool const contexts_first : {false, true})
    {
        std::optional<asio::io_context> io(std::in_place);
        std::deque<tcp::socket> sockets;
        std::deque<opslot::connect_context> contexts(6);
        for (std::size_t i = 0; i != contexts.size(); ++i)
        {
            auto& c = contexts[i];
            sockets.emplace_back(*io);
            if (i < 3)
            {
                c.completion_handler([guard](auto&) { BOOST_ERROR("called"); });
            }
            switch (i % 3)
            {
            case 0:
                c.name("localhost", std::to_string(l.endpoint().port()));
                break;
            case 1:
                c.endpoints(endpoints{
                    nobody_answers.endpoint(), nobody_answers.endpoint()});
                c.parallel(true);
                break;
            default:
                c.endpoint(l.endpoint());
                c.buffer(asio::buffer(data));
            }
            if (i < 3)
            {
                sockets[i].async_connect(c);
            }
            else
            {
                sockets[i].async_connect(
                    c, [guard](error_code) { BOOST_ERROR("called"); });
            }
        }
        if (contexts_first)
        {
            contexts.clear();
            BOOST_TEST(guard.use_count() == 1);
        }
        io.reset();
        BOOST_TEST(guard.use_count() == 1);
        for (auto const& c : contexts)
        {
            BOOST_TEST(!c.is_pending());
        }
    }
}

// Executors and threads

BOOST_FIXTURE_TEST_CASE(handlers_run_on_the_executor_of_the_socket, connecting)
{
    using strand_type = asio::strand<asio::io_context::executor_type>;
    strand_type const strand = asio::make_strand(io);
    auto const own = asio::make_strand(io);
    {
        tcp::socket on_strand{asio::any_io_executor(strand)};
        opslot::connect_context on_socket;
        opslot::connect_context with_own;
        int calls = 0;
        on_socket.completion_handler([&](auto&) {
            BOOST_TEST(strand.running_in_this_thread());
            ++calls;
        });
        with_own.completion_handler(asio::bind_executor(own, [&](auto&) {
            BOOST_TEST(own.running_in_this_thread());
            ++calls;
        }));
        for (auto* const each : {&on_socket, &with_own})
        {
            for (bool const by_name : {false, true})
            {
                if (by_name)
                {
                    each->name("localhost", port());
                }
                else
                {
                    each->endpoints(endpoints{bad, good});
                }
                BOOST_TEST((on_strand.start_connect(*each) == pending));
                support::run(io);
                BOOST_TEST(each->error() == success);
                on_strand.close();
            }
        }
        BOOST_TEST(calls == 4);
    }
}

BOOST_AUTO_TEST_CASE(threads_connect_and_cancel)
{
    support::descriptor_check const leaks;
    support::listener l(AF_INET, 4096);
    refusing const nobody;
    asio::io_context io;
    std::atomic<int> done{0};
    constexpr int count = 200;

    struct client
    {
        tcp::socket socket;
        opslot::connect_context c;

        explicit client(asio::io_context& context)
            : socket(context)
        {}
    };

    std::string const data = "hello";
    std::deque<client> clients;
    auto work = asio::make_work_guard(io);
    {
        std::deque<support::background> threads;
        for (int i = 0; i != 3; ++i)
        {
            threads.emplace_back([&] { io.run_for(support::patience); });
        }
        for (int i = 0; i != count; ++i)
        {
            auto& each = clients.emplace_back(io);
            each.c.endpoints(endpoints{nobody.endpoint(), l.endpoint()});
            each.c.buffer(asio::buffer(data));
            each.c.parallel(i % 2 == 0);
            each.c.head_start(milliseconds(1));
            each.c.completion_handler([&](auto&) { ++done; });
            each.socket.async_connect(each.c);
            if (i % 3 == 0)
            {
                each.c.cancel();
            }
            else if (i % 3 == 1)
            {
                clients[static_cast<std::size_t>(i) / 2].c.cancel();
            }
        }
        work.reset();
    }
    BOOST_TEST(done == count);
    for (auto& each : clients)
    {
        BOOST_TEST(!each.c.is_pending());
        BOOST_TEST((each.c.error() == success) == each.socket.is_open());
        BOOST_TEST((each.c.error() == success || each.c.error() == aborted));
    }
}

// Bad input

BOOST_FIXTURE_TEST_CASE(misuse_leaves_the_context_usable, connecting)
{
    using opslot::local::stream_protocol;
    asio::error::basic_errors const invalid = asio::error::invalid_argument;

    expect_thrown(error::no_endpoint, [&] {
        static_cast<void>(socket.start_connect(c));
    });
    check_usable();
    expect_thrown(error::no_endpoint, [&] { c.endpoints(endpoints()); });
    BOOST_TEST(!c.is_pending());
    check_usable();
    expect_thrown(invalid, [&] { c.name("", "80"); });
    expect_thrown(invalid, [&] { c.name("localhost", ""); });
    expect_thrown(invalid, [&] { c.name("0.0.0.0", "80"); });
    expect_thrown(invalid, [&] { c.name("::", "80"); });
    expect_thrown(error::out_of_range, [&] { c.name("localhost", "65536"); });
    expect_thrown(error::out_of_range, [&] {
        c.name("localhost", "184467440737095516160080");
    });
    expect_thrown(error::out_of_range, [&] { c.head_start(hours(0)); });
    // What was set before is still set.
    c.endpoints(endpoints{bad, good});
    expect_thrown(invalid, [&] { c.name("", "80"); });
    connect();
    BOOST_TEST(c.error() == success);
    check_connected(socket, listener);
    socket.close();
    check_usable();

    // A name is for sockets that have names.
    stream_protocol::socket local(io);
    c.name("localhost", "80");
    expect_thrown(asio::error::operation_not_supported, [&] {
        static_cast<void>(local.start_connect(c));
    });
    expect_thrown(
        asio::error::operation_not_supported, [&] { local.async_connect(c); });
    error_code ec;
    local.async_connect(c, [&](error_code e) { ec = e; });
    support::run(io);
    BOOST_TEST(ec == asio::error::operation_not_supported);
    BOOST_TEST(!local.is_open());
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_pending_connect_is_not_changed, connecting)
{
    silent const nobody_answers;
    std::string const data = "hello";
    c.endpoints(endpoints{nobody_answers.endpoint(), good});
    c.parallel(true);
    c.head_start(milliseconds(20));
    BOOST_TEST((socket.start_connect(c) == pending));
    auto const busy = error::context_busy;
    expect_thrown(busy, [&] { c.endpoint(bad); });
    expect_thrown(busy, [&] { c.endpoints(endpoints{bad}); });
    expect_thrown(busy, [&] { c.name("localhost", "80"); });
    expect_thrown(busy, [&] { c.buffer(asio::buffer(data)); });
    expect_thrown(busy, [&] { c.parallel(false); });
    expect_thrown(busy, [&] { c.head_start(hours(1)); });
    expect_thrown(busy, [&] { c.fast_open(true); });
    expect_thrown(busy, [&] { static_cast<void>(socket.start_connect(c)); });
    expect_thrown(busy, [&] { socket.async_connect(c); });
    error_code ec;
    int calls = 0;
    socket.async_connect(c, [&](error_code e) {
        ec = e;
        ++calls;
    });
    support::run(io);
    BOOST_TEST(ec == error_code(busy));
    BOOST_TEST(calls == 1);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
    check_connected(socket, listener);
}

BOOST_FIXTURE_TEST_CASE(an_executor_without_names_is_no_obstacle, connecting)
{
    using plain = asio::io_context::executor_type;
    opslot::basic_stream_socket<asio::ip::tcp, plain> narrow(io);
    c.name("localhost", port());
    finish(io, c, narrow.start_connect(c));
    BOOST_TEST(c.error() == success);
}

BOOST_FIXTURE_TEST_CASE(without_descriptors_no_address_is_good, connecting)
{
    c.endpoints(endpoints{good, good6});
    connect();
    check_connected(socket, listener);
    socket.close();
    {
        ::rlimit before{};
        support::require(::getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
        int const next = ::dup(STDERR_FILENO);
        support::require(next >= 0, "dup");
        ::close(next);
        ::rlimit const none{static_cast<::rlim_t>(next), before.rlim_max};
        support::require(::setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
        connect();
        ::setrlimit(RLIMIT_NOFILE, &before);
    }
    BOOST_TEST(c.error() == asio::error::no_descriptors);
    BOOST_TEST(!socket.is_open());
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_datagram_socket_does_not_connect_in_steps, connecting)
{
    opslot::udp::socket open(io, opslot::udp::v4());
    opslot::udp::socket closed(io);
    c.endpoints(endpoints{good, good});
    for (opslot::udp::socket* each : {&open, &closed})
    {
        bool const was_open = each->is_open();
        expect_thrown(asio::error::operation_not_supported, [&] {
            static_cast<void>(each->start_connect(c));
        });
        BOOST_TEST(each->is_open() == was_open);
    }
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(
    a_disconnect_takes_the_address_of_later_steps, connecting)
{
    socket.open(tcp::v4());
    socket.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto const bound = socket.local_endpoint();
    socket.connect(good);
    peer const first = listener.accept();
    socket.disconnect(opslot::socket_reuse::yes);
    c.endpoints(endpoints{bad, good});
    connect();
    BOOST_TEST(c.error() == success);
    BOOST_TEST(socket.local_endpoint() != bound);
    check_connected(socket, listener);
}

BOOST_FIXTURE_TEST_CASE(
    a_native_socket_that_waits_does_not_stop_the_steps, connecting)
{
    silent const nobody_answers;
    socket.open(tcp::v4());
    socket.native_non_blocking(false);
    c.endpoints(endpoints{nobody_answers.endpoint(), good});
    c.timeout(milliseconds(20));
    connect();
    BOOST_TEST((c.error() == error::timeout));
}

BOOST_FIXTURE_TEST_CASE(after_a_failed_connect_nothing_is_sent, connecting)
{
    c.endpoints(endpoints{bad, bad});
    connect();
    BOOST_TEST(c.error() != success);
    opslot::stream_context tx;
    tx.buffer(asio::const_buffer());
    BOOST_TEST((socket.start_send(tx) == completed));
    BOOST_TEST(tx.error() == asio::error::bad_descriptor);
    check_usable();
}

// Cost

BOOST_FIXTURE_TEST_CASE(
    steps_take_nothing_from_the_heap,
    connecting,
    *support::where_allocations_are_seen())
{
    std::string const data = "hello";
    silent const nobody_answers;
    bool by_name = false;
    c.buffer(asio::buffer(data));
    c.parallel(true);
    c.head_start(milliseconds(1));
    c.endpoints(endpoints{bad, nobody_answers.endpoint(), good});
    opslot::connect_context name;
    name.name("127.0.0.1", port());
    support::expect_no_allocations([&] {
        by_name = !by_name;
        auto& each = by_name ? name : static_cast<opslot::connect_context&>(c);
        socket.async_connect(each);
        bool const ok = support::run_quietly(io) && !each.error();
        peer const other = listener.accept();
        socket.close();
        return ok;
    });
}
