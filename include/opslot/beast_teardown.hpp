#ifndef OPSLOT_BEAST_TEARDOWN_HPP
#define OPSLOT_BEAST_TEARDOWN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What Boost.Beast looks for by argument-dependent lookup to close a slotted
    socket.

    Include it where a `beast::websocket::stream` is built on a slotted socket,
    directly or over TLS. The functions are not called by users.

    Example:
    @code
    #include <opslot/beast_teardown.hpp>
    #include <opslot/slotted_tcp.hpp>

    boost::beast::websocket::stream<opslot::slotted_tcp::socket> stream(io);
    @endcode
*/

#include <opslot/slotted.hpp>

#include <boost/beast/core/role.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <boost/system/error_code.hpp>

#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/// Ends the connection of a WebSocket stream, as for the Asio class.
template<class Protocol, class Executor>
void teardown(
    boost::beast::role_type role,
    slotted<boost::asio::basic_stream_socket<Protocol, Executor>>& socket,
    boost::system::error_code& error)
{
    boost::asio::basic_stream_socket<Protocol, Executor>& plain = socket;
    boost::beast::websocket::teardown(role, plain, error);
}

/// Ends the connection of a WebSocket stream, as for the Asio class.
///
/// Completion: `handler(boost::system::error_code)`, not from within the call.
template<class Protocol, class Executor, class Handler>
void async_teardown(
    boost::beast::role_type role,
    slotted<boost::asio::basic_stream_socket<Protocol, Executor>>& socket,
    Handler&& handler)
{
    boost::asio::basic_stream_socket<Protocol, Executor>& plain = socket;
    boost::beast::websocket::async_teardown(
        role, plain, std::forward<Handler>(handler));
}

/// Closes the socket at the end of `beast::close_socket`.
template<class Protocol, class Executor>
void beast_close_socket(
    slotted<boost::asio::basic_stream_socket<Protocol, Executor>>& socket)
{
    boost::system::error_code ignored;
    socket.close(ignored);
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
