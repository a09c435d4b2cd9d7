// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/engine.hpp>
#include <opslot/diagnostics.hpp>

#include "engine/find_engine.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {

diagnostics_report diagnostics(boost::asio::execution_context& context) noexcept
{
    if (detail::engine* const e = detail::find_engine(context))
    {
        return detail::report_of(*e);
    }
    return {};
}

} // namespace OPSLOT_ABI
} // namespace opslot
