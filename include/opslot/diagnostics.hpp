#ifndef OPSLOT_DIAGNOSTICS_HPP
#define OPSLOT_DIAGNOSTICS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the library counts, always.
*/

#include <opslot/config.hpp>

#include <boost/asio/execution_context.hpp>

#include <cstdint>

namespace opslot {
inline namespace OPSLOT_ABI {

/** What an execution context's engine and memory have counted since they were
    made.

    The members are plain numbers, taken at one moment each.
*/
struct diagnostics_report
{
    /// Operations started, rejected calls not included.
    std::uint64_t started = 0;
    /// Those of them that completed inside the initiating function.
    std::uint64_t completed_synchronously = 0;
    /// Operations that are pending now.
    std::uint64_t pending = 0;
    /// The largest number of operations that were pending at one time, as
    /// seen at the end of the engine's turns.
    std::uint64_t pending_peak = 0;
    /// Turns the engine took.
    std::uint64_t turns = 0;
    /// Operations that a deadline ended.
    std::uint64_t timeouts = 0;

    /// System calls by kind; zero where the engine makes none itself: those
    /// that receive.
    std::uint64_t receive_calls = 0;
    std::uint64_t send_calls = 0;    ///< Those that send from memory.
    std::uint64_t accept_calls = 0;  ///< Those that accept.
    std::uint64_t connect_calls = 0; ///< Those that connect.
    std::uint64_t poll_calls = 0;    ///< Those that look if a socket is ready.
    std::uint64_t epoll_wait_calls = 0; ///< Those that fetch events.
    std::uint64_t epoll_ctl_calls = 0;  ///< Those that register a socket.
    std::uint64_t timer_calls = 0;      ///< Those that set the engine's timer.
    /// Those that send of a file without reading it.
    std::uint64_t file_calls = 0;

    // The context's operation memory, which slots and slotted objects use as
    // well; more of it tells operation_memory::statistics().

    /// Blocks in use now.
    std::uint64_t memory_blocks = 0;
    /// The most of them that were in use at one time, summed over the size
    /// classes.
    std::uint64_t memory_blocks_peak = 0;
    /// Bytes of heap that the pools hold.
    std::uint64_t memory_bytes = 0;
    /// Requests that went to the heap, growth of the pools included.
    std::uint64_t memory_heap_requests = 0;
    /// Requests that slots and slotted objects had no room for.
    std::uint64_t overflows = 0;
};

/** Reports what the library has counted of an execution context.

    @param context The context that I/O objects or slots of the library were
    made with. All figures are zero if there were none; those of an engine are
    if only Asio's own I/O objects were used, slotted or not.

    @par Thread safety
    May be called from any thread.

    @par Cost
    A lock and a copy; no allocation.
*/
diagnostics_report
diagnostics(boost::asio::execution_context& context) noexcept;

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
