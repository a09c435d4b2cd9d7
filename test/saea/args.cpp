// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A context by itself: what it is when it is new, what is set in it, and that
// no bad input makes it unfit for a good operation. The numbers are those of
// the behavioural cases in doc/saea.adoc.

#define BOOST_TEST_MODULE saea_args
#include <opslot/accept_context.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/misuse.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::error;
using opslot::operation_kind;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::expect_delivered;
using support::expect_thrown;
using support::finish;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;
using accept_context = support::counted<tcp::accept_context>;
using connect_context = support::counted<opslot::connect_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;
constexpr auto wait_read = tcp::socket::wait_read;
constexpr auto peek = asio::socket_base::message_peek;

tcp::endpoint loopback()
{
    return {asio::ip::address_v4::loopback(), 0};
}

void check_new(opslot::operation_context const& c)
{
    BOOST_TEST(!c.is_pending());
    BOOST_TEST(!c.is_disposed());
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 0u);
    BOOST_TEST((c.last_operation() == operation_kind::none));
    BOOST_TEST(!c.user_token());
    BOOST_TEST(c.timeout().count() == 0);
}

// An object that contexts may keep alive, if a pointer owns it.
struct owner : std::enable_shared_from_this<owner>
{};

} // namespace

// What a context has

// Model case 1.
BOOST_AUTO_TEST_CASE(a_new_context_has_the_defaults_of_the_model)
{
    stream_context s;
    check_new(s);
    BOOST_TEST(!s.buffer().data());
    BOOST_TEST(s.buffer().size() == 0u);
    BOOST_TEST(s.offset() == 0u);
    BOOST_TEST(s.at_least() == 1u);
    BOOST_TEST(s.message_flags() == 0);
    BOOST_TEST(s.received_flags() == 0);
    tcp::accept_context a;
    check_new(a);
    BOOST_TEST(!a.has_socket());
    opslot::connect_context c;
    check_new(c);
}

// Model case 2.
BOOST_FIXTURE_TEST_CASE(what_is_set_is_read_back_after_operations, connection)
{
    context c;
    std::array<char, 8> storage;
    int anything = 0;
    c.user_token(&anything);
    c.timeout(std::chrono::seconds(20));
    c.at_least(2);
    c.message_flags(peek);
    c.buffer(asio::buffer(storage), 1, 6);
    other.write("abc");
    support::await(socket.native_handle());
    for (int i = 0; i != 2; ++i)
    {
        finish(io, c, socket.start_receive(c));
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.user_token() == &anything);
        BOOST_TEST((c.timeout() == std::chrono::seconds(20)));
        BOOST_TEST(c.at_least() == 2u);
        BOOST_TEST((c.message_flags() == peek));
        BOOST_TEST(c.offset() == 1u);
        BOOST_TEST(c.buffer().data() == &storage[1]);
        BOOST_TEST(c.buffer().size() == 6u);
    }
}

// Model case 3.
BOOST_FIXTURE_TEST_CASE(disposing_more_than_once_does_no_harm, connection)
{
    context idle, rx;
    std::array<char, 8> storage;
    idle.dispose();
    idle.dispose();
    BOOST_TEST(idle.is_disposed());
    rx.buffer(asio::buffer(storage));
    int calls = 0;
    rx.completion_handler([&](stream_context& c) {
        ++calls;
        c.dispose();
        BOOST_TEST(c.bytes_transferred() == 1u);
    });
    BOOST_TEST((socket.start_receive(rx) == pending));
    rx.dispose();
    rx.dispose();
    BOOST_TEST(rx.is_pending());
    other.write("a");
    support::run(io);
    rx.dispose();
    BOOST_TEST(calls == 1);
    BOOST_TEST(rx.is_disposed());
    BOOST_TEST(rx.error() == success);
}

