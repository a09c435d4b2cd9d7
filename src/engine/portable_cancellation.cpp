// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using error_code = boost::system::error_code;
using std::chrono::milliseconds;

} // namespace

// Ending operations

void engine::end(descriptor& d, operation& op, error_code const& ec) noexcept
{
    if (is_partly_written(op))
    {
        end_sends_behind(
            d.directions[op.direction],
            d,
            op,
            boost::asio::error::operation_aborted);
    }
    op.error = ec;
    leave_queue(d, op);
    complete(d, op);
}

/// What follows a send that stays unfinished would be misread by the peer.
void engine::end_sends_behind(
    direction& x, descriptor& d, operation& op, error_code const& ec) noexcept
{
    auto i = x.queue.iterator_to(op);
    for (++i; i != x.queue.end();)
    {
        operation& behind = *i++;
        if (behind.is_sending())
        {
            behind.error = ec;
            leave_queue(d, behind);
            complete(d, behind);
        }
    }
}

void engine::end_queue(
    direction_index i, descriptor& d, error_code const& ec) noexcept
{
    direction& x = d.directions[i];
    while (!x.queue.empty())
    {
        operation& op = x.queue.front();
        op.error = ec;
        leave_queue(d, op);
        complete(d, op);
    }
}

void engine::end_all(descriptor& d) noexcept
{
    while (!d.compositions.empty())
    {
        end(d, d.compositions.front(), boost::asio::error::operation_aborted);
    }
    for (direction_index i : {reading, writing, excepting})
    {
        end_queue(i, d, boost::asio::error::operation_aborted);
    }
}

void engine::cancel_all(descriptor& d) noexcept
{
    descriptor_lock const lock(d.mutex);
    end_all(d);
    schedule(d);
}

bool cancel(operation& op) noexcept
{
    // The target may be closed and its descriptor be used anew meanwhile,
    // but under the lock that is seen.
    descriptor* const d = op.target.load(std::memory_order_acquire);
    if (!d)
    {
        return false;
    }
    std::lock_guard<std::mutex> const lock(d->mutex);
    if (op.target.load(std::memory_order_acquire) != d ||
        op.place.load(std::memory_order_acquire) != operation_place::queue)
    {
        return false;
    }
    d->owner->end(*d, op, boost::asio::error::operation_aborted);
    d->owner->schedule(*d);
    return true;
}

void cancel_by_key(
    engine&, descriptor& d, void const* key, bool only_if_untouched) noexcept
{
    std::lock_guard<std::mutex> const lock(d.mutex);
    auto const find = [&](operation_list& queue) {
        for (operation& op : queue)
        {
            if (op.cancellation_key == key)
            {
                if (!only_if_untouched || is_untouched(op))
                {
                    d.owner->end(d, op, boost::asio::error::operation_aborted);
                    d.owner->schedule(d);
                }
                return true;
            }
        }
        return false;
    };
    for (direction& x : d.directions)
    {
        if (find(x.queue))
        {
            return;
        }
    }
    find(d.compositions);
}

// Withdrawal

void engine::withdraw(descriptor& d, operation& op) noexcept
{
    if (op.place.load(std::memory_order_relaxed) == operation_place::queue)
    {
        if (is_partly_written(op))
        {
            d.is_interrupted = true;
            end_sends_behind(
                d.directions[op.direction], d, op, error::send_interrupted);
        }
        leave_queue(d, op);
        schedule(d);
    }
    else
    {
        op.place_hook::unlink();
    }
    op.target.store(nullptr, std::memory_order_release);
    op.place.store(operation_place::nowhere, std::memory_order_release);
}

namespace {

/// Takes an operation out of its descriptor. Does nothing if it has gone on
/// to another place.
void withdraw_from_descriptor(operation& op) noexcept
{
    descriptor* const d = op.target.load(std::memory_order_acquire);
    if (!d)
    {
        return;
    }
    engine_ptr e;
    {
        std::lock_guard<std::mutex> const lock(d->mutex);
        auto const place = op.place.load(std::memory_order_acquire);
        if (op.target.load(std::memory_order_acquire) != d ||
            (place != operation_place::queue &&
             place != operation_place::completions))
        {
            return;
        }
        e.reset(d->owner);
        e->withdraw(*d, op);
    }
    e->settle_timer();
}

} // namespace

void operation::withdraw() noexcept
{
    for (;;)
    {
        switch (place.load(std::memory_order_acquire))
        {
        case operation_place::nowhere:
            deadline_queue::remove(*this);
            return;
        case operation_place::queue:
        case operation_place::completions:
            withdraw_from_descriptor(*this);
            break;
        case operation_place::dispatcher:
            via->withdraw(*this);
            break;
        case operation_place::running:
            std::fputs(
                "opslot: a context was destroyed while another thread was "
                "executing its operation\n",
                stderr);
            std::abort();
        }
    }
}

// Deadlines

engine::tick engine::tick_at(clock::time_point time) const noexcept
{
    return deadline_queue::first_tick +
           static_cast<tick>(std::max<milliseconds::rep>(
               std::chrono::floor<milliseconds>(time - origin_).count(), 0));
}

