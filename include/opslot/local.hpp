#ifndef OPSLOT_LOCAL_HPP
#define OPSLOT_LOCAL_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Local sockets: the types of `asio::local`, with the library's own I/O
    objects.
*/

#include <opslot/accept_context.hpp>
#include <opslot/basic_acceptor.hpp>
#include <opslot/basic_datagram_socket.hpp>
#include <opslot/basic_stream_socket.hpp>
#include <opslot/connect.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/datagram_batch_context.hpp>
#include <opslot/datagram_context.hpp>
#include <opslot/detail/hand_over.hpp>
#include <opslot/stream_context.hpp>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#if defined(BOOST_ASIO_HAS_LOCAL_SOCKETS)

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

template<typename Socket1, typename Socket2>
void connect_pair(
    Socket1& first, Socket2& second, boost::system::error_code& ec)
{
    using protocol_type = typename Socket1::protocol_type;
    if (first.is_open() || second.is_open())
    {
        ec = boost::asio::error::already_open;
        return;
    }
    typename protocol_type::socket a(first.get_executor());
    typename protocol_type::socket b(second.get_executor());
    if (boost::asio::local::connect_pair(a, b, ec))
    {
        return;
    }
    try
    {
        hand_over(a, first, protocol_type());
        hand_over(b, second, protocol_type());
    }
    catch (boost::system::system_error const& e)
    {
        boost::system::error_code ignored;
        first.close(ignored);
        ec = e.code();
    }
}

} // namespace detail

/// Mirrors the namespace `asio::local`.
namespace local {

/// Mirrors `asio::local::stream_protocol`.
class stream_protocol : public boost::asio::local::stream_protocol
{
public:
    /// A local stream socket.
    using socket = basic_stream_socket<boost::asio::local::stream_protocol>;

    /// A local acceptor.
    using acceptor = basic_acceptor<boost::asio::local::stream_protocol>;

    /// The context of an accept.
    using accept_context = basic_accept_context<socket>;

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
    using socket = basic_datagram_socket<boost::asio::local::datagram_protocol>;

    /// The context of a datagram.
    using datagram_context =
        basic_datagram_context<boost::asio::local::datagram_protocol>;

    /// The context of many datagrams.
    using datagram_batch_context =
        basic_datagram_batch_context<boost::asio::local::datagram_protocol>;

    datagram_protocol() noexcept = default;

    /// What the endpoints give, as a value of this class.
    datagram_protocol(
        boost::asio::local::datagram_protocol const& protocol) noexcept
        : boost::asio::local::datagram_protocol(protocol)
    {}
};

/// Makes a pair of sockets that are connected with each other. Fails with
/// `already_open` if a socket is open. After an error both are closed.
template<typename Protocol, typename Executor1, typename Executor2>
boost::system::error_code connect_pair(
    basic_stream_socket<Protocol, Executor1>& first,
    basic_stream_socket<Protocol, Executor2>& second,
    boost::system::error_code& ec)
{
    opslot::detail::connect_pair(first, second, ec);
    return ec;
}

/// Makes a pair of sockets that are connected with each other.
template<typename Protocol, typename Executor1, typename Executor2>
void connect_pair(
    basic_stream_socket<Protocol, Executor1>& first,
    basic_stream_socket<Protocol, Executor2>& second)
{
    boost::system::error_code ec;
    connect_pair(first, second, ec);
    opslot::detail::throw_if(ec);
}

/// Makes a pair of sockets that are connected with each other. Fails with
/// `already_open` if a socket is open.
template<typename Protocol, typename Executor1, typename Executor2>
boost::system::error_code connect_pair(
    basic_datagram_socket<Protocol, Executor1>& first,
    basic_datagram_socket<Protocol, Executor2>& second,
    boost::system::error_code& ec)
{
    opslot::detail::connect_pair(first, second, ec);
    return ec;
}

/// Makes a pair of sockets that are connected with each other.
template<typename Protocol, typename Executor1, typename Executor2>
void connect_pair(
    basic_datagram_socket<Protocol, Executor1>& first,
    basic_datagram_socket<Protocol, Executor2>& second)
{
    boost::system::error_code ec;
    connect_pair(first, second, ec);
    opslot::detail::throw_if(ec);
}

} // namespace local
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
#endif
