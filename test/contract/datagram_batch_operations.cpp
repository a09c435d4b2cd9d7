// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Batches as operations: misuse, tokens, how they are cancelled in the middle,
// and who keeps what alive.

#define BOOST_TEST_MODULE contract_datagram_batch_operations
#include <opslot/context_pool.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/error.hpp>
#include <opslot/local.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/datagram_batches.hpp"
#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using contract::batch_context;
using contract::batch_receiver;
using contract::datagrams;
using contract::local_datagrams;
using contract::send_merged;
using contract::split;
using opslot::completed;
using opslot::error;
using opslot::pending;
using support::finish;
using support::payload;
using udp = opslot::udp;
using cancel = asio::cancellation_type;
using base_context = udp::datagram_batch_context;
using local_context =
    support::counted<opslot::local::datagram_protocol::datagram_batch_context>;
using strings = std::vector<std::string>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;
error_code const timeout = error::timeout;

// What a token form has told its handler.
struct result
{
    int calls = 0;
    error_code error;
    std::size_t count = 0;

    auto handler()
    {
        return [this](error_code ec, std::size_t n) {
            ++calls;
            error = ec;
            count = n;
        };
    }
};

// Expects all forms of both operations, or of one, to be refused.
void expect_refused(
    datagrams& d, base_context& c, bool is_send, error_code const& expected)
{
    auto const is_expected = [&](system_error const& e) {
        BOOST_TEST(e.code() == expected);
        return e.code() == expected;
    };
    result r;
    if (is_send)
    {
        BOOST_CHECK_EXCEPTION(
            (void)d.socket.start_send_batch(c), system_error, is_expected);
        BOOST_CHECK_EXCEPTION(
            d.socket.async_send_batch(c), system_error, is_expected);
        d.socket.async_send_batch(c, r.handler());
    }
    else
    {
        BOOST_CHECK_EXCEPTION(
            (void)d.socket.start_receive_batch(c), system_error, is_expected);
        BOOST_CHECK_EXCEPTION(
            d.socket.async_receive_batch(c), system_error, is_expected);
        d.socket.async_receive_batch(c, r.handler());
    }
    BOOST_TEST(r.calls == 0);
    support::run_until(d.io, [&] { return r.calls != 0; });
    support::poll(d.io);
    BOOST_TEST(r.calls == 1);
    BOOST_TEST(r.error == expected);
    BOOST_TEST(r.count == 0u);
}

// Two connected local sockets, of which one is sent more than the other has
// room for, so that a send has to wait in the middle.
struct full : local_datagrams
{
    static constexpr std::size_t count = 2000;

    std::string const bytes = payload(count * 10);
    local_context tx{count};

    full()
    {
        for (std::size_t i = 0; i != count; ++i)
        {
            tx.add(asio::buffer(&bytes[i * 10], 10));
        }
    }

    // How many there are in the other socket, and takes them.
    std::size_t drain()
    {
        other.non_blocking(true);
        std::array<char, 100> storage;
        error_code ec;
        std::size_t n = 0;
        // Refused once is not empty yet in a storm of faults.
        for (int refused = 0; refused != 20;)
        {
            other.receive(asio::buffer(storage), 0, ec) == 10u ? ++n
                                                               : ++refused;
        }
        return n;
    }

    void expect_ended(error_code const& expected)
    {
        BOOST_TEST(tx.error() == expected);
        std::size_t const sent = tx.sent();
        BOOST_TEST(sent != 0u);
        BOOST_TEST(sent < count);
        BOOST_TEST(tx.error_index() == sent);
        BOOST_TEST(tx.bytes_transferred() == sent * 10);
        BOOST_TEST(tx[0].error() == success);
        BOOST_TEST(tx[sent - 1].error() == success);
        BOOST_TEST(tx[sent].error() == expected);
        BOOST_TEST(tx[count - 1].error() == expected);
        BOOST_TEST(drain() == sent);
        // The next send has a clean start.
        local_context after(1);
        after.add(asio::buffer(bytes, 10));
        finish(io, after, socket.start_send_batch(after));
        BOOST_TEST(after.error() == success);
        BOOST_TEST(drain() == 1u);
    }
};

} // namespace

// Misuse

