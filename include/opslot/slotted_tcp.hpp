#ifndef OPSLOT_SLOTTED_TCP_HPP
#define OPSLOT_SLOTTED_TCP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/** The types of `asio::ip::tcp`, with slotted I/O objects.

    It moves an application that uses Asio in one line, and leaves it on Asio's
    own reactor: the protocol of the objects is `asio::ip::tcp` itself.
    Endpoints, options, the results of the resolver and `iostream` are Asio's,
    and sockets are still taken wherever the Asio class is.

    Example:
    @code
    using tcp = opslot::slotted_tcp; // was: boost::asio::ip::tcp

    tcp::acceptor acceptor(io, tcp::endpoint(tcp::v4(), port));
    acceptor.async_accept([](error_code error, tcp::socket socket) { … });
    @endcode

    @see slotted
*/
class slotted_tcp : public boost::asio::ip::tcp
{
public:
    /// A TCP socket.
    using socket = slotted<boost::asio::ip::tcp::socket>;

    /// A TCP acceptor, which hands out such sockets.
    using acceptor = slotted<boost::asio::ip::tcp::acceptor>;

    /// A resolver for TCP.
    using resolver = slotted<boost::asio::ip::tcp::resolver>;

    /// What `v4()`, `v6()` and the endpoints give, as a value of this class.
    slotted_tcp(boost::asio::ip::tcp const& protocol) noexcept
        : boost::asio::ip::tcp(protocol)
    {}
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
