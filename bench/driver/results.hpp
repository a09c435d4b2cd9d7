#ifndef OPSLOT_BENCH_DRIVER_RESULTS_HPP
#define OPSLOT_BENCH_DRIVER_RESULTS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "../cell.hpp"

namespace bench {

/// What one server did in one round. All but the rate is per message, what
/// is not known is empty.
struct sample
{
    /// Messages per second.
    std::optional<double> rate;
    std::optional<double> cpu_ns;
    std::optional<double> system_calls;
    std::optional<double> allocations;
    std::array<std::optional<double>, 3> latency_us;
    double resident_kb = 0;
    /// The server or its load had to wait for a processor.
    bool is_disturbed = false;
};

/// The median of what was measured, and how far it went.
struct spread
{
    double median;
    double least;
    double most;
};

/// Nothing if there are no figures.
std::optional<spread> spread_of(std::vector<double> figures);

/// All rounds of one server in one cell.
class row
{
public:
    row(cell const& c, std::string_view server)
        : cell_(&c)
        , server_(server)
    {}

    cell const& where() const noexcept { return *cell_; }

    std::string_view server() const noexcept { return server_; }

    void add(sample const& s) { samples_.push_back(s); }

    void user_instructions(double n) { user_instructions_ = n; }

    std::optional<double> user_instructions() const noexcept
    {
        return user_instructions_;
    }

    // Over the rounds that were not disturbed, or over all if every one was.

    std::optional<spread> over(std::optional<double> sample::*figure) const;

    std::optional<double> latency_us(std::size_t percentile) const;
    std::optional<double> resident_kb() const;

    /// Whether every round was disturbed.
    bool is_doubtful() const;

    /// This server's figures through those of another one, round by round.
    std::optional<spread>
    ratio_to(row const& other, std::optional<double> sample::*figure) const;

private:
    cell const* cell_;
    std::string_view server_;
    std::vector<sample> samples_;
    std::optional<double> user_instructions_;
};

/// The row of `asio` in the same cell, or null.
row const* reference_of(std::vector<row> const& all, row const& r);

} // namespace bench

#endif
