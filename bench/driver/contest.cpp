// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "contest.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "../load/load.hpp"

namespace bench {
namespace {

using demo::child_process;

std::string
program_of(cell const& c, std::string_view server, std::string const& directory)
{
    bool const is_own = c.suite == "tls" || c.suite == "coroutines";
    std::string const family = server == "asio_concrete" || server == "slotted"
                                   ? "asio"
                                   : std::string(server);
    return directory + "/bench_server_" + (is_own ? c.suite : family);
}

/// Becomes another program, which finds the socket where it expects it.
[[noreturn]] void execute(std::vector<std::string> words, int socket)
{
    if (socket != control_descriptor)
    {
        ::dup2(socket, control_descriptor);
        ::close(socket);
    }
    std::vector<char*> pointers;
    for (std::string& word : words)
    {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    ::execvp(pointers.front(), pointers.data());
    demo::throw_errno(words.front().c_str());
}

/// For how long so far the process was ready to run and another one was
/// running; proc(5) does not say it, Documentation/scheduler/sched-stats.rst
/// in the kernel does.
std::chrono::nanoseconds delay_of(::pid_t process)
{
    std::ifstream file("/proc/" + std::to_string(process) + "/schedstat");
    std::int64_t running = 0;
    std::int64_t waiting = 0;
    file >> running >> waiting;
    return std::chrono::nanoseconds(waiting);
}

/// How long a server or a load may live, whatever happens, in seconds.
constexpr unsigned longest_life = 900;

bool uses_both_processors(cell const& c)
{
    return c.suite == "two_threads";
}

/// A server and its load.
class contestant
{
public:
    /// @param wrapper A program that runs the server.
    contestant(
        cell const& c,
        std::string_view server,
        contest_options const& options,
        std::vector<std::string> const& wrapper = {})
        : cell_(c)
        , server_(
              std::string(server) + " (" + c.suite + ", " + c.name + ")",
              uses_both_processors(c) ? -1 : options.where.server,
              [&](int socket) {
                  ::alarm(longest_life);
                  auto words = wrapper;
                  if (words.empty())
                  {
                      ::setenv(
                          "LD_PRELOAD",
                          (options.directory + "/libbench_system_calls.so")
                              .c_str(),
                          1);
                  }
                  words.push_back(program_of(c, server, options.directory));
                  auto const arguments = server_arguments(c, server);
                  words.insert(words.end(), arguments.begin(), arguments.end());
                  execute(std::move(words), socket);
              })
        , load_(
              "the load on " + server_.name(),
              uses_both_processors(c) ? -1 : options.where.load,
              [&c, port = server_.receive<std::uint16_t>()](int socket) {
                  ::alarm(longest_life);
                  put_load(c, port, socket);
              })
    {
        receive_outcome();
    }

    outcome run(order const& o)
    {
        load_.send(&o, sizeof(o));
        return receive_outcome();
    }

    /// For how long so far the two have waited for a processor.
    std::chrono::nanoseconds delay() const
    {
        return delay_of(server_.id()) + delay_of(load_.id());
    }

    sample measure(order const& o)
    {
        counters const before = ask_counters();
        auto const delay_before = delay();
        outcome const done = run(o);
        auto const waited = delay() - delay_before;
        counters const after = ask_counters();
        sample s;
        s.is_disturbed = waited > done.time / 20;
        s.resident_kb = static_cast<double>(after.resident_kb);
        if (cell_.suite == "idle")
        {
            return s;
        }
        auto const messages = static_cast<double>(done.messages);
        auto const per_message = [&](std::int64_t counters::*figure) {
            return before.*figure < 0
                       ? std::optional<double>()
                       : static_cast<double>(after.*figure - before.*figure) /
                             messages;
        };
        s.rate = messages / std::chrono::duration<double>(done.time).count();
        s.cpu_ns = per_message(&counters::cpu_ns);
        s.system_calls = per_message(&counters::system_calls);
        s.allocations = per_message(&counters::allocations);
        for (std::size_t i = 0; i != s.latency_us.size(); ++i)
        {
            if (done.latency_us[i] >= 0)
            {
                s.latency_us[i] = done.latency_us[i];
            }
        }
        return s;
    }

    /// Ends the server, which would run for ever.
    void finish()
    {
        load_.finish();
        server_.signal(SIGTERM);
        server_.finish();
    }

private:
    counters ask_counters()
    {
        server_.signal(SIGUSR1);
        return server_.receive<counters>();
    }

    outcome receive_outcome()
    {
        auto const result = load_.receive<outcome>();
        if (result.problem.front() != '\0')
        {
            throw std::runtime_error(
                load_.name() + ": " + result.problem.data());
        }
        return result;
    }

    cell const& cell_;
    child_process server_;
    child_process load_;
};

/// What `Collected` says in the log of callgrind.
double collected(std::filesystem::path const& log)
{
    std::ifstream file(log);
    std::string line;
    while (std::getline(file, line))
    {
        std::string const mark = "Collected : ";
        auto const place = line.find(mark);
        if (place != line.npos)
        {
            return std::stod(line.substr(place + mark.size()));
        }
    }
    throw std::runtime_error("callgrind has no result");
}

} // namespace

bool is_available(
    cell const& c, std::string_view server, contest_options const& options)
{
    return ::access(program_of(c, server, options.directory).c_str(), X_OK) ==
           0;
}

void hold_contest(
    std::vector<row*> const& rows,
    contest_options const& options,
    std::function<void(row const&)> const& progress)
{
    // Where there are fewer processors than busy threads, they wait anyway.
    cell const& c = rows.front()->where();
    bool const sees_disturbances = options.where.load >= 0 &&
                                   !uses_both_processors(c) &&
                                   c.suite != "foreign_thread";
    std::vector<std::unique_ptr<contestant>> all;
    for (row const* const r : rows)
    {
        progress(*r);
        all.push_back(
            std::make_unique<contestant>(r->where(), r->server(), options));
        all.back()->run({options.warm_up, 0});
    }
    for (std::size_t round = 0; round != options.rounds; ++round)
    {
        for (std::size_t k = 0; k != rows.size(); ++k)
        {
            // Another one is first in each round.
            std::size_t const turn = (round + k) % rows.size();
            progress(*rows[turn]);
            auto const measure = [&] {
                std::this_thread::sleep_for(options.pause);
                return all[turn]->measure({options.window, 0});
            };
            sample s = measure();
            for (std::size_t again = 0; sees_disturbances && s.is_disturbed &&
                                        again != options.repeats;
                 ++again)
            {
                s = measure();
            }
            s.is_disturbed = s.is_disturbed && sees_disturbances;
            rows[turn]->add(s);
        }
    }
}

std::optional<double> count_instructions(
    cell const& c, std::string_view server, contest_options const& options)
{
    std::uint64_t const few = std::max<std::uint64_t>(100 / c.fan_out, 10);
    std::array<std::uint64_t, 2> const requests{few, 3 * few};
    std::array<double, 2> instructions{};
    std::array<double, 2> messages{};
    auto const log = std::filesystem::temp_directory_path() /
                     ("bench_callgrind_" + std::to_string(::getpid()));
    for (std::size_t i = 0; i != requests.size(); ++i)
    {
        contestant one(
            c,
            server,
            options,
            {"valgrind",
             "--tool=callgrind",
             "--callgrind-out-file=/dev/null",
             "--log-file=" + log.string()});
        messages[i] = static_cast<double>(one.run({{}, requests[i]}).messages);
        one.finish();
        instructions[i] = collected(log);
    }
    std::filesystem::remove(log);
    return (instructions[1] - instructions[0]) / (messages[1] - messages[0]);
}

} // namespace bench
