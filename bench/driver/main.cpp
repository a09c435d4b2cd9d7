// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The benchmarks: the same servers with different libraries, under the same
// load, measured in turns.
//
//   main ──▶ contest ──▶ server processes: servers/*, one for each rival
//    │          │
//    │          └──────▶ load processes:   load/*, check every answer
//    └─────▶ results ──▶ report_table, report_json

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "contest.hpp"
#include "options.hpp"
#include "report.hpp"
#include "results.hpp"

namespace {

using namespace bench;

/// One line that says what is going on, rewritten on a terminal.
class progress
{
public:
    explicit progress(std::size_t cells)
        : cells_(cells)
    {}

    ~progress() { clear(); }

    void next_cell() { ++cell_; }

    void show(row const& r, char const* what)
    {
        if (is_terminal_ || last_ != cell_)
        {
            clear();
            std::cerr << "[" << cell_ << "/" << cells_ << "] "
                      << r.where().suite << ", " << r.where().name << ", "
                      << r.server() << what << (is_terminal_ ? "" : "\n")
                      << std::flush;
            last_ = cell_;
        }
    }

    void clear()
    {
        if (is_terminal_)
        {
            std::cerr << "\r\x1b[K" << std::flush;
        }
    }

private:
    std::size_t const cells_;
    std::size_t cell_ = 0;
    std::size_t last_ = 0;
    bool const is_terminal_ = ::isatty(STDERR_FILENO) != 0;
};

bool is_wanted(std::vector<std::string> const& names, std::string_view name)
{
    return names.empty() ||
           std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<cell> wanted_cells(options const& o)
{
    std::vector<cell> cells;
    for (cell& c : all_cells())
    {
        if (is_wanted(o.suites, c.suite) &&
            c.connections <= o.most_connections &&
            c.message_bytes <= o.most_bytes)
        {
            cells.push_back(std::move(c));
        }
    }
    return cells;
}

std::string processor_name()
{
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
    {
        if (line.rfind("model name", 0) == 0)
        {
            return line.substr(line.find(':') + 2);
        }
    }
    return "unknown processor";
}

void write_introduction(options const& o)
{
    std::time_t const now = std::time(nullptr);
    utsname system{};
    ::uname(&system);
    std::cout << std::put_time(std::gmtime(&now), "%Y-%m-%d") << ", "
              << ::sysconf(_SC_NPROCESSORS_ONLN) << " x " << processor_name()
              << ", " << system.sysname << " " << system.release << ", gcc "
              << __VERSION__ << "\n"
              << o.contest.rounds << " rounds of " << o.contest.window.count()
              << " ms for each server in each "
              << "cell";
    if (o.contest.where.load >= 0)
    {
        std::cout << "; servers on processor " << o.contest.where.server
                  << ", loads on processor " << o.contest.where.load;
    }
    std::cout << std::endl;
}

void run_cell(
    cell const& c, options const& o, progress& p, std::vector<row>& all)
{
    std::size_t const first = all.size();
    for (std::string_view const server : c.servers)
    {
        if (is_wanted(o.servers, server) && is_available(c, server, o.contest))
        {
            all.emplace_back(c, server);
        }
    }
    std::vector<row*> rows;
    for (std::size_t i = first; i != all.size(); ++i)
    {
        rows.push_back(&all[i]);
    }
    if (rows.empty())
    {
        return;
    }
    hold_contest(rows, o.contest, [&](row const& r) { p.show(r, ""); });
    for (row* const r : rows)
    {
        if (c.counts_instructions && o.counts_instructions)
        {
            p.show(*r, ": instructions");
            if (auto const n = count_instructions(c, r->server(), o.contest))
            {
                r->user_instructions(*n);
            }
        }
    }
}

void run(options const& o)
{
    auto const cells = wanted_cells(o);
    write_introduction(o);
    std::vector<row> all;
    progress p(cells.size());
    for (cell const& c : cells)
    {
        p.next_cell();
        std::size_t const first = all.size();
        run_cell(c, o, p, all);
        p.clear();
        write_table(
            std::cout,
            {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()});
        std::cout.flush();
    }
    std::cout << "\nEvery byte that came back was the right one.\n";
    if (!o.out.empty())
    {
        auto const directory = std::filesystem::path(o.out).parent_path();
        if (!directory.empty())
        {
            std::filesystem::create_directories(directory);
        }
        std::ofstream json(o.out);
        write_json(json, all);
        json.close();
        if (!json)
        {
            throw std::runtime_error("cannot write to " + o.out);
        }
        std::cout << "Results: " << std::filesystem::canonical(o.out).string()
                  << "\n";
    }
    if (!std::cout.flush())
    {
        throw std::runtime_error("cannot write to standard output");
    }
}

/// The largest cells have many connections.
void raise_descriptor_limit()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char* argv[])
{
    try
    {
        auto const o = parse_options(argc, argv);
        if (!o)
        {
            return EXIT_SUCCESS;
        }
        demo::catch_signals();
        raise_descriptor_limit();
        try
        {
            run(*o);
            return EXIT_SUCCESS;
        }
        catch (std::exception const& e)
        {
            std::cerr << "bench_driver: " << e.what() << std::endl;
            return EXIT_FAILURE;
        }
    }
    catch (demo::interrupted const& i)
    {
        std::cerr << "bench_driver: stopped" << std::endl;
        return 128 + i.signal;
    }
    catch (std::exception const& e)
    {
        std::cerr << "bench_driver: " << e.what() << "\nTry --help."
                  << std::endl;
        return 2;
    }
}
