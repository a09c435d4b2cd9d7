#ifndef OPSLOT_CONTEXT_POOL_OPTIONS_HPP
#define OPSLOT_CONTEXT_POOL_OPTIONS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What a pool of contexts is told, and what it tells.
*/

#include <opslot/config.hpp>

#include <cstddef>
#include <cstdint>

namespace opslot {
inline namespace OPSLOT_ABI {

/// How many contexts a context_pool has.
struct context_pool_options
{
    /// The contexts that are built with the pool.
    std::size_t initial = 0;

    /// The most that it will ever have; 0: it grows whenever one is missing.
    std::size_t maximum = 0;
};

/// What a context_pool has done so far, taken at one moment.
struct context_pool_statistics
{
    /// Contexts that are referred to now.
    std::size_t in_use = 0;

    /// The most contexts that were referred to at one time.
    std::size_t peak = 0;

    /// The contexts that the pool has memory for.
    std::size_t capacity = 0;

    /// Calls of `async_acquire` that found no context and had to wait.
    std::uint64_t waits = 0;

    /// Those that wait now.
    std::size_t waiting = 0;
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
