// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/light_mutex.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstring>
#include <new>

#include "engine/portable.hpp"
#include "engine/queued_bytes.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using boost::asio::socket_base;
using error_code = boost::system::error_code;

/// The descriptors that are not in use. Never destroyed, and reachable for
/// leak checkers.
struct store
{
    light_mutex mutex;
    descriptor* first = nullptr;
};

store free_descriptors;

descriptor* take_free() noexcept
{
    std::lock_guard<light_mutex> const lock(free_descriptors.mutex);
    descriptor* const d = free_descriptors.first;
    if (d)
    {
        free_descriptors.first = d->next_free;
    }
    return d;
}

void put_free(descriptor* d) noexcept
{
    std::lock_guard<light_mutex> const lock(free_descriptors.mutex);
    d->next_free = free_descriptors.first;
    free_descriptors.first = d;
}

/// Up to 64 buffers, which is as many as Asio hands to the system at once.
class window
{
public:
    explicit window(transfer_request const& r) noexcept
    {
        std::size_t offset = r.offset;
        for (std::size_t i = r.index; i != r.count && size_ != capacity; ++i)
        {
            auto const b = r.buffers[i] + offset;
            offset = 0;
            if (b.size() != 0)
            {
                buffers_[size_++] = b;
            }
        }
    }

    boost::asio::mutable_buffer const* begin() const noexcept
    {
        return buffers_.data();
    }

    boost::asio::mutable_buffer const* end() const noexcept
    {
        return buffers_.data() + size_;
    }

private:
    static constexpr std::size_t capacity = 64;

    std::array<boost::asio::mutable_buffer, capacity> buffers_;
    std::size_t size_ = 0;
};

template<typename Buffers>
std::size_t transfer(
    stream_socket& s,
    Buffers const& buffers,
    int flags,
    bool is_send,
    error_code& ec)
{
    return is_send ? s.send(buffers, flags, ec) : s.receive(buffers, flags, ec);
}

/// Remembers how far a request has come.
void advance(transfer_request& r, std::size_t n) noexcept
{
    while (n != 0)
    {
        std::size_t const left = r.buffers[r.index].size() - r.offset;
        if (n < left)
        {
            r.offset += n;
            return;
        }
        n -= left;
        ++r.index;
        r.offset = 0;
    }
}

/// Turns `would_block` into "not done".
bool is_done(operation& op) noexcept
{
    if (is_would_block(op.error))
    {
        op.error.clear();
        return false;
    }
    return true;
}

bool attempt_transfer(descriptor& d, operation& op, bool is_ready) noexcept
{
    auto& r = *static_cast<transfer_request*>(op.request);
    bool const is_send = op.kind == operation_kind::send;
    if (r.total() == 0)
    {
        if (!is_ready)
        {
            poll_once(d, socket_base::wait_read, op.error);
        }
        return is_done(op);
    }
    for (;;)
    {
        std::size_t const n = transfer_once(d, r, is_send, op.error);
        if (op.error)
        {
            return is_done(op);
        }
        op.bytes_transferred += n;
        if ((is_send ? is_sent(r, op.bytes_transferred)
                     : is_received(r, op.bytes_transferred)) ||
            (r.flags & socket_base::message_peek) != 0)
        {
            return true;
        }
        advance(r, n);
    }
}

/// The next connection may be a good one, says accept(2) of these.
bool is_of_one_connection(error_code const& ec) noexcept
{
    return ec == boost::asio::error::connection_aborted ||
           ec == boost::system::errc::protocol_error ||
           ec == boost::asio::error::interrupted;
}

