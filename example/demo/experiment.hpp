#ifndef OPSLOT_DEMO_EXPERIMENT_HPP
#define OPSLOT_DEMO_EXPERIMENT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <chrono>
#include <string>

#include "measure.hpp"
#include "process.hpp"
#include "workload.hpp"

namespace demo {

struct experiment_options
{
    std::chrono::milliseconds warm_up{200};
    std::chrono::milliseconds window{400};
    processors where;
    /// Where wrk is; empty: without it.
    std::string wrk;
};

/** Starts a server and a load generator, each in a process of its own, and
    measures the server for a while.

    Throws if one of them fails, or if a wrong byte came back.
*/
measurement
run_experiment(workload const& w, library l, experiment_options const& options);

} // namespace demo

#endif
