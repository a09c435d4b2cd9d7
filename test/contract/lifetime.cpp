// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What becomes of operations whose context, socket or owner goes, and what a
// handler may do to them.

#define BOOST_TEST_MODULE contract_lifetime
#include <opslot/accept_context.hpp>
#include <opslot/context_pool.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "contract/receiver.hpp"
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
using support::descriptor_check;
using support::finish;
using support::payload;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

} // namespace

// Withdrawal

BOOST_AUTO_TEST_CASE(a_completed_context_can_be_withdrawn)
{
    // Its result is there, its handler has not run.
    for (bool const closes : {false, true})
    {
        connection c;
        auto token = std::make_shared<int>();
        bool called = false;
        std::optional<receiver> rx(std::in_place);
        rx->completion_handler([&, token](stream_context&) { called = true; });
        c.other.write("a");
        support::await(c.socket.native_handle());
        c.socket.async_receive(*rx);
        if (closes)
        {
            c.socket.close();
        }
        BOOST_TEST(rx->is_pending());
        rx.reset();
        BOOST_TEST(token.use_count() == 1);
        support::run(c.io);
        BOOST_TEST(!called);
    }
}

BOOST_FIXTURE_TEST_CASE(
    what_a_withdrawn_send_has_written_is_its_beginning, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    context behind;
    behind.buffer(asio::buffer("behind", 6));
    {
        context tx;
        tx.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(tx) == pending));
        BOOST_TEST((socket.start_send(behind) == pending));
        support::poll(io);
        BOOST_TEST(tx.is_pending());
    }
    support::run(io);
    // It would be taken for a part of the send that was withdrawn.
    BOOST_TEST(behind.calls == 1);
    BOOST_TEST(behind.error().failed());
    BOOST_TEST(behind.bytes_transferred() == 0u);
    socket.close();
    std::string const arrived = other.read_all();
    BOOST_TEST(!arrived.empty());
    BOOST_TEST(arrived.size() < data.size());
    BOOST_TEST((data.compare(0, arrived.size(), arrived) == 0));
}

BOOST_FIXTURE_TEST_CASE(
    an_untouched_send_is_withdrawn_without_a_trace, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    context tx, last;
    tx.buffer(asio::buffer(data));
    last.buffer(asio::buffer("last", 4));
    BOOST_TEST((socket.start_send(tx) == pending));
    {
        context untouched;
        untouched.buffer(asio::buffer("never", 5));
        untouched.completion_handler(
            [](stream_context&) { BOOST_ERROR("it was withdrawn"); });
        BOOST_TEST((socket.start_send(untouched) == pending));
        BOOST_TEST((socket.start_send(last) == pending));
    }
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size() + 4); });
    support::run(io);
    reader.join();
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(last.error() == success);
    BOOST_TEST((arrived == data + "last"));
}

BOOST_AUTO_TEST_CASE(a_withdrawn_accept_takes_no_connection)
{
    descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    {
        tcp::accept_context c;
        c.completion_handler(
            [](auto&) { BOOST_ERROR("a withdrawn handler was called"); });
        BOOST_TEST((acceptor.start_accept(c) == pending));
    }
    auto const peer = support::connect_to(acceptor.local_endpoint());
    support::run(io);
    support::counted<tcp::accept_context> next;
    finish(io, next, acceptor.start_accept(next));
    BOOST_TEST(next.has_socket());
}

BOOST_FIXTURE_TEST_CASE(
    a_handler_may_destroy_another_pending_context, connection)
{
    std::optional<receiver> first(std::in_place), second(std::in_place);
    int calls = 0;
    first->completion_handler([&](stream_context&) {
        ++calls;
        second.reset();
    });
    second->completion_handler(
        [&](stream_context&) { BOOST_ERROR("it was withdrawn"); });
    BOOST_TEST((socket.start_receive(*first) == pending));
    BOOST_TEST((socket.start_receive(*second) == pending));
    socket.cancel();
    support::run(io);
    BOOST_TEST(calls == 1);
}

