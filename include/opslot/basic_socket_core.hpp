#ifndef OPSLOT_BASIC_SOCKET_CORE_HPP
#define OPSLOT_BASIC_SOCKET_CORE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What sockets and acceptors have in common.
*/

#include <opslot/detail/engine.hpp>
#include <opslot/detail/token_operation.hpp>
#include <opslot/operation_context.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// True for a class derived from Asio's execution context.
template<typename T>
using enable_if_execution_context = std::enable_if_t<
    std::is_convertible_v<T&, boost::asio::execution_context&>,
    int>;

/// What acceptors do with the sockets they fill.
struct socket_access
{
    template<typename Socket>
    static engine& owner(Socket& socket) noexcept
    {
        return socket.handle_.owner();
    }

    /// Opens a closed socket with an accepted peer.
    template<typename Socket>
    static void adopt(
        Socket& socket,
        typename Socket::protocol_type const& protocol,
        descriptor* accepted,
        boost::system::error_code& ec)
    {
        socket.handle_.adopt(accepted, ec);
        if (!ec)
        {
            socket.protocol_ = protocol;
        }
    }
};

/// The arguments of a handler that learns only how it went.
struct plain_result
{
    std::tuple<boost::system::error_code>
    operator()(operation_context const& c) const
    {
        return {c.error()};
    }
};

/// The request of a token operation that waits.
struct wait_token_request
{
    wait_request request;

    void* get() noexcept { return &request; }

    std::tuple<boost::system::error_code> result(operation const& op) const
    {
        return {op.error};
    }
};

} // namespace detail

/** A socket of the library, whatever it is used for.

    Base of @ref basic_stream_socket, @ref basic_datagram_socket and
    @ref basic_acceptor; not used by itself. The members are those of Asio's
    sockets: each synchronous call has two overloads, of which one reports an
    error by `boost::system::system_error` and the other by its last argument.

    A socket is not registered with Asio's reactor but with the library's
    engine, which works inside the executor's execution context.

    @tparam Protocol A protocol of Asio, such as `asio::ip::tcp`.
    @tparam Executor The type of the I/O object's executor. The executor
    must lead to an execution context of Asio's: one on an `io_context` or a
    `thread_pool`, or a strand of these, or `any_io_executor` with such a
    one inside, which is unwrapped once, at construction.

    @par Lifetime
    A moved-from socket is closed and may be opened again. Destroying a
    socket closes it. Sockets may be destroyed before or after their
    contexts, and after their `io_context`; not those with a strand as
    executor, because Asio's strands must not outlive their context.

    @par Thread safety
    Distinct objects: safe. Shared objects: an operation may be started by
    one thread while the engine completes others of the same socket on
    other threads; anything else: unsafe.
*/
template<typename Protocol, typename Executor>
class basic_socket_core : public boost::asio::socket_base
{
    template<typename P, typename E>
    friend class basic_socket_core;
    friend struct detail::socket_access;

public:
    /// The type of the executor.
    using executor_type = Executor;
    /// The protocol.
    using protocol_type = Protocol;
    /// The type of the endpoints.
    using endpoint_type = typename Protocol::endpoint;
    /// The system's type of a socket.
    using native_handle_type = detail::native_socket;

    basic_socket_core(basic_socket_core const&) = delete;
    basic_socket_core& operator=(basic_socket_core const&) = delete;

    /// The executor that handlers run on unless they name their own.
    executor_type const& get_executor() noexcept { return executor_; }

    /// True if the socket is open.
    bool is_open() const noexcept { return handle_.is_open(); }

    /// The system's handle, or its invalid value if the socket is closed.
    native_handle_type native_handle() noexcept
    {
        return handle_.native_handle();
    }

    // Opening and closing

    /// Opens the socket. Fails with `already_open`.
    void open(protocol_type const& protocol = endpoint_type().protocol())
    {
        call(&basic_socket_core::open, protocol);
    }

    /// Opens the socket. Fails with `already_open`.
    boost::system::error_code
    open(protocol_type const& protocol, boost::system::error_code& ec)
    {
        handle_.open(
            protocol.family(), protocol.type(), protocol.protocol(), ec);
        if (!ec)
        {
            protocol_ = protocol;
        }
        return ec;
    }

    /** Takes over a native socket, which becomes non-blocking.

        Fails with `already_open`; the native socket is then still the
        caller's.
    */
    void assign(protocol_type const& protocol, native_handle_type const& handle)
    {
        call(&basic_socket_core::assign, protocol, handle);
    }

