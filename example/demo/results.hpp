#ifndef OPSLOT_DEMO_RESULTS_HPP
#define OPSLOT_DEMO_RESULTS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "measure.hpp"
#include "workload.hpp"

namespace demo {

/// What all rounds of one workload with one library gave.
class results
{
public:
    results(workload const& w, library l)
        : workload_(&w)
        , library_(l)
    {}

    void add(measurement const& m);

    workload const& load() const noexcept { return *workload_; }

    library with() const noexcept { return library_; }

    // Medians over the rounds that were not disturbed, or over all if every
    // one was.

    /// Messages per second.
    double rate() const;

    /// Nanoseconds of processor time per message.
    double processor_time() const;

    /// Per message, if they could be counted.
    std::optional<double> system_calls() const;

    /// Heap allocations per operation, if they could be counted.
    std::optional<double> allocations() const;

    /// Heap allocations of all rounds together.
    std::uint64_t all_allocations() const;

    /// Whether every round was disturbed.
    bool is_doubtful() const noexcept { return disturbed_ == rounds_.size(); }

    /// In how many rounds something else wanted the processors.
    std::size_t disturbed_rounds() const noexcept { return disturbed_; }

private:
    workload const* workload_;
    library library_;
    std::vector<measurement> rounds_;
    /// Those of the rounds that count.
    std::vector<measurement> valid_;
    std::size_t disturbed_ = 0;
};

} // namespace demo

#endif
