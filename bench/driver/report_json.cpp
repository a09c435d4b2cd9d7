// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/json.hpp>

#include <cmath>
#include <optional>
#include <ostream>
#include <string>

#include "report.hpp"

namespace bench {
namespace {

/// Rounded to what a figure can mean.
double rounded(double figure)
{
    constexpr double digits = 1e4;
    return std::round(figure * digits) / digits;
}

boost::json::value json_of(std::optional<double> figure)
{
    return figure ? boost::json::value(rounded(*figure)) : nullptr;
}

boost::json::value median_of(std::optional<spread> const& s)
{
    return s ? boost::json::value(rounded(s->median)) : nullptr;
}

void add_spread(
    boost::json::object& out,
    std::string const& name,
    std::optional<spread> const& s)
{
    out[name] = median_of(s);
    out[name + "_min"] = s ? json_of(s->least) : nullptr;
    out[name + "_max"] = s ? json_of(s->most) : nullptr;
}

boost::json::object json_of(std::vector<row> const& all, row const& r)
{
    boost::json::object out;
    out["suite"] = r.where().suite;
    out["cell"] = r.where().name;
    out["server"] = r.server();
    add_spread(out, "rate", r.over(&sample::rate));
    out["cpu_ns"] = median_of(r.over(&sample::cpu_ns));
    out["syscalls"] = median_of(r.over(&sample::system_calls));
    out["allocations"] = median_of(r.over(&sample::allocations));
    out["p50_us"] = json_of(r.latency_us(0));
    out["p99_us"] = json_of(r.latency_us(1));
    out["p999_us"] = json_of(r.latency_us(2));
    out["rss_kb"] = json_of(r.resident_kb());
    out["user_instructions"] = json_of(r.user_instructions());
    row const* const asio = reference_of(all, r);
    std::optional<spread> rate;
    std::optional<spread> cpu;
    if (asio)
    {
        rate = r.ratio_to(*asio, &sample::rate);
        cpu = r.ratio_to(*asio, &sample::cpu_ns);
    }
    add_spread(out, "rate_ratio", rate);
    add_spread(out, "cpu_ratio", cpu);
    return out;
}

} // namespace

void write_json(std::ostream& out, std::vector<row> const& all)
{
    char const* separator = "[\n";
    for (row const& r : all)
    {
        out << separator << boost::json::serialize(json_of(all, r));
        separator = ",\n";
    }
    out << (all.empty() ? "[]\n" : "\n]\n");
}

} // namespace bench
