#ifndef OPSLOT_TEST_SUPPORT_RUN_HPP
#define OPSLOT_TEST_SUPPORT_RUN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/operation_kind.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <thread>
#include <utility>

namespace support {

/// How long a test waits for what must happen before it fails.
inline constexpr std::chrono::seconds patience{30};

/// Runs until nothing is pending, and fails the test if that takes too long.
inline void run(boost::asio::io_context& io)
{
    if (io.stopped())
    {
        io.restart();
    }
    io.run_for(patience);
    BOOST_REQUIRE_MESSAGE(io.stopped(), "operations are still pending");
}

/// Runs until `done()`, and fails the test if that takes too long or if there
/// is nothing left to do before.
template<typename Predicate>
void run_until(boost::asio::io_context& io, Predicate done)
{
    auto const limit = std::chrono::steady_clock::now() + patience;
    while (!done())
    {
        if (io.stopped())
        {
            io.restart();
        }
        BOOST_REQUIRE_MESSAGE(
            io.run_one_until(limit) != 0, "what was waited for never came");
    }
}

/// Runs what is ready now.
inline void poll(boost::asio::io_context& io)
{
    if (io.stopped())
    {
        io.restart();
    }
    io.poll();
}

/// Runs for a while.
inline void
run_for(boost::asio::io_context& io, std::chrono::milliseconds duration)
{
    if (io.stopped())
    {
        io.restart();
    }
    io.run_for(duration);
}

/// A context that counts the calls of its handler.
template<typename Context>
struct counted : Context
{
    int calls = 0;

    template<typename... Arguments>
    explicit counted(Arguments&&... arguments)
        : Context(std::forward<Arguments>(arguments)...)
    {
        this->completion_handler([this](Context&) { ++calls; });
    }
};

/// Waits for the end of an operation that was just started, and checks that
/// the handler was called if and only if it was reported as pending.
template<typename Context>
void finish(
    boost::asio::io_context& io,
    counted<Context> const& context,
    opslot::start_result result)
{
    int const before = context.calls;
    if (result == opslot::pending)
    {
        run_until(io, [&] { return context.calls != before; });
    }
    poll(io);
    BOOST_TEST(context.calls == before + (result == opslot::pending));
    BOOST_TEST(!context.is_pending());
}

/// A thread that is joined at the end of the scope.
class background
{
public:
    template<typename Function>
    explicit background(Function&& f)
        : thread_(std::forward<Function>(f))
    {}

    background(background&&) = default;

    ~background() { join(); }

    void join()
    {
        if (thread_.joinable())
        {
            thread_.join();
        }
    }

private:
    std::thread thread_;
};

} // namespace support

#endif
