// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Each error that the system can report is forced once at each place where
// the library makes the call, and reaches the user, who can go on after it.

#define BOOST_TEST_MODULE faults_errors
#include <opslot/accept_context.hpp>
#include <opslot/connect.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netdb.h>

#include "faults/layer.hpp"
#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/files.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using faults::call;
using faults::forced;
using opslot::completed;
using opslot::pending;
using opslot::socket_reuse;
using opslot::stream_context;
using support::finish;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;

error_code system_error_of(int number)
{
    return {number, boost::system::system_category()};
}

// A connection, and a context for each direction.
struct stream : support::connection
{
    context rx, tx;
    std::array<char, 64> storage{};

    stream()
    {
        rx.buffer(asio::buffer(storage));
        tx.buffer(asio::buffer(std::string_view("ping")));
    }

    // Starts an operation in a handler of the library's, inside a turn.
    void in_a_turn(std::function<void()> start)
    {
        context trigger;
        std::array<char, 1> byte{};
        trigger.buffer(asio::buffer(byte));
        trigger.completion_handler([&](stream_context&) { start(); });
        BOOST_REQUIRE((socket.start_receive(trigger) == pending));
        other.write("!");
        support::run_until(io, [&] { return !trigger.is_pending(); });
    }

    void check_usable()
    {
        rx.buffer(asio::buffer(storage));
        rx.at_least(4);
        tx.buffer(asio::buffer(std::string_view("ping")));
        finish(io, tx, socket.start_send(tx));
        BOOST_TEST(tx.error() == success);
        BOOST_TEST(other.read(4) == "ping");
        other.write("pong");
        finish(io, rx, socket.start_receive(rx));
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 4u);
        rx.at_least(1);
    }
};

} // namespace

#if !defined(OPSLOT_ENGINE_PORTABLE)

// Receiving

