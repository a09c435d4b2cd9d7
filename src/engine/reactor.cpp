// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_datagrams.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

void throw_unless_open(int fd)
{
    if (fd < 0)
    {
        throw_if(system::error_of(fd));
    }
}

} // namespace

void intrusive_ptr_add_ref(engine* e) noexcept
{
    e->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(engine* e) noexcept
{
    if (e->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    {
        delete e;
    }
}

engine::engine(
    boost::asio::execution_context& context, reactor_options const& options)
    : context_(context)
    , memory_(&operation_memory::of(context))
    , options_(options)
    , origin_(system::coarse_time())
    , clock_resolution_(system::coarse_resolution())
{
    try
    {
        open_set();
    }
    catch (...)
    {
        close_set();
        throw;
    }
}

engine::~engine()
{
    // The watch, and with it the set, went when the context did.
    close_set();
}

void engine::close_set() noexcept
{
    for (int const fd : {set_, always_readable_, timer_, rescue_})
    {
        if (fd >= 0)
        {
            system::close_socket(fd);
        }
    }
}

void engine::open_set()
{
    set_ = system::epoll_open();
    throw_unless_open(set_);
    always_readable_ = system::readable_open();
    throw_unless_open(always_readable_);
    timer_ = system::timer_open();
    throw_unless_open(timer_);
    rescue_ = system::timer_open();
    throw_unless_open(rescue_);
    throw_unless_open(
        system::epoll_add(set_, rescue_, signal_events, rescue_data));
    // Registered without events: a kick asks for them.
    throw_unless_open(
        system::epoll_add(set_, always_readable_, EPOLLET, kick_data));
    throw_unless_open(
        system::epoll_add(set_, timer_, signal_events, timer_data));
}

void engine::use_executor(executor_description const& description)
{
    optional_lock const guard(mutex_, !options_.single_threaded);
    if (shut_down_)
    {
        return;
    }
    if (!watch_)
    {
        watch_.emplace(description.executor, set_);
        // Asio owns the set now.
        io_ = description.io;
    }
}

// Descriptors

descriptor* engine::allocate(int fd, bool is_tcp)
{
    lock const guard(mutex_, !options_.single_threaded);
    if (!free_)
    {
        chunks_.reserve(chunks_.size() + 1);
        chunks_.push_back(std::make_unique<descriptor[]>(chunk_size));
        for (std::size_t i = chunk_size; i-- != 0;)
        {
            descriptor& d = chunks_.back()[i];
            d.owner = this;
            d.next_free = free_;
            free_ = &d;
        }
    }
    descriptor* const d = std::exchange(free_, free_->next_free);
    d->fd = fd;
    d->is_tcp = is_tcp;
    d->ready.store(all_readiness(is_tcp), std::memory_order_release);
    return d;
}

boost::system::error_code engine::enroll(descriptor& d) noexcept
{
    int const result = system::epoll_add(set_, d.fd, socket_events, d.data());
    count(current_turn(), counter::epoll_ctl_calls);
    if (result < 0)
    {
        return system::error_of(result);
    }
    d.is_enrolled = true;
    return {};
}

void engine::make_ready(descriptor& d, turn* t) noexcept
{
    {
        lock const guard(mutex_, !options_.single_threaded);
        if (!d.ready_hook::is_linked())
        {
            ready_.push_back(d);
            has_others_.store(true, std::memory_order_relaxed);
        }
    }
    if (!t)
    {
        request_turn();
    }
}

void engine::retire(descriptor& d) noexcept
{
    d.is_enrolled = false;
    d.waits_otherwise = false;
    d.is_non_blocking = false;
    d.is_native_non_blocking = true;
    d.has_linger = false;
    d.is_broken = false;
    d.is_bound = false;
    d.says_arrival = false;
    d.ends_receives = false;
    d.was_given = false;
    d.budget_turn = 0;
    d.budget_used = 0;
    d.send_turn = 0;
    d.flush_turn = 0;
    d.queued_bytes = 0;
    d.queued_peak = 0;
    d.file_turn = 0;
    d.via.reset();
    d.settings.clear();
    forget_batching(d);
    lock const guard(mutex_, !options_.single_threaded);
    d.ready_hook::unlink();
    d.flush_hook::unlink();
    d.in_transmits.unlink();
    d.fd = -1;
    d.generation = (d.generation + 1) & descriptor::generations;
    d.next_free = std::exchange(free_, &d);
}

int engine::close(descriptor& d) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    end_all(d, boost::asio::error::operation_aborted);
    int const result = d.fd < 0 ? 0 : system::close_socket(d.fd);
    retire(d);
    return result;
}

int engine::release(descriptor& d) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    end_all(d, boost::asio::error::operation_aborted);
    int const fd = d.fd;
    if (has_split_datagrams(d, 0))
    {
        system::merge_receives(fd, false);
    }
    if (d.is_enrolled && !shut_down_)
    {
        system::epoll_remove(set_, fd);
        count(current_turn(), counter::epoll_ctl_calls);
    }
    retire(d);
    return fd;
}

