#ifndef OPSLOT_ENGINE_PORTABLE_DESCRIPTOR_HPP
#define OPSLOT_ENGINE_PORTABLE_DESCRIPTOR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A socket of the portable engine, and attempts at operations on it.
*/

#include <opslot/detail/engine.hpp>
#include <opslot/detail/operation.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <variant>

#include "engine/socket_settings.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

using stream_protocol = boost::asio::generic::stream_protocol;
using stream_socket = stream_protocol::socket;
using listener_socket = boost::asio::basic_socket_acceptor<stream_protocol>;
using datagram_socket = boost::asio::generic::datagram_protocol::socket;

using operation_list = dispatcher::operation_list;

/// What an operation waits for; the index of its queue.
enum direction_index : unsigned char
{
    reading,
    writing,
    excepting,
    /// Of composed operations, which wait for no readiness.
    composed
};

/// The operations of one direction of a socket.
struct direction
{
    operation_list queue;
    /// Ends the wait that is under way. It lives as long as the process,
    /// since its slot keeps its memory for the next wait.
    boost::asio::cancellation_signal stop;
    /// An operation of Asio's is under way.
    bool is_waiting = false;
    /// It is the connect of this operation.
    operation* connecting = nullptr;
};

using descriptor_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct descriptor_tag>>;
using ready_hook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<struct ready_tag>>;

/** One socket of an engine.

    Counted: by its I/O object, by each operation of Asio's that is under
    way, and by the ready list.

    Its memory is never freed but used for the next descriptor, and its
    mutex stays a mutex. So a thread that has read `operation::target` may
    lock it, and see then if the operation is still there, although the
    socket may have been closed meanwhile.
*/
struct descriptor : descriptor_hook, ready_hook
{
    std::mutex mutex;
    std::atomic<std::size_t> references{0};
    /// Counted, except by the engine's own descriptor.
    engine* owner = nullptr;
    bool owns_reference = false;

    // Guarded by the mutex.

    std::
        variant<std::monostate, stream_socket, listener_socket, datagram_socket>
            socket;
    std::array<direction, 3> directions;
    /// Operations for which no readiness does anything: composed ones, and
    /// waits for the queue of sends.
    operation_list compositions;
    /// What the queued sends were to send, the first one's progress included.
    std::size_t queued_bytes = 0;
    /// The most that was left to send.
    std::size_t queued_peak = 0;
    /// Operations with a result, to be delivered in this order.
    operation_list completed;
    /// A thread is delivering, or the ready list has the descriptor.
    bool is_scheduled = false;
    /// A partly written send was withdrawn.
    bool is_interrupted = false;
    /// A composed operation has given it its socket.
    bool was_given = false;
    /// What the user sees; for Asio the socket is always non-blocking.
    bool user_non_blocking = false;
    bool native_non_blocking = true;
    std::uint32_t sync_budget = 0;
    /// Receives and accepts that completed at once since the last wait.
    std::uint32_t sync_count = 0;
    /// Of a datagram socket: what is known of it by now.
    int family = 0;
    bool is_bound = false;
    bool says_arrival = false;
    bool ends_receives = false;
    socket_settings settings;

    descriptor* next_free = nullptr;

    bool is_open() const noexcept { return socket.index() != 0; }
};

using descriptor_list = boost::intrusive::
    list<descriptor, boost::intrusive::base_hook<descriptor_hook>>;
using ready_list =
    boost::intrusive::list<descriptor, boost::intrusive::base_hook<ready_hook>>;

using descriptor_ptr = boost::intrusive_ptr<descriptor>;

void intrusive_ptr_add_ref(descriptor* d) noexcept;
void intrusive_ptr_release(descriptor* d) noexcept;

/// A descriptor from the process's store. Throws std::bad_alloc.
descriptor_ptr new_descriptor(engine& owner, bool owns_reference);

