#ifndef OPSLOT_DEMO_OPTIONS_HPP
#define OPSLOT_DEMO_OPTIONS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace demo {

struct options
{
    std::size_t rounds = 5;
    std::chrono::milliseconds warm_up{100};
    /// How long each server is measured in each round.
    std::chrono::milliseconds window{0};
    std::optional<std::string> json_file;
};

/** Reads the command line.

    @return Nothing if the program has done what it was asked for: it has
    printed its help.

    @throws std::exception with a message, if the command line makes no sense.
*/
std::optional<options> parse_options(int argc, char const* const argv[]);

} // namespace demo

#endif