BOOST_FIXTURE_TEST_CASE(a_receive_needs_a_slab, datagrams)
{
    batch_context c;
    expect_refused(*this, c, false, error::no_buffer);
    std::array<char, 100> storage;
    for (std::size_t const size : {0u, 101u})
    {
        BOOST_CHECK_EXCEPTION(
            c.slab(asio::buffer(storage), size),
            system_error,
            [](system_error const& e) {
                return e.code() == error::out_of_range;
            });
    }
    expect_refused(*this, c, false, error::no_buffer);
    c.slab(asio::buffer(storage), 100);
    send("abc");
    finish(io, c, socket.start_receive_batch(c));
    BOOST_TEST(c.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_send_needs_datagrams, datagrams)
{
    batch_receiver c(2);
    expect_refused(*this, c, true, error::no_elements);
    c.add(asio::buffer("a", 1), other.endpoint());
    c.add(asio::buffer("b", 1), other.endpoint());
    auto const is_out_of_range = [](system_error const& e) {
        return e.code() == error::out_of_range;
    };
    BOOST_CHECK_EXCEPTION(
        c.add(asio::buffer("c", 1)), system_error, is_out_of_range);
    BOOST_CHECK_EXCEPTION(
        c.buffer(2, asio::buffer("c", 1)), system_error, is_out_of_range);
    BOOST_TEST(c.size() == 2u);
    c.buffer(1, asio::buffer("two", 3));
    finish(io, c, socket.start_send_batch(c));
    BOOST_TEST(c.sent() == 2u);
    BOOST_TEST(other.receive() == "a");
    BOOST_TEST(other.receive() == "two");
    c.clear();
    expect_refused(*this, c, true, error::no_elements);
}

BOOST_FIXTURE_TEST_CASE(a_busy_context_is_left_alone, datagrams)
{
    batch_receiver rx;
    BOOST_TEST((socket.start_receive_batch(rx) == pending));
    expect_refused(*this, rx, false, error::context_busy);
    expect_refused(*this, rx, true, error::context_busy);
    BOOST_CHECK_THROW(rx.clear(), system_error);
    BOOST_CHECK_THROW(rx.add(asio::buffer("a", 1)), system_error);
    BOOST_CHECK_THROW(
        rx.add(asio::buffer("a", 1), other.endpoint()), system_error);
    BOOST_CHECK_THROW(rx.buffer(0, asio::buffer("a", 1)), system_error);
    BOOST_CHECK_THROW(rx.slab(asio::buffer(rx.storage), 1), system_error);
    BOOST_CHECK_THROW(rx.wants_senders(false), system_error);
    BOOST_CHECK_THROW(rx.wants_packet_information(true), system_error);
    send("yes");
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST((rx.all() == strings{"yes"}));
    BOOST_TEST(rx[0].endpoint() == other.endpoint());
    rx.dispose();
    expect_refused(*this, rx, false, error::context_disposed);
    expect_refused(*this, rx, true, error::context_disposed);
    BOOST_CHECK_THROW(rx.clear(), system_error);
}

BOOST_FIXTURE_TEST_CASE(a_closed_socket_starts_nothing, datagrams)
{
    udp::socket closed(io);
    batch_receiver c;
    c.add(asio::buffer("a", 1), other.endpoint());
    BOOST_TEST((closed.start_send_batch(c) == completed));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    BOOST_TEST(c.sent() == 0u);
    BOOST_TEST(c.error_index() == 0u);
    BOOST_TEST(c[0].error() == asio::error::bad_descriptor);
    BOOST_TEST((closed.start_receive_batch(c) == completed));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    BOOST_TEST(c.size() == 0u);
}

// Forms

BOOST_FIXTURE_TEST_CASE(tokens_are_told_how_many, datagrams)
{
    batch_receiver c;
    result r;
    socket.async_receive_batch(c, r.handler());
    support::poll(io);
    BOOST_TEST(r.calls == 0);
    send_merged(other, "abcde", 2, socket.local_endpoint());
    support::run(io);
    BOOST_TEST(r.calls == 1);
    BOOST_TEST(r.error == success);
    BOOST_TEST(r.count == c.size());
    BOOST_TEST(c.data(0) == "ab");
    std::size_t const count = c.size();
    std::string const too_long(70000, 'x');
    c.add(asio::buffer(too_long), other.endpoint());
    socket.async_send_batch(c, r.handler());
    BOOST_TEST(r.calls == 1);
    support::run(io);
    BOOST_TEST(r.calls == 2);
    BOOST_TEST(r.error == asio::error::message_size);
    BOOST_TEST(r.count == count);
    BOOST_TEST(c.calls == 0);
    c.clear();
    c.add(asio::buffer("stored", 6), other.endpoint());
    socket.async_send_batch(c);
    BOOST_TEST(c.calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == success);
}

BOOST_AUTO_TEST_CASE(handlers_run_where_they_belong)
{
    asio::io_context io;
    auto const strand = asio::make_strand(io);
    udp::socket first(io, support::any_port()), second(io, support::any_port());
    batch_receiver rx;
    int on_strand = 0;
    rx.completion_handler(asio::bind_executor(strand, [&](base_context& c) {
        on_strand += c.size() == 1 && strand.running_in_this_thread();
    }));
    BOOST_TEST((first.start_receive_batch(rx) == pending));
    second.send_to(asio::buffer("a", 1), first.local_endpoint());
    support::run(io);
    BOOST_TEST(on_strand == 1);
}

// Ends

BOOST_FIXTURE_TEST_CASE(a_cancelled_receive_has_taken_nothing, datagrams)
{
    batch_receiver first, second;
    BOOST_TEST((socket.start_receive_batch(first) == pending));
    BOOST_TEST((socket.start_receive_batch(second) == pending));
    BOOST_TEST(first.cancel());
    send("abc");
    support::run(io);
    BOOST_TEST(first.calls == 1);
    BOOST_TEST(first.error() == aborted);
    BOOST_TEST(first.size() == 0u);
    BOOST_TEST((second.all() == strings{"abc"}));
    for (auto const type : {cancel::terminal, cancel::partial, cancel::total})
    {
        asio::cancellation_signal signal;
        result r;
        socket.async_receive_batch(
            first, asio::bind_cancellation_slot(signal.slot(), r.handler()));
        signal.emit(type);
        support::run(io);
        BOOST_TEST(r.calls == 1);
        BOOST_TEST(r.error == aborted);
        BOOST_TEST(r.count == 0u);
    }
    first.timeout(std::chrono::milliseconds(1));
    finish(io, first, socket.start_receive_batch(first));
    BOOST_TEST(first.error() == timeout);
}

BOOST_FIXTURE_TEST_CASE(a_send_goes_on_when_there_is_room, full)
{
    BOOST_TEST((socket.start_send_batch(tx) == pending));
    BOOST_TEST(tx.error() == success);
    std::size_t received = 0;
    while (tx.is_pending())
    {
        received += drain();
        support::poll(io);
    }
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.sent() == count);
    BOOST_TEST(tx.error_index() == count);
    BOOST_TEST(received + drain() == count);
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_send_tells_what_went, full)
{
    auto const result = socket.start_send_batch(tx);
    BOOST_TEST((result == pending));
    BOOST_TEST(tx.cancel());
    finish(io, tx, result);
    expect_ended(aborted);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_tells_what_went, full)
{
    tx.timeout(std::chrono::milliseconds(1));
    auto const result = socket.start_send_batch(tx);
    BOOST_TEST((result == pending));
    finish(io, tx, result);
    expect_ended(timeout);
}

