// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using boost::asio::socket_base;
using error_code = boost::system::error_code;

/// What a closed socket has: -1, or INVALID_SOCKET on Windows.
constexpr native_socket invalid_handle = static_cast<native_socket>(-1);

/// Calls `f` with the socket of whatever role, under the lock.
template<typename Function>
void with_socket(descriptor* d, error_code& ec, Function f)
{
    ec = boost::asio::error::bad_descriptor;
    if (d)
    {
        std::lock_guard<std::mutex> const lock(d->mutex);
        visit_socket(*d, [&](auto& s) {
            ec.clear();
            f(s);
        });
    }
}

/// Calls `f` with the socket, under the lock, if `Supports` says so of its
/// type.
template<template<typename> class Supports, typename Function>
void with(descriptor* d, error_code& ec, Function f)
{
    with_socket(d, ec, [&](auto& s) {
        if constexpr (Supports<std::decay_t<decltype(s)>>::value)
        {
            f(s);
        }
        else
        {
            ec = boost::asio::error::operation_not_supported;
        }
    });
}

template<typename Socket>
using listens = std::is_same<Socket, listener_socket>;

template<typename Socket>
using connects = std::negation<listens<Socket>>;

/// Has Asio's flag set that makes its synchronous calls return, and lets
/// the engine see aborted connections.
template<typename Socket>
void prepare(Socket& s, error_code& ec)
{
    s.non_blocking(true, ec);
    if constexpr (std::is_same_v<Socket, listener_socket>)
    {
        if (!ec)
        {
            s.set_option(socket_base::enable_connection_aborted(true), ec);
        }
    }
}

descriptor_ptr
make_descriptor(engine& e, socket_role role, error_code& ec) noexcept
{
    ec.clear();
    try
    {
        return e.make_descriptor(role);
    }
    catch (boost::system::system_error const& error)
    {
        ec = error.code();
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
    }
    return nullptr;
}

bool is_address_size(std::size_t size, error_code& ec) noexcept
{
    if (size > stream_protocol::endpoint().capacity())
    {
        ec = boost::asio::error::invalid_argument;
        return false;
    }
    return true;
}

template<typename Endpoint>
void copy_address(
    Endpoint const& from, void* address, std::size_t& size) noexcept
{
    std::memcpy(address, from.data(), std::min(size, from.size()));
    size = from.size();
}

} // namespace

socket_handle::~socket_handle()
{
    if (descriptor_)
    {
        discard(descriptor_);
    }
}

// Opening and closing

bool socket_handle::is_open() const noexcept
{
    if (!descriptor_)
    {
        return false;
    }
    std::lock_guard<std::mutex> const lock(descriptor_->mutex);
    return descriptor_->is_open();
}

void socket_handle::open(int family, int, int protocol, error_code& ec)
{
    if (!vacate())
    {
        ec = boost::asio::error::already_open;
        return;
    }
    descriptor_ptr d = make_descriptor(*engine_, role_, ec);
    with_socket(d.get(), ec, [&](auto& s) {
        using protocol_type = typename std::decay_t<decltype(s)>::protocol_type;
        d->family = family;
        s.open(protocol_type(family, protocol), ec);
        if (!ec)
        {
            prepare(s, ec);
        }
    });
    if (d && ec)
    {
        engine_->destroy(*d);
        return;
    }
    descriptor_ = d.detach();
    configure();
}

void socket_handle::assign(int family, native_socket handle, error_code& ec)
{
    if (!vacate())
    {
        ec = boost::asio::error::already_open;
        return;
    }
    descriptor_ptr d = make_descriptor(*engine_, role_, ec);
    with_socket(d.get(), ec, [&](auto& s) {
        using protocol_type = typename std::decay_t<decltype(s)>::protocol_type;
        d->family = family;
        s.assign(protocol_type(family, 0), handle, ec);
        if (ec)
        {
            return;
        }
        prepare(s, ec);
        if (ec)
        {
            // It is still the caller's.
            error_code ignored;
            s.release(ignored);
        }
    });
    if (d && ec)
    {
        engine_->destroy(*d);
        return;
    }
    descriptor_ = d.detach();
    configure();
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
    if (descriptor_)
    {
        std::lock_guard<std::mutex> const lock(descriptor_->mutex);
        descriptor_->sync_budget = sync_budget_;
    }
}

void socket_handle::close(error_code& ec)
{
    ec.clear();
    if (descriptor_)
    {
        descriptor_ptr const d(std::exchange(descriptor_, nullptr), false);
        engine_->close(*d, ec);
    }
}

native_socket socket_handle::release(error_code& ec)
{
    native_socket handle = invalid_handle;
    ec = boost::asio::error::bad_descriptor;
    if (descriptor_)
    {
        handle = engine_->release(*descriptor_, ec);
        if (!ec)
        {
            descriptor_ptr const d(std::exchange(descriptor_, nullptr), false);
        }
    }
    return handle;
}