namespace {

void check_receive(call which, int error)
{
    stream s;
    std::array<asio::mutable_buffer, 2> const list{
        asio::buffer(s.storage, 8), asio::buffer(s.storage) + 8};
    if (which == call::recvmsg)
    {
        s.rx.clear_buffers();
        s.rx.buffer_list(list);
    }
    {
        // At the start.
        forced const fault(which, error);
        finish(s.io, s.rx, s.socket.start_receive(s.rx));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(s.rx.error() == system_error_of(error));
        BOOST_TEST(s.rx.bytes_transferred() == 0u);
    }
    BOOST_TEST((s.socket.start_receive(s.rx) == pending));
    {
        // When there is something to receive.
        forced const fault(which, error);
        s.other.write("x");
        support::run(s.io);
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(s.rx.error() == system_error_of(error));
    }
    finish(s.io, s.rx, s.socket.start_receive(s.rx));
    BOOST_TEST(s.rx.error() == success);
    s.rx.clear_buffers();
    s.check_usable();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_receive_reports_what_its_call_does)
{
    for (int const error : {ECONNRESET, ENOMEM, ETIMEDOUT})
    {
        check_receive(call::recv, error);
        check_receive(call::recvmsg, error);
    }
}

BOOST_FIXTURE_TEST_CASE(a_synchronous_receive_reports_errors, stream)
{
    error_code ec;
    other.write("x");
    forced const fault(call::recvmsg, ECONNRESET);
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 0u);
    BOOST_TEST(ec == asio::error::connection_reset);
    BOOST_TEST(fault.hits() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_interrupted_receive_goes_on, stream)
{
    {
        forced const fault(call::recv, EINTR, 0, 7);
        BOOST_TEST((socket.start_receive(rx) == pending));
        BOOST_TEST(fault.hits() == 7u);
    }
    {
        forced const fault(call::recv, EINTR, 0, 7);
        other.write("x");
        support::run(io);
        BOOST_TEST(fault.hits() == 7u);
        BOOST_TEST(rx.error() == success);
        BOOST_TEST(rx.bytes_transferred() == 1u);
    }
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_wait_reports_what_its_call_does, stream)
{
    forced const fault(call::poll, ENOMEM);
    finish(io, rx, socket.start_wait(rx, tcp::socket::wait_read));
    BOOST_TEST(fault.hits() == 1u);
    BOOST_TEST(rx.error() == asio::error::no_memory);
    check_usable();
}

// Sending

BOOST_FIXTURE_TEST_CASE(a_send_reports_what_its_call_does, stream)
{
    for (int const error : {ECONNRESET, EPIPE, ENOBUFS, ENOMEM})
    {
        {
            forced const fault(call::send, error);
            finish(io, tx, socket.start_send(tx));
            BOOST_TEST(fault.hits() == 1u);
            BOOST_TEST(tx.error() == system_error_of(error));
            BOOST_TEST(tx.bytes_transferred() == 0u);
        }
        in_a_turn([&] {
            forced const fault(call::send, error);
            BOOST_TEST((socket.start_send(tx) == completed));
            BOOST_TEST(fault.hits() == 1u);
            BOOST_TEST(tx.error() == system_error_of(error));
        });
        std::array<asio::const_buffer, 2> const list{
            asio::buffer("a", 1), asio::buffer("b", 1)};
        tx.clear_buffers();
        tx.buffer_list(list);
        {
            forced const fault(call::sendmsg, error);
            finish(io, tx, socket.start_send(tx));
            BOOST_TEST(fault.hits() == 1u);
            BOOST_TEST(tx.error() == system_error_of(error));
        }
        tx.clear_buffers();
        check_usable();
    }
}

BOOST_FIXTURE_TEST_CASE(sends_that_leave_together_fail_one_by_one, stream)
{
    std::array<context, 3> queued;
    for (context& c : queued)
    {
        c.buffer(asio::buffer(std::string_view("data")));
    }
    // The second and the third leave together after the handler.
    {
        forced const fault(call::sendmsg, ENOBUFS);
        in_a_turn([&] {
            for (context& c : queued)
            {
                (void)socket.start_send(c);
            }
        });
        support::run_until(
            io, [&] { return queued[1].calls + queued[2].calls == 2; });
        BOOST_TEST(fault.hits() == 1u);
    }
    BOOST_TEST(queued[0].error() == success);
    BOOST_TEST(queued[1].error() == asio::error::no_buffer_space);
    BOOST_TEST(queued[2].error() == success);
    BOOST_TEST(other.read(8) == "datadata");
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_synchronous_send_reports_errors, stream)
{
    error_code ec;
    forced const fault(call::sendmsg, EPIPE);
    BOOST_TEST(socket.write_some(asio::buffer("x", 1), ec) == 0u);
    BOOST_TEST(ec == asio::error::broken_pipe);
    BOOST_TEST(fault.hits() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_interrupted_send_goes_on, stream)
{
    {
        forced const fault(call::send, EINTR, 0, 7);
        finish(io, tx, socket.start_send(tx));
        BOOST_TEST(fault.hits() == 7u);
        BOOST_TEST(tx.error() == success);
    }
    in_a_turn([&] {
        forced const fault(call::send, EINTR, 0, 7);
        BOOST_TEST((socket.start_send(tx) == completed));
        BOOST_TEST(fault.hits() == 7u);
    });
    BOOST_TEST(other.read(8) == "pingping");
}

// A send is refused, the event that follows is taken by another thread before
// the refusal is dealt with, and the next call finds room: there is no other
// event to wait for.
BOOST_FIXTURE_TEST_CASE(
    a_refusal_with_room_right_after_it_stops_no_send, stream)
{
    for (int const each : {0, 1, 2})
    {
        std::array<asio::const_buffer, 2> const list{
            asio::buffer("pi", 2), asio::buffer("ng", 2)};
        tx.clear_buffers();
        each == 1 ? tx.buffer_list(list)
                  : tx.buffer(asio::buffer(std::string_view("ping")));
        auto const send_refused = [&] {
            forced const fault(each == 1 ? call::sendmsg : call::send, EAGAIN);
            BOOST_TEST((socket.start_send(tx) == completed));
            BOOST_TEST(fault.hits() == 1u);
            BOOST_TEST(tx.error() == success);
        };
        each == 2 ? in_a_turn(send_refused) : send_refused();
        BOOST_TEST((socket.start_send(tx) == completed));
        BOOST_TEST(other.read(8) == "pingping");
        tx.cancel();
    }
}

BOOST_AUTO_TEST_CASE(a_refused_datagram_stops_no_other)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    opslot::udp::socket socket(io, support::any_port());
    support::datagram_peer other;
    support::counted<opslot::udp::datagram_context> tx;
    tx.buffer(asio::buffer(std::string_view("abc")));
    tx.endpoint(other.endpoint());
    {
        forced const fault(call::sendmsg, EAGAIN);
        BOOST_TEST((socket.start_send_to(tx) == completed));
        BOOST_TEST(fault.hits() == 1u);
    }
    BOOST_TEST((socket.start_send_to(tx) == completed));
    for (int const error : {ENOBUFS, ENOMEM, ECONNREFUSED})
    {
        forced const fault(call::sendmsg, error);
        finish(io, tx, socket.start_send_to(tx));
        BOOST_TEST(tx.error() == system_error_of(error));
    }
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
}

BOOST_AUTO_TEST_CASE(a_receive_of_a_datagram_reports_errors)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    opslot::udp::socket socket(io, support::any_port());
    support::datagram_peer other;
    support::counted<opslot::udp::datagram_context> rx;
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    for (int const error : {ECONNREFUSED, ENOMEM})
    {
        forced const fault(call::recvmsg, error);
        finish(io, rx, socket.start_receive_from(rx));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(rx.error() == system_error_of(error));
    }
    forced const fault(call::recvmsg, EINTR, 0, 3);
    other.send("abc", socket.local_endpoint());
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 3u);
}

