#ifndef OPSLOT_DETAIL_ENGINE_HPP
#define OPSLOT_DETAIL_ENGINE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The seam between I/O objects and engines: all that an engine offers,
    and all that an I/O object knows of it.

    An engine is one translation unit family under `src/engine` that
    defines these functions. Which one is compiled is fixed for a build of
    the library; what they promise is not the engine's choice and is tested
    by the same cases on each.

    @li Every operation that is started and reported *pending* is notified
        exactly once, by `deliver` or `abandon`, unless it is withdrawn.
    @li A call that reports *completed* has left its result in the
        operation, and the operation is nowhere.
    @li Operations of one direction of a socket take effect in the order of
        their starts.
    @li No function here throws unless it says so.
*/

#include <opslot/detail/dispatcher.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/diagnostics.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

class operation_memory;

namespace detail {

/// The system's handle of a socket, as Asio's I/O objects have it, or where
/// they have a class of each protocol for it, what those convert to.
#if defined(_WIN32)
using native_socket = SOCKET;
#else
using native_socket = boost::asio::ip::tcp::socket::native_handle_type;
#endif

/// What an I/O object tells of its executor when it is made.
struct executor_description
{
    boost::asio::execution_context& context;
    /// A way to the threads that run the context's work.
    boost::asio::any_io_executor executor;
    /// The same, if it is an `io_context` and is known to be one.
    boost::asio::io_context* io;
};

template<typename Executor>
executor_description describe(Executor const& executor)
{
    boost::asio::execution_context& context = context_of(executor);
    if constexpr (leads_to_execution_context<Executor>::value)
    {
        return {
            context,
            boost::asio::any_io_executor(executor),
            io_context_of(executor)};
    }
    else
    {
        // context_of has thrown.
        return {context, boost::asio::any_io_executor(), nullptr};
    }
}

class socket_settings;

void intrusive_ptr_add_ref(engine*) noexcept;
void intrusive_ptr_release(engine*) noexcept;

/** The engine of an execution context, made at its first use.

    It lives as long as the context and every I/O object made with it; once
    the context is gone, operations complete with `operation_aborted`.

    @throws boost::system::system_error if the system's resources for it
    cannot be had.
*/
engine_ptr engine_of(executor_description const&);

/// The context that an engine belongs to.
boost::asio::execution_context& context_of(engine&) noexcept;

/// The memory of token operations on this engine.
operation_memory& memory_of(engine&) noexcept;

/// What an engine has counted.
diagnostics_report report_of(engine&) noexcept;

/// Cancels the operation that carries this key, if it is still queued on
/// the descriptor. `only_if_untouched`: not a send of which bytes went out.
void cancel_by_key(
    engine&, descriptor&, void const* key, bool only_if_untouched) noexcept;

/** What kind of socket a descriptor is. */
enum class socket_role : unsigned char
{
    stream,
    listener,
    datagram
};

/** A socket of an engine, open or closed; the state of an I/O object.

    Moves leave the source closed. The destructor closes, and completes
    what is pending with `operation_aborted`.
*/
class socket_handle
{
public:
    using error_code = boost::system::error_code;

    socket_handle(engine_ptr e, dispatcher_ptr via, socket_role role) noexcept;
    socket_handle(socket_handle&& other) noexcept;
    socket_handle& operator=(socket_handle&& other) noexcept;
    ~socket_handle();

    engine& owner() const noexcept { return *engine_; }

    /// Whether there is a native socket.
    bool is_open() const noexcept;

    descriptor* get() const noexcept { return descriptor_; }

    // Opening and closing. `open` and `adopt` fail with already_open.

    void open(int family, int type, int protocol, error_code& ec);
    void assign(int family, native_socket handle, error_code& ec);
    /// Takes an accepted peer of this handle's engine.
    void adopt(descriptor* accepted, error_code& ec);
    void close(error_code& ec);
    native_socket release(error_code& ec);
    native_socket native_handle() const noexcept;

    // Synchronous calls, as the members of Asio's sockets of that name.
    // They fail with bad_descriptor on a closed socket.

    void bind(void const* address, std::size_t size, error_code& ec);
    void listen(int backlog, error_code& ec);
    void connect(void const* address, std::size_t size, error_code& ec);
    void shutdown(int how, error_code& ec);
    void cancel(error_code& ec);
    void set_option(
        int level,
        int name,
        void const* data,
        std::size_t size,
        error_code& ec);
    void get_option(
        int level,
        int name,
        void* data,
        std::size_t& size,
        error_code& ec) const;
    void io_control(unsigned long command, void* argument, error_code& ec);
    std::size_t available(error_code& ec) const;
    bool at_mark(error_code& ec) const;
    bool non_blocking() const noexcept;
    void non_blocking(bool on, error_code& ec);
    bool native_non_blocking() const noexcept;
    void native_non_blocking(bool on, error_code& ec);
    /// `size` in: capacity; out: the size of the address.
    void local_endpoint(void* address, std::size_t& size, error_code& ec) const;
    void
    remote_endpoint(void* address, std::size_t& size, error_code& ec) const;
    /// Some bytes; waits unless `non_blocking()`. No bytes: success at
    /// once. End of stream: `eof`.
    std::size_t receive(transfer_request& request, error_code& ec);
    std::size_t send(transfer_request& request, error_code& ec);
    void wait(wait_request::what which, error_code& ec);
    /// The peer belongs to `request.peer_engine`.
    void accept(accept_request& request, error_code& ec);
    /// Fails with would_block while something is queued to be sent.
    void disconnect(socket_reuse reuse, error_code& ec);

