#ifndef OPSLOT_PACKET_INFORMATION_HPP
#define OPSLOT_PACKET_INFORMATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Where a datagram arrived.
*/

#include <opslot/config.hpp>

#include <boost/asio/ip/address.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/** Where a datagram arrived: of interest if the socket is bound to several
    addresses, or if the datagram was sent to many receivers.
*/
struct packet_information
{
    /// The address that it was sent to: one of this machine, or that of a
    /// group or a broadcast. Unspecified if that is not known.
    boost::asio::ip::address destination;

    /// The number of the interface that it came in by, as `if_nametoindex`
    /// gives it; 0 if that is not known.
    unsigned interface_index = 0;
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
