// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Loaded before a server by LD_PRELOAD, so that the functions which count
// stand before those of the C library. A server finds the sum by its name.

#include "system_calls.hpp"

extern "C" std::uint64_t opslot_bench_system_calls() noexcept
{
    return demo::system_calls();
}
