// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Operations that are pending while others are their steps, and the moves of
// native sockets that go with them.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <new>
#include <utility>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

bool has_operations(descriptor const& d) noexcept
{
    return std::any_of(
        d.queues.begin(), d.queues.end(), [](operation_queue const& q) {
            return !q.empty();
        });
}

} // namespace

/// Neither a native socket nor an operation is there.
bool engine::is_vacant(descriptor& d) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    return d.fd < 0 && !has_operations(d);
}

/// Why a composed operation cannot be started; the descriptor is locked.
boost::system::error_code
engine::check_composed(descriptor& d, bool takes_socket) noexcept
{
    if (shut_down_)
    {
        return boost::asio::error::operation_aborted;
    }
    if (takes_socket && has_operations(d))
    {
        return boost::asio::error::already_started;
    }
    if (takes_socket && d.fd >= 0)
    {
        boost::asio::ip::tcp::endpoint peer;
        std::size_t size = peer.capacity();
        if (system::remote_address(d.fd, peer.data(), size) >= 0)
        {
            return boost::asio::error::already_connected;
        }
    }
    return {};
}

start_result
engine::start_composed(descriptor& d, operation& op, descriptor* taker) noexcept
{
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    op.is_plain = false;
    op.error = check_composed(d, taker != nullptr);
    if (op.error)
    {
        count(t, counter::synchronous);
        return completed;
    }
    if (taker && !lend(d, *taker, t))
    {
        op.error = boost::asio::error::no_memory;
        count(t, counter::synchronous);
        return completed;
    }
    go_pending(d, op, composed, t);
    return pending;
}

/** Moves a native socket from one descriptor to another, with its place in
    the set; the first one is locked if it is known to others.

    The set says what is ready once more, and everything may be tried.
*/
void engine::move_native(descriptor& from, descriptor& to, turn* t) noexcept
{
    bool const is_enrolled = std::exchange(from.is_enrolled, false);
    to.is_tcp = from.is_tcp;
    to.has_linger = from.has_linger;
    to.is_native_non_blocking = from.is_native_non_blocking;
    to.fd = std::exchange(from.fd, -1);
    std::swap(to.batching, from.batching);
    to.ready.store(
        static_cast<unsigned char>(
            readiness::read | readiness::write | readiness::except |
            (to.is_tcp ? readiness::none : readiness::no_short_reads)),
        std::memory_order_release);
    if (is_enrolled)
    {
        count(t, counter::epoll_ctl_calls);
        to.is_enrolled =
            system::epoll_rearm(set_, to.fd, socket_events, to.data()) >= 0;
    }
}

/// Moves a native socket, if there is one, and copies what was set of it; the
/// first one is locked. Returns false, and changes nothing, if there is no
/// memory.
bool engine::lend(descriptor& from, descriptor& to, turn* t) noexcept
{
    if (!to.settings.assign(from.settings))
    {
        return false;
    }
    if (from.fd >= 0)
    {
        move_native(from, to, t);
    }
    return true;
}

bool engine::lend(descriptor& from, descriptor& to) noexcept
{
    // A late event of it may be looked at in another thread.
    lock const guard(from.mutex, !options_.single_threaded);
    return lend(from, to, current_turn());
}

bool engine::finish(
    descriptor& d,
    operation& op,
    boost::system::error_code const& ec,
    std::size_t bytes_transferred,
    descriptor* gift) noexcept
{
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    if (op.target.load(std::memory_order_acquire) != &d ||
        op.place.load(std::memory_order_acquire) != operation_place::queue)
    {
        return false;
    }
    if (gift)
    {
        // A late event of the gift may be looked at in another thread.
        lock const gift_guard(gift->mutex, !options_.single_threaded);
        move_native(*gift, d, t);
        d.was_given = true;
        d.is_broken = false;
    }
    op.error = ec;
    op.bytes_transferred = bytes_transferred;
    leave_queue(d, op);
    complete_later(op, t);
    return true;
}

bool socket_handle::vacate() noexcept
{
    if (descriptor_ && engine_->is_vacant(*descriptor_))
    {
        engine_->close(*std::exchange(descriptor_, nullptr));
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
        descriptor_ = engine_->allocate(-1, false);
        configure();
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
    }
    else if (!is_open())
    {
        ec = boost::asio::error::bad_descriptor;
    }
    if (!ec && taker)
    {
        taker->reserve(ec);
    }
    if (ec)
    {
        engine_->reject(op, ec);
        return completed;
    }
    return engine_->start_composed(
        *descriptor_, op, taker ? taker->descriptor_ : nullptr);
}

start_result socket_handle::start_pause(operation& op) noexcept
{
    error_code ec;
    reserve(ec);
    if (ec)
    {
        engine_->reject(op, ec);
        return completed;
    }
    return engine_->start_composed(*descriptor_, op, nullptr);
}

bool socket_handle::finish(
    engine& e,
    operation& op,
    error_code const& ec,
    std::size_t bytes_transferred,
    socket_handle* gift) noexcept
{
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
    ec = boost::asio::error::bad_descriptor;
    if (is_open())
    {
        int const result = system::enable_fast_open(descriptor_->fd);
        ec = result < 0 ? system::error_of(result) : error_code();
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
