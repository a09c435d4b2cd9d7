// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/error.hpp>

#include <cerrno>
#include <cstddef>

#include <sys/socket.h>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

start_result engine::start_disconnect(descriptor& d, operation& op) noexcept
{
    op.is_plain = false;
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    if (d.queues[writing].empty() && perform_disconnect(d, op))
    {
        count(t, counter::synchronous);
        return completed;
    }
    return pend(d, op, writing, t);
}

bool engine::perform_disconnect(descriptor& d, operation& op) noexcept
{
    auto const& r = *static_cast<disconnect_request*>(op.request);
    op.error = disconnect(d, r.reuse, &op);
    return true;
}

/// Without an operation, which could wait for what is queued to be sent.
boost::system::error_code
engine::disconnect(descriptor& d, socket_reuse reuse) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    if (!d.queues[writing].empty())
    {
        return boost::asio::error::would_block;
    }
    return disconnect(d, reuse, nullptr);
}

/// Ends the connection; the descriptor is locked. `self` is the operation
/// that asks for it, which may be queued.
boost::system::error_code engine::disconnect(
    descriptor& d, socket_reuse reuse, operation const* self) noexcept
{
    // Local sockets can be shut down without being connected.
    ::sockaddr_storage address;
    std::size_t size = sizeof(address);
    int result = system::remote_address(d.fd, &address, size);
    if (result < 0)
    {
        return system::error_of(result);
    }
    int fresh = -1;
    if (reuse == socket_reuse::yes)
    {
        if (auto const ec = open_another(d, fresh))
        {
            return ec;
        }
    }
    result = system::shutdown_socket(d.fd, SHUT_RDWR);
    if (result >= 0 && reuse == socket_reuse::yes)
    {
        result = renew(d, fresh, self);
    }
    if (fresh >= 0)
    {
        system::close_socket(fresh);
    }
    return result < 0 ? system::error_of(result) : boost::system::error_code();
}

namespace {

/// Returns the negated error of the first option that cannot be set.
int set_options_again(socket_settings const& settings, int fd) noexcept
{
    int result = 0;
    settings.for_each_option(
        [&](int level, int name, void const* data, std::size_t n) {
            if (result >= 0)
            {
                result = system::set_option(fd, level, name, data, n);
                if (result == -ENOPROTOOPT)
                {
                    // Of another family than this socket.
                    result = 0;
                }
            }
        });
    return result;
}

} // namespace

/// Opens a socket that is as this one was before it was connected.
boost::system::error_code engine::open_another(descriptor& d, int& fd) noexcept
{
    int family = 0;
    int type = 0;
    int protocol = 0;
    std::size_t size = sizeof(int);
    system::get_option(d.fd, SOL_SOCKET, SO_DOMAIN, &family, size);
    system::get_option(d.fd, SOL_SOCKET, SO_TYPE, &type, size);
    system::get_option(d.fd, SOL_SOCKET, SO_PROTOCOL, &protocol, size);
    fd = system::open_socket(family, type, protocol);
    if (fd < 0)
    {
        return system::error_of(fd);
    }
    int const result = set_options_again(d.settings, fd);
    if (result < 0)
    {
        system::close_socket(fd);
        return system::error_of(result);
    }
    return {};
}

/// Puts another socket in the place of the one that was shut down. Whatever
/// else waits for that one ends.
int engine::renew(descriptor& d, int fd, operation const* self) noexcept
{
    for (operation_queue const& queue : d.queues)
    {
        for (operation* i = queue.first(); i;)
        {
            operation& op = *i;
            i = i->behind;
            if (&op != self)
            {
                op.error = boost::asio::error::operation_aborted;
                leave_queue(d, op);
                complete_later(op, current_turn());
            }
        }
    }
    if (d.has_linger)
    {
        // What replaces a socket does not wait for it.
        ::linger const off{0, 0};
        system::set_option(d.fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    }
    int const result = system::replace_descriptor(fd, d.fd);
    if (result < 0)
    {
        return result;
    }
    // The set forgets the old one, at the latest with its last duplicate in
    // another process; until then its events have another generation.
    d.is_enrolled = false;
    d.is_broken = false;
    d.settings.forget_address();
    d.is_native_non_blocking = true;
    d.ready.store(all_readiness(d.is_tcp), std::memory_order_release);
    lock const guard(mutex_, !options_.single_threaded);
    d.generation = (d.generation + 1) & descriptor::generations;
    return 0;
}

/// The operations before it have left the queue: a disconnect does not wait
/// until the socket is writable.
void engine::continue_disconnect(descriptor& d) noexcept
{
    operation const* const first = d.queues[writing].first();
    if (first && first->kind == operation_kind::disconnect)
    {
        d.add_ready(readiness::write);
        make_ready(d, current_turn());
    }
}

start_result socket_handle::start_disconnect(operation& op) noexcept
{
    return descriptor_ ? descriptor_->owner->start_disconnect(*descriptor_, op)
                       : engine_->refuse(op);
}

void socket_handle::disconnect(socket_reuse reuse, error_code& ec)
{
    if (descriptor_)
    {
        ec = descriptor_->owner->disconnect(*descriptor_, reuse);
    }
    else
    {
        ec = boost::asio::error::bad_descriptor;
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
