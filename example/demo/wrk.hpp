#ifndef OPSLOT_DEMO_WRK_HPP
#define OPSLOT_DEMO_WRK_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <string>

#include "workload.hpp"

namespace demo {

/// Where the HTTP benchmark `wrk` is; empty if it is not installed.
std::string find_wrk();

/// Becomes wrk, after a check that the server's answers are right. What wrk
/// says goes to `control`; an interrupt ends it.
void put_load_with_wrk(
    std::string const& path,
    workload const& w,
    unsigned short port,
    int control);

/// What wrk has to complain about in what it said; empty if nothing.
std::string wrk_problem(std::string const& output);

} // namespace demo

#endif
