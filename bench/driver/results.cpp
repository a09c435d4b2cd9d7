// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "results.hpp"

#include <algorithm>

namespace bench {

std::optional<spread> spread_of(std::vector<double> figures)
{
    if (figures.empty())
    {
        return std::nullopt;
    }
    std::sort(figures.begin(), figures.end());
    std::size_t const half = figures.size() / 2;
    double const median = figures.size() % 2 != 0
                              ? figures[half]
                              : (figures[half - 1] + figures[half]) / 2;
    return spread{median, figures.front(), figures.back()};
}

namespace {

/// The figures of the rounds that count.
///
/// @param figure Takes a round, gives an optional figure.
/// @param is_disturbed Takes a round.
template<typename Figure, typename Disturbed>
std::optional<spread>
spread_over(std::size_t rounds, Figure figure, Disturbed is_disturbed)
{
    std::vector<double> all;
    std::vector<double> undisturbed;
    for (std::size_t i = 0; i != rounds; ++i)
    {
        if (auto const f = figure(i))
        {
            all.push_back(*f);
            if (!is_disturbed(i))
            {
                undisturbed.push_back(*f);
            }
        }
    }
    return spread_of(undisturbed.empty() ? all : undisturbed);
}

} // namespace

std::optional<spread> row::over(std::optional<double> sample::*figure) const
{
    return spread_over(
        samples_.size(),
        [&](std::size_t i) { return samples_[i].*figure; },
        [&](std::size_t i) { return samples_[i].is_disturbed; });
}

std::optional<double> row::latency_us(std::size_t percentile) const
{
    auto const s = spread_over(
        samples_.size(),
        [&](std::size_t i) { return samples_[i].latency_us[percentile]; },
        [&](std::size_t i) { return samples_[i].is_disturbed; });
    return s ? std::optional<double>(s->median) : std::nullopt;
}

std::optional<double> row::resident_kb() const
{
    auto const s = spread_over(
        samples_.size(),
        [&](std::size_t i) {
            return std::optional<double>(samples_[i].resident_kb);
        },
        [](std::size_t) { return false; });
    return s ? std::optional<double>(s->median) : std::nullopt;
}

bool row::is_doubtful() const
{
    return std::all_of(samples_.begin(), samples_.end(), [](sample const& s) {
        return s.is_disturbed;
    });
}

std::optional<spread>
row::ratio_to(row const& other, std::optional<double> sample::*figure) const
{
    return spread_over(
        std::min(samples_.size(), other.samples_.size()),
        [&](std::size_t i) -> std::optional<double> {
            auto const& mine = samples_[i].*figure;
            auto const& its = other.samples_[i].*figure;
            return mine && its && *its > 0 ? std::optional(*mine / *its)
                                           : std::nullopt;
        },
        [&](std::size_t i) {
            return samples_[i].is_disturbed || other.samples_[i].is_disturbed;
        });
}

row const* reference_of(std::vector<row> const& all, row const& r)
{
    auto const found =
        std::find_if(all.begin(), all.end(), [&](row const& each) {
            return &each.where() == &r.where() &&
                   each.server() == server_names.front();
        });
    return found == all.end() ? nullptr : &*found;
}

} // namespace bench
