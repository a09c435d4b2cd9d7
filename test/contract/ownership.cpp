// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Who keeps what alive, and what happens when it goes.

#define BOOST_TEST_MODULE contract_ownership

#include <opslot/context_ptr.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using tcp = opslot::tcp;

/// Tells when the last copy of it is gone.
struct sentinel
{
    std::shared_ptr<int> value = std::make_shared<int>(0);

    std::weak_ptr<int> watch() const { return value; }
};

/// Starts a receive of one byte that has to wait.
template<typename Socket>
void wait_for_byte(Socket& socket, stream_context& context, char& byte)
{
    context.buffer(asio::buffer(&byte, 1));
    BOOST_REQUIRE((socket.start_receive(context) == pending));
}

struct session : std::enable_shared_from_this<session>
{
    tcp::socket socket;
    stream_context rx, tx;
    std::array<char, 64> storage;
    int handled = 0;
    bool* destroyed;

    session(tcp::socket s, bool& flag)
        : socket(std::move(s))
        , destroyed(&flag)
    {
        rx.buffer(asio::buffer(storage));
        rx.completion_handler([this](auto&) {
            ++handled;
            if (!rx.error())
            {
                receive();
            }
        });
        rx.keep_alive(*this);
        tx.keep_alive(*this);
    }

    ~session() { *destroyed = true; }

    void receive()
    {
        while (socket.start_receive(rx) == completed && !rx.error())
        {
            ++handled;
        }
    }
};

struct counted_session : boost::intrusive_ref_counter<counted_session>
{
    stream_context rx;
    char byte = 0;
    bool* destroyed;

    explicit counted_session(bool& flag)
        : destroyed(&flag)
    {
        rx.buffer(asio::buffer(&byte, 1));
        rx.keep_alive(*this);
    }

    ~counted_session() { *destroyed = true; }
};

} // namespace

// By value

BOOST_FIXTURE_TEST_CASE(
    destroying_a_pending_context_withdraws_its_receive, connection)
{
    char byte = 0;
    int calls = 0;
    sentinel s;
    auto const watch = s.watch();
    {
        stream_context rx;
        rx.completion_handler([&calls, s = std::move(s)](auto&) { ++calls; });
        wait_for_byte(socket, rx, byte);
        BOOST_TEST(!watch.expired());
    }
    BOOST_TEST(watch.expired());
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 0);
    // The byte is still there for the next one.
    BOOST_TEST(asio::read(socket, asio::buffer(&byte, 1)) == 1u);
    BOOST_TEST(byte == 'x');
}

BOOST_FIXTURE_TEST_CASE(
    withdrawing_one_receive_leaves_the_others_in_order, connection)
{
    char bytes[3] = {};
    stream_context first, third;
    std::string order;
    first.completion_handler([&](auto&) { order += '1'; });
    third.completion_handler([&](auto&) { order += '3'; });
    {
        stream_context second;
        wait_for_byte(socket, first, bytes[0]);
        wait_for_byte(socket, second, bytes[1]);
        wait_for_byte(socket, third, bytes[2]);
    }
    other.write("ab");
    support::run(io);
    BOOST_TEST(order == "13");
    BOOST_TEST(bytes[0] == 'a');
    BOOST_TEST(bytes[2] == 'b');
}

BOOST_FIXTURE_TEST_CASE(
    a_withdrawn_send_that_was_begun_ends_the_send_side, connection)
{
    shrink_buffers();
    std::string const data(8 << 20, 'd');
    stream_context behind;
    {
        stream_context tx;
        tx.buffer(asio::buffer(data));
        BOOST_REQUIRE((socket.start_send(tx) == pending));
        behind.buffer(asio::buffer("behind", 6));
        BOOST_REQUIRE((socket.start_send(behind) == pending));
    }
    support::run(io);
    BOOST_TEST(behind.error());
    stream_context later;
    later.buffer(asio::buffer("later", 5));
    BOOST_TEST((socket.start_send(later) == completed));
    BOOST_TEST(later.error() == error_code(opslot::error::send_interrupted));
    // Receiving goes on.
    char byte = 0;
    stream_context rx;
    other.write("x");
    rx.buffer(asio::buffer(&byte, 1));
    if (socket.start_receive(rx) == pending)
    {
        support::run(io);
    }
    BOOST_TEST(byte == 'x');
}

BOOST_AUTO_TEST_CASE(a_pending_accept_and_connect_may_be_withdrawn)
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    {
        tcp::accept_context accepting;
        BOOST_REQUIRE((acceptor.start_accept(accepting) == pending));
    }
    tcp::socket socket(io);
    {
        opslot::connect_context connecting;
        connecting.endpoint(acceptor.local_endpoint());
        (void)socket.start_connect(connecting);
    }
    support::run(io);
    tcp::accept_context again;
    if (acceptor.start_accept(again) == pending)
    {
        support::run(io);
    }
    BOOST_TEST(!again.error());
    BOOST_TEST(again.take_socket().is_open());
}

