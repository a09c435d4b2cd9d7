#ifndef OPSLOT_DEMO_REPORT_HPP
#define OPSLOT_DEMO_REPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <iosfwd>
#include <vector>

#include "results.hpp"

namespace demo {

/// Writes the results for people.
void write_table(std::ostream& out, std::vector<results> const& all);

/// Writes the results for programs: `{"rows": [{"workload", "library",
/// "rate", "cpu_ns", "syscalls", "allocations"}, ...]}`.
void write_json(std::ostream& out, std::vector<results> const& all);

} // namespace demo

#endif
