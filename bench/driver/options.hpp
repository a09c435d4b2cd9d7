#ifndef OPSLOT_BENCH_DRIVER_OPTIONS_HPP
#define OPSLOT_BENCH_DRIVER_OPTIONS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "contest.hpp"

namespace bench {

struct options
{
    contest_options contest;
    /// Empty: all.
    std::vector<std::string> suites;
    std::vector<std::string> servers;
    /// Cells with more connections, or larger messages, are left out.
    std::size_t most_connections = std::numeric_limits<std::size_t>::max();
    std::size_t most_bytes = std::numeric_limits<std::size_t>::max();
    bool counts_instructions = true;
    std::string out;
};

/** Reads the command line.

    @return Nothing if the program has done what it was asked for: it has
    printed its help.

    @throws std::exception with a message, if the command line makes no sense.
*/
std::optional<options> parse_options(int argc, char const* const argv[]);

} // namespace bench

#endif
