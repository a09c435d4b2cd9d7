#ifndef OPSLOT_BASIC_ACCEPTOR_HPP
#define OPSLOT_BASIC_ACCEPTOR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A listening socket on the library's engine.
*/

#include <opslot/accept_context.hpp>
#include <opslot/basic_socket_core.hpp>
#include <opslot/basic_stream_socket.hpp>
#include <opslot/detail/hand_over.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/is_executor.hpp>
#include <boost/system/error_code.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

template<typename T>
inline constexpr bool is_executor =
    boost::asio::is_executor<T>::value ||
    boost::asio::execution::is_executor<T>::value;

template<typename T>
using enable_if_executor = std::enable_if_t<is_executor<T>, int>;

/// The request of an accept into an existing socket.
template<typename Socket>
class accept_into_request
{
public:
    /// The type of the endpoints.
    using endpoint_type = typename Socket::endpoint_type;

    accept_into_request(
        Socket& peer,
        endpoint_type* endpoint,
        typename Socket::protocol_type const& protocol)
        : peer_(peer)
        , endpoint_(endpoint)
        , protocol_(protocol)
    {}

    accept_into_request(accept_into_request&& other) noexcept
        : request_(other.request_)
        , peer_(other.peer_)
        , endpoint_(other.endpoint_)
        , protocol_(other.protocol_)
    {
        other.request_.peer = nullptr;
    }

    ~accept_into_request()
    {
        if (request_.peer)
        {
            discard(request_.peer);
        }
    }

    void* get() noexcept
    {
        request_.peer_engine = &socket_access::owner(peer_);
        request_.address = address_.data();
        request_.address_capacity = address_.capacity();
        return &request_;
    }

    std::tuple<boost::system::error_code> result(operation const& op)
    {
        boost::system::error_code ec = op.error;
        if (request_.peer && !peer_.is_open())
        {
            socket_access::adopt(
                peer_, protocol_, std::exchange(request_.peer, nullptr), ec);
            if (endpoint_)
            {
                *endpoint_ = address_;
                endpoint_->resize(request_.address_size);
            }
        }
        else if (!ec)
        {
            ec = boost::asio::error::already_open;
        }
        return {ec};
    }

private:
    accept_request request_;
    Socket& peer_;
    endpoint_type* endpoint_;
    endpoint_type address_;
    typename Socket::protocol_type protocol_;
};

/// The request of an accept that makes the socket.
template<typename Socket>
class accept_new_request
{
public:
    /// The type of the executor.
    using executor_type = typename Socket::executor_type;
    /// The type of the endpoints.
    using endpoint_type = typename Socket::endpoint_type;

    accept_new_request(
        executor_type const& executor,
        engine& e,
        endpoint_type* endpoint,
        typename Socket::protocol_type const& protocol)
        : executor_(executor)
        , engine_(&e)
        , endpoint_(endpoint)
        , protocol_(protocol)
    {}

    accept_new_request(accept_new_request&& other) noexcept
        : request_(other.request_)
        , executor_(other.executor_)
        , engine_(other.engine_)
        , endpoint_(other.endpoint_)
        , protocol_(other.protocol_)
    {
        other.request_.peer = nullptr;
    }

    ~accept_new_request()
    {
        if (request_.peer)
        {
            discard(request_.peer);
        }
    }

    void* get() noexcept
    {
        request_.peer_engine = engine_.get();
        request_.address = address_.data();
        request_.address_capacity = address_.capacity();
        return &request_;
    }

    std::tuple<boost::system::error_code, Socket> result(operation const& op)
    {
        boost::system::error_code ec = op.error;
        Socket socket(executor_);
        if (request_.peer)
        {
            socket_access::adopt(
                socket, protocol_, std::exchange(request_.peer, nullptr), ec);
            if (endpoint_)
            {
                *endpoint_ = address_;
                endpoint_->resize(request_.address_size);
            }
        }
        return {ec, std::move(socket)};
    }

private:
    accept_request request_;
    executor_type executor_;
    engine_ptr engine_;
    endpoint_type* endpoint_;
    endpoint_type address_;
    typename Socket::protocol_type protocol_;
};

} // namespace detail

