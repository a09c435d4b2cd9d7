#ifndef OPSLOT_CONNECT_CONTEXT_HPP
#define OPSLOT_CONNECT_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of an operation that connects a socket.
*/

#include <opslot/operation_context.hpp>

#include <boost/asio/generic/stream_protocol.hpp>

#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A reusable connect.

    One context may be used for sockets of any protocol in turn.

    @see operation_context for ownership, state, results and threads.
*/
class connect_context : public operation_context
{
public:
    connect_context() noexcept = default;

    /// Withdraws a pending operation; its socket stays as it is.
    ~connect_context() { release(); }

    /** Stores the handler of all operations on this context, called as
        `handler(connect_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        store_handler<connect_context>(std::forward<Handler>(handler));
    }

    /** Sets the endpoint to connect to. It stays set.

        @param endpoint An endpoint of any stream or datagram protocol of
        Asio's.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    template<typename Endpoint>
    void endpoint(Endpoint const& endpoint)
    {
        check_idle();
        auto const protocol = endpoint.protocol();
        endpoint_ = boost::asio::generic::stream_protocol::endpoint(
            endpoint.data(), endpoint.size(), protocol.protocol());
        request_.family = protocol.family();
        request_.type = protocol.type();
        request_.protocol = protocol.protocol();
    }

    /// The endpoint that was set; its size is that of an address family
    /// only, if none was.
    boost::asio::generic::stream_protocol::endpoint const&
    endpoint() const noexcept
    {
        return endpoint_;
    }

private:
    friend struct detail::connect_context_access;

    boost::asio::generic::stream_protocol::endpoint endpoint_;
    detail::connect_request request_;
};

namespace detail {

/// What sockets do with their contexts.
struct connect_context_access
{
    /// The request of the context, or null if it has no endpoint.
    static connect_request* prepare(connect_context& c) noexcept
    {
        if (c.request_.type == 0)
        {
            return nullptr;
        }
        c.request_.address = c.endpoint_.data();
        c.request_.address_size = c.endpoint_.size();
        return &c.request_;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
