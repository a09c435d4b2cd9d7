// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What is counted is every allocation of the process after a few rounds of
// the same traffic.

#define BOOST_TEST_MODULE contract_allocations
#include <opslot/accept_context.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/context_pool.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "support/heap.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::connect_context;
using opslot::pending;
using opslot::stream_context;
using support::expect_no_allocations;
using support::run_quietly;
using support::socket_pair;
using support::where_allocations_are_seen;
using tcp = opslot::tcp;
using accept_context = tcp::accept_context;
using io_strand = asio::strand<asio::io_context::executor_type>;

constexpr std::size_t message_size = 64;
using message = std::array<char, message_size>;

// Reads and forgets `n` bytes, without the library.
bool drain(tcp::socket& socket, std::size_t n)
{
    std::array<char, 4096> forgotten;
    while (n != 0)
    {
        support::await(socket.native_handle());
        ssize_t const got = ::recv(
            socket.native_handle(),
            forgotten.data(),
            std::min(n, forgotten.size()),
            0);
        if (got <= 0)
        {
            return false;
        }
        n -= static_cast<std::size_t>(got);
    }
    return true;
}

// Sends back what comes, with the model's form of the operations.
struct echo
{
    tcp::socket& socket;
    stream_context rx, tx;
    message storage{};

    explicit echo(tcp::socket& s)
        : socket(s)
    {
        rx.buffer(asio::buffer(storage));
        rx.at_least(message_size);
        tx.buffer(asio::buffer(storage));
        rx.completion_handler([this](stream_context&) {
            if (!rx.error() && send())
            {
                receive();
            }
        });
        tx.completion_handler([this](stream_context&) {
            if (!tx.error())
            {
                receive();
            }
        });
    }

    void receive()
    {
        while (socket.start_receive(rx) != pending && !rx.error() && send())
        {}
    }

    bool send() { return socket.start_send(tx) != pending && !tx.error(); }
};

// Sends a number of messages, each after the answer to the one before.
struct ping
{
    tcp::socket& socket;
    stream_context rx, tx;
    message storage{};
    int left = 0;

    explicit ping(tcp::socket& s)
        : socket(s)
    {
        rx.buffer(asio::buffer(storage));
        rx.at_least(message_size);
        tx.buffer(asio::buffer(storage));
        tx.completion_handler([this](stream_context&) {
            if (!tx.error())
            {
                socket.async_receive(rx);
            }
        });
        rx.completion_handler([this](stream_context&) {
            if (!rx.error() && --left != 0)
            {
                socket.async_send(tx);
            }
        });
    }

    void start(int n)
    {
        left = n;
        socket.async_send(tx);
    }
};

// A number of echoes in a context that has nothing else to do: the server's
// receive stays pending, so the client says when it is over.
template<typename Executor>
struct ping_pong
{
    asio::io_context& io;
    socket_pair sockets;
    echo server{sockets.second};
    ping client{sockets.first};

    ping_pong(asio::io_context& context, Executor const& executor)
        : io(context)
        , sockets(executor)
    {
        server.receive();
    }

    bool operator()(int n)
    {
        client.start(n);
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        if (io.stopped())
        {
            io.restart();
        }
        while (client.left != 0)
        {
            if (io.run_one_until(limit) == 0)
            {
                return false;
            }
        }
        return true;
    }
};

} // namespace

// Contexts

BOOST_AUTO_TEST_CASE(an_echo_on_contexts, *where_allocations_are_seen())
{
    asio::io_context io;
    ping_pong echoes(io, io.get_executor());
    expect_no_allocations([&] { return echoes(20); });
}

BOOST_AUTO_TEST_CASE(an_echo_in_one_call_of_run, *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    echo server(sockets.second);
    ping client(sockets.first);
    expect_no_allocations([&] {
        server.receive();
        client.rx.completion_handler([&](stream_context&) {
            if (--client.left != 0)
            {
                sockets.first.async_send(client.tx);
            }
            else
            {
                server.rx.cancel();
            }
        });
        client.start(20);
        return run_quietly(io) && client.left == 0;
    });
}