BOOST_AUTO_TEST_CASE(a_receive_of_a_batch_reports_errors)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    opslot::udp::socket socket(io, support::any_port());
    support::datagram_peer other;
    support::counted<opslot::udp::datagram_batch_context> rx(4);
    std::array<char, 64> slab;
    rx.slab(asio::buffer(slab), 16);
    for (int const error : {ECONNREFUSED, ENOMEM})
    {
        forced const fault(call::recvmmsg, error);
        finish(io, rx, socket.start_receive_batch(rx));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(rx.error() == system_error_of(error));
        BOOST_TEST(rx.size() == 0u);
    }
    forced const fault(call::recvmmsg, EINTR, 0, 3);
    other.send("abc", socket.local_endpoint());
    finish(io, rx, socket.start_receive_batch(rx));
    BOOST_TEST(fault.hits() == 3u);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.size() == 1u);
    BOOST_TEST(rx.bytes_transferred() == 3u);
}

BOOST_AUTO_TEST_CASE(an_error_of_a_batch_is_that_of_its_first_datagram)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    opslot::udp::socket socket(io, support::any_port());
    support::datagram_peer other;
    support::counted<opslot::udp::datagram_batch_context> tx;
    for (std::string_view const each : {"a", "bb", "ccc"})
    {
        tx.add(asio::buffer(each), other.endpoint());
    }
    for (int const error : {ENOBUFS, ENOMEM, ECONNREFUSED})
    {
        forced const fault(call::sendmmsg, error);
        finish(io, tx, socket.start_send_batch(tx));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(tx.error() == system_error_of(error));
        BOOST_TEST(tx.error_index() == 0u);
        BOOST_TEST(tx.sent() == 2u);
        BOOST_TEST(other.receive() == "bb");
        BOOST_TEST(other.receive() == "ccc");
    }
    // It had no room for a moment.
    for (int const error : {EAGAIN, EINTR})
    {
        forced const fault(call::sendmmsg, error);
        finish(io, tx, socket.start_send_batch(tx));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(tx.error() == success);
        for (char const* each : {"a", "bb", "ccc"})
        {
            BOOST_TEST(other.receive() == each);
        }
    }
}

// Going pending

BOOST_FIXTURE_TEST_CASE(a_full_epoll_set_is_an_error_of_the_operation, stream)
{
    for (int const error : {ENOSPC, ENOMEM})
    {
        forced const fault(call::epoll_ctl, error);
        finish(io, rx, socket.start_receive(rx));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(rx.error() == system_error_of(error));
        BOOST_TEST(rx.calls == 0);
    }
    check_usable();
}

