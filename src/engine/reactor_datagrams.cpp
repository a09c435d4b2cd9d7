// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Datagrams: each operation is one call, which takes effect or does not. A
// datagram socket is drained when a call says so, and not before.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_request.hpp>

#include <boost/asio/error.hpp>
#include <boost/config.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "engine/datagram_staging.hpp"
#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_datagrams.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"
#include "engine/reactor_waiting.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

/// How many buffers one call takes: UIO_MAXIOV, which readv(2) tells.
constexpr std::size_t most_vectors = 1024;

/// No IP datagram is larger.
constexpr std::size_t usual_limit = 64 * 1024;

/// The buffers that have bytes. Returns false if there are too many.
template<std::size_t Capacity>
bool collect(
    transfer_request const& r,
    std::array<::iovec, Capacity>& vectors,
    std::size_t& used) noexcept
{
    used = 0;
    for (std::size_t i = 0; i != r.count; ++i)
    {
        auto const& b = r.buffers[i];
        if (b.size() != 0)
        {
            if (used == Capacity)
            {
                return false;
            }
            vectors[used++] = {b.data(), b.size()};
        }
    }
    return true;
}

/// A call for a list of more buffers than usual. Out of line, for the stack
/// that it takes. `Staged` is called if one call does not take so many.
template<typename Call, typename Staged>
BOOST_NOINLINE ssize_t
call_with_many(transfer_request const& r, Call call, Staged staged) noexcept
{
    std::array<::iovec, most_vectors> vectors;
    std::size_t used = 0;
    if (collect(r, vectors, used))
    {
        return call(vectors.data(), used);
    }
    try
    {
        return staged();
    }
    catch (std::bad_alloc const&)
    {
        return -ENOMEM;
    }
}

template<typename Call, typename Staged>
ssize_t
call_with_all(transfer_request const& r, Call call, Staged staged) noexcept
{
    std::array<::iovec, vector_size> vectors;
    std::size_t used = 0;
    return BOOST_LIKELY(collect(r, vectors, used))
               ? call(vectors.data(), used)
               : call_with_many(r, call, staged);
}

/// Receives one datagram. What `MSG_TRUNC` as an input says of its size is
/// more than there is in the buffers.
ssize_t receive_one(descriptor& d, transfer_request& r) noexcept
{
    if (has_split_datagrams(d, r.flags))
    {
        return receive_split_datagram(d, r);
    }
    auto const call = [&](::iovec* vectors, std::size_t count) {
        return system::receive_message(
            d.fd, vectors, count, r.flags, r.flags_out, *r.datagram);
    };
    ssize_t const n = call_with_all(r, call, [&] {
        int size = 0;
        system::io_control(d.fd, FIONREAD, &size);
        datagram_staging staging(
            d.owner->memory(),
            std::min(
                r.total(),
                std::max(usual_limit, static_cast<std::size_t>(size))));
        ::iovec vector{staging.data(), staging.size()};
        ssize_t const received = call(&vector, 1);
        if (received > 0)
        {
            staging.give_to(
                r,
                std::min(static_cast<std::size_t>(received), staging.size()));
        }
        return received;
    });
    return std::min(n, static_cast<ssize_t>(r.total()));
}

ssize_t
send_one(descriptor& d, transfer_request const& r, int more_flags) noexcept
{
    auto const call = [&](::iovec const* vectors, std::size_t count) {
        return system::send_message(
            d.fd, vectors, count, r.flags | more_flags, *r.datagram);
    };
    return call_with_all(r, call, [&] {
        datagram_staging staging(d.owner->memory(), r.total());
        staging.take_from(r);
        ::iovec const vector{staging.data(), staging.size()};
        return call(&vector, 1);
    });
}

bool is_for_local_address(datagram_request const& request) noexcept
{
    return is_local_address(request.target, request.target_size);
}

/// Whether anything can arrive: an IP socket has no port before it is bound,
/// connected, or has sent.
bool finds_bound(descriptor& d) noexcept
{
    if (!d.is_bound)
    {
        // The port is at the same place for both families.
        ::sockaddr_in6 address{};
        std::size_t size = sizeof(address);
        int const result = system::local_address(d.fd, &address, size);
        d.is_bound = result < 0 ||
                     (address.sin6_family != AF_INET &&
                      address.sin6_family != AF_INET6) ||
                     address.sin6_port != 0;
    }
    return d.is_bound;
}

} // namespace

bool is_local_address(void const* address, std::size_t size) noexcept
{
    ::sa_family_t family = AF_UNSPEC;
    if (size >= sizeof(family))
    {
        std::memcpy(
            &family,
            static_cast<char const*>(address) + offsetof(::sockaddr, sa_family),
            sizeof(family));
    }
    return family == AF_UNIX;
}

