// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Accepts that receive the first data, and accepts into sockets.

#define BOOST_TEST_MODULE contract_accepting_with_data
#include <opslot/error.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
using tcp = opslot::tcp;
using accept_context = support::counted<tcp::accept_context>;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

struct listening
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::acceptor acceptor{
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    tcp::endpoint const endpoint = acceptor.local_endpoint();
    std::array<char, 64> storage{};
    accept_context c;

    listening() { c.first_data(asio::buffer(storage), hours(1)); }

    std::string data() const
    {
        return std::string(storage.data(), c.bytes_transferred());
    }

    void check_connected(tcp::socket socket, peer& other)
    {
        BOOST_REQUIRE(socket.is_open());
        other.write("z");
        std::array<char, 1> one;
        BOOST_TEST(socket.read_some(asio::buffer(one)) == 1u);
        BOOST_TEST(one[0] == 'z');
    }

    /// After whatever went wrong, an accept takes a connection and data.
    void check_usable()
    {
        c.accept_into(nullptr);
        c.timeout({});
        c.first_data(asio::buffer(storage), hours(1));
        peer other = support::connect_to(endpoint);
        other.write("good");
        finish(io, c, acceptor.start_accept(c));
        BOOST_TEST(c.error() == success);
        BOOST_TEST(data() == "good");
        check_connected(c.take_socket(), other);
    }
};

void reset(peer& p)
{
    ::linger const hard{1, 0};
    ::setsockopt(p.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    p.close();
}

template<typename Error, typename Call>
void expect_thrown(Error expected, Call call)
{
    BOOST_CHECK_EXCEPTION(call(), system_error, [&](system_error const& e) {
        return e.code() == make_error_code(expected);
    });
}

} // namespace

// Model case 42.
BOOST_FIXTURE_TEST_CASE(an_accept_completes_with_the_first_data, listening)
{
    auto const result = acceptor.start_accept(c);
    BOOST_TEST((result == pending));
    peer other = support::connect_to(endpoint);
    support::poll(io);
    BOOST_TEST(c.is_pending());
    BOOST_TEST(!c.has_socket());
    other.write("hello");
    finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST((c.last_operation() == opslot::operation_kind::accept));
    BOOST_TEST(data() == "hello");
    BOOST_TEST(c.has_socket());
    tcp::endpoint const from = c.peer_endpoint();
    tcp::socket socket = c.take_socket();
    BOOST_TEST(socket.remote_endpoint() == from);
    check_connected(std::move(socket), other);
    // Connection and data may be there before.
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_silent_client_is_accepted_in_the_end, listening)
{
    c.first_data(asio::buffer(storage), milliseconds(30));
    auto const begin = steady_clock::now();
    peer other = support::connect_to(endpoint);
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST((steady_clock::now() - begin >= milliseconds(30)));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 0u);
    check_connected(c.take_socket(), other);
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(others_are_accepted_while_a_client_is_silent, listening)
{
    accept_context second;
    std::array<char, 64> other_storage;
    second.first_data(asio::buffer(other_storage), hours(1));
    accept_context plain;
    BOOST_TEST((acceptor.start_accept(c) == pending));
    peer silent = support::connect_to(endpoint);
    support::poll(io);
    auto const result = acceptor.start_accept(second);
    peer other = support::connect_to(endpoint);
    other.write("quick");
    finish(io, second, result);
    BOOST_TEST(second.error() == success);
    BOOST_TEST(second.bytes_transferred() == 5u);
    check_connected(second.take_socket(), other);
    auto const last = acceptor.start_accept(plain);
    peer third = support::connect_to(endpoint);
    finish(io, plain, last);
    check_connected(plain.take_socket(), third);
    BOOST_TEST(c.is_pending());
    silent.write("late");
    finish(io, c, pending);
    BOOST_TEST(data() == "late");
}

