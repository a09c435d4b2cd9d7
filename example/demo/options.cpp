// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "options.hpp"

#include <boost/program_options.hpp>

#include <iostream>
#include <stdexcept>

#include "workload.hpp"

namespace demo {
namespace {

namespace po = boost::program_options;

constexpr double default_seconds = 24;

// With what comes on top of them, the demo ends within a minute.
constexpr double most_seconds = 36;

constexpr double quick_seconds = 3;

/// The time of each measurement, out of the sum of all.
std::chrono::milliseconds window_of(double seconds, std::size_t rounds)
{
    auto const count = static_cast<double>(workloads.size() * 2 * rounds);
    return std::chrono::milliseconds(
        static_cast<std::chrono::milliseconds::rep>(seconds * 1000 / count));
}

} // namespace

std::optional<options> parse_options(int argc, char const* const argv[])
{
    options o;
    double seconds = default_seconds;
    std::string json_file;
    po::options_description named("Options");
    named.add_options()("help", "print this")(
        "seconds",
        po::value(&seconds)->value_name("N"),
        "measure for so many seconds altogether, 1 to 36 (default: 24)")(
        "quick", "measure for 3 seconds altogether, in one round")(
        "json",
        po::value(&json_file)->value_name("FILE"),
        "write the results to a file, too");
    po::variables_map values;
    po::store(
        po::command_line_parser(argc, argv).options(named).positional({}).run(),
        values);
    po::notify(values);
    if (values.count("help"))
    {
        std::cout << "usage: demo [options]\n\n"
                     "Measures servers written with Asio and with opslot, "
                     "side by side.\n\n"
                  << named;
        return std::nullopt;
    }
    if (values.count("quick"))
    {
        if (values.count("seconds"))
        {
            throw std::invalid_argument(
                "--quick and --seconds exclude each other");
        }
        seconds = quick_seconds;
        o.rounds = 1;
    }
    if (!(seconds >= 1 && seconds <= most_seconds))
    {
        throw std::invalid_argument("--seconds takes a number from 1 to 36");
    }
    o.window = window_of(seconds, o.rounds);
    if (values.count("json"))
    {
        o.json_file = json_file;
    }
    return o;
}

} // namespace demo
