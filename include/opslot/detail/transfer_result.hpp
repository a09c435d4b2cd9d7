#ifndef OPSLOT_DETAIL_TRANSFER_RESULT_HPP
#define OPSLOT_DETAIL_TRANSFER_RESULT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the handlers of transfers are called with.
*/

#include <opslot/operation_context.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <tuple>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// The arguments of a handler that learns how many bytes went.
struct transfer_result
{
    std::tuple<boost::system::error_code, std::size_t>
    operator()(operation_context const& c) const
    {
        return {c.error(), c.bytes_transferred()};
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
