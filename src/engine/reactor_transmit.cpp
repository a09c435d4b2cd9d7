// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/transmit_request.hpp>
#include <opslot/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"
#include "engine/transmit_batch.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

/// How many bytes of files one socket sends in a turn. Without a limit a fast
/// peer would have a thread for itself, and large files went at 0.57 times
/// the rate.
constexpr std::size_t file_bytes_per_turn = 256 * 1024;

/// Files of at most so many bytes are read, and leave with what is around
/// them: at 4 KiB sendfile(2) has 0.87 times the rate of that.
constexpr std::size_t largest_read_file = 16 * 1024;

transmit_request& request_of(operation& op) noexcept
{
    return *static_cast<transmit_request*>(op.request);
}

} // namespace

start_result engine::start_transmit(descriptor& d, operation& op) noexcept
{
    op.is_plain = false;
    turn* const t = current_turn();
    transmit_request& r = request_of(op);
    if (!open_parts(r, op.error))
    {
        count(t, counter::synchronous);
        return completed;
    }
    lock const guard(d.mutex, !options_.single_threaded);
    if (d.is_broken)
    {
        op.error = error::send_interrupted;
        close_parts(r);
        count(t, counter::synchronous);
        return completed;
    }
    bool const tries = d.queues[writing].empty() &&
                       (d.is_ready(readiness::write) || r.index == r.count);
    if (tries && perform_transmit(d, op, t))
    {
        count(t, counter::synchronous);
        return completed;
    }
    start_result const result = pend(d, op, writing, t);
    if (result == completed)
    {
        leave_files(d, op);
    }
    return result;
}

bool engine::perform_transmit(descriptor& d, operation& op, turn* t) noexcept
{
    std::uint64_t const id = t ? t->id : 0;
    if (!t || d.file_turn != id)
    {
        d.file_turn = id;
        d.file_budget = file_bytes_per_turn;
    }
    what_next next = again;
    while (next == again)
    {
        next = transmit_some(d, op, t);
    }
    if (next == blocked)
    {
        return false;
    }
    leave_files(d, op);
    transmit_end const end = request_of(op).end;
    if (op.error)
    {
        break_stream(d, op);
    }
    else if (end != transmit_end::stay_connected)
    {
        op.error = disconnect(
            d,
            end == transmit_end::disconnect ? socket_reuse::no
                                            : socket_reuse::yes,
            &op);
    }
    return true;
}

/// Makes one call for the part that is next.
engine::what_next
engine::transmit_some(descriptor& d, operation& op, turn* t) noexcept
{
    transmit_request const& r = request_of(op);
    if (r.index == r.count)
    {
        return over;
    }
    transmit_part const& p = r.parts[r.index];
    if (p.is_file() && d.file_budget == 0)
    {
        transmit_later(d);
        return blocked;
    }
    return p.is_file() && p.size > largest_read_file ? send_file_of(d, op)
                                                     : send_batch_of(d, op, t);
}

/// Sends buffers and small files.
BOOST_NOINLINE engine::what_next
engine::send_batch_of(descriptor& d, operation& op, turn* t) noexcept
{
    std::array<char, largest_read_file> staging;
    transmit_batch<::iovec> const batch(
        request_of(op),
        staging.data(),
        std::min(staging.size(), d.file_budget),
        largest_read_file);
    if (batch.size() == 0)
    {
        op.error = batch.error();
        return over;
    }
    // A file that follows shares the last segment.
    int const flags = batch.is_followed() && !batch.error() ? MSG_MORE : 0;
    ssize_t const n =
        system::send_vector(d.fd, batch.begin(), batch.size(), flags);
    count(t, counter::send_calls);
    d.file_budget -= batch.file_bytes();
    return transmitted(d, op, n);
}

