#ifndef OPSLOT_ENGINE_DEADLINE_QUEUE_HPP
#define OPSLOT_ENGINE_DEADLINE_QUEUE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Deadlines of operations that nearly never fire.
*/

#include <opslot/detail/light_mutex.hpp>
#include <opslot/detail/operation.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "engine/deadline_wheel.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** A deadline wheel with a lock, used lazily.

    An operation that completes in time stays linked where it is, and its
    next start only stores another time. When its bucket comes due the wheel
    looks at the stored time. `operation::deadline_tick` tells how far that
    is, and every transition is one atomic exchange:

    @verbatim
                  set: links           clear: completed in time
        0 unlinked ------> tick of the ----------> 1 linked, no deadline
             ^             deadline    <----------
             |                           set: nothing to link
             '------------- its bucket came due ------'
    @endverbatim

    Ticks are milliseconds and count from 2.
*/
class deadline_queue
{
public:
    using tick = std::uint64_t;

    static constexpr tick first_tick = 2;

    deadline_queue()
        : wheel_(first_tick)
    {}

    /** Sets the deadline of an operation that is about to be pending.

        @param arm Called under the lock with the tick of the next event, if
        that is now earlier than what was armed before.
    */
    template<typename Arm>
    void set(operation& op, tick when, Arm arm) noexcept
    {
        if (op.wheel_owner != this)
        {
            move_here(op);
        }
        tick const before =
            op.deadline_tick.exchange(when, std::memory_order_seq_cst);
        if (before != unlinked &&
            op.wheel_tick.load(std::memory_order_seq_cst) <= when)
        {
            return;
        }
        std::lock_guard<light_mutex> const lock(mutex_);
        wheel_.remove(op);
        wheel_.insert(op, when);
        if (when < armed_)
        {
            armed_ = when;
            arm(when);
        }
    }

    /// The operation completes; the deadline has no effect any more.
    static void clear(operation& op) noexcept
    {
        if (op.deadline_tick.load(std::memory_order_relaxed) > idle)
        {
            op.deadline_tick.store(idle, std::memory_order_seq_cst);
        }
    }

    /// Unlinks an operation that is about to be destroyed, from whichever
    /// queue it is in.
    static void remove(operation& op) noexcept
    {
        if (op.deadline_tick.load(std::memory_order_acquire) != unlinked)
        {
            static_cast<deadline_queue*>(op.wheel_owner)->remove_here(op);
        }
    }

    /** Looks at what is due.

        @param expire Called under the lock as `bool(operation&)` for each
        operation whose deadline passed. False: it could not be ended now,
        try again at the next tick.
        @param arm Called with the tick of the next event, if there is one.
    */
    template<typename Expire, typename Arm>
    void advance(tick now, Expire expire, Arm arm) noexcept
    {
        std::lock_guard<light_mutex> const lock(mutex_);
        wheel_.advance(now, [&](operation& op) {
            tick const when = op.deadline_tick.load(std::memory_order_seq_cst);
            if (when > now)
            {
                wheel_.insert(op, when);
            }
            else if (when != idle)
            {
                // Ended or not, it is looked at again: as idle, or as one
                // that was just being started or completed.
                expire(op);
                wheel_.insert(op, now + 1);
            }
            else
            {
                drop(op);
            }
        });
        armed_ = wheel_.next().value_or(never);
        if (armed_ != never)
        {
            arm(armed_);
        }
    }

    /// Unlinks everything; nothing is touched by the queue afterwards.
    void clear_all() noexcept
    {
        std::lock_guard<light_mutex> const lock(mutex_);
        wheel_.clear([](operation& op) {
            op.wheel_tick.store(0, std::memory_order_seq_cst);
            op.deadline_tick.store(unlinked, std::memory_order_seq_cst);
        });
    }

private:
    static constexpr tick unlinked = 0;
    static constexpr tick idle = 1;
    static constexpr tick never = ~tick(0);

    void move_here(operation& op) noexcept
    {
        remove(op);
        op.wheel_owner = this;
    }

    void remove_here(operation& op) noexcept
    {
        std::lock_guard<light_mutex> const lock(mutex_);
        wheel_.remove(op);
        op.deadline_tick.store(unlinked, std::memory_order_seq_cst);
    }

    /// The last access to an idle operation, unless it was started
    /// meanwhile.
    void drop(operation& op) noexcept
    {
        op.wheel_tick.store(0, std::memory_order_seq_cst);
        tick expected = idle;
        if (!op.deadline_tick.compare_exchange_strong(
                expected, unlinked, std::memory_order_seq_cst))
        {
            wheel_.insert(op, expected);
        }
    }

    light_mutex mutex_;
    deadline_wheel wheel_;
    tick armed_ = never;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
