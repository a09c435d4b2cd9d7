// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/stream_context.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

void stream_context::at_least(std::size_t n)
{
    check_idle();
    if (n == 0)
    {
        detail::throw_if(error::out_of_range);
    }
    transfer_.at_least = n;
}

} // namespace OPSLOT_ABI
} // namespace opslot