// Model case 25.
BOOST_FIXTURE_TEST_CASE(
    the_last_operation_is_told_during_and_after_it, connection)
{
    context c;
    std::array<char, 8> storage;
    c.buffer(asio::buffer(storage));
    auto const expect = [&](operation_kind kind) {
        BOOST_TEST(c.is_pending());
        BOOST_TEST((c.last_operation() == kind));
        int const before = c.calls;
        support::run_until(io, [&] { return c.calls != before; });
        BOOST_TEST(!c.is_pending());
        BOOST_TEST((c.last_operation() == kind));
    };
    socket.async_wait(c, tcp::socket::wait_write);
    expect(operation_kind::wait);
    socket.async_send(c);
    expect(operation_kind::send);
    other.write("a");
    socket.async_receive(c);
    expect(operation_kind::receive);
    // A start that is refused is none.
    c.clear_buffers();
    expect_thrown(error::no_buffer, [&] { (void)socket.start_send(c); });
    BOOST_TEST((c.last_operation() == operation_kind::receive));

    tcp::acceptor acceptor(io, loopback());
    accept_context a;
    connect_context out;
    tcp::socket client(io);
    out.endpoint(acceptor.local_endpoint());
    acceptor.async_accept(a);
    client.async_connect(out);
    BOOST_TEST((a.last_operation() == operation_kind::accept));
    BOOST_TEST((out.last_operation() == operation_kind::connect));
    support::run(io);
    BOOST_TEST((a.last_operation() == operation_kind::accept));
    BOOST_TEST((out.last_operation() == operation_kind::connect));
}

// Buffers

// Model case 9.
BOOST_FIXTURE_TEST_CASE(a_part_of_no_buffer_is_refused, connection)
{
    context rx;
    expect_thrown(error::no_buffer, [&] { rx.slice(42, 84); });
    BOOST_TEST(rx.offset() == 0u);
    BOOST_TEST(rx.buffer().size() == 0u);
    other.write("a");
    BOOST_TEST(contract::receive(*this, rx, 1) == "a");
}

// Model case 14.
BOOST_FIXTURE_TEST_CASE(
    a_list_gives_way_to_itself_to_another_and_to_none, connection)
{
    context rx;
    std::string first(2, '.'), second(2, '.');
    std::array<asio::mutable_buffer, 2> const list{
        asio::buffer(&first[0], 1), asio::buffer(&first[1], 1)};
    asio::mutable_buffer const another = asio::buffer(second);
    auto const receive = [&](char const* text) {
        other.write(text);
        rx.at_least(2);
        finish(io, rx, socket.start_receive(rx));
        BOOST_TEST(rx.error() == success);
    };
    rx.buffer_list(list);
    rx.buffer_list(list);
    receive("ab");
    BOOST_TEST(first == "ab");
    rx.buffer_list(another);
    receive("cd");
    BOOST_TEST(first == "ab");
    BOOST_TEST(second == "cd");
    rx.clear_buffers();
    rx.clear_buffers();
    expect_thrown(error::no_buffer, [&] { (void)socket.start_receive(rx); });
    rx.buffer_list(list);
    receive("ef");
    BOOST_TEST(first == "ef");
}