/** A listening socket, with operations on contexts and those of Asio.

    It mirrors `asio::basic_socket_acceptor`. Any number of accepts may be
    outstanding, one context each. An accept that fails because the process
    or the system is out of descriptors reports it, and the acceptor goes
    on: the connection stays in the backlog for the next accept.

    @see basic_socket_core for executors, lifetime and threads.
*/
template<typename Protocol, typename Executor = boost::asio::any_io_executor>
class basic_acceptor : public basic_socket_core<Protocol, Executor>
{
    using core = basic_socket_core<Protocol, Executor>;
    using default_token =
        typename boost::asio::default_completion_token<Executor>::type;

    /// Contexts, executors, execution contexts and endpoints have overloads
    /// of their own, also if they are not const.
    template<typename Token>
    using enable_if_token = std::enable_if_t<
        !std::is_base_of_v<operation_context, std::decay_t<Token>> &&
            !detail::is_executor<std::decay_t<Token>> &&
            !std::is_convertible_v<
                std::decay_t<Token>&,
                boost::asio::execution_context&> &&
            !std::is_same_v<std::decay_t<Token>, typename Protocol::endpoint>,
        int>;

public:
    /// The type of the endpoints.
    using typename core::endpoint_type;
    /// The type of the executor.
    using typename core::executor_type;
    /// The system's type of a socket.
    using typename core::native_handle_type;
    /// The protocol.
    using typename core::protocol_type;

    /// The type of accepted sockets.
    using socket_type = basic_stream_socket<Protocol, Executor>;
    /// The type of the contexts of this acceptor.
    using context_type = basic_accept_context<socket_type>;

    /// The same acceptor for another executor.
    template<typename Executor1>
    struct rebind_executor
    {
        /// That type.
        using other = basic_acceptor<Protocol, Executor1>;
    };

    // Construction

    /// A closed acceptor.
    explicit basic_acceptor(executor_type const& executor)
        : core(executor, detail::socket_role::listener)
    {}

    /// A closed acceptor.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    explicit basic_acceptor(ExecutionContext& context)
        : basic_acceptor(context.get_executor())
    {}

    /// An open acceptor.
    basic_acceptor(executor_type const& executor, protocol_type const& protocol)
        : basic_acceptor(executor)
    {
        this->open(protocol);
    }

    /// An open acceptor.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_acceptor(ExecutionContext& context, protocol_type const& protocol)
        : basic_acceptor(context.get_executor(), protocol)
    {}

    /// Opens, sets `reuse_address` if `reuse`, binds and listens.
    basic_acceptor(
        executor_type const& executor,
        endpoint_type const& endpoint,
        bool reuse = true)
        : basic_acceptor(executor, endpoint.protocol())
    {
        if (reuse)
        {
            this->set_option(boost::asio::socket_base::reuse_address(true));
        }
        this->bind(endpoint);
        listen();
    }

