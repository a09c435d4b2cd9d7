// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The code blocks of the guide's pages on contexts, lifetime, fairness,
// deadlines, executors and threads, compiled and run; pages.cpp compares.

#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE documents_operations
#include <opslot/context_ptr.hpp>
#include <opslot/reactor_options.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "support/connected.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using support::connection;
using support::run;
using tcp = opslot::tcp;

} // namespace

BOOST_AUTO_TEST_SUITE(contexts)

BOOST_FIXTURE_TEST_CASE(a_context_is_described_once, connection)
{
    std::string text;
    auto const received = [&](opslot::stream_context const& done) {
        text.assign(
            static_cast<char const*>(done.buffer().data()),
            done.bytes_transferred());
    };
    //[describe
    std::array<char, 4096> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([&](opslot::stream_context& done) {
        received(done); // error(), bytes_transferred()
    });
    //]

    other.write("one");
    support::await(socket.native_handle());
    //[start
    if (socket.start_receive(rx) == opslot::completed)
        received(rx); // the handler is not called
    //]
    run(io); // an engine may report pending although it is there
    BOOST_TEST(text == "one");

    other.write("two");
    //[async
    socket.async_receive(rx); // the handler is called, never in here
    //]
    BOOST_TEST(text == "one");
    run(io);
    BOOST_TEST(text == "two");

    other.write("three");
    std::size_t size = 0;
    //[token
    socket.async_receive(rx, [&](error_code ec, std::size_t n) {
        size = ec ? 0 : n; // in place of the stored handler
    });
    //]
    run(io);
    BOOST_TEST(size == 5u);
    BOOST_TEST(text == "two");
}

BOOST_FIXTURE_TEST_CASE(buffers_are_inputs, connection)
{
    std::array<char, 4096> storage;
    std::array<char, 4> head;
    opslot::stream_context rx, tx;
    //[buffers
    rx.buffer(asio::buffer(storage)); // one buffer,
    rx.slice(0, 1024);                // a part of it,
    rx.clear_buffers();
    rx.buffer_list(std::array<asio::mutable_buffer, 2>{
        asio::buffer(head), asio::buffer(storage)}); // or a list of them
    rx.at_least(4); // complete with the head at least
    //]
    bool done = false;
    rx.completion_handler([&](auto&) { done = true; });
    other.write("headrest");
    support::await(socket.native_handle());
    if (socket.start_receive(rx) == opslot::pending)
    {
        run(io);
        BOOST_TEST(done);
    }
    BOOST_TEST((std::string_view(head.data(), head.size()) == "head"));
    BOOST_TEST(rx.bytes_transferred() >= 4u);
}

BOOST_FIXTURE_TEST_CASE(misuse_changes_nothing, connection)
{
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([](auto&) {});
    BOOST_TEST((socket.start_receive(rx) == opslot::pending));
    bool refused = false;
    //[misuse
    try
    {
        rx.buffer(asio::buffer(storage, 8)); // an operation is pending
    }
    catch (boost::system::system_error const& e)
    {
        refused = e.code() == opslot::error::context_busy;
    }
    //]
    BOOST_TEST(refused);
    other.write("x");
    run(io);
    BOOST_TEST(rx.bytes_transferred() == 1u);
}

namespace {

//[derived
// What belongs to an operation may be a member of its context.
struct request : opslot::stream_context
{
    std::string text;
    int attempts = 0;
};

//]

} // namespace