// Model case 15.
BOOST_FIXTURE_TEST_CASE(
    a_segment_that_is_no_memory_is_what_the_system_reports, connection)
{
    std::array<char, 4> storage{'g', 'o', 'o', 'd'};
    asio::mutable_buffer const good = asio::buffer(storage);
    asio::mutable_buffer const bad(nullptr, 4);
    context c;
    for (auto const& list :
         {std::vector<asio::mutable_buffer>{bad},
          std::vector<asio::mutable_buffer>{bad, good}})
    {
        c.buffer_list(list);
        finish(io, c, socket.start_send(c));
        BOOST_TEST(c.error() == asio::error::fault);
        BOOST_TEST(c.bytes_transferred() == 0u);
        other.write("x");
        support::await(socket.native_handle());
        finish(io, c, socket.start_receive(c));
        BOOST_TEST(c.error() == asio::error::fault);
        BOOST_TEST(c.bytes_transferred() == 0u);
        c.clear_buffers();
        BOOST_TEST(contract::receive(*this, c, 1) == "x");
    }
    // What stands before it may be sent, and is counted then.
    c.buffer_list(std::array<asio::mutable_buffer, 2>{good, bad});
    finish(io, c, socket.start_send(c));
    BOOST_TEST(c.error() == asio::error::fault);
    std::size_t const n = c.bytes_transferred();
    BOOST_TEST(n <= 4u);
    BOOST_TEST(other.read(n) == std::string("good", n));
    c.clear_buffers();
    c.buffer(good);
    finish(io, c, socket.start_send(c));
    BOOST_TEST(c.error() == success);
    BOOST_TEST(other.read(4) == "good");
}

// Model case 17.
BOOST_FIXTURE_TEST_CASE(
    a_later_buffer_takes_the_place_of_an_earlier_one, connection)
{
    context rx;
    std::string first(3, '.'), second(3, '.');
    rx.buffer(asio::buffer(first), 1, 1);
    rx.buffer(asio::buffer(second));
    BOOST_TEST(rx.offset() == 0u);
    other.write("ab");
    rx.at_least(2);
    finish(io, rx, socket.start_receive(rx));
    BOOST_TEST(first == "...");
    BOOST_TEST(second == "ab.");
}

// Handlers

// Model case 18.
BOOST_FIXTURE_TEST_CASE(
    a_later_handler_takes_the_place_of_an_earlier_one, connection)
{
    stream_context c;
    std::array<char, 1> storage;
    int first = 0, second = 0;
    c.buffer(asio::buffer(storage));
    c.completion_handler([&](stream_context&) { ++first; });
    c.completion_handler([&](stream_context&) { ++second; });
    for (int i = 1; i != 3; ++i)
    {
        BOOST_TEST((socket.start_receive(c) == pending));
        other.write("a");
        support::run(io);
        BOOST_TEST(first == 0);
        BOOST_TEST(second == i);
    }
}

// Model case 22.
BOOST_FIXTURE_TEST_CASE(
    a_handler_runs_where_run_is_and_not_where_it_was_started, connection)
{
    stream_context c;
    std::array<char, 1> storage;
    std::promise<std::thread::id> called;
    auto result = called.get_future();
    c.buffer(asio::buffer(storage));
    c.completion_handler(
        [&](stream_context&) { called.set_value(std::this_thread::get_id()); });
    other.write("a");
    std::thread::id runner;
    {
        auto work = asio::make_work_guard(io);
        support::background const run([&] {
            runner = std::this_thread::get_id();
            io.run_for(support::patience);
        });
        socket.async_receive(c);
        auto const state = result.wait_for(support::patience);
        work.reset();
        BOOST_REQUIRE((state == std::future_status::ready));
    }
    auto const where = result.get();
    BOOST_TEST((where == runner));
    BOOST_TEST((where != std::this_thread::get_id()));
}

// Bad input

namespace {

struct rejected_call
{
    char const* what;
    error expected;
    std::function<void()> throws;
    // The same through a handler, where there is a form for it.
    std::function<void(std::function<void(error_code)>)> delivers;
};

// Makes each call in both ways, and `check` after each of them.
void make(
    asio::io_context& io,
    std::vector<rejected_call> const& calls,
    std::function<void()> const& check)
{
    for (rejected_call const& each : calls)
    {
        BOOST_TEST_CONTEXT(each.what)
        {
            if (each.throws)
            {
                expect_thrown(each.expected, each.throws);
                check();
            }
            if (each.delivers)
            {
                expect_delivered(io, each.expected, each.delivers);
                check();
            }
        }
    }
}

struct bad_stream_input : connection
{
    context c;
    std::array<char, 4> storage{};
    asio::mutable_buffer const writable = asio::buffer(storage);
    asio::const_buffer const read_only = writable;
    std::array<asio::mutable_buffer, 2> const list{writable, writable};
    owner nobodys;

