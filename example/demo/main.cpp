// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The demo: the same servers written with Asio and with opslot, under the
// same load, measured in turns.
//
//   main ──▶ experiment ──▶ server process: server_asio or server_opslot,
//    │            │                         measured from inside by measure
//    │            └───────▶ load process:   load or wrk, checks every answer
//    └─────▶ results ──▶ report_table, report_json

#include <opslot/config.hpp>

#include <boost/asio/version.hpp>
#include <boost/version.hpp>

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include "experiment.hpp"
#include "options.hpp"
#include "process.hpp"
#include "report.hpp"
#include "results.hpp"
#include "workload.hpp"
#include "wrk.hpp"

namespace {

using namespace demo;

/// One line that says what is going on, rewritten on a terminal.
class progress
{
public:
    explicit progress(std::size_t steps)
        : steps_(steps)
    {}

    ~progress() { clear(); }

    void next(workload const& w, library l)
    {
        clear();
        std::cerr << "[" << ++step_ << "/" << steps_ << "] " << w.name << ", "
                  << name_of(l) << (is_terminal_ ? "" : "\n") << std::flush;
    }

    void clear()
    {
        if (is_terminal_)
        {
            std::cerr << "\r\x1b[K" << std::flush;
        }
    }

private:
    std::size_t const steps_;
    std::size_t step_ = 0;
    bool const is_terminal_ = ::isatty(STDERR_FILENO) != 0;
};

#if defined(OPSLOT_ENGINE_PORTABLE)
constexpr char const* engine = "portable";
#else
constexpr char const* engine = "reactor";
#endif

void write_introduction(experiment_options const& e)
{
    std::cout << "Asio " << BOOST_ASIO_VERSION / 100000 << "."
              << BOOST_ASIO_VERSION / 100 % 1000 << " (Boost "
              << BOOST_VERSION / 100000 << "." << BOOST_VERSION / 100 % 1000
              << ") and opslot (" << engine
              << " engine), on the loopback interface.\n";
    if (e.where.load >= 0)
    {
        std::cout << "Server on processor " << e.where.server
                  << ", load on processor " << e.where.load << ".\n";
    }
    else
    {
        std::cout << "Server and load share one processor.\n";
    }
    std::cout
        << (e.wrk.empty() ? "The HTTP load is the demo's own: wrk is not "
                            "installed.\n"
                          : "The HTTP load is wrk's.\n");
    std::cout << std::endl;
}

/// Round by round, and the libraries in turns: what else happens on the
/// machine meets both of them, and only some rounds of a workload.
std::vector<results> run_all(options const& o, experiment_options const& e)
{
    std::vector<results> all;
    for (workload const& w : workloads)
    {
        all.emplace_back(w, library::asio);
        all.emplace_back(w, library::opslot);
    }
    progress p(all.size() * o.rounds);
    for (std::size_t round = 0; round != o.rounds; ++round)
    {
        for (std::size_t i = 0; i != all.size(); i += 2)
        {
            // The other library goes first in every other round.
            results& first = all[i + round % 2];
            results& second = all[i + 1 - round % 2];
            p.next(first.load(), first.with());
            auto a = run_experiment(first.load(), first.with(), e);
            p.next(second.load(), second.with());
            auto b = run_experiment(second.load(), second.with(), e);
            // What met only one of them must not count against it.
            a.is_disturbed = b.is_disturbed = a.is_disturbed || b.is_disturbed;
            first.add(a);
            second.add(b);
        }
    }
    return all;
}

void write_disturbances(std::vector<results> const& all, std::size_t rounds)
{
    std::size_t disturbed = 0;
    for (results const& r : all)
    {
        disturbed += r.disturbed_rounds();
    }
    if (disturbed != 0)
    {
        std::cout << "Something else wanted the processors during " << disturbed
                  << " of " << all.size() * rounds
                  << " measurements. They\nare left out; a ~ marks a rate "
                     "where that would leave none.\n\n";
    }
}

/// What the demo is there to show, and the exit status with it.
int write_verdict(std::vector<results> const& all)
{
    if (!all.front().allocations())
    {
        std::cout << "Heap allocations cannot be counted here.\n";
        return EXIT_SUCCESS;
    }
    std::uint64_t sum = 0;
    for (results const& r : all)
    {
        if (r.with() == library::opslot && r.all_allocations() != 0)
        {
            std::cout << "opslot: " << r.all_allocations()
                      << " heap allocations after warm-up in \""
                      << r.load().name << "\".\n";
            sum += r.all_allocations();
        }
    }
    if (sum != 0)
    {
        return EXIT_FAILURE;
    }
    std::cout << "opslot: not one heap allocation after warm-up. Every byte "
                 "that came back was the\nright one.\n";
    return EXIT_SUCCESS;
}

int run(options const& o)
{
    std::ofstream json;
    if (o.json_file)
    {
        json.open(*o.json_file);
        if (!json)
        {
            throw std::runtime_error("cannot write to " + *o.json_file);
        }
    }
    experiment_options e;
    e.warm_up = o.warm_up;
    e.window = o.window;
    e.where = find_processors();
    e.wrk = find_wrk();
    write_introduction(e);

    auto const all = run_all(o, e);
    write_table(std::cout, all);
    write_disturbances(all, o.rounds);
    if (json.is_open())
    {
        write_json(json, all);
        json.close();
        if (!json)
        {
            throw std::runtime_error("cannot write to " + *o.json_file);
        }
    }
    int const status = write_verdict(all);
    if (!std::cout.flush())
    {
        throw std::runtime_error("cannot write to standard output");
    }
    return status;
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
        catch_signals();
        try
        {
            return run(*o);
        }
        catch (std::exception const& e)
        {
            std::cerr << "demo: " << e.what() << std::endl;
            return EXIT_FAILURE;
        }
    }
    catch (interrupted const& i)
    {
        std::cerr << "demo: stopped" << std::endl;
        return 128 + i.signal;
    }
    catch (std::exception const& e)
    {
        std::cerr << "demo: " << e.what() << "\nTry --help." << std::endl;
        return 2;
    }
}
