#ifndef OPSLOT_UDP_HPP
#define OPSLOT_UDP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    UDP: the types of `asio::ip::udp`, with the library's own I/O objects.
*/

#include <opslot/basic_datagram_socket.hpp>
#include <opslot/connect.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/datagram_batch_context.hpp>
#include <opslot/datagram_context.hpp>

#include <boost/asio/ip/udp.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/** Mirrors `asio::ip::udp`: `using udp = opslot::udp;` moves an
    application that uses Asio's forms onto the library's engine.

    Endpoints, the resolver and the options are Asio's own.
    `asio::connect` and `asio::async_connect` take Asio's sockets only;
    `opslot::connect` and `opslot::async_connect` are in this header, too.
*/
class udp : public boost::asio::ip::udp
{
public:
    /// A UDP socket.
    using socket = basic_datagram_socket<boost::asio::ip::udp>;

    /// The context of a datagram.
    using datagram_context = basic_datagram_context<boost::asio::ip::udp>;

    /// The context of many datagrams.
    using datagram_batch_context =
        basic_datagram_batch_context<boost::asio::ip::udp>;

    /// What `v4()`, `v6()` and the endpoints give, as a value of this class.
    udp(boost::asio::ip::udp const& protocol) noexcept
        : boost::asio::ip::udp(protocol)
    {}
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