    std::vector<rejected_call> starts(error expected)
    {
        return {
            {"start_receive",
             expected,
             [this] { (void)socket.start_receive(c); },
             nullptr},
            {"async_receive",
             expected,
             [this] { socket.async_receive(c); },
             [this](auto f) {
                 socket.async_receive(
                     c, [f](error_code ec, std::size_t) { f(ec); });
             }},
            {"start_send",
             expected,
             [this] { (void)socket.start_send(c); },
             nullptr},
            {"async_send",
             expected,
             [this] { socket.async_send(c); },
             [this](auto f) {
                 socket.async_send(
                     c, [f](error_code ec, std::size_t) { f(ec); });
             }},
            {"start_wait",
             expected,
             [this] { (void)socket.start_wait(c, wait_read); },
             nullptr},
            {"async_wait",
             expected,
             [this] { socket.async_wait(c, wait_read); },
             [this](auto f) { socket.async_wait(c, wait_read, f); }}};
    }

    // The first `n` of them.
    std::vector<rejected_call> starts(error expected, std::ptrdiff_t n)
    {
        auto const all = starts(expected);
        return {all.begin(), all.begin() + n};
    }

    std::vector<rejected_call> setters(error expected)
    {
        return {
            {"buffer", expected, [this] { c.buffer(writable); }, nullptr},
            {"buffer, to be read",
             expected,
             [this] { c.buffer(read_only); },
             nullptr},
            {"a part", expected, [this] { c.buffer(writable, 1, 2); }, nullptr},
            {"slice", expected, [this] { c.slice(1, 2); }, nullptr},
            {"buffer_list", expected, [this] { c.buffer_list(list); }, nullptr},
            {"clear_buffers", expected, [this] { c.clear_buffers(); }, nullptr},
            {"at_least", expected, [this] { c.at_least(2); }, nullptr},
            {"message_flags",
             expected,
             [this] { c.message_flags(peek); },
             nullptr},
            {"timeout",
             expected,
             [this] { c.timeout(std::chrono::seconds(1)); },
             nullptr},
            {"expires_at", expected, [this] { c.expires_at({}); }, nullptr},
            {"keep_alive",
             expected,
             [this] { c.keep_alive(nullptr); },
             nullptr},
            {"completion_handler",
             expected,
             [this] { c.completion_handler([](auto&) {}); },
             nullptr}};
    }

