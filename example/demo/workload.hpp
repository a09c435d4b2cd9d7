#ifndef OPSLOT_DEMO_WORKLOAD_HPP
#define OPSLOT_DEMO_WORKLOAD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstddef>
#include <string_view>

namespace demo {

enum class library
{
    asio,
    opslot
};

std::string_view name_of(library l) noexcept;

/// What the server does with a request.
enum class traffic
{
    /// Sends it back.
    echo,
    /// Sends it back from another thread.
    worker,
    /// Sends it back, by handlers that carry much state.
    large_handler,
    /// Sends it to all peers.
    broadcast,
    /// Answers by HTTP.
    http
};

struct workload
{
    std::string_view name;
    traffic kind;
    std::size_t peers;
    /// How many requests of one peer are on their way.
    std::size_t outstanding;
    /// The size of what the server sends for one message.
    std::size_t message_bytes;
    /// How much the server receives at a time.
    std::size_t buffer_bytes;
    /// What to know about the figures.
    std::string_view note;
};

extern std::array<workload, 6> const workloads;

} // namespace demo

#endif
