// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Operations on datagrams as operations: misuse, tokens, how they are
// cancelled, and who keeps what alive. The numbers are those of the cases that
// the model's own tests have.

#define BOOST_TEST_MODULE contract_datagram_operations
#include <opslot/context_pool.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/error.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/datagrams.hpp"
#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using contract::datagram_context;
using contract::datagram_receiver;
using contract::datagrams;
using opslot::error;
using opslot::pending;
using opslot::start_result;
using support::finish;
using support::payload;
using udp = opslot::udp;
using cancel = asio::cancellation_type;
using base_context = udp::datagram_context;

error_code const success;
error_code const aborted = asio::error::operation_aborted;
error_code const timeout = error::timeout;

// What a token form has told its handler.
struct result
{
    int calls = 0;
    error_code error;
    std::size_t bytes = 0;

    auto handler()
    {
        return [this](error_code ec, std::size_t n) {
            ++calls;
            error = ec;
            bytes = n;
        };
    }
};

// The three forms of an operation on a context.
struct operation
{
    std::function<start_result(udp::socket&, base_context&)> start;
    std::function<void(udp::socket&, base_context&)> start_later;
    std::function<void(udp::socket&, base_context&, result&)> start_with_token;
};

std::vector<operation> receives()
{
    return {
        {[](auto& s, auto& c) { return s.start_receive(c); },
         [](auto& s, auto& c) { s.async_receive(c); },
         [](auto& s, auto& c, auto& r) { s.async_receive(c, r.handler()); }},
        {[](auto& s, auto& c) { return s.start_receive_from(c); },
         [](auto& s, auto& c) { s.async_receive_from(c); },
         [](auto& s, auto& c, auto& r) {
             s.async_receive_from(c, r.handler());
         }},
        {[](auto& s, auto& c) { return s.start_receive_message_from(c); },
         [](auto& s, auto& c) { s.async_receive_message_from(c); },
         [](auto& s, auto& c, auto& r) {
             s.async_receive_message_from(c, r.handler());
         }}};
}

operation sending()
{
    return {
        [](auto& s, auto& c) { return s.start_send(c); },
        [](auto& s, auto& c) { s.async_send(c); },
        [](auto& s, auto& c, auto& r) { s.async_send(c, r.handler()); }};
}

operation sending_to()
{
    return {
        [](auto& s, auto& c) { return s.start_send_to(c); },
        [](auto& s, auto& c) { s.async_send_to(c); },
        [](auto& s, auto& c, auto& r) { s.async_send_to(c, r.handler()); }};
}

std::vector<operation> all_operations()
{
    auto all = receives();
    all.push_back(sending());
    all.push_back(sending_to());
    return all;
}

// Expects every form of an operation to be refused.
void expect_refused(
    asio::io_context& io,
    udp::socket& socket,
    base_context& c,
    operation const& op,
    error_code const& expected)
{
    auto const is_expected = [&](system_error const& e) {
        BOOST_TEST(e.code() == expected);
        return e.code() == expected;
    };
    BOOST_CHECK_EXCEPTION((void)op.start(socket, c), system_error, is_expected);
    BOOST_CHECK_EXCEPTION(op.start_later(socket, c), system_error, is_expected);
    result r;
    op.start_with_token(socket, c, r);
    BOOST_TEST(r.calls == 0);
    support::run_until(io, [&] { return r.calls != 0; });
    support::poll(io);
    BOOST_TEST(r.calls == 1);
    BOOST_TEST(r.error == expected);
    BOOST_TEST(r.bytes == 0u);
}

// Receives and sends, to see that a context is as good as new.
template<typename Datagrams>
void expect_works(Datagrams& d, datagram_receiver& c)
{
    int const before = c.calls;
    c.clear_buffers();
    c.buffer(asio::buffer(c.storage));
    d.other.send("fine", d.socket.local_endpoint());
    d.socket.async_receive_from(c);
    support::run_until(d.io, [&] { return c.calls != before; });
    BOOST_TEST(c.calls == before + 1);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.data() == "fine");
    BOOST_TEST(c.sender() == d.other.endpoint());
    c.endpoint(c.sender());
    c.slice(0, 4);
    finish(d.io, c, d.socket.start_send_to(c));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(d.other.receive() == "fine");
    c.slice(0, c.storage.size());
}

} // namespace

// Misuse