/// The first tick that begins when the operation's time is over; 0: none.
engine::tick engine::deadline_of(operation const& op) const noexcept
{
    constexpr clock::time_point none{};
    constexpr clock::time_point latest = clock::time_point::max();
    clock::time_point end = latest;
    if (op.timeout.count() != 0)
    {
        clock::time_point const now = clock::now();
        if (op.timeout < latest - now)
        {
            end = now + std::chrono::ceil<clock::duration>(op.timeout);
        }
    }
    if (op.expires_at != none)
    {
        end = std::min(end, op.expires_at);
    }
    if (end == latest)
    {
        return 0;
    }
    // A time in the past must not overflow the subtraction.
    end = std::max(end, origin_);
    return tick_at(end + milliseconds(1) - clock::duration(1));
}

void engine::set_deadline(operation& op) noexcept
{
    tick const t = deadline_of(op);
    if (t == 0)
    {
        return;
    }
    pending_deadlines_.fetch_add(1, std::memory_order_seq_cst);
    deadlines_.set(op, t, [this](tick next) { request_timer(next); });
    if (!timer_armed_.load(std::memory_order_seq_cst))
    {
        std::lock_guard<std::mutex> const lock(timer_mutex_);
        if (!timer_armed_.load(std::memory_order_relaxed))
        {
            arm_timer();
        }
    }
}

/** Ends an operation whose deadline has passed.

    Called under the lock of the deadlines, which comes after that of the
    descriptor: if the latter is taken, the next tick tries again. The
    operation stays, because whoever destroys it needs the former lock.
*/
bool engine::expire(operation& op, tick now) noexcept
{
    descriptor* const d = op.target.load(std::memory_order_acquire);
    if (!d)
    {
        return false;
    }
    descriptor_lock const lock(d->mutex, std::try_to_lock);
    if (!lock || op.target.load(std::memory_order_acquire) != d ||
        op.place.load(std::memory_order_acquire) != operation_place::queue)
    {
        return false;
    }
    tick const t = op.deadline_tick.load(std::memory_order_relaxed);
    if (t < deadline_queue::first_tick || t > now)
    {
        return false;
    }
    timeouts_.fetch_add(1, std::memory_order_relaxed);
    end(*d, op, error::timeout);
    schedule(*d);
    return true;
}

// The timer

class engine::timer_handler
{
public:
    using executor_type = inline_executor;
    using allocator_type = operation_memory_allocator<void>;

    timer_handler(engine& e, std::uint64_t sequence) noexcept
        : engine_(&e)
        , sequence_(sequence)
    {}

    executor_type get_executor() const noexcept
    {
        return executor_type(&engine_->context());
    }

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(engine_->memory());
    }

    void operator()(error_code const&)
    {
        engine_ptr const e = engine_;
        e->on_timer(sequence_);
    }

private:
    engine_ptr engine_;
    std::uint64_t sequence_;
};

/// Needs the lock of the timer.
void engine::arm_timer() noexcept
{
    if (!timer_ || wanted_ == never)
    {
        return;
    }
    try
    {
        timer_->expires_at(
            origin_ + milliseconds(wanted_ - deadline_queue::first_tick));
        timer_->async_wait(timer_handler(*this, ++timer_sequence_));
        timer_armed_.store(true, std::memory_order_seq_cst);
    }
    catch (...)
    {
        // No memory. The next start with a deadline tries again.
        timer_armed_.store(false, std::memory_order_seq_cst);
    }
}

void engine::request_timer(tick t) noexcept
{
    std::lock_guard<std::mutex> const lock(timer_mutex_);
    wanted_ = t;
    if (pending_deadlines_.load(std::memory_order_seq_cst) != 0)
    {
        arm_timer();
    }
}

void engine::on_timer(std::uint64_t sequence) noexcept
{
    {
        std::lock_guard<std::mutex> const lock(timer_mutex_);
        if (sequence != timer_sequence_ ||
            !timer_armed_.load(std::memory_order_relaxed))
        {
            return;
        }
        wanted_ = never;
        timer_armed_.store(false, std::memory_order_seq_cst);
    }
    tick const now = tick_at(clock::now());
    deadlines_.advance(
        now,
        [this, now](operation& op) { return expire(op, now); },
        [this](tick next) { request_timer(next); });
    settle_timer();
}

void engine::settle_timer() noexcept
{
    auto const is_idle = [this] {
        return timer_armed_.load(std::memory_order_seq_cst) &&
               pending_deadlines_.load(std::memory_order_seq_cst) == 0;
    };
    if (!is_idle())
    {
        return;
    }
    std::lock_guard<std::mutex> const lock(timer_mutex_);
    if (timer_ && is_idle())
    {
        ++timer_sequence_;
        timer_->cancel();
        timer_armed_.store(false, std::memory_order_seq_cst);
        // A start that has seen it armed counts on it.
        if (pending_deadlines_.load(std::memory_order_seq_cst) != 0)
        {
            arm_timer();
        }
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
