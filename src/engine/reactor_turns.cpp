// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/io_context.hpp>
#include <boost/config.hpp>

#include <algorithm>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

/// With so many events in one harvest, more are likely to be there when
/// their handlers have run, and looking is cheaper than another wake-up.
constexpr int busy_harvest = 8;

} // namespace

/// The handler of the watch. It runs in whichever thread Asio completes it.
class engine::watch_handler
{
public:
    using executor_type = inline_executor;
    using allocator_type = operation_memory_allocator<void>;

    explicit watch_handler(engine& e) noexcept
        : engine_(&e)
    {}

    executor_type get_executor() const noexcept
    {
        return inline_executor(&engine_->context_);
    }

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(*engine_->memory_);
    }

    void operator()(boost::system::error_code const& ec) const
    {
        engine_->on_watch(ec);
    }

private:
    engine* engine_;
};

// Turns

void engine::count_outside(counter c) noexcept
{
    outside_[static_cast<std::size_t>(c)].fetch_add(
        1, std::memory_order_relaxed);
}

void engine::on_watch(boost::system::error_code const& ec)
{
    {
        lock const guard(mutex_, !options_.single_threaded);
        armed_ = false;
        if (shut_down_)
        {
            return;
        }
        if (ec)
        {
            // Disarmed, and needed again meanwhile.
            if (pending_ > 0)
            {
                arm();
            }
            return;
        }
    }
    take_turn();
}

bool engine::is_over(turn const& t) const noexcept
{
    return t.is_stopped || t.handlers >= options_.handlers_per_turn;
}

int engine::harvest(turn& t) noexcept
{
    // What there is no handler left for stays in the set, where the watch
    // finds it.
    constexpr std::size_t capacity = 128;
    ::epoll_event events[capacity];
    int const n = system::epoll_poll(
        set_,
        events,
        static_cast<int>(
            std::min(capacity, options_.handlers_per_turn - t.handlers)));
    count(&t, counter::epoll_wait_calls);
    bool timer_fired = false;
    {
        lock const guard(mutex_, !options_.single_threaded);
        for (int i = 0; i < n; ++i)
        {
            timer_fired |= note_event(events[i]);
        }
        if (!options_.single_threaded)
        {
            hand_on(t);
        }
    }
    if (timer_fired)
    {
        check_deadlines();
    }
    return n;
}

/** Lets another thread take the next turn.

    It does so when the next event comes. What this thread has fetched and
    does not come to, because a handler waits for another one, is no event
    any more: so another thread is woken for it, at once if handlers take
    their time in general, and else by a timer, which costs a system call in
    some milliseconds instead of two in each turn.
*/
void engine::hand_on(turn const& t)
{
    arm();
    if (ready_.empty() || &ready_.front() == &ready_.back())
    {
        return;
    }
    if (is_slow_)
    {
        kick();
    }
    else if (!rescue_is_set_)
    {
        // One that was set before comes in time, whenever that was.
        rescue_is_set_ = true;
        system::timer_set(rescue_, t.begun + 2 * clock_resolution_);
        count(current_turn(), counter::timer_calls);
    }
}

namespace {

/// What the events of a socket say of its readiness.
unsigned char readiness_of(std::uint32_t events) noexcept
{
    static_assert(EPOLLIN == 1 && EPOLLPRI == 2 && EPOLLOUT == 4);
    unsigned bits = (events & EPOLLIN) | ((events & EPOLLOUT) >> 1);
    if (events & ~std::uint32_t(EPOLLIN | EPOLLOUT))
    {
        if (events & EPOLLPRI)
        {
            bits |= readiness::except | readiness::no_short_reads;
        }
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        {
            bits |= readiness::read | readiness::no_short_reads;
        }
        if (events & (EPOLLHUP | EPOLLERR))
        {
            bits |= readiness::write | readiness::except;
        }
    }
    return static_cast<unsigned char>(bits);
}

} // namespace

