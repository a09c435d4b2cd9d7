#ifndef OPSLOT_DETAIL_HAND_OVER_HPP
#define OPSLOT_DETAIL_HAND_OVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Moving a native socket from one I/O object to another, of this library or
    of Asio.
*/

#include <opslot/config.hpp>

#include <boost/system/error_code.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** Moves the native socket of `from`, which is open, into `to`.

    If `to` does not take it, `from` has it again, without the operations
    that were pending.

    @throws boost::system::system_error, and `std::bad_alloc`.
*/
template<typename From, typename To, typename Protocol>
void hand_over(From& from, To& to, Protocol const& protocol)
{
    bool const mode = from.non_blocking();
    auto const handle = from.release();
    try
    {
        to.assign(protocol, handle);
    }
    catch (...)
    {
        boost::system::error_code ignored;
        from.assign(protocol, handle, ignored);
        if (!ignored)
        {
            from.non_blocking(mode, ignored);
        }
        throw;
    }
    to.non_blocking(mode);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