    // The context as it is receives, and then sends.
    void check_transfers()
    {
        storage = {};
        auto const received = socket.start_receive(c);
        other.write("in");
        finish(io, c, received);
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.bytes_transferred() == 2u);
        BOOST_TEST(std::string(storage.data(), 2) == "in");
        finish(io, c, socket.start_send(c));
        BOOST_TEST(c.error() == success);
        std::size_t const n = c.bytes_transferred();
        BOOST_TEST(n != 0u);
        BOOST_TEST(other.read(n).substr(0, 2) == "in");
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(
    after_a_start_that_is_refused_the_context_is_good, bad_stream_input)
{
    make(io, starts(error::no_buffer, 4), [this] {
        c.buffer(writable);
        check_transfers();
        c.clear_buffers();
    });
    c.buffer(read_only);
    make(io, starts(error::no_buffer, 2), [this] {
        c.buffer(writable);
        check_transfers();
        c.buffer(read_only);
    });
    c.buffer(writable);
    c.keep_alive(nobodys);
    make(io, starts(error::not_owned), [this] {
        c.keep_alive(nullptr);
        check_transfers();
        c.keep_alive(nobodys);
    });
}

BOOST_FIXTURE_TEST_CASE(
    after_a_setter_that_is_refused_the_context_is_good, bad_stream_input)
{
    constexpr auto huge = std::numeric_limits<std::size_t>::max();
    auto const range = [this](std::size_t offset, std::size_t count) {
        return std::vector<rejected_call>{
            {"a part",
             error::out_of_range,
             [=] { c.buffer(writable, offset, count); },
             nullptr},
            {"a part, to be read",
             error::out_of_range,
             [=] { c.buffer(read_only, offset, count); },
             nullptr},
            {"slice",
             error::out_of_range,
             [=] { c.slice(offset, count); },
             nullptr}};
    };
    c.buffer(writable);
    auto const check = [this] { check_transfers(); };
    make(io, range(5, 0), check);
    make(io, range(0, 5), check);
    make(io, range(1, 4), check);
    make(io, range(huge, 2), check);
    make(io, range(2, huge), check);
    make(
        io,
        {{"at_least", error::out_of_range, [this] { c.at_least(0); }, nullptr},
         {"buffer_list",
          error::buffer_and_list,
          [this] { c.buffer_list(list); },
          nullptr}},
        check);
    c.clear_buffers();
    c.buffer_list(list);
    make(
        io,
        {{"buffer",
          error::buffer_and_list,
          [this] { c.buffer(writable); },
          nullptr},
         {"slice", error::no_buffer, [this] { c.slice(0, 1); }, nullptr}},
        check);
}

BOOST_FIXTURE_TEST_CASE(
    after_calls_that_are_refused_while_pending_all_is_good, bad_stream_input)
{
    c.buffer(writable);
    auto calls = starts(error::context_busy);
    auto const more = setters(error::context_busy);
    calls.insert(calls.end(), more.begin(), more.end());
    for (rejected_call const& each : calls)
    {
        int const before = c.calls;
        BOOST_TEST((socket.start_receive(c) == pending));
        make(io, {each}, [&] {
            BOOST_TEST(c.is_pending());
            BOOST_TEST(c.calls == before);
        });
        other.write("ok");
        support::run(io);
        BOOST_TEST(c.calls == before + 1);
        BOOST_TEST(c.error() == success);
        BOOST_TEST(std::string(storage.data(), 2) == "ok");
        check_transfers();
    }
}

BOOST_FIXTURE_TEST_CASE(
    after_starts_on_a_closed_socket_the_context_is_good, bad_stream_input)
{
    tcp::socket closed(io);
    c.buffer(writable);
    auto const check = [this] {
        BOOST_TEST(c.error() == asio::error::bad_descriptor);
        BOOST_TEST(c.bytes_transferred() == 0u);
        check_transfers();
    };
    finish(io, c, closed.start_receive(c));
    check();
    finish(io, c, closed.start_send(c));
    check();
    finish(io, c, closed.start_wait(c, wait_read));
    check();
    closed.async_receive(c);
    support::run(io);
    check();
    closed.async_send(c);
    support::run(io);
    check();
    int calls = 0;
    closed.async_receive(c, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == asio::error::bad_descriptor);
        BOOST_TEST(n == 0u);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
    check();
}

BOOST_AUTO_TEST_CASE(after_an_accept_that_is_refused_the_context_is_good)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, loopback()), closed(io), deaf(io, tcp::v4());
    accept_context a;
    owner nobodys;
    auto const starts = [&](error expected) {
        return std::vector<rejected_call>{
            {"start_accept",
             expected,
             [&] { (void)acceptor.start_accept(a); },
             nullptr},
            {"async_accept",
             expected,
             [&] { acceptor.async_accept(a); },
             [&](auto f) { acceptor.async_accept(a, f); }},
            {"start_wait",
             expected,
             [&] { (void)acceptor.start_wait(a, wait_read); },
             nullptr}};
    };
    auto const check = [&] {
        auto const result = acceptor.start_accept(a);
        auto const peer = support::connect_to(acceptor.local_endpoint());
        finish(io, a, result);
        BOOST_TEST(a.error() == success);
        BOOST_TEST(a.take_socket().is_open());
    };
    a.keep_alive(nobodys);
    make(io, starts(error::not_owned), [&] {
        a.keep_alive(nullptr);
        check();
        a.keep_alive(nobodys);
    });
    a.keep_alive(nullptr);
    BOOST_CHECK_THROW((void)a.take_socket(), boost::system::system_error);
    check();
    auto busy = starts(error::context_busy);
    busy.push_back(
        {"take_socket",
         error::context_busy,
         [&] { (void)a.take_socket(); },
         nullptr});
    busy.push_back(
        {"completion_handler",
         error::context_busy,
         [&] { a.completion_handler([](auto&) {}); },
         nullptr});
    for (rejected_call const& each : busy)
    {
        BOOST_TEST((acceptor.start_accept(a) == pending));
        make(io, {each}, [&] { BOOST_TEST(a.is_pending()); });
        auto const peer = support::connect_to(acceptor.local_endpoint());
        support::run(io);
        BOOST_TEST(a.error() == success);
        BOOST_TEST(a.take_socket().is_open());
        check();
    }
    finish(io, a, closed.start_accept(a));
    BOOST_TEST(a.error() == asio::error::bad_descriptor);
    check();
    finish(io, a, deaf.start_accept(a));
    BOOST_TEST(a.error() == asio::error::invalid_argument);
    check();
}

