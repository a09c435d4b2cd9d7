// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "results.hpp"

#include <algorithm>
#include <chrono>

namespace demo {
namespace {

template<typename Function>
double median(std::vector<measurement> const& rounds, Function figure)
{
    std::vector<double> figures;
    for (measurement const& m : rounds)
    {
        figures.push_back(figure(m));
    }
    std::sort(figures.begin(), figures.end());
    std::size_t const half = figures.size() / 2;
    return figures.size() % 2 != 0 ? figures[half]
                                   : (figures[half - 1] + figures[half]) / 2;
}

double ratio(std::uint64_t a, std::uint64_t b)
{
    return static_cast<double>(a) / static_cast<double>(b);
}

} // namespace

void results::add(measurement const& m)
{
    rounds_.push_back(m);
    disturbed_ += m.is_disturbed;
    valid_.clear();
    for (measurement const& each : rounds_)
    {
        if (!each.is_disturbed || is_doubtful())
        {
            valid_.push_back(each);
        }
    }
}

double results::rate() const
{
    return median(valid_, [](measurement const& m) {
        return static_cast<double>(m.messages) /
               std::chrono::duration<double>(m.time).count();
    });
}

double results::processor_time() const
{
    return median(valid_, [](measurement const& m) {
        return static_cast<double>(m.processor_time.count()) /
               static_cast<double>(m.messages);
    });
}

std::optional<double> results::system_calls() const
{
    // A server makes some. If none was seen, the functions of the C library
    // were not replaced.
    double const calls = median(valid_, [](measurement const& m) {
        return ratio(m.system_calls, m.messages);
    });
    return calls > 0 ? std::optional<double>(calls) : std::nullopt;
}

std::optional<double> results::allocations() const
{
    if (!rounds_.front().sees_allocations)
    {
        return std::nullopt;
    }
    return median(valid_, [](measurement const& m) {
        return ratio(m.allocations, m.operations);
    });
}

std::uint64_t results::all_allocations() const
{
    std::uint64_t sum = 0;
    for (measurement const& m : rounds_)
    {
        sum += m.allocations;
    }
    return sum;
}

} // namespace demo
