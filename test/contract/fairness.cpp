// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What the reactor promises of its turns. The portable engine has none: there
// Asio decides what runs when.

#define BOOST_TEST_MODULE contract_fairness
#include <opslot/accept_context.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <csignal>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::pending;
using opslot::stream_context;
using support::connection;
using support::payload;
using support::peer;
using tcp = opslot::tcp;
using context = support::counted<stream_context>;

error_code const success;

// A connection of a context that others use as well.
struct joined
{
    tcp::socket socket;
    peer other;

    template<typename Executor>
    explicit joined(Executor const& executor)
        : socket(executor)
        , other(support::connect_tcp(socket))
    {}

    // From here on every receive has something to say at once.
    void flood()
    {
        other.shutdown();
        support::await(socket.native_handle());
    }
};

// A context for an engine with the option or without.
struct context_with
{
    asio::io_context io;

    explicit context_with(bool single_threaded)
    {
        opslot::reactor_options options;
        options.single_threaded = single_threaded;
        opslot::configure(io, options);
    }
};

// Waits until so many bytes can be received.
void await_bytes(tcp::socket const& socket, std::size_t n)
{
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    while (socket.available() < n)
    {
        BOOST_REQUIRE(std::chrono::steady_clock::now() < limit);
        std::this_thread::yield();
    }
}

} // namespace

// The stack

namespace {

// Between which addresses the variables of some function were.
class stack_range
{
public:
    void note() noexcept
    {
        char volatile here = 0;
        auto const address = reinterpret_cast<std::uintptr_t>(&here);
        low_ = std::min(low_, address);
        high_ = std::max(high_, address);
    }

    std::size_t size() const noexcept { return high_ - low_; }

private:
    std::uintptr_t low_ = std::numeric_limits<std::uintptr_t>::max();
    std::uintptr_t high_ = 0;
};

// Calls a function, which says nothing to the test framework, in a thread
// with little stack.
template<typename Function>
void call_with_a_small_stack(Function f)
{
    constexpr std::size_t size = 256 * 1024;
    ::pthread_attr_t attributes;
    BOOST_REQUIRE(::pthread_attr_init(&attributes) == 0);
    BOOST_REQUIRE(::pthread_attr_setstacksize(&attributes, size) == 0);
    ::pthread_t thread;
    int const error = ::pthread_create(
        &thread,
        &attributes,
        [](void* function) -> void* {
            (*static_cast<Function*>(function))();
            return nullptr;
        },
        &f);
    ::pthread_attr_destroy(&attributes);
    BOOST_REQUIRE(error == 0);
    ::pthread_join(thread, nullptr);
}

} // namespace

// Model case 28.
BOOST_AUTO_TEST_CASE(a_million_synchronous_completions_use_constant_stack)
{
    constexpr int million = 1000000;
    for (bool const single_threaded : {false, true})
    {
        context_with c(single_threaded);
        joined j(c.io.get_executor());
        j.flood();
        j.socket.sync_budget(tcp::socket::unlimited_budget);
        stream_context rx;
        char byte = 0;
        rx.buffer(asio::buffer(&byte, 1));
        int calls = 0;
        int at_once = 0;
        rx.completion_handler([&](stream_context&) {
            ++calls;
            while (at_once != million &&
                   j.socket.start_receive(rx) == completed)
            {
                ++at_once;
            }
        });
        call_with_a_small_stack([&] {
            j.socket.async_receive(rx);
            c.io.run_for(support::patience);
        });
        BOOST_TEST(c.io.stopped());
        BOOST_TEST(calls == 1);
        BOOST_TEST(at_once == million);
    }
}

