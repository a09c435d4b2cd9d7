#ifndef OPSLOT_DEMO_MEASURE_HPP
#define OPSLOT_DEMO_MEASURE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace demo {

/// What a server did between two points in time.
struct measurement
{
    std::chrono::nanoseconds time{0};
    /// Processor time of the server's process, user and system.
    std::chrono::nanoseconds processor_time{0};
    std::uint64_t messages = 0;
    /// Receives and sends that completed.
    std::uint64_t operations = 0;
    std::uint64_t system_calls = 0;
    std::uint64_t allocations = 0;
    bool sees_allocations = false;
    /// Something else on the machine wanted the processors at that time. The
    /// server cannot know: the experiment sets it.
    bool is_disturbed = false;
};

/// What the sessions of a server count. They all run on one or two threads.
class work_done
{
public:
    void received() noexcept { add(operations_, 1); }

    void sent(std::size_t bytes) noexcept
    {
        add(operations_, 1);
        add(bytes_, bytes);
    }

    std::uint64_t operations() const noexcept { return operations_; }

    std::uint64_t bytes() const noexcept { return bytes_; }

private:
    static void add(std::atomic<std::uint64_t>& n, std::uint64_t more) noexcept
    {
        n.fetch_add(more, std::memory_order_relaxed);
    }

    std::atomic<std::uint64_t> operations_{0};
    std::atomic<std::uint64_t> bytes_{0};
};

/** Measures a server from inside of its process.

    It obeys the other end of a socket: `command_begin`, `command_end`, which
    is answered with a `measurement`, and the end of the stream, which stops
    the server.
*/
class meter
{
public:
    static constexpr char command_begin = 'b';
    static constexpr char command_end = 'e';

    meter(
        boost::asio::io_context& io,
        int control,
        work_done const& work,
        std::size_t message_bytes);

    /// Tells the other end where the server listens, and begins to obey.
    void start(unsigned short port);

private:
    /// The figures so far.
    measurement now() const noexcept;

    void receive_command();
    void begin() noexcept;
    void end();

    boost::asio::io_context& io_;
    boost::asio::posix::stream_descriptor control_;
    work_done const& work_;
    std::size_t const message_bytes_;
    char command_ = 0;
    bool const sees_allocations_;
    opslot::testing::allocation_counter const heap_;
    measurement begin_;
};

} // namespace demo

#endif
