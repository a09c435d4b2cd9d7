// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Coroutines of both kinds, futures, and what combines operations.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <future>

#include "allocations/pattern.hpp"

#if __has_include(<boost/asio/cancel_after.hpp>)
#include <boost/asio/cancel_after.hpp>
#endif
#if __has_include(<boost/asio/any_completion_handler.hpp>)
#include <boost/asio/any_completion_handler.hpp>
#endif

namespace allocations {
namespace {

using support::connected;

// How a coroutine reads and writes.
struct with_deferred
{
    static auto receive(auto& socket, auto const& buffer)
    {
        return socket.async_read_some(buffer, asio::as_tuple(asio::deferred));
    }

    static auto send(auto& socket, auto const& buffer)
    {
        return socket.async_write_some(buffer, asio::as_tuple(asio::deferred));
    }
};

struct with_use_awaitable
{
    static auto receive(auto& socket, auto const& buffer)
    {
        return socket.async_read_some(
            buffer, asio::as_tuple(asio::use_awaitable));
    }

    static auto send(auto& socket, auto const& buffer)
    {
        return socket.async_write_some(
            buffer, asio::as_tuple(asio::use_awaitable));
    }
};

// In a function that is a coroutine itself.
struct nested
{
    static asio::awaitable<std::tuple<error_code, std::size_t>>
    receive(auto& socket, auto buffer)
    {
        co_return co_await with_use_awaitable::receive(socket, buffer);
    }

    static asio::awaitable<std::tuple<error_code, std::size_t>>
    send(auto& socket, auto buffer)
    {
        co_return co_await with_use_awaitable::send(socket, buffer);
    }
};

// In one whose frame is larger than what Asio keeps.
struct nested_large
{
    static asio::awaitable<std::tuple<error_code, std::size_t>>
    receive(auto& socket, auto buffer)
    {
        std::array<char, 1100> copy;
        auto const result =
            co_await with_use_awaitable::receive(socket, asio::buffer(copy));
        asio::buffer_copy(buffer, asio::buffer(copy));
        co_return result;
    }

    static auto send(auto& socket, auto buffer)
    {
        return with_use_awaitable::send(socket, buffer);
    }
};

template<class Way>
struct coroutines
{
    template<class Socket>
    static asio::awaitable<void> serve(Socket& socket)
    {
        std::array<char, 64> storage;
        for (;;)
        {
            auto const [error, n] =
                co_await Way::receive(socket, asio::buffer(storage));
            if (error)
                co_return;
            co_await Way::send(socket, asio::buffer(storage, n));
        }
    }

    template<class Socket>
    static asio::awaitable<void> ask(Socket& socket, meter& m)
    {
        std::array<char, 64> storage{};
        do
        {
            co_await Way::send(socket, asio::buffer(storage));
            co_await Way::receive(socket, asio::buffer(storage));
        } while (m.go_on());
        socket.close();
    }

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        std::list<connected<typename Library::tcp::socket>> pairs;
        for (int i = 0; i != 64; ++i)
        {
            auto& pair = pairs.emplace_back(io.get_executor());
            asio::co_spawn(io, serve(pair.second), asio::detached);
            asio::co_spawn(io, ask(pair.first, m), asio::detached);
        }
        run(io);
        return m.per_operation();
    }
};

struct stackful
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        connected<typename Library::tcp::socket> pair(io.get_executor());
        asio::spawn(
            io,
            [&](asio::yield_context yield) {
                std::array<char, 64> storage;
                error_code error;
                for (;;)
                {
                    std::size_t const n = pair.second.async_read_some(
                        asio::buffer(storage), yield[error]);
                    if (error)
                        return;
                    pair.second.async_write_some(
                        asio::buffer(storage, n), yield);
                }
            },
            asio::detached);
        asio::spawn(
            io,
            [&](asio::yield_context yield) {
                std::array<char, 64> storage{};
                do
                {
                    pair.first.async_write_some(asio::buffer(storage), yield);
                    pair.first.async_read_some(asio::buffer(storage), yield);
                } while (m.go_on());
                pair.first.close();
            },
            asio::detached);
        run(io);
        return m.per_operation();
    }
};

