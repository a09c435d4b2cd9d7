// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "engine/linux_system_calls.hpp"
#include "engine/queued_bytes.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

constexpr std::uint64_t nanoseconds_per_tick = 1000000;

bool is_at(operation const& op, operation_place place) noexcept
{
    return op.place.load(std::memory_order_acquire) == place;
}

bool is_partly_written(operation const& op) noexcept
{
    return op.is_sending() && op.bytes_transferred != 0;
}

} // namespace

bool engine::cancel(operation& op) noexcept
{
    for (;;)
    {
        descriptor* const d = op.target.load(std::memory_order_acquire);
        if (!d)
        {
            return false;
        }
        lock const guard(d->mutex, !options_.single_threaded);
        if (op.target.load(std::memory_order_acquire) != d)
        {
            // It ended, and was started on another socket.
            continue;
        }
        if (!is_at(op, operation_place::queue))
        {
            return false;
        }
        end_queued(*d, op, boost::asio::error::operation_aborted);
        return true;
    }
}

void engine::cancel_by_key(
    descriptor& d, void const* key, bool only_if_untouched) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    for (operation_queue const& queue : d.queues)
    {
        for (operation* op = queue.first(); op; op = op->behind)
        {
            if (op->cancellation_key == key)
            {
                if (!only_if_untouched || is_untouched(*op))
                {
                    end_queued(d, *op, boost::asio::error::operation_aborted);
                }
                return;
            }
        }
    }
}

/// An operation that has ended leaves its queue, and is between places.
void engine::leave_queue(descriptor& d, operation& op) noexcept
{
    d.queues[op.direction].remove(op);
    leave_files(d, op);
    deadline_queue::clear(op);
    op.place.store(operation_place::running, std::memory_order_release);
    if (op.direction == writing)
    {
        d.queued_bytes -= bytes_to_send(op);
        end_queue_waits(d);
    }
}

/// Ends a queued operation; the descriptor is locked.
void engine::end_queued(
    descriptor& d, operation& op, boost::system::error_code ec) noexcept
{
    if (is_partly_written(op))
    {
        end_sends_behind(d, op);
    }
    op.error = ec;
    leave_queue(d, op);
    complete_later(op, current_turn());
    continue_disconnect(d);
}

/// What follows a send that stays unfinished would be misread by the peer.
void engine::end_sends_behind(descriptor& d, operation& op) noexcept
{
    for (operation* i = op.behind; i;)
    {
        operation& behind = *i;
        i = i->behind;
        if (behind.is_sending())
        {
            behind.error = boost::asio::error::operation_aborted;
            leave_queue(d, behind);
            complete_later(behind, current_turn());
        }
    }
}

void engine::end_all(
    descriptor& d, boost::system::error_code const& ec) noexcept
{
    for (operation_queue& queue : d.queues)
    {
        while (operation* const op = queue.first())
        {
            op->error = ec;
            leave_front(queue, *op);
            leave_files(d, *op);
            complete_later(*op, current_turn());
        }
    }
    d.queued_bytes = 0;
}

// Withdrawal

/// Takes an operation out of a queue, or out of the completions, if it is
/// there.
bool engine::withdraw(operation& op) noexcept
{
    if (descriptor* const d = op.target.load(std::memory_order_acquire))
    {
        lock const guard(d->mutex, !options_.single_threaded);
        if (is_at(op, operation_place::queue))
        {
            if (is_partly_written(op))
            {
                end_sends_behind(*d, op);
                d->is_broken = true;
                d->waits_otherwise = true;
            }
            leave_queue(*d, op);
            forget(op);
            continue_disconnect(*d);
            return true;
        }
    }
    lock guard(mutex_, !options_.single_threaded);
    if (is_at(op, operation_place::completions))
    {
        op.place_hook::unlink();
        guard.unlock();
        forget(op);
        return true;
    }
    return false;
}

/// An operation is nowhere from here on, without having been delivered.
void engine::forget(operation& op) noexcept
{
    op.keeper = nullptr;
    op.target.store(nullptr, std::memory_order_relaxed);
    op.place.store(operation_place::nowhere, std::memory_order_release);
    add_pending(-1, current_turn());
}

