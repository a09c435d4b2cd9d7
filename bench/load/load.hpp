#ifndef OPSLOT_BENCH_LOAD_LOAD_HPP
#define OPSLOT_BENCH_LOAD_LOAD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Load generators on plain system calls. Each runs in a process of its own,
    and compares every byte that it gets.
*/

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

#include "../cell.hpp"

namespace bench {

/// What the driver wants: load for some time, or so many requests of each
/// connection.
struct order
{
    std::chrono::nanoseconds time{0};
    /// 0: as many as there is time for.
    std::uint64_t requests = 0;
};

/// What an order gave. All that was asked for has been answered by then.
struct outcome
{
    std::uint64_t messages = 0;
    /// From the first request to the last answer.
    std::chrono::nanoseconds time{0};
    /// From a request to its whole answer, in microseconds: the median, the
    /// 99th and the 99.9th percentile; -1: not known.
    std::array<double, 3> latency_us{-1, -1, -1};
    /// Empty: every byte was the right one.
    std::array<char, 200> problem{};
};

class load
{
public:
    virtual ~load() = default;

    /// Throws if an answer is wrong, or does not come.
    virtual outcome run(order const& o) = 0;
};

// They connect when they are made.
std::unique_ptr<load> make_stream_load(cell const& c, std::uint16_t port);
std::unique_ptr<load> make_datagram_load(cell const& c, std::uint16_t port);
std::unique_ptr<load> make_churn_load(cell const& c, std::uint16_t port);
std::unique_ptr<load> make_idle_load(cell const& c, std::uint16_t port);
std::unique_ptr<load> make_tls_load(cell const& c, std::uint16_t port);
std::unique_ptr<load> make_wrk_load(cell const& c, std::uint16_t port);

/// Says that it has connected by an empty outcome, and executes orders until
/// the other end of `control` is closed.
void put_load(cell const& c, std::uint16_t port, int control);

} // namespace bench

#endif
