// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using error_code = boost::system::error_code;

/// The executor without what wraps it: turns do not need the strand, and
/// Asio needs no memory for the plain ones.
boost::asio::any_io_executor unwrap(executor_description const& description)
{
    using pool_executor = boost::asio::thread_pool::executor_type;
    if (description.io)
    {
        return description.io->get_executor();
    }
    if (auto* strand =
            description.executor.target<boost::asio::strand<pool_executor>>())
    {
        return strand->get_inner_executor();
    }
    return description.executor;
}

/// Runs its function when it goes.
template<typename Function>
class on_exit
{
public:
    explicit on_exit(Function f)
        : function_(std::move(f))
    {}

    on_exit(on_exit const&) = delete;
    on_exit& operator=(on_exit const&) = delete;

    ~on_exit() { function_(); }

private:
    Function function_;
};

} // namespace

engine::engine(boost::asio::execution_context& context)
    : context_(context)
    , memory_(&operation_memory::of(context))
    , own_(new_descriptor(*this, false))
    , origin_(clock::now())
{}

engine::~engine() = default;

void engine::use_executor(executor_description const& description)
{
    std::lock_guard<std::mutex> const lock(mutex_);
    if (!is_stopped() && (!executor_ || (!io_ && description.io)))
    {
        executor_ = unwrap(description);
        io_ = description.io;
        std::lock_guard<std::mutex> const timer_lock(timer_mutex_);
        if (!timer_)
        {
            timer_.emplace(executor_);
        }
    }
}

diagnostics_report engine::report() noexcept
{
    constexpr auto relaxed = std::memory_order_relaxed;
    diagnostics_report r;
    r.started = started_.load(relaxed);
    r.completed_synchronously = completed_synchronously_.load(relaxed);
    r.pending = pending_.load(relaxed);
    r.pending_peak = pending_peak_.load(relaxed);
    r.turns = turns_.load(relaxed);
    r.timeouts = timeouts_.load(relaxed);
    return r;
}

// Descriptors

descriptor_ptr engine::make_descriptor(socket_role role)
{
    descriptor_ptr d = new_descriptor(*this, true);
    std::lock_guard<std::mutex> const lock(mutex_);
    if (is_stopped())
    {
        throw boost::system::system_error(
            boost::asio::error::operation_aborted);
    }
    if (role == socket_role::stream)
    {
        d->socket.emplace<stream_socket>(executor_);
    }
    else if (role == socket_role::listener)
    {
        d->socket.emplace<listener_socket>(executor_);
    }
    else
    {
        d->socket.emplace<datagram_socket>(executor_);
    }
    descriptors_.push_back(*d);
    return d;
}

void engine::forget(descriptor& d) noexcept
{
    std::lock_guard<std::mutex> const lock(mutex_);
    if (d.descriptor_hook::is_linked())
    {
        descriptors_.erase(descriptors_.iterator_to(d));
    }
}

void engine::close(descriptor& d, error_code& ec) noexcept
{
    ec.clear();
    {
        descriptor_lock const lock(d.mutex);
        visit_socket(d, [&](auto& s) { s.close(ec); });
    }
    destroy(d);
}

void engine::destroy(descriptor& d) noexcept
{
    {
        descriptor_lock const lock(d.mutex);
        end_all(d);
        d.socket.emplace<std::monostate>();
        d.settings.clear();
        schedule(d);
    }
    forget(d);
}

native_socket engine::release(descriptor& d, error_code& ec) noexcept
{
    native_socket handle{};
    ec = boost::asio::error::bad_descriptor;
    {
        descriptor_lock const lock(d.mutex);
        visit_socket(d, [&](auto& s) { handle = s.release(ec); });
    }
    if (!ec)
    {
        destroy(d);
    }
    return handle;
}

boost::asio::io_context* engine::context_for_blocking(error_code& ec) noexcept
{
    std::lock_guard<std::mutex> const lock(mutex_);
    try
    {
        if (!blocking_)
        {
            blocking_ = std::make_unique<boost::asio::io_context>(1);
        }
    }
    catch (boost::system::system_error const& error)
    {
        ec = error.code();
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
    }
    return blocking_.get();
}

// Turns

class engine::posted_turn
{
public:
    using allocator_type = operation_memory_allocator<void>;

    explicit posted_turn(engine& e) noexcept
        : engine_(&e)
    {}

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(engine_->memory());
    }

    void operator()()
    {
        engine_ptr const e = engine_;
        e->on_posted();
    }

private:
    engine_ptr engine_;
};

/// Needs the lock of the engine.
void engine::post_turn() noexcept
{
    if (posted_ || is_stopped())
    {
        return;
    }
    posted_ = true;
    try
    {
        if (io_)
        {
            boost::asio::post(io_->get_executor(), posted_turn(*this));
        }
        else
        {
            boost::asio::post(executor_, posted_turn(*this));
        }
    }
    catch (...)
    {
        // No memory. The next turn, whatever it is for, does the work.
        posted_ = false;
    }
}

void engine::post_turn_if_ready() noexcept
{
    std::lock_guard<std::mutex> const lock(mutex_);
    if (!ready_.empty())
    {
        post_turn();
    }
}

void engine::on_posted()
{
    {
        std::lock_guard<std::mutex> const lock(mutex_);
        posted_ = false;
    }
    turns_.fetch_add(1, std::memory_order_relaxed);
    run_ready();
}