int prepare_receive(
    descriptor& d, bool needs_bound, bool wants_arrival) noexcept
{
    if (needs_bound && !finds_bound(d))
    {
        return -EINVAL;
    }
    if (wants_arrival && !d.says_arrival)
    {
        int const result = system::enable_packet_information(d.fd);
        d.says_arrival = result == 0;
        return result;
    }
    return 0;
}

// Operations

start_result
engine::start_receive_datagram(descriptor& d, operation& op) noexcept
{
    transfer_request const& r = transfer_of(op);
    if (int const result =
            prepare_receive(d, !r.is_some, r.datagram->wants_arrival);
        result < 0)
    {
        reject(op, system::error_of(result));
        return completed;
    }
    return start(d, op, reading);
}

start_result engine::start_send_datagram(descriptor& d, operation& op) noexcept
{
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    if (d.queues[writing].empty() && d.is_ready(readiness::write) &&
        perform_send_datagram(d, op, t))
    {
        count(t, counter::synchronous);
        return completed;
    }
    return pend(d, op, writing, t);
}

bool engine::perform_receive_datagram(
    descriptor& d, operation& op, turn* t) noexcept
{
    d.remove_ready(readiness::read);
    ssize_t const n = receive_one(d, transfer_of(op));
    count(t, counter::receive_calls);
    if (n == -EAGAIN && !d.ends_receives)
    {
        return false;
    }
    d.add_ready(readiness::read);
    if (n >= 0)
    {
        op.bytes_transferred = static_cast<std::size_t>(n);
    }
    else if (n == -EAGAIN)
    {
        op.error = boost::asio::error::shut_down;
    }
    else
    {
        op.error = system::error_of(n);
    }
    return true;
}

bool engine::perform_send_datagram(
    descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request const& r = transfer_of(op);
    for (;;)
    {
        ssize_t const n = send_one(d, r, MSG_DONTWAIT);
        count(t, counter::send_calls);
        if (n >= 0)
        {
            d.stay_writable();
            op.bytes_transferred = static_cast<std::size_t>(n);
            return true;
        }
        if (n == -EAGAIN && is_for_local_address(*r.datagram))
        {
            count(t, counter::poll_calls);
            if (system::poll_socket(d.fd, POLLOUT, false) != 0)
            {
                op.error = boost::asio::error::would_block;
                return true;
            }
        }
        if (auto const next = sent_nothing(d, op, n); next != again)
        {
            return next == over;
        }
    }
}

/// Ends sending, receiving, or both, on a datagram socket.
int engine::shut_down_datagrams(descriptor& d, int how) noexcept
{
    // A receive that meanwhile finds nothing has to know why.
    lock const guard(d.mutex, !options_.single_threaded);
    int const result = system::shutdown_socket(d.fd, how);
    // An IP socket that is not connected is shut down all the same.
    if (how != SHUT_WR && (result == 0 || result == -ENOTCONN))
    {
        d.ends_receives = true;
    }
    return result;
}

// What I/O objects ask for

std::size_t
socket_handle::receive_datagram(transfer_request& request, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return 0;
    }
    ssize_t const n = call_and_wait(*descriptor_, POLLIN, [&] {
        // What is split is shared with operations that other threads end.
        optional_lock const guard(
            descriptor_->mutex,
            has_split_datagrams(*descriptor_, request.flags) &&
                !descriptor_->owner->options().single_threaded);
        ssize_t const result = receive_one(*descriptor_, request);
        return result == -EAGAIN && descriptor_->ends_receives ? -ESHUTDOWN
                                                               : result;
    });
    report(n, ec);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

std::size_t
socket_handle::send_datagram(transfer_request& request, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return 0;
    }
    descriptor& d = *descriptor_;
    ssize_t const n = call_and_wait(d, POLLOUT, [&] {
        ssize_t result = send_one(d, request, MSG_DONTWAIT);
        if (result == -EAGAIN && !d.is_non_blocking &&
            is_for_local_address(*request.datagram))
        {
            // There is no event to wait for.
            system::set_non_blocking(d.fd, false);
            result = send_one(d, request, 0);
            system::set_non_blocking(d.fd, d.is_native_non_blocking);
        }
        return result;
    });
    report(n, ec);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

start_result socket_handle::start_receive_datagram(operation& op) noexcept
{
    return descriptor_
               ? descriptor_->owner->start_receive_datagram(*descriptor_, op)
               : engine_->refuse(op);
}

start_result socket_handle::start_send_datagram(operation& op) noexcept
{
    return descriptor_
               ? descriptor_->owner->start_send_datagram(*descriptor_, op)
               : engine_->refuse(op);
}

void socket_handle::enable_packet_information(error_code& ec)
{
    if (!is_closed(descriptor_, ec))
    {
        report(system::enable_packet_information(descriptor_->fd), ec);
        descriptor_->says_arrival = !ec;
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
