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
    return static_cast<unsigned char>(1u << d);
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
    return t && &t->owner == this ? t : nullptr;
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

/// An operation that has ended leaves its queue, and is between places.
inline void engine::leave_queue(operation& op) noexcept
{
    op.place_hook::unlink();
    deadline_queue::clear(op);
    op.place.store(operation_place::running, std::memory_order_release);
}

/// Queues an operation.
BOOST_FORCEINLINE start_result
engine::pend(descriptor& d, operation& op, direction where, turn* t) noexcept
{
    if (BOOST_UNLIKELY(!d.is_enrolled) && !prepare_to_pend(d, op))
    {
        return completed;
    }
    if (op.wants_hold)
    {
        op.notify(operation::event::held);
    }
    if (BOOST_UNLIKELY(d.via != nullptr) && !op.via && !op.runs_in_turn)
    {
        op.via = d.via;
    }
    op.target.store(&d, std::memory_order_relaxed);
    op.place.store(operation_place::queue, std::memory_order_release);
    d.queues[where].push_back(op);
    d.waits_otherwise |= where != reading;
    if (BOOST_UNLIKELY(op.has_deadline))
    {
        set_deadline(op);
    }
    if (BOOST_LIKELY(t != nullptr))
    {
        ++t->pending;
    }
    else
    {
        add_pending(1, t);
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
BOOST_FORCEINLINE bool
engine::receive_plain(descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request const& r = transfer_of(op);
    std::size_t const size = r.buffers->size();
    auto* const data = static_cast<char*>(r.buffers->data());
    do
    {
        d.remove_ready(readiness::read);
        std::size_t const asked = size - op.bytes_transferred;
        ssize_t const n =
            system::receive(d.fd, data + op.bytes_transferred, asked, 0);
        count(t, counter::receive_calls);
        if (BOOST_UNLIKELY(n <= 0))
        {
            return n != -EAGAIN && end_receive(d, op, n, readiness::read);
        }
        auto const received = static_cast<std::size_t>(n);
        op.bytes_transferred += received;
        if (received == asked || !d.is_tcp ||
            d.is_ready(readiness::no_short_reads))
        {
            d.add_ready(readiness::read);
        }
        if (BOOST_LIKELY(op.bytes_transferred >= r.at_least) ||
            received == asked)
        {
            return true;
        }
    } while (d.is_ready(readiness::read));
    return false;
}

/// A send of one buffer, without flags.
BOOST_FORCEINLINE bool
engine::send_plain(descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request const& r = transfer_of(op);
    for (;;)
    {
        std::size_t const left = r.buffers->size() - op.bytes_transferred;
        ssize_t const n = system::send(
            d.fd,
            static_cast<char const*>(r.buffers->data()) + op.bytes_transferred,
            left,
            0);
        count(t, counter::send_calls);
        if (BOOST_LIKELY(n >= 0))
        {
            op.bytes_transferred += static_cast<std::size_t>(n);
            if (BOOST_LIKELY(static_cast<std::size_t>(n) == left) || r.is_some)
            {
                return true;
            }
        }
        else if (n != -EAGAIN)
        {
            op.error = system::error_of(n);
            return true;
        }
        else if (is_blocked(d))
        {
            return false;
        }
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
