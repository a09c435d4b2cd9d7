#ifndef OPSLOT_BENCH_DRIVER_CONTEST_HPP
#define OPSLOT_BENCH_DRIVER_CONTEST_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "../cell.hpp"
#include "process.hpp"
#include "results.hpp"

namespace bench {

struct contest_options
{
    std::size_t rounds = 3;
    std::chrono::milliseconds warm_up{60};
    std::chrono::milliseconds window{120};
    /// How often a measurement is repeated while something else wants the
    /// processors.
    std::size_t repeats = 2;
    /// Time for others before each measurement.
    std::chrono::milliseconds pause{0};
    demo::processors where;
    /// Where the programs are.
    std::string directory;
};

/// Whether the program of this server was built.
bool is_available(
    cell const& c, std::string_view server, contest_options const& options);

/** Measures the servers of one cell in turns.

    All of them run at the same time, each with its load connected, and one
    after the other is given something to do: so whatever drifts on the
    machine meets all of them.

    @param rows One for each server, all of one cell. Gets the samples.
    @param progress Called before each measurement.

    Throws if a server or a load fails, or if a wrong byte came back.
*/
void hold_contest(
    std::vector<row*> const& rows,
    contest_options const& options,
    std::function<void(row const&)> const& progress);

/** Counts the user instructions of a message, under callgrind: the difference
    of two runs, so that start and end do not count.

    Empty if there is no valgrind.
*/
std::optional<double> count_instructions(
    cell const& c, std::string_view server, contest_options const& options);

} // namespace bench

#endif
