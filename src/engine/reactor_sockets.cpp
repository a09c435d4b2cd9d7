// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_datagrams.hpp"
#include "engine/reactor_waiting.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

bool is_tcp_socket(int family, int type) noexcept
{
    return type == SOCK_STREAM && (family == AF_INET || family == AF_INET6);
}

} // namespace

socket_handle::~socket_handle()
{
    if (descriptor_)
    {
        if (descriptor_->has_linger)
        {
            // Closing would block for the time that was set, and who
            // destroys a socket does not expect to wait.
            ::linger const off{0, 0};
            system::set_option(
                descriptor_->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
        }
        engine_->close(*descriptor_);
    }
}

// Opening and closing

bool socket_handle::is_open() const noexcept
{
    return descriptor_ && descriptor_->fd >= 0;
}

namespace {

/// A descriptor for a native socket, or null with the error set. The native
/// socket is the caller's still then.
descriptor*
allocate(engine& e, int fd, bool is_tcp, boost::system::error_code& ec) noexcept
{
    try
    {
        return e.allocate(fd, is_tcp);
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
        return nullptr;
    }
}

} // namespace

void socket_handle::open(int family, int type, int protocol, error_code& ec)
{
    if (!vacate())
    {
        ec = boost::asio::error::already_open;
        return;
    }
    int const fd = system::open_socket(family, type, protocol);
    report(fd, ec);
    if (ec)
    {
        return;
    }
    descriptor_ = allocate(*engine_, fd, is_tcp_socket(family, type), ec);
    if (ec)
    {
        system::close_socket(fd);
        return;
    }
    configure();
}

void socket_handle::assign(int, native_socket handle, error_code& ec)
{
    if (!vacate())
    {
        ec = boost::asio::error::already_open;
        return;
    }
    report(system::set_non_blocking(handle, true), ec);
    if (!ec)
    {
        int family = 0;
        int type = 0;
        std::size_t size = sizeof(int);
        system::get_option(handle, SOL_SOCKET, SO_DOMAIN, &family, size);
        system::get_option(handle, SOL_SOCKET, SO_TYPE, &type, size);
        descriptor_ =
            allocate(*engine_, handle, is_tcp_socket(family, type), ec);
    }
    if (!ec)
    {
        configure();
    }
}

void socket_handle::adopt(descriptor* accepted, error_code& ec)
{
    if (!vacate())
    {
        discard(accepted);
        ec = boost::asio::error::already_open;
        return;
    }
    ec.clear();
    descriptor_ = accepted;
    configure();
}

void socket_handle::configure() noexcept
{
    descriptor_->via = via_;
    descriptor_->sync_budget = sync_budget_;
    descriptor_->gathers_sends = gather_sends_;
}

void socket_handle::close(error_code& ec)
{
    ec.clear();
    if (descriptor_)
    {
        report(engine_->close(*std::exchange(descriptor_, nullptr)), ec);
    }
}

native_socket socket_handle::release(error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return -1;
    }
    ec.clear();
    return engine_->release(*std::exchange(descriptor_, nullptr));
}

native_socket socket_handle::native_handle() const noexcept
{
    return descriptor_ ? descriptor_->fd : -1;
}

void discard(descriptor* accepted) noexcept
{
    accepted->owner->close(*accepted);
}

// Synchronous calls

void socket_handle::bind(void const* address, std::size_t size, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return;
    }
    report(system::bind_socket(descriptor_->fd, address, size), ec);
    if (!ec && role_ == socket_role::stream)
    {
        int const family = static_cast<::sockaddr const*>(address)->sa_family;
        if (!descriptor_->settings.bind(family, address, size))
        {
            ec = boost::asio::error::no_memory;
        }
    }
}

void socket_handle::listen(int backlog, error_code& ec)
{
    if (!is_closed(descriptor_, ec))
    {
        report(system::listen_socket(descriptor_->fd, backlog), ec);
    }
}

void socket_handle::connect(
    void const* address, std::size_t size, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return;
    }
    int result = system::connect_socket(descriptor_->fd, address, size);
    if (result == -EAGAIN && !descriptor_->is_non_blocking)
    {
        // The backlog of a local socket is full, and there is no event for
        // when it is not: unix(7).
        system::set_non_blocking(descriptor_->fd, false);
        result = system::connect_socket(descriptor_->fd, address, size);
        system::set_non_blocking(
            descriptor_->fd, descriptor_->is_native_non_blocking);
    }
    if (result == -EINPROGRESS && !descriptor_->is_non_blocking)
    {
        system::poll_socket(descriptor_->fd, POLLOUT, true);
        int value = 0;
        std::size_t length = sizeof(value);
        result = system::get_option(
            descriptor_->fd, SOL_SOCKET, SO_ERROR, &value, length);
        // The second call takes note of the connection.
        result = result < 0 ? result
                 : value != 0
                     ? -value
                     : system::connect_socket(descriptor_->fd, address, size);
    }
    report(result, ec);
}