/// Puts a socket on the ready list. Returns true for the timer.
bool engine::note_event(::epoll_event const& e) noexcept
{
    auto const index = static_cast<std::uint32_t>(e.data.u64);
    if (index >= first_signal)
    {
        kicked_ = kicked_ && e.data.u64 != kick_data;
        rescue_is_set_ = rescue_is_set_ && e.data.u64 != rescue_data;
        return e.data.u64 == timer_data;
    }
    descriptor& d = chunks_[index / chunk_size][index % chunk_size];
    // An event of a socket that is closed, but of which a duplicate is
    // alive, has another generation.
    if (d.data() == e.data.u64)
    {
        d.add_ready(readiness_of(e.events));
        if (!d.ready_hook::is_linked())
        {
            ready_.push_back(d);
        }
    }
    return false;
}

/// Runs the handler of an operation, or sends it to where that runs.
BOOST_FORCEINLINE void engine::deliver(operation& op, turn& t)
{
    --t.pending;
    ++t.handlers;
    op.target.store(nullptr, std::memory_order_relaxed);
    if (BOOST_LIKELY(!op.via))
    {
        op.notify(deliver_event_);
    }
    else
    {
        deliver_via(op);
    }
}

void engine::deliver_via(operation& op)
{
    dispatcher_ptr const via = op.via;
    if (via->is_home(context_))
    {
        op.notify(deliver_event_);
    }
    else
    {
        via->submit(op);
    }
}

/// Continues one ready socket or delivers one operation. Returns false if
/// there is none.
BOOST_FORCEINLINE bool engine::run_next(turn& t)
{
    if (t.handlers != 0 && is_stopped())
    {
        t.is_stopped = true;
        return false;
    }
    lock guard(mutex_, !options_.single_threaded);
    if (BOOST_UNLIKELY(!completions_.empty()) &&
        (t.prefers_completion || ready_.empty()))
    {
        operation& op = completions_.front();
        completions_.pop_front();
        op.place.store(operation_place::running, std::memory_order_release);
        op.keeper = nullptr;
        t.prefers_completion = false;
        guard.unlock();
        deliver(op, t);
        return true;
    }
    if (ready_.empty())
    {
        return false;
    }
    descriptor& d = ready_.front();
    ready_.pop_front();
    t.is_alone = ready_.empty();
    t.prefers_completion = true;
    guard.unlock();
    visit(d, t);
    return true;
}

/// Continues the first operation of each direction of a socket. One that
/// has ended is delivered here; others wait for their turn.
BOOST_FORCEINLINE void engine::visit(descriptor& d, turn& t)
{
    operation* ended = nullptr;
    {
        lock const guard(d.mutex, !options_.single_threaded);
        d.budget_turn = t.id;
        d.budget_used = 0;
        operation_list& queue = d.queues[reading];
        if (BOOST_LIKELY(!queue.empty()))
        {
            operation& op = queue.front();
            if (visit_reading(d, op, t))
            {
                leave_queue(op);
                ended = &op;
                if (BOOST_UNLIKELY(!queue.empty()) &&
                    d.is_ready(readiness::read))
                {
                    make_ready(d, &t);
                }
            }
        }
        if (BOOST_UNLIKELY(d.waits_otherwise))
        {
            visit_others(d, t, ended);
        }
    }
    if (BOOST_LIKELY(ended != nullptr))
    {
        deliver(*ended, t);
    }
}

/// Continues an operation that waits for input. Returns true if it ended.
BOOST_FORCEINLINE bool
engine::visit_reading(descriptor& d, operation& op, turn& t) noexcept
{
    if (BOOST_LIKELY(op.is_plain))
    {
        return d.is_ready(readiness::read) && receive_plain(d, op, &t);
    }
    return d.is_ready(readiness::read) && perform(d, op, &t);
}

