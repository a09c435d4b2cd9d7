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

namespace demo {
namespace {

/// The columns: workload, library, and the figures.
constexpr std::array<int, 6> widths{27, 7, 11, 11, 10, 12};
constexpr std::size_t text_columns = 2;
constexpr std::size_t line_width = 79;

std::string fixed(double figure, int digits)
{
    std::ostringstream out;
    out << std::fixed << std::setprecision(digits) << figure;
    return out.str();
}

/// Groups of three digits.
std::string grouped(double figure)
{
    std::string digits = fixed(figure, 0);
    for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
    {
        digits.insert(static_cast<std::size_t>(i), ",");
    }
    return digits;
}

/// A plain 0 is exactly none, and "-" is not known.
std::string per_operation(std::optional<double> figure)
{
    if (!figure)
    {
        return "-";
    }
    if (*figure == 0)
    {
        return "0";
    }
    return *figure < 0.01 ? "< 0.01" : fixed(*figure, 2);
}

using line = std::array<std::string, widths.size()>;

void write_line(std::ostream& out, line const& cells)
{
    for (std::size_t i = 0; i != cells.size(); ++i)
    {
        out << (i < text_columns ? std::left : std::right)
            << std::setw(widths[i]) << cells[i];
    }
    out << '\n';
}

void write_head(std::ostream& out)
{
    write_line(
        out, {"", "", "messages", "CPU time", "syscalls", "allocations"});
    write_line(
        out,
        {"workload",
         "library",
         "per second",
         "us/message",
         "/message",
         "/operation"});
    int const width = std::accumulate(widths.begin(), widths.end(), 0);
    out << std::string(static_cast<std::size_t>(width), '-') << '\n';
}

void write_row(std::ostream& out, results const& r)
{
    auto const calls = r.system_calls();
    write_line(
        out,
        {r.with() == library::asio ? std::string(r.load().name) : "",
         std::string(name_of(r.with())),
         (r.is_doubtful() ? "~" : "") + grouped(r.rate()),
         fixed(r.processor_time() / 1000, 2),
         calls ? fixed(*calls, 2) : "-",
         per_operation(r.allocations())});
}

/// Text in lines of some length, the first one behind a mark.
void write_note(std::ostream& out, std::string_view name, std::string_view text)
{
    std::string filled = "  " + std::string(name) + ":";
    std::istringstream words{std::string(text)};
    for (std::string word; words >> word;)
    {
        if (filled.size() + 1 + word.size() > line_width)
        {
            out << filled << '\n';
            filled = "   ";
        }
        filled += " " + word;
    }
    out << filled << '\n';
}

} // namespace

void write_table(std::ostream& out, std::vector<results> const& all)
{
    write_head(out);
    for (results const& each : all)
    {
        write_row(out, each);
    }
    out << '\n';
    for (results const& each : all)
    {
        if (each.with() == library::asio)
        {
            write_note(out, each.load().name, each.load().note);
        }
    }
    out << '\n';
}

} // namespace demo
