#ifndef OPSLOT_DEMO_SERVER_HPP
#define OPSLOT_DEMO_SERVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cstddef>

#include "measure.hpp"
#include "workload.hpp"

namespace demo {

/// Serves until the other end of `control` is closed; see `meter`.
void serve_with_asio(workload const& w, int control);
void serve_with_opslot(workload const& w, int control);

/// What the sessions of one server have in common.
struct environment
{
    explicit environment(workload const& w)
        : load(w)
    {}

    workload const& load;
    work_done work;
};

/// State of more bytes than Asio keeps blocks for, such as a handler has
/// that carries a request through its stages.
struct large_state
{
    std::size_t requests = 0;
    std::array<char, 1100> text{};

    void note(char first) noexcept { text[requests++ % text.size()] = first; }
};

} // namespace demo

#endif
