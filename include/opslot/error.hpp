#ifndef OPSLOT_ERROR_HPP
#define OPSLOT_ERROR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The errors that are the library's own. What the system reports keeps
    its own code, and what Asio has a name for keeps Asio's.
*/

#include <opslot/config.hpp>

#include <boost/system/error_code.hpp>

#include <type_traits>

namespace opslot {
inline namespace OPSLOT_ABI {

/** What can be wrong with a call, or end an operation, beside what the
    system reports.

    @li `timeout` ends an operation; it compares equal to
        `std::errc::timed_out` and differs from the kernel's `ETIMEDOUT`,
        which is `asio::error::timed_out`.
    @li `send_interrupted` ends sends after a partly written one was
        withdrawn: bytes sent now would stand where its rest belongs.
    @li `file_shrunk` ends a transmission, see `transmit_context`.
    @li all others are misuse. They are found before anything is touched.
*/
enum class error
{
    /// The operation's deadline passed.
    timeout = 1,
    /// The context has an operation pending.
    context_busy,
    /// The context was disposed.
    context_disposed,
    /// The context has neither a buffer nor a buffer list, or a receive has
    /// one that is const.
    no_buffer,
    /// A buffer and a buffer list were both given.
    buffer_and_list,
    /// An offset or a count does not lie within its buffer.
    out_of_range,
    /// `keep_alive` names an object that no pointer owns.
    not_owned,
    /// The executor leads to no execution context of Asio's.
    no_execution_context,
    /// A partly written send was withdrawn from this socket earlier.
    send_interrupted,
    /// The context has no endpoint to connect or send to.
    no_endpoint,
    /// The engine works with other options already.
    already_configured,
    /// The context has no elements to transmit.
    no_elements,
    /// A file became shorter while it was transmitted.
    file_shrunk
};

/** The category of @ref error.

    @return A reference to an object with static storage duration.
*/
boost::system::error_category const& error_category() noexcept;

/// An error code of the library's own category.
inline boost::system::error_code make_error_code(error e) noexcept
{
    return {static_cast<int>(e), error_category()};
}

namespace detail {

/// Throws `boost::system::system_error`.
[[noreturn]] void throw_error(boost::system::error_code const& ec);
[[noreturn]] void throw_error(error e);

/// The same unless `ec` is success.
inline void throw_if(boost::system::error_code const& ec)
{
    if (ec)
    {
        throw_error(ec);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

namespace boost {
namespace system {

template<>
struct is_error_code_enum<opslot::error> : std::true_type
{};

} // namespace system
} // namespace boost

#endif
