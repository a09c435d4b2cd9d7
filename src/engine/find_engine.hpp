#ifndef OPSLOT_ENGINE_FIND_ENGINE_HPP
#define OPSLOT_ENGINE_FIND_ENGINE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/operation.hpp>

#include <boost/asio/execution_context.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// The engine of an execution context, or null if it has none yet.
engine* find_engine(boost::asio::execution_context& context) noexcept;

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
