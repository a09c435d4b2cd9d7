#ifndef OPSLOT_EXAMPLE_FIGURES_HPP
#define OPSLOT_EXAMPLE_FIGURES_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/context_pool.hpp>
#include <opslot/diagnostics.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/error_code.hpp>

#include <csignal>
#include <iostream>

#include "threads.hpp"

namespace support {

/// Prints what a pool and the engine have done so far.
inline void print_figures(
    boost::asio::io_context& io, opslot::context_pool_statistics const& pool)
{
    auto const engine = opslot::diagnostics(io);
    std::cout << "contexts: " << pool.in_use << " in use, peak " << pool.peak
              << " of " << pool.capacity << ", " << pool.waits << " waits\n"
              << "operations: " << engine.started << " started, "
              << engine.completed_synchronously << " completed at once, "
              << engine.pending << " pending, " << engine.timeouts
              << " timeouts\n"
              << "operation memory: " << engine.memory_heap_requests
              << " heap requests" << std::endl;
}

/// Calls `print` at each SIGUSR1.
template<typename Print>
void print_at_signal(boost::asio::signal_set& signals, Print print)
{
    signals.async_wait([&signals, print](boost::system::error_code ec, int) {
        if (!ec)
        {
            print();
            print_at_signal(signals, print);
        }
    });
}

/// As `run`, for a server with a pool, and prints its figures: at SIGUSR1, and
/// when it is to end.
template<typename Server>
void run_with_figures(
    boost::asio::io_context& io, server_options const& options, Server& server)
{
    auto const print = [&] { print_figures(io, server.pool().statistics()); };
    boost::asio::signal_set signals(io, SIGUSR1);
    print_at_signal(signals, print);
    {
        helping_threads const others(io, options.threads - 1);
        run_until_signal(io, server.local_endpoint());
    }
    print();
    signals.cancel();
    finish(io, server);
}

} // namespace support

#endif