BOOST_FIXTURE_TEST_CASE(closing_tells_what_went, full)
{
    auto const result = socket.start_send_batch(tx);
    BOOST_TEST((result == pending));
    std::size_t const sent = drain();
    socket.close();
    finish(io, tx, result);
    BOOST_TEST(tx.error() == aborted);
    BOOST_TEST(tx.sent() == sent);
    BOOST_TEST(tx.error_index() == sent);
}

BOOST_FIXTURE_TEST_CASE(a_total_cancellation_is_for_what_is_untouched, full)
{
    asio::cancellation_signal first, second;
    local_context behind(1);
    behind.add(asio::buffer("behind", 6));
    result r, s;
    socket.async_send_batch(
        tx, asio::bind_cancellation_slot(first.slot(), r.handler()));
    socket.async_send_batch(
        behind, asio::bind_cancellation_slot(second.slot(), s.handler()));
    first.emit(cancel::total);
    second.emit(cancel::total);
    support::poll(io);
    BOOST_TEST(r.calls == 0);
    BOOST_TEST(s.calls == 1);
    BOOST_TEST(s.error == aborted);
    BOOST_TEST(s.count == 0u);
    first.emit(cancel::partial);
    support::run(io);
    BOOST_TEST(r.calls == 1);
    BOOST_TEST(r.error == aborted);
    BOOST_TEST(r.count == drain());
}