BOOST_FIXTURE_TEST_CASE(the_end_of_the_stream_is_not_the_accepts, listening)
{
    peer other = support::connect_to(endpoint);
    other.shutdown();
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 0u);
    tcp::socket socket = c.take_socket();
    std::array<char, 1> one;
    error_code ec;
    socket.read_some(asio::buffer(one), ec);
    BOOST_TEST(ec == asio::error::eof);
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(a_client_that_resets_is_reported, listening)
{
    for (bool const is_pending : {false, true})
    {
        std::optional<opslot::start_result> result;
        peer other = support::connect_to(endpoint);
        if (is_pending)
        {
            result = acceptor.start_accept(c);
            support::poll(io);
            BOOST_TEST(c.is_pending());
        }
        reset(other);
        finish(io, c, result ? *result : acceptor.start_accept(c));
        BOOST_TEST(c.error() == asio::error::connection_reset);
        BOOST_TEST(c.bytes_transferred() == 0u);
        BOOST_TEST(!c.has_socket());
        // The next accepts go on.
        check_usable();
    }
}

BOOST_FIXTURE_TEST_CASE(both_steps_can_be_cancelled, listening)
{
    for (bool const is_connected : {false, true})
    {
        for (int const how : {0, 1})
        {
            std::optional<peer> other;
            auto const result = acceptor.start_accept(c);
            if (is_connected)
            {
                other = support::connect_to(endpoint);
            }
            support::poll(io);
            if (how == 0)
            {
                BOOST_TEST(c.cancel());
            }
            else
            {
                acceptor.cancel();
            }
            finish(io, c, result);
            BOOST_TEST(c.error() == aborted);
            BOOST_TEST(!c.has_socket());
            if (other)
            {
                BOOST_TEST(other->read(1) == "");
            }
            check_usable();
        }
    }
}

