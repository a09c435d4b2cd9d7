// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/engine.hpp>
#include <opslot/operation_context.hpp>

#include <boost/throw_exception.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

void intrusive_ptr_add_ref(operation_context* c) noexcept
{
    c->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(operation_context* c) noexcept
{
    if (c->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    {
        c->recycle_(c);
    }
}

void operation_context::timeout(std::chrono::steady_clock::duration duration)
{
    check_idle();
    operation::timeout =
        std::max(duration, std::chrono::steady_clock::duration::zero());
    has_deadline =
        operation::timeout.count() != 0 ||
        operation::expires_at != std::chrono::steady_clock::time_point();
}

void operation_context::expires_at(std::chrono::steady_clock::time_point time)
{
    check_idle();
    operation::expires_at = time;
    has_deadline = true;
}

/// What remains when an operation is over is the time that counts from each
/// start.
void operation_context::reset_deadline() noexcept
{
    operation::expires_at = {};
    has_deadline = operation::timeout.count() != 0;
}

bool operation_context::cancel() noexcept
{
    return detail::cancel(*this);
}

void operation_context::dispose() noexcept
{
    disposed_.store(true, std::memory_order_release);
}

boost::system::error_code operation_context::check_start() const noexcept
{
    if (disposed_.load(std::memory_order_acquire))
    {
        return opslot::error::context_disposed;
    }
    if (is_pending())
    {
        return opslot::error::context_busy;
    }
    if (owner_ && !owner_.is_owned())
    {
        return opslot::error::not_owned;
    }
    return {};
}

void operation_context::check_idle() const
{
    if (disposed_.load(std::memory_order_acquire))
    {
        detail::throw_if(opslot::error::context_disposed);
    }
    if (is_pending())
    {
        detail::throw_if(opslot::error::context_busy);
    }
}

void operation_context::update_wants_hold() noexcept
{
    wants_hold = owner_ || handler_via_ || recycle_;
}

void operation_context::set_owner(detail::owner_reference owner)
{
    check_idle();
    if (held_)
    {
        // Its handler is being called: the reference to the old owner lasts
        // until that has returned.
        handler_.keep_until_return(std::move(held_));
    }
    owner_ = owner;
    owner_is_known_ = false;
    update_wants_hold();
}

/// The operation goes pending.
void operation_context::hold() noexcept
{
    if (owner_ && !held_)
    {
        held_ = owner_.hold();
    }
    if (recycle_)
    {
        intrusive_ptr_add_ref(this);
    }
    if (handler_via_ && !record_)
    {
        via = handler_via_;
        handler_via_->work_started();
    }
}

namespace {

struct work_guard
{
    detail::dispatcher_ptr executor;

    ~work_guard()
    {
        if (executor)
        {
            executor->work_finished();
        }
    }
};

} // namespace

/// Lets go of everything that is held, after the handler if there is one.
void operation_context::end(bool calls_handler)
{
    // The context may be gone when the handler returns, so whatever is
    // released then is on the stack.
    detail::held_reference const owner(std::move(held_));
    boost::intrusive_ptr<operation_context> const self(
        recycle_ ? this : nullptr, false);
    detail::token_record* const record = std::exchange(record_, nullptr);
    work_guard const work{record ? nullptr : handler_via_};
    if (record)
    {
        runs_in_turn = false;
        cancellation_key = nullptr;
    }
    update_wants_hold();
    become_idle();
    if (record)
    {
        record->finish(record, *this, calls_handler);
    }
    else if (calls_handler)
    {
        handler_.invoke(this);
    }
    else
    {
        // Last, because it may destroy the context.
        handler_via_.reset();
        handler_.clear();
    }
}

void operation_context::on_event(operation& op, event e)
{
    auto& self = static_cast<operation_context&>(op);
    if (e == event::held)
    {
        self.hold();
    }
    else if (e == event::abandon)
    {
        self.end(false);
    }
    else if (self.recycle_ || self.handler_via_ || self.record_)
    {
        self.end(true);
    }
    else if (e == event::deliver_alone)
    {
        self.call_alone();
    }
    else
    {
        detail::held_reference const owner(std::move(self.held_));
        self.become_idle();
        self.handler_.invoke(&self);
    }
}

/// Calls the handler and leaves the reference to the owner in place, so that
/// the next operation need not take one.
void operation_context::call_alone()
{
    wants_hold = false;
    become_idle();
    handler_.invoke(this, [this] {
        if (!is_pending())
        {
            detail::held_reference const owner(std::move(held_));
            update_wants_hold();
        }
    });
}

void operation_context::release() noexcept
{
    if (is_known_to_engine())
    {
        bool const was_pending = is_pending();
        withdraw();
        if (was_pending)
        {
            end(false);
        }
    }
}

} // namespace OPSLOT_ABI
} // namespace opslot
