#ifndef OPSLOT_SLOTTED_LOCAL_HPP
#define OPSLOT_SLOTTED_LOCAL_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted.hpp>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#if defined(BOOST_ASIO_HAS_LOCAL_SOCKETS)

namespace opslot {
inline namespace OPSLOT_ABI {

/** Mirrors the namespace `asio::local`, with slotted I/O objects.

    The protocols derive from Asio's, and the protocol of the objects is Asio's
    own.

    Example:
    @code
    namespace local = opslot::slotted_local; // was: boost::asio::local

    local::stream_protocol::acceptor acceptor(io, path);
    acceptor.async_accept(
        [](error_code error, local::stream_protocol::socket socket) { … });
    @endcode

    @see slotted
*/
namespace slotted_local {

using boost::asio::local::connect_pair;

/// Mirrors `asio::local::stream_protocol`.
class stream_protocol : public boost::asio::local::stream_protocol
{
public:
    /// A local stream socket.
    using socket = slotted<boost::asio::local::stream_protocol::socket>;

    /// A local acceptor, which hands out such sockets.
    using acceptor = slotted<boost::asio::local::stream_protocol::acceptor>;

    stream_protocol() noexcept = default;

    /// What the endpoints give, as a value of this class.
    stream_protocol(
        boost::asio::local::stream_protocol const& protocol) noexcept
        : boost::asio::local::stream_protocol(protocol)
    {}
};

/// Mirrors `asio::local::datagram_protocol`.
class datagram_protocol : public boost::asio::local::datagram_protocol
{
public:
    /// A local datagram socket.
    using socket = slotted<boost::asio::local::datagram_protocol::socket>;

    datagram_protocol() noexcept = default;

    /// What the endpoints give, as a value of this class.
    datagram_protocol(
        boost::asio::local::datagram_protocol const& protocol) noexcept
        : boost::asio::local::datagram_protocol(protocol)
    {}
};

} // namespace slotted_local
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
#endif