// Model case 4.
BOOST_FIXTURE_TEST_CASE(a_busy_context_cannot_be_started_again, datagrams)
{
    datagram_receiver rx;
    rx.endpoint(other.endpoint());
    BOOST_TEST((socket.start_receive_from(rx) == pending));
    // No bad input leaves a context busy for ever.
    for (auto const& op : all_operations())
    {
        expect_refused(io, socket, rx, op, error::context_busy);
    }
    BOOST_CHECK_THROW(rx.endpoint(udp::endpoint()), system_error);
    BOOST_CHECK_THROW(rx.clear_buffers(), system_error);
    BOOST_CHECK_THROW(rx.message_flags(0), system_error);
    BOOST_TEST(rx.endpoint() == other.endpoint());
    BOOST_TEST(rx.is_pending());
    other.send("yes", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.data() == "yes");
    BOOST_TEST(rx.sender() == other.endpoint());
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(buffers_are_needed, datagrams)
{
    datagram_receiver c;
    c.clear_buffers();
    c.endpoint(other.endpoint());
    for (auto const& op : all_operations())
    {
        expect_refused(io, socket, c, op, error::no_buffer);
        expect_works(*this, c);
        c.clear_buffers();
    }
    c.buffer(asio::const_buffer(asio::buffer("abc", 3)));
    for (auto const& op : receives())
    {
        expect_refused(io, socket, c, op, error::no_buffer);
    }
    finish(io, c, socket.start_send_to(c));
    BOOST_TEST(other.receive() == "abc");
    expect_works(*this, c);
}

// Model case 70.
BOOST_FIXTURE_TEST_CASE(an_endpoint_is_needed, datagrams)
{
    datagram_receiver c;
    expect_refused(io, socket, c, sending_to(), error::no_endpoint);
    expect_works(*this, c);
}

// A name is no endpoint, by its type.
// Model case 70.
BOOST_FIXTURE_TEST_CASE(an_endpoint_of_another_family_is_refused, datagrams)
{
    datagram_receiver c;
    c.endpoint(support::datagram_peer(AF_INET6).endpoint());
    expect_refused(
        io, socket, c, sending_to(), asio::error::address_family_not_supported);
    expect_works(*this, c);
    // Without a context it is the system that says so.
    result r;
    socket.async_send_to(
        asio::buffer("abc", 3),
        support::datagram_peer(AF_INET6).endpoint(),
        r.handler());
    support::run(io);
    BOOST_TEST(r.calls == 1);
    BOOST_TEST(r.error == asio::error::address_family_not_supported);
}

BOOST_FIXTURE_TEST_CASE(a_disposed_context_is_refused, datagrams)
{
    datagram_receiver c;
    c.endpoint(other.endpoint());
    BOOST_TEST((socket.start_receive_from(c) == pending));
    c.dispose();
    other.send("last", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.data() == "last");
    for (auto const& op : all_operations())
    {
        expect_refused(io, socket, c, op, error::context_disposed);
    }
    BOOST_CHECK_THROW(c.endpoint(udp::endpoint()), system_error);
}

// Errors that are results

// Model case 72.
BOOST_FIXTURE_TEST_CASE(a_closed_socket_starts_nothing, datagrams)
{
    datagram_receiver c;
    c.endpoint(other.endpoint());
    udp::socket closed(io);
    for (auto const& op : all_operations())
    {
        BOOST_TEST((op.start(closed, c) == opslot::completed));
        BOOST_TEST(c.error() == asio::error::bad_descriptor);
        op.start_later(closed, c);
        support::run(io);
        BOOST_TEST(c.error() == asio::error::bad_descriptor);
        BOOST_TEST(c.calls == 1);
        c.calls = 0;
        result r;
        op.start_with_token(closed, c, r);
        support::run(io);
        BOOST_TEST(r.calls == 1);
        BOOST_TEST(r.error == asio::error::bad_descriptor);
        expect_works(*this, c);
        c.calls = 0;
    }
}

// Model case 72.
BOOST_FIXTURE_TEST_CASE(closing_ends_what_is_pending, datagrams)
{
    std::deque<datagram_receiver> receives(5);
    for (auto& rx : receives)
    {
        BOOST_TEST((socket.start_receive_from(rx) == pending));
    }
    result token;
    std::array<char, 8> storage;
    socket.async_receive(asio::buffer(storage), token.handler());
    socket.close();
    BOOST_TEST(token.calls == 0);
    support::run(io);
    for (auto& rx : receives)
    {
        BOOST_TEST(rx.calls == 1);
        BOOST_TEST(rx.error() == aborted);
        BOOST_TEST(rx.bytes_transferred() == 0u);
    }
    BOOST_TEST(token.calls == 1);
    BOOST_TEST(token.error == aborted);
    socket.open(udp::v4());
    socket.bind(support::any_port());
    expect_works(*this, receives[0]);
}

// Token forms

BOOST_FIXTURE_TEST_CASE(every_form_completes_through_its_token, datagrams)
{
    datagram_receiver c;
    for (auto const& op : receives())
    {
        result r;
        op.start_with_token(socket, c, r);
        other.send("abc", socket.local_endpoint());
        support::run(io);
        BOOST_TEST(r.calls == 1);
        BOOST_TEST(r.error == success);
        BOOST_TEST(r.bytes == 3u);
        BOOST_TEST(c.calls == 0);
    }
    BOOST_TEST(c.sender() == other.endpoint());
    c.endpoint(other.endpoint());
    c.slice(0, 3);
    socket.connect(other.endpoint());
    for (auto const& op : {sending(), sending_to()})
    {
        result r;
        op.start_with_token(socket, c, r);
        BOOST_TEST(r.calls == 0);
        support::run(io);
        BOOST_TEST(r.calls == 1);
        BOOST_TEST(r.error == success);
        BOOST_TEST(r.bytes == 3u);
        BOOST_TEST(other.receive() == "abc");
    }
}

BOOST_FIXTURE_TEST_CASE(the_forms_of_asio_transfer, datagrams)
{
    std::array<char, 16> storage{};
    result received, sent;
    udp::endpoint sender;
    auto const text = [&] {
        return std::string(storage.data(), received.bytes);
    };
    socket.async_receive_from(
        asio::buffer(storage), sender, received.handler());
    socket.async_send_to(
        asio::buffer("to", 2), other.endpoint(), sent.handler());
    other.send("from", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(text() == "from");
    BOOST_TEST(sender == other.endpoint());
    BOOST_TEST(sent.bytes == 2u);
    BOOST_TEST(other.receive() == "to");

    other.send("peeked", socket.local_endpoint());
    socket.async_receive_from(
        asio::buffer(storage),
        sender,
        asio::socket_base::message_peek,
        received.handler());
    support::run(io);
    BOOST_TEST(text() == "peeked");
    socket.async_receive(asio::buffer(storage), 0, received.handler());
    support::run(io);
    BOOST_TEST(text() == "peeked");
    BOOST_TEST(received.calls == 3);

    socket.connect(other.endpoint());
    socket.async_send(asio::buffer("a", 1), sent.handler());
    socket.async_send(asio::buffer("b", 1), 0, sent.handler());
    socket.async_send_to(
        asio::buffer("c", 1), other.endpoint(), 0, sent.handler());
    support::run(io);
    BOOST_TEST(sent.calls == 4);
    for (char const* each : {"a", "b", "c"})
    {
        BOOST_TEST(other.receive() == each);
    }
}

BOOST_FIXTURE_TEST_CASE(the_forms_of_asio_take_datagrams_of_no_bytes, datagrams)
{
    std::array<char, 16> storage{};
    result received, sent;
    socket.async_receive(asio::buffer(storage), received.handler());
    support::poll(io);
    BOOST_TEST(received.calls == 0);
    other.send("", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(received.calls == 1);
    BOOST_TEST(received.error == success);
    BOOST_TEST(received.bytes == 0u);
    socket.async_receive(asio::mutable_buffer(), received.handler());
    support::poll(io);
    BOOST_TEST(received.calls == 1);
    other.send("lost", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(received.calls == 2);
    BOOST_TEST(received.error == success);
    socket.async_send_to(
        asio::const_buffer(), other.endpoint(), sent.handler());
    support::run(io);
    BOOST_TEST(sent.error == success);
    BOOST_TEST(other.receive() == "");
}

// What does not fit is lost without a word, as of Asio's sockets here.
BOOST_FIXTURE_TEST_CASE(the_forms_of_asio_cut_as_asio_does, datagrams)
{
    std::array<char, 3> storage{};
    result received;
    udp::endpoint sender;
    socket.async_receive_from(
        asio::buffer(storage), sender, received.handler());
    other.send("abcdef", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(received.error == success);
    BOOST_TEST(received.bytes == 3u);
    BOOST_TEST(sender == other.endpoint());
}

// As with Asio, and here as the system lets it.
// Model case 71.
BOOST_FIXTURE_TEST_CASE(the_forms_of_asio_may_wait_before_the_bind, datagrams)
{
    udp::socket fresh(io, udp::v4());
    std::array<char, 8> storage{};
    result received;
    fresh.async_receive(asio::buffer(storage), received.handler());
    support::poll(io);
    BOOST_TEST(received.calls == 0);
    fresh.send_to(asio::buffer("abc", 3), other.endpoint());
    other.receive();
    other.send("answer", other.sender());
    support::run(io);
    BOOST_TEST(received.calls == 1);
    BOOST_TEST(received.bytes == 6u);
}

BOOST_FIXTURE_TEST_CASE(the_forms_of_asio_take_lists_of_any_length, datagrams)
{
    for (std::size_t const count : {1u, 16u, 17u, 100u, 1500u})
    {
        std::string const bytes = payload(count);
        std::string storage(count, '.');
        std::vector<asio::const_buffer> from;
        std::vector<asio::mutable_buffer> into;
        for (std::size_t i = 0; i != count; ++i)
        {
            from.emplace_back(&bytes[i], 1);
            into.emplace_back(&storage[i], 1);
        }
        result received, sent;
        udp::endpoint sender;
        socket.async_receive_from(into, sender, received.handler());
        socket.async_send_to(from, socket.local_endpoint(), sent.handler());
        support::run(io);
        BOOST_TEST(sent.error == success);
        BOOST_TEST(sent.bytes == count);
        BOOST_TEST(received.bytes == count);
        BOOST_TEST(sender == socket.local_endpoint());
        BOOST_TEST((storage == bytes));
    }
}

BOOST_FIXTURE_TEST_CASE(an_error_leaves_the_sender_alone, datagrams)
{
    std::array<char, 8> storage{};
    udp::endpoint sender = other.endpoint();
    result received;
    socket.async_receive_from(
        asio::buffer(storage), sender, received.handler());
    socket.cancel();
    support::run(io);
    BOOST_TEST(received.error == aborted);
    BOOST_TEST(sender == other.endpoint());
}

BOOST_FIXTURE_TEST_CASE(handlers_run_on_their_executors, datagrams)
{
    auto const strand = asio::make_strand(io);
    datagram_receiver rx;
    int calls = 0;
    rx.completion_handler(asio::bind_executor(strand, [&](base_context& c) {
        BOOST_TEST(strand.running_in_this_thread());
        BOOST_TEST(c.error() == success);
        ++calls;
    }));
    std::array<char, 8> storage{};
    BOOST_TEST((socket.start_receive_from(rx) == pending));
    socket.async_receive(
        asio::buffer(storage),
        asio::bind_executor(strand, [&](error_code ec, std::size_t) {
            BOOST_TEST(strand.running_in_this_thread());
            BOOST_TEST(ec == success);
            ++calls;
        }));
    other.send("a", socket.local_endpoint());
    other.send("b", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(calls == 2);
}

// Ending

BOOST_FIXTURE_TEST_CASE(a_cancelled_receive_has_taken_nothing, datagrams)
{
    std::deque<datagram_receiver> all(3);
    for (auto& rx : all)
    {
        BOOST_TEST((socket.start_receive_from(rx) == pending));
    }
    BOOST_TEST(all[1].cancel());
    BOOST_TEST(!all[1].cancel());
    support::poll(io);
    BOOST_TEST(all[1].calls == 1);
    BOOST_TEST(all[1].error() == aborted);
    BOOST_TEST(all[0].is_pending());
    other.send("first", socket.local_endpoint());
    other.send("second", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(all[0].data() == "first");
    BOOST_TEST(all[2].data() == "second");
    expect_works(*this, all[1]);
}

BOOST_FIXTURE_TEST_CASE(a_slot_cancels_its_operation, datagrams)
{
    for (auto const type : {cancel::terminal, cancel::partial, cancel::total})
    {
        asio::cancellation_signal on_context, without;
        result first, second;
        datagram_receiver rx;
        std::array<char, 8> storage{};
        udp::endpoint sender;
        socket.async_receive_from(
            rx,
            asio::bind_cancellation_slot(on_context.slot(), first.handler()));
        socket.async_receive_from(
            asio::buffer(storage),
            sender,
            asio::bind_cancellation_slot(without.slot(), second.handler()));
        on_context.emit(type);
        support::poll(io);
        BOOST_TEST(first.calls == 1);
        BOOST_TEST(first.error == aborted);
        BOOST_TEST(second.calls == 0);
        without.emit(type);
        support::run(io);
        BOOST_TEST(second.calls == 1);
        BOOST_TEST(second.error == aborted);
        expect_works(*this, rx);
    }
}

BOOST_FIXTURE_TEST_CASE(a_deadline_ends_a_receive, datagrams)
{
    datagram_receiver rx, other_rx;
    rx.timeout(std::chrono::milliseconds(5));
    auto const started = socket.start_receive_message_from(rx);
    BOOST_TEST((socket.start_receive_from(other_rx) == pending));
    finish(io, rx, started);
    BOOST_TEST(rx.error() == timeout);
    BOOST_TEST(rx.bytes_transferred() == 0u);
    BOOST_TEST(other_rx.is_pending());
    other.send("late", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(other_rx.data() == "late");
    rx.timeout(std::chrono::seconds(30));
    expect_works(*this, rx);
    rx.expires_at(std::chrono::steady_clock::now());
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.error() == timeout);
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(a_destroyed_context_is_withdrawn, datagrams)
{
    datagram_receiver rx;
    {
        datagram_receiver gone;
        BOOST_TEST((socket.start_receive_message_from(gone) == pending));
        BOOST_TEST((socket.start_receive_from(rx) == pending));
    }
    other.send("abc", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(rx.data() == "abc");
    expect_works(*this, rx);
}

BOOST_FIXTURE_TEST_CASE(a_pending_receive_keeps_its_owner_alive, datagrams)
{
    struct owner : std::enable_shared_from_this<owner>
    {
        datagram_receiver rx;

        owner() { rx.keep_alive(*this); }
    };

    auto object = std::make_shared<owner>();
    std::weak_ptr<owner> const watch = object;
    std::string received;
    object->rx.completion_handler(
        [&received, o = object.get()](auto&) { received = o->rx.data(); });
    BOOST_TEST((socket.start_receive_from(object->rx) == pending));
    object.reset();
    BOOST_TEST(!watch.expired());
    other.send("abc", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(received == "abc");
    BOOST_TEST(watch.expired());
}

BOOST_FIXTURE_TEST_CASE(contexts_come_from_pools, datagrams)
{
    opslot::context_pool<base_context> pool(io, {1, 1});
    std::string storage(8, '.');
    std::size_t received = 0;
    {
        auto const rx = pool.try_acquire();
        BOOST_REQUIRE(rx);
        rx->buffer(asio::buffer(storage));
        rx->completion_handler(
            [&](base_context& c) { received = c.bytes_transferred(); });
        BOOST_TEST((socket.start_receive_from(*rx) == pending));
    }
    BOOST_TEST(!pool.try_acquire());
    other.send("abc", socket.local_endpoint());
    support::run(io);
    BOOST_TEST(received == 3u);
    BOOST_TEST(bool(pool.try_acquire()));
    auto const own = opslot::make_context<base_context>();
    own->buffer(asio::buffer(storage));
    other.send("defg", socket.local_endpoint());
    BOOST_TEST((socket.start_receive(*own) == opslot::completed));
    BOOST_TEST(own->bytes_transferred() == 4u);
}

BOOST_AUTO_TEST_CASE(the_io_context_may_go_first)
{
    support::descriptor_check const leaks;
    datagram_receiver rx;
    std::optional<asio::io_context> io(std::in_place);
    std::optional<udp::socket> socket(std::in_place, *io, support::any_port());
    auto alive = std::make_shared<int>(0);
    std::weak_ptr<int> const watch = alive;
    std::array<char, 8> storage{};
    BOOST_TEST((socket->start_receive_message_from(rx) == pending));
    socket->async_receive(
        asio::buffer(storage),
        [owned = std::move(alive)](error_code, std::size_t) {});
    BOOST_TEST(!watch.expired());
    io.reset();
    BOOST_TEST(watch.expired());
    BOOST_TEST(!rx.is_pending());
    BOOST_TEST(rx.calls == 0);
    socket.reset();
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_receive_again, datagrams)
{
    datagram_receiver rx;
    int received = 0;
    auto const receive = [&] {
        while (socket.start_receive_from(rx) != pending && ++received != 1000)
        {}
    };
    rx.completion_handler([&](base_context& c) {
        if (!c.error() && ++received != 1000)
        {
            receive();
        }
    });
    receive();
    int sent = 0;
    while (received != 1000)
    {
        for (int i = 0; i != 50; ++i, ++sent)
        {
            other.send("x", socket.local_endpoint());
        }
        support::run_until(io, [&] { return received >= sent; });
    }
    BOOST_TEST(received == 1000);
}