BOOST_FIXTURE_TEST_CASE(datagrams_of_no_bytes_touch_a_send_too, local_datagrams)
{
    local_context tx(2000);
    for (std::size_t i = 0; i != tx.capacity(); ++i)
    {
        tx.add(asio::const_buffer());
    }
    asio::cancellation_signal signal;
    result r;
    socket.async_send_batch(
        tx, asio::bind_cancellation_slot(signal.slot(), r.handler()));
    signal.emit(cancel::total);
    support::poll(io);
    BOOST_TEST(r.calls == 0);
    signal.emit(cancel::terminal);
    support::run(io);
    BOOST_TEST(r.calls == 1);
    BOOST_TEST(r.count != 0u);
}

BOOST_FIXTURE_TEST_CASE(a_send_to_a_full_local_socket_does_not_wait, full)
{
    // Addresses that are no sockets of this process's file system.
    opslot::local::datagram_protocol::socket named(io), unnamed(io);
    opslot::local::datagram_protocol::endpoint name(
        std::string("\0opslot-batch-", 14) +
        std::to_string(reinterpret_cast<std::uintptr_t>(this)));
    named.open();
    named.bind(name);
    unnamed.open();
    local_context to_name(count);
    for (std::size_t i = 0; i != count; ++i)
    {
        to_name.add(asio::buffer(&bytes[i * 10], 10), name);
    }
    finish(io, to_name, unnamed.start_send_batch(to_name));
    BOOST_TEST(to_name.error() == asio::error::would_block);
    std::size_t const sent = to_name.sent();
    BOOST_TEST(sent != 0u);
    BOOST_TEST(to_name.error_index() == sent);
    BOOST_TEST(to_name[count - 1].error() == asio::error::would_block);
    local_context rx(count);
    std::vector<char> storage(count * 20);
    rx.slab(asio::buffer(storage), 20);
    finish(io, rx, named.start_receive_batch(rx));
    BOOST_TEST(rx.size() == sent);
    BOOST_TEST(rx.bytes_transferred() == sent * 10);
    BOOST_TEST(rx[0].endpoint().path() == "");
}

BOOST_FIXTURE_TEST_CASE(a_withdrawn_send_breaks_nothing, full)
{
    std::optional<local_context> gone(std::in_place, count);
    for (std::size_t i = 0; i != count; ++i)
    {
        gone->add(asio::buffer(&bytes[i * 10], 10));
    }
    BOOST_TEST((socket.start_send_batch(*gone) == pending));
    gone.reset();
    BOOST_TEST(drain() != 0u);
    local_context after(1);
    after.add(asio::buffer(&bytes[0], 10));
    finish(io, after, socket.start_send_batch(after));
    BOOST_TEST(after.error() == success);
    BOOST_TEST(drain() == 1u);
    support::run(io);
}

// Threads