    /// Opens, sets `reuse_address` if `reuse`, binds and listens.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_acceptor(
        ExecutionContext& context,
        endpoint_type const& endpoint,
        bool reuse = true)
        : basic_acceptor(context.get_executor(), endpoint, reuse)
    {}

    /// Takes over a native socket.
    basic_acceptor(
        executor_type const& executor,
        protocol_type const& protocol,
        native_handle_type const& handle)
        : basic_acceptor(executor)
    {
        this->assign(protocol, handle);
    }

    /// Takes over a native socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_acceptor(
        ExecutionContext& context,
        protocol_type const& protocol,
        native_handle_type const& handle)
        : basic_acceptor(context.get_executor(), protocol, handle)
    {}

    /// Takes an acceptor over from Asio; see @ref basic_stream_socket.
    template<
        typename Executor1,
        std::enable_if_t<
            std::is_convertible_v<Executor1 const&, Executor>,
            int> = 0>
    explicit basic_acceptor(
        boost::asio::basic_socket_acceptor<Protocol, Executor1>&& other)
        : basic_acceptor(executor_type(other.get_executor()))
    {
        if (other.is_open())
        {
            detail::hand_over(other, *this, other.local_endpoint().protocol());
        }
    }

    /// Moves; pending operations go on with the new object.
    basic_acceptor(basic_acceptor&&) = default;

    /// Closes this acceptor and moves.
    basic_acceptor& operator=(basic_acceptor&&) = default;

    /// Moves from an acceptor with another type of executor.
    template<
        typename Protocol1,
        typename Executor1,
        std::enable_if_t<
            std::is_convertible_v<Protocol1, Protocol> &&
                std::is_convertible_v<Executor1, Executor>,
            int> = 0>
    basic_acceptor(basic_acceptor<Protocol1, Executor1>&& other)
        : core(std::move(other))
    {}

    /// Closes the acceptor. Pending accepts complete with
    /// `operation_aborted`, not inside the destructor.
    ~basic_acceptor() = default;

    /// Gives the native socket to a new acceptor of Asio.
    boost::asio::basic_socket_acceptor<Protocol, Executor> to_asio()
    {
        boost::asio::basic_socket_acceptor<Protocol, Executor> result(
            this->executor_);
        if (this->is_open())
        {
            detail::hand_over(*this, result, this->protocol());
        }
        return result;
    }

    /// Begins to listen.
    void listen(int backlog = boost::asio::socket_base::max_listen_connections)
    {
        boost::system::error_code ec;
        listen(backlog, ec);
        detail::throw_if(ec);
    }

    /// Begins to listen.
    boost::system::error_code listen(int backlog, boost::system::error_code& ec)
    {
        this->handle_.listen(backlog, ec);
        return ec;
    }

    // Synchronous accepts

    /// Accepts into a closed socket; waits unless `non_blocking()`. Fails
    /// with `already_open` if the socket is open.
    template<typename Executor1>
    void accept(basic_stream_socket<Protocol, Executor1>& peer)
    {
        boost::system::error_code ec;
        accept(peer, ec);
        detail::throw_if(ec);
    }

    /// Accepts into a closed socket.
    template<typename Executor1>
    boost::system::error_code accept(
        basic_stream_socket<Protocol, Executor1>& peer,
        boost::system::error_code& ec)
    {
        accept_into(peer, nullptr, ec);
        return ec;
    }

    /// Accepts into a closed socket and gives the peer's address.
    template<typename Executor1>
    void accept(
        basic_stream_socket<Protocol, Executor1>& peer,
        endpoint_type& peer_endpoint)
    {
        boost::system::error_code ec;
        accept(peer, peer_endpoint, ec);
        detail::throw_if(ec);
    }

    /// Accepts into a closed socket and gives the peer's address.
    template<typename Executor1>
    boost::system::error_code accept(
        basic_stream_socket<Protocol, Executor1>& peer,
        endpoint_type& peer_endpoint,
        boost::system::error_code& ec)
    {
        accept_into(peer, &peer_endpoint, ec);
        return ec;
    }

    /// Accepts a connection.
    socket_type accept()
    {
        socket_type peer(this->executor_);
        accept(peer);
        return peer;
    }

    /// Accepts a connection; a closed socket on error.
    socket_type accept(boost::system::error_code& ec)
    {
        socket_type peer(this->executor_);
        accept(peer, ec);
        return peer;
    }

    /// Accepts a connection and gives the peer's address.
    socket_type accept(endpoint_type& peer_endpoint)
    {
        socket_type peer(this->executor_);
        accept(peer, peer_endpoint);
        return peer;
    }

    /// Accepts a connection and gives the peer's address.
    socket_type
    accept(endpoint_type& peer_endpoint, boost::system::error_code& ec)
    {
        socket_type peer(this->executor_);
        accept(peer, peer_endpoint, ec);
        return peer;
    }

    /// Accepts a connection that gets another executor.
    template<typename Executor1, detail::enable_if_executor<Executor1> = 0>
    basic_stream_socket<Protocol, Executor1> accept(Executor1 const& executor)
    {
        basic_stream_socket<Protocol, Executor1> peer(executor);
        accept(peer);
        return peer;
    }

    /// Accepts a connection that gets another executor.
    template<typename Executor1, detail::enable_if_executor<Executor1> = 0>
    basic_stream_socket<Protocol, Executor1>
    accept(Executor1 const& executor, boost::system::error_code& ec)
    {
        basic_stream_socket<Protocol, Executor1> peer(executor);
        accept(peer, ec);
        return peer;
    }

    /// The same, and gives the peer's address.
    template<typename Executor1, detail::enable_if_executor<Executor1> = 0>
    basic_stream_socket<Protocol, Executor1>
    accept(Executor1 const& executor, endpoint_type& peer_endpoint)
    {
        basic_stream_socket<Protocol, Executor1> peer(executor);
        accept(peer, peer_endpoint);
        return peer;
    }

    /// The same, and gives the peer's address.
    template<typename Executor1, detail::enable_if_executor<Executor1> = 0>
    basic_stream_socket<Protocol, Executor1> accept(
        Executor1 const& executor,
        endpoint_type& peer_endpoint,
        boost::system::error_code& ec)
    {
        basic_stream_socket<Protocol, Executor1> peer(executor);
        accept(peer, peer_endpoint, ec);
        return peer;
    }

    /// Accepts a connection on another execution context.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket<Protocol, typename ExecutionContext::executor_type>
    accept(ExecutionContext& context)
    {
        return accept(context.get_executor());
    }

    /// Accepts a connection on another execution context.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket<Protocol, typename ExecutionContext::executor_type>
    accept(ExecutionContext& context, boost::system::error_code& ec)
    {
        return accept(context.get_executor(), ec);
    }

    /// The same, and gives the peer's address.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket<Protocol, typename ExecutionContext::executor_type>
    accept(ExecutionContext& context, endpoint_type& peer_endpoint)
    {
        return accept(context.get_executor(), peer_endpoint);
    }

    /// The same, and gives the peer's address.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket<Protocol, typename ExecutionContext::executor_type>
    accept(
        ExecutionContext& context,
        endpoint_type& peer_endpoint,
        boost::system::error_code& ec)
    {
        return accept(context.get_executor(), peer_endpoint, ec);
    }

    // Operations on a context

    /** Starts to accept a connection.

        @param context Has the connection afterwards.

        @return `completed` if a connection was there or an error is known;
        the handler of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`;
        `asio::error::already_open` if the socket to accept into is open.
        Nothing was changed then.

        @par Completion
        @li success: `context.take_socket()` has the connection, or the
            socket to accept into
        @li `asio::error::no_descriptors`: EMFILE or ENFILE; accept again
            when descriptors are free
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li `asio::error::bad_descriptor`: the acceptor is closed
        @li what accept(2) reports, `ECONNABORTED` excepted: the next
            connection is taken then
        @li with first data: what recv(2) reports of the connection, which
            is closed then

        @par Cost
        At most one system call and no allocation; two with first data.
    */
    template<typename Socket>
    start_result start_accept(basic_accept_context<Socket>& context)
    {
        using access = detail::accept_context_access;
        void* const request = prepare(context);
        if (access::is_composed(context))
        {
            start_result const result = start_composed(context);
            if (result == completed)
            {
                detail::context_access::conclude(context);
                detail::context_access::complete_start(context);
            }
            return result;
        }
        start_result const result = this->start(
            context,
            operation_kind::accept,
            request,
            &detail::socket_handle::start_accept);
        if (result == completed && access::concludes(context))
        {
            detail::context_access::conclude(context);
        }
        return result;
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    template<typename Socket>
    void async_accept(basic_accept_context<Socket>& context)
    {
        if (detail::accept_context_access::is_composed(context))
        {
            prepare(context);
            if (start_composed(context) == completed)
            {
                this->handle_.deliver_later(
                    detail::context_access::base(context));
            }
            return;
        }
        this->start_later(
            context,
            operation_kind::accept,
            prepare(context),
            &detail::socket_handle::start_accept);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename Socket, typename CompletionToken>
    auto
    async_accept(basic_accept_context<Socket>& context, CompletionToken&& token)
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_on_context{{*this}}, token, &context);
    }

    // Operations without a context, as Asio has them

    /** Accepts into a closed socket.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename Executor1, typename CompletionToken = default_token>
    auto async_accept(
        basic_stream_socket<Protocol, Executor1>& peer,
        CompletionToken&& token = default_token())
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_into{{*this}},
                token,
                &peer,
                static_cast<endpoint_type*>(nullptr));
    }

    /// The same, and gives the peer's address. `peer_endpoint` must stay
    /// valid until the handler is called.
    template<typename Executor1, typename CompletionToken = default_token>
    auto async_accept(
        basic_stream_socket<Protocol, Executor1>& peer,
        endpoint_type& peer_endpoint,
        CompletionToken&& token = default_token())
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_into{{*this}}, token, &peer, &peer_endpoint);
    }

    /** Accepts a connection.

        @par Completion Signature
        @code void(boost::system::error_code, socket_type) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<
        typename CompletionToken = default_token,
        enable_if_token<CompletionToken> = 0>
    auto async_accept(CompletionToken&& token = default_token())
    {
        return accept_new<Executor>(
            this->executor_, nullptr, std::forward<CompletionToken>(token));
    }

    /// The same, and gives the peer's address. `peer_endpoint` must stay
    /// valid until the handler is called.
    template<typename CompletionToken = default_token>
    auto async_accept(
        endpoint_type& peer_endpoint, CompletionToken&& token = default_token())
    {
        return accept_new<Executor>(
            this->executor_,
            &peer_endpoint,
            std::forward<CompletionToken>(token));
    }

    /// The same, with a socket that gets another executor.
    template<
        typename Executor1,
        typename CompletionToken = default_token,
        detail::enable_if_executor<Executor1> = 0>
    auto async_accept(
        Executor1 const& executor, CompletionToken&& token = default_token())
    {
        return accept_new<Executor1>(
            executor, nullptr, std::forward<CompletionToken>(token));
    }

    /// The same, with a socket on another execution context.
    template<
        typename ExecutionContext,
        typename CompletionToken = default_token,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    auto async_accept(
        ExecutionContext& context, CompletionToken&& token = default_token())
    {
        return accept_new<typename ExecutionContext::executor_type>(
            context.get_executor(),
            nullptr,
            std::forward<CompletionToken>(token));
    }

    /// With a socket that gets another executor, and the peer's address, which
    /// must stay valid until the handler is called.
    template<
        typename Executor1,
        typename CompletionToken = default_token,
        detail::enable_if_executor<Executor1> = 0>
    auto async_accept(
        Executor1 const& executor,
        endpoint_type& peer_endpoint,
        CompletionToken&& token = default_token())
    {
        return accept_new<Executor1>(
            executor, &peer_endpoint, std::forward<CompletionToken>(token));
    }

    /// The same, with a socket on another execution context.
    template<
        typename ExecutionContext,
        typename CompletionToken = default_token,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    auto async_accept(
        ExecutionContext& context,
        endpoint_type& peer_endpoint,
        CompletionToken&& token = default_token())
    {
        return accept_new<typename ExecutionContext::executor_type>(
            context.get_executor(),
            &peer_endpoint,
            std::forward<CompletionToken>(token));
    }

private:
    template<typename Socket>
    void* prepare(basic_accept_context<Socket>& context)
    {
        detail::context_access::require_start(context);
        detail::throw_if(detail::accept_context_access::check(context));
        return detail::accept_context_access::prepare(
            context, this->executor_, this->handle_.owner(), this->protocol_);
    }

    /// Starts an accept with data on a context that was prepared.
    template<typename Socket>
    start_result start_composed(basic_accept_context<Socket>& context)
    {
        detail::accept_composition& steps =
            detail::accept_context_access::compose(
                context, this->handle_.owner());
        detail::context_access::begin(context, operation_kind::accept, nullptr);
        return steps.start(
            this->handle_, detail::context_access::base(context));
    }

    template<typename Socket>
    void accept_into(
        Socket& peer, endpoint_type* endpoint, boost::system::error_code& ec)
    {
        if (peer.is_open())
        {
            ec = boost::asio::error::already_open;
            return;
        }
        detail::accept_into_request<Socket> request(
            peer, endpoint, this->protocol_);
        auto* const raw = static_cast<detail::accept_request*>(request.get());
        this->handle_.accept(*raw, ec);
        if (!ec)
        {
            struct nothing final : detail::operation
            {
                nothing() noexcept
                    : operation(nullptr, nullptr)
                {}
            } const succeeded;

            ec = std::get<0>(request.result(succeeded));
        }
    }

    template<typename Executor1, typename CompletionToken>
    auto accept_new(
        Executor1 const& executor,
        endpoint_type* endpoint,
        CompletionToken&& token)
    {
        using socket = basic_stream_socket<Protocol, Executor1>;
        return boost::asio::async_initiate<
            CompletionToken,
            void(boost::system::error_code, socket)>(
            initiate_new<socket>{{*this}}, token, executor, endpoint);
    }

    struct initiate_into : core::initiation
    {
        template<typename Handler, typename Socket>
        void operator()(
            Handler&& handler, Socket* peer, endpoint_type* endpoint) const
        {
            auto& self = static_cast<basic_acceptor&>(core::initiation::socket);
            if (peer->is_open())
            {
                detail::post_result(
                    std::forward<Handler>(handler),
                    self.executor_,
                    std::make_tuple(boost::system::error_code(
                        boost::asio::error::already_open)));
                return;
            }
            using request = detail::accept_into_request<Socket>;
            using operation = detail::
                token_operation<std::decay_t<Handler>, Executor, request>;
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_token_operation(
                self.handle_,
                &detail::socket_handle::start_accept,
                detail::new_record<operation>(
                    self.handle_.owner(),
                    copy,
                    self.executor_,
                    request(*peer, endpoint, self.protocol_)),
                self.executor_,
                operation_kind::accept);
        }
    };

    template<typename Socket>
    struct initiate_new : core::initiation
    {
        template<typename Handler>
        void operator()(
            Handler&& handler,
            typename Socket::executor_type const& executor,
            endpoint_type* endpoint) const
        {
            auto& self = static_cast<basic_acceptor&>(core::initiation::socket);
            using request = detail::accept_new_request<Socket>;
            using operation = detail::
                token_operation<std::decay_t<Handler>, Executor, request>;
            detail::engine_ptr target(&self.handle_.owner());
            if (&detail::context_of(executor) != &detail::context_of(*target))
            {
                target = detail::engine_of(detail::describe(executor));
            }
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_token_operation(
                self.handle_,
                &detail::socket_handle::start_accept,
                detail::new_record<operation>(
                    self.handle_.owner(),
                    copy,
                    self.executor_,
                    request(executor, *target, endpoint, self.protocol_)),
                self.executor_,
                operation_kind::accept);
        }
    };

    struct initiate_on_context : core::initiation
    {
        template<typename Handler, typename Context>
        void operator()(Handler&& handler, Context* context) const
        {
            auto& self = static_cast<basic_acceptor&>(core::initiation::socket);
            using access = detail::accept_context_access;
            auto ec = detail::context_access::check_start(*context);
            if (!ec)
            {
                ec = access::check(*context);
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
            void* const request = self.prepare(*context);
            if (!access::is_composed(*context))
            {
                detail::start_context_operation<detail::plain_result>(
                    self.handle_,
                    &detail::socket_handle::start_accept,
                    *context,
                    operation_kind::accept,
                    request,
                    copy,
                    self.executor_);
                return;
            }
            detail::accept_composition& steps =
                access::compose(*context, self.handle_.owner());
            detail::start_context_operation<detail::plain_result>(
                self.handle_,
                [&steps](detail::socket_handle& h, detail::operation& op) {
                    return steps.start(h, op);
                },
                *context,
                operation_kind::accept,
                nullptr,
                copy,
                self.executor_);
        }
    };
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