/// Puts a descriptor on the ready list.
void engine::make_ready(descriptor& d) noexcept
{
    d.is_scheduled = true;
    intrusive_ptr_add_ref(&d);
    std::lock_guard<std::mutex> const lock(mutex_);
    ready_.push_back(d);
}

void engine::schedule(descriptor& d) noexcept
{
    if (!d.completed.empty() && !d.is_scheduled)
    {
        make_ready(d);
        std::lock_guard<std::mutex> const lock(mutex_);
        post_turn();
    }
}

descriptor_ptr engine::take_ready() noexcept
{
    std::lock_guard<std::mutex> const lock(mutex_);
    if (ready_.empty())
    {
        return nullptr;
    }
    descriptor_ptr d(&ready_.front(), false);
    ready_.pop_front();
    return d;
}

/// The next one with completions; none after a handler that has stopped the
/// context. Others are left to another thread, if there is one: a handler
/// may wait for another socket's.
descriptor_ptr engine::take_ready_in_turn(bool is_first) noexcept
{
    if (!is_first && stop_was_asked())
    {
        return nullptr;
    }
    descriptor_ptr d = take_ready();
    post_turn_if_ready();
    return d;
}

/// Whether no further handler may start.
bool engine::stop_was_asked() noexcept
{
    std::lock_guard<std::mutex> const lock(mutex_);
    return io_ && io_->stopped();
}

void engine::run_ready()
{
    on_exit const rest([this] {
        post_turn_if_ready();
        settle_timer();
    });
    for (int budget = deliveries_per_turn; budget > 0;)
    {
        descriptor_ptr const d =
            take_ready_in_turn(budget == deliveries_per_turn);
        if (!d)
        {
            return;
        }
        budget = deliver_from(*d, budget);
    }
}

/// The thread that calls it no longer delivers from the descriptor, which
/// is locked.
void engine::give_back(descriptor& d) noexcept
{
    d.is_scheduled = false;
    if (!d.completed.empty())
    {
        make_ready(d);
        std::lock_guard<std::mutex> const lock(mutex_);
        post_turn();
    }
}

/** Delivers completions of a descriptor that was on the ready list.

    Operations that go through a dispatcher are submitted by one thread at a
    time, so a strand's handlers run in the order of completion. A handler
    that runs here is the last one, and the others are free for another
    thread meanwhile.

    @return What is left of the budget.
*/
int engine::deliver_from(descriptor& d, int budget)
{
    descriptor_lock lock(d.mutex);
    while (!d.completed.empty() && budget > 0)
    {
        --budget;
        operation& op = d.completed.front();
        d.completed.pop_front();
        op.place.store(operation_place::running, std::memory_order_release);
        if (!op.via || op.via->is_home(context_))
        {
            give_back(d);
            lock.unlock();
            op.target.store(nullptr, std::memory_order_release);
            op.place.store(operation_place::nowhere, std::memory_order_release);
            op.via.reset();
            op.deliver(false);
            return budget;
        }
        dispatcher_ptr const via = op.via;
        lock.unlock();
        try
        {
            via->submit(op);
        }
        catch (...)
        {
            lock.lock();
            give_back(d);
            throw;
        }
        lock.lock();
    }
    give_back(d);
    return budget;
}

// Shutting down

descriptor_ptr engine::take_descriptor() noexcept
{
    std::lock_guard<std::mutex> const lock(mutex_);
    if (descriptors_.empty())
    {
        return nullptr;
    }
    descriptor_ptr d(&descriptors_.front());
    descriptors_.pop_front();
    return d;
}

/// Moves all operations of a descriptor to the engine's own, so that none
/// is lost when the handler of another one closes the socket.
void engine::take_operations(descriptor& d) noexcept
{
    end_all(d);
    descriptor_lock const lock(own_->mutex);
    while (!d.completed.empty())
    {
        operation& op = d.completed.front();
        d.completed.pop_front();
        op.target.store(own_.get(), std::memory_order_release);
        own_->completed.push_back(op);
    }
}

void engine::abandon_operations() noexcept
{
    for (;;)
    {
        descriptor_lock lock(own_->mutex);
        if (own_->completed.empty())
        {
            return;
        }
        operation& op = own_->completed.front();
        own_->completed.pop_front();
        lock.unlock();
        op.target.store(nullptr, std::memory_order_release);
        op.place.store(operation_place::nowhere, std::memory_order_release);
        op.notify(operation::event::abandon);
    }
}

void engine::shutdown() noexcept
{
    {
        std::lock_guard<std::mutex> const lock(mutex_);
        stopped_.store(true, std::memory_order_release);
    }
    deadlines_.clear_all();
    {
        std::lock_guard<std::mutex> const lock(timer_mutex_);
        timer_.reset();
    }
    while (descriptor_ptr const d = take_descriptor())
    {
        descriptor_lock const lock(d->mutex);
        take_operations(*d);
        d->socket.emplace<std::monostate>();
    }
    // Closed descriptors may still have completions to deliver.
    while (descriptor_ptr const d = take_ready())
    {
        if (d != own_)
        {
            descriptor_lock const lock(d->mutex);
            take_operations(*d);
        }
    }
    abandon_operations();
    std::lock_guard<std::mutex> const lock(mutex_);
    executor_ = {};
    io_ = nullptr;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