void socket_handle::shutdown(int how, error_code& ec)
{
    if (!is_closed(descriptor_, ec))
    {
        report(
            role_ == socket_role::datagram
                ? descriptor_->owner->shut_down_datagrams(*descriptor_, how)
                : system::shutdown_socket(descriptor_->fd, how),
            ec);
    }
}

void socket_handle::cancel(error_code& ec)
{
    ec = boost::asio::error::bad_descriptor;
    if (descriptor_ && !engine_->is_vacant(*descriptor_))
    {
        ec.clear();
        engine_->cancel_all(*descriptor_);
    }
}

void socket_handle::set_option(
    int level, int name, void const* data, std::size_t size, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return;
    }
    report(system::set_option(descriptor_->fd, level, name, data, size), ec);
    if (!ec && !descriptor_->settings.set_option(level, name, data, size))
    {
        ec = boost::asio::error::no_memory;
    }
    if (!ec && level == SOL_SOCKET && name == SO_LINGER)
    {
        descriptor_->has_linger = true;
    }
}

void socket_handle::get_option(
    int level, int name, void* data, std::size_t& size, error_code& ec) const
{
    if (!is_closed(descriptor_, ec))
    {
        report(
            system::get_option(descriptor_->fd, level, name, data, size), ec);
        if (!ec && level == SOL_SOCKET &&
            (name == SO_SNDBUF || name == SO_RCVBUF) && size == sizeof(int))
        {
            // Linux doubles what was set, and the value of the option is
            // what was set: socket(7).
            *static_cast<int*>(data) /= 2;
        }
    }
}

void socket_handle::io_control(
    unsigned long command, void* argument, error_code& ec)
{
    if (!is_closed(descriptor_, ec))
    {
        report(system::io_control(descriptor_->fd, command, argument), ec);
    }
}

std::size_t socket_handle::available(error_code& ec) const
{
    int n = 0;
    if (is_closed(descriptor_, ec))
    {
        return 0;
    }
    if (has_split_datagrams(*descriptor_, 0))
    {
        // The system counts merged datagrams as one.
        ec.clear();
        return next_split_datagram(*descriptor_);
    }
    report(system::io_control(descriptor_->fd, FIONREAD, &n), ec);
    return ec ? 0 : static_cast<std::size_t>(n);
}

bool socket_handle::at_mark(error_code& ec) const
{
    int result = 0;
    if (!is_closed(descriptor_, ec))
    {
        result = system::at_mark(descriptor_->fd);
        report(result, ec);
    }
    return !ec && result != 0;
}

bool socket_handle::non_blocking() const noexcept
{
    return is_open() && descriptor_->is_non_blocking;
}

void socket_handle::non_blocking(bool on, error_code& ec)
{
    if (!is_closed(descriptor_, ec))
    {
        ec.clear();
        descriptor_->is_non_blocking = on;
    }
}

bool socket_handle::native_non_blocking() const noexcept
{
    return is_open() && descriptor_->is_native_non_blocking;
}

void socket_handle::native_non_blocking(bool on, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return;
    }
    if (!on && descriptor_->is_non_blocking)
    {
        ec = boost::asio::error::invalid_argument;
        return;
    }
    report(system::set_non_blocking(descriptor_->fd, on), ec);
    if (!ec)
    {
        descriptor_->is_native_non_blocking = on;
    }
}

void socket_handle::local_endpoint(
    void* address, std::size_t& size, error_code& ec) const
{
    if (!is_closed(descriptor_, ec))
    {
        report(system::local_address(descriptor_->fd, address, size), ec);
    }
}

void socket_handle::remote_endpoint(
    void* address, std::size_t& size, error_code& ec) const
{
    if (!is_closed(descriptor_, ec))
    {
        report(system::remote_address(descriptor_->fd, address, size), ec);
    }
}

