#ifndef OPSLOT_OPERATION_KIND_HPP
#define OPSLOT_OPERATION_KIND_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What an operation does, and what the call that starts it reports.
*/

#include <opslot/config.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/// What an operation does.
enum class operation_kind : unsigned char
{
    /// No operation was started yet.
    none,
    /// Takes a connection from a listening socket.
    accept,
    /// Connects a socket to an endpoint.
    connect,
    /// Receives bytes from a stream, or a datagram.
    receive,
    /// Sends bytes to a stream, or a datagram to the peer.
    send,
    /// Waits until a socket is readable, writable, or in error.
    wait,
    /// Receives a datagram and the address of its sender.
    receive_from,
    /// Receives a datagram, the address of its sender, and where it arrived.
    receive_message_from,
    /// Sends a datagram to an address.
    send_to,
    /// Sends buffers and ranges of files to a stream.
    transmit,
    /// Ends a connection in both directions.
    disconnect,
    /// Receives as many datagrams as are there.
    receive_batch,
    /// Sends a list of datagrams.
    send_batch
};

/** What an initiating function of the model's form reports.

    It is never an error code: an error that is known at once is a
    completion too.
*/
enum class [[nodiscard]] start_result : bool{
    /// The result is in the context. The handler will not be invoked.
    completed,
    /// The handler will be invoked once, with the result in the context.
    pending};

/// The operation finished before the call returned.
inline constexpr start_result completed = start_result::completed;

/// The operation will finish later, and its handler will be invoked.
inline constexpr start_result pending = start_result::pending;

/// Whether a socket is to be connected again after a disconnect.
enum class socket_reuse : bool
{
    /// It is of no further use, except to be closed.
    no,
    /// It becomes a fresh one.
    yes
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
