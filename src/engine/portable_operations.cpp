// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/transmit_request.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "engine/portable.hpp"
#include "engine/queued_bytes.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using boost::asio::socket_base;
using error_code = boost::system::error_code;

/// Receives that may complete at once in a row, unless the socket says
/// otherwise: so a fast peer does not keep a thread for itself.
constexpr std::uint32_t default_sync_budget = 16;
constexpr std::uint32_t unlimited_sync_budget = 0xffffffffu;

bool is_transfer(operation const& op) noexcept
{
    return op.kind == operation_kind::receive ||
           op.kind == operation_kind::send;
}

/// True for a transfer of no bytes that is not a wait.
bool is_empty_transfer(operation const& op) noexcept
{
    if (!is_transfer(op))
    {
        return false;
    }
    auto const& r = *static_cast<transfer_request*>(op.request);
    return r.total() == 0 && !r.datagram &&
           (op.kind == operation_kind::send || r.is_some);
}

} // namespace

// Starting

start_result engine::reject(operation& op, error_code const& ec) noexcept
{
    started_.fetch_add(1, std::memory_order_relaxed);
    completed_synchronously_.fetch_add(1, std::memory_order_relaxed);
    op.error = is_stopped() ? boost::asio::error::operation_aborted : ec;
    return completed;
}

start_result
engine::start(descriptor& d, operation& op, direction_index i) noexcept
{
    descriptor_lock const lock(d.mutex);
    if (!d.is_open())
    {
        return reject(op, boost::asio::error::bad_descriptor);
    }
    if (i == composed)
    {
        return start_queue_wait(d, op);
    }
    if (op.is_sending() && d.is_interrupted)
    {
        return reject(op, error::send_interrupted);
    }
    if (is_empty_transfer(op))
    {
        return reject(op, error_code());
    }
    if (is_transfer(op))
    {
        auto& r = *static_cast<transfer_request*>(op.request);
        r.index = 0;
        r.offset = 0;
    }
    ensure_non_blocking(d);
    started_.fetch_add(1, std::memory_order_relaxed);
    if (may_attempt(d, op, i) && attempt(d, op, false))
    {
        completed_synchronously_.fetch_add(1, std::memory_order_relaxed);
        return completed;
    }
    enqueue(d, op, i);
    return pending;
}

/// Whether an operation may be attempted at its start.
bool engine::may_attempt(
    descriptor& d, operation& op, direction_index i) noexcept
{
    // Asio has no readiness for urgent data but the one that it waits for,
    // and a connect is its operation from the beginning.
    if (!d.directions[i].queue.empty() || i == excepting ||
        op.kind == operation_kind::connect)
    {
        return false;
    }
    // The system tells why a connect failed once only, to whoever asks first.
    if (d.directions[writing].connecting)
    {
        return false;
    }
    if (i == writing || d.sync_budget == unlimited_sync_budget)
    {
        return true;
    }
    std::uint32_t const budget =
        d.sync_budget ? d.sync_budget : default_sync_budget;
    if (d.sync_count >= budget)
    {
        return false;
    }
    ++d.sync_count;
    return true;
}

void engine::enqueue(descriptor& d, operation& op, direction_index i) noexcept
{
    direction& x = d.directions[i];
    op.direction = i;
    op.target.store(&d, std::memory_order_release);
    op.place.store(operation_place::queue, std::memory_order_release);
    x.queue.push_back(op);
    if (i == writing)
    {
        d.queued_bytes += bytes_to_send(op);
        d.queued_peak = std::max(d.queued_peak, bytes_left(d));
    }
    go_pending(op);
    if (!x.is_waiting)
    {
        wait(d, i);
    }
}

/// An operation was queued.
void engine::go_pending(operation& op) noexcept
{
    std::uint64_t const now =
        pending_.fetch_add(1, std::memory_order_relaxed) + 1;
    std::uint64_t peak = pending_peak_.load(std::memory_order_relaxed);
    while (peak < now && !pending_peak_.compare_exchange_weak(
                             peak, now, std::memory_order_relaxed))
    {}
    if (op.wants_hold)
    {
        op.notify(operation::event::held);
    }
    set_deadline(op);
}

void engine::deliver_later(operation& op) noexcept
{
    if (op.wants_hold)
    {
        op.notify(operation::event::held);
    }
    {
        descriptor_lock const lock(own_->mutex);
        if (!is_stopped())
        {
            op.target.store(own_.get(), std::memory_order_release);
            complete(*own_, op);
            schedule(*own_);
            return;
        }
    }
    op.notify(operation::event::abandon);
}

// Asio's operations

/** The handler of all waits and connects.

    There is one per direction of a socket at a time. It does not point to
    an operation, so operations come and go as they like.
*/
class engine::ready_handler
{
public:
    using executor_type = inline_executor;
    using allocator_type = operation_memory_allocator<void>;
    using cancellation_slot_type = boost::asio::cancellation_slot;

    ready_handler(descriptor& d, direction_index i) noexcept
        : descriptor_(&d)
        , direction_(i)
    {}

    executor_type get_executor() const noexcept
    {
        return executor_type(&descriptor_->owner->context());
    }

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(descriptor_->owner->memory());
    }

    cancellation_slot_type get_cancellation_slot() const noexcept
    {
        return descriptor_->directions[direction_].stop.slot();
    }

    void operator()(error_code const& ec)
    {
        descriptor_ptr const d = descriptor_;
        d->owner->on_ready(*d, direction_, ec);
    }

