#ifndef OPSLOT_BASIC_SOCKET_HPP
#define OPSLOT_BASIC_SOCKET_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A socket that can be connected.
*/

#include <opslot/basic_socket_core.hpp>
#include <opslot/connect_context.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// The request of a token operation that connects.
template<typename Endpoint>
struct connect_token_request
{
    Endpoint endpoint;
    connect_request request{};

    void* get() noexcept
    {
        fill(request, endpoint);
        return &request;
    }

    std::tuple<boost::system::error_code> result(operation const& op) const
    {
        return {op.error};
    }

    static void fill(connect_request& r, Endpoint const& endpoint) noexcept
    {
        auto const protocol = endpoint.protocol();
        r.address = endpoint.data();
        r.address_size = endpoint.size();
        r.family = protocol.family();
        r.type = protocol.type();
        r.protocol = protocol.protocol();
    }
};

template<typename Protocol, typename = void>
inline constexpr bool has_resolver = false;

/// Whether there are names for the addresses of a protocol.
template<typename Protocol>
inline constexpr bool
    has_resolver<Protocol, std::void_t<typename Protocol::resolver>> = true;

} // namespace detail

/** What stream and datagram sockets have in common.

    @see basic_socket_core for executors, lifetime and threads.
*/
template<typename Protocol, typename Executor>
class basic_socket : public basic_socket_core<Protocol, Executor>
{
    using core = basic_socket_core<Protocol, Executor>;

public:
    /// The type of the endpoints.
    using typename core::endpoint_type;
    /// The type of the executor.
    using typename core::executor_type;
    /// The protocol.
    using typename core::protocol_type;
    /// Which direction to shut down.
    using shutdown_type = boost::asio::socket_base::shutdown_type;

    /// The layer that has the native socket: this object.
    using lowest_layer_type = basic_socket;

    /// This object.
    lowest_layer_type& lowest_layer() noexcept { return *this; }

    /// This object.
    lowest_layer_type const& lowest_layer() const noexcept { return *this; }

    /// The address of the peer.
    endpoint_type remote_endpoint() const
    {
        boost::system::error_code ec;
        endpoint_type e = remote_endpoint(ec);
        detail::throw_if(ec);
        return e;
    }

    /// The address of the peer; a default one on error.
    endpoint_type remote_endpoint(boost::system::error_code& ec) const
    {
        endpoint_type endpoint;
        std::size_t size = endpoint.capacity();
        this->handle_.remote_endpoint(endpoint.data(), size, ec);
        if (ec)
        {
            return endpoint_type();
        }
        endpoint.resize(size);
        return endpoint;
    }

    /// Ends sending, receiving, or both.
    void shutdown(shutdown_type what)
    {
        boost::system::error_code ec;
        shutdown(what, ec);
        detail::throw_if(ec);
    }

    /// Ends sending, receiving, or both.
    boost::system::error_code
    shutdown(shutdown_type what, boost::system::error_code& ec)
    {
        this->handle_.shutdown(static_cast<int>(what), ec);
        return ec;
    }

    /// How many bytes can be read without waiting.
    std::size_t available() const
    {
        boost::system::error_code ec;
        std::size_t const n = available(ec);
        detail::throw_if(ec);
        return n;
    }

    /// How many bytes can be read without waiting; 0 on error.
    std::size_t available(boost::system::error_code& ec) const
    {
        return this->handle_.available(ec);
    }

    /// Whether the next byte to read is the one sent as urgent.
    bool at_mark() const
    {
        boost::system::error_code ec;
        bool const b = at_mark(ec);
        detail::throw_if(ec);
        return b;
    }

    /// Whether the next byte to read is the one sent as urgent.
    bool at_mark(boost::system::error_code& ec) const
    {
        return this->handle_.at_mark(ec);
    }

    /// Connects, opening the socket if it is closed; waits for the result.
    void connect(endpoint_type const& peer)
    {
        boost::system::error_code ec;
        connect(peer, ec);
        detail::throw_if(ec);
    }

    /// Connects, opening the socket if it is closed; waits for the result.
    boost::system::error_code
    connect(endpoint_type const& peer, boost::system::error_code& ec)
    {
        if (!this->is_open() && this->open(peer.protocol(), ec))
        {
            return ec;
        }
        this->handle_.connect(peer.data(), peer.size(), ec);
        return ec;
    }