// Orders of destruction

BOOST_AUTO_TEST_CASE(everything_may_go_in_every_order)
{
    // 0: the contexts, 1: the socket, 2: the io_context.
    std::array<int, 3> order{0, 1, 2};
    do
    {
        support::descriptor_check leaks;
        char byte = 0;
        int calls = 0;
        sentinel s;
        auto const watch = s.watch();
        auto io = std::make_unique<asio::io_context>();
        auto socket = std::make_unique<tcp::socket>(*io);
        auto peer = support::connect_tcp(*socket);
        auto rx = std::make_unique<stream_context>();
        rx->completion_handler([&calls, s = std::move(s)](auto&) { ++calls; });
        rx->timeout(std::chrono::hours(1));
        wait_for_byte(*socket, *rx, byte);
        socket->async_wait(tcp::socket::wait_error, [](error_code) {});
        for (int const what : order)
        {
            switch (what)
            {
            case 0:
                rx.reset();
                break;
            case 1:
                socket.reset();
                break;
            default:
                io.reset();
                if (rx)
                {
                    BOOST_TEST(!rx->is_pending());
                }
            }
        }
        BOOST_TEST(calls == 0);
        BOOST_TEST(watch.expired());
    } while (std::next_permutation(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(what_waits_on_a_strand_goes_with_its_context)
{
    for (bool const context_goes_first : {true, false})
    {
        char byte = 0;
        int calls = 0;
        auto rx = std::make_unique<stream_context>();
        auto io = std::make_unique<asio::io_context>();
        // A strand must not outlive its context.
        std::optional<asio::strand<asio::io_context::executor_type>> strand(
            asio::make_strand(*io));
        std::optional<tcp::socket> socket(std::in_place, *strand);
        auto peer = support::connect_tcp(*socket);
        rx->completion_handler([&](auto&) { ++calls; });
        wait_for_byte(*socket, *rx, byte);
        // While another thread holds the strand, the completion waits.
        std::promise<void> held, released;
        asio::post(*strand, [&] {
            held.set_value();
            released.get_future().wait();
        });
        {
            support::background holder([&] { io->run(); });
            held.get_future().wait();
            peer.write("x");
            auto const limit =
                std::chrono::steady_clock::now() + support::patience;
            while (byte == 0 && std::chrono::steady_clock::now() < limit)
            {
                io->poll();
            }
            io->stop();
            released.set_value();
        }
        BOOST_TEST(byte == 'x');
        BOOST_TEST(rx->is_pending());
        if (context_goes_first)
        {
            rx.reset();
            io->restart();
            io->run();
            socket.reset();
            strand.reset();
        }
        else
        {
            socket.reset();
            strand.reset();
            io.reset();
            BOOST_TEST(!rx->is_pending());
        }
        BOOST_TEST(calls == 0);
    }
}

BOOST_AUTO_TEST_CASE(token_handlers_are_destroyed_with_the_io_context)
{
    sentinel s;
    auto const watch = s.watch();
    char byte = 0;
    std::optional<tcp::socket> socket;
    {
        asio::io_context io;
        socket.emplace(io);
        auto peer = support::connect_tcp(*socket);
        socket->async_read_some(
            asio::buffer(&byte, 1),
            [s = std::move(s)](error_code, std::size_t) {});
        BOOST_TEST(!watch.expired());
    }
    BOOST_TEST(watch.expired());
    // A socket that is left over can be asked and closed.
    stream_context rx;
    rx.buffer(asio::buffer(&byte, 1));
    BOOST_TEST((socket->start_receive(rx) == completed));
    error_code ec;
    socket->close(ec);
    BOOST_TEST(!ec);
}

// By reference count

BOOST_FIXTURE_TEST_CASE(a_pending_operation_holds_a_counted_context, connection)
{
    char byte = 0;
    int calls = 0;
    sentinel s;
    auto const watch = s.watch();
    {
        auto rx = opslot::make_context<stream_context>();
        rx->completion_handler([&calls, s = std::move(s)](auto&) { ++calls; });
        wait_for_byte(socket, *rx, byte);
    }
    BOOST_TEST(!watch.expired());
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(watch.expired());
}

BOOST_FIXTURE_TEST_CASE(
    a_context_disposed_while_pending_completes_once, connection)
{
    char byte = 0;
    int calls = 0;
    stream_context rx;
    rx.completion_handler([&](stream_context& c) {
        ++calls;
        BOOST_TEST(c.is_disposed());
        BOOST_TEST(!c.error());
        BOOST_CHECK_EXCEPTION(
            (void)socket.start_receive(c),
            boost::system::system_error,
            [](auto const& e) {
                return e.code() == error_code(opslot::error::context_disposed);
            });
    });
    wait_for_byte(socket, rx, byte);
    rx.dispose();
    rx.dispose();
    BOOST_TEST(!rx.is_disposed());
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(byte == 'x');
    BOOST_CHECK_THROW(
        rx.buffer(asio::buffer(&byte, 1)), boost::system::system_error);
}

// Inside an owner

BOOST_FIXTURE_TEST_CASE(
    a_pending_operation_keeps_its_owner_and_an_idle_one_does_not, connection)
{
    bool destroyed = false;
    auto s = std::make_shared<session>(std::move(socket), destroyed);
    BOOST_TEST(s.use_count() == 1);
    s->receive();
    BOOST_TEST(s.use_count() == 2);
    std::weak_ptr<session> const watch = s;
    s.reset();
    BOOST_TEST(!destroyed);
    other.write("x");
    support::run_until(io, [&] { return watch.lock()->handled == 1; });
    BOOST_TEST(!destroyed);
    BOOST_TEST(watch.use_count() == 1);
    other.close();
    support::run(io);
    BOOST_TEST(destroyed);
}

BOOST_FIXTURE_TEST_CASE(a_completed_start_takes_no_hold, connection)
{
    bool destroyed = false;
    auto s = std::make_shared<session>(std::move(socket), destroyed);
    s->tx.buffer(asio::buffer("abc", 3));
    if (s->socket.start_send(s->tx) == completed)
    {
        BOOST_TEST(s.use_count() == 1);
    }
    else
    {
        support::run(io);
        BOOST_TEST(s.use_count() == 1);
    }
    s.reset();
    BOOST_TEST(destroyed);
}

BOOST_FIXTURE_TEST_CASE(an_intrusively_counted_owner_is_kept, connection)
{
    bool destroyed = false;
    {
        boost::intrusive_ptr<counted_session> s(new counted_session(destroyed));
        BOOST_REQUIRE((socket.start_receive(s->rx) == pending));
        BOOST_TEST(s->use_count() == 2u);
    }
    BOOST_TEST(!destroyed);
    other.write("x");
    support::run(io);
    BOOST_TEST(destroyed);
}

BOOST_FIXTURE_TEST_CASE(an_owner_goes_with_the_io_context, connection)
{
    bool destroyed = false;
    {
        asio::io_context inner;
        tcp::socket mine(inner);
        auto peer = support::connect_tcp(mine);
        auto s = std::make_shared<session>(std::move(mine), destroyed);
        s->receive();
        s.reset();
        BOOST_TEST(!destroyed);
    }
    BOOST_TEST(destroyed);
}

// In a handler

BOOST_FIXTURE_TEST_CASE(a_handler_may_close_its_socket, connection)
{
    char bytes[2] = {};
    stream_context first, second;
    int calls = 0;
    first.completion_handler([&](auto&) { socket.close(); });
    second.completion_handler([&](stream_context& c) {
        ++calls;
        BOOST_TEST(c.error() == error_code(asio::error::operation_aborted));
    });
    wait_for_byte(socket, first, bytes[0]);
    wait_for_byte(socket, second, bytes[1]);
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 1);
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_destroy_socket_and_context, connection)
{
    struct everything
    {
        tcp::socket socket;
        stream_context rx, other_rx;
        char byte = 0, other_byte = 0;

        explicit everything(tcp::socket s)
            : socket(std::move(s))
        {}
    };

    auto all = std::make_unique<everything>(std::move(socket));
    int calls = 0;
    all->rx.completion_handler([&](auto&) {
        ++calls;
        all.reset();
    });
    all->other_rx.completion_handler([&](auto&) { ++calls; });
    wait_for_byte(all->socket, all->rx, all->byte);
    wait_for_byte(all->socket, all->other_rx, all->other_byte);
    other.write("x");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(!all);
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_replace_itself, connection)
{
    char byte = 0;
    std::string order;
    sentinel s;
    auto const watch = s.watch();
    stream_context rx;
    rx.completion_handler([&, s = std::move(s)](stream_context& c) {
        order += '1';
        c.completion_handler([&order](stream_context&) { order += 'x'; });
        c.completion_handler([&order](stream_context&) { order += '2'; });
        BOOST_TEST(!watch.expired());
        wait_for_byte(socket, c, byte);
        BOOST_TEST(*s.value == 0);
    });
    wait_for_byte(socket, rx, byte);
    other.write("a");
    support::run_until(io, [&] { return order.size() == 1; });
    BOOST_TEST(watch.expired());
    other.write("b");
    support::run(io);
    BOOST_TEST(order == "12");
}

BOOST_FIXTURE_TEST_CASE(
    a_handler_that_throws_leaves_its_context_usable, connection)
{
    bool destroyed = false;
    auto s = std::make_shared<session>(std::move(socket), destroyed);
    s->rx.completion_handler(
        [](auto&) { throw std::runtime_error("of the handler"); });
    s->receive();
    s.reset();
    other.write("x");
    BOOST_CHECK_THROW(support::run(io), std::runtime_error);
    BOOST_TEST(destroyed);
    support::run(io);
}