// Running on and stopping

BOOST_FIXTURE_TEST_CASE(stopping_and_leaving_is_safe, connection)
{
    receiver rx, more;
    rx.completion_handler([&](stream_context&) { io.stop(); });
    BOOST_TEST((socket.start_receive(rx) == pending));
    BOOST_TEST((socket.start_receive(more) == pending));
    other.write("ab");
    io.run_for(support::patience);
    BOOST_TEST(more.calls == 0);
}

// Counted contexts

BOOST_AUTO_TEST_CASE(counted_contexts_go_with_the_io_context)
{
    descriptor_check const leaks;
    auto alive = std::make_shared<int>();
    {
        asio::io_context io;
        tcp::socket socket(io);
        auto other = support::connect_tcp(socket);
        auto c = opslot::make_context<receiver>();
        c->completion_handler([alive](stream_context&) {});
        BOOST_TEST((socket.start_receive(*c) == pending));
        c.reset();
        BOOST_TEST(alive.use_count() == 2);
    }
    BOOST_TEST(alive.use_count() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_pooled_context_returns_after_its_handler, connection)
{
    opslot::context_pool<receiver> pool(io, {1, 1});
    auto c = pool.try_acquire();
    BOOST_REQUIRE(c);
    int calls = 0;
    c->completion_handler([&](stream_context&) {
        BOOST_TEST(!pool.try_acquire());
        ++calls;
    });
    BOOST_TEST((socket.start_receive(*c) == pending));
    c.reset();
    BOOST_TEST(!pool.try_acquire());
    other.write("a");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(pool.try_acquire() != nullptr);
}

// Owners

namespace {

struct counted_owner
    : boost::intrusive_ref_counter<counted_owner, boost::thread_safe_counter>
{
    receiver rx;

    counted_owner() { rx.keep_alive(*this); }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(
    an_owner_is_released_however_its_operation_ends, connection)
{
    boost::intrusive_ptr<counted_owner> const owner(new counted_owner);
    auto const ends_with = [&](error_code expected, auto end) {
        BOOST_TEST((socket.start_receive(owner->rx) == pending));
        BOOST_TEST(owner->use_count() == 2u);
        end();
        BOOST_TEST(owner->use_count() == 2u);
        support::run(io);
        BOOST_TEST(owner->use_count() == 1u);
        BOOST_TEST(owner->rx.error() == expected);
    };
    ends_with(success, [&] { other.write("a"); });
    ends_with(aborted, [&] { owner->rx.cancel(); });
    ends_with(aborted, [&] { socket.cancel(); });
    owner->rx.timeout(std::chrono::milliseconds(1));
    ends_with(opslot::error::timeout, [] {});
    owner->rx.timeout(std::chrono::hours(1));
    ends_with(aborted, [&] { socket.close(); });
}

BOOST_FIXTURE_TEST_CASE(an_owner_may_be_given_up, connection)
{
    boost::intrusive_ptr<counted_owner> const owner(new counted_owner);
    owner->rx.keep_alive(nullptr);
    BOOST_TEST((socket.start_receive(owner->rx) == pending));
    BOOST_TEST(owner->use_count() == 1u);
    other.write("a");
    support::run(io);
    BOOST_TEST(owner->rx.calls == 1);
}

// What a handler may do

BOOST_AUTO_TEST_CASE(a_handler_may_destroy_its_socket)
{
    for (std::string const text : {"a", "ab"})
    {
        descriptor_check const leaks;
        asio::io_context io;
        std::optional<tcp::socket> socket(std::in_place, io);
        auto other = support::connect_tcp(*socket);
        receiver rx, more;
        rx.completion_handler([&](stream_context&) { socket.reset(); });
        BOOST_TEST((socket->start_receive(rx) == pending));
        BOOST_TEST((socket->start_receive(more) == pending));
        other.write(text);
        support::run(io);
        BOOST_TEST(!socket);
        BOOST_TEST(more.calls == 1);
        // The second byte may have been received before.
        bool const received = text == "ab" && !more.error();
        BOOST_TEST((received || more.error() == aborted));
        BOOST_TEST(more.bytes_transferred() == (received ? 1u : 0u));
    }
}

BOOST_FIXTURE_TEST_CASE(
    a_handler_that_replaced_itself_may_throw_or_go, connection)
{
    auto token = std::make_shared<int>();
    {
        receiver rx;
        rx.completion_handler([&, token](stream_context&) {
            rx.completion_handler([token](stream_context&) {});
            throw std::runtime_error("out");
        });
        BOOST_TEST((socket.start_receive(rx) == pending));
        other.write("a");
        BOOST_CHECK_THROW(support::run(io), std::runtime_error);
        BOOST_TEST(token.use_count() == 2);
    }
    BOOST_TEST(token.use_count() == 1);
    std::optional<receiver> rx(std::in_place);
    rx->completion_handler([&, token](stream_context&) {
        rx->completion_handler([token](stream_context&) {});
        rx.reset();
    });
    BOOST_TEST((socket.start_receive(*rx) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(token.use_count() == 1);
}

// Model case 21.
BOOST_FIXTURE_TEST_CASE(a_handler_may_start_the_same_context_again, connection)
{
    receiver rx;
    std::string got;
    rx.completion_handler([&](stream_context&) {
        do
        {
            got += rx.storage[0];
        } while (got.size() < 1000 && socket.start_receive(rx) == completed);
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    std::string const data = payload(1000);
    other.write(data);
    support::run(io);
    BOOST_TEST((got == data));
}

BOOST_FIXTURE_TEST_CASE(a_handler_that_throws_leaves_all_consistent, connection)
{
    std::deque<receiver> receives(4);
    std::string got;
    for (auto& rx : receives)
    {
        rx.completion_handler([&](stream_context& c) {
            BOOST_TEST(!c.is_pending());
            got += rx.storage[0];
            throw std::runtime_error("each time");
        });
        BOOST_TEST((socket.start_receive(rx) == pending));
    }
    tcp::socket second(io);
    auto second_other = support::connect_tcp(second);
    receiver calm;
    BOOST_TEST((second.start_receive(calm) == pending));
    second_other.write("z");
    other.write("abcd");
    int thrown = 0;
    for (;;)
    {
        try
        {
            support::run(io);
            break;
        }
        catch (std::runtime_error const&)
        {
            ++thrown;
        }
    }
    BOOST_TEST(thrown == 4);
    BOOST_TEST(got == "abcd");
    BOOST_TEST(calm.calls == 1);
}

BOOST_FIXTURE_TEST_CASE(large_handlers_are_called_and_destroyed, connection)
{
    auto token = std::make_shared<int>();
    std::array<char, 5000> ballast;
    ballast.fill('b');
    {
        receiver rx;
        int calls = 0;
        rx.completion_handler([&, ballast, token](stream_context&) {
            calls += ballast[4999] == 'b';
        });
        for (int i = 1; i != 4; ++i)
        {
            BOOST_TEST((socket.start_receive(rx) == pending));
            other.write("a");
            support::run(io);
            BOOST_TEST(calls == i);
        }
        BOOST_TEST(token.use_count() == 2);
    }
    BOOST_TEST(token.use_count() == 1);
    int calls = 0;
    std::array<char, 1> storage;
    socket.async_read_some(
        asio::buffer(storage), [&, ballast, token](error_code, std::size_t) {
            calls += ballast[4999] == 'b';
        });
    other.write("a");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(token.use_count() == 1);
}

// Sockets

BOOST_FIXTURE_TEST_CASE(
    a_context_may_outlive_its_socket_and_serve_another, connection)
{
    receiver rx;
    {
        tcp::socket first(io);
        auto const first_other = support::connect_tcp(first);
        BOOST_TEST((first.start_receive(rx) == pending));
    }
    BOOST_TEST(rx.is_pending());
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == asio::error::operation_aborted);
    other.write("a");
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(rx.error() == success);
}