    /// The bytes of the sends that are pending, without those that went out,
    /// and the most that it was.
    std::size_t queued_bytes() const noexcept;
    std::size_t queued_bytes_peak() const noexcept;

    // Asynchronous operations. The request is in the operation.

    start_result start_receive(operation& op) noexcept;
    start_result start_send(operation& op) noexcept;
    start_result start_wait(operation& op) noexcept;
    start_result start_accept(operation& op) noexcept;
    start_result start_connect(operation& op) noexcept;
    start_result start_transmit(operation& op) noexcept;
    start_result start_disconnect(operation& op) noexcept;

    // Datagrams. The transfer request has a `datagram`, and no bytes are one
    // too. What Asio has (`is_some`) is as Asio has it: the rest of a
    // datagram that is too long is lost without a word where the system does
    // not report it, and a socket that is not bound yet may wait.

    std::size_t receive_datagram(transfer_request& request, error_code& ec);
    std::size_t send_datagram(transfer_request& request, error_code& ec);
    start_result start_receive_datagram(operation& op) noexcept;
    start_result start_send_datagram(operation& op) noexcept;
    // The request is a datagram_batch_request.
    start_result start_receive_batch(operation& op) noexcept;
    start_result start_send_batch(operation& op) noexcept;
    /// Has the system say where datagrams arrive; a start that asks for it
    /// does the same.
    void enable_packet_information(error_code& ec);

    /// Has a completed operation delivered later, never inside the call.
    void deliver_later(operation& op) noexcept;

    // Settings of the socket, kept when it is closed and opened again.

    /// Receives that may complete at once in a row; 0: the engine's rule.
    void sync_budget(std::size_t n) noexcept;

    std::size_t sync_budget() const noexcept { return sync_budget_; }

    /// Whether each send goes out at its start, even behind another one of
    /// the same turn.
    void gather_sends(bool on) noexcept;

    bool gather_sends() const noexcept { return gather_sends_; }

    // Composed operations: their steps are other operations, and their owner
    // says when they have ended. See composition.hpp.

    /// Gives a closed socket what an operation can be pending on. It stays
    /// closed.
    void reserve(error_code& ec) noexcept;

    /** Makes an operation pending until `finish`, if nothing ends it before.

        `taker`, unless it is null, takes over the native socket if there is
        one; this one is closed then, and `taker` has a copy of what was set
        of it. It fails with already_connected if the socket is, and with
        already_started if it is in use; nothing has changed then.
    */
    start_result start_composed(operation& op, socket_handle* taker) noexcept;

    /** Moves the native socket, if there is one, into a closed handle of the
        same engine, and copies what was set of it.

        This handle keeps a copy, for `set_again`.
    */
    void lend(socket_handle& to, error_code& ec) noexcept;

    /// Sets what was set of another socket, or of the one that it has lent:
    /// the options that this one has as well, and the address.
    void set_again(socket_handle const& original, error_code& ec) noexcept;

    /// The family of the address that `bind` was told; 0: there is none.
    int bound_family() const noexcept;

    /// Makes an operation pending until its deadline.
    start_result start_pause(operation& op) noexcept;

    /** Ends a composed operation of this engine, from any thread.

        `gift`, unless it is null, gives its native socket to the one that
        the operation was started on. Returns false if the operation has
        ended otherwise, and nothing is given then.
    */
    static bool finish(
        engine& e,
        operation& op,
        error_code const& ec,
        std::size_t bytes_transferred,
        socket_handle* gift) noexcept;

    /// Whether the native socket was given to this one since the last call.
    bool take_gift_mark() const noexcept;

    /// The reverse of `adopt`: what there is, owned by the caller.
    descriptor* detach() noexcept
    {
        return std::exchange(descriptor_, nullptr);
    }

    /// Lets the next connect wait for the bytes that are sent first: TCP
    /// Fast Open. Fails where the system does not have it.
    void fast_open(error_code& ec) noexcept;

private:
    /// What was set of the native socket; null if there is no descriptor.
    socket_settings* settings() const noexcept;

    void configure() noexcept;
    bool vacate() noexcept;

    engine_ptr engine_;
    dispatcher_ptr via_;
    descriptor* descriptor_ = nullptr;
    std::uint32_t sync_budget_ = 0;
    socket_role role_;
    bool gather_sends_ = true;
};

/// Ends one operation with `operation_aborted`, from any thread. Returns
/// false if it was not pending or its result was already there.
bool cancel(operation& op) noexcept;

/// Closes an accepted socket that nobody adopted.
void discard(descriptor* accepted) noexcept;

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
