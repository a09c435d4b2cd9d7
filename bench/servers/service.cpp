// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "service.hpp"

#include <opslot/testing/allocation_counter.hpp>

#include <boost/program_options.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <system_error>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {
namespace {

using system_call_counter = std::uint64_t (*)();

system_call_counter count_system_calls = nullptr;
bool sees_allocations = false;
std::optional<opslot::testing::allocation_counter> heap;

/// System calls that the answers to the driver have made themselves.
std::uint64_t own_calls = 0;

std::int64_t nanoseconds(timeval const& t) noexcept
{
    return t.tv_sec * 1'000'000'000 + t.tv_usec * 1'000;
}

std::int64_t resident_kb() noexcept
{
    std::array<char, 128> text{};
    int const file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0 || ::read(file, text.data(), text.size() - 1) <= 0)
    {
        return 0;
    }
    ::close(file);
    char* end = nullptr;
    std::strtol(text.data(), &end, 10);
    return std::strtol(end, nullptr, 10) * (::sysconf(_SC_PAGESIZE) / 1024);
}

/// Answers the driver. Everything here may be called by a signal handler.
void tell_counters(int)
{
    int const kept = errno;
    counters c;
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    c.cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
    std::uint64_t const calls = count_system_calls ? count_system_calls() : 0;
    if (count_system_calls)
    {
        c.system_calls = static_cast<std::int64_t>(calls - own_calls);
    }
    if (sees_allocations)
    {
        c.allocations = static_cast<std::int64_t>(heap->count());
    }
    c.resident_kb = resident_kb();
    ::send(control_descriptor, &c, sizeof(c), MSG_NOSIGNAL);
    own_calls += count_system_calls ? count_system_calls() - calls : 0;
    errno = kept;
}

void prepare_counters()
{
    using counter = opslot::testing::allocation_counter;
    count_system_calls = reinterpret_cast<system_call_counter>(
        ::dlsym(RTLD_DEFAULT, "opslot_bench_system_calls"));
    sees_allocations = counter::available();
    heap.emplace(counter::scope::process);
    struct sigaction action = {};
    action.sa_handler = &tell_counters;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGUSR1, &action, nullptr);
    // Under callgrind, which is to write its results.
    std::signal(SIGTERM, [](int) { ::_exit(EXIT_SUCCESS); });
}

} // namespace

void announce(std::uint16_t port)
{
    prepare_counters();
    if (::send(control_descriptor, &port, sizeof(port), MSG_NOSIGNAL) < 0)
    {
        throw std::system_error(errno, std::generic_category(), "send");
    }
}

int serve_main(
    int argc,
    char const* const argv[],
    std::map<std::string, serve_function> const& suites)
{
    namespace options = boost::program_options;
    cell c;
    std::string server;
    options::options_description description("Options");
    description.add_options()("server", options::value(&server)->required())(
        "suite", options::value(&c.suite)->required())(
        "connections", options::value(&c.connections))(
        "message-bytes", options::value(&c.message_bytes))(
        "buffer-bytes",
        options::value(&c.buffer_bytes))("fan-out", options::value(&c.fan_out))(
        "variant", options::value(&c.variant));
    try
    {
        options::variables_map values;
        options::store(
            options::parse_command_line(argc, argv, description), values);
        options::notify(values);
        auto const found = suites.find(server + " " + c.suite);
        if (found == suites.end())
        {
            throw options::error("no such server or suite");
        }
        found->second(c);
        std::cerr << argv[0] << ": the server has ended\n";
    }
    catch (std::exception const& e)
    {
        std::cerr << argv[0] << ": " << e.what() << "\n" << description;
    }
    return EXIT_FAILURE;
}

} // namespace bench