BOOST_AUTO_TEST_CASE(a_million_handlers_do_not_run_inside_each_other)
{
    constexpr int million = 1000000;
    for (bool const single_threaded : {false, true})
    {
        context_with c(single_threaded);
        joined j(c.io.get_executor());
        j.flood();
        j.socket.sync_budget(tcp::socket::unlimited_budget);
        std::array<stream_context, 2> both;
        char byte = 0;
        int calls = 0;
        stack_range stack;
        for (stream_context& rx : both)
        {
            rx.buffer(asio::buffer(&byte, 1));
            rx.completion_handler([&](stream_context& done) {
                stack.note();
                if (++calls < million)
                {
                    j.socket.async_receive(done);
                }
            });
        }
        call_with_a_small_stack([&] {
            j.socket.async_receive(both[0]);
            j.socket.async_receive(both[1]);
            c.io.run_for(support::patience);
        });
        BOOST_TEST(c.io.stopped());
        BOOST_TEST(calls == million + 1);
        // They are called from few places, not from each other.
        BOOST_TEST(stack.size() < 2048u);
    }
}

// Budgets

namespace {

// Starts receives until one is pending; returns how many were not.
int receive_until_pending(tcp::socket& socket, stream_context& rx)
{
    int n = 0;
    while (n != 1000 && socket.start_receive(rx) == completed)
    {
        ++n;
    }
    return n;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(outside_of_a_turn_the_budget_is_kept, connection)
{
    constexpr std::size_t defaults = 0;
    std::string const data(500, 'x');
    other.write(data);
    await_bytes(socket, data.size());
    context rx;
    char byte = 0;
    rx.buffer(asio::buffer(&byte, 1));
    std::size_t received = 0;
    int calls = 0;

    struct step
    {
        std::size_t budget;
        int at_once;
    };

    for (step const s :
         {step{5, 5}, step{1, 1}, step{defaults, 32}, step{33, 33}})
    {
        socket.sync_budget(s.budget);
        BOOST_TEST(socket.sync_budget() == s.budget);
        BOOST_TEST(receive_until_pending(socket, rx) == s.at_once);
        // It goes on by itself.
        support::run(io);
        BOOST_TEST(rx.calls == ++calls);
        BOOST_TEST(rx.error() == success);
        received += static_cast<std::size_t>(s.at_once) + 1;
        BOOST_TEST(socket.available() == data.size() - received);
    }
    socket.sync_budget(tcp::socket::unlimited_budget);
    BOOST_TEST(
        receive_until_pending(socket, rx) ==
        static_cast<int>(data.size() - received));
    rx.cancel();
    support::run(io);
}

BOOST_FIXTURE_TEST_CASE(in_a_turn_the_budget_is_kept, connection)
{
    constexpr int rounds = 100;
    for (int const budget : {1, 3, 100})
    {
        // Completions with an error count as well.
        for (bool const with_errors : {false, true})
        {
            asio::io_context inner;
            joined j(inner.get_executor());
            std::string const data(
                static_cast<std::size_t>(rounds * (budget + 1)), 'x');
            if (with_errors)
            {
                j.flood();
            }
            else
            {
                j.other.write(data);
                await_bytes(j.socket, data.size());
            }
            j.socket.sync_budget(static_cast<std::size_t>(budget));
            stream_context rx;
            char byte = 0;
            rx.buffer(asio::buffer(&byte, 1));
            int calls = 0;
            std::vector<int> in_a_row;
            rx.completion_handler([&](stream_context&) {
                if (++calls <= rounds)
                {
                    in_a_row.push_back(receive_until_pending(j.socket, rx));
                }
            });
            j.socket.async_wait(rx, tcp::socket::wait_read);
            support::run(inner);
            BOOST_TEST(calls == rounds + 1);
            // The first one follows a wait, which took a part of the budget.
            auto const first = std::next(in_a_row.begin());
            BOOST_TEST(
                std::count(first, in_a_row.end(), budget) ==
                std::distance(first, in_a_row.end()));
        }
    }
}

BOOST_AUTO_TEST_CASE(sockets_that_share_a_turn_take_turns)
{
    asio::io_context io;
    std::deque<joined> sockets;
    std::deque<context> contexts(3);
    constexpr int rounds = 200;
    char byte = 0;
    std::vector<int> completions(contexts.size());
    int most_ahead = 0;
    for (std::size_t i = 0; i != contexts.size(); ++i)
    {
        sockets.emplace_back(io.get_executor()).flood();
        contexts[i].buffer(asio::buffer(&byte, 1));
        contexts[i].completion_handler([&, i](stream_context& rx) {
            ++completions[i];
            if (completions[i] < rounds)
            {
                completions[i] += receive_until_pending(sockets[i].socket, rx);
                most_ahead = std::max(
                    most_ahead,
                    completions[i] -
                        *std::min_element(
                            completions.begin(), completions.end()));
            }
        });
    }
    asio::post(io, [&] {
        for (std::size_t i = 0; i != contexts.size(); ++i)
        {
            sockets[i].socket.async_receive(contexts[i]);
        }
    });
    support::run(io);
    for (int const n : completions)
    {
        BOOST_TEST(n >= rounds);
    }
    // Those who begin in the stack of the caller have a budget there, and
    // then nobody is served twice before all are once.
    BOOST_TEST(most_ahead <= 40);
}

BOOST_AUTO_TEST_CASE(a_flooded_socket_does_not_starve_another_one)
{
    for (bool const single_threaded : {false, true})
    {
        context_with c(single_threaded);
        joined flooded(c.io.get_executor()), quiet(c.io.get_executor());
        flooded.flood();
        context rx;
        stream_context flood;
        char byte = 0, quiet_byte = 0;
        rx.buffer(asio::buffer(&quiet_byte, 1));
        flood.buffer(asio::buffer(&byte, 1));
        int completions = 0;
        int at_write = 0;
        int at_answer = 0;
        bool posted = false;
        int at_post = 0;
        rx.completion_handler(
            [&](stream_context&) { at_answer = completions; });
        BOOST_TEST((quiet.socket.start_receive(rx) == pending));
        constexpr int limit = 1000000;
        flood.completion_handler([&](stream_context& f) {
            do
            {
                if (++completions == 5000)
                {
                    quiet.other.write("x");
                    at_write = completions;
                    asio::post(c.io, [&] {
                        posted = true;
                        at_post = completions;
                    });
                }
            } while ((at_answer == 0 || !posted) && completions < limit &&
                     flooded.socket.start_receive(f) == completed);
        });
        flooded.socket.async_receive(flood);
        support::run(c.io);
        BOOST_TEST(at_write == 5000);
        BOOST_TEST(posted);
        BOOST_TEST(quiet_byte == 'x');
        // A turn is 64 handlers, each with a budget of 16 for a socket that
        // is alone. The other one is found in the next turn.
        constexpr int turn = 64 * 17;
        BOOST_TEST(at_answer - at_write <= 2 * turn);
        BOOST_TEST(at_post - at_write <= 2 * turn);
    }
}

BOOST_AUTO_TEST_CASE(a_turn_is_as_long_as_the_options_say)
{
    for (int const handlers : {1, 5})
    {
        asio::io_context io;
        opslot::reactor_options options;
        options.handlers_per_turn = static_cast<std::size_t>(handlers);
        opslot::configure(io, options);
        joined j(io.get_executor());
        j.flood();
        stream_context rx;
        char byte = 0;
        rx.buffer(asio::buffer(&byte, 1));
        int calls = 0;
        int in_a_row = 0;
        int most_in_a_row = 0;
        bool ends = false;
        // Runs whenever the context comes to its other work.
        auto const other_work = [&](auto const& self) -> void {
            in_a_row = 0;
            if (!ends)
            {
                asio::post(io, [&] { self(self); });
            }
        };
        rx.completion_handler([&](stream_context& c) {
            most_in_a_row = std::max(most_in_a_row, ++in_a_row);
            if (++calls != 100)
            {
                j.socket.async_receive(c);
            }
            else
            {
                ends = true;
            }
        });
        other_work(other_work);
        j.socket.async_receive(rx);
        support::run(io);
        BOOST_TEST(calls == 100);
        BOOST_TEST(most_in_a_row == handlers);
    }
}

// Many connections

namespace {

constexpr std::size_t many = 5000;

// Both ends are here, and there are some more.
boost::test_tools::assertion_result
so_many_descriptors_are_allowed(boost::unit_test::test_unit_id)
{
    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    ::rlim_t const needed = 2 * many + 100;
    if (limit.rlim_cur < needed && limit.rlim_max >= needed)
    {
        limit.rlim_cur = needed;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        ::getrlimit(RLIMIT_NOFILE, &limit);
    }
    boost::test_tools::assertion_result allowed(limit.rlim_cur >= needed);
    allowed.message() << "RLIMIT_NOFILE is " << limit.rlim_cur << ", " << needed
                      << " descriptors are needed";
    return allowed;
}

// Answers one message after the other until its connection ends.
class session : public std::enable_shared_from_this<session>
{
public:
    session(tcp::socket s, std::size_t& alive)
        : socket_(std::move(s))
        , alive_(alive)
    {
        ++alive_;
        rx_.keep_alive(*this);
        tx_.keep_alive(*this);
        rx_.buffer(asio::buffer(storage_));
        rx_.completion_handler([this](stream_context&) { received(); });
        tx_.completion_handler([this](stream_context&) { sent(); });
    }

    ~session() { --alive_; }

    void start() { socket_.async_receive(rx_); }

private:
    void received()
    {
        if (!rx_.error())
        {
            tx_.buffer(asio::buffer(storage_, rx_.bytes_transferred()));
            socket_.async_send(tx_);
        }
    }

    void sent()
    {
        if (!tx_.error())
        {
            start();
        }
    }

    tcp::socket socket_;
    std::size_t& alive_;
    stream_context rx_, tx_;
    std::array<char, 16> storage_;
};

} // namespace

BOOST_AUTO_TEST_CASE(
    thousands_of_connections_are_served_and_nothing_leaks,
    *boost::unit_test::precondition(so_many_descriptors_are_allowed))
{
    support::descriptor_check const leaks;
    std::size_t alive = 0;
    asio::io_context io;
    tcp::acceptor acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto const endpoint = acceptor.local_endpoint();
    std::size_t accepted = 0;
    tcp::accept_context accept;
    accept.completion_handler([&](tcp::accept_context& c) {
        if (!c.error())
        {
            ++accepted;
            std::make_shared<session>(c.take_socket(), alive)->start();
            acceptor.async_accept(c);
        }
    });
    acceptor.async_accept(accept);

    std::vector<peer> clients;
    while (clients.size() != many)
    {
        // Not more than the system keeps for an acceptor.
        for (int i = 0; i != 100; ++i)
        {
            clients.push_back(support::connect_to(endpoint));
        }
        support::run_until(io, [&] { return accepted == clients.size(); });
    }
    BOOST_TEST(alive == many);

    auto const message_of = [](std::size_t i) {
        std::string const digits = std::to_string(i);
        return std::string(8 - digits.size(), '.') + digits;
    };
    for (std::size_t i = 0; i != many; ++i)
    {
        clients[i].write(message_of(i));
    }
    // One more receive of each is pending when all have answered.
    auto const before = opslot::diagnostics(io);
    support::run_until(io, [&] {
        return opslot::diagnostics(io).started >= before.started + 2 * many;
    });
    support::poll(io);
    BOOST_TEST(opslot::diagnostics(io).pending == many + 1);
    std::size_t right = 0;
    for (std::size_t i = 0; i != many; ++i)
    {
        right += clients[i].read(8) == message_of(i);
    }
    BOOST_TEST(right == many);

    for (peer& client : clients)
    {
        client.reset();
    }
    support::run_until(io, [&] { return alive == 0; });
    acceptor.close();
    support::run(io);
    BOOST_TEST(opslot::diagnostics(io).pending == 0u);
}

// Events that come too late

// Model cases 101 and 104.
BOOST_AUTO_TEST_CASE(
    an_event_of_a_closed_socket_does_not_reach_the_one_in_its_place)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    joined old(io.get_executor());
    std::array<char, 8> storage{};
    context rx;
    rx.buffer(asio::buffer(storage));
    BOOST_TEST((old.socket.start_receive(rx) == pending));
    support::poll(io);
    // The set goes on reporting events of the connection as long as somebody
    // has it open.
    peer const duplicate(::dup(old.socket.native_handle()));
    BOOST_REQUIRE(duplicate.native_handle() >= 0);
    old.socket.close();
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.error() == asio::error::operation_aborted);