descriptor_ptr make_peer(engine& e, error_code& ec) noexcept
{
    try
    {
        return e.make_descriptor(socket_role::stream);
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

} // namespace

void intrusive_ptr_add_ref(descriptor* d) noexcept
{
    d->references.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(descriptor* d) noexcept
{
    if (d->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    {
        return;
    }
    engine_ptr const owner(d->owns_reference ? d->owner : nullptr, false);
    put_free(d);
}

descriptor_ptr new_descriptor(engine& owner, bool owns_reference)
{
    descriptor* d = take_free();
    if (!d)
    {
        d = ::new (operation_memory::process().allocate(
            sizeof(descriptor), alignof(descriptor))) descriptor;
    }
    // Somebody may still be looking if his operation is here.
    std::lock_guard<std::mutex> const lock(d->mutex);
    if (owns_reference)
    {
        intrusive_ptr_add_ref(&owner);
    }
    d->owner = &owner;
    d->owns_reference = owns_reference;
    for (direction& x : d->directions)
    {
        x.is_waiting = false;
        x.connecting = nullptr;
    }
    d->is_scheduled = false;
    d->is_interrupted = false;
    d->was_given = false;
    d->user_non_blocking = false;
    d->native_non_blocking = true;
    d->sync_budget = 0;
    d->sync_count = 0;
    d->family = 0;
    d->is_bound = false;
    d->says_arrival = false;
    d->ends_receives = false;
    d->queued_bytes = 0;
    d->queued_peak = 0;
    d->settings.clear();
    return descriptor_ptr(d);
}

std::size_t bytes_left(descriptor const& d) noexcept
{
    auto const& queue = d.directions[writing].queue;
    return queue.empty() ? 0 : d.queued_bytes - bytes_sent(queue.front());
}

void ensure_non_blocking(descriptor& d) noexcept
{
    if (!d.native_non_blocking)
    {
        error_code ignored;
        visit_socket(d, [&](auto& s) { s.non_blocking(true, ignored); });
        d.native_non_blocking = true;
    }
}

std::size_t transfer_once(
    descriptor& d,
    transfer_request const& r,
    bool is_send,
    error_code& ec) noexcept
{
    auto* const s = std::get_if<stream_socket>(&d.socket);
    if (!s)
    {
        ec = boost::asio::error::operation_not_supported;
        return 0;
    }
    if (r.index + 1 == r.count)
    {
        return transfer(
            *s, r.buffers[r.index] + r.offset, r.flags, is_send, ec);
    }
    return transfer(*s, window(r), r.flags, is_send, ec);
}

void poll_once(
    descriptor& d, socket_base::wait_type which, error_code& ec) noexcept
{
    visit_socket(d, [&](auto& s) { s.wait(which, ec); });
}

void accept_once(
    descriptor& d, accept_request& request, error_code& ec) noexcept
{
    auto* const listener = std::get_if<listener_socket>(&d.socket);
    if (!listener)
    {
        ec = boost::asio::error::operation_not_supported;
        return;
    }
    descriptor_ptr peer = make_peer(*request.peer_engine, ec);
    if (!peer)
    {
        return;
    }
    auto& s = std::get<stream_socket>(peer->socket);
    stream_protocol::endpoint address;
    do
    {
        listener->accept(s, address, ec);
    } while (is_of_one_connection(ec));
    if (!ec)
    {
        s.non_blocking(true, ec);
    }
    if (ec)
    {
        request.peer_engine->destroy(*peer);
        return;
    }
    request.address_size = address.size();
    if (request.address)
    {
        std::memcpy(
            request.address,
            address.data(),
            std::min(address.size(), request.address_capacity));
    }
    request.peer = peer.detach();
}

socket_base::wait_type wait_type_of(wait_request const& request) noexcept
{
    switch (request.which)
    {
    case wait_request::read:
        return socket_base::wait_read;
    case wait_request::write:
        return socket_base::wait_write;
    case wait_request::except:
    case wait_request::queued:
        break;
    }
    return socket_base::wait_error;
}

bool attempt(descriptor& d, operation& op, bool is_ready) noexcept
{
    switch (op.kind)
    {
    case operation_kind::receive:
    case operation_kind::send:
        return static_cast<transfer_request*>(op.request)->datagram
                   ? attempt_datagram(d, op, is_ready)
                   : attempt_transfer(d, op, is_ready);
    case operation_kind::wait:
        if (!is_ready)
        {
            poll_once(
                d,
                wait_type_of(*static_cast<wait_request*>(op.request)),
                op.error);
        }
        return is_done(op);
    case operation_kind::accept:
        accept_once(d, *static_cast<accept_request*>(op.request), op.error);
        return is_done(op);
    case operation_kind::receive_from:
    case operation_kind::receive_message_from:
    case operation_kind::send_to:
        return attempt_datagram(d, op, is_ready);
    case operation_kind::receive_batch:
    case operation_kind::send_batch:
        return attempt_datagram_batch(d, op, is_ready);
    case operation_kind::transmit:
        return attempt_transmit(d, op);
    case operation_kind::disconnect:
        disconnect(
            d,
            static_cast<disconnect_request*>(op.request)->reuse,
            &op,
            op.error);
        return true;
    case operation_kind::connect:
    case operation_kind::none:
        break;
    }
    return false;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
