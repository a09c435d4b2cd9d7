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
    blocks_.fetch_or(disposed, std::memory_order_acq_rel);
}

boost::system::error_code operation_context::check_start() const noexcept
{
    if (was_disposed())
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

void operation_context::reject_start() const
{
    detail::throw_error(check_start());
}

void operation_context::check_idle() const
{
    if (was_disposed())
    {
        detail::throw_if(opslot::error::context_disposed);
    }
    if (is_pending())
    {
        detail::throw_if(opslot::error::context_busy);
    }
}

/// The owner was not seen to be owned yet, or the context is disposed.
bool operation_context::finds_owner() noexcept
{
    if (!was_disposed() && owner_.is_owned())
    {
        blocks_.fetch_and(
            static_cast<unsigned char>(~owner_is_unknown),
            std::memory_order_acq_rel);
        return !was_disposed();
    }
    return false;
}

/// How the next operation is delivered, and whether it takes a hold first.
void operation_context::update_delivery() noexcept
{
    bool const is_direct = !handler_via_ && !recycle_ && !record_ && !conclude_;
    wants_hold = (owner_ && !held_) || handler_via_ || recycle_;
    deliver_by(is_direct ? deliver_directly_ : &operation_context::deliver);
}

void operation_context::set_owner(detail::owner_reference owner)
{
    check_idle();
    handler_.change_owner(std::move(held_));
    owner_ = owner;
    if (owner_)
    {
        blocks_.fetch_or(owner_is_unknown, std::memory_order_acq_rel);
    }
    else
    {
        blocks_.fetch_and(
            static_cast<unsigned char>(~owner_is_unknown),
            std::memory_order_acq_rel);
    }
    update_delivery();
}

/// The operation goes pending.
void operation_context::hold() noexcept
{
    if (BOOST_LIKELY(!recycle_ && !handler_via_))
    {
        // It has an owner, and was most likely started by its own handler.
        detail::held_reference const* const lent =
            detail::handler_storage::call::lent_to(handler_);
        if (BOOST_LIKELY(lent && held_.copy(*lent)))
        {
            wants_hold = false;
            return;
        }
    }
    hold_in_general();
}

void operation_context::hold_in_general() noexcept
{
    if (owner_ && !held_)
    {
        held_ = owner_.hold();
    }
    wants_hold = handler_via_ || recycle_;
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

/// Ends the hold of an operation that is over, and that no other followed.
void operation_context::let_go() noexcept
{
    if (held_)
    {
        detail::held_reference const owner(std::move(held_));
        update_delivery();
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

void operation_context::conclude(bool delivers)
{
    if (conclude_)
    {
        std::exchange(conclude_, nullptr)(*this, delivers);
    }
}

/// Lets go of everything that is held, after the handler if there is one.
void operation_context::end(bool calls_handler)
{
    conclude(calls_handler);
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
    update_delivery();
    via.reset();
    be_over();
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
        // The context may be used again, with or without another handler.
        deliver_directly_ = &operation_context::deliver;
        handler_via_.reset();
        update_delivery();
        // Last, because it may destroy the context.
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
    else
    {
        self.end(false);
    }
}

void operation_context::deliver(operation& op, bool)
{
    static_cast<operation_context&>(op).end(true);
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