BOOST_FIXTURE_TEST_CASE(each_operation_has_a_context, connection)
{
    //[outstanding
    std::list<request> requests(3); // contexts do not move
    for (request& each : requests)
    {
        each.text = "request\n";
        each.buffer(asio::buffer(each.text));
        each.completion_handler([](auto&) {});
        socket.async_send(each); // sent in the order of the starts
    }
    //]
    run(io);
    BOOST_TEST(other.read(24) == "request\nrequest\nrequest\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(lifetime)

BOOST_FIXTURE_TEST_CASE(a_destroyed_context_is_withdrawn, connection)
{
    bool called = false;
    //[by_value
    std::array<char, 16> storage; // outlives the context
    {
        opslot::stream_context rx;
        rx.buffer(asio::buffer(storage));
        rx.completion_handler([&](auto&) { called = true; });
        socket.async_receive(rx);
    } // withdrawn: the handler is dropped, and will not be called
    //]
    other.write("x");
    run(io);
    BOOST_TEST(!called);
}

BOOST_FIXTURE_TEST_CASE(a_pending_operation_holds_its_context, connection)
{
    std::size_t size = 0;
    std::array<char, 16> storage;
    {
        //[counted
        auto rx = opslot::make_context<opslot::stream_context>();
        rx->buffer(asio::buffer(storage));
        rx->completion_handler([&](auto& c) { size = c.bytes_transferred(); });
        socket.async_receive(*rx);
        rx.reset(); // the pending operation has a reference of its own
        //]
    }
    other.write("hello");
    run(io);
    BOOST_TEST(size == 5u);
}

namespace {

//[keep_alive
class reader : public std::enable_shared_from_this<reader>
{
    tcp::socket socket_;
    std::array<char, 16> storage_;
    opslot::stream_context rx_;

public:
    explicit reader(tcp::socket socket)
        : socket_(std::move(socket))
    {
        rx_.buffer(asio::buffer(storage_));
        rx_.completion_handler([this](auto&) { start(); }); // no cycle
        rx_.keep_alive(*this);
    }

    void start()
    {
        while (!rx_.error() && socket_.start_receive(rx_) == opslot::completed)
        {}
        // Nothing is pending after an error, so the reader goes.
    }
};

//]

} // namespace

BOOST_FIXTURE_TEST_CASE(
    an_owner_lives_as_long_as_something_is_pending, connection)
{
    auto owner = std::make_shared<reader>(std::move(socket));
    std::weak_ptr<reader> const watched = owner;
    owner->start();
    owner.reset();
    BOOST_TEST(!watched.expired());
    other.write("hello");
    other.close();
    run(io);
    BOOST_TEST(watched.expired());
}

BOOST_FIXTURE_TEST_CASE(a_disposed_context_ends_after_its_operation, connection)
{
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    int calls = 0;
    rx.completion_handler([&](auto&) { ++calls; });
    socket.async_receive(rx);
    //[dispose
    rx.dispose(); // the operation goes on; nothing can be started after it
    //]
    other.write("x");
    run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(rx.is_disposed());
    BOOST_CHECK_THROW(socket.async_receive(rx), boost::system::system_error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fairness)

namespace {

//[loop
class counter
{
    tcp::socket& socket_;
    std::array<char, 4096> storage_;
    opslot::stream_context rx_;
    std::size_t bytes_ = 0;

public:
    explicit counter(tcp::socket& socket)
        : socket_(socket)
    {
        rx_.buffer(asio::buffer(storage_));
        rx_.completion_handler([this](auto&) {
            if (received())
                receive(); // the loop goes on here
        });
    }

    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed)
        {
            if (!received())
                return;
        }
        // Pending: the handler will be called.
    }

    std::size_t bytes() const { return bytes_; }

private:
    // What to do with a result, whichever way it came. True: go on.
    bool received()
    {
        bytes_ += rx_.bytes_transferred();
        return !rx_.error();
    }
};

//]

} // namespace

BOOST_FIXTURE_TEST_CASE(one_loop_serves_both_results, connection)
{
    counter count(socket);
    count.receive();
    std::string const data = support::payload(100000);
    support::background writer([&] {
        other.write(data);
        other.shutdown();
    });
    run(io);
    writer.join();
    BOOST_TEST(count.bytes() == data.size());
}

BOOST_FIXTURE_TEST_CASE(budgets_can_be_set, connection)
{
    //[budget
    socket.sync_budget(4); // at most four receives in a row
    socket.sync_budget(tcp::socket::unlimited_budget);
    socket.sync_budget(0); // the default again
    //]
    BOOST_TEST(socket.sync_budget() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(deadlines)

BOOST_FIXTURE_TEST_CASE(a_deadline_is_a_setting, connection)
{
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    //[timeout
    rx.timeout(std::chrono::milliseconds(20)); // for each receive from now on
    bool gave_up = false;
    rx.completion_handler(
        [&](auto&) { gave_up = rx.error() == opslot::error::timeout; });
    socket.async_receive(rx);
    //]
    run(io);
    BOOST_TEST(gave_up);
    BOOST_TEST((rx.error() == std::errc::timed_out));

    //[expires_at
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    rx.expires_at(end); // the next operation only
    //]
    other.write("x");
    socket.async_receive(rx);
    run(io);
    BOOST_TEST(!rx.error());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(executors)

BOOST_AUTO_TEST_CASE(a_socket_brings_its_executor)
{
    //[strand
    asio::io_context io;
    auto strand = asio::make_strand(io);
    tcp::socket socket(strand);
    opslot::stream_context rx;
    rx.completion_handler(
        [&](auto&) { BOOST_TEST(strand.running_in_this_thread()); });
    //]
    support::peer other = support::connect_tcp(socket);
    std::array<char, 16> storage;
    rx.buffer(asio::buffer(storage));
    other.write("x");
    socket.async_receive(rx);
    run(io);
    BOOST_TEST(rx.bytes_transferred() == 1u);
    // A strand must not outlive its context, nor a socket that has it.
    socket.close();
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_have_its_own, connection)
{
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    int calls = 0;
    //[bind_executor
    auto strand = asio::make_strand(io);
    rx.completion_handler(asio::bind_executor(strand, [&](auto&) {
        calls += strand.running_in_this_thread() ? 1 : 0;
    }));
    //]
    other.write("x");
    socket.async_receive(rx);
    run(io);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(the_type_of_the_executor_can_be_chosen)
{
    asio::io_context io;
    //[rebind
    using io_executor = asio::io_context::executor_type;
    using fast_socket = tcp::socket::rebind_executor<io_executor>::other;
    fast_socket socket(io);
    //]
    support::peer const other = support::connect_tcp(socket);
    BOOST_TEST(socket.is_open());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(threads)

BOOST_AUTO_TEST_CASE(an_engine_may_know_of_one_thread)
{
    //[single_threaded
    asio::io_context io(1);
    opslot::reactor_options options;
    options.single_threaded = true; // this thread runs io and uses its sockets
    opslot::configure(io, options); // before the first I/O object
    tcp::socket socket(io);
    //]
    support::peer other = support::connect_tcp(socket);
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([](auto&) {});
    other.write("x");
    socket.async_receive(rx);
    run(io);
    BOOST_TEST(rx.bytes_transferred() == 1u);
}

BOOST_AUTO_TEST_CASE(another_thread_may_cancel)
{
    asio::io_context io;
    tcp::socket socket(io);
    support::peer const other = support::connect_tcp(socket);
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    support::countdown done;
    done.start(1);
    rx.completion_handler([&](auto&) { done.down(); });
    support::runners const threads(io, 2);
    socket.async_receive(rx);
    //[cancel
    bool const it_was_me = rx.cancel(); // from any thread, at any time
    //]
    BOOST_TEST(done.wait());
    BOOST_TEST(it_was_me);
    BOOST_TEST(rx.error() == asio::error::operation_aborted);
}

BOOST_AUTO_TEST_SUITE_END()