    /** Starts to connect.

        The socket is opened if it is closed. After a failed attempt at one
        address close it before the next one: what a socket does then is the
        system's choice. See @ref connect_context for names, several
        addresses, and data to send.

        @param context Says where to connect to.

        @return `completed` if the result is known at once; the handler of
        the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_endpoint`;
        `asio::error::operation_not_supported` for a name on a socket that
        is not one of IP. Nothing was changed then.

        @par Completion
        `context.error()` is success, or
        @li `connection_refused`, or another error of connect(2)
        @li `asio::error::already_connected`, `already_started`
        @li `asio::error::host_not_found`, or what else the resolver reports
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li what send(2) reports, with the number of bytes that were sent

        Of several addresses, the error of the last one that failed counts.

        @par Cost
        At most two system calls for one address, no allocation. Resolving
        a name allocates; else what several steps need is operation memory.
    */
    start_result start_connect(connect_context& context)
    {
        if (detail::connect_context_access::is_composed(context))
        {
            start_result const result = start_composed(context);
            if (result == completed)
            {
                detail::context_access::conclude(context);
                detail::context_access::complete_start(context);
            }
            return result;
        }
        return this->start(
            context,
            operation_kind::connect,
            prepare(context),
            &detail::socket_handle::start_connect);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_connect(connect_context& context)
    {
        if (detail::connect_context_access::is_composed(context))
        {
            if (start_composed(context) == completed)
            {
                this->handle_.deliver_later(
                    detail::context_access::base(context));
            }
            return;
        }
        this->start_later(
            context,
            operation_kind::connect,
            prepare(context),
            &detail::socket_handle::start_connect);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`. What a socket does after a cancelled
        attempt at one address is the system's choice; close it.
    */
    template<typename CompletionToken>
    auto async_connect(connect_context& context, CompletionToken&& token)
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_context_connect{{*this}}, token, &context);
    }

    /** Connects to an endpoint, without a context.

        The socket is opened if it is closed.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<
        typename CompletionToken =
            typename boost::asio::default_completion_token<executor_type>::type>
    auto async_connect(
        endpoint_type const& peer,
        CompletionToken&& token = typename boost::asio::
            default_completion_token<executor_type>::type())
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_connect{{*this}}, token, peer);
    }

    /// @cond

protected:
    using core::core;

    basic_socket(basic_socket&&) = default;
    basic_socket& operator=(basic_socket&&) = default;
    ~basic_socket() = default;

    /// @endcond

private:
    /// Opens a closed socket, so that the cancellation of a connect has one
    /// to name. The start of the operation reports an error.
    void open_for(protocol_type const& protocol)
    {
        boost::system::error_code ignored;
        if (!this->is_open())
        {
            this->open(protocol, ignored);
        }
    }

    static void* prepare(connect_context& context)
    {
        detail::context_access::require_start(context);
        detail::connect_request* const request =
            detail::connect_context_access::prepare(context);
        if (!request)
        {
            detail::throw_if(error::no_endpoint);
        }
        return request;
    }

    /// What is wrong with a connect on this kind of socket.
    static boost::system::error_code
    check_connect(connect_context const& context) noexcept
    {
        using access = detail::connect_context_access;
        if (!access::has_endpoint(context))
        {
            return error::no_endpoint;
        }
        if (access::has_name(context) && !detail::has_resolver<Protocol>)
        {
            return boost::asio::error::operation_not_supported;
        }
        // Several steps end with a stream.
        if (access::is_composed(context) &&
            endpoint_type().protocol().type() !=
                boost::asio::ip::tcp::v4().type())
        {
            return boost::asio::error::operation_not_supported;
        }
        return {};
    }

    detail::connect_composition& compose(connect_context& context)
    {
        return *detail::connect_context_access::compose(
            context,
            this->handle_.owner(),
            detail::describe(this->executor_).executor);
    }

    start_result start_composed(connect_context& context)
    {
        detail::context_access::require_start(context);
        detail::throw_if(check_connect(context));
        detail::connect_composition& steps = compose(context);
        detail::context_access::begin(
            context, operation_kind::connect, nullptr);
        return steps.start(
            this->handle_, detail::context_access::base(context));
    }

    template<typename Handler>
    void start_composed(connect_context& context, Handler& handler)
    {
        detail::connect_composition& steps = compose(context);
        // So that there is something that a cancellation can name.
        boost::system::error_code ignored;
        this->handle_.reserve(ignored);
        detail::start_context_operation<detail::plain_result>(
            this->handle_,
            [&steps](detail::socket_handle& socket, detail::operation& op) {
                return steps.start(socket, op);
            },
            context,
            operation_kind::connect,
            nullptr,
            handler,
            this->executor_);
    }

    struct initiate_connect : core::initiation
    {
        template<typename Handler>
        void operator()(Handler&& handler, endpoint_type const& peer) const
        {
            auto& self = static_cast<basic_socket&>(core::initiation::socket);
            using request = detail::connect_token_request<endpoint_type>;
            using operation = detail::
                token_operation<std::decay_t<Handler>, Executor, request>;
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            self.open_for(peer.protocol());
            detail::start_token_operation(
                self.handle_,
                &detail::socket_handle::start_connect,
                detail::new_record<operation>(
                    self.handle_.owner(), copy, self.executor_, request{peer}),
                self.executor_,
                operation_kind::connect);
        }
    };

    struct initiate_context_connect : core::initiation
    {
        template<typename Handler>
        void operator()(Handler&& handler, connect_context* context) const
        {
            auto& self = static_cast<basic_socket&>(core::initiation::socket);
            auto ec = detail::context_access::check_start(*context);
            if (!ec)
            {
                ec = check_connect(*context);
            }
            if (ec)
            {
                detail::post_result(
                    std::forward<Handler>(handler),
                    self.executor_,
                    std::make_tuple(ec));
                return;
            }
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            if (detail::connect_context_access::is_composed(*context))
            {
                self.start_composed(*context, copy);
                return;
            }
            auto* const request =
                detail::connect_context_access::prepare(*context);
            if (!self.is_open())
            {
                boost::system::error_code ignored;
                self.handle_.open(
                    request->family, request->type, request->protocol, ignored);
            }
            detail::start_context_operation<detail::plain_result>(
                self.handle_,
                &detail::socket_handle::start_connect,
                *context,
                operation_kind::connect,
                request,
                copy,
                self.executor_);
        }
    };
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
