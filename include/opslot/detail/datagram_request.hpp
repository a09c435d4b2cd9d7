#ifndef OPSLOT_DETAIL_DATAGRAM_REQUEST_HPP
#define OPSLOT_DETAIL_DATAGRAM_REQUEST_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What a datagram is besides its bytes.
*/

#include <opslot/config.hpp>

#include <array>
#include <cstddef>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The addresses of a datagram that is received or sent.

    It belongs to the transfer_request of its buffers, and stays valid as long
    as these.
*/
struct datagram_request
{
    /// Where to send it to; null: to the peer of the socket.
    void const* target = nullptr;
    std::size_t target_size = 0;
    /// Room for the address of the sender; null: not wanted.
    void* sender = nullptr;
    std::size_t sender_capacity = 0;
    /// Out: the size of that address; 0: it has none.
    std::size_t sender_size = 0;
    /// Whether to say where it arrived.
    bool wants_arrival = false;
    /// Out: it had more bytes than the buffers have room for.
    bool is_truncated = false;
    /// Out: how much of `arrived_at` there is, 4 or 16 bytes; 0: nothing is
    /// known.
    unsigned char arrived_at_size = 0;
    /// Out: the IP address that it was sent to, in network byte order.
    std::array<unsigned char, 16> arrived_at{};
    /// Out: the number of the interface that it came in by; 0: unknown.
    unsigned interface_index = 0;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
