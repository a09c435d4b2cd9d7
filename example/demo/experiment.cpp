// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "experiment.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include "load.hpp"
#include "server.hpp"
#include "wrk.hpp"

namespace demo {
namespace {

std::string described(workload const& w, library l)
{
    return std::string(name_of(l)) + " (" + std::string(w.name) + ")";
}

bool uses_wrk(workload const& w, experiment_options const& options)
{
    return w.kind == traffic::http && !options.wrk.empty();
}

/// For how long so far somebody on this machine had to wait for a processor,
/// as far as the kernel tells it (since Linux 4.20).
std::chrono::microseconds processor_shortage()
{
    std::ifstream file("/proc/pressure/cpu");
    std::string word;
    while (file >> word)
    {
        if (word.compare(0, 6, "total=") == 0)
        {
            return std::chrono::microseconds(std::atoll(word.c_str() + 6));
        }
    }
    return {};
}

load_report receive_report(child_process& load)
{
    auto const report = load.receive<load_report>();
    if (report.problem.front() != '\0')
    {
        throw std::runtime_error(load.name() + ": " + report.problem.data());
    }
    return report;
}

/// Lets both run on. The load generator speaks up only if there is a problem.
void watch(
    child_process& server, child_process& load, std::chrono::milliseconds time)
{
    if (!child_process::watch({&server, &load}, time))
    {
        receive_report(load);
        throw std::runtime_error(load.name() + " ended too early");
    }
}

void end_load(child_process& load, bool is_wrk)
{
    if (is_wrk)
    {
        load.signal(SIGINT);
        auto const problem = wrk_problem(load.receive_all());
        if (!problem.empty())
        {
            throw std::runtime_error(load.name() + ": wrk says: " + problem);
        }
    }
    else
    {
        load.send('q');
        receive_report(load);
    }
    load.finish();
}

/// Measures a server that is running.
measurement measure(
    child_process& server,
    workload const& w,
    library l,
    experiment_options const& options)
{
    auto const port = server.receive<unsigned short>();
    bool const is_wrk = uses_wrk(w, options);
    child_process load(
        "the load on " + described(w, l), options.where.load, [&](int control) {
            is_wrk ? put_load_with_wrk(options.wrk, w, port, control)
                   : put_load(w, port, control);
        });
    receive_report(load);

    watch(server, load, options.warm_up);
    measurement result;
    std::chrono::microseconds shortage{};
    // The whole machine may stand still for a window. A server that has lost
    // an event is silent for ever.
    for (int attempt = 0; attempt != 4 && result.messages == 0; ++attempt)
    {
        shortage = processor_shortage();
        server.send(meter::command_begin);
        watch(server, load, options.window);
        server.send(meter::command_end);
        result = server.receive<measurement>();
        shortage = processor_shortage() - shortage;
    }
    // Where there are fewer processors than busy threads, they wait anyway.
    result.is_disturbed = options.where.load >= 0 &&
                          w.kind != traffic::worker &&
                          shortage > result.time / 10;
    end_load(load, is_wrk);
    return result;
}

} // namespace

measurement
run_experiment(workload const& w, library l, experiment_options const& options)
{
    auto const serve =
        l == library::asio ? &serve_with_asio : &serve_with_opslot;
    child_process server(
        "the server with " + described(w, l),
        options.where.server,
        [&](int control) { serve(w, control); });
    measurement result;
    try
    {
        result = measure(server, w, l, options);
    }
    catch (std::exception const&)
    {
        // If the server is gone, that is what has to be said.
        constexpr std::chrono::milliseconds moment{200};
        child_process::watch({&server}, moment);
        throw;
    }
    server.finish();
    if (result.messages == 0)
    {
        throw std::runtime_error(server.name() + " served nothing");
    }
    return result;
}

} // namespace demo
