// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstddef>
#include <iomanip>
#include <numeric>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>

#include "report.hpp"

namespace bench {
namespace {

/// The columns: the server, and the figures.
constexpr std::array<int, 12> widths{15, 10, 19, 9, 7, 8, 8, 8, 8, 9, 7, 22};

using line = std::array<std::string, widths.size()>;

void write_line(std::ostream& out, line const& cells)
{
    for (std::size_t i = 0; i != cells.size(); ++i)
    {
        out << (i == 0 ? std::left : std::right) << std::setw(widths[i])
            << cells[i];
    }
    out << '\n';
}

std::string fixed(double figure, int digits)
{
    std::ostringstream out;
    out << std::fixed << std::setprecision(digits) << figure;
    return out.str();
}

std::string text(std::optional<double> figure, int digits)
{
    return figure ? fixed(*figure, digits) : "-";
}

std::string text(std::optional<spread> const& s, int digits)
{
    return s ? fixed(s->median, digits) : "-";
}

std::string range(std::optional<spread> const& s)
{
    return s ? fixed(s->least, 0) + ".." + fixed(s->most, 0) : "-";
}

/// A plain 0 is exactly none.
std::string allocations(std::optional<spread> const& s)
{
    return s && s->most == 0 ? "0" : text(s, 2);
}

std::string ratios(std::vector<row> const& all, row const& r)
{
    row const* const asio = reference_of(all, r);
    if (!asio || asio == &r)
    {
        return "";
    }
    return text(r.ratio_to(*asio, &sample::rate), 2) + " / " +
           text(r.ratio_to(*asio, &sample::cpu_ns), 2);
}

void write_head(std::ostream& out, cell const& c)
{
    out << '\n' << c.suite << ", " << c.name << '\n';
    write_line(
        out,
        {"",
         "rate/s",
         "min..max",
         "CPU ns",
         "calls",
         "allocs",
         "p50 us",
         "p99 us",
         "p99.9",
         "RSS kB",
         "instr",
         "rate / CPU to asio"});
}

} // namespace

void write_table(std::ostream& out, std::vector<row> const& all)
{
    cell const* last = nullptr;
    for (row const& r : all)
    {
        if (&r.where() != last)
        {
            write_head(out, r.where());
            last = &r.where();
        }
        auto const rate = r.over(&sample::rate);
        write_line(
            out,
            {"  " + std::string(r.server()),
             (rate && r.is_doubtful() ? "~" : "") + text(rate, 0),
             range(rate),
             text(r.over(&sample::cpu_ns), 0),
             text(r.over(&sample::system_calls), 2),
             allocations(r.over(&sample::allocations)),
             text(r.latency_us(0), 0),
             text(r.latency_us(1), 0),
             text(r.latency_us(2), 0),
             text(r.resident_kb(), 0),
             text(r.user_instructions(), 0),
             ratios(all, r)});
    }
}

} // namespace bench
