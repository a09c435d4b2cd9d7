#ifndef OPSLOT_BENCH_PATTERN_HPP
#define OPSLOT_BENCH_PATTERN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

/// Bytes without an order, the same ones every time.
inline std::string pattern(std::size_t bytes)
{
    std::string text(bytes, '\0');
    std::uint32_t state = 1;
    for (char& c : text)
    {
        state = state * 1664525u + 1013904223u;
        c = static_cast<char>(state >> 24);
    }
    return text;
}

} // namespace bench

#endif
