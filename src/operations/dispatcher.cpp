// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/dispatcher.hpp>

#include <mutex>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

void intrusive_ptr_add_ref(dispatcher* d) noexcept
{
    d->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(dispatcher* d) noexcept
{
    if (d->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    {
        delete d;
    }
}

namespace {

using operation_list = dispatcher::operation_list;

/// Takes the first operation out of a list that `mutex` guards, or returns
/// null. It is running then.
operation* take_first(operation_list& list, light_mutex& mutex) noexcept
{
    std::lock_guard<light_mutex> const lock(mutex);
    if (list.empty())
    {
        return nullptr;
    }
    operation& op = list.front();
    list.pop_front();
    op.place.store(operation_place::running, std::memory_order_release);
    return &op;
}

} // namespace

dispatcher::~dispatcher() = default;

void dispatcher::submit(operation& op)
{
    // The operation's own reference may be gone before schedule() returns.
    dispatcher_ptr const self(this);
    bool first;
    {
        std::lock_guard<light_mutex> const lock(mutex_);
        op.place.store(operation_place::dispatcher, std::memory_order_release);
        queue_.push_back(op);
        first = !std::exchange(scheduled_, true);
    }
    if (first)
    {
        schedule(delivery(self), false);
    }
}

bool dispatcher::withdraw(operation& op) noexcept
{
    std::lock_guard<light_mutex> const lock(mutex_);
    if (op.place.load(std::memory_order_acquire) != operation_place::dispatcher)
    {
        return false;
    }
    // It may be in queue_ or in the batch of a delivery: both are guarded.
    op.place_hook::unlink();
    op.target.store(nullptr, std::memory_order_release);
    op.place.store(operation_place::nowhere, std::memory_order_release);
    return true;
}

void dispatcher::deliver()
{
    dispatcher_ptr const self(this);
    operation_list batch;
    {
        std::lock_guard<light_mutex> const lock(mutex_);
        batch.swap(queue_);
    }

    // What came meanwhile, and what is left of the batch if a handler throws,
    // takes another trip.
    auto const again = [this, &batch] {
        {
            std::lock_guard<light_mutex> const lock(mutex_);
            queue_.splice(queue_.begin(), batch);
            scheduled_ = !queue_.empty();
            if (!scheduled_)
            {
                return;
            }
        }
        schedule(delivery(this), true);
    };
    try
    {
        while (operation* const op = take_first(batch, mutex_))
        {
            op->target.store(nullptr, std::memory_order_release);
            op->via.reset();
            op->deliver(false);
        }
    }
    catch (...)
    {
        try
        {
            again();
        }
        catch (...)
        {
            // No memory for the submission: its destructor has abandoned the
            // rest, and the handler's exception says more than this one.
        }
        throw;
    }
    again();
}

void dispatcher::abandon() noexcept
{
    dispatcher_ptr const self(this);
    operation_list batch;
    {
        std::lock_guard<light_mutex> const lock(mutex_);
        batch.swap(queue_);
        scheduled_ = false;
    }
    while (operation* const op = take_first(batch, mutex_))
    {
        op->target.store(nullptr, std::memory_order_release);
        op->notify(operation::event::abandon);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
