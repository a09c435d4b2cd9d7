#ifndef OPSLOT_ACCEPT_CONTEXT_HPP
#define OPSLOT_ACCEPT_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of an operation that accepts a connection.
*/

#include <opslot/basic_socket_core.hpp>
#include <opslot/operation_context.hpp>

#include <boost/system/error_code.hpp>

#include <optional>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A reusable accept.

    After a completion without error the context has a connection, which
    @ref take_socket moves out. One that nobody took is closed when the next
    accept starts on the context, and when the context is destroyed.

    @tparam Socket The type of the accepted sockets, such as
    `opslot::tcp::socket`.

    @par Example
    @snippet example/pooled_server.cpp accept

    @see operation_context for ownership, state, results and threads.
*/
template<typename Socket>
class basic_accept_context : public operation_context
{
public:
    using socket_type = Socket;
    using executor_type = typename Socket::executor_type;
    using protocol_type = typename Socket::protocol_type;
    using endpoint_type = typename Socket::endpoint_type;

    /// Accepted sockets get the executor of their acceptor.
    basic_accept_context() = default;

    /// Accepted sockets get this executor. It may be one of another
    /// `io_context` than that of the acceptor.
    explicit basic_accept_context(executor_type const& executor)
        : executor_(executor)
        , peer_engine_(detail::engine_of(detail::describe(executor)))
        , is_fixed_(true)
    {}

    /// Withdraws a pending operation, and closes a socket nobody took.
    ~basic_accept_context()
    {
        release();
        discard_peer();
    }

    /** Stores the handler of all operations on this context, called as
        `handler(basic_accept_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        this->template store_handler<basic_accept_context>(
            std::forward<Handler>(handler));
    }

    /// True if a connection was accepted and not taken.
    bool has_socket() const noexcept { return !is_pending() && request_.peer; }

    /** Moves the accepted connection out.

        @throws boost::system::system_error `error::context_busy`;
        `asio::error::bad_descriptor` if there is none.
    */
    Socket take_socket()
    {
        if (is_pending())
        {
            detail::throw_if(error::context_busy);
        }
        if (!request_.peer)
        {
            detail::throw_if(boost::asio::error::bad_descriptor);
        }
        Socket socket(*executor_);
        boost::system::error_code ec;
        detail::socket_access::adopt(
            socket, *protocol_, std::exchange(request_.peer, nullptr), ec);
        detail::throw_if(ec);
        return socket;
    }

    /// The address of the peer that was accepted last.
    endpoint_type peer_endpoint() const noexcept
    {
        endpoint_type peer = peer_;
        peer.resize(request_.address_size);
        return peer;
    }

private:
    friend struct detail::accept_context_access;

    template<typename Executor>
    void* prepare(
        Executor const& executor,
        detail::engine& e,
        protocol_type const& protocol)
    {
        if (!is_fixed_)
        {
            if (peer_engine_.get() != &e || !executor_ ||
                *executor_ != executor_type(executor))
            {
                executor_.emplace(executor);
                peer_engine_.reset(&e);
            }
        }
        discard_peer();
        protocol_ = protocol;
        request_.peer_engine = peer_engine_.get();
        request_.address = peer_.data();
        request_.address_capacity = peer_.capacity();
        request_.address_size = 0;
        return &request_;
    }

    void discard_peer() noexcept
    {
        if (request_.peer)
        {
            detail::discard(std::exchange(request_.peer, nullptr));
        }
    }

    detail::accept_request request_;
    std::optional<executor_type> executor_;
    detail::engine_ptr peer_engine_;
    std::optional<protocol_type> protocol_;
    endpoint_type peer_;
    bool is_fixed_ = false;
};

namespace detail {

/// What acceptors do with their contexts.
struct accept_context_access
{
    template<typename Context, typename Executor>
    static void* prepare(
        Context& c,
        Executor const& executor,
        engine& e,
        typename Context::protocol_type const& protocol)
    {
        return c.prepare(executor, e, protocol);
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