    /// Takes over a native socket, which becomes non-blocking.
    boost::system::error_code assign(
        protocol_type const& protocol,
        native_handle_type const& handle,
        boost::system::error_code& ec)
    {
        handle_.assign(protocol.family(), handle, ec);
        if (!ec)
        {
            protocol_ = protocol;
        }
        return ec;
    }

    /** Closes the socket.

        Each pending operation completes once with `operation_aborted`, not
        inside the call. A closed socket stays closed without an error.
    */
    void close() { call(&basic_socket_core::close); }

    /// Closes the socket, even if `ec` is set.
    boost::system::error_code close(boost::system::error_code& ec)
    {
        handle_.close(ec);
        return ec;
    }

    /// Gives the native socket to the caller. Pending operations complete
    /// with `operation_aborted`.
    native_handle_type release()
    {
        boost::system::error_code ec;
        native_handle_type const h = release(ec);
        detail::throw_if(ec);
        return h;
    }

    /// Gives the native socket to the caller.
    native_handle_type release(boost::system::error_code& ec)
    {
        return handle_.release(ec);
    }

    /// Ends all pending operations with `operation_aborted`.
    void cancel() { call(&basic_socket_core::cancel); }

    /// Ends all pending operations with `operation_aborted`.
    boost::system::error_code cancel(boost::system::error_code& ec)
    {
        handle_.cancel(ec);
        return ec;
    }

    // Settings

    /// Binds the socket to a local endpoint.
    void bind(endpoint_type const& endpoint)
    {
        call(&basic_socket_core::bind, endpoint);
    }

    /// Binds the socket to a local endpoint.
    boost::system::error_code
    bind(endpoint_type const& endpoint, boost::system::error_code& ec)
    {
        handle_.bind(endpoint.data(), endpoint.size(), ec);
        return ec;
    }

    /// Sets a socket option of Asio's or of its form.
    template<typename SettableSocketOption>
    void set_option(SettableSocketOption const& option)
    {
        boost::system::error_code ec;
        set_option(option, ec);
        detail::throw_if(ec);
    }

    /// Sets a socket option of Asio's or of its form.
    template<typename SettableSocketOption>
    boost::system::error_code set_option(
        SettableSocketOption const& option, boost::system::error_code& ec)
    {
        protocol_type const& protocol = this->protocol();
        int const level = option.level(protocol);
        int const name = option.name(protocol);
        auto const* const data = option.data(protocol);
        std::size_t const size = option.size(protocol);
        handle_.set_option(level, name, data, size, ec);
        return ec;
    }

    /// Reads a socket option of Asio's or of its form.
    template<typename GettableSocketOption>
    void get_option(GettableSocketOption& option) const
    {
        boost::system::error_code ec;
        get_option(option, ec);
        detail::throw_if(ec);
    }

    /// Reads a socket option of Asio's or of its form.
    template<typename GettableSocketOption>
    boost::system::error_code get_option(
        GettableSocketOption& option, boost::system::error_code& ec) const
    {
        protocol_type const& protocol = this->protocol();
        std::size_t size = option.size(protocol);
        handle_.get_option(
            option.level(protocol),
            option.name(protocol),
            option.data(protocol),
            size,
            ec);
        if (!ec)
        {
            option.resize(protocol, size);
        }
        return ec;
    }

    /// Carries out an I/O control command of Asio's form.
    template<typename IoControlCommand>
    void io_control(IoControlCommand& command)
    {
        boost::system::error_code ec;
        io_control(command, ec);
        detail::throw_if(ec);
    }

    /// Carries out an I/O control command of Asio's form.
    template<typename IoControlCommand>
    boost::system::error_code
    io_control(IoControlCommand& command, boost::system::error_code& ec)
    {
        handle_.io_control(
            static_cast<unsigned long>(command.name()),
            static_cast<void*>(command.data()),
            ec);
        return ec;
    }

    /// Whether synchronous calls fail with `would_block` instead of waiting.
    bool non_blocking() const noexcept { return handle_.non_blocking(); }

    /// Sets whether synchronous calls fail instead of waiting.
    void non_blocking(bool mode)
    {
        boost::system::error_code ec;
        non_blocking(mode, ec);
        detail::throw_if(ec);
    }

    /// Sets whether synchronous calls fail instead of waiting.
    boost::system::error_code
    non_blocking(bool mode, boost::system::error_code& ec)
    {
        handle_.non_blocking(mode, ec);
        return ec;
    }

