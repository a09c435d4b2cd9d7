#ifndef OPSLOT_DEMO_SYSTEM_CALLS_HPP
#define OPSLOT_DEMO_SYSTEM_CALLS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstdint>

namespace demo {

/// How many system calls of input and output this process has made, through
/// the functions of the C library. What the kernel does to put a thread to
/// sleep and to wake it is not among them.
std::uint64_t system_calls() noexcept;

} // namespace demo

#endif