native_socket socket_handle::native_handle() const noexcept
{
    error_code ignored;
    native_socket handle = invalid_handle;
    with_socket(
        descriptor_, ignored, [&](auto& s) { handle = s.native_handle(); });
    return handle;
}

void discard(descriptor* accepted) noexcept
{
    descriptor_ptr const d(accepted, false);
    d->owner->destroy(*d);
}

// Synchronous calls that do not wait

void socket_handle::bind(void const* address, std::size_t size, error_code& ec)
{
    with_socket(descriptor_, ec, [&](auto& s) {
        if (is_address_size(size, ec))
        {
            using endpoint_type =
                typename std::decay_t<decltype(s)>::endpoint_type;
            endpoint_type const endpoint(address, size);
            s.bind(endpoint, ec);
            if (!ec && role_ == socket_role::stream &&
                !descriptor_->settings.bind(
                    endpoint.protocol().family(), address, size))
            {
                ec = boost::asio::error::no_memory;
            }
        }
    });
}

void socket_handle::listen(int backlog, error_code& ec)
{
    with<listens>(descriptor_, ec, [&](auto& s) { s.listen(backlog, ec); });
}

void socket_handle::shutdown(int how, error_code& ec)
{
    auto const what = static_cast<socket_base::shutdown_type>(how);
    with<connects>(descriptor_, ec, [&](auto& s) {
        s.shutdown(what, ec);
        // An IP socket that is not connected is shut down all the same.
        if (what != socket_base::shutdown_send &&
            (!ec || ec == boost::asio::error::not_connected))
        {
            descriptor_->ends_receives = true;
        }
    });
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

namespace {

/// An I/O control command in the form that Asio's members take.
struct raw_command
{
    int name_;
    void* data_;

    int name() const noexcept { return name_; }

    void* data() noexcept { return data_; }
};

} // namespace

void socket_handle::set_option(
    int level, int name, void const* data, std::size_t size, error_code& ec)
{
    with_socket(descriptor_, ec, [&](auto& s) {
        s.set_option(raw_option<void const>{level, name, data, size}, ec);
        if (!ec && !descriptor_->settings.set_option(level, name, data, size))
        {
            ec = boost::asio::error::no_memory;
        }
    });
}

void socket_handle::get_option(
    int level, int name, void* data, std::size_t& size, error_code& ec) const
{
    with_socket(descriptor_, ec, [&](auto& s) {
        raw_option<void> option{level, name, data, size};
        s.get_option(option, ec);
        size = option.size_;
    });
}

void socket_handle::io_control(
    unsigned long command, void* argument, error_code& ec)
{
    with<connects>(descriptor_, ec, [&](auto& s) {
        raw_command raw{static_cast<int>(command), argument};
        s.io_control(raw, ec);
    });
}

std::size_t socket_handle::available(error_code& ec) const
{
    std::size_t n = 0;
    with<connects>(descriptor_, ec, [&](auto& s) { n = s.available(ec); });
    return n;
}

bool socket_handle::at_mark(error_code& ec) const
{
    bool result = false;
    with<connects>(descriptor_, ec, [&](auto& s) { result = s.at_mark(ec); });
    return result;
}

bool socket_handle::non_blocking() const noexcept
{
    return is_open() && descriptor_->user_non_blocking;
}

void socket_handle::non_blocking(bool on, error_code& ec)
{
    with_socket(descriptor_, ec, [&](auto&) {
        ensure_non_blocking(*descriptor_);
        descriptor_->user_non_blocking = on;
    });
}

bool socket_handle::native_non_blocking() const noexcept
{
    return is_open() && descriptor_->native_non_blocking;
}

void socket_handle::native_non_blocking(bool on, error_code& ec)
{
    with_socket(descriptor_, ec, [&](auto& s) {
        if (!on && descriptor_->user_non_blocking)
        {
            ec = boost::asio::error::invalid_argument;
            return;
        }
        // This changes the native mode too.
        s.non_blocking(on, ec);
        if (!ec)
        {
            descriptor_->native_non_blocking = on;
        }
    });
}

void socket_handle::local_endpoint(
    void* address, std::size_t& size, error_code& ec) const
{
    with_socket(descriptor_, ec, [&](auto& s) {
        copy_address(s.local_endpoint(ec), address, size);
    });
}

void socket_handle::remote_endpoint(
    void* address, std::size_t& size, error_code& ec) const
{
    with<connects>(descriptor_, ec, [&](auto& s) {
        copy_address(s.remote_endpoint(ec), address, size);
    });
}

// Settings

void socket_handle::deliver_later(operation& op) noexcept
{
    op.via = op.runs_in_turn ? dispatcher_ptr() : via_;
    engine_->deliver_later(op);
}

void socket_handle::sync_budget(std::size_t n) noexcept
{
    sync_budget_ = static_cast<std::uint32_t>(
        std::min<std::size_t>(n, std::numeric_limits<std::uint32_t>::max()));
    configure();
}

// Asio decides when bytes go out, so this engine only remembers it.
void socket_handle::gather_sends(bool on) noexcept
{
    gather_sends_ = on;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
