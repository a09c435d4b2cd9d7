// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What libFuzzer calls with inputs of its own: see world.hpp.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "fuzz/world.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t n)
{
    try
    {
        fuzz::world(data, n).run();
    }
    catch (fuzz::no_connection const&)
    {
        // No matter of the input, which is not kept.
        return -1;
    }
    catch (std::exception const& e)
    {
        std::fprintf(stderr, "fuzz: %s\n", e.what());
        std::abort();
    }
    return 0;
}