BOOST_AUTO_TEST_CASE(after_a_connect_that_is_refused_the_context_is_good)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    support::listener l;
    std::optional<connect_context> c(std::in_place);
    owner nobodys;
    tcp::socket socket(io);
    auto const starts = [&](error expected) {
        return std::vector<rejected_call>{
            {"start_connect",
             expected,
             [&] { (void)socket.start_connect(*c); },
             nullptr},
            {"async_connect",
             expected,
             [&] { socket.async_connect(*c); },
             [&](auto f) { socket.async_connect(*c, f); }}};
    };
    auto const check = [&] {
        BOOST_TEST(!socket.is_open());
        tcp::socket good(io);
        c->endpoint(l.endpoint());
        finish(io, *c, good.start_connect(*c));
        BOOST_TEST(c->error() == success);
        BOOST_TEST(good.remote_endpoint() == l.endpoint());
        l.accept();
    };
    make(io, starts(error::no_endpoint), [&] {
        check();
        c.emplace();
    });
    c->endpoint(l.endpoint());
    c->keep_alive(nobodys);
    make(io, starts(error::not_owned), [&] {
        c->keep_alive(nullptr);
        check();
        c->keep_alive(nobodys);
    });
    c->keep_alive(nullptr);
    auto busy = starts(error::context_busy);
    busy.push_back(
        {"endpoint",
         error::context_busy,
         [&] { c->endpoint(loopback()); },
         nullptr});
    for (rejected_call const& each : busy)
    {
        tcp::socket first(io);
        c->endpoint(l.endpoint());
        int const before = c->calls;
        first.async_connect(*c);
        // A token form is delivered when the connect may be over.
        expect_thrown(each.expected, each.throws);
        if (each.delivers)
        {
            int refused = 0;
            each.delivers([&](error_code ec) {
                BOOST_TEST(ec == make_error_code(each.expected));
                ++refused;
            });
            BOOST_TEST(refused == 0);
            support::run(io);
            BOOST_TEST(refused == 1);
        }
        support::run(io);
        BOOST_TEST(c->calls == before + 1);
        BOOST_TEST(c->error() == success);
        BOOST_TEST(first.remote_endpoint() == l.endpoint());
        l.accept();
        check();
    }
    // An address of another family than that of the socket.
    tcp::socket v6(io, tcp::v6());
    finish(io, *c, v6.start_connect(*c));
    BOOST_TEST(c->error() != success);
    check();
}
