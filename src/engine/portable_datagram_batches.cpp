// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Many datagrams by one operation: a call of Asio's for each.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/detail/datagram_request.hpp>

#include <boost/asio/error.hpp>

#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using error_code = boost::system::error_code;

/// Receives a datagram into what is free of the slab.
void receive_next(
    descriptor& d, datagram_batch_request& r, operation& op, error_code& ec)
{
    bool const has_address = r.wants_senders || r.wants_arrival;
    batch_address& address = r.addresses[r.address_count];
    datagram_request datagram;
    datagram.sender = r.wants_senders ? address.bytes.data() : nullptr;
    datagram.sender_capacity = r.wants_senders ? r.address_capacity : 0;
    datagram.wants_arrival = r.wants_arrival;
    transfer_request request;
    request.one = {r.slab + r.used, r.slot_size};
    request.buffers = &request.one;
    request.count = 1;
    request.datagram = &datagram;
    std::size_t const n = receive_datagram_once(d, request, ec);
    if (ec)
    {
        return;
    }
    auto index = batched_datagram::no_address;
    if (has_address)
    {
        address.size = static_cast<std::uint32_t>(datagram.sender_size);
        address.interface_index = datagram.interface_index;
        address.arrived_at = datagram.arrived_at;
        address.arrived_at_size = datagram.arrived_at_size;
        index = static_cast<std::uint32_t>(r.address_count++);
    }
    add_received(r, request.one.data(), n, index, datagram.is_truncated);
    r.used += n;
    op.bytes_transferred += n;
}

/// Fills the list as far as it goes. Returns false if there is nothing.
bool attempt_receive(descriptor& d, operation& op) noexcept
{
    datagram_batch_request& r = batch_of(op);
    error_code ec;
    while (!ec && r.count != r.limit)
    {
        receive_next(d, r, op, ec);
    }
    // That no more come is told when there is nothing else to tell.
    bool const ends = is_would_block(ec) || ec == boost::asio::error::shut_down;
    if (is_would_block(ec) || (ends && r.count != 0))
    {
        ec.clear();
    }
    op.error = ec;
    return r.count != 0 || ec;
}

/// Sends what is left of the list. Returns false if the system takes no more.
bool attempt_send(descriptor& d, operation& op, bool is_ready) noexcept
{
    datagram_batch_request& r = batch_of(op);
    while (r.next != r.count)
    {
        batched_datagram const& next = r.datagrams[r.next];
        datagram_request datagram;
        if (has_address(r, next))
        {
            batch_address const& a = r.addresses[next.address];
            datagram.target = a.bytes.data();
            datagram.target_size = a.size;
        }
        transfer_request request;
        request.one = {next.data, next.size};
        request.buffers = &request.one;
        request.count = 1;
        request.datagram = &datagram;
        error_code ec;
        std::size_t const n = send_datagram_once(d, request, ec);
        if (!ec)
        {
            were_sent(r, 1, n, op);
        }
        else if (
            !is_would_block(ec) || (is_ready && is_for_local_address(datagram)))
        {
            was_not_sent(r, ec);
        }
        else
        {
            return false;
        }
    }
    end_send(r, op);
    return true;
}

} // namespace

bool attempt_datagram_batch(
    descriptor& d, operation& op, bool is_ready) noexcept
{
    return op.kind == operation_kind::send_batch ? attempt_send(d, op, is_ready)
                                                 : attempt_receive(d, op);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
