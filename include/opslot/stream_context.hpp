#ifndef OPSLOT_STREAM_CONTEXT_HPP
#define OPSLOT_STREAM_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of operations on the bytes of a stream.
*/

#include <opslot/buffer_context.hpp>

#include <cstddef>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A reusable receive, send or wait on a stream socket.

    One context may be used for any of these in turn, on any socket. An empty
    buffer makes a receive wait until the socket is readable, and a send
    complete at once.

    @par Example
    @snippet example/echo_server.cpp session

    @see operation_context for ownership, state, results and threads,
    @ref buffer_context for buffers.
*/
class stream_context : public buffer_context
{
public:
    // Not defaulted, or it would be an aggregate in C++17, and `{}` would try
    // to initialize its base.
    stream_context() noexcept {}

    /// Withdraws a pending operation.
    ~stream_context() = default;

    /** Stores the handler of all operations on this context.

        @param handler A function object that is callable as
        `handler(stream_context&)`. It is moved or copied into the context
        and stays there until it is replaced. It runs on its associated
        executor, by default on that of the I/O object. It may start the
        next operation, replace itself (and is then destroyed after it has
        returned), destroy the socket, or drop the last reference to the
        context. Without a handler an operation that was pending leaves its
        result in the context, and nothing is called.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`; what copying the handler throws.

        @par Cost
        A handler of more than four pointers, and one that is associated
        with an executor, takes memory when it is set.
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        store_handler<stream_context>(std::forward<Handler>(handler));
    }

    /** Makes receives complete with at least `n` bytes, or an error.

        It stays set; the default is 1. A value beyond the size of the
        buffers means: all of them full. A receive with the flag
        `message_peek` completes with what is there: it could not wait for
        more without seeing the same bytes again.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::out_of_range` for zero.
    */
    void at_least(std::size_t n);

    /// How many bytes a receive waits for.
    std::size_t at_least() const noexcept { return transfer_.at_least; }

private:
    friend struct detail::stream_context_access;
};

namespace detail {

/// What stream sockets do with their contexts.
struct stream_context_access
{
    static bool
    has_buffers_for(stream_context const& c, operation_kind k) noexcept
    {
        return c.has_buffers_for(k);
    }

    /// The request of the context, which is always filled in.
    static transfer_request* request(stream_context& c) noexcept
    {
        return &c.transfer_;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