    /// Whether the native socket is non-blocking, as the library opens it.
    bool native_non_blocking() const noexcept
    {
        return handle_.native_non_blocking();
    }

    /// Changes the mode of the native socket. Fails with `invalid_argument`
    /// for false while `non_blocking()` is true.
    void native_non_blocking(bool mode)
    {
        boost::system::error_code ec;
        native_non_blocking(mode, ec);
        detail::throw_if(ec);
    }

    /// Changes the mode of the native socket.
    boost::system::error_code
    native_non_blocking(bool mode, boost::system::error_code& ec)
    {
        handle_.native_non_blocking(mode, ec);
        return ec;
    }

    /// The address that the socket is bound to.
    endpoint_type local_endpoint() const
    {
        boost::system::error_code ec;
        endpoint_type e = local_endpoint(ec);
        detail::throw_if(ec);
        return e;
    }

    /// The address that the socket is bound to; a default one on error.
    endpoint_type local_endpoint(boost::system::error_code& ec) const
    {
        endpoint_type endpoint;
        std::size_t size = endpoint.capacity();
        handle_.local_endpoint(endpoint.data(), size, ec);
        if (ec)
        {
            return endpoint_type();
        }
        endpoint.resize(size);
        return endpoint;
    }

    /** How many receives or accepts may complete at once in a row.

        A loop that is fed faster than it runs would otherwise keep all
        other sockets of its thread waiting. When the budget is used up, the
        operation goes pending although there is something to do, and is
        continued behind the other ready sockets.

        @param n The number; 0 for the default: inside a turn of the engine
        one while other sockets are ready and 16 while not, and 32 outside;
        @ref unlimited_budget for no limit.
    */
    void sync_budget(std::size_t n) noexcept { handle_.sync_budget(n); }

    /// The number that was set.
    std::size_t sync_budget() const noexcept { return handle_.sync_budget(); }

    /// No limit, as an argument of @ref sync_budget.
    static constexpr std::size_t unlimited_budget = 0xffffffffu;

    // Waiting

    /// Blocks until the socket is ready, or fails with `would_block` at once
    /// if `non_blocking()`.
    void wait(wait_type w)
    {
        boost::system::error_code ec;
        wait(w, ec);
        detail::throw_if(ec);
    }

    /// Blocks until the socket is ready.
    boost::system::error_code wait(wait_type w, boost::system::error_code& ec)
    {
        handle_.wait(request_of(w).which, ec);
        return ec;
    }