private:
    descriptor_ptr descriptor_;
    direction_index direction_;
};

void engine::initiate(descriptor& d, direction_index i)
{
    direction& x = d.directions[i];
    operation& front = x.queue.front();
    if (front.kind == operation_kind::connect)
    {
        auto const& r = *static_cast<connect_request*>(front.request);
        x.connecting = &front;
        visit_socket(d, [&](auto& s) {
            using socket = std::decay_t<decltype(s)>;
            if constexpr (!std::is_same_v<socket, listener_socket>)
            {
                s.async_connect(
                    typename socket::endpoint_type(
                        r.address, r.address_size, r.protocol),
                    ready_handler(d, i));
            }
        });
        return;
    }
    constexpr std::array<socket_base::wait_type, 3> types{
        socket_base::wait_read,
        socket_base::wait_write,
        socket_base::wait_error};
    visit_socket(
        d, [&](auto& s) { s.async_wait(types[i], ready_handler(d, i)); });
}

void engine::wait(descriptor& d, direction_index i) noexcept
{
    direction& x = d.directions[i];
    x.is_waiting = true;
    try
    {
        initiate(d, i);
    }
    catch (...)
    {
        // No memory: nobody would ever wake these operations.
        x.is_waiting = false;
        x.connecting = nullptr;
        end_queue(i, d, boost::asio::error::no_memory);
        schedule(d);
    }
}

void engine::stop_wait(descriptor& d, direction_index i) noexcept
{
    direction& x = d.directions[i];
    if (x.is_waiting && d.is_open())
    {
        x.stop.emit(boost::asio::cancellation_type::terminal);
    }
}

void engine::on_ready(descriptor& d, direction_index i, error_code ec)
{
    {
        descriptor_lock const lock(d.mutex);
        direction& x = d.directions[i];
        x.is_waiting = false;
        d.sync_count = 0;
        bool is_ready = !ec;
        if (operation* const connect = std::exchange(x.connecting, nullptr))
        {
            is_ready = false;
            connect->error = ec;
            leave_queue(d, *connect);
            complete(d, *connect);
        }
        else if (
            ec && ec != boost::asio::error::operation_aborted &&
            !x.queue.empty())
        {
            // The system cannot wait for this socket.
            end(d, x.queue.front(), ec);
        }
        if (d.is_open())
        {
            make_attempts(d, i, is_ready);
        }
        if (!d.completed.empty() && !d.is_scheduled)
        {
            make_ready(d);
        }
    }
    turns_.fetch_add(1, std::memory_order_relaxed);
    run_ready();
}

/// Goes through a queue from its front until there is nothing to do.
void engine::make_attempts(
    descriptor& d, direction_index i, bool is_ready) noexcept
{
    ensure_non_blocking(d);
    direction& x = d.directions[i];
    for (int n = 0; n != deliveries_per_turn && !x.queue.empty(); ++n)
    {
        operation& front = x.queue.front();
        if ((i == excepting && !is_ready) ||
            !attempt(d, front, std::exchange(is_ready, false)))
        {
            break;
        }
        leave_queue(d, front);
        complete(d, front);
    }
    if (i == writing)
    {
        end_queue_waits(d);
    }
    if (!x.queue.empty() && !x.is_waiting)
    {
        wait(d, i);
    }
}

// Queues

void engine::leave_queue(descriptor& d, operation& op) noexcept
{
    auto const i = static_cast<direction_index>(op.direction);
    op.place_hook::unlink();
    pending_.fetch_sub(1, std::memory_order_relaxed);
    if (op.deadline_tick.load(std::memory_order_relaxed) >=
        deadline_queue::first_tick)
    {
        deadline_queue::clear(op);
        pending_deadlines_.fetch_sub(1, std::memory_order_seq_cst);
    }
    if (op.kind == operation_kind::transmit)
    {
        close_parts(*static_cast<transmit_request*>(op.request));
    }
    if (i == composed)
    {
        return;
    }
    if (i == writing)
    {
        d.queued_bytes -= bytes_to_send(op);
        end_queue_waits(d);
    }
    direction& x = d.directions[i];
    bool const was_connecting = x.connecting == &op;
    if (was_connecting)
    {
        x.connecting = nullptr;
    }
    // A disconnect does not wait until the socket is writable.
    if (was_connecting || x.queue.empty() ||
        x.queue.front().kind == operation_kind::disconnect)
    {
        stop_wait(d, i);
    }
}

std::size_t engine::queued_bytes(descriptor& d) noexcept
{
    descriptor_lock const lock(d.mutex);
    return bytes_left(d);
}

std::size_t engine::queued_bytes_peak(descriptor& d) noexcept
{
    descriptor_lock const lock(d.mutex);
    return d.queued_peak;
}

/// Ends the waits for a queue of sends as short as it is now.
void engine::end_queue_waits(descriptor& d) noexcept
{
    if (d.compositions.empty())
    {
        return;
    }
    std::size_t const left = bytes_left(d);
    for (auto i = d.compositions.begin(); i != d.compositions.end();)
    {
        operation& op = *i++;
        if (is_queue_wait(op, left))
        {
            leave_queue(d, op);
            complete(d, op);
        }
    }
}

/// Puts an operation that has its result with the completions.
void engine::complete(descriptor& d, operation& op) noexcept
{
    op.place.store(operation_place::completions, std::memory_order_release);
    d.completed.push_back(op);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
