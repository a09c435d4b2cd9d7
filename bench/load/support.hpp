#ifndef OPSLOT_BENCH_LOAD_SUPPORT_HPP
#define OPSLOT_BENCH_LOAD_SUPPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>

#include "load.hpp"

namespace bench {

using clock = std::chrono::steady_clock;

/// How long an answer may take.
inline constexpr std::chrono::seconds patience{10};

/// Throws what `errno` says about the system call of this name, if the result
/// is negative.
int check(std::int64_t result, char const* call);

class descriptor
{
public:
    explicit descriptor(int fd) noexcept
        : fd_(fd)
    {}

    descriptor(descriptor&& other) noexcept
        : fd_(std::exchange(other.fd_, -1))
    {}

    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }

    ~descriptor();

    int get() const noexcept { return fd_; }

private:
    int fd_;
};

/// A socket that is connected to a port of the loopback interface.
descriptor connect_to(std::uint16_t port, int type);

/// An epoll set of sockets with numbers.
class readiness
{
public:
    readiness();

    void add(descriptor const& socket, std::size_t index);

    /// @param wants_to_send Whether to wait for that too.
    void
    change(descriptor const& socket, std::size_t index, bool wants_to_send);

    /// Calls `f(index, events)` for what is ready, and returns soon if nothing
    /// is.
    template<typename Function>
    void wait(Function f)
    {
        constexpr int most_ms = 50;
        std::array<epoll_event, 256> events;
        int const n =
            wait(events.data(), static_cast<int>(events.size()), most_ms);
        for (int i = 0; i < n; ++i)
        {
            auto const& event = events[static_cast<std::size_t>(i)];
            f(static_cast<std::size_t>(event.data.u64), event.events);
        }
    }

private:
    int wait(epoll_event* events, int capacity, int timeout_ms);
    void control(
        int operation,
        descriptor const& socket,
        std::size_t index,
        std::uint32_t events);

    descriptor set_;
};

/// When an order is to end, and whether its end takes too long.
class course
{
public:
    explicit course(order const& o)
        : begin_(clock::now())
        , last_start_(begin_ + (o.requests != 0 ? patience : o.time))
    {}

    clock::time_point begin() const noexcept { return begin_; }

    /// Whether there is time for new requests.
    bool is_open() const { return clock::now() < last_start_; }

    /// Throws if an answer is missing for too long.
    void check_patience() const;

private:
    clock::time_point begin_;
    clock::time_point last_start_;
};

class latencies
{
public:
    void add(clock::duration d)
    {
        nanoseconds_.push_back(
            static_cast<std::uint32_t>(std::chrono::nanoseconds(d).count()));
    }

    void clear() noexcept { nanoseconds_.clear(); }

    /// The percentiles of an outcome.
    std::array<double, 3> percentiles();

private:
    std::vector<std::uint32_t> nanoseconds_;
};

/// Throws unless both are the same.
void compare(std::string_view got, std::string_view expected);

} // namespace bench

#endif
