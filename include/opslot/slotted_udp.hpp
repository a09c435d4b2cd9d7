#ifndef OPSLOT_SLOTTED_UDP_HPP
#define OPSLOT_SLOTTED_UDP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted.hpp>

#include <boost/asio/ip/udp.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/** The types of `asio::ip::udp`, with slotted I/O objects.

    It moves an application that uses Asio in one line, and leaves it on Asio's
    own reactor: the protocol of the objects is `asio::ip::udp` itself.

    Example:
    @code
    using udp = opslot::slotted_udp; // was: boost::asio::ip::udp

    udp::socket socket(io, udp::endpoint(udp::v4(), port));
    socket.async_receive_from(buffer, sender, handler);
    @endcode

    @see slotted
*/
class slotted_udp : public boost::asio::ip::udp
{
public:
    /// A UDP socket.
    using socket = slotted<boost::asio::ip::udp::socket>;

    /// A resolver for UDP.
    using resolver = slotted<boost::asio::ip::udp::resolver>;

    /// What `v4()`, `v6()` and the endpoints give, as a value of this class.
    slotted_udp(boost::asio::ip::udp const& protocol) noexcept
        : boost::asio::ip::udp(protocol)
    {}
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