BOOST_AUTO_TEST_CASE(an_echo_on_strands, *where_allocations_are_seen())
{
    asio::io_context io;
    // Erased, as an application has it that names no types.
    asio::any_io_executor const strand = asio::make_strand(io);
    ping_pong echoes(io, strand);
    expect_no_allocations([&] { return echoes(20); });
}

BOOST_AUTO_TEST_CASE(
    handlers_stored_for_a_strand, *where_allocations_are_seen())
{
    asio::io_context io;
    io_strand const strand = asio::make_strand(io);
    socket_pair sockets(io.get_executor());
    echo server(sockets.second);
    server.receive();
    ping client(sockets.first);
    int calls = 0;
    client.tx.completion_handler(
        asio::bind_executor(strand, [&](stream_context&) {
            calls += strand.running_in_this_thread();
            sockets.first.async_receive(client.rx);
        }));
    client.rx.completion_handler(
        asio::bind_executor(strand, [&](stream_context&) {
            calls += strand.running_in_this_thread();
            if (--client.left != 0)
            {
                sockets.first.async_send(client.tx);
            }
            else
            {
                server.rx.cancel();
            }
        }));
    expect_no_allocations([&] {
        calls = 0;
        if (!server.rx.is_pending())
        {
            server.receive();
        }
        client.start(20);
        return run_quietly(io) && calls == 40;
    });
}

BOOST_AUTO_TEST_CASE(
    operations_started_by_a_thread_outside_of_run,
    *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    echo server(sockets.second);
    ping client(sockets.first);
    client.rx.completion_handler([&](stream_context&) {
        std::lock_guard<std::mutex> const lock(mutex);
        done = true;
        changed.notify_one();
    });
    std::optional work(asio::make_work_guard(io));
    support::background const runner([&] { io.run_for(support::patience); });
    server.receive();
    expect_no_allocations([&] {
        for (int i = 0; i != 20; ++i)
        {
            // The handler of the send starts the receive.
            sockets.first.async_send(client.tx);
            std::unique_lock<std::mutex> lock(mutex);
            if (!changed.wait_for(
                    lock, support::patience, [&] { return done; }))
            {
                return false;
            }
            done = false;
        }
        return true;
    });
    server.rx.cancel();
    work.reset();
}

BOOST_AUTO_TEST_CASE(
    many_connections_with_a_read_a_write_and_a_deadline_outstanding,
    *where_allocations_are_seen())
{
    constexpr int connections = 64;

    struct end
    {
        tcp::socket& socket;
        stream_context rx, tx;
        message in{}, out{};
        int received = 0, sent = 0;

        explicit end(tcp::socket& s)
            : socket(s)
        {
            rx.buffer(asio::buffer(in));
            rx.at_least(message_size);
            rx.timeout(std::chrono::seconds(60));
            rx.completion_handler(
                [this](stream_context&) { received += !rx.error(); });
            tx.buffer(asio::buffer(out));
            tx.timeout(std::chrono::seconds(60));
            tx.completion_handler(
                [this](stream_context&) { sent += !tx.error(); });
        }
    };

    asio::io_context io;
    std::deque<socket_pair> sockets;
    std::deque<end> ends;
    for (int i = 0; i != connections; ++i)
    {
        sockets.emplace_back(io.get_executor());
        ends.emplace_back(sockets.back().first);
        ends.emplace_back(sockets.back().second);
    }
    stream_context trigger;
    trigger.completion_handler([&](stream_context&) {
        for (end& e : ends)
        {
            e.socket.async_receive(e.rx);
        }
        for (end& e : ends)
        {
            e.socket.async_send(e.tx);
        }
    });
    int rounds = 0;
    expect_no_allocations([&] {
        // All of them from one handler.
        sockets.front().first.async_wait(trigger, tcp::socket::wait_write);
        ++rounds;
        bool ok = run_quietly(io);
        for (end& e : ends)
        {
            ok = ok && e.received == rounds && e.sent == rounds;
        }
        return ok;
    });
}