    /** Starts to wait until the socket is ready.

        @param context A context of any type. It must outlive the operation,
        or be destroyed to withdraw it.
        @param w What to wait for.

        @return `completed` if it is ready or an error is known; the handler
        of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`.

        @par Completion
        `context.error()` is success, `operation_aborted`, `bad_descriptor`
        or `error::timeout`.
    */
    start_result start_wait(operation_context& context, wait_type w)
    {
        return start_wait_for(context, request_of(w));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_wait(operation_context& context, wait_type w)
    {
        async_wait_for(context, request_of(w));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto
    async_wait(operation_context& context, wait_type w, CompletionToken&& token)
    {
        return this->template async_wait_for<CompletionToken>(
            context, request_of(w), token);
    }

    /** Waits until the socket is ready, without a context.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<
        typename CompletionToken =
            typename boost::asio::default_completion_token<executor_type>::type>
    auto async_wait(
        wait_type w,
        CompletionToken&& token = typename boost::asio::
            default_completion_token<executor_type>::type())
    {
        return this->template async_wait_for<CompletionToken>(
            request_of(w), token);
    }

    /// @cond

protected:
    basic_socket_core(executor_type const& executor, detail::socket_role role)
        : executor_(executor)
        , handle_(
              detail::engine_of(detail::describe(executor)),
              detail::make_dispatcher(executor),
              role)
        , protocol_(endpoint_type().protocol())
    {}

    // A moved-from socket keeps its executor, to be opened again.
    basic_socket_core(basic_socket_core&& other) noexcept
        : executor_(other.executor_)
        , handle_(std::move(other.handle_))
        , protocol_(other.protocol_)
    {}

    basic_socket_core& operator=(basic_socket_core&& other) noexcept
    {
        executor_ = other.executor_;
        handle_ = std::move(other.handle_);
        protocol_ = other.protocol_;
        return *this;
    }

    template<typename Protocol1, typename Executor1>
    explicit basic_socket_core(basic_socket_core<Protocol1, Executor1>&& other)
        : executor_(other.executor_)
        , handle_(std::move(other.handle_))
        , protocol_(other.protocol_)
    {}

    ~basic_socket_core() = default;

    static detail::wait_request request_of(wait_type w) noexcept
    {
        switch (w)
        {
        case wait_read:
            return {detail::wait_request::read};
        case wait_write:
            return {detail::wait_request::write};
        default:
            return {detail::wait_request::except};
        }
    }

    static void*
    prepare_wait(operation_context& c, detail::wait_request const& r) noexcept
    {
        detail::wait_request& request = detail::context_access::wait(c);
        request = r;
        return &request;
    }

    // The forms of every wait.

    start_result
    start_wait_for(operation_context& context, detail::wait_request const& r)
    {
        detail::context_access::require_start(context);
        return start(
            context,
            operation_kind::wait,
            prepare_wait(context, r),
            &detail::socket_handle::start_wait);
    }

    void
    async_wait_for(operation_context& context, detail::wait_request const& r)
    {
        detail::context_access::require_start(context);
        start_later(
            context,
            operation_kind::wait,
            prepare_wait(context, r),
            &detail::socket_handle::start_wait);
    }

    template<typename CompletionToken>
    auto async_wait_for(
        operation_context& context,
        detail::wait_request const& r,
        CompletionToken& token)
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_context_wait{{*this}}, token, &context, r);
    }

    template<typename CompletionToken>
    auto async_wait_for(detail::wait_request const& r, CompletionToken& token)
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_wait{{*this}}, token, r);
    }

    using start_function =
        start_result (detail::socket_handle::*)(detail::operation&) noexcept;

    /// Starts an operation on a context that was checked.
    start_result start(
        operation_context& context,
        operation_kind kind,
        void* request,
        start_function function)
    {
        detail::context_access::begin(context, kind, request);
        start_result const result =
            (handle_.*function)(detail::context_access::base(context));
        if (result == completed)
        {
            detail::context_access::complete_start(context);
        }
        return result;
    }

    /// The same, with the handler called in any case.
    void start_later(
        operation_context& context,
        operation_kind kind,
        void* request,
        start_function function)
    {
        detail::operation& op = detail::context_access::base(context);
        detail::context_access::begin(context, kind, request);
        if ((handle_.*function)(op) == completed)
        {
            handle_.deliver_later(op);
        }
    }

    template<typename... Parameters, typename... Arguments>
    void call(
        boost::system::error_code (basic_socket_core::*function)(Parameters...),
        Arguments const&... arguments)
    {
        boost::system::error_code ec;
        (this->*function)(arguments..., ec);
        detail::throw_if(ec);
    }

    struct initiation
    {
        using executor_type = Executor;

        basic_socket_core& socket;

        executor_type get_executor() const noexcept { return socket.executor_; }
    };

    struct initiate_wait : initiation
    {
        template<typename Handler>
        void
        operator()(Handler&& handler, detail::wait_request const& request) const
        {
            auto& self = initiation::socket;
            using operation = detail::token_operation<
                std::decay_t<Handler>,
                Executor,
                detail::wait_token_request>;
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_token_operation(
                self.handle_,
                &detail::socket_handle::start_wait,
                detail::new_record<operation>(
                    self.handle_.owner(),
                    copy,
                    self.executor_,
                    detail::wait_token_request{request}),
                self.executor_,
                operation_kind::wait);
        }
    };

    struct initiate_context_wait : initiation
    {
        template<typename Handler>
        void operator()(
            Handler&& handler,
            operation_context* context,
            detail::wait_request const& request) const
        {
            auto& self = initiation::socket;
            if (auto ec = detail::context_access::check_start(*context))
            {
                detail::post_result(
                    std::forward<Handler>(handler),
                    self.executor_,
                    std::make_tuple(ec));
                return;
            }
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_context_operation<detail::plain_result>(
                self.handle_,
                &detail::socket_handle::start_wait,
                *context,
                operation_kind::wait,
                prepare_wait(*context, request),
                copy,
                self.executor_);
        }
    };

    /// The protocol of the native socket. A connect of several steps may have
    /// ended with another family than the socket was opened with.
    protocol_type const& protocol() const
    {
        if (handle_.take_gift_mark())
        {
            boost::system::error_code ec;
            endpoint_type const local = local_endpoint(ec);
            protocol_ = ec ? protocol_ : local.protocol();
        }
        return protocol_;
    }

    executor_type executor_;
    detail::socket_handle handle_;
    mutable protocol_type protocol_;

    /// @endcond
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