    joined next(io.get_executor());
    BOOST_TEST((next.socket.start_receive(rx) == pending));
    support::poll(io);
    auto const before = opslot::diagnostics(io);
    for (int i = 0; i != 3; ++i)
    {
        old.other.write("late");
        support::await(duplicate.native_handle());
        support::poll(io);
    }
    old.other.close();
    support::poll(io);
    auto const after = opslot::diagnostics(io);
    // It is the event that is not there, or the test says nothing.
    BOOST_TEST(after.turns > before.turns);
    BOOST_TEST(after.receive_calls == before.receive_calls);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.is_pending());

    next.other.write("right");
    support::run(io);
    BOOST_TEST(rx.calls == 2);
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(std::string(storage.data(), rx.bytes_transferred()) == "right");
}

// Model case 101.
BOOST_AUTO_TEST_CASE(a_socket_closed_in_a_handler_of_its_turn_stays_silent)
{
    // Both have an event in the same turn, and the first handler closes the
    // other socket and opens a third one in its place.
    asio::io_context io;
    std::deque<joined> sockets;
    sockets.emplace_back(io.get_executor());
    sockets.emplace_back(io.get_executor());
    tcp::socket third(io);
    peer other_third;
    std::array<char, 8> storage{};
    std::deque<context> contexts(2);
    context on_third;
    on_third.buffer(asio::buffer(storage));
    int first = -1;
    int ended = 0;
    for (int i = 0; i != 2; ++i)
    {
        context& c = contexts[static_cast<std::size_t>(i)];
        c.buffer(asio::buffer(storage));
        c.completion_handler([&, i](stream_context& rx) {
            ++ended;
            if (first == -1)
            {
                BOOST_TEST(rx.error() == success);
                first = i;
                sockets[static_cast<std::size_t>(1 - i)].socket.close();
                other_third = support::connect_tcp(third);
                BOOST_TEST((third.start_receive(on_third) == pending));
            }
            else
            {
                BOOST_TEST(rx.error() == asio::error::operation_aborted);
                BOOST_TEST(rx.bytes_transferred() == 0u);
            }
        });
        auto const n = static_cast<std::size_t>(i);
        BOOST_TEST((sockets[n].socket.start_receive(c) == pending));
    }
    sockets[0].other.write("a");
    sockets[1].other.write("b");
    support::run_until(io, [&] { return ended == 2; });
    support::poll(io);
    BOOST_TEST(on_third.calls == 0);
    other_third.write("c");
    support::run(io);
    BOOST_TEST(on_third.calls == 1);
    BOOST_TEST(on_third.bytes_transferred() == 1u);
    BOOST_TEST(storage[0] == 'c');
}