BOOST_AUTO_TEST_CASE(bursts_of_sends, *where_allocations_are_seen())
{
    constexpr int burst = 1000;
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    std::vector<stream_context> sends(burst);
    std::array<char, 16> data{};
    std::vector<char> storage(burst * data.size());
    int sent = 0;
    for (stream_context& c : sends)
    {
        c.buffer(asio::buffer(data));
        c.completion_handler([&](stream_context& s) { sent += !s.error(); });
    }
    stream_context rx;
    rx.buffer(asio::buffer(storage));
    rx.at_least(storage.size());
    bool received = false;
    rx.completion_handler([&](stream_context& c) { received = !c.error(); });
    auto const send_all = [&] {
        for (stream_context& c : sends)
        {
            sockets.first.async_send(c);
        }
    };
    stream_context trigger;
    trigger.completion_handler([&](stream_context&) { send_all(); });
    // Also from outside of any handler.
    for (bool const from_a_handler : {true, false})
    {
        expect_no_allocations([&] {
            sent = 0;
            received = false;
            sockets.second.async_receive(rx);
            if (from_a_handler)
            {
                sockets.second.async_wait(trigger, tcp::socket::wait_write);
            }
            else
            {
                send_all();
            }
            return run_quietly(io) && sent == burst && received;
        });
    }
}

BOOST_AUTO_TEST_CASE(
    a_handler_that_replaces_itself_at_each_completion,
    *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    message storage{};
    stream_context c;
    c.buffer(asio::buffer(storage));

    struct sender
    {
        tcp::socket& socket;
        int& left;

        void operator()(stream_context& context) const
        {
            if (!context.error() && --left != 0)
            {
                // Is being called, and lasts until it has returned.
                context.completion_handler(sender{socket, left});
                socket.async_send(context);
            }
        }
    };

    struct large_sender
    {
        tcp::socket& socket;
        int& left;
        std::array<char, 500> state{};

        void operator()(stream_context& context) const
        {
            if (!context.error() && --left != 0)
            {
                context.completion_handler(large_sender{socket, left});
                socket.async_send(context);
            }
        }
    };

    int left = 0;
    constexpr std::size_t drained_size = 20 * message_size;
    auto const one_round = [&](auto first) {
        left = 20;
        c.completion_handler(first);
        sockets.first.async_send(c);
        return run_quietly(io) && left == 0 &&
               drain(sockets.second, drained_size);
    };
    expect_no_allocations([&] {
        return one_round(sender{sockets.first, left});
    });
    expect_no_allocations([&] {
        return one_round(large_sender{sockets.first, left});
    });
}

BOOST_AUTO_TEST_CASE(lists_of_buffers, *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    std::array<message, 20> storage{};
    stream_context tx, rx;
    int ended = 0;
    tx.completion_handler([&](stream_context& c) { ended += !c.error(); });
    rx.completion_handler([&](stream_context& c) { ended += !c.error(); });
    rx.at_least(storage.size() * message_size);
    expect_no_allocations([&] {
        std::array<asio::mutable_buffer, 20> list;
        for (std::size_t i = 0; i != list.size(); ++i)
        {
            list[i] = asio::buffer(storage[i]);
        }
        ended = 0;
        tx.clear_buffers();
        tx.buffer_list(list);
        rx.clear_buffers();
        rx.buffer_list(list);
        sockets.second.async_receive(rx);
        sockets.first.async_send(tx);
        return run_quietly(io) && ended == 2;
    });
}