/// The directions that are rarely waited for.
void engine::visit_others(descriptor& d, turn& t, operation*& ended) noexcept
{
    operation_list done;
    visit_sends(d, t, done);
    operation_list& queue = d.queues[excepting];
    if (!queue.empty() && d.is_ready(readiness::except))
    {
        operation& op = queue.front();
        if (perform(d, op, &t))
        {
            leave_queue(op);
            done.push_back(op);
            if (!queue.empty() && d.is_ready(readiness::except))
            {
                make_ready(d, &t);
            }
        }
    }
    if (!ended && !done.empty())
    {
        ended = &done.front();
        done.pop_front();
    }
    complete_all(done, &t);
    d.waits_otherwise = !d.queues[writing].empty() || !queue.empty();
}

void engine::complete_all(operation_list& done, turn* t) noexcept
{
    while (!done.empty())
    {
        operation& op = done.front();
        done.pop_front();
        complete_later(op, t);
    }
}

/// Sends what was gathered. Returns true if anything was completed by it.
bool engine::flush(turn& t) noexcept
{
    bool completed_any = false;
    for (;;)
    {
        descriptor* d = nullptr;
        {
            lock const guard(mutex_, !options_.single_threaded);
            if (flushes_.empty())
            {
                break;
            }
            d = &flushes_.front();
            flushes_.pop_front();
        }
        operation_list done;
        lock const guard(d->mutex, !options_.single_threaded);
        visit_sends(*d, t, done);
        completed_any |= !done.empty();
        complete_all(done, &t);
    }
    return completed_any;
}

void engine::take_turn()
{
    turn t(*this);
    int harvested = 0;
    do
    {
        harvested = harvest(t);
        do
        {
            while (t.handlers < options_.handlers_per_turn && run_next(t))
            {}
        } while (flush(t) && !is_over(t));
    } while (harvested >= busy_harvest && !is_over(t));
}

void engine::finish(turn& t) noexcept
{
    // Also after a handler that threw: what it left behind is flushed here,
    // and what was fetched stays on the ready list.
    flush(t);
    lock const guard(mutex_, !options_.single_threaded);
    --running_turns_;
    long const pending =
        pending_.fetch_add(t.pending, std::memory_order_acq_rel) + t.pending;
    pending_peak_ = std::max(
        pending_peak_, static_cast<std::uint64_t>(std::max(pending, long(0))));
    if (!options_.single_threaded)
    {
        is_slow_ = system::coarse_time() - t.begun > clock_resolution_;
    }
    if (!shut_down_)
    {
        settle();
    }
    for (std::size_t i = 0; i != counters::size; ++i)
    {
        totals_.values[i] += t.counts.values[i];
    }
}

bool engine::is_stopped() const noexcept
{
    return io_ && io_->stopped();
}

void engine::arm()
{
    if (!armed_ && watch_)
    {
        armed_ = true;
        count(current_turn(), counter::epoll_ctl_calls);
        watch_->async_wait(
            boost::asio::posix::descriptor_base::wait_read,
            watch_handler(*this));
    }
}

void engine::kick() noexcept
{
    if (!kicked_)
    {
        kicked_ = true;
        system::epoll_rearm(set_, always_readable_, signal_events, kick_data);
        count(current_turn(), counter::epoll_ctl_calls);
    }
}

void engine::request_turn() noexcept
{
    lock const guard(mutex_, !options_.single_threaded);
    if (!shut_down_)
    {
        kick();
        arm();
    }
}

void engine::add_pending(long n, turn* t) noexcept
{
    if (t)
    {
        t->pending += n;
        return;
    }
    long const now = pending_.fetch_add(n, std::memory_order_acq_rel) + n;
    if (n > 0 || now == 0)
    {
        lock const guard(mutex_, !options_.single_threaded);
        // A turn that is under way looks at the number when it ends.
        if (running_turns_ == 0 && !shut_down_)
        {
            settle();
        }
    }
}

/// Has the watch armed if and only if operations are pending.
void engine::settle()
{
    if (pending_.load(std::memory_order_acquire) > 0)
    {
        if (!ready_.empty() || !completions_.empty())
        {
            kick();
        }
        arm();
    }
    else if (armed_ && running_turns_ == 0)
    {
        boost::system::error_code ignored;
        watch_->cancel(ignored);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