// Stopping

namespace {

// Many sockets with something to do at the same time: one receives, the other
// sends.
template<typename Executor>
void expect_stop_to_be_at_once(asio::io_context& io, Executor const& executor)
{
    constexpr std::size_t count = 100;
    std::deque<joined> sockets;
    std::deque<context> receives(count), sends(count);
    std::array<char, 4> storage{};
    int calls = 0;
    int after_stop = 0;
    int posted = 0;
    bool is_stopped = false;
    auto const handler = [&](stream_context& c) {
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.bytes_transferred() == 1u);
        after_stop += is_stopped;
        // A few times, at different places of a turn.
        if (++calls % 30 == 1)
        {
            io.stop();
            is_stopped = true;
        }
    };
    for (std::size_t i = 0; i != count; ++i)
    {
        joined& j = sockets.emplace_back(executor);
        receives[i].buffer(asio::buffer(storage));
        receives[i].completion_handler(handler);
        BOOST_TEST((j.socket.start_receive(receives[i]) == pending));
        sends[i].buffer(asio::buffer("s", 1));
        sends[i].completion_handler(handler);
    }
    support::poll(io);
    for (std::size_t i = 0; i != count; ++i)
    {
        sockets[i].other.write("r");
        support::await(sockets[i].socket.native_handle());
        sockets[i].socket.async_send(sends[i]);
        asio::post(io, [&] { ++posted; });
    }
    int runs = 0;
    for (; calls != 2 * static_cast<int>(count) && runs != 20; ++runs)
    {
        is_stopped = false;
        io.restart();
        io.run_for(support::patience);
        BOOST_TEST(io.stopped());
    }
    BOOST_TEST(after_stop == 0);
    // The last of them was not stopped.
    BOOST_TEST(runs == 2 * static_cast<int>(count) / 30 + 2);
    support::run(io);
    BOOST_TEST(calls == 2 * static_cast<int>(count));
    BOOST_TEST(posted == static_cast<int>(count));
    for (std::size_t i = 0; i != count; ++i)
    {
        BOOST_TEST(receives[i].error() == success);
        BOOST_TEST(sockets[i].other.read(1) == "s");
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(after_a_stop_no_handler_starts_and_nothing_is_lost)
{
    for (bool const single_threaded : {false, true})
    {
        context_with c(single_threaded);
        expect_stop_to_be_at_once(c.io, c.io.get_executor());
    }
}

BOOST_AUTO_TEST_CASE(after_a_stop_no_handler_starts_on_strands_either)
{
    asio::io_context io;
    expect_stop_to_be_at_once(io, asio::make_strand(io));
}

BOOST_AUTO_TEST_CASE(sends_gathered_in_a_stopped_turn_are_not_lost)
{
    asio::io_context io;
    joined j(io.get_executor());
    context trigger;
    std::array<char, 4> storage{};
    std::deque<context> sends(10);
    trigger.buffer(asio::buffer(storage));
    trigger.completion_handler([&](stream_context&) {
        for (context& c : sends)
        {
            c.buffer(asio::buffer("s", 1));
            j.socket.async_send(c);
        }
        io.stop();
    });
    BOOST_TEST((j.socket.start_receive(trigger) == pending));
    j.other.write("t");
    io.run_for(support::patience);
    BOOST_TEST(io.stopped());
    BOOST_TEST(std::all_of(sends.begin(), sends.end(), [](context const& c) {
        return c.calls == 0;
    }));
    support::run(io);
    BOOST_TEST(std::all_of(sends.begin(), sends.end(), [](context const& c) {
        return c.calls == 1 && !c.error();
    }));
    BOOST_TEST(j.other.read(10) == "ssssssssss");
}

// Forks

namespace {

// Runs until `done()` without a word to the test framework, which belongs to
// the parent.
template<typename Predicate>
bool run_quietly_until(asio::io_context& io, Predicate done)
{
    auto const limit = std::chrono::steady_clock::now() + support::patience;
    while (!done())
    {
        if (io.stopped())
        {
            io.restart();
        }
        if (io.run_one_until(limit) == 0)
        {
            return false;
        }
    }
    return true;
}

// Calls `body` in a forked child; returns whether it returned true there.
template<typename Body>
bool call_in_child(asio::io_context& io, Body body)
{
    io.notify_fork(asio::io_context::fork_prepare);
    ::pid_t const child = ::fork();
    if (child == 0)
    {
        ::signal(SIGALRM, SIG_DFL);
        ::signal(SIGABRT, SIG_DFL);
        ::signal(SIGSEGV, SIG_DFL);
        ::alarm(60);
        bool ok = false;
        try
        {
            io.notify_fork(asio::io_context::fork_child);
            ok = body();
        }
        catch (...)
        {}
        ::_exit(ok ? 0 : 1);
    }
    io.notify_fork(asio::io_context::fork_parent);
    BOOST_REQUIRE(child > 0);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct forked
{
    asio::io_context io;
    joined waiting, used;
    context rx, again;
    std::array<char, 8> storage{}, second_storage{};

    forked()
        : waiting(io.get_executor())
        , used(io.get_executor())
    {
        rx.buffer(asio::buffer(storage));
        again.buffer(asio::buffer(second_storage));
        // Known to the reactor, and idle.
        BOOST_TEST((used.socket.start_receive(again) == pending));
        used.other.write("x");
        support::run(io);
        BOOST_TEST(again.calls == 1);
        // Known to the reactor, and pending.
        BOOST_TEST((waiting.socket.start_receive(rx) == pending));
        support::poll(io);
    }

    // Receives on both sockets what is sent to them now.
    bool works()
    {
        int const before = rx.calls;
        int const before_again = again.calls;
        if (!rx.is_pending() && waiting.socket.start_receive(rx) != pending)
        {
            return false;
        }
        if (used.socket.start_receive(again) != pending)
        {
            return false;
        }
        waiting.other.write("one");
        used.other.write("two");
        return run_quietly_until(
                   io,
                   [&] {
                       return rx.calls != before && again.calls != before_again;
                   }) &&
               !rx.error() && !again.error() &&
               std::string(storage.data(), rx.bytes_transferred()) == "one" &&
               std::string(second_storage.data(), again.bytes_transferred()) ==
                   "two";
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(a_forked_child_goes_on_with_its_sockets)
{
    forked f;
    BOOST_TEST(call_in_child(f.io, [&] { return f.works() && f.works(); }));
}

BOOST_AUTO_TEST_CASE(the_parent_of_a_fork_goes_on_as_well)
{
    forked f;
    BOOST_TEST(call_in_child(f.io, [&] { return f.works(); }));
    BOOST_TEST(f.rx.is_pending());
    BOOST_REQUIRE(f.works());
    BOOST_TEST(f.works());
}

BOOST_AUTO_TEST_CASE(a_fork_is_survived_beside_objects_of_asio)
{
    // Asio's own reactor is there before the library's, and is told of the
    // fork before it.
    asio::io_context io;
    asio::steady_timer timer(io);
    joined j(io.get_executor());
    context rx;
    std::array<char, 4> storage{};
    rx.buffer(asio::buffer(storage));
    BOOST_TEST((j.socket.start_receive(rx) == pending));
    support::poll(io);
    auto const works = [&] {
        int const before = rx.calls;
        if (!rx.is_pending() && j.socket.start_receive(rx) != pending)
        {
            return false;
        }
        j.other.write("x");
        return run_quietly_until(io, [&] { return rx.calls != before; }) &&
               !rx.error();
    };
    BOOST_TEST(call_in_child(io, [&] { return works() && works(); }));
    BOOST_REQUIRE(works());
    BOOST_TEST(works());
}

BOOST_AUTO_TEST_CASE(deadlines_are_kept_in_a_forked_child)
{
    forked f;
    context old_deadline, new_deadline;
    joined silent(f.io.get_executor());
    std::array<char, 4> storage{};
    old_deadline.buffer(asio::buffer(storage));
    old_deadline.timeout(std::chrono::milliseconds(100));
    new_deadline.buffer(asio::buffer(storage));
    new_deadline.timeout(std::chrono::milliseconds(10));
    BOOST_TEST((silent.socket.start_receive(old_deadline) == pending));
    BOOST_TEST(call_in_child(f.io, [&] {
        return run_quietly_until(
                   f.io, [&] { return old_deadline.calls == 1; }) &&
               old_deadline.error() == opslot::error::timeout &&
               silent.socket.start_receive(new_deadline) == pending &&
               run_quietly_until(
                   f.io, [&] { return new_deadline.calls == 1; }) &&
               new_deadline.error() == opslot::error::timeout;
    }));
    BOOST_TEST(
        run_quietly_until(f.io, [&] { return old_deadline.calls == 1; }));
    BOOST_TEST(old_deadline.error() == make_error_code(opslot::error::timeout));
}

// Sends that leave together

BOOST_AUTO_TEST_CASE(the_sends_of_a_turn_leave_together_and_in_order)
{
    constexpr std::size_t count = 128;
    std::array<std::size_t (*)(std::size_t), 4> const size_of{
        [](std::size_t) { return std::size_t(64); },
        [](std::size_t i) { return 1 + i * 7; },
        [](std::size_t) { return std::size_t(1100); },
        [](std::size_t i) { return i % 2 ? std::size_t(1500) : i + 1; }};
    for (std::size_t kind = 0; kind != size_of.size(); ++kind)
    {
        BOOST_TEST_CONTEXT("kind " << kind)
        {
            asio::io_context io;
            joined j(io.get_executor());
            j.socket.set_option(
                asio::socket_base::send_buffer_size(512 * 1024));
            std::vector<std::string> data;
            std::string all;
            for (std::size_t i = 0; i != count; ++i)
            {
                data.push_back(
                    payload(size_of[kind](i), static_cast<std::uint32_t>(i)));
                all += data.back();
            }
            std::deque<stream_context> sends(count);
            std::vector<std::size_t> order;
            int wrong = 0;
            std::uint64_t calls_before = 0;
            std::uint64_t calls_of_first = 0;
            bool first_is_at_once = false;
            context trigger;
            std::array<char, 4> storage{};
            trigger.buffer(asio::buffer(storage));
            trigger.completion_handler([&](stream_context&) {
                calls_before = opslot::diagnostics(io).send_calls;
                for (std::size_t i = 0; i != count; ++i)
                {
                    sends[i].buffer(asio::buffer(data[i]));
                    sends[i].completion_handler([&, i](stream_context& c) {
                        wrong += c.error() ||
                                 c.bytes_transferred() != data[i].size();
                        order.push_back(i);
                    });
                    if (j.socket.start_send(sends[i]) == completed)
                    {
                        order.push_back(i);
                    }
                    if (i == 0)
                    {
                        first_is_at_once = !order.empty();
                        calls_of_first =
                            opslot::diagnostics(io).send_calls - calls_before;
                    }
                }
            });
            BOOST_TEST((j.socket.start_receive(trigger) == pending));
            j.other.write("t");
            support::run(io);
            auto const calls =
                opslot::diagnostics(io).send_calls - calls_before;
            BOOST_TEST(calls >= 1u);
            BOOST_TEST(calls <= 4u);
            // The first one did not wait for the others.
            BOOST_TEST(first_is_at_once);
            BOOST_TEST(calls_of_first == 1u);
            BOOST_TEST(wrong == 0);
            BOOST_TEST(order.size() == count);
            BOOST_TEST(std::is_sorted(order.begin(), order.end()));
            BOOST_TEST((j.other.read(all.size()) == all));
        }
    }
}

BOOST_AUTO_TEST_CASE(sends_of_many_sockets_in_one_turn_do_not_mix)
{
    asio::io_context io;
    std::deque<joined> sockets;
    constexpr std::size_t count = 10;
    std::deque<context> sends(count * count);
    for (std::size_t i = 0; i != count; ++i)
    {
        sockets.emplace_back(io.get_executor());
    }
    std::vector<std::string> expected(count);
    std::vector<std::string> data;
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        data.push_back(payload(50 + i, static_cast<std::uint32_t>(i)));
        expected[i % count] += data.back();
    }
    context trigger;
    std::array<char, 4> storage{};
    trigger.buffer(asio::buffer(storage));
    trigger.completion_handler([&](stream_context&) {
        for (std::size_t i = 0; i != sends.size(); ++i)
        {
            sends[i].buffer(asio::buffer(data[i]));
            sockets[i % count].socket.async_send(sends[i]);
        }
    });
    BOOST_TEST((sockets[0].socket.start_receive(trigger) == pending));
    sockets[0].other.write("t");
    support::run(io);
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        BOOST_TEST(sends[i].calls == 1);
        BOOST_TEST(sends[i].bytes_transferred() == data[i].size());
    }
    for (std::size_t i = 0; i != count; ++i)
    {
        BOOST_TEST((sockets[i].other.read(expected[i].size()) == expected[i]));
    }
}

#else

namespace {

boost::test_tools::assertion_result
the_engine_takes_turns(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result no(false);
    no.message() << "on the portable engine Asio decides what runs when";
    return no;
}

} // namespace

BOOST_AUTO_TEST_CASE(
    turns_are_fair, *boost::unit_test::precondition(the_engine_takes_turns))
{}

#endif
