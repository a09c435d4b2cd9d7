#ifndef OPSLOT_BASIC_DATAGRAM_SOCKET_HPP
#define OPSLOT_BASIC_DATAGRAM_SOCKET_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A datagram socket on the library's engine.
*/

#include <opslot/basic_socket.hpp>
#include <opslot/datagram_batch_context.hpp>
#include <opslot/datagram_context.hpp>
#include <opslot/detail/datagram_token_request.hpp>
#include <opslot/detail/hand_over.hpp>
#include <opslot/detail/transfer_result.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/config.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A datagram socket, with operations on contexts and those of Asio.

    It mirrors `asio::basic_datagram_socket`: constructors, synchronous
    members and token forms are the same.

    On a context every operation has three forms: `start_...(context)`
    reports whether it completed at once; `async_...(context)` always calls
    the stored handler, and never inside the call; `async_...(context,
    token)` completes through a token.

    Any number of operations may be outstanding, one context each. Datagrams
    are received and sent in the order of the starts, each by one operation, or
    many by one on a @ref basic_datagram_batch_context.
    One without bytes is a datagram like others: 0 bytes, and success. To wait
    until there is one, start a wait.

    After `shutdown` of receiving, receives fail with `asio::error::shut_down`
    once there are no more datagrams.

    @see basic_socket_core for executors, lifetime and threads.
*/
template<typename Protocol, typename Executor = boost::asio::any_io_executor>
class basic_datagram_socket : public basic_socket<Protocol, Executor>
{
    using base = basic_socket<Protocol, Executor>;
    using core = basic_socket_core<Protocol, Executor>;

    template<typename Buffers>
    using enable_if_const_buffers = std::enable_if_t<
        boost::asio::is_const_buffer_sequence<std::decay_t<Buffers>>::value &&
            !std::is_convertible_v<std::decay_t<Buffers>*, operation_context*>,
        int>;

    template<typename Buffers>
    using enable_if_mutable_buffers = std::enable_if_t<
        boost::asio::is_mutable_buffer_sequence<std::decay_t<Buffers>>::value &&
            !std::is_convertible_v<std::decay_t<Buffers>*, operation_context*>,
        int>;

    using default_token =
        typename boost::asio::default_completion_token<Executor>::type;
    using signature = void(boost::system::error_code, std::size_t);

    using kind = operation_kind;

    template<typename Buffers>
    using plain_request = detail::datagram_token_request<Buffers>;
    template<typename Buffers>
    using send_to_request =
        detail::send_to_token_request<Buffers, typename Protocol::endpoint>;
    template<typename Buffers>
    using receive_from_request = detail::
        receive_from_token_request<Buffers, typename Protocol::endpoint>;

public:
    /// The type of the endpoints.
    using typename base::endpoint_type;
    /// The type of the executor.
    using typename base::executor_type;
    /// The system's type of a socket.
    using typename base::native_handle_type;
    /// The protocol.
    using typename base::protocol_type;
    /// Flags of the system's calls, such as `message_peek`.
    using message_flags = boost::asio::socket_base::message_flags;
    /// The type of the contexts.
    using context_type = basic_datagram_context<Protocol>;
    /// The context of operations on many datagrams.
    using batch_context_type = basic_datagram_batch_context<Protocol>;

    /// The same socket for another executor.
    template<typename Executor1>
    struct rebind_executor
    {
        /// That type.
        using other = basic_datagram_socket<Protocol, Executor1>;
    };

    // Construction

    /// A closed socket.
    explicit basic_datagram_socket(executor_type const& executor)
        : base(executor, detail::socket_role::datagram)
    {}

    /// A closed socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    explicit basic_datagram_socket(ExecutionContext& context)
        : basic_datagram_socket(context.get_executor())
    {}

    /// An open socket.
    basic_datagram_socket(
        executor_type const& executor, protocol_type const& protocol)
        : basic_datagram_socket(executor)
    {
        this->open(protocol);
    }

