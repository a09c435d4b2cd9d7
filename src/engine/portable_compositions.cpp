// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Operations that are pending while others are their steps, and the moves of
// sockets that go with them.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "engine/portable.hpp"
#include "engine/queued_bytes.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using error_code = boost::system::error_code;

bool has_operations(descriptor const& d) noexcept
{
    return !d.compositions.empty() ||
           std::any_of(
               d.directions.begin(),
               d.directions.end(),
               [](direction const& x) { return !x.queue.empty(); });
}

/// Moves a socket from one descriptor to another; both are locked if they
/// are known to others.
void move_native(descriptor& from, descriptor& to)
{
    to.socket.emplace<stream_socket>(
        std::move(std::get<stream_socket>(from.socket)));
    from.socket.emplace<std::monostate>();
    to.native_non_blocking = from.native_non_blocking;
}

/// Moves a socket, if there is one, and copies what was set of it; the first
/// one is locked. Returns false, and changes nothing, if there is no memory.
bool lend_locked(descriptor& from, descriptor& to) noexcept
{
    if (!to.settings.assign(from.settings))
    {
        return false;
    }
    if (from.is_open())
    {
        move_native(from, to);
    }
    return true;
}

} // namespace

/// Neither a native socket nor an operation is there.
bool engine::is_vacant(descriptor& d) noexcept
{
    std::lock_guard<std::mutex> const lock(d.mutex);
    return !d.is_open() && !has_operations(d);
}

bool engine::lend(descriptor& from, descriptor& to) noexcept
{
    // A late event of it may be looked at in another thread.
    descriptor_lock const lock(from.mutex);
    return lend_locked(from, to);
}

/// Why a composed operation cannot be started; the descriptor is locked.
error_code engine::check_composed(descriptor& d, bool takes_socket) noexcept
{
    if (is_stopped())
    {
        return boost::asio::error::operation_aborted;
    }
    if (!takes_socket)
    {
        return {};
    }
    if (has_operations(d))
    {
        return boost::asio::error::already_started;
    }
    if (auto const* const s = std::get_if<stream_socket>(&d.socket))
    {
        error_code ec;
        s->remote_endpoint(ec);
        if (!ec)
        {
            return boost::asio::error::already_connected;
        }
    }
    return {};
}

start_result
engine::start_composed(descriptor& d, operation& op, descriptor* taker) noexcept
{
    descriptor_lock const lock(d.mutex);
    if (error_code const ec = check_composed(d, taker != nullptr))
    {
        return reject(op, ec);
    }
    if (taker && !lend_locked(d, *taker))
    {
        return reject(op, boost::asio::error::no_memory);
    }
    go_composed(d, op);
    return pending;
}

/// An operation for which no readiness does anything is pending from here on.
void engine::go_composed(descriptor& d, operation& op) noexcept
{
    started_.fetch_add(1, std::memory_order_relaxed);
    op.direction = composed;
    op.target.store(&d, std::memory_order_release);
    op.place.store(operation_place::queue, std::memory_order_release);
    d.compositions.push_back(op);
    go_pending(op);
}

/// Starts a wait for the queue of sends; the descriptor is locked.
start_result engine::start_queue_wait(descriptor& d, operation& op) noexcept
{
    if (is_queue_wait(op, bytes_left(d)))
    {
        return reject(op, error_code());
    }
    go_composed(d, op);
    return pending;
}

bool engine::finish(
    descriptor& d,
    operation& op,
    error_code const& ec,
    std::size_t bytes_transferred,
    descriptor* gift) noexcept
{
    descriptor_lock const lock(d.mutex);
    if (op.target.load(std::memory_order_acquire) != &d ||
        op.place.load(std::memory_order_acquire) != operation_place::queue)
    {
        return false;
    }
    if (gift)
    {
        // A late event of the gift may be looked at in another thread.
        descriptor_lock const gift_lock(gift->mutex);
        move_native(*gift, d);
        d.was_given = true;
        d.is_interrupted = false;
    }
    op.error = ec;
    op.bytes_transferred = bytes_transferred;
    leave_queue(d, op);
    complete(d, op);
    schedule(d);
    return true;
}

bool socket_handle::vacate() noexcept
{
    if (descriptor_ && engine_->is_vacant(*descriptor_))
    {
        discard(std::exchange(descriptor_, nullptr));
    }
    return !descriptor_;
}

void socket_handle::reserve(error_code& ec) noexcept
{
    ec.clear();
    if (descriptor_)
    {
        return;
    }
    try
    {
        descriptor_ptr d = engine_->make_descriptor(role_);
        {
            std::lock_guard<std::mutex> const lock(d->mutex);
            d->socket.emplace<std::monostate>();
        }
        descriptor_ = d.detach();
        configure();
    }
    catch (boost::system::system_error const& e)
    {
        ec = e.code();
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
    }
}

start_result
socket_handle::start_composed(operation& op, socket_handle* taker) noexcept
{
    error_code ec;
    if (taker)
    {
        reserve(ec);
        if (!ec)
        {
            taker->reserve(ec);
        }
    }
    else if (!is_open())
    {
        ec = boost::asio::error::bad_descriptor;
    }
    if (ec)
    {
        return engine_->reject(op, ec);
    }
    // An owner with an executor of its own puts that in when it is held.
    op.via = op.runs_in_turn ? dispatcher_ptr() : via_;
    return engine_->start_composed(
        *descriptor_, op, taker ? taker->descriptor_ : nullptr);
}

start_result socket_handle::start_pause(operation& op) noexcept
{
    error_code ec;
    reserve(ec);
    return ec ? engine_->reject(op, ec)
              : engine_->start_composed(*descriptor_, op, nullptr);
}

bool socket_handle::finish(
    engine& e,
    operation& op,
    error_code const& ec,
    std::size_t bytes_transferred,
    socket_handle* gift) noexcept
{
    // Under the lock of the descriptor it is seen whether it is there still.
    descriptor* const d = op.target.load(std::memory_order_acquire);
    return d && e.finish(
                    *d,
                    op,
                    ec,
                    bytes_transferred,
                    gift ? gift->descriptor_ : nullptr);
}

void socket_handle::fast_open(error_code& ec) noexcept
{
#if defined(TCP_FASTOPEN_CONNECT)
    int const on = 1;
    set_option(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on), ec);
#else
    ec = boost::asio::error::operation_not_supported;
#endif
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