/// Sends of a large file.
engine::what_next engine::send_file_of(descriptor& d, operation& op) noexcept
{
    transmit_request& r = request_of(op);
    transmit_part const& p = r.parts[r.index];
    if (!d.is_native_non_blocking)
    {
        // As Asio's asynchronous operations do it.
        system::set_non_blocking(d.fd, true);
        d.is_native_non_blocking = true;
    }
    if (has_bytes_behind(r, r.index))
    {
        cork(d, op);
    }
    std::uint64_t const asked =
        std::min<std::uint64_t>(p.size - r.offset, d.file_budget);
    ssize_t const n = system::send_file(
        d.fd, p.handle, p.offset + r.offset, static_cast<std::size_t>(asked));
    file_calls_.fetch_add(1, std::memory_order_relaxed);
    if (n == 0)
    {
        op.error = error::file_shrunk;
        return over;
    }
    d.file_budget -= static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    return transmitted(d, op, n);
}

/// A call has sent so many bytes, or failed.
engine::what_next
engine::transmitted(descriptor& d, operation& op, ssize_t result) noexcept
{
    if (result < 0)
    {
        return sent_nothing(d, op, result);
    }
    d.stay_writable();
    transmit_request& r = request_of(op);
    op.bytes_transferred += static_cast<std::size_t>(result);
    r.progress.store(op.bytes_transferred, std::memory_order_relaxed);
    advance_parts(r, static_cast<std::uint64_t>(result));
    return again;
}

/// A transmission has failed. If bytes of it were sent, the peer would take
/// what follows for the rest.
void engine::break_stream(descriptor& d, operation& op) noexcept
{
    if (op.bytes_transferred != 0)
    {
        d.is_broken = true;
        d.waits_otherwise = true;
        if (d.queues[writing].first() == &op)
        {
            end_sends_behind(d, op);
        }
    }
}

/** Keeps incomplete segments back, so that the end of a file and what follows
    it share one: sendfile(2) has no MSG_MORE.

    Does nothing if the program has done so itself.
*/
void engine::cork(descriptor& d, operation& op) noexcept
{
    transmit_request& r = request_of(op);
    if (r.is_corked || !d.is_tcp)
    {
        return;
    }
    int is_on = 0;
    std::size_t size = sizeof(is_on);
    system::get_option(d.fd, IPPROTO_TCP, TCP_CORK, &is_on, size);
    if (is_on == 0)
    {
        int const on = 1;
        system::set_option(d.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
        r.is_corked = true;
    }
}

/// An operation has ended: if it is a transmission, it lets go of its files,
/// and the socket of its last segment.
void engine::leave_files(descriptor& d, operation& op) noexcept
{
    if (op.kind != operation_kind::transmit)
    {
        return;
    }
    transmit_request& r = request_of(op);
    if (r.is_corked)
    {
        int const off = 0;
        system::set_option(d.fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
        r.is_corked = false;
    }
    close_parts(r);
}

/** A socket has sent its share of a file, and goes on in another turn.

    It counts as not ready until then, so that neither the flush of this turn
    nor a send continues it.
*/
void engine::transmit_later(descriptor& d) noexcept
{
    d.remove_ready(readiness::write);
    lock const guard(mutex_, !options_.single_threaded);
    if (!d.in_transmits.is_linked())
    {
        transmits_.push_back(d);
    }
    go_on();
}

/// Another turn begins; the engine is locked.
void engine::resume_transmits() noexcept
{
    while (!transmits_.empty())
    {
        descriptor& d = transmits_.front();
        transmits_.pop_front();
        d.add_ready(readiness::write);
        if (!d.ready_hook::is_linked())
        {
            ready_.push_back(d);
        }
        has_others_.store(true, std::memory_order_relaxed);
    }
}

start_result socket_handle::start_transmit(operation& op) noexcept
{
    if (!descriptor_)
    {
        rewind_parts(request_of(op));
        return engine_->refuse(op);
    }
    return descriptor_->owner->start_transmit(*descriptor_, op);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