    /// An open socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_datagram_socket(
        ExecutionContext& context, protocol_type const& protocol)
        : basic_datagram_socket(context.get_executor(), protocol)
    {}

    /// A socket bound to a local endpoint.
    basic_datagram_socket(
        executor_type const& executor, endpoint_type const& endpoint)
        : basic_datagram_socket(executor, endpoint.protocol())
    {
        this->bind(endpoint);
    }

    /// A socket bound to a local endpoint.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_datagram_socket(
        ExecutionContext& context, endpoint_type const& endpoint)
        : basic_datagram_socket(context.get_executor(), endpoint)
    {}

    /// Takes over a native socket.
    basic_datagram_socket(
        executor_type const& executor,
        protocol_type const& protocol,
        native_handle_type const& handle)
        : basic_datagram_socket(executor)
    {
        this->assign(protocol, handle);
    }

    /// Takes over a native socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_datagram_socket(
        ExecutionContext& context,
        protocol_type const& protocol,
        native_handle_type const& handle)
        : basic_datagram_socket(context.get_executor(), protocol, handle)
    {}

    /** Takes a socket over from Asio.

        Its pending operations complete with `operation_aborted`. The
        source is closed afterwards.

        @throws boost::system::system_error if the system does not let go of
        the native socket; the source is then unchanged.
    */
    template<
        typename Executor1,
        std::enable_if_t<
            std::is_convertible_v<Executor1 const&, Executor>,
            int> = 0>
    explicit basic_datagram_socket(
        boost::asio::basic_datagram_socket<Protocol, Executor1>&& other)
        : basic_datagram_socket(executor_type(other.get_executor()))
    {
        if (other.is_open())
        {
            protocol_type const protocol = other.local_endpoint().protocol();
            detail::hand_over(other, *this, protocol);
        }
    }

    /// Moves; pending operations go on with the new object.
    basic_datagram_socket(basic_datagram_socket&&) = default;

    /// Closes this socket and moves.
    basic_datagram_socket& operator=(basic_datagram_socket&&) = default;

    /// Moves from a socket with another type of executor.
    template<
        typename Protocol1,
        typename Executor1,
        std::enable_if_t<
            std::is_convertible_v<Protocol1, Protocol> &&
                std::is_convertible_v<Executor1, Executor>,
            int> = 0>
    basic_datagram_socket(basic_datagram_socket<Protocol1, Executor1>&& other)
        : base(std::move(other))
    {}

    /** Closes the socket.

        Pending operations complete with `operation_aborted`, not inside the
        destructor.
    */
    ~basic_datagram_socket() = default;

    /** Gives the native socket to a new socket of Asio.

        Pending operations complete with `operation_aborted`. This socket is
        closed afterwards.
    */
    boost::asio::basic_datagram_socket<Protocol, Executor> to_asio()
    {
        boost::asio::basic_datagram_socket<Protocol, Executor> result(
            this->executor_);
        if (this->is_open())
        {
            detail::hand_over(*this, result, this->protocol_);
        }
        return result;
    }

    // Synchronous operations

    /// Sends a datagram to the peer of a connected socket; waits unless
    /// `non_blocking()`.
    template<typename ConstBufferSequence>
    std::size_t send(ConstBufferSequence const& buffers)
    {
        return send(buffers, 0);
    }

    /// Sends a datagram to the peer of a connected socket.
    template<typename ConstBufferSequence>
    std::size_t send(ConstBufferSequence const& buffers, message_flags flags)
    {
        boost::system::error_code ec;
        std::size_t const n = send(buffers, flags, ec);
        detail::throw_if(ec);
        return n;
    }

    /// Sends a datagram to the peer of a connected socket.
    template<typename ConstBufferSequence>
    std::size_t send(
        ConstBufferSequence const& buffers,
        message_flags flags,
        boost::system::error_code& ec)
    {
        plain_request<ConstBufferSequence> request(buffers, flags, memory());
        return this->handle_.send_datagram(*request.prepare(), ec);
    }

    /// Sends a datagram to an endpoint; waits unless `non_blocking()`.
    template<typename ConstBufferSequence>
    std::size_t
    send_to(ConstBufferSequence const& buffers, endpoint_type const& target)
    {
        return send_to(buffers, target, 0);
    }

    /// Sends a datagram to an endpoint.
    template<typename ConstBufferSequence>
    std::size_t send_to(
        ConstBufferSequence const& buffers,
        endpoint_type const& target,
        message_flags flags)
    {
        boost::system::error_code ec;
        std::size_t const n = send_to(buffers, target, flags, ec);
        detail::throw_if(ec);
        return n;
    }

    /// Sends a datagram to an endpoint.
    template<typename ConstBufferSequence>
    std::size_t send_to(
        ConstBufferSequence const& buffers,
        endpoint_type const& target,
        message_flags flags,
        boost::system::error_code& ec)
    {
        send_to_request<ConstBufferSequence> request(
            buffers, flags, memory(), target);
        return this->handle_.send_datagram(*request.prepare(), ec);
    }

    /// Receives a datagram; waits unless `non_blocking()`. Bytes that do not
    /// fit are lost.
    template<typename MutableBufferSequence>
    std::size_t receive(MutableBufferSequence const& buffers)
    {
        return receive(buffers, 0);
    }

    /// Receives a datagram.
    template<typename MutableBufferSequence>
    std::size_t
    receive(MutableBufferSequence const& buffers, message_flags flags)
    {
        boost::system::error_code ec;
        std::size_t const n = receive(buffers, flags, ec);
        detail::throw_if(ec);
        return n;
    }

    /// Receives a datagram.
    template<typename MutableBufferSequence>
    std::size_t receive(
        MutableBufferSequence const& buffers,
        message_flags flags,
        boost::system::error_code& ec)
    {
        plain_request<MutableBufferSequence> request(buffers, flags, memory());
        return this->handle_.receive_datagram(*request.prepare(), ec);
    }

    /// Receives a datagram and the endpoint of its sender; waits unless
    /// `non_blocking()`. Bytes that do not fit are lost.
    template<typename MutableBufferSequence>
    std::size_t
    receive_from(MutableBufferSequence const& buffers, endpoint_type& sender)
    {
        return receive_from(buffers, sender, 0);
    }

    /// Receives a datagram and the endpoint of its sender.
    template<typename MutableBufferSequence>
    std::size_t receive_from(
        MutableBufferSequence const& buffers,
        endpoint_type& sender,
        message_flags flags)
    {
        boost::system::error_code ec;
        std::size_t const n = receive_from(buffers, sender, flags, ec);
        detail::throw_if(ec);
        return n;
    }

    /// Receives a datagram and the endpoint of its sender.
    template<typename MutableBufferSequence>
    std::size_t receive_from(
        MutableBufferSequence const& buffers,
        endpoint_type& sender,
        message_flags flags,
        boost::system::error_code& ec)
    {
        receive_from_request<MutableBufferSequence> request(
            buffers, flags, memory(), &sender);
        std::size_t const n =
            this->handle_.receive_datagram(*request.prepare(), ec);
        request.finish(ec);
        return n;
    }

    /** Has the system say where datagrams arrive.

        The first @ref start_receive_message_from does the same. Call this
        before datagrams may come: of those that came earlier not everything
        is known.
    */
    void enable_packet_information()
    {
        boost::system::error_code ec;
        enable_packet_information(ec);
        detail::throw_if(ec);
    }

    /// Has the system say where datagrams arrive. Fails with
    /// `operation_not_supported` where it cannot.
    boost::system::error_code
    enable_packet_information(boost::system::error_code& ec)
    {
        this->handle_.enable_packet_information(ec);
        return ec;
    }

    // Operations on a context

    /** Starts to receive a datagram without asking who sent it.

        @param context Has the buffers. Bytes that do not fit are lost, which
        `context.is_truncated()` says.

        @return `completed` if the result is there; the handler of the context
        is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`.
        Nothing was changed then.

        @par Completion
        With a datagram, or with an error:
        @li `asio::error::connection_refused`: the peer of a connected socket
            was not there when something was sent to it; the socket goes on
        @li `asio::error::shut_down`: receiving was shut down
        @li `asio::error::invalid_argument`: the socket is neither bound nor
            connected and has sent nothing, so that nothing can arrive
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li `asio::error::bad_descriptor`: the socket is closed
        @li what recvmsg(2) reports

        @par Cost
        At most one system call, and another one for the first receive of a
        socket. No allocation.
    */
    start_result start_receive(context_type& context)
    {
        return this->start(
            context,
            kind::receive,
            prepare(context, kind::receive),
            start_of(kind::receive));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_receive(context_type& context)
    {
        this->start_later(
            context,
            kind::receive,
            prepare(context, kind::receive),
            start_of(kind::receive));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_receive(context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}}, token, &context, kind::receive);
    }

    /** Starts to receive a datagram and the endpoint of its sender.

        @param context As @ref start_receive; `context.sender()` is the sender.

        @return `completed` if the result is there; the handler of the context
        is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`.
        Nothing was changed then.

        @par Completion
        As @ref start_receive.

        @par Cost
        As @ref start_receive.
    */
    start_result start_receive_from(context_type& context)
    {
        return this->start(
            context,
            kind::receive_from,
            prepare(context, kind::receive_from),
            start_of(kind::receive_from));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_receive_from(context_type& context)
    {
        this->start_later(
            context,
            kind::receive_from,
            prepare(context, kind::receive_from),
            start_of(kind::receive_from));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_receive_from(context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}}, token, &context, kind::receive_from);
    }

    /** Starts to receive a datagram, the endpoint of its sender, and where it
        arrived.

        @param context As @ref start_receive; `context.sender()` is the sender
        and `context.packet_information()` where it arrived.

        @return `completed` if the result is there; the handler of the context
        is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`.
        Nothing was changed then.

        @par Completion
        As @ref start_receive, and `asio::error::operation_not_supported` if
        that cannot be told: of sockets that are not IP, and by the portable
        engine elsewhere than on Linux.

        @par Cost
        As @ref start_receive, and one system call more for the first one of a
        socket; see @ref enable_packet_information.
    */
    start_result start_receive_message_from(context_type& context)
    {
        return this->start(
            context,
            kind::receive_message_from,
            prepare(context, kind::receive_message_from),
            start_of(kind::receive_message_from));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_receive_message_from(context_type& context)
    {
        this->start_later(
            context,
            kind::receive_message_from,
            prepare(context, kind::receive_message_from),
            start_of(kind::receive_message_from));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto
    async_receive_message_from(context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}},
            token,
            &context,
            kind::receive_message_from);
    }

    /** Starts to send a datagram to the peer of a connected socket.

        @param context Has the buffers.

        @return `completed` if the result is there; the handler of the context
        is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`.
        Nothing was changed then.

        @par Completion
        With the whole datagram given to the system, or with an error and
        nothing:
        @li `asio::error::message_size`: it is too long
        @li `asio::error::connection_refused`: the peer of a connected socket
            was not there when something was sent before; the socket goes on
        @li `asio::error::not_connected`, `destination_address_required`: the
            socket has no peer
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li `asio::error::bad_descriptor`: the socket is closed
        @li what sendmsg(2) reports; no signal is raised

        @par Cost
        At most one system call while the system takes the datagram, no
        allocation.
    */
    start_result start_send(context_type& context)
    {
        return this->start(
            context,
            kind::send,
            prepare(context, kind::send),
            start_of(kind::send));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_send(context_type& context)
    {
        this->start_later(
            context,
            kind::send,
            prepare(context, kind::send),
            start_of(kind::send));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_send(context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}}, token, &context, kind::send);
    }

    /** Starts to send a datagram to the endpoint of the context.

        @param context Has the buffers and the endpoint.

        @return `completed` if the result is there; the handler of the context
        is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`,
        `error::no_endpoint`, `asio::error::address_family_not_supported` if
        the endpoint is not of the family of the socket.
        Nothing was changed then.

        @par Completion
        With the whole datagram given to the system, or with an error and
        nothing:
        @li `asio::error::message_size`: it is too long
        @li `asio::error::connection_refused`: the peer of a connected socket
            was not there when something was sent before; the socket goes on
        @li `asio::error::access_denied`: it is a broadcast, and the socket
            lacks the option
        @li `asio::error::would_block`: the receiver is a local socket without
            room, and the system does not tell when it has some
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li `asio::error::bad_descriptor`: the socket is closed
        @li what sendmsg(2) reports; no signal is raised

        @par Cost
        As @ref start_send.
    */
    start_result start_send_to(context_type& context)
    {
        return this->start(
            context,
            kind::send_to,
            prepare(context, kind::send_to),
            start_of(kind::send_to));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_send_to(context_type& context)
    {
        this->start_later(
            context,
            kind::send_to,
            prepare(context, kind::send_to),
            start_of(kind::send_to));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_send_to(context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}}, token, &context, kind::send_to);
    }

    // Operations on many datagrams

    /** Starts to receive the datagrams that are there, or the first one that
        comes.

        On Linux the first such receive lets the system hand over datagrams of
        one sender merged (`UDP_GRO`). The socket splits them for every kind of
        receive, and keeps what one does not take for the next. So receives of
        one datagram stay right on such a socket, and cost a copy.

        @param context Has the slab; its list becomes what was received.

        @return `completed` if the result is there; the handler of the context
        is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`
        without a slab. Nothing was changed then.

        @par Completion
        With at least one datagram and `bytes_transferred()` of all, or with an
        error as @ref start_receive_message_from. There may be datagrams
        together with an error: these came before it. A receive that is
        cancelled has taken none.

        @par Cost
        One system call for up to 16 datagrams, or for one packet of merged
        ones; the last of them may be one that finds no more. The first receive
        of a socket makes some more. No allocation, once operation memory has
        blocks of 64 KiB for what may come merged: 16 while the call is made,
        and one for each packet that a socket keeps.

        @par Giving the socket away
        `release` and `to_asio` end the merging. Datagrams that this socket
        keeps are lost then, and those that wait in the system may be merged.
    */
    start_result start_receive_batch(batch_context_type& context)
    {
        return this->start(
            context,
            kind::receive_batch,
            prepare(context, kind::receive_batch),
            &detail::socket_handle::start_receive_batch);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_receive_batch(batch_context_type& context)
    {
        this->start_later(
            context,
            kind::receive_batch,
            prepare(context, kind::receive_batch),
            &detail::socket_handle::start_receive_batch);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler, which gets the number of
        datagrams.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto
    async_receive_batch(batch_context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_batch{{*this}}, token, &context, kind::receive_batch);
    }

    /** Starts to send the datagrams of a list, each to its endpoint, or to
        the peer of the socket if it has none.

        @param context Has the list, which stays as it is.

        @return `completed` if all of them are sent or have failed; the handler
        of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_elements` if
        the list is empty. Nothing was changed then.

        @par Completion
        When every datagram was given to the system or has an error of its
        own, as @ref start_send_to lists them; no datagram is kept back by the
        error of another. `context.sent()` tells how many went,
        `context.error()` is the first error and `context.error_index()` the
        datagram that it belongs to, and each datagram tells its own. An
        operation that is cancelled, or ends by its deadline, may have sent
        some; the others have its error.

        @par Cost
        One system call for up to 16 datagrams to endpoints, or for each to the
        peer. Up to 64 neighbours of one size, to the same place and of at most
        65,507 bytes together, count as one. No allocation.
    */
    start_result start_send_batch(batch_context_type& context)
    {
        return this->start(
            context,
            kind::send_batch,
            prepare(context, kind::send_batch),
            &detail::socket_handle::start_send_batch);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_send_batch(batch_context_type& context)
    {
        this->start_later(
            context,
            kind::send_batch,
            prepare(context, kind::send_batch),
            &detail::socket_handle::start_send_batch);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler, which gets the number of
        datagrams that were sent.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal` and `partial`; `total` while none of them is sent.
    */
    template<typename CompletionToken>
    auto async_send_batch(batch_context_type& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_batch{{*this}}, token, &context, kind::send_batch);
    }

    // Operations without a context, as Asio has them

    /** Sends a datagram to the peer. As `asio::basic_datagram_socket`.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.

        @par Cost
        A record from the handler's associated allocator, by default from
        operation memory.
    */
    template<
        typename ConstBufferSequence,
        typename CompletionToken = default_token,
        enable_if_const_buffers<ConstBufferSequence> = 0>
    auto async_send(
        ConstBufferSequence const& buffers,
        CompletionToken&& token = default_token())
    {
        return async_send(
            buffers, message_flags(0), std::forward<CompletionToken>(token));
    }

    /// The same with flags.
    template<
        typename ConstBufferSequence,
        typename CompletionToken = default_token,
        enable_if_const_buffers<ConstBufferSequence> = 0>
    auto async_send(
        ConstBufferSequence const& buffers,
        message_flags flags,
        CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transfer<plain_request>{{*this}},
            token,
            buffers,
            flags,
            kind::send);
    }

    /** Sends a datagram to an endpoint. As `asio::basic_datagram_socket`.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.

        @par Cost
        A record from the handler's associated allocator, by default from
        operation memory.
    */
    template<
        typename ConstBufferSequence,
        typename CompletionToken = default_token,
        enable_if_const_buffers<ConstBufferSequence> = 0>
    auto async_send_to(
        ConstBufferSequence const& buffers,
        endpoint_type const& target,
        CompletionToken&& token = default_token())
    {
        return async_send_to(
            buffers,
            target,
            message_flags(0),
            std::forward<CompletionToken>(token));
    }

    /// The same with flags.
    template<
        typename ConstBufferSequence,
        typename CompletionToken = default_token,
        enable_if_const_buffers<ConstBufferSequence> = 0>
    auto async_send_to(
        ConstBufferSequence const& buffers,
        endpoint_type const& target,
        message_flags flags,
        CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transfer<send_to_request>{{*this}},
            token,
            buffers,
            flags,
            kind::send_to,
            target);
    }

    /** Receives a datagram. As `asio::basic_datagram_socket`.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.

        @par Cost
        A record from the handler's associated allocator, by default from
        operation memory.
    */
    template<
        typename MutableBufferSequence,
        typename CompletionToken = default_token,
        enable_if_mutable_buffers<MutableBufferSequence> = 0>
    auto async_receive(
        MutableBufferSequence const& buffers,
        CompletionToken&& token = default_token())
    {
        return async_receive(
            buffers, message_flags(0), std::forward<CompletionToken>(token));
    }

    /// The same with flags.
    template<
        typename MutableBufferSequence,
        typename CompletionToken = default_token,
        enable_if_mutable_buffers<MutableBufferSequence> = 0>
    auto async_receive(
        MutableBufferSequence const& buffers,
        message_flags flags,
        CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transfer<plain_request>{{*this}},
            token,
            buffers,
            flags,
            kind::receive);
    }

    /** Receives a datagram and the endpoint of its sender. As
       `asio::basic_datagram_socket`.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.

        @par Cost
        A record from the handler's associated allocator, by default from
        operation memory.

        @param buffers Where to; the memory must stay valid until the
        handler is called.
        @param sender Must stay valid until the handler is called.
        @param token Gets the number of bytes.
    */
    template<
        typename MutableBufferSequence,
        typename CompletionToken = default_token,
        enable_if_mutable_buffers<MutableBufferSequence> = 0>
    auto async_receive_from(
        MutableBufferSequence const& buffers,
        endpoint_type& sender,
        CompletionToken&& token = default_token())
    {
        return async_receive_from(
            buffers,
            sender,
            message_flags(0),
            std::forward<CompletionToken>(token));
    }

    /// The same with flags.
    template<
        typename MutableBufferSequence,
        typename CompletionToken = default_token,
        enable_if_mutable_buffers<MutableBufferSequence> = 0>
    auto async_receive_from(
        MutableBufferSequence const& buffers,
        endpoint_type& sender,
        message_flags flags,
        CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transfer<receive_from_request>{{*this}},
            token,
            buffers,
            flags,
            kind::receive_from,
            &sender);
    }

private:
    operation_memory& memory() noexcept
    {
        return detail::memory_of(this->handle_.owner());
    }

    /// What is wrong with an operation of this kind on a context that may
    /// be started.
    boost::system::error_code
    check(context_type const& context, kind k) const noexcept
    {
        using access = detail::datagram_context_access;
        if (!access::has_buffers(context, access::is_send(k)))
        {
            return error::no_buffer;
        }
        if (k == kind::send_to)
        {
            if (!access::has_endpoint(context))
            {
                return error::no_endpoint;
            }
            if (this->is_open() && !can_reach(context.endpoint().protocol()))
            {
                return boost::asio::error::address_family_not_supported;
            }
        }
        return {};
    }

    /// A socket of IPv6 reaches IPv4 as well, unless it is restricted.
    bool can_reach(protocol_type const& target) const noexcept
    {
        int const own = this->protocol_.family();
        return target.family() == own ||
               (target.family() == boost::asio::ip::udp::v4().family() &&
                own == boost::asio::ip::udp::v6().family());
    }

    void* prepare(context_type& context, kind k) const
    {
        detail::context_access::require_start(context);
        detail::throw_if(check(context, k));
        return detail::datagram_context_access::prepare(context, k);
    }

    static void* prepare(batch_context_type& context, kind k)
    {
        using access = detail::datagram_batch_context_access;
        detail::context_access::require_start(context);
        detail::throw_if(access::check(context, k));
        return access::prepare(context, k);
    }

    static typename core::start_function start_of(kind k) noexcept
    {
        return detail::datagram_context_access::is_send(k)
                   ? &detail::socket_handle::start_send_datagram
                   : &detail::socket_handle::start_receive_datagram;
    }

    struct initiate_on_context : core::initiation
    {
        template<typename Handler>
        void operator()(Handler&& handler, context_type* context, kind k) const
        {
            auto& self =
                static_cast<basic_datagram_socket&>(core::initiation::socket);
            auto ec = detail::context_access::check_start(*context);
            if (!ec)
            {
                ec = self.check(*context, k);
            }
            if (ec)
            {
                detail::post_result(
                    std::forward<Handler>(handler),
                    self.executor_,
                    std::make_tuple(ec, std::size_t(0)));
                return;
            }
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_context_operation<detail::transfer_result>(
                self.handle_,
                start_of(k),
                *context,
                k,
                detail::datagram_context_access::prepare(*context, k),
                copy,
                self.executor_);
        }
    };

    struct initiate_on_batch : core::initiation
    {
        template<typename Handler>
        void
        operator()(Handler&& handler, batch_context_type* context, kind k) const
        {
            using access = detail::datagram_batch_context_access;
            auto& self =
                static_cast<basic_datagram_socket&>(core::initiation::socket);
            auto ec = detail::context_access::check_start(*context);
            if (!ec)
            {
                ec = access::check(*context, k);
            }
            if (ec)
            {
                detail::post_result(
                    std::forward<Handler>(handler),
                    self.executor_,
                    std::make_tuple(ec, std::size_t(0)));
                return;
            }
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_context_operation<
                detail::datagram_batch_result<batch_context_type>>(
                self.handle_,
                k == kind::send_batch
                    ? &detail::socket_handle::start_send_batch
                    : &detail::socket_handle::start_receive_batch,
                *context,
                k,
                access::prepare(*context, k),
                copy,
                self.executor_);
        }
    };

    /// Starts an operation whose request is made of the buffers and of what
    /// else there is.
    template<template<typename> class Request>
    struct initiate_transfer : core::initiation
    {
        template<typename Handler, typename Buffers, typename... Address>
        void operator()(
            Handler&& handler,
            Buffers const& buffers,
            message_flags flags,
            kind k,
            Address... address) const
        {
            auto& self =
                static_cast<basic_datagram_socket&>(core::initiation::socket);
            using request = Request<Buffers>;
            using operation = detail::
                token_operation<std::decay_t<Handler>, Executor, request>;
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_token_operation(
                self.handle_,
                start_of(k),
                detail::new_record<operation>(
                    self.handle_.owner(),
                    copy,
                    self.executor_,
                    request(buffers, flags, self.memory(), address...)),
                self.executor_,
                k);
        }
    };
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