BOOST_FIXTURE_TEST_CASE(threads_share_what_a_socket_keeps, datagrams)
{
    constexpr std::size_t count = 6000;
    constexpr std::size_t at_a_time = 60;
    std::atomic<std::size_t> received{0}, wrong{0};
    std::array<std::atomic<int>, count> seen{};
    auto const take = [&](char const* data, std::size_t size) {
        std::uint32_t number = 0;
        std::memcpy(&number, data, std::min(size, sizeof(number)));
        bool const is_right = size == sizeof(number) && number < count;
        wrong += !is_right || seen[number]++ != 0;
        ++received;
    };

    struct receiver : base_context
    {
        std::array<char, 28> storage;
        std::atomic<bool> is_done{true};

        receiver() { slab(asio::buffer(storage), 4); }
    };

    std::array<receiver, 3> batches;
    for (auto& c : batches)
    {
        c.completion_handler([&](base_context& done) {
            for (std::size_t i = 0; i != done.size(); ++i)
            {
                auto const b = done[i].buffer();
                take(static_cast<char const*>(b.data()), b.size());
            }
            c.is_done = true;
        });
    }
    udp::datagram_context one;
    std::array<char, 4> bytes{};
    std::atomic<bool> one_is_done{true};
    one.buffer(asio::buffer(bytes));
    one.completion_handler([&](udp::datagram_context& done) {
        take(bytes.data(), done.bytes_transferred());
        one_is_done = true;
    });
    auto const work = asio::make_work_guard(io);
    std::vector<support::background> threads;
    for (int i = 0; i != 3; ++i)
    {
        threads.emplace_back([&] { io.run_for(support::patience); });
    }
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    for (std::uint32_t first = 0; first != count; first += at_a_time)
    {
        std::array<std::uint32_t, at_a_time> numbers;
        std::iota(numbers.begin(), numbers.end(), first);
        send_merged(
            other,
            {reinterpret_cast<char const*>(numbers.data()), sizeof(numbers)},
            sizeof(first),
            socket.local_endpoint());
        // No more than the socket has room for, so none is lost. This thread
        // starts, and others complete.
        while (received < first + at_a_time &&
               std::chrono::steady_clock::now() < limit)
        {
            for (auto& c : batches)
            {
                if (c.is_done.exchange(false))
                {
                    socket.async_receive_batch(c);
                }
            }
            if (one_is_done.exchange(false))
            {
                socket.async_receive_from(one);
            }
        }
    }
    io.stop();
    threads.clear();
    BOOST_TEST(received == count);
    BOOST_TEST(wrong == 0u);
}

// Lifetime

BOOST_FIXTURE_TEST_CASE(contexts_may_be_counted_and_pooled, datagrams)
{
    auto c = opslot::make_context<base_context>(8u);
    std::array<char, 800> storage;
    c->slab(asio::buffer(storage), 100);
    std::size_t count = 0;
    c->completion_handler([&](base_context& done) { count = done.size(); });
    BOOST_TEST((socket.start_receive_batch(*c) == pending));
    c.reset();
    send("abc");
    support::run(io);
    BOOST_TEST(count == 1u);
    opslot::context_pool<base_context> pool(io);
    auto pooled = pool.try_acquire();
    BOOST_REQUIRE(pooled);
    BOOST_TEST(pooled->capacity() == base_context::default_capacity);
    pooled->add(asio::buffer("pooled", 6), other.endpoint());
    BOOST_TEST((socket.start_send_batch(*pooled) == completed));
    BOOST_TEST(other.receive() == "pooled");
}

BOOST_AUTO_TEST_CASE(everything_may_go_first)
{
    for (int order = 0; order != 3; ++order)
    {
        std::optional<datagrams> d(std::in_place);
        std::optional<batch_receiver> few(std::in_place, 2), waiting;
        waiting.emplace();
        auto const result = d->socket.start_receive_batch(*few);
        send_merged(d->other, "abcdef", 1, d->socket.local_endpoint());
        finish(d->io, *few, result);
        // Some are kept, and some are taken and not delivered.
        d->socket.async_receive_batch(*waiting);
        if (order == 0)
        {
            waiting.reset();
            few.reset();
            d.reset();
        }
        else if (order == 1)
        {
            d.reset();
        }
        else
        {
            d->socket.close();
            support::run(d->io);
            BOOST_TEST(waiting->calls == 1);
        }
    }
}

BOOST_FIXTURE_TEST_CASE(asio_gets_a_socket_that_does_not_merge, datagrams)
{
    batch_receiver few(2);
    auto const result = socket.start_receive_batch(few);
    send_merged(other, "abc", 1, socket.local_endpoint());
    finish(io, few, result);
    asio::ip::udp::socket theirs = socket.to_asio();
    send_merged(other, "defgh", 2, theirs.local_endpoint());
    std::array<char, 100> storage;
    theirs.non_blocking(true);
    strings received;
    error_code ec;
    while (std::size_t const n = theirs.receive(asio::buffer(storage), 0, ec))
    {
        received.emplace_back(storage.data(), n);
    }
    // What this library kept of the first ones is lost; what it did not take
    // is not.
    while (!received.empty() && received[0].size() == 1)
    {
        received.erase(received.begin());
    }
    BOOST_TEST((received == strings{"de", "fg", "h"}));
}
