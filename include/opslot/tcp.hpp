#ifndef OPSLOT_TCP_HPP
#define OPSLOT_TCP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    TCP: the types of `asio::ip::tcp`, with the library's own I/O objects.
*/

#include <opslot/accept_context.hpp>
#include <opslot/basic_acceptor.hpp>
#include <opslot/basic_stream_socket.hpp>
#include <opslot/connect.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/stream_context.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/** Mirrors `asio::ip::tcp`: `using tcp = opslot::tcp;` moves an
    application that uses Asio's forms onto the library's engine.

    Endpoints, the resolver and the options are Asio's own.
    `asio::connect` and `asio::async_connect` take Asio's sockets only;
    `opslot::connect` and `opslot::async_connect` are in this header, too.
*/
class tcp : public boost::asio::ip::tcp
{
public:
    /// A TCP socket.
    using socket = basic_stream_socket<boost::asio::ip::tcp>;

    /// A TCP acceptor.
    using acceptor = basic_acceptor<boost::asio::ip::tcp>;

    /// The context of an accept.
    using accept_context = basic_accept_context<socket>;

    /// What `v4()`, `v6()` and the endpoints give, as a value of this class.
    tcp(boost::asio::ip::tcp const& protocol) noexcept
        : boost::asio::ip::tcp(protocol)
    {}
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