BOOST_AUTO_TEST_CASE(an_engine_that_cannot_be_made_leaves_nothing_open)
{
    struct site
    {
        call which;
        unsigned skip;
    };

    // As many calls of each kind as the engine makes when it is made, after
    // those of Asio's.
    for (auto const [which, skip] : std::initializer_list<site>{
             {call::epoll_create1, 0},
             {call::eventfd, 0},
             {call::timerfd_create, 0},
             {call::timerfd_create, 1},
             {call::epoll_ctl, 0},
             {call::epoll_ctl, 1},
             {call::epoll_ctl, 2}})
    {
        support::descriptor_check const leaks;
        asio::io_context io;
        // Asio's reactor is there before.
        asio::ip::tcp::socket const of_asio(io);
        {
            forced const fault(which, EMFILE, skip);
            BOOST_CHECK_EXCEPTION(
                tcp::socket socket(io), system_error, [](auto const& e) {
                    return e.code() == asio::error::no_descriptors;
                });
            BOOST_TEST(fault.hits() == 1u);
        }
        // There is one when the system has room again.
        tcp::socket socket(io);
        auto other = support::connect_tcp(socket);
        BOOST_TEST(socket.write_some(asio::buffer("x", 1)) == 1u);
        BOOST_TEST(other.read(1) == "x");
    }
}

BOOST_FIXTURE_TEST_CASE(an_interrupted_wait_of_the_engine_goes_on, stream)
{
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("x");
    forced const fault(call::epoll_wait, EINTR, 0, 5);
    support::run(io);
    BOOST_TEST(fault.hits() == 5u);
    BOOST_TEST(rx.bytes_transferred() == 1u);
}

// Accepting

namespace {

struct listening
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::acceptor acceptor{
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    support::counted<tcp::accept_context> c;

    void check_usable()
    {
        auto const other = support::connect_to(acceptor.local_endpoint());
        finish(io, c, acceptor.start_accept(c));
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.has_socket());
        c.take_socket();
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_accept_reports_what_its_call_does, listening)
{
    for (int const error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM})
    {
        auto const other = support::connect_to(acceptor.local_endpoint());
        {
            forced const fault(call::accept4, error);
            finish(io, c, acceptor.start_accept(c));
            BOOST_TEST(fault.hits() == 1u);
            BOOST_TEST(c.error() == system_error_of(error));
            BOOST_TEST(!c.has_socket());
        }
        finish(io, c, acceptor.start_accept(c));
        BOOST_TEST(c.error() == success);
        c.take_socket();
        BOOST_TEST((acceptor.start_accept(c) == pending));
        {
            forced const fault(call::accept4, error);
            auto const another = support::connect_to(acceptor.local_endpoint());
            int const calls = c.calls;
            support::run_until(io, [&] { return c.calls != calls; });
            BOOST_TEST(c.error() == system_error_of(error));
        }
        finish(io, c, acceptor.start_accept(c));
        c.take_socket();
        check_usable();
    }
}

BOOST_FIXTURE_TEST_CASE(connections_that_went_are_no_errors, listening)
{
    for (int const error : {ECONNABORTED, EPROTO, EINTR})
    {
        auto const other = support::connect_to(acceptor.local_endpoint());
        forced const fault(call::accept4, error, 0, 5);
        finish(io, c, acceptor.start_accept(c));
        BOOST_TEST(fault.hits() == 5u);
        BOOST_TEST(c.error() == success);
        c.take_socket();
    }
}

BOOST_FIXTURE_TEST_CASE(a_synchronous_accept_reports_errors, listening)
{
    error_code ec;
    {
        forced const fault(call::accept4, EMFILE);
        (void)acceptor.accept(ec);
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(ec == asio::error::no_descriptors);
    }
    check_usable();
}

// Connecting

BOOST_AUTO_TEST_CASE(a_connect_reports_what_its_call_does)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::socket socket(io);
    support::listener listener;
    support::counted<opslot::connect_context> c;
    c.endpoint(listener.endpoint());
    for (int const error : {EADDRNOTAVAIL, ENETUNREACH, EAGAIN, ENOBUFS})
    {
        forced const fault(call::connect, error);
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(c.error() == system_error_of(error));
        socket.close();
    }
    {
        forced const fault(call::socket, EMFILE);
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(c.error() == asio::error::no_descriptors);
    }
    {
        forced const fault(call::socket, ENOBUFS);
        error_code ec;
        socket.open(tcp::v4(), ec);
        BOOST_TEST(ec == asio::error::no_buffer_space);
    }
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
}

