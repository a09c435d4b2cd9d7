#ifndef OPSLOT_DEMO_LOAD_HPP
#define OPSLOT_DEMO_LOAD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstdint>
#include <string>

#include "workload.hpp"

namespace demo {

/// What a load generator says: once when it has connected, and once when it
/// ends, or earlier if there is a problem.
struct load_report
{
    std::uint64_t messages = 0;
    /// Empty: every byte that came back was the right one.
    std::array<char, 200> problem{};
};

/** Puts load on a server, without either of the libraries.

    It ends when something arrives at `control`, or its other end is closed;
    by then every message was answered.
*/
void put_load(workload const& w, unsigned short port, int control);

/// Sends some messages on one connection. Throws if a wrong byte comes back.
void check_server(workload const& w, unsigned short port);

} // namespace demo

#endif
