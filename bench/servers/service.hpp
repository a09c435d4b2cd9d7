#ifndef OPSLOT_BENCH_SERVERS_SERVICE_HPP
#define OPSLOT_BENCH_SERVERS_SERVICE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What every server program does besides serving: it reads its command line,
    says where it listens, and tells what it has used when it is asked.

    Servers run until they are killed. They count and check nothing: system
    calls are counted by a library that the driver has loaded first, and bytes
    are checked by the load.
*/

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "../cell.hpp"

namespace bench {

/// How long a connection of the suite `timeouts` may say nothing: longer than
/// any measurement.
inline constexpr std::chrono::seconds receive_timeout{30};

/// The receive buffer of a UDP server: as much as Linux gives to who asks,
/// which has room for all that the load has on its way.
inline constexpr int datagram_buffer_bytes = 212992;

/// Tells the driver where the server listens.
void announce(std::uint16_t port);

/// Serves the cell. Called once; does not return as long as all is well.
using serve_function = std::function<void(cell const&)>;

/** The whole of `main`.

    @param suites What the program can do, by server and suite: a key is
    `"<server> <suite>"`.

    @return The exit status of the process.
*/
int serve_main(
    int argc,
    char const* const argv[],
    std::map<std::string, serve_function> const& suites);

} // namespace bench

#endif
