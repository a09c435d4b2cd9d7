// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What an I/O object asks of its socket's data: synchronous calls, which
// wait, and the starts of asynchronous operations.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/detail/datagram_request.hpp>
#include <opslot/detail/transmit_request.hpp>

#include <boost/asio/error.hpp>

#include <mutex>

#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using boost::asio::socket_base;
using error_code = boost::system::error_code;

#if defined(_WIN32)

/// Blocks until the socket is ready. A handle belongs to one completion
/// port for ever, so it is Asio's object that waits, blocking meanwhile.
void block(descriptor& d, socket_base::wait_type which, error_code& ec)
{
    std::lock_guard<std::mutex> const lock(d.mutex);
    visit_socket(d, [&](auto& s) {
        s.non_blocking(false, ec);
        s.wait(which, ec);
        error_code ignored;
        s.non_blocking(true, ignored);
    });
}

#else

/** Blocks until the socket is ready.

    Asio's object is non-blocking for the engine's sake, so its waits return
    at once. Another object waits on the same native socket.
*/
void block(descriptor& d, socket_base::wait_type which, error_code& ec)
{
    native_socket handle{};
    {
        std::lock_guard<std::mutex> const lock(d.mutex);
        visit_socket(d, [&](auto& s) { handle = s.native_handle(); });
    }
    boost::asio::io_context* const context = d.owner->context_for_blocking(ec);
    if (!context)
    {
        return;
    }
    stream_socket waiter(*context);
    waiter.assign(stream_protocol(0, 0), handle, ec);
    if (!ec)
    {
        waiter.wait(which, ec);
        error_code ignored;
        waiter.release(ignored);
    }
}

#endif

/// Makes a call that does not wait until it does something, waiting in
/// between unless the socket is non-blocking to its user.
template<typename Call>
void call_and_wait(
    descriptor* d, socket_base::wait_type which, error_code& ec, Call call)
{
    ec = boost::asio::error::bad_descriptor;
    while (d)
    {
        {
            std::lock_guard<std::mutex> const lock(d->mutex);
            if (!d->is_open())
            {
                return;
            }
            ensure_non_blocking(*d);
            ec.clear();
            call();
        }
        if (!is_would_block(ec) || d->user_non_blocking)
        {
            return;
        }
        block(*d, which, ec);
        if (ec)
        {
            return;
        }
    }
}

} // namespace

// Synchronous calls

std::size_t socket_handle::receive(transfer_request& request, error_code& ec)
{
    std::size_t n = 0;
    call_and_wait(descriptor_, socket_base::wait_read, ec, [&] {
        if (request.total() != 0)
        {
            n = transfer_once(*descriptor_, request, false, ec);
        }
    });
    return n;
}

std::size_t socket_handle::send(transfer_request& request, error_code& ec)
{
    std::size_t n = 0;
    call_and_wait(descriptor_, socket_base::wait_write, ec, [&] {
        if (request.total() != 0)
        {
            n = transfer_once(*descriptor_, request, true, ec);
        }
    });
    return n;
}

void socket_handle::wait(wait_request::what which, error_code& ec)
{
    auto const type = wait_type_of({which});
    call_and_wait(
        descriptor_, type, ec, [&] { poll_once(*descriptor_, type, ec); });
}

void socket_handle::accept(accept_request& request, error_code& ec)
{
    call_and_wait(descriptor_, socket_base::wait_read, ec, [&] {
        accept_once(*descriptor_, request, ec);
    });
}

void socket_handle::connect(
    void const* address, std::size_t size, error_code& ec)
{
    ec = boost::asio::error::bad_descriptor;
    if (!descriptor_)
    {
        return;
    }
    if (size > stream_protocol::endpoint().capacity())
    {
        ec = boost::asio::error::invalid_argument;
        return;
    }
    stream_socket* stream = nullptr;
    datagram_socket* datagrams = nullptr;
    {
        std::lock_guard<std::mutex> const lock(descriptor_->mutex);
        stream = std::get_if<stream_socket>(&descriptor_->socket);
        datagrams = std::get_if<datagram_socket>(&descriptor_->socket);
    }
    if (stream)
    {
        // Asio waits for the result in any mode, and without the lock.
        stream_protocol::endpoint const peer(address, size);
        stream->connect(peer, ec);
        if (!ec)
        {
            // Linux says once more that a non-blocking connect went well;
            // who calls connect again is to hear `already_connected`.
            error_code ignored;
            stream->connect(peer, ignored);
        }
    }
    else if (datagrams)
    {
        datagrams->connect(datagram_socket::endpoint_type(address, size), ec);
    }
}

