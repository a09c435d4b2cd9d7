#ifndef OPSLOT_BENCH_CELL_HPP
#define OPSLOT_BENCH_CELL_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The rivals, in the order of every table. All ratios are against the first.
inline constexpr std::array<std::string_view, 6> server_names = {
    "asio", "asio_concrete", "slotted", "opslot", "epoll", "libuv"};

/// One row of the table: what a server does and how much of it. Servers and
/// loads get the same description.
struct cell
{
    /// What kind of traffic it is, which servers and loads go by.
    std::string suite;
    /// The name of the cell in its suite.
    std::string name;
    /// TCP connections, or windows of a UDP socket.
    std::size_t connections = 1;
    /// Messages of each connection that are on their way at a time.
    std::size_t outstanding = 1;
    std::size_t message_bytes = 64;
    /// What the server receives at a time.
    std::size_t buffer_bytes = 8192;
    /// What the server sends for a message that it receives.
    std::size_t fan_out = 1;
    /// How the server is to be built, where a suite has more than one way.
    std::string variant;
    /// Whether the load sends many datagrams as one packet, and takes them so
    /// (`UDP_SEGMENT`, `UDP_GRO`).
    bool merges_datagrams = false;
    /// Who takes part, out of `server_names`.
    std::vector<std::string_view> servers{
        server_names.begin(), server_names.end()};
    /// Whether user instructions are counted, in a run of their own.
    bool counts_instructions = false;
};

/// All cells, those of one suite together.
std::vector<cell> all_cells();

/// The command line of a server for this cell, without the program.
std::vector<std::string> server_arguments(cell const& c, std::string_view name);

/// The descriptor by which a server talks to the driver.
inline constexpr int control_descriptor = 3;

/// What a server has used since it was started. It answers SIGUSR1 with it.
struct counters
{
    std::int64_t cpu_ns = 0;
    /// -1: not counted.
    std::int64_t system_calls = -1;
    /// -1: not counted.
    std::int64_t allocations = -1;
    std::int64_t resident_kb = 0;
};

} // namespace bench

#endif