namespace {

using vector_array = std::array<::iovec, 64>;

std::size_t
vectors_of(transfer_request const& r, vector_array& vectors) noexcept
{
    std::size_t const n = std::min(r.count, vectors.size());
    for (std::size_t i = 0; i != n; ++i)
    {
        vectors[i] = {r.buffers[i].data(), r.buffers[i].size()};
    }
    return n;
}

} // namespace

std::size_t socket_handle::receive(transfer_request& request, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return 0;
    }
    ec.clear();
    if (request.total() == 0)
    {
        return 0;
    }
    vector_array vectors;
    std::size_t const n = vectors_of(request, vectors);
    ssize_t const result = call_and_wait(*descriptor_, POLLIN, [&] {
        return system::receive_vector(
            descriptor_->fd,
            vectors.data(),
            n,
            request.flags,
            request.flags_out);
    });
    // An asynchronous receive may think that the socket is drained. It is
    // right: this call can only have taken bytes away.
    report(result, ec);
    if (result == 0)
    {
        ec = boost::asio::error::eof;
    }
    return result > 0 ? static_cast<std::size_t>(result) : 0;
}

std::size_t socket_handle::send(transfer_request& request, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return 0;
    }
    ec.clear();
    if (request.total() == 0)
    {
        return 0;
    }
    vector_array vectors;
    std::size_t const n = vectors_of(request, vectors);
    ssize_t const result = call_and_wait(*descriptor_, POLLOUT, [&] {
        return system::send_vector(
            descriptor_->fd, vectors.data(), n, request.flags);
    });
    report(result, ec);
    return result > 0 ? static_cast<std::size_t>(result) : 0;
}

void socket_handle::wait(wait_request::what which, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return;
    }
    if (which == wait_request::read && keeps_datagrams(*descriptor_))
    {
        ec.clear();
        return;
    }
    constexpr std::array<short, 3> events{POLLIN, POLLOUT, POLLPRI};
    int const found = system::poll_socket(
        descriptor_->fd, events[which], !descriptor_->is_non_blocking);
    report(found == 0 ? -EAGAIN : found, ec);
}

void socket_handle::accept(accept_request& request, error_code& ec)
{
    if (is_closed(descriptor_, ec))
    {
        return;
    }
    ssize_t const fd = call_and_wait(*descriptor_, POLLIN, [&] {
        int result = 0;
        do
        {
            request.address_size = request.address_capacity;
            result = system::accept_socket(
                descriptor_->fd, request.address, request.address_size);
        } while (result == -ECONNABORTED || result == -EPROTO);
        return static_cast<ssize_t>(result);
    });
    report(fd, ec);
    if (ec)
    {
        return;
    }
    auto const accepted = static_cast<int>(fd);
    request.peer =
        allocate(*request.peer_engine, accepted, descriptor_->is_tcp, ec);
    if (ec)
    {
        system::close_socket(accepted);
    }
}

// Asynchronous operations

start_result socket_handle::start_wait(operation& op) noexcept
{
    return descriptor_ ? engine_->start_wait(*descriptor_, op)
                       : engine_->refuse(op);
}

start_result socket_handle::start_accept(operation& op) noexcept
{
    return descriptor_ ? engine_->start_accept(*descriptor_, op)
                       : engine_->refuse(op);
}

start_result socket_handle::start_connect(operation& op) noexcept
{
    if (!is_open())
    {
        auto const& r = *static_cast<connect_request*>(op.request);
        error_code ec;
        open(r.family, r.type, r.protocol, ec);
        if (ec == boost::asio::error::already_open)
        {
            // It has a composed connect pending.
            ec = boost::asio::error::already_started;
        }
        if (ec)
        {
            engine_->reject(op, ec);
            return completed;
        }
    }
    return engine_->start_connect(*descriptor_, op);
}

void socket_handle::deliver_later(operation& op) noexcept
{
    engine_->deliver_later(op, via_);
}

void socket_handle::sync_budget(std::size_t n) noexcept
{
    sync_budget_ = static_cast<std::uint32_t>(
        std::min<std::size_t>(n, std::numeric_limits<std::uint32_t>::max()));
    if (descriptor_)
    {
        descriptor_->sync_budget = sync_budget_;
    }
}

void socket_handle::gather_sends(bool on) noexcept
{
    gather_sends_ = on;
    if (descriptor_)
    {
        descriptor_->gathers_sends = on;
    }
}

void cancel_by_key(
    engine& e, descriptor& d, void const* key, bool only_if_untouched) noexcept
{
    e.cancel_by_key(d, key, only_if_untouched);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