BOOST_AUTO_TEST_CASE(
    contexts_and_owners_that_are_counted, *where_allocations_are_seen())
{
    struct owner : std::enable_shared_from_this<owner>
    {
        stream_context tx;
    };

    asio::io_context io;
    socket_pair sockets(io.get_executor());
    opslot::context_pool<stream_context> pool(io);
    message storage{};
    int ended = 0;
    auto const handler = [&](stream_context& c) { ended += !c.error(); };
    auto const owned = std::make_shared<owner>();
    owned->tx.keep_alive(*owned);
    owned->tx.buffer(asio::buffer(storage));
    owned->tx.completion_handler(handler);
    constexpr std::size_t drained_size = 3 * message_size;
    expect_no_allocations([&] {
        ended = 0;
        auto const made = opslot::make_context<stream_context>();
        auto const lent = pool.try_acquire();
        for (stream_context* c : {made.get(), lent.get()})
        {
            c->buffer(asio::buffer(storage));
            c->completion_handler(handler);
            sockets.first.async_send(*c);
        }
        sockets.first.async_send(owned->tx);
        return run_quietly(io) && ended == 3 &&
               drain(sockets.second, drained_size);
    });
}

// Cancellation and deadlines

BOOST_AUTO_TEST_CASE(
    receives_that_are_cancelled_or_time_out, *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    message storage{};
    stream_context rx;
    error_code last;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([&](stream_context& c) { last = c.error(); });
    expect_no_allocations([&] {
        for (int i = 0; i != 10; ++i)
        {
            sockets.first.async_receive(rx);
            rx.cancel();
            if (!run_quietly(io) || last != asio::error::operation_aborted)
            {
                return false;
            }
            rx.timeout(std::chrono::seconds(60));
            sockets.first.async_receive(rx);
            sockets.first.cancel();
            if (!run_quietly(io) || last != asio::error::operation_aborted)
            {
                return false;
            }
            rx.timeout(std::chrono::milliseconds(1));
            sockets.first.async_receive(rx);
            if (!run_quietly(io) || last != opslot::error::timeout)
            {
                return false;
            }
            rx.timeout({});
            rx.expires_at(std::chrono::steady_clock::now());
            sockets.first.async_receive(rx);
            if (!run_quietly(io) || last != opslot::error::timeout)
            {
                return false;
            }
        }
        return true;
    });
}

BOOST_AUTO_TEST_CASE(
    token_receives_that_a_slot_cancels, *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    message storage{};
    stream_context rx;
    rx.buffer(asio::buffer(storage));
    asio::cancellation_signal signal;
    error_code last;
    auto const handler = [&](error_code ec, std::size_t) { last = ec; };
    auto const is_cancelled = [&] {
        signal.emit(asio::cancellation_type::terminal);
        return run_quietly(io) && last == asio::error::operation_aborted;
    };
    expect_no_allocations([&] {
        last = {};
        sockets.first.async_read_some(
            asio::buffer(storage),
            asio::bind_cancellation_slot(signal.slot(), handler));
        if (!is_cancelled())
        {
            return false;
        }
        last = {};
        sockets.first.async_receive(
            rx, asio::bind_cancellation_slot(signal.slot(), handler));
        return is_cancelled();
    });
}

// Tokens

namespace {

// Sends back messages with the forms that Asio's sockets have.
struct token_echo
{
    tcp::socket& socket;
    message storage{};

    void receive()
    {
        asio::async_read(
            socket, asio::buffer(storage), [this](error_code ec, std::size_t) {
                if (!ec)
                {
                    send();
                }
            });
    }

    void send()
    {
        asio::async_write(
            socket, asio::buffer(storage), [this](error_code ec, std::size_t) {
                if (!ec)
                {
                    receive();
                }
            });
    }
};

// Its client, with the single steps of which those are made. Stops the
// context at the end.
struct token_ping
{
    asio::io_context& io;
    tcp::socket& socket;
    message storage{};
    int left = 0;

    void start(int n)
    {
        left = n;
        send();
    }

    void send()
    {
        socket.async_write_some(
            asio::buffer(storage), [this](error_code ec, std::size_t n) {
                if (!ec && n == message_size)
                {
                    receive(0);
                }
            });
    }