// Asynchronous operations

namespace {

start_result start_on(
    engine& e,
    descriptor* d,
    operation& op,
    dispatcher_ptr const& via,
    direction_index i) noexcept
{
    // An owner with an executor of its own puts that in when it is held.
    op.via = op.runs_in_turn ? dispatcher_ptr() : via;
    return d ? e.start(*d, op, i)
             : e.reject(op, boost::asio::error::bad_descriptor);
}

} // namespace

start_result socket_handle::start_receive(operation& op) noexcept
{
    auto const& r = *static_cast<transfer_request*>(op.request);
    bool const is_urgent = (r.flags & socket_base::message_out_of_band) != 0;
    return start_on(
        *engine_, descriptor_, op, via_, is_urgent ? excepting : reading);
}

start_result socket_handle::start_send(operation& op) noexcept
{
    return start_on(*engine_, descriptor_, op, via_, writing);
}

start_result socket_handle::start_wait(operation& op) noexcept
{
    constexpr direction_index queues[]{reading, writing, excepting, composed};
    auto const& r = *static_cast<wait_request*>(op.request);
    return start_on(*engine_, descriptor_, op, via_, queues[r.which]);
}

start_result socket_handle::start_accept(operation& op) noexcept
{
    return start_on(*engine_, descriptor_, op, via_, reading);
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
            return engine_->reject(op, ec);
        }
    }
    return start_on(*engine_, descriptor_, op, via_, writing);
}

// Datagrams

std::size_t
socket_handle::receive_datagram(transfer_request& request, error_code& ec)
{
    std::size_t n = 0;
    call_and_wait(descriptor_, socket_base::wait_read, ec, [&] {
        n = receive_datagram_once(*descriptor_, request, ec);
    });
    return n;
}

std::size_t
socket_handle::send_datagram(transfer_request& request, error_code& ec)
{
    std::size_t n = 0;
    call_and_wait(descriptor_, socket_base::wait_write, ec, [&] {
        n = send_datagram_once(*descriptor_, request, ec);
    });
    return n;
}

start_result socket_handle::start_receive_datagram(operation& op) noexcept
{
    if (descriptor_)
    {
        auto const& r = *static_cast<transfer_request*>(op.request);
        error_code ec;
        prepare_receive_datagram(
            *descriptor_, !r.is_some, r.datagram->wants_arrival, ec);
        if (ec)
        {
            return engine_->reject(op, ec);
        }
    }
    return start_on(*engine_, descriptor_, op, via_, reading);
}

start_result socket_handle::start_send_datagram(operation& op) noexcept
{
    return start_on(*engine_, descriptor_, op, via_, writing);
}

start_result socket_handle::start_receive_batch(operation& op) noexcept
{
    if (descriptor_)
    {
        error_code ec;
        prepare_receive_datagram(
            *descriptor_, true, batch_of(op).wants_arrival, ec);
        if (ec)
        {
            return engine_->reject(op, ec);
        }
    }
    return start_on(*engine_, descriptor_, op, via_, reading);
}

start_result socket_handle::start_send_batch(operation& op) noexcept
{
    return start_on(*engine_, descriptor_, op, via_, writing);
}

void socket_handle::enable_packet_information(error_code& ec)
{
    ec = boost::asio::error::bad_descriptor;
    if (descriptor_)
    {
        std::lock_guard<std::mutex> const lock(descriptor_->mutex);
        detail::enable_packet_information(*descriptor_, ec);
    }
}

// Files, and disconnecting

start_result socket_handle::start_transmit(operation& op) noexcept
{
    auto& r = *static_cast<transmit_request*>(op.request);
    rewind_parts(r);
    error_code ec;
    if (descriptor_ && !open_parts(r, ec))
    {
        return engine_->reject(op, ec);
    }
    start_result const result =
        start_on(*engine_, descriptor_, op, via_, writing);
    if (result == completed)
    {
        close_parts(r);
    }
    return result;
}

start_result socket_handle::start_disconnect(operation& op) noexcept
{
    return start_on(*engine_, descriptor_, op, via_, writing);
}

void socket_handle::disconnect(socket_reuse reuse, error_code& ec)
{
    ec = boost::asio::error::bad_descriptor;
    if (descriptor_)
    {
        std::lock_guard<std::mutex> const lock(descriptor_->mutex);
        if (descriptor_->directions[writing].queue.empty())
        {
            ec.clear();
            detail::disconnect(*descriptor_, reuse, nullptr, ec);
        }
        else
        {
            ec = boost::asio::error::would_block;
        }
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
