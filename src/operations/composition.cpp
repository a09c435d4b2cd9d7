// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/composition.hpp>

#include <boost/asio/error.hpp>

#include <mutex>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

void intrusive_ptr_add_ref(composition* c) noexcept
{
    c->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(composition* c) noexcept
{
    if (c->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    {
        delete c;
    }
}

composition::step::~step()
{
    if (is_known_to_engine())
    {
        withdraw();
    }
}

void composition::step::on_deliver(operation& op, bool)
{
    step& s = static_cast<step&>(op);
    composition_ptr const self(&s.composition_, false);
    std::lock_guard<light_mutex> const lock(self->mutex_);
    s.place.store(operation_place::nowhere, std::memory_order_release);
    s.is_under_way_ = false;
    self->on_step(s);
}

void composition::step::on_event(operation& op, event e)
{
    if (e != event::abandon)
    {
        return;
    }
    // The context of this step goes; that of the whole operation may stay.
    step& s = static_cast<step&>(op);
    composition_ptr const self(&s.composition_, false);
    std::lock_guard<light_mutex> const lock(self->mutex_);
    self->finish(boost::asio::error::operation_aborted, 0);
    s.place.store(operation_place::nowhere, std::memory_order_release);
    s.is_under_way_ = false;
    self->on_step(s);
}

start_result composition::start_step(
    step& s,
    operation_kind kind,
    void* request,
    socket_handle& socket,
    start_function function) noexcept
{
    s.kind = kind;
    s.request = request;
    s.error.clear();
    s.bytes_transferred = 0;
    s.has_deadline = s.timeout.count() != 0;
    // Before it can be delivered, which gives the reference back.
    intrusive_ptr_add_ref(this);
    s.is_under_way_ = true;
    start_result const result = (socket.*function)(s);
    if (result == completed)
    {
        s.is_under_way_ = false;
        intrusive_ptr_release(this);
    }
    return result;
}

void composition::finish(
    boost::system::error_code const& ec,
    std::size_t bytes_transferred,
    socket_handle* gift) noexcept
{
    if (whole_)
    {
        socket_handle::finish(*engine_, *whole_, ec, bytes_transferred, gift);
        whole_ = nullptr;
        end_steps();
    }
}

void composition::stop() noexcept
{
    std::lock_guard<light_mutex> const lock(mutex_);
    whole_ = nullptr;
    end_steps();
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
