#ifndef OPSLOT_BASIC_STREAM_SOCKET_HPP
#define OPSLOT_BASIC_STREAM_SOCKET_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A stream socket on the library's engine.
*/

#include <opslot/basic_socket.hpp>
#include <opslot/detail/hand_over.hpp>
#include <opslot/detail/transfer_result.hpp>
#include <opslot/detail/transfer_token_request.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/transmit_context.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/config.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A stream socket, with operations on contexts and those of Asio.

    It mirrors `asio::basic_stream_socket`: constructors, synchronous
    members and token forms are the same, and it meets `SyncReadStream`,
    `SyncWriteStream`, `AsyncReadStream` and `AsyncWriteStream`, so that
    `asio::async_read`, `asio::ssl::stream` and coroutines run on it.

    On a context every operation has three forms: `start_...(context)`
    reports whether it completed at once; `async_...(context)` always calls
    the stored handler, and never inside the call; `async_...(context,
    token)` completes through a token.

    Any number of operations may be outstanding, one context each. Bytes
    are received and sent in the order of the starts.

    @see basic_socket_core for executors, lifetime and threads.
*/
template<typename Protocol, typename Executor = boost::asio::any_io_executor>
class basic_stream_socket : public basic_socket<Protocol, Executor>
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

    /// The same socket for another executor.
    template<typename Executor1>
    struct rebind_executor
    {
        /// That type.
        using other = basic_stream_socket<Protocol, Executor1>;
    };

    // Construction

    /// A closed socket.
    explicit basic_stream_socket(executor_type const& executor)
        : base(executor, detail::socket_role::stream)
    {}

    /// A closed socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    explicit basic_stream_socket(ExecutionContext& context)
        : basic_stream_socket(context.get_executor())
    {}

    /// An open socket.
    basic_stream_socket(
        executor_type const& executor, protocol_type const& protocol)
        : basic_stream_socket(executor)
    {
        this->open(protocol);
    }

    /// An open socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket(
        ExecutionContext& context, protocol_type const& protocol)
        : basic_stream_socket(context.get_executor(), protocol)
    {}

    /// A socket bound to a local endpoint.
    basic_stream_socket(
        executor_type const& executor, endpoint_type const& endpoint)
        : basic_stream_socket(executor, endpoint.protocol())
    {
        this->bind(endpoint);
    }

    /// A socket bound to a local endpoint.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket(
        ExecutionContext& context, endpoint_type const& endpoint)
        : basic_stream_socket(context.get_executor(), endpoint)
    {}

    /// Takes over a native socket.
    basic_stream_socket(
        executor_type const& executor,
        protocol_type const& protocol,
        native_handle_type const& handle)
        : basic_stream_socket(executor)
    {
        this->assign(protocol, handle);
    }

    /// Takes over a native socket.
    template<
        typename ExecutionContext,
        detail::enable_if_execution_context<ExecutionContext> = 0>
    basic_stream_socket(
        ExecutionContext& context,
        protocol_type const& protocol,
        native_handle_type const& handle)
        : basic_stream_socket(context.get_executor(), protocol, handle)
    {}

    /** Takes a socket over from Asio.

        Its pending operations complete with `operation_aborted`. The
        source is closed afterwards.

        @throws boost::system::system_error if the system does not let go of
        the native socket, or if it cannot be taken over; `std::bad_alloc`.
        The source has it then.
    */
    template<
        typename Executor1,
        std::enable_if_t<
            std::is_convertible_v<Executor1 const&, Executor>,
            int> = 0>
    explicit basic_stream_socket(
        boost::asio::basic_stream_socket<Protocol, Executor1>&& other)
        : basic_stream_socket(executor_type(other.get_executor()))
    {
        if (other.is_open())
        {
            detail::hand_over(other, *this, other.local_endpoint().protocol());
        }
    }

    /// Moves; pending operations go on with the new object.
    basic_stream_socket(basic_stream_socket&&) = default;

    /// Closes this socket and moves.
    basic_stream_socket& operator=(basic_stream_socket&&) = default;

    /// Moves from a socket with another type of executor.
    template<
        typename Protocol1,
        typename Executor1,
        std::enable_if_t<
            std::is_convertible_v<Protocol1, Protocol> &&
                std::is_convertible_v<Executor1, Executor>,
            int> = 0>
    basic_stream_socket(basic_stream_socket<Protocol1, Executor1>&& other)
        : base(std::move(other))
    {}

    /** Closes the socket.

        Pending operations complete with `operation_aborted`, not inside the
        destructor.
    */
    ~basic_stream_socket() = default;

    /** Gives the native socket to a new socket of Asio.

        Pending operations complete with `operation_aborted`. This socket is
        closed afterwards.

        @throws boost::system::system_error if Asio cannot take it over;
        `std::bad_alloc`. This socket has it then.
    */
    boost::asio::basic_stream_socket<Protocol, Executor> to_asio()
    {
        boost::asio::basic_stream_socket<Protocol, Executor> result(
            this->executor_);
        if (this->is_open())
        {
            detail::hand_over(*this, result, this->protocol());
        }
        return result;
    }

    // Synchronous operations

    /// Reads some bytes; waits unless `non_blocking()`. End of stream is
    /// `eof`.
    template<typename MutableBufferSequence>
    std::size_t read_some(MutableBufferSequence const& buffers)
    {
        return receive(buffers, 0);
    }

    /// Reads some bytes.
    template<typename MutableBufferSequence>
    std::size_t read_some(
        MutableBufferSequence const& buffers, boost::system::error_code& ec)
    {
        return receive(buffers, 0, ec);
    }

    /// Receives some bytes; waits unless `non_blocking()`.
    template<typename MutableBufferSequence>
    std::size_t receive(MutableBufferSequence const& buffers)
    {
        return receive(buffers, 0);
    }

    /// Receives some bytes; waits unless `non_blocking()`.
    template<typename MutableBufferSequence>
    std::size_t
    receive(MutableBufferSequence const& buffers, message_flags flags)
    {
        boost::system::error_code ec;
        std::size_t const n = receive(buffers, flags, ec);
        detail::throw_if(ec);
        return n;
    }

    /// Receives some bytes; waits unless `non_blocking()`.
    template<typename MutableBufferSequence>
    std::size_t receive(
        MutableBufferSequence const& buffers,
        message_flags flags,
        boost::system::error_code& ec)
    {
        detail::transfer_token_request<MutableBufferSequence> request(
            buffers, flags);
        return this->handle_.receive(*request.prepare(), ec);
    }

    /// Writes some bytes; waits unless `non_blocking()`.
    template<typename ConstBufferSequence>
    std::size_t write_some(ConstBufferSequence const& buffers)
    {
        return send(buffers, 0);
    }

    /// Writes some bytes.
    template<typename ConstBufferSequence>
    std::size_t write_some(
        ConstBufferSequence const& buffers, boost::system::error_code& ec)
    {
        return send(buffers, 0, ec);
    }

    /// Sends some bytes; waits unless `non_blocking()`.
    template<typename ConstBufferSequence>
    std::size_t send(ConstBufferSequence const& buffers)
    {
        return send(buffers, 0);
    }

    /// Sends some bytes; waits unless `non_blocking()`.
    template<typename ConstBufferSequence>
    std::size_t send(ConstBufferSequence const& buffers, message_flags flags)
    {
        boost::system::error_code ec;
        std::size_t const n = send(buffers, flags, ec);
        detail::throw_if(ec);
        return n;
    }

    /// Sends some bytes; waits unless `non_blocking()`.
    template<typename ConstBufferSequence>
    std::size_t send(
        ConstBufferSequence const& buffers,
        message_flags flags,
        boost::system::error_code& ec)
    {
        detail::transfer_token_request<ConstBufferSequence> request(
            buffers, flags);
        return this->handle_.send(*request.prepare(), ec);
    }

    // Operations on a context

    /** Starts to receive into the buffers of a context.

        @param context Has the buffers. An empty buffer waits until the
        socket is readable and receives nothing.

        @return `completed` if bytes were there or an error is known; the
        handler of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`.
        Nothing was changed then.

        @par Completion
        With `context.at_least()` bytes, by default one, or with an error:
        @li `asio::error::eof`: the peer ended the stream
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li `asio::error::bad_descriptor`: the socket is closed
        @li what recv(2) reports

        @par Cost
        At most one system call, no allocation.
    */
    start_result start_receive(stream_context& context)
    {
        return this->start(
            context,
            operation_kind::receive,
            prepare(context, operation_kind::receive),
            &detail::socket_handle::start_receive);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_receive(stream_context& context)
    {
        this->start_later(
            context,
            operation_kind::receive,
            prepare(context, operation_kind::receive),
            &detail::socket_handle::start_receive);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_receive(stream_context& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}},
            token,
            &context,
            operation_kind::receive);
    }

    /** Starts to send the buffers of a context, all of them.

        The first send of a socket in a turn of the engine goes out at once;
        further ones of the same turn leave together at its end, unless
        @ref gather_sends is off.

        @param context Has the buffers.

        @return `completed` if everything was written or an error is known;
        the handler of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_buffer`.
        Nothing was changed then.

        @par Completion
        With all bytes written, or with an error and the number of those
        that were:
        @li `asio::error::operation_aborted`: cancelled or closed
        @li `error::timeout`: the deadline of the context passed
        @li `error::send_interrupted`: see @ref operation_context
        @li `asio::error::bad_descriptor`: the socket is closed
        @li what send(2) reports; no signal is raised

        @par Cost
        At most one system call while the system takes everything, no
        allocation.
    */
    start_result start_send(stream_context& context)
    {
        return this->start(
            context,
            operation_kind::send,
            prepare(context, operation_kind::send),
            &detail::socket_handle::start_send);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_send(stream_context& context)
    {
        this->start_later(
            context,
            operation_kind::send,
            prepare(context, operation_kind::send),
            &detail::socket_handle::start_send);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal` and `partial`; `total` while no byte was written.
    */
    template<typename CompletionToken>
    auto async_send(stream_context& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_on_context{{*this}},
            token,
            &context,
            operation_kind::send);
    }

    /** Whether sends of one turn leave together at its end.

        On by default. Off: each send goes out at its start if no other one
        is queued.
    */
    void gather_sends(bool on) noexcept { this->handle_.gather_sends(on); }

    /// Whether sends of one turn leave together at its end.
    bool gather_sends() const noexcept { return this->handle_.gather_sends(); }

    // Back-pressure

    /** How many bytes of pending sends and transmissions the system has not
        taken yet.

        @par Thread safety
        May be called while the engine completes operations of the socket.

        @par Cost
        A lock, and no walk: the sum is kept.
    */
    std::size_t queued_bytes() const noexcept
    {
        return this->handle_.queued_bytes();
    }

    /// The most that @ref queued_bytes has been since the socket was opened:
    /// its high-water mark. 0 if the socket is closed.
    std::size_t queued_bytes_peak() const noexcept
    {
        return this->handle_.queued_bytes_peak();
    }

    /** Starts to wait until few bytes of sends are pending.

        A source that is faster than its peer goes on when this completes. It
        is a wait: other operations of the socket are not held up, and several
        may be pending, with marks of their own.

        @param context Any context.
        @param mark The wait ends when @ref queued_bytes is at most this, in
        bytes. 0: when everything was taken by the system, or failed.

        @return `completed` if that is so already, or an error is known; the
        handler of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`.

        @par Completion
        After the handlers of the sends that made the room were queued.
        `context.error()` is success, `operation_aborted`, `bad_descriptor`
        or `error::timeout`. A send that fails or is cancelled leaves the
        queue, so a wait for it ends with success.

        @par Example
        @code
        void session::on_message(std::string_view m)
        {
            send(m);
            if (socket_.queued_bytes() > 256 * 1024)
            {
                source_.stop();
                socket_.async_wait_queued(room_, 64 * 1024); // source_.start()
            }
        }
        @endcode
    */
    start_result start_wait_queued(operation_context& context, std::size_t mark)
    {
        return this->start_wait_for(context, queue_request(mark));
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_wait_queued(operation_context& context, std::size_t mark)
    {
        this->async_wait_for(context, queue_request(mark));
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_wait_queued(
        operation_context& context, std::size_t mark, CompletionToken&& token)
    {
        return this->template async_wait_for<CompletionToken>(
            context, queue_request(mark), token);
    }

    /** Waits until few bytes of sends are pending, without a context.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<
        typename CompletionToken =
            typename boost::asio::default_completion_token<Executor>::type>
    auto async_wait_queued(
        std::size_t mark,
        CompletionToken&& token =
            typename boost::asio::default_completion_token<Executor>::type())
    {
        return this->template async_wait_for<CompletionToken>(
            queue_request(mark), token);
    }

    // Files

    /** Starts to send the elements of a context, all of them in order.

        Behind other sends of the socket, and before later ones. At most
        256 KiB of files go out in a turn of the engine; then the operation is
        continued behind the other ready sockets.

        @param context Has the elements.

        @return `completed` if everything was sent or an error is known; the
        handler of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`, `error::no_elements`.
        Nothing was changed then.

        @par Completion
        With all bytes sent, or with an error, the number of those that were,
        and the element in `context.element_index()`:
        @li what open(2) reports of a file, such as
        `std::errc::no_such_file_or_directory`; `std::errc::is_a_directory`;
        `asio::error::invalid_argument` for what is no regular file. Nothing
        was sent.
        @li `error::out_of_range`: a range does not lie within its file.
        Nothing was sent.
        @li `error::file_shrunk`: a file became shorter meanwhile
        @li what reading the file reports
        @li those of @ref start_send
        @li after all bytes, if the context asks for it, those of
        @ref start_disconnect

        @par Cost
        For a file of more than 16 KiB, one sendfile(2) for each 256 KiB while
        the system takes that much, and two calls to keep SIGPIPE away from
        each of them. Smaller files are read, and sent by one call with what
        is around them. A path is opened and closed, which takes memory of the
        system; besides, no allocation. The portable engine reads everything,
        into a block of operation memory. What is not in the system's cache
        is waited for in the calling thread, or that of the engine.
    */
    start_result start_transmit(transmit_context& context)
    {
        return this->start(
            context,
            operation_kind::transmit,
            prepare(context),
            &detail::socket_handle::start_transmit);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_transmit(transmit_context& context)
    {
        this->start_later(
            context,
            operation_kind::transmit,
            prepare(context),
            &detail::socket_handle::start_transmit);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal` and `partial`; `total` while no byte was sent.
    */
    template<typename CompletionToken>
    auto async_transmit(transmit_context& context, CompletionToken&& token)
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transmit{{*this}}, token, &context);
    }

    // Disconnecting

    /** Ends the connection in both directions, and leaves the socket open.

        @param reuse `no`: the socket is of no further use, and connecting it
        fails. `yes`: a fresh native socket takes the place of the connected
        one, which is closed. It has the options that were set by
        `set_option`, is not bound, and can be connected; whatever else is
        pending on the socket ends with `operation_aborted`.

        What was not received is lost. If there is any, the system may tell
        the peer by a reset.

        @throws boost::system::system_error `asio::error::would_block` while
        something is queued to be sent, @ref start_disconnect waits for that;
        `asio::error::not_connected`, also after a reset; `bad_descriptor`;
        what opening the other socket reports. Nothing was changed then.
    */
    void disconnect(socket_reuse reuse = socket_reuse::no)
    {
        boost::system::error_code ec;
        disconnect(reuse, ec);
        detail::throw_if(ec);
    }

    /// The same, reporting an error by its last argument.
    boost::system::error_code
    disconnect(socket_reuse reuse, boost::system::error_code& ec)
    {
        this->handle_.disconnect(reuse, ec);
        return ec;
    }

    /** Starts to disconnect, as soon as what was started before is sent.

        @param context A context of any type.
        @param reuse See @ref disconnect.

        @return `completed` if it is done or an error is known; the handler
        of the context is not called then. Else `pending`.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::not_owned`.

        @par Completion
        @li success, also if what was to be sent before has failed
        @li `asio::error::not_connected`, also after a reset by the peer
        @li `asio::error::operation_aborted`: cancelled or closed; the
        connection is still there
        @li `error::timeout`: the deadline of the context passed
        @li `asio::error::bad_descriptor`: the socket is closed
        @li what opening the other socket reports

        @par Cost
        Two system calls, and for `reuse` some ten. No allocation.
    */
    start_result start_disconnect(
        operation_context& context, socket_reuse reuse = socket_reuse::no)
    {
        detail::context_access::require_start(context);
        return this->start(
            context,
            operation_kind::disconnect,
            detail::disconnect_request_for(reuse),
            &detail::socket_handle::start_disconnect);
    }

    /// The same, with the handler of the context called in any case, and
    /// never inside this call.
    void async_disconnect(
        operation_context& context, socket_reuse reuse = socket_reuse::no)
    {
        detail::context_access::require_start(context);
        this->start_later(
            context,
            operation_kind::disconnect,
            detail::disconnect_request_for(reuse),
            &detail::socket_handle::start_disconnect);
    }

    /** The same, with a completion token in place of the stored handler.

        Misuse is reported through the handler.

        @par Completion Signature
        @code void(boost::system::error_code) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<typename CompletionToken>
    auto async_disconnect(
        operation_context& context, socket_reuse reuse, CompletionToken&& token)
    {
        return boost::asio::
            async_initiate<CompletionToken, void(boost::system::error_code)>(
                initiate_disconnect{{*this}}, token, &context, reuse);
    }

    // Operations without a context, as Asio has them

    /** Receives some bytes. As `asio::basic_stream_socket`.

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
    auto async_read_some(
        MutableBufferSequence const& buffers,
        CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transfer{{*this}},
            token,
            buffers,
            message_flags(0),
            operation_kind::receive);
    }

    /// The same as `async_read_some`.
    template<
        typename MutableBufferSequence,
        typename CompletionToken = default_token,
        enable_if_mutable_buffers<MutableBufferSequence> = 0>
    auto async_receive(
        MutableBufferSequence const& buffers,
        CompletionToken&& token = default_token())
    {
        return async_read_some(buffers, std::forward<CompletionToken>(token));
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
            initiate_transfer{{*this}},
            token,
            buffers,
            flags,
            operation_kind::receive);
    }

    /** Sends some bytes. As `asio::basic_stream_socket`.

        @par Completion Signature
        @code void(boost::system::error_code, std::size_t) @endcode

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`.
    */
    template<
        typename ConstBufferSequence,
        typename CompletionToken = default_token,
        enable_if_const_buffers<ConstBufferSequence> = 0>
    auto async_write_some(
        ConstBufferSequence const& buffers,
        CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_transfer{{*this}},
            token,
            buffers,
            message_flags(0),
            operation_kind::send);
    }

    /// The same as `async_write_some`.
    template<
        typename ConstBufferSequence,
        typename CompletionToken = default_token,
        enable_if_const_buffers<ConstBufferSequence> = 0>
    auto async_send(
        ConstBufferSequence const& buffers,
        CompletionToken&& token = default_token())
    {
        return async_write_some(buffers, std::forward<CompletionToken>(token));
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
            initiate_transfer{{*this}},
            token,
            buffers,
            flags,
            operation_kind::send);
    }

private:
    static detail::wait_request queue_request(std::size_t mark) noexcept
    {
        return {detail::wait_request::queued, mark};
    }

    static void* prepare(stream_context& context, operation_kind kind)
    {
        detail::context_access::require_start(context);
        if (BOOST_UNLIKELY(
                !detail::stream_context_access::has_buffers_for(context, kind)))
        {
            detail::throw_error(error::no_buffer);
        }
        return detail::stream_context_access::request(context);
    }

    static void* prepare(transmit_context& context)
    {
        detail::context_access::require_start(context);
        void* const request = detail::transmit_context_access::request(context);
        if (!request)
        {
            detail::throw_error(error::no_elements);
        }
        return request;
    }

    static typename core::start_function start_of(operation_kind kind) noexcept
    {
        return kind == operation_kind::send
                   ? &detail::socket_handle::start_send
                   : &detail::socket_handle::start_receive;
    }

    struct initiate_on_context : core::initiation
    {
        template<typename Handler>
        void operator()(
            Handler&& handler,
            stream_context* context,
            operation_kind kind) const
        {
            auto& self =
                static_cast<basic_stream_socket&>(core::initiation::socket);
            auto ec = detail::context_access::check_start(*context);
            if (!ec &&
                !detail::stream_context_access::has_buffers_for(*context, kind))
            {
                ec = error::no_buffer;
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
                start_of(kind),
                *context,
                kind,
                detail::stream_context_access::request(*context),
                copy,
                self.executor_);
        }
    };

    struct initiate_transfer : core::initiation
    {
        template<typename Handler, typename Buffers>
        void operator()(
            Handler&& handler,
            Buffers const& buffers,
            message_flags flags,
            operation_kind kind) const
        {
            auto& self =
                static_cast<basic_stream_socket&>(core::initiation::socket);
            using request = detail::transfer_token_request<Buffers>;
            using operation = detail::
                token_operation<std::decay_t<Handler>, Executor, request>;
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            detail::start_token_operation(
                self.handle_,
                start_of(kind),
                detail::new_record<operation>(
                    self.handle_.owner(),
                    copy,
                    self.executor_,
                    request(buffers, flags)),
                self.executor_,
                kind);
        }
    };

    struct initiate_transmit : core::initiation
    {
        template<typename Handler>
        void operator()(Handler&& handler, transmit_context* context) const
        {
            auto& self =
                static_cast<basic_stream_socket&>(core::initiation::socket);
            auto ec = detail::context_access::check_start(*context);
            void* const request =
                detail::transmit_context_access::request(*context);
            if (!ec && !request)
            {
                ec = error::no_elements;
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
                &detail::socket_handle::start_transmit,
                *context,
                operation_kind::transmit,
                request,
                copy,
                self.executor_);
        }
    };

    struct initiate_disconnect : core::initiation
    {
        template<typename Handler>
        void operator()(
            Handler&& handler,
            operation_context* context,
            socket_reuse reuse) const
        {
            auto& self =
                static_cast<basic_stream_socket&>(core::initiation::socket);
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
                &detail::socket_handle::start_disconnect,
                *context,
                operation_kind::disconnect,
                detail::disconnect_request_for(reuse),
                copy,
                self.executor_);
        }
    };
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
