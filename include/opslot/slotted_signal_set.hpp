#ifndef OPSLOT_SLOTTED_SIGNAL_SET_HPP
#define OPSLOT_SLOTTED_SIGNAL_SET_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted.hpp>

#include <boost/asio/signal_set.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

/// `asio::signal_set` with a slot. @see slotted
using slotted_signal_set = slotted<boost::asio::signal_set>;

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
