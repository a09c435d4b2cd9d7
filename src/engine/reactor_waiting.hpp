#ifndef OPSLOT_ENGINE_REACTOR_WAITING_HPP
#define OPSLOT_ENGINE_REACTOR_WAITING_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the synchronous members of sockets have in common.
*/

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <cerrno>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

inline void report(ssize_t result, boost::system::error_code& ec) noexcept
{
    if (result < 0)
    {
        ec = system::error_of(result);
    }
    else
    {
        ec.clear();
    }
}

/// True, with the error set, if there is no socket.
inline bool
is_closed(descriptor const* d, boost::system::error_code& ec) noexcept
{
    if (!d || d->fd < 0)
    {
        ec = boost::asio::error::bad_descriptor;
        return true;
    }
    return false;
}

/// Makes a call that does not wait until it succeeds, waiting in between
/// unless the socket is non-blocking to its user.
template<typename Call>
ssize_t call_and_wait(descriptor& d, short events, Call call) noexcept
{
    for (;;)
    {
        auto const result = call();
        if (result != -EAGAIN || d.is_non_blocking)
        {
            return result;
        }
        int const found = system::poll_socket(d.fd, events, true);
        if (found < 0)
        {
            return found;
        }
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
