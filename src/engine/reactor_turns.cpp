// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/slot_allocator.hpp>

#include <boost/asio/defer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/config.hpp>

#include <algorithm>
#include <new>

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

/// What unusual events of a socket say of its readiness.
unsigned char unusual_readiness(std::uint32_t events) noexcept
{
    unsigned bits = events & (EPOLLIN | EPOLLOUT);
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
    return static_cast<unsigned char>(bits);
}

/// What events of a socket say of its readiness.
inline unsigned char readiness_of(std::uint32_t events) noexcept
{
    constexpr std::uint32_t usual = EPOLLIN | EPOLLOUT;
    return BOOST_LIKELY((events & ~usual) == 0)
               ? static_cast<unsigned char>(events)
               : unusual_readiness(events);
}

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

/// Takes the next turn right behind what the context has queued already. It
/// may be long until the first one is needed, so it has memory of its own.
class engine::next_turn
{
public:
    using allocator_type = slot_allocator<void>;

    explicit next_turn(engine& e) noexcept
        : engine_(&e)
    {}

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(engine_->next_turn_memory_);
    }

    void operator()() const { engine_->on_next_turn(); }

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

void engine::on_next_turn()
{
    {
        lock const guard(mutex_, !options_.single_threaded);
        next_turn_is_queued_ = false;
        if (shut_down_)
        {
            return;
        }
        resume_transmits();
    }
    take_turn();
}

void engine::take_turn()
{
    if (options_.single_threaded)
    {
        take_turn<one_thread>();
    }
    else
    {
        take_turn<many_threads>();
    }
}

bool engine::is_over(turn const& t) const noexcept
{
    return t.is_stopped || t.delivered >= options_.handlers_per_turn;
}

