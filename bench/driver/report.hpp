#ifndef OPSLOT_BENCH_DRIVER_REPORT_HPP
#define OPSLOT_BENCH_DRIVER_REPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <iosfwd>
#include <vector>

#include "results.hpp"

namespace bench {

/// Writes the results for people. A ~ marks a rate of which every measurement
/// was disturbed.
void write_table(std::ostream& out, std::vector<row> const& all);

/** Writes the results for programs: an array of objects, one for each server
    in each cell. What was not measured is null.

    Medians: `rate` (messages per second), `cpu_ns`, `syscalls`, `allocations`
    (each per message), `p50_us`, `p99_us`, `p999_us`, `rss_kb`; besides
    `rate_min` and `rate_max`. `rate_ratio` and `cpu_ratio` are medians of the
    ratios to `asio` in the same round, each with its `_min` and `_max`.
    `user_instructions` per message come from a run of their own.
*/
void write_json(std::ostream& out, std::vector<row> const& all);

} // namespace bench

#endif
