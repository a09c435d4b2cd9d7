#ifndef OPSLOT_TEST_CONTRACT_RECEIVER_HPP
#define OPSLOT_TEST_CONTRACT_RECEIVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/stream_context.hpp>

#include <boost/asio/buffer.hpp>

#include <array>

#include "support/run.hpp"

namespace contract {

/// A context that receives one byte, into storage of its own, and counts the
/// calls of its handler.
struct receiver : support::counted<opslot::stream_context>
{
    std::array<char, 1> storage{};

    receiver() { this->buffer(boost::asio::buffer(storage)); }
};

} // namespace contract

#endif