BOOST_AUTO_TEST_CASE(each_step_of_a_connect_reports_what_its_call_does)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    support::listener first, second;
    std::array<tcp::endpoint, 2> const both{
        first.endpoint(), second.endpoint()};
    tcp::socket socket(io);
    support::counted<opslot::connect_context> c;
    c.endpoints(both);
    {
        // The first address fails, the second is taken.
        forced const fault(call::connect, ENETUNREACH);
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(c.error() == success);
        BOOST_TEST(socket.remote_endpoint() == second.endpoint());
        socket.close();
    }
    {
        forced const fault(call::connect, ENETUNREACH, 0, 2);
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(fault.hits() == 2u);
        BOOST_TEST(c.error() == asio::error::network_unreachable);
    }
    {
        forced const fault(call::socket, EMFILE, 0, 2);
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(fault.hits() != 0u);
        BOOST_TEST(c.error() == asio::error::no_descriptors);
    }
    finish(io, c, socket.start_connect(c));
    BOOST_TEST(c.error() == success);
}

BOOST_AUTO_TEST_CASE(a_resolver_that_fails_is_an_error_of_the_connect)
{
    asio::io_context io;
    tcp::socket socket(io);
    support::counted<opslot::connect_context> c;
    c.name("localhost", "80");

    struct
    {
        int of_the_resolver;
        error_code expected;
    } const each[] = {
        {EAI_AGAIN, asio::error::host_not_found_try_again},
        {EAI_NONAME, asio::error::host_not_found},
        {EAI_FAIL, asio::error::no_recovery},
        {EAI_MEMORY, asio::error::no_memory}};

    for (auto const& e : each)
    {
        forced const fault(call::getaddrinfo, e.of_the_resolver);
        finish(io, c, socket.start_connect(c));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(c.error() == e.expected);
        BOOST_TEST(!socket.is_open());
    }
}

// Disconnecting and closing

BOOST_FIXTURE_TEST_CASE(a_disconnect_reports_what_its_calls_do, stream)
{
    struct
    {
        call which;
        int error;
    } const each[] = {
        {call::socket, EMFILE},
        {call::setsockopt, ENOMEM},
        {call::shutdown, ENOBUFS},
    };

    socket.set_option(tcp::no_delay(true));
    for (auto const& e : each)
    {
        forced const fault(e.which, e.error);
        finish(io, rx, socket.start_disconnect(rx, socket_reuse::yes));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(rx.error() == system_error_of(e.error));
    }
    check_usable();
    // From here on the connection is shut down, and there is no way back.
    {
        forced const fault(call::dup3, EMFILE);
        finish(io, rx, socket.start_disconnect(rx, socket_reuse::yes));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(rx.error() == asio::error::no_descriptors);
    }
    BOOST_TEST(other.read_all() == "");
}

BOOST_FIXTURE_TEST_CASE(an_interrupted_close_has_closed, stream)
{
    forced const fault(call::close, EINTR);
    error_code ec = asio::error::fault;
    socket.close(ec);
    BOOST_TEST(fault.hits() == 1u);
    BOOST_TEST(ec == success);
    BOOST_TEST(other.read_all() == "");
}

BOOST_FIXTURE_TEST_CASE(a_close_reports_what_its_call_does, stream)
{
    forced const fault(call::close, EIO);
    error_code ec;
    socket.close(ec);
    BOOST_TEST(fault.hits() == 1u);
    BOOST_TEST(ec == system_error_of(EIO));
    BOOST_TEST(!socket.is_open());
}

// Files

namespace {

struct sending_files : stream
{
    std::string const content = support::payload(100000);
    support::temporary_file file{content};
    support::counted<opslot::transmit_context> transmit;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_transmission_reports_what_its_calls_do, sending_files)
{
    struct site
    {
        call which;
        int error;
        std::size_t size;
    };

    // Small files are read, large ones go by sendfile(2).
    for (auto const& each : std::initializer_list<site>{
             {call::open, EMFILE, 100},
             {call::open, EACCES, 100000},
             {call::pread, EIO, 100},
             {call::sendmsg, ENOBUFS, 100},
             {call::sendfile, EIO, 100000},
             {call::sendfile, ENOMEM, 100000}})
    {
        std::vector<opslot::transmit_element> const elements{
            opslot::transmit_element::from_path(file.path(), 0, each.size)};
        transmit.elements(elements);
        forced const fault(each.which, each.error);
        finish(io, transmit, socket.start_transmit(transmit));
        BOOST_TEST(fault.hits() == 1u);
        BOOST_TEST(transmit.error() == system_error_of(each.error));
        BOOST_TEST(transmit.bytes_transferred() == 0u);
    }
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(an_interrupted_transmission_goes_on, sending_files)
{
    for (call const which : {call::open, call::pread, call::sendfile})
    {
        std::size_t const size = which == call::pread ? 100 : content.size();
        std::vector<opslot::transmit_element> const elements{
            opslot::transmit_element::from_path(file.path(), 0, size)};
        transmit.elements(elements);
        forced const fault(which, EINTR, 0, 3);
        std::string arrived;
        support::background reader([&] { arrived = other.read(size); });
        finish(io, transmit, socket.start_transmit(transmit));
        reader.join();
        BOOST_TEST(fault.hits() == 3u);
        BOOST_TEST(transmit.error() == success);
        BOOST_TEST((arrived == content.substr(0, size)));
    }
}

// Memory

namespace {

auto where_the_heap_is_reached()
{
    return boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
        return boost::test_tools::assertion_result(faults::reaches_the_heap());
    });
}

} // namespace