/// Asks the set what is ready. Returns how many events there were.
template<typename Threads>
int engine::harvest(turn& t) noexcept
{
    if (!Threads::is_alone && t.fetched != 0)
    {
        // Another thread may be looking at the last of the events.
        typename Threads::lock const guard(mutex_);
        t.fetched = 0;
    }
    // What there is no handler left for stays in the set, where the watch
    // finds it.
    int const n = system::epoll_poll(
        set_,
        t.events.data(),
        static_cast<int>(std::min<std::uint64_t>(
            t.events.size(), options_.handlers_per_turn - t.delivered)));
    count(&t, counter::epoll_wait_calls);
    bool timer_fired = false;
    {
        typename Threads::lock const guard(mutex_);
        auto sockets = static_cast<std::uint32_t>(std::max(n, 0));
        for (std::uint32_t i = 0; i < sockets;)
        {
            ::epoll_event& e = t.events[i];
            if (BOOST_LIKELY(e.data.u64 > last_signal))
            {
                descriptor& d = *descriptor::of(e.data.u64);
                if (BOOST_LIKELY(d.is_meant_by(e.data.u64)))
                {
                    d.add_ready<Threads>(readiness_of(e.events));
                    ++i;
                    continue;
                }
            }
            else
            {
                timer_fired |= note_signal(e.data.u64);
            }
            e = t.events[--sockets];
        }
        t.fetched = sockets;
        t.taken.store(0, std::memory_order_relaxed);
        if (!ready_.empty())
        {
            // These have waited longer.
            list_rest(t);
        }
        if (!Threads::is_alone)
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
    bool const several_are_ready =
        !ready_.empty() && &ready_.front() != &ready_.back();
    if (t.fetched < 2 && !several_are_ready)
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

/// Puts what a turn has fetched and not taken at the end of the ready list;
/// the engine is locked.
void engine::list_rest(turn& t) noexcept
{
    while (descriptor* const d = t.next<many_threads>())
    {
        if (!d->ready_hook::is_linked())
        {
            ready_.push_back(*d);
        }
    }
    note_others();
}

/// The ready list or the completions have changed; the engine is locked.
void engine::note_others() noexcept
{
    has_others_.store(
        !ready_.empty() || !completions_.empty(), std::memory_order_relaxed);
}

/// Returns true for the timer of the deadlines.
bool engine::note_signal(std::uint64_t data) noexcept
{
    if (data == kick_data)
    {
        kicked_ = false;
        resume_transmits();
    }
    rescue_is_set_ = rescue_is_set_ && data != rescue_data;
    return data == timer_data;
}

/// Runs the handler of an operation, or sends it to where that runs.
template<typename Threads>
BOOST_FORCEINLINE void engine::deliver(operation& op, turn& t)
{
    ++t.delivered;
    op.target.store(nullptr, std::memory_order_relaxed);
    if (BOOST_LIKELY(!op.via))
    {
        op.deliver(Threads::is_alone);
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
        op.via.reset();
        op.deliver(options_.single_threaded);
    }
    else
    {
        via->submit(op);
    }
}

/// Continues one ready socket or delivers one operation. Returns false if
/// there is none.
template<typename Threads>
BOOST_FORCEINLINE bool engine::run_next(turn& t)
{
    if (t.delivered != 0 && is_stopped())
    {
        t.is_stopped = true;
        return false;
    }
    if (BOOST_UNLIKELY(has_others_.load(std::memory_order_relaxed)))
    {
        return run_other<Threads>(t);
    }
    if (descriptor* const d = t.next<Threads>())
    {
        visit<Threads>(*d, t);
        return true;
    }
    return !Threads::is_alone && help_another_turn(t);
}

/// The same when there is more than the sockets that were fetched: in
/// alternation with a completed operation, first those and then the ready
/// list.
template<typename Threads>
bool engine::run_other(turn& t)
{
    typename Threads::lock guard(mutex_);
    bool const has_socket = !t.is_drained() || !ready_.empty();
    if (!completions_.empty() && (t.prefers_completion || !has_socket))
    {
        operation& op = completions_.front();
        completions_.pop_front();
        op.place.store(operation_place::running, std::memory_order_release);
        op.keeper = nullptr;
        t.prefers_completion = false;
        note_others();
        guard.unlock();
        deliver<Threads>(op, t);
        return true;
    }
    t.prefers_completion = true;
    descriptor* d = t.next<Threads>();
    if (!d && !ready_.empty())
    {
        d = &ready_.front();
        ready_.pop_front();
    }
    note_others();
    guard.unlock();
    if (!d)
    {
        return false;
    }
    visit<Threads>(*d, t);
    return true;
}

/// Takes a socket that a turn of another thread has fetched, and does not
/// come to.
bool engine::help_another_turn(turn& t)
{
    descriptor* d = nullptr;
    {
        many_threads::lock const guard(mutex_);
        for (turn& other : running_turns_)
        {
            if ((d = other.next<many_threads>()))
            {
                break;
            }
        }
    }
    if (!d)
    {
        return false;
    }
    visit<many_threads>(*d, t);
    return true;
}

/// Continues the first operation of each direction of a socket. One that
/// has ended is delivered here; others wait for their turn.
template<typename Threads>
BOOST_FORCEINLINE void engine::visit(descriptor& d, turn& t)
{
    operation* ended = nullptr;
    {
        typename Threads::lock const guard(d.mutex);
        d.budget_used = 0;
        operation_queue& queue = d.queues[reading];
        operation* const op = queue.first();
        if (BOOST_LIKELY(op != nullptr) && d.is_ready(readiness::read) &&
            (BOOST_LIKELY(op->is_plain) ? receive_plain<Threads>(d, *op, &t)
                                        : perform(d, *op, &t)))
        {
            leave_front(queue, *op);
            ended = op;
            if (BOOST_UNLIKELY(!queue.empty()) && d.is_ready(readiness::read))
            {
                make_ready(d, &t);
            }
        }
        if (BOOST_UNLIKELY(d.waits_otherwise))
        {
            ended = visit_others(d, t, ended);
        }
    }
    if (BOOST_LIKELY(ended != nullptr))
    {
        deliver<Threads>(*ended, t);
    }
}

/// The directions that are rarely waited for. Returns the operation that
/// ended first, `ended` if there is one.
operation*
engine::visit_others(descriptor& d, turn& t, operation* ended) noexcept
{
    operation_list done;
    visit_sends(d, t, done);
    operation_queue& queue = d.queues[excepting];
    operation* const op = queue.first();
    if (op && d.is_ready(readiness::except) && perform(d, *op, &t))
    {
        leave_front(queue, *op);
        done.push_back(*op);
        if (!queue.empty() && d.is_ready(readiness::except))
        {
            make_ready(d, &t);
        }
    }
    if (!ended && !done.empty())
    {
        ended = &done.front();
        done.pop_front();
    }
    complete_all(done);
    d.waits_otherwise =
        d.is_broken || !d.queues[writing].empty() || !queue.empty();
    return ended;
}

/// As complete_later, in a turn, with one lock for all.
void engine::complete_all(operation_list& done) noexcept
{
    if (done.empty())
    {
        return;
    }
    lock const guard(mutex_, !options_.single_threaded);
    for (operation& op : done)
    {
        op.keeper = this;
        op.place.store(operation_place::completions, std::memory_order_release);
    }
    completions_.splice(completions_.end(), done);
    has_others_.store(true, std::memory_order_relaxed);
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
        d->flush_turn = 0;
        visit_sends(*d, t, done);
        completed_any |= !done.empty();
        complete_all(done);
    }
    return completed_any;
}

template<typename Threads>
void engine::take_turn()
{
    turn t(*this);
    int harvested = 0;
    do
    {
        harvested = harvest<Threads>(t);
        do
        {
            while (t.delivered < options_.handlers_per_turn &&
                   run_next<Threads>(t))
            {}
        } while (flush(t) && !is_over(t));
    } while (harvested >= busy_harvest && !is_over(t));
}

void engine::finish(turn& t) noexcept
{
    // Also after a handler that threw: what it left behind is flushed here,
    // and what was fetched goes to the ready list.
    flush(t);
    lock const guard(mutex_, !options_.single_threaded);
    list_rest(t);
    t.turn_hook::unlink();
    auto const queued = static_cast<long>(t.counts[counter::queued]);
    long const change = queued - static_cast<long>(t.delivered) + t.pending;
    long const pending =
        pending_.fetch_add(change, std::memory_order_acq_rel) + change;
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
        if (running_turns_.empty() && !shut_down_)
        {
            settle();
        }
    }
}

/** A turn ends, and there is more to do.

    In a thread of an `io_context` the next turn is queued, which costs no
    system call there; elsewhere the set is made readable.
*/
void engine::go_on() noexcept
{
    if (!io_ || !current_turn())
    {
        kick();
    }
    else if (!next_turn_is_queued_)
    {
        try
        {
            boost::asio::defer(io_->get_executor(), next_turn(*this));
            next_turn_is_queued_ = true;
        }
        catch (std::bad_alloc const&)
        {
            kick();
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
            go_on();
        }
        arm();
    }
    else if (armed_ && running_turns_.empty())
    {
        boost::system::error_code ignored;
        watch_->cancel(ignored);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
