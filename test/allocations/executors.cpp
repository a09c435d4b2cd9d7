// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Strands, erased executors, and functions that are only executed.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <optional>

#include "allocations/pattern.hpp"

namespace allocations {
namespace {

using asio::any_io_executor;
using support::connected;

any_io_executor strand_in_any(asio::io_context& io)
{
    return asio::make_strand(io.get_executor());
}

asio::strand<any_io_executor> strand_of_any(asio::io_context& io)
{
    return asio::make_strand(any_io_executor(io.get_executor()));
}

any_io_executor strand_of_any_in_any(asio::io_context& io)
{
    return strand_of_any(io);
}

strand concrete_strand(asio::io_context& io)
{
    return asio::make_strand(io.get_executor());
}

io_executor concrete(asio::io_context& io)
{
    return io.get_executor();
}

any_io_executor erased(asio::io_context& io)
{
    return io.get_executor();
}

/// An echo on an executor that all connections share.
template<auto Executor, int Threads>
struct shared_executor
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        auto const executor = Executor(io);
        using socket = socket_on<Library, std::decay_t<decltype(executor)>>;
        meter m;
        std::list<connected<socket>> pairs;
        std::list<ping_pong<socket>> players;
        for (int i = 0; i != 8; ++i)
        {
            auto& pair = pairs.emplace_back(executor);
            players.emplace_back(pair.first, pair.second, m).start();
        }
        run(io, Threads);
        return m.per_operation();
    }
};

/// The same with handlers that are bound to the strand inside.
struct taken_out_strand
{
    template<class Socket>
    class bound_stream
    {
    public:
        explicit bound_stream(Socket& socket)
            : socket_(socket)
            , strand_(*socket.get_executor().template target<strand>())
        {}

        template<class Buffers, class Handler>
        void async_read_some(Buffers const& buffers, Handler&& handler)
        {
            socket_.async_read_some(
                buffers,
                asio::bind_executor(strand_, std::forward<Handler>(handler)));
        }

        template<class Buffers, class Handler>
        void async_write_some(Buffers const& buffers, Handler&& handler)
        {
            socket_.async_write_some(
                buffers,
                asio::bind_executor(strand_, std::forward<Handler>(handler)));
        }

        Socket& lowest_layer() { return socket_; }

    private:
        Socket& socket_;
        strand strand_;
    };

    template<class Library>
    static double measure()
    {
        using socket = typename Library::tcp::socket;
        asio::io_context io;
        any_io_executor const executor = strand_in_any(io);
        meter m;
        std::list<connected<socket>> pairs;
        std::list<bound_stream<socket>> streams;
        std::list<ping_pong<bound_stream<socket>>> players;
        for (int i = 0; i != 8; ++i)
        {
            auto& pair = pairs.emplace_back(executor);
            auto& client = streams.emplace_back(pair.first);
            auto& server = streams.emplace_back(pair.second);
            players.emplace_back(client, server, m).start();
        }
        run(io, 4);
        return m.per_operation();
    }
};

/// Each connection has a strand, and a deadline that every message puts off; it
/// reads and writes at the same time.
struct busy_connections
{
    template<class Library>
    class busy
    {
    public:
        busy(asio::io_context& io, meter& m)
            : meter_(m)
            , pair_(strand_in_any(io))
            , timer_(pair_.first.get_executor())
        {
            next(pair_.first, pair_.second);
        }

    private:
        using socket = typename Library::tcp::socket;

        void next(socket& from, socket& to)
        {
            to.async_read_some(
                asio::buffer(storage_),
                [this, &from, &to](error_code error, std::size_t) {
                    if (!error && meter_.go_on())
                        next(to, from);
                    else
                        timer_.cancel();
                });
            from.async_write_some(
                asio::buffer("hello", 5), [](error_code, std::size_t) {});
            timer_.expires_after(std::chrono::hours(1));
            timer_.async_wait([](error_code) {});
        }

        meter& meter_;
        connected<socket> pair_;
        typename Library::steady_timer timer_;
        std::array<char, 64> storage_{};
    };

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        std::list<busy<Library>> connections;
        for (int i = 0; i != 64; ++i)
            connections.emplace_back(io, m);
        run(io, 4);
        return m.per_operation();
    }
};

/// A loop around run_one(), each call with a new cache.
struct one_by_one
{
    template<class Library>
    static double measure()
    {
        using socket = typename Library::tcp::socket;
        asio::io_context io;
        connected<socket> pair(strand_in_any(io));
        meter m;
        ping_pong<socket> player(pair.first, pair.second, m);
        player.start();
        while (io.run_one_for(support::patience) != 0)
        {}
        return m.per_operation();
    }
};