bool cancel(operation& op) noexcept
{
    descriptor* const d = op.target.load(std::memory_order_acquire);
    return d && d->owner->cancel(op);
}

namespace {

bool withdraw_from_engine(operation& op) noexcept
{
    descriptor* const d = op.target.load(std::memory_order_acquire);
    engine* const e = d ? d->owner : op.keeper;
    return e && e->withdraw(op);
}

} // namespace

void operation::withdraw() noexcept
{
    deadline_queue::remove(*this);
    // Each step either takes it out of its place, or finds that it has gone
    // one place further.
    for (int step = 0; step != 4; ++step)
    {
        switch (place.load(std::memory_order_acquire))
        {
        case operation_place::nowhere:
            return;
        case operation_place::queue:
        case operation_place::completions:
            if (withdraw_from_engine(*this))
            {
                return;
            }
            break;
        case operation_place::dispatcher:
            if (via && via->withdraw(*this))
            {
                return;
            }
            break;
        case operation_place::running:
            break;
        }
    }
    std::fputs(
        "opslot: a context was destroyed while another thread was executing "
        "its operation\n",
        stderr);
    std::abort();
}

// Deadlines

void engine::set_deadline(operation& op) noexcept
{
    using std::chrono::nanoseconds;
    std::uint64_t when = std::numeric_limits<std::uint64_t>::max() / 2;
    if (op.timeout.count() != 0)
    {
        // The coarse clock may be behind by more than its resolution if the
        // machine is busy, and a deadline must not be early.
        when = std::min(
            when,
            system::exact_time() +
                static_cast<std::uint64_t>(op.timeout.count()));
    }
    if (op.expires_at != std::chrono::steady_clock::time_point())
    {
        auto const at = nanoseconds(op.expires_at.time_since_epoch()).count();
        when = std::min(when, at < 0 ? 0 : static_cast<std::uint64_t>(at));
    }
    deadlines_.set(op, tick_of(when, true), [this](deadline_queue::tick t) {
        arm_timer(t);
    });
}

deadline_queue::tick
engine::tick_of(std::uint64_t nanoseconds, bool rounds_up) const noexcept
{
    if (nanoseconds <= origin_)
    {
        return deadline_queue::first_tick;
    }
    std::uint64_t const since =
        nanoseconds - origin_ + (rounds_up ? nanoseconds_per_tick - 1 : 0);
    return since / nanoseconds_per_tick + deadline_queue::first_tick;
}

void engine::arm_timer(deadline_queue::tick t) noexcept
{
    system::timer_set(
        timer_,
        origin_ + (t - deadline_queue::first_tick) * nanoseconds_per_tick + 1);
    count(current_turn(), counter::timer_calls);
}

void engine::check_deadlines() noexcept
{
    // The timer fires by the exact clock, so at least its tick has passed.
    auto const now = tick_of(system::exact_time(), false);
    deadlines_.advance(
        now,
        [this](operation& op) { expire(op); },
        [this](deadline_queue::tick t) { arm_timer(t); });
}

/** Ends an operation whose deadline has passed.

    Called under the lock of the deadlines, which comes after that of the
    descriptor: so the descriptor is locked only if it is free, and if not,
    the queue tries again a tick later.
*/
void engine::expire(operation& op) noexcept
{
    descriptor* const d = op.target.load(std::memory_order_acquire);
    if (!d || d->owner != this)
    {
        return;
    }
    if (!options_.single_threaded && !d->mutex.try_lock())
    {
        return;
    }
    // What it waits for may have come in time, to a thread that was busy: that
    // is tried first, and if it was not enough, nothing is known to be there a
    // tick later.
    if (op.target.load(std::memory_order_acquire) == d &&
        is_at(op, operation_place::queue) &&
        !d->is_ready(bit_of(static_cast<direction>(op.direction))))
    {
        count(current_turn(), counter::timeouts);
        end_queued(*d, op, error::timeout);
    }
    if (!options_.single_threaded)
    {
        d->mutex.unlock();
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