    void receive(std::size_t offset)
    {
        socket.async_read_some(
            asio::buffer(storage) + offset,
            [this, offset](error_code ec, std::size_t n) {
                if (ec)
                {
                    return;
                }
                if (offset + n != message_size)
                {
                    receive(offset + n);
                }
                else if (--left != 0)
                {
                    send();
                }
                else
                {
                    io.stop();
                }
            });
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(an_echo_with_callbacks, *where_allocations_are_seen())
{
    asio::io_context io;
    asio::any_io_executor const strand = asio::make_strand(io);
    // The plain executor and an erased strand.
    for (asio::any_io_executor const& executor :
         {asio::any_io_executor(io.get_executor()), strand})
    {
        socket_pair sockets(executor);
        token_echo server{sockets.second};
        token_ping client{io, sockets.first};
        server.receive();
        expect_no_allocations([&] {
            client.start(20);
            return run_quietly(io) && client.left == 0;
        });
        sockets.second.close();
        BOOST_TEST(run_quietly(io));
    }
}

BOOST_AUTO_TEST_CASE(callbacks_bound_to_a_strand, *where_allocations_are_seen())
{
    asio::io_context io;
    io_strand const strand = asio::make_strand(io);
    socket_pair sockets(io.get_executor());
    message in{}, out{};
    stream_context rx;
    rx.buffer(asio::buffer(in));
    rx.at_least(message_size);
    int ended = 0;
    auto const bound_handler = [&] {
        return asio::bind_executor(strand, [&](error_code ec, std::size_t n) {
            ended +=
                !ec && n == message_size && strand.running_in_this_thread();
        });
    };
    expect_no_allocations([&] {
        ended = 0;
        for (int i = 0; i != 20; ++i)
        {
            sockets.second.async_receive(rx, bound_handler());
            sockets.first.async_write_some(asio::buffer(out), bound_handler());
            if (!run_quietly(io))
            {
                return false;
            }
        }
        return ended == 40;
    });
}

BOOST_AUTO_TEST_CASE(
    token_operations_started_outside_of_run, *where_allocations_are_seen())
{
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    std::optional work(asio::make_work_guard(io));
    support::background const runner([&] { io.run_for(support::patience); });
    message in{}, out{};
    expect_no_allocations([&] {
        for (int i = 0; i != 20; ++i)
        {
            sockets.first.async_write_some(
                asio::buffer(out), [](error_code, std::size_t) {});
            sockets.second.async_read_some(
                asio::buffer(in), [&](error_code ec, std::size_t) {
                    std::lock_guard<std::mutex> const lock(mutex);
                    done = !ec;
                    changed.notify_one();
                });
            std::unique_lock<std::mutex> lock(mutex);
            if (!changed.wait_for(
                    lock, support::patience, [&] { return done; }))
            {
                return false;
            }
            done = false;
        }
        return true;
    });
    work.reset();
}

BOOST_AUTO_TEST_CASE(bursts_of_token_sends, *where_allocations_are_seen())
{
    constexpr int burst = 1000;
    asio::io_context io;
    socket_pair sockets(io.get_executor());
    std::array<char, 16> data{};
    std::vector<char> storage(burst * data.size());
    int sent = 0;
    stream_context trigger;
    trigger.completion_handler([&](stream_context&) {
        for (int i = 0; i != burst; ++i)
        {
            sockets.first.async_write_some(
                asio::buffer(data), [&](error_code ec, std::size_t n) {
                    sent += !ec && n == data.size();
                });
        }
    });
    expect_no_allocations([&] {
        sent = 0;
        bool received = false;
        asio::async_read(
            sockets.second,
            asio::buffer(storage),
            [&](error_code ec, std::size_t) { received = !ec; });
        sockets.second.async_wait(trigger, tcp::socket::wait_write);
        return run_quietly(io) && sent == burst && received;
    });
}

BOOST_AUTO_TEST_CASE(a_handler_with_much_state, *where_allocations_are_seen())
{
    struct large_handler
    {
        int* ended;
        std::array<char, 2048> state{};

        void operator()(error_code ec, std::size_t n)
        {
            *ended += !ec && n == message_size;
        }
    };

    asio::io_context io;
    socket_pair sockets(io.get_executor());
    message in{}, out{};
    stream_context rx;
    rx.buffer(asio::buffer(in));
    expect_no_allocations([&] {
        int ended = 0;
        sockets.first.async_write_some(
            asio::buffer(out), large_handler{&ended});
        sockets.second.async_receive(rx, large_handler{&ended});
        if (!run_quietly(io) || ended != 2)
        {
            return false;
        }
        sockets.second.async_read_some(asio::buffer(in), large_handler{&ended});
        sockets.first.async_write_some(
            asio::buffer(out), large_handler{&ended});
        return run_quietly(io) && ended == 4;
    });
}

// Connections

namespace {

// Accepts a connection of the system's, takes it, and closes it.
template<typename Executor>
void expect_no_allocations_in_churn(
    asio::io_context& io, Executor const& executor)
{
    tcp::acceptor acceptor(
        executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto const endpoint = acceptor.local_endpoint();
    accept_context context;
    std::optional<tcp::socket> accepted;
    stream_context rx;
    message storage{};
    rx.buffer(asio::buffer(storage));
    int ended = 0;
    rx.completion_handler([&](stream_context& c) {
        ended += c.error() == asio::error::eof;
        accepted.reset();
    });
    context.completion_handler([&](accept_context& c) {
        if (!c.error())
        {
            accepted.emplace(c.take_socket());
            accepted->async_receive(rx);
        }
    });
    expect_no_allocations([&] {
        ended = 0;
        for (int i = 0; i != 4; ++i)
        {
            acceptor.async_accept(context);
            support::connect_to(endpoint).close();
            if (!run_quietly(io) || accepted)
            {
                return false;
            }
        }
        return ended == 4;
    });
}

} // namespace

BOOST_AUTO_TEST_CASE(accepting_and_closing, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    expect_no_allocations_in_churn(io, io.get_executor());
}

BOOST_AUTO_TEST_CASE(
    accepting_and_closing_on_a_strand, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    expect_no_allocations_in_churn(
        io, asio::any_io_executor(asio::make_strand(io)));
}

BOOST_AUTO_TEST_CASE(
    accepting_and_closing_with_callbacks, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto const endpoint = acceptor.local_endpoint();
    tcp::socket into(io);
    expect_no_allocations([&] {
        int accepted = 0;
        acceptor.async_accept([&](error_code ec, tcp::socket s) {
            accepted += !ec && s.is_open();
        });
        support::connect_to(endpoint).close();
        if (!run_quietly(io))
        {
            return false;
        }
        acceptor.async_accept(into, [&](error_code ec) {
            accepted += !ec && into.is_open();
            into.close();
        });
        support::connect_to(endpoint).close();
        return run_quietly(io) && accepted == 2;
    });
}

BOOST_AUTO_TEST_CASE(connecting_and_closing, *where_allocations_are_seen())
{
    support::descriptor_check const leaks;
    asio::io_context io;
    support::listener l;
    tcp::socket socket(io);
    connect_context c;
    c.endpoint(l.endpoint());
    auto const endpoint = l.endpoint();
    int connected = 0;
    c.completion_handler(
        [&](connect_context& done) { connected += !done.error(); });
    expect_no_allocations([&] {
        connected = 0;
        socket.async_connect(c);
        if (!run_quietly(io))
        {
            return false;
        }
        l.accept().close();
        socket.close();
        socket.async_connect(
            endpoint, [&](error_code ec) { connected += !ec; });
        if (!run_quietly(io))
        {
            return false;
        }
        l.accept().close();
        socket.close();
        return connected == 2;
    });
}

// The counter itself

BOOST_AUTO_TEST_CASE(
    what_is_counted_here_would_be_seen, *where_allocations_are_seen())
{
    asio::io_context io;
    // A post of Asio's from a thread outside of run() does allocate.
    opslot::testing::allocation_counter const heap(
        opslot::testing::allocation_counter::scope::process);
    asio::post(io, [] {});
    asio::post(io, [] {});
    auto const count = heap.count();
    BOOST_TEST(run_quietly(io));
    BOOST_TEST(count != 0u);
}