struct by_post
{
    template<class... Arguments>
    static void submit(Arguments&&... arguments)
    {
        asio::post(std::forward<Arguments>(arguments)...);
    }
};

struct by_dispatch
{
    template<class... Arguments>
    static void submit(Arguments&&... arguments)
    {
        asio::dispatch(std::forward<Arguments>(arguments)...);
    }
};

struct by_defer
{
    template<class... Arguments>
    static void submit(Arguments&&... arguments)
    {
        asio::defer(std::forward<Arguments>(arguments)...);
    }
};

/// Functions that another thread submits.
template<class How, auto Executor>
struct submitted
{
    template<class Library>
    static double measure()
    {
        typename Library::memory memory;
        asio::io_context io;
        auto const executor = Executor(io);
        support::countdown done;
        meter m(1000, 5000);
        support::runners const thread(io, 1);
        do
        {
            done.start(1);
            How::submit(executor, Library::bind(memory, [&] { done.down(); }));
        } while (done.wait() && m.go_on());
        return m.per_operation();
    }
};

/// The same through an any_io_executor, of which the executor is taken out.
io_executor taken_out(asio::io_context& io)
{
    any_io_executor const executor = erased(io);
    return *executor.target<io_executor>();
}

/// A thousand functions that a handler posts.
struct burst_of_posts
{
    template<class Library>
    class burst
    {
    public:
        burst(asio::io_context& io, meter& m)
            : io_(io)
            , meter_(m)
        {
            next();
        }

    private:
        void next()
        {
            left_ = 1000;
            for (int i = 0; i != 1000; ++i)
                asio::post(io_, Library::bind(memory_, [this] {
                               if (--left_ == 0 && meter_.go_on(1000))
                                   next();
                           }));
        }

        asio::io_context& io_;
        meter& meter_;
        typename Library::memory memory_;
        int left_ = 0;
    };

    template<class Library>
    static double measure()
    {
        std::optional<burst<Library>> all;
        asio::io_context io;
        meter m;
        all.emplace(io, m);
        run(io);
        return m.per_operation();
    }
};

} // namespace

std::vector<pattern> executor_patterns()
{
    using enum promise;
    constexpr std::string_view take_out =
        "`any_io_executor::execute` asks no handler for memory. Where the code "
        "is yours, take the executor out with `target<>()`.";
    constexpr std::string_view on_any =
        "An `any_io_executor` takes memory for each question about an executor "
        "as large as `strand<any_io_executor>`, and Asio asks the one of the "
        "socket: use `make_strand(io.get_executor())`, which fits into it.";
    return {
        row<burst_of_posts>("1000 posts from one handler"),
        row<submitted<by_post, concrete>>("`post` from another thread"),
        row<submitted<by_dispatch, concrete>>("`dispatch` from another thread"),
        row<submitted<by_defer, concrete>>("`defer` from another thread"),
        row<submitted<by_post, concrete_strand>>(
            "`post` to a strand from another thread", hardly_any, no_more),
        row<submitted<by_dispatch, concrete_strand>>(
            "`dispatch` to a strand from another thread", hardly_any, no_more),
        row<submitted<by_defer, concrete_strand>>(
            "`defer` to a strand from another thread", hardly_any, no_more),
        row<submitted<by_post, erased>>(
            "`post` to `any_io_executor` from another thread",
            no_more,
            no_more,
            take_out),
        row<submitted<by_post, taken_out>>(
            "`post` to what `target<>()` takes out of it"),
        row<busy_connections>(
            "a read, a write and a timer on a strand, 4 threads",
            hardly_any,
            no_more),
        row<shared_executor<strand_in_any, 1>>(
            "one strand of many connections"),
        row<shared_executor<strand_in_any, 4>>(
            "one strand of many connections, 4 threads", hardly_any, no_more),
        row<taken_out_strand>(
            "the same, handlers bound to what `target<>()` takes out",
            hardly_any,
            no_more),
        row<shared_executor<concrete_strand, 4>>(
            "sockets on `strand<io_context::executor_type>`, 4 threads",
            hardly_any,
            no_more),
        row<shared_executor<strand_of_any, 1>>(
            "sockets on `strand<any_io_executor>`"),
        row<shared_executor<strand_of_any, 4>>(
            "sockets on `strand<any_io_executor>`, 4 threads",
            hardly_any,
            no_more),
        row<shared_executor<strand_of_any_in_any, 1>>(
            "`strand<any_io_executor>` inside of `any_io_executor`",
            no_more,
            no_more,
            on_any),
        row<shared_executor<strand_of_any_in_any, 4>>(
            "the same inside of it, 4 threads", no_more, no_more, on_any),
        row<one_by_one>("a strand run by a loop of `run_one()`"),
    };
}

} // namespace allocations