// Connections that make an exchange each in a way of their own, again and
// again, while the peer echoes.
template<class Library, class Exchange>
double measure_exchanges(int connections, Exchange exchange)
{
    using socket = typename Library::tcp::socket;
    using timer = typename Library::steady_timer;
    asio::io_context io;
    meter m(2000, 10000);
    std::list<connected<socket>> pairs;
    std::list<timer> timers;
    for (int i = 0; i != connections; ++i)
    {
        auto& pair = pairs.emplace_back(io.get_executor());
        auto& deadline = timers.emplace_back(io);
        asio::co_spawn(
            io, coroutines<with_deferred>::serve(pair.second), asio::detached);
        asio::co_spawn(
            io, exchange(pair.first, deadline, m), [&pair](std::exception_ptr) {
                pair.first.close();
            });
    }
    run(io);
    return m.per_operation();
}

struct read_or_timer
{
    template<class Library>
    static double measure()
    {
        using namespace asio::experimental::awaitable_operators;
        return measure_exchanges<Library>(
            64,
            [](auto& socket, auto& timer, meter& m) -> asio::awaitable<void> {
                std::array<char, 64> storage{};
                do
                {
                    co_await socket.async_write_some(
                        asio::buffer(storage), asio::deferred);
                    timer.expires_after(std::chrono::hours(1));
                    co_await(
                        socket.async_read_some(
                            asio::buffer(storage), asio::use_awaitable) ||
                        timer.async_wait(asio::use_awaitable));
                } while (m.go_on());
            });
    }
};

// The deadline of the last row in another way: the timer closes the socket.
struct read_and_timer
{
    template<class Library>
    static double measure()
    {
        return measure_exchanges<Library>(
            64,
            [](auto& socket, auto& timer, meter& m) -> asio::awaitable<void> {
                std::array<char, 64> storage{};
                do
                {
                    co_await socket.async_write_some(
                        asio::buffer(storage), asio::deferred);
                    timer.expires_after(std::chrono::hours(1));
                    timer.async_wait([&socket](error_code error) {
                        if (!error)
                            socket.close();
                    });
                    co_await socket.async_read_some(
                        asio::buffer(storage), asio::deferred);
                } while (m.go_on());
                timer.cancel();
            });
    }
};

struct grouped
{
    template<class Library>
    static double measure()
    {
        return measure_exchanges<Library>(
            64,
            [](auto& socket, auto& timer, meter& m) -> asio::awaitable<void> {
                std::array<char, 64> storage{};
                do
                {
                    co_await socket.async_write_some(
                        asio::buffer(storage), asio::deferred);
                    timer.expires_after(std::chrono::hours(1));
                    co_await asio::experimental::make_parallel_group(
                        socket.async_read_some(
                            asio::buffer(storage), asio::deferred),
                        timer.async_wait(asio::deferred))
                        .async_wait(
                            asio::experimental::wait_for_one(), asio::deferred);
                } while (m.go_on());
            });
    }
};

// A coroutine for each message, which spawns the next one.
struct spawned
{
    template<class Socket>
    static asio::awaitable<void> exchange(Socket& socket, meter& m)
    {
        std::array<char, 64> storage{};
        co_await socket.async_write_some(asio::buffer(storage), asio::deferred);
        co_await socket.async_read_some(asio::buffer(storage), asio::deferred);
        if (m.go_on())
            asio::co_spawn(
                socket.get_executor(), exchange(socket, m), asio::detached);
        else
            socket.close();
    }

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        std::list<connected<typename Library::tcp::socket>> pairs;
        for (int i = 0; i != 64; ++i)
        {
            auto& pair = pairs.emplace_back(io.get_executor());
            asio::co_spawn(
                io,
                coroutines<with_deferred>::serve(pair.second),
                asio::detached);
            asio::co_spawn(io, exchange(pair.first, m), asio::detached);
        }
        run(io);
        return m.per_operation();
    }
};

// A thread that waits for another one by futures.
template<class Token>
struct futures
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        connected<typename Library::tcp::socket> pair(io.get_executor());
        support::runners const thread(io, 1);
        std::array<char, 1> byte{};
        meter m(500, 3000);
        bool in_time = true;
        do
        {
            std::future<std::size_t> received = pair.second.async_read_some(
                asio::buffer(byte), Token::make(io));
            std::future<std::size_t> sent = pair.first.async_write_some(
                asio::buffer(byte), Token::make(io));
            in_time =
                received.wait_for(support::patience) ==
                    std::future_status::ready &&
                sent.wait_for(support::patience) == std::future_status::ready;
        } while (in_time && m.go_on(2));
        return m.per_operation();
    }
};

