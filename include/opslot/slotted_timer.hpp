#ifndef OPSLOT_SLOTTED_TIMER_HPP
#define OPSLOT_SLOTTED_TIMER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The timers of Asio, with slots.
*/

#include <opslot/slotted.hpp>

#include <boost/asio/high_resolution_timer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/system_timer.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/// `asio::steady_timer` with a slot. @see slotted
using slotted_steady_timer = slotted<boost::asio::steady_timer>;

/// `asio::system_timer` with a slot. @see slotted
using slotted_system_timer = slotted<boost::asio::system_timer>;

/// `asio::high_resolution_timer` with a slot. @see slotted
using slotted_high_resolution_timer =
    slotted<boost::asio::high_resolution_timer>;

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
