#ifndef OPSLOT_BEAST_TEARDOWN_HPP
#define OPSLOT_BEAST_TEARDOWN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What Boost.Beast looks for by argument-dependent lookup to close a socket
    of the library: a slotted one, or one on the library's engine.

    Include it where a `beast::websocket::stream` is built on such a socket,
    directly or over TLS. The functions are not called by users.

    Example:
    @code
    #include <opslot/beast_teardown.hpp>
    #include <opslot/slotted_tcp.hpp>

    boost::beast::websocket::stream<opslot::slotted_tcp::socket> stream(io);
    @endcode
*/

#include <opslot/slotted.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <boost/system/error_code.hpp>

#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

// Only named here, so that a program without contexts does not get them.
template<typename Protocol, typename Executor>
class basic_stream_socket;

namespace detail {

/** Ends the connection of a WebSocket stream, as Beast does it for Asio's
    sockets: the server ends its sending first, the client when it has read
    what there was (RFC 6455, 7.1.1).
*/
template<class Socket>
class websocket_teardown
{
    using error_code = boost::system::error_code;
    using base = boost::asio::socket_base;

public:
    websocket_teardown(boost::beast::role_type role, Socket& socket)
        : role_(role)
        , socket_(socket)
    {}

    template<class Self>
    void operator()(Self& self, error_code ec = error_code())
    {
        if (!is_begun_)
        {
            is_begun_ = true;
            if (!begin(result_))
            {
                boost::asio::post(socket_.get_executor(), std::move(self));
                return;
            }
        }
        else if (result_ || ec || !drain(ec))
        {
            self.complete(result_ ? result_ : ec);
            return;
        }
        socket_.async_wait(base::wait_read, std::move(self));
    }

    /// False: it is over, with an error.
    bool begin(error_code& ec)
    {
        if (role_ == boost::beast::role_type::server)
        {
            socket_.shutdown(base::shutdown_send, ec);
        }
        return !ec;
    }

    /// Reads what is there. True: wait for more.
    bool drain(error_code& ec)
    {
        bool const mode = socket_.non_blocking();
        socket_.non_blocking(true, ec);
        read_to_end(ec);
        error_code ignored;
        socket_.non_blocking(mode, ignored);
        if (ec == boost::asio::error::would_block)
        {
            return true;
        }
        finish(ec);
        return false;
    }

    void read_to_end(error_code& ec)
    {
        char storage[2048];
        while (!ec)
        {
            socket_.read_some(boost::asio::buffer(storage), ec);
        }
    }

    void finish(error_code& ec)
    {
        if (ec != boost::asio::error::eof)
        {
            return;
        }
        ec.clear();
        if (role_ == boost::beast::role_type::client)
        {
            socket_.shutdown(base::shutdown_send, ec);
        }
        if (!ec)
        {
            socket_.close(ec);
        }
    }

private:
    boost::beast::role_type role_;
    Socket& socket_;
    bool is_begun_ = false;
    error_code result_;
};

} // namespace detail

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

/// Ends the connection of a WebSocket stream.
template<class Protocol, class Executor>
void teardown(
    boost::beast::role_type role,
    basic_stream_socket<Protocol, Executor>& socket,
    boost::system::error_code& error)
{
    detail::websocket_teardown<basic_stream_socket<Protocol, Executor>>
        operation(role, socket);
    if (operation.begin(error))
    {
        operation.read_to_end(error);
        operation.finish(error);
    }
}

/// Ends the connection of a WebSocket stream.
///
/// Completion: `handler(boost::system::error_code)`, not from within the call.
template<class Protocol, class Executor, class Handler>
void async_teardown(
    boost::beast::role_type role,
    basic_stream_socket<Protocol, Executor>& socket,
    Handler&& handler)
{
    boost::asio::async_compose<Handler, void(boost::system::error_code)>(
        detail::websocket_teardown<basic_stream_socket<Protocol, Executor>>(
            role, socket),
        handler,
        socket);
}

/// Closes the socket at the end of `beast::close_socket`.
template<class Protocol, class Executor>
void beast_close_socket(basic_stream_socket<Protocol, Executor>& socket)
{
    boost::system::error_code ignored;
    socket.close(ignored);
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
