#ifndef OPSLOT_ENGINE_REACTOR_TRANSFER_HPP
#define OPSLOT_ENGINE_REACTOR_TRANSFER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    One receive or send on a socket: what is done for every message, and so
    is inline in the functions that start and continue operations.
*/

#include <boost/asio/error.hpp>
#include <boost/config.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// As many buffers go into one call as fit on the stack without care.
inline constexpr std::size_t vector_size = 64;

inline constexpr unsigned char bit_of(direction d) noexcept
{
    constexpr std::array<unsigned char, 4> bits{
        readiness::read, readiness::write, readiness::except, readiness::none};
    return bits[d];
}

inline transfer_request& transfer_of(operation& op) noexcept
{
    return *static_cast<transfer_request*>(op.request);
}

/// Moves the progress of a list of buffers by bytes that were transferred.
void advance_list(transfer_request& r, std::size_t n) noexcept;

/// What is left of a list, as far as it fits. Returns the sum.
std::size_t gather(
    transfer_request const& r, ::iovec* vectors, std::size_t& count) noexcept;

/// The turn of the engine that this thread is in; null if in none.
inline engine::turn* engine::current_turn() noexcept
{
    turn* const t = turn::innermost;
    return BOOST_LIKELY(t && &t->owner == this) ? t : nullptr;
}

/// Counts for the turn, or outside of any.
inline void engine::count(turn* t, counter c) noexcept
{
    if (t)
    {
        ++t->counts[c];
    }
    else
    {
        count_outside(c);
    }
}

/// An operation that has ended, and was the first of its queue, leaves it
/// and is between places.
BOOST_FORCEINLINE void
engine::leave_front(operation_queue& queue, operation& op) noexcept
{
    queue.pop_front();
    if (BOOST_UNLIKELY(op.has_deadline))
    {
        deadline_queue::clear(op);
    }
    op.place.store(operation_place::running, std::memory_order_release);
}

/// Puts an operation into a queue.
BOOST_FORCEINLINE void
engine::enter_queue(descriptor& d, operation& op, direction where) noexcept
{
    op.direction = where;
    op.target.store(&d, std::memory_order_relaxed);
    op.place.store(operation_place::queue, std::memory_order_release);
    d.queues[where].push_back(op);
    if (where == writing)
    {
        add_queued_bytes(d, op);
    }
}

/// An operation is pending from here on.
BOOST_FORCEINLINE void engine::go_pending(
    descriptor& d, operation& op, direction where, turn* t) noexcept
{
    if (op.wants_hold)
    {
        op.notify(operation::event::held);
    }
    if (BOOST_UNLIKELY(d.via != nullptr) && !op.via && !op.runs_in_turn)
    {
        op.via = d.via;
    }
    enter_queue(d, op, where);
    if (BOOST_UNLIKELY(op.has_deadline))
    {
        set_deadline(op);
    }
    count(t, counter::queued);
    if (BOOST_UNLIKELY(t == nullptr))
    {
        add_pending(1, t);
    }
}

/// An operation has to wait for its socket.
BOOST_FORCEINLINE start_result
engine::pend(descriptor& d, operation& op, direction where, turn* t) noexcept
{
    if (BOOST_UNLIKELY(!d.is_enrolled) && !prepare_to_pend(d, op))
    {
        count(t, counter::synchronous);
        return completed;
    }
    go_pending(d, op, where, t);
    if (where != reading)
    {
        d.waits_otherwise = true;
    }
    if (BOOST_UNLIKELY(d.is_ready(bit_of(where))))
    {
        continue_later(d, where, t);
    }
    return pending;
}

// True: the operation has its result. False: the socket is not ready any
// more, and the next event continues.

/** A receive into one buffer, without flags, on a socket that is ready.

    The bit goes before the call and comes back after it, so that an event
    between the two is not lost.
*/
template<typename Threads>
BOOST_FORCEINLINE bool
engine::receive_plain(descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request const& r = transfer_of(op);
    d.remove_ready<Threads>(readiness::read);
    std::size_t const asked = r.one.size() - op.bytes_transferred;
    ssize_t const n = system::receive_once(
        d.fd, static_cast<char*>(r.one.data()) + op.bytes_transferred, asked);
    count(t, counter::receive_calls);
    if (BOOST_UNLIKELY(n <= 0))
    {
        return received_nothing(d, op, t, n);
    }
    auto const received = static_cast<std::size_t>(n);
    op.bytes_transferred += received;
    if (BOOST_UNLIKELY(received == asked))
    {
        d.add_ready<Threads>(readiness::read);
        return true;
    }
    if (BOOST_UNLIKELY(d.is_ready(readiness::no_short_reads)))
    {
        d.add_ready<Threads>(readiness::read);
    }
    return BOOST_LIKELY(op.bytes_transferred >= r.at_least) ||
           receive_rest(d, op, t);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