/// Calls `f` with the socket of whatever role, if there is one. The descriptor
/// is locked.
template<typename Function>
bool visit_socket(descriptor& d, Function f)
{
    if (auto* const stream = std::get_if<stream_socket>(&d.socket))
    {
        f(*stream);
        return true;
    }
    if (auto* const listener = std::get_if<listener_socket>(&d.socket))
    {
        f(*listener);
        return true;
    }
    if (auto* const datagrams = std::get_if<datagram_socket>(&d.socket))
    {
        f(*datagrams);
        return true;
    }
    return false;
}

/// Sends of which the peer has the beginning.
inline bool is_partly_written(operation const& op) noexcept
{
    return op.is_sending() && op.bytes_transferred != 0;
}

inline bool is_would_block(boost::system::error_code const& ec) noexcept
{
    return ec == boost::asio::error::would_block ||
           ec == boost::asio::error::try_again;
}

/// Makes the socket non-blocking for Asio, in case the user has changed it.
/// The descriptor is locked and open.
void ensure_non_blocking(descriptor& d) noexcept;

/// What is left to send. The first send alone may have gone out in part.
std::size_t bytes_left(descriptor const& d) noexcept;

/// Does what can be done without waiting. Returns true if the operation is
/// done, with its result in it. The descriptor is locked and open.
/// @param is_ready Asio has just said that the socket is ready.
bool attempt(descriptor& d, operation& op, bool is_ready) noexcept;

// One call each, for attempts and for synchronous members: the error is
// `would_block` if there is nothing to do now.

/// Receives into, or sends, what is left of a request.
std::size_t transfer_once(
    descriptor& d,
    transfer_request const& request,
    bool is_send,
    boost::system::error_code& ec) noexcept;

void poll_once(
    descriptor& d,
    boost::asio::socket_base::wait_type which,
    boost::system::error_code& ec) noexcept;

void accept_once(
    descriptor& d,
    accept_request& request,
    boost::system::error_code& ec) noexcept;

boost::asio::socket_base::wait_type
wait_type_of(wait_request const& request) noexcept;

// Datagrams; bodies in portable_datagrams.cpp

bool attempt_datagram(descriptor& d, operation& op, bool is_ready) noexcept;

std::size_t receive_datagram_once(
    descriptor& d,
    transfer_request& request,
    boost::system::error_code& ec) noexcept;

std::size_t send_datagram_once(
    descriptor& d,
    transfer_request const& request,
    boost::system::error_code& ec) noexcept;

bool attempt_datagram_batch(
    descriptor& d, operation& op, bool is_ready) noexcept;

/// Whether a datagram goes to a local address.
bool is_for_local_address(datagram_request const& request);

/// What is asked for before a receive.
void prepare_receive_datagram(
    descriptor& d,
    bool needs_bound,
    bool wants_arrival,
    boost::system::error_code& ec) noexcept;

void enable_packet_information(
    descriptor& d, boost::system::error_code& ec) noexcept;

// Bodies in portable_transmit.cpp

/// As `attempt`, for a transmission.
bool attempt_transmit(descriptor& d, operation& op) noexcept;

/// Ends the connection. `self` is the operation that asks for it, which may
/// be queued, or null. The descriptor is locked.
void disconnect(
    descriptor& d,
    socket_reuse reuse,
    operation const* self,
    boost::system::error_code& ec) noexcept;

/// An option in the form that Asio's members take.
template<typename Data>
struct raw_option
{
    int level_;
    int name_;
    Data* data_;
    std::size_t size_;

    template<typename Protocol>
    int level(Protocol const&) const noexcept
    {
        return level_;
    }

    template<typename Protocol>
    int name(Protocol const&) const noexcept
    {
        return name_;
    }

    template<typename Protocol>
    Data* data(Protocol const&) const noexcept
    {
        return data_;
    }

    template<typename Protocol>
    std::size_t size(Protocol const&) const noexcept
    {
        return size_;
    }

    template<typename Protocol>
    void resize(Protocol const&, std::size_t n) noexcept
    {
        size_ = n;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
