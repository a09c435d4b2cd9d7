// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "options.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace bench {
namespace {

namespace po = boost::program_options;

void check_names(options const& o)
{
    auto const cells = all_cells();
    for (std::string const& suite : o.suites)
    {
        if (std::none_of(cells.begin(), cells.end(), [&](cell const& c) {
                return c.suite == suite;
            }))
        {
            throw std::invalid_argument("there is no suite " + suite);
        }
    }
    for (std::string const& server : o.servers)
    {
        if (std::find(server_names.begin(), server_names.end(), server) ==
            server_names.end())
        {
            throw std::invalid_argument("there is no server " + server);
        }
    }
}

void set_size(options& o, po::variables_map const& values)
{
    if (values.count("quick") + values.count("full") + values.count("smoke") >
        1)
    {
        throw std::invalid_argument(
            "--quick, --full and --smoke exclude each other");
    }
    if (values.count("full"))
    {
        o.contest.rounds = 11;
        o.contest.warm_up = std::chrono::milliseconds(200);
        o.contest.window = std::chrono::milliseconds(300);
    }
    if (values.count("smoke"))
    {
        o.contest.rounds = 1;
        o.contest.warm_up = std::chrono::milliseconds(1);
        o.contest.window = std::chrono::milliseconds(2);
        o.contest.repeats = 0;
        o.most_connections = 64;
        o.most_bytes = 1024 * 1024;
        o.counts_instructions = false;
    }
}

} // namespace

std::optional<options> parse_options(int argc, char const* const argv[])
{
    options o;
    std::size_t window_ms = 0;
    std::size_t rounds = 0;
    std::size_t pause_ms = 0;
    po::options_description named("Options");
    named.add_options()("help", "print this")(
        "quick", "the whole table within some minutes (default)")(
        "full", "with longer and more rounds, for figures to keep")(
        "smoke", "only see that everything works")(
        "suite",
        po::value(&o.suites)->value_name("NAME")->composing(),
        "only this suite; may be repeated")(
        "server",
        po::value(&o.servers)->value_name("NAME")->composing(),
        "only this server; may be repeated")(
        "rounds", po::value(&rounds)->value_name("N"), "how many rounds")(
        "window",
        po::value(&window_ms)->value_name("MS"),
        "how long each server is measured in each round")(
        "pause",
        po::value(&pause_ms)->value_name("MS"),
        "leave the machine to others for so long before each measurement")(
        "no-instructions", "do not count instructions under valgrind")(
        "out",
        po::value(&o.out)->value_name("FILE"),
        "write the results to a file, as JSON");
    po::variables_map values;
    po::store(
        po::command_line_parser(argc, argv).options(named).positional({}).run(),
        values);
    po::notify(values);
    if (values.count("help"))
    {
        std::cout << "usage: bench_driver [options]\n\n"
                     "Measures the same servers written with different "
                     "libraries, in turns.\n\n"
                  << named;
        return std::nullopt;
    }
    set_size(o, values);
    check_names(o);
    o.counts_instructions =
        o.counts_instructions && values.count("no-instructions") == 0;
    if (rounds != 0)
    {
        o.contest.rounds = rounds;
    }
    if (window_ms != 0)
    {
        o.contest.window = std::chrono::milliseconds(window_ms);
    }
    o.contest.pause = std::chrono::milliseconds(pause_ms);
    o.contest.where = demo::find_processors();
    o.contest.directory =
        std::filesystem::canonical("/proc/self/exe").parent_path().string();
    return o;
}

} // namespace bench