// Every request for memory fails once, until one run needs no more of it than
// succeeded: each failure is thrown or reported, and afterwards all works.
BOOST_AUTO_TEST_CASE(
    a_failed_request_for_memory_is_thrown_or_reported,
    *where_the_heap_is_reached())
{
    unsigned failures = 0;
    for (unsigned skip = 0;; ++skip)
    {
        support::descriptor_check const leaks;
        asio::io_context io;
        tcp::socket socket(io);
        support::peer other = support::connect_tcp(socket);
        bool was_hit = false;
        context rx;
        std::array<char, 4> storage;
        rx.buffer(asio::buffer(storage));
        bool is_pending = false;
        {
            forced const fault(call::malloc, ENOMEM, skip);
            try
            {
                is_pending = socket.start_receive(rx) == pending;
            }
            catch (std::bad_alloc const&)
            {
                BOOST_TEST(!rx.is_pending());
            }
            was_hit = fault.hits() != 0;
        }
        if (!is_pending)
        {
            is_pending = socket.start_receive(rx) == pending;
        }
        BOOST_REQUIRE(is_pending);
        other.write("x");
        support::run(io);
        BOOST_TEST(rx.calls == 1);
        BOOST_TEST(rx.error() == success);
        if (!was_hit)
        {
            break;
        }
        ++failures;
    }
    BOOST_TEST_MESSAGE(failures << " requests failed");
}

BOOST_FIXTURE_TEST_CASE(
    an_accept_without_memory_is_an_error_of_it,
    listening,
    *where_the_heap_is_reached())
{
    // The engine has places for 64 sockets, so there is an accept that needs
    // memory for more of them.
    std::vector<support::peer> others;
    std::vector<tcp::socket> accepted;
    accepted.reserve(200);
    bool was_reported = false;
    for (int i = 0; i != 200 && !was_reported; ++i)
    {
        others.push_back(support::connect_to(acceptor.local_endpoint()));
        support::await(acceptor.native_handle());
        forced const fault(call::malloc, ENOMEM);
        finish(io, c, acceptor.start_accept(c));
        was_reported = c.error() == asio::error::no_memory;
        if (!was_reported)
        {
            BOOST_REQUIRE(c.error() == success);
            accepted.push_back(c.take_socket());
        }
    }
    BOOST_TEST(was_reported);
    check_usable();
}

#endif

// The storm reaches the calls, with either engine.
BOOST_FIXTURE_TEST_CASE(a_storm_hits_and_changes_no_byte, stream)
{
    faults::storm const storm(1, 2);
    std::string received, arrived, expected;
    rx.buffer(asio::buffer(storage));
    rx.at_least(storage.size());
    for (std::uint32_t round = 0; round != 100; ++round)
    {
        std::string const data = support::payload(storage.size(), round);
        expected += data;
        tx.buffer(asio::buffer(data));
        finish(io, tx, socket.start_send(tx));
        BOOST_REQUIRE(tx.error() == success);
        arrived += other.read(data.size());
        auto const result = socket.start_receive(rx);
        other.write(data);
        finish(io, rx, result);
        BOOST_REQUIRE(rx.error() == success);
        received.append(storage.data(), rx.bytes_transferred());
    }
    BOOST_TEST((arrived == expected));
    BOOST_TEST((received == expected));
    BOOST_TEST(storm.hits(call::recv) + storm.hits(call::recvmsg) > 50u);
    BOOST_TEST(storm.hits(call::send) + storm.hits(call::sendmsg) > 50u);
    BOOST_TEST(storm.hits(call::epoll_wait) > 50u);
}