void engine::cancel_all(descriptor& d) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    end_all(d, boost::asio::error::operation_aborted);
}

// Lifetime of the context

void engine::shutdown() noexcept
{
    {
        lock const guard(mutex_, !options_.single_threaded);
        shut_down_ = true;
    }
    deadlines_.clear_all();
    for (auto const& chunk : chunks_)
    {
        for (std::size_t i = 0; i != chunk_size; ++i)
        {
            lock const guard(chunk[i].mutex, !options_.single_threaded);
            end_all(chunk[i], boost::asio::error::operation_aborted);
            chunk[i].is_enrolled = false;
        }
    }
    // What is dropped may destroy other operations of this list, which take
    // themselves out of it.
    for (;;)
    {
        operation* op = nullptr;
        {
            lock const guard(mutex_, !options_.single_threaded);
            if (completions_.empty())
            {
                break;
            }
            op = &completions_.front();
            completions_.pop_front();
            op->keeper = nullptr;
            op->target.store(nullptr, std::memory_order_relaxed);
            op->place.store(
                operation_place::running, std::memory_order_release);
        }
        op->notify(operation::event::abandon);
    }
    if (watch_)
    {
        watch_.reset();
        set_ = -1;
    }
    pending_ = 0;
}

void engine::after_fork()
{
    if (shut_down_)
    {
        return;
    }
    // The set is shared with the parent, so this process leaves it to that
    // one and registers everything again in a set of its own.
    int const old_timer = timer_;
    int const old_rescue = rescue_;
    int const old_readable = always_readable_;
    int const old_set = watch_ ? watch_->release() : set_;
    system::close_socket(old_set);
    system::close_socket(old_timer);
    system::close_socket(old_rescue);
    system::close_socket(old_readable);
    open_set();
    kicked_ = false;
    rescue_is_set_ = false;
    if (watch_)
    {
        watch_->assign(set_);
    }
    for (auto const& chunk : chunks_)
    {
        for (std::size_t i = 0; i != chunk_size; ++i)
        {
            if (chunk[i].fd >= 0 && chunk[i].is_enrolled)
            {
                enroll(chunk[i]);
            }
        }
    }
    check_deadlines();
    if (pending_ > 0)
    {
        kick();
        arm();
    }
}

diagnostics_report engine::report() noexcept
{
    counters sum;
    diagnostics_report r;
    {
        lock const guard(mutex_, !options_.single_threaded);
        sum = totals_;
        r.turns = turns_;
        r.pending_peak = pending_peak_;
    }
    long pending = pending_.load(std::memory_order_relaxed);
    if (turn* const t = current_turn())
    {
        for (std::size_t i = 0; i != counters::size; ++i)
        {
            sum.values[i] += t->counts.values[i];
        }
        pending += static_cast<long>(t->counts[counter::queued]) -
                   static_cast<long>(t->delivered) + t->pending;
    }
    for (std::size_t i = 0; i != counters::size; ++i)
    {
        sum.values[i] += outside_[i].load(std::memory_order_relaxed);
    }
    r.started = sum[counter::queued] + sum[counter::synchronous];
    r.completed_synchronously = sum[counter::synchronous];
    r.pending = static_cast<std::uint64_t>(std::max(pending, long(0)));
    r.pending_peak = std::max(r.pending_peak, r.pending);
    r.timeouts = sum[counter::timeouts];
    r.receive_calls = sum[counter::receive_calls];
    r.send_calls = sum[counter::send_calls];
    r.accept_calls = sum[counter::accept_calls];
    r.connect_calls = sum[counter::connect_calls];
    r.poll_calls = sum[counter::poll_calls];
    r.epoll_wait_calls = sum[counter::epoll_wait_calls];
    r.epoll_ctl_calls = sum[counter::epoll_ctl_calls];
    r.timer_calls = sum[counter::timer_calls];
    r.file_calls = file_calls_.load(std::memory_order_relaxed);
    return r;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