struct plain_future
{
    static auto make(asio::io_context&) { return asio::use_future; }
};

struct future_with_memory
{
    static auto make(asio::io_context& io)
    {
        return asio::use_future.rebind(opslot::operation_memory_allocator<void>(
            opslot::operation_memory::of(io)));
    }
};

#if __has_include(<boost/asio/cancel_after.hpp>)
struct cancelled_after
{
    template<class Library>
    static double measure()
    {
        return measure_exchanges<Library>(
            64, [](auto& socket, auto&, meter& m) -> asio::awaitable<void> {
                std::array<char, 64> storage{};
                do
                {
                    co_await socket.async_write_some(
                        asio::buffer(storage), asio::deferred);
                    co_await socket.async_read_some(
                        asio::buffer(storage),
                        asio::cancel_after(
                            std::chrono::hours(1), asio::deferred));
                } while (m.go_on());
            });
    }
};
#endif

#if __has_include(<boost/asio/any_completion_handler.hpp>)
struct erased_handlers
{
    template<class Library>
    static double measure()
    {
        using handler =
            asio::any_completion_handler<void(error_code, std::size_t)>;
        return measure_exchanges<Library>(
            64, [](auto& socket, auto&, meter& m) -> asio::awaitable<void> {
                std::array<char, 64> storage{};
                auto const erased = [&](handler h) {
                    socket.async_read_some(asio::buffer(storage), std::move(h));
                };
                do
                {
                    co_await socket.async_write_some(
                        asio::buffer(storage), asio::deferred);
                    co_await asio::async_initiate<
                        asio::deferred_t const,
                        void(error_code, std::size_t)>(
                        [&](auto h) { erased(std::move(h)); }, asio::deferred);
                } while (m.go_on());
            });
    }
};
#endif

} // namespace

std::vector<pattern> coroutine_patterns()
{
    using enum promise;
    std::vector<pattern> rows = {
        row<coroutines<with_deferred>>("coroutines, `deferred`"),
        row<coroutines<with_use_awaitable>>(
            "coroutines, `use_awaitable`", none, no_more),
        row<coroutines<nested>>(
            "coroutines that await `awaitable` functions", none, no_more),
        row<coroutines<nested_large>>(
            "an awaited function with a frame over 1 KB",
            no_more,
            no_more,
            "Frames come from a cache of Asio's, which keeps no large ones, "
            "and "
            "has no hook: put large buffers into the session, not into the "
            "coroutine."),
        row<stackful>("stackful coroutines, `yield_context`"),
        row<read_or_timer>(
            "`read || timer`, 64 connections",
            no_more,
            no_more,
            "A coroutine is spawned for each side, and a cancellation state "
            "for each: set the timer beside the read (next row), or take a "
            "context, which has a deadline."),
        row<read_and_timer>("a read, and a timer that closes the socket"),
        row<grouped>(
            "`make_parallel_group`, 64 connections",
            no_more,
            no_more,
            "The state of the group and the cancellation state of each "
            "operation: as above."),
        row<spawned>(
            "`co_spawn` for each message",
            no_more,
            no_more,
            "The frame of the coroutine, and the state it is started with: "
            "spawn one for each connection."),
        row<futures<plain_future>>(
            "`use_future`",
            no_more,
            no_more,
            "The shared state of the future is not memory of the operation: "
            "give `use_future` an allocator (next row)."),
        row<futures<future_with_memory>>(
            "`use_future.rebind(operation_memory_allocator)`"),
    };
    pattern after{
        "`cancel_after`, 64 connections (Boost 1.86)",
        nullptr,
        nullptr,
        no_more,
        no_more,
        "Its timer and its cancellation state: as for `read || timer`."};
    pattern erased{
        "`any_completion_handler`",
        nullptr,
        nullptr,
        no_more_asked,
        no_more,
        "It allocates itself, from Asio's cache, which slots do not feed: give "
        "it to operations that are rare."};
#if __has_include(<boost/asio/cancel_after.hpp>)
    after.plain = &cancelled_after::measure<plain>;
    after.slotted = &cancelled_after::measure<slotted>;
#endif
#if __has_include(<boost/asio/any_completion_handler.hpp>)
    erased.plain = &erased_handlers::measure<plain>;
    erased.slotted = &erased_handlers::measure<slotted>;
#endif
    rows.push_back(after);
    rows.push_back(erased);
    return rows;
}

} // namespace allocations
