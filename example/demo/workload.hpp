#ifndef OPSLOT_DEMO_WORKLOAD_HPP
#define OPSLOT_DEMO_WORKLOAD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstddef>
#include <string>
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
    /// Sends it back, and waits for each request only so long.
    deadline,
    /// Sends it back several times, each by an operation of its own.
    replies,
    /// Sends it to all peers.
    broadcast,
    /// Sends a file.
    file,
    /// Sends it back, by UDP.
    datagrams,
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
    std::size_t request_bytes;
    /// The size of what the server sends for one message.
    std::size_t message_bytes;
    /// How much the server receives, or reads from a file, at a time.
    std::size_t buffer_bytes;
    /// What to know about the figures.
    std::string_view note;
};

extern std::array<workload, 10> const workloads;

/// Bytes without an order, the same ones every time.
std::string noise(std::size_t size);

} // namespace demo

#endif