// Model case 36.
BOOST_FIXTURE_TEST_CASE(closing_the_acceptor_ends_both_steps, listening)
{
    accept_context second;
    second.first_data(asio::buffer(storage), hours(1));
    BOOST_TEST((acceptor.start_accept(c) == pending));
    peer other = support::connect_to(endpoint);
    support::poll(io);
    BOOST_TEST((acceptor.start_accept(second) == pending));
    acceptor.close();
    support::run(io);
    for (auto const* const each : {&c, &second})
    {
        BOOST_TEST(each->calls == 1);
        BOOST_TEST(each->error() == aborted);
        BOOST_TEST(!each->has_socket());
    }
    BOOST_TEST(other.read(1) == "");
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_counts_for_both_steps, listening)
{
    c.timeout(milliseconds(30));
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST((c.error() == error::timeout));
    peer other = support::connect_to(endpoint);
    finish(io, c, acceptor.start_accept(c));
    BOOST_TEST((c.error() == error::timeout));
    BOOST_TEST(!c.has_socket());
    BOOST_TEST(other.read(1) == "");
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(every_form_accepts_with_data, listening)
{
    peer first = support::connect_to(endpoint);
    first.write("one");
    acceptor.async_accept(c);
    BOOST_TEST(c.calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(data() == "one");
    peer second = support::connect_to(endpoint);
    second.write("two");
    int calls = 0;
    acceptor.async_accept(c, [&](error_code ec) {
        BOOST_TEST(ec == success);
        BOOST_TEST(data() == "two");
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    check_connected(c.take_socket(), second);
    for (auto const type :
         {asio::cancellation_type::terminal,
          asio::cancellation_type::partial,
          asio::cancellation_type::total})
    {
        peer silent = support::connect_to(endpoint);
        asio::cancellation_signal signal;
        error_code ec;
        acceptor.async_accept(
            c, asio::bind_cancellation_slot(signal.slot(), [&](error_code e) {
                ec = e;
            }));
        support::poll(io);
        signal.emit(type);
        support::run(io);
        BOOST_TEST(ec == aborted);
        BOOST_TEST(silent.read(1) == "");
    }
    check_usable();
}

BOOST_FIXTURE_TEST_CASE(accepts_with_data_go_when_their_owners_do, listening)
{
    for (bool const is_connected : {false, true})
    {
        int calls = 0;
        std::optional<peer> other;
        {
            tcp::accept_context going;
            going.first_data(asio::buffer(storage), hours(1));
            going.completion_handler([&](auto&) { ++calls; });
            BOOST_TEST((acceptor.start_accept(going) == pending));
            if (is_connected)
            {
                other = support::connect_to(endpoint);
            }
            support::poll(io);
        }
        support::run(io);
        BOOST_TEST(calls == 0);
        if (other)
        {
            BOOST_TEST(other->read(1) == "");
        }
        check_usable();
    }
    // Disposed: it completes, and starts no more.
    peer last = support::connect_to(endpoint);
    auto const result = acceptor.start_accept(c);
    c.dispose();
    last.write("x");
    finish(io, c, result);
    BOOST_TEST(data() == "x");
    expect_thrown(error::context_disposed, [&] {
        static_cast<void>(acceptor.start_accept(c));
    });
}

BOOST_AUTO_TEST_CASE(accepts_with_data_go_with_their_io_context)
{
    support::descriptor_check const leaks;
    auto const guard = std::make_shared<int>();
    std::array<char, 8> storage;
    std::optional<asio::io_context> io(std::in_place);
    tcp::acceptor acceptor(
        *io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    std::deque<tcp::accept_context> contexts(3);
    for (auto& c : contexts)
    {
        c.first_data(asio::buffer(storage), hours(1));
        c.completion_handler([guard](auto&) { BOOST_ERROR("called"); });
        BOOST_TEST((acceptor.start_accept(c) == pending));
    }
    peer const silent = support::connect_to(acceptor.local_endpoint());
    support::poll(*io);
    io.reset();
    BOOST_TEST(guard.use_count() == 1);
}

BOOST_FIXTURE_TEST_CASE(data_come_with_another_io_context, listening)
{
    asio::io_context second;
    accept_context far{asio::any_io_executor(second.get_executor())};
    far.first_data(asio::buffer(storage), hours(1));
    BOOST_TEST((acceptor.start_accept(far) == pending));
    peer other = support::connect_to(endpoint);
    support::poll(io);
    other.write("far");
    support::run(second);
    support::run(io);
    BOOST_TEST(far.calls == 1);
    BOOST_TEST(far.error() == success);
    BOOST_TEST(far.bytes_transferred() == 3u);
    tcp::socket socket = far.take_socket();
    BOOST_TEST((socket.get_executor() == second.get_executor()));
    check_connected(std::move(socket), other);
}

BOOST_AUTO_TEST_CASE(an_io_context_takes_the_data_of_another_with_it)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    std::optional<asio::io_context> second(std::in_place);
    std::array<char, 8> storage;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    accept_context c{asio::any_io_executor(second->get_executor())};
    c.first_data(asio::buffer(storage), hours(1));
    BOOST_TEST((acceptor.start_accept(c) == pending));
    peer const silent = support::connect_to(acceptor.local_endpoint());
    support::poll(io);
    BOOST_TEST(c.is_pending());
    second.reset();
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == aborted);
    BOOST_TEST(!c.has_socket());
}

// Into a socket

// Model case 40.
BOOST_FIXTURE_TEST_CASE(a_given_socket_gets_the_connection, listening)
{
    tcp::socket target(io);
    c.accept_into(target);
    for (bool const with_data : {false, true})
    {
        c.first_data(
            with_data ? asio::buffer(storage) : asio::mutable_buffer());
        for (bool const waits : {false, true})
        {
            std::optional<peer> other;
            if (!waits)
            {
                other = support::connect_to(endpoint);
                other->write("a");
            }
            auto const result = acceptor.start_accept(c);
            if (waits)
            {
                other = support::connect_to(endpoint);
                other->write("a");
            }
            finish(io, c, result);
            BOOST_TEST(c.error() == success);
            BOOST_TEST(!c.has_socket());
            BOOST_TEST(target.is_open());
            BOOST_TEST(target.remote_endpoint() == c.peer_endpoint());
            if (!with_data)
            {
                BOOST_TEST(target.available() == 1u);
            }
            target.close();
        }
    }
    // By the other forms.
    c.first_data({});
    peer first = support::connect_to(endpoint);
    acceptor.async_accept(c);
    support::run(io);
    check_connected(std::move(target), first);
    peer second = support::connect_to(endpoint);
    error_code ec = asio::error::fault;
    acceptor.async_accept(c, [&](error_code e) { ec = e; });
    support::run(io);
    BOOST_TEST(ec == success);
    check_connected(std::move(target), second);
    check_usable();
}

// Model case 40.
BOOST_FIXTURE_TEST_CASE(a_given_socket_must_be_closed, listening)
{
    tcp::socket target(io, tcp::v4());
    c.accept_into(target);
    auto const open = asio::error::already_open;
    expect_thrown(open, [&] { static_cast<void>(acceptor.start_accept(c)); });
    expect_thrown(open, [&] { acceptor.async_accept(c); });
    error_code ec;
    acceptor.async_accept(c, [&](error_code e) { ec = e; });
    support::run(io);
    BOOST_TEST(ec == open);
    BOOST_TEST(!c.is_pending());
    // Opened while the accept is pending.
    target.close();
    auto const result = acceptor.start_accept(c);
    target.open(tcp::v4());
    peer other = support::connect_to(endpoint);
    other.write("x");
    finish(io, c, result);
    BOOST_TEST(c.error() == open);
    BOOST_TEST(target.is_open());
    check_usable();
}

// Model case 40.
BOOST_FIXTURE_TEST_CASE(a_failed_accept_fills_nothing, listening)
{
    tcp::socket target(io);
    c.accept_into(target);
    auto const result = acceptor.start_accept(c);
    c.cancel();
    finish(io, c, result);
    BOOST_TEST(c.error() == aborted);
    BOOST_TEST(!target.is_open());
    check_usable();
}

// Bad input

// Model cases 37 and 42.
BOOST_FIXTURE_TEST_CASE(misuse_leaves_the_context_usable, listening)
{
    expect_thrown(error::out_of_range, [&] {
        c.first_data(asio::buffer(storage), hours(0));
    });
    check_usable();
    BOOST_TEST((acceptor.start_accept(c) == pending));
    tcp::socket target(io);
    auto const busy = error::context_busy;
    expect_thrown(busy, [&] { c.first_data({}); });
    expect_thrown(busy, [&] { c.accept_into(target); });
    expect_thrown(busy, [&] { c.accept_into(nullptr); });
    expect_thrown(busy, [&] { static_cast<void>(acceptor.start_accept(c)); });
    expect_thrown(busy, [&] { acceptor.async_accept(c); });
    BOOST_TEST(c.is_pending());
    c.cancel();
    support::run(io);
    check_usable();
    // An acceptor that does not listen is no misuse.
    tcp::acceptor closed(io), deaf(io, tcp::v4());
    finish(io, c, closed.start_accept(c));
    BOOST_TEST(c.error() == asio::error::bad_descriptor);
    finish(io, c, deaf.start_accept(c));
    BOOST_TEST(c.error() == asio::error::invalid_argument);
    check_usable();
}

// Many

// Model cases 33 and 34.
BOOST_FIXTURE_TEST_CASE(fifteen_accepts_are_outstanding_at_all_times, listening)
{
    struct one
    {
        tcp::accept_context c;
        std::array<char, 8> storage;
    };

    for (bool const with_data : {false, true})
    {
        constexpr int count = 100;
        std::deque<one> all(15);
        int accepted = 0;
        int fewest = 15;
        auto const outstanding = [&] {
            int n = 0;
            for (auto const& each : all)
            {
                n += each.c.is_pending();
            }
            return n;
        };
        for (auto& each : all)
        {
            if (with_data)
            {
                each.c.first_data(asio::buffer(each.storage), hours(1));
            }
            each.c.completion_handler([&](tcp::accept_context& done) {
                BOOST_TEST(done.error() == success);
                BOOST_TEST(done.take_socket().is_open());
                ++accepted;
                while (acceptor.start_accept(done) == completed)
                {
                    BOOST_TEST(done.take_socket().is_open());
                    ++accepted;
                }
                fewest = std::min(fewest, outstanding());
            });
            acceptor.async_accept(each.c);
        }
        BOOST_TEST(outstanding() == 15);
        support::background const clients([&] {
            for (int i = 0; i != count; ++i)
            {
                peer p = support::connect_to(endpoint);
                if (with_data)
                {
                    p.write("x");
                }
                p.shutdown();
                p.read_all();
            }
        });
        support::run_until(io, [&] { return accepted == count; });
        // At the end of each handler all fifteen are there again.
        BOOST_TEST(fewest == 15);
        BOOST_TEST(outstanding() == 15);
    }
}

// Cost

BOOST_FIXTURE_TEST_CASE(
    accepts_with_data_take_nothing_from_the_heap,
    listening,
    *support::where_allocations_are_seen())
{
    support::expect_no_allocations([&] {
        acceptor.async_accept(c);
        peer other = support::connect_to(endpoint);
        other.write("hello");
        bool const ok = support::run_quietly(io) && !c.error() &&
                        c.bytes_transferred() == 5;
        c.take_socket();
        return ok;
    });
}
