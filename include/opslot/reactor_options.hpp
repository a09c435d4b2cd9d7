#ifndef OPSLOT_REACTOR_OPTIONS_HPP
#define OPSLOT_REACTOR_OPTIONS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Options of the engine of an execution context.
*/

#include <opslot/config.hpp>

#include <boost/asio/execution_context.hpp>

#include <cstddef>

namespace opslot {
inline namespace OPSLOT_ABI {

/// How the engine of one execution context works.
struct reactor_options
{
    /** Only one thread runs the context, and the same one uses its sockets
        and contexts, `cancel` and `dispose` included.

        The engine then takes no locks, and waits for new events only after
        the handlers of the present ones: a handler must not wait for
        another socket's handler. The `io_context` may be made with
        `BOOST_ASIO_CONCURRENCY_HINT_UNSAFE` as well, which is a matter of
        its own.
    */
    bool single_threaded = false;

    /// How many handlers run in a row before the context gets its other
    /// work done. At least 1.
    std::size_t handlers_per_turn = 64;
};

/** Sets the options of a context's engine.

    @param context The context. Call this before the first I/O object is made
    with it.
    @param options The options.

    @throws boost::system::system_error `error::already_configured` if the
    engine works with other options already: those of an earlier call, or the
    defaults, once an I/O object was made; `error::out_of_range`. The portable
    engine has no use for options, and only checks their range.
*/
void configure(
    boost::asio::execution_context& context, reactor_options const& options);

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
