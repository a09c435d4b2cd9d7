// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/engine.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/operation_memory.hpp>

#include "engine/find_engine.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {

diagnostics_report diagnostics(boost::asio::execution_context& context) noexcept
{
    diagnostics_report report;
    if (detail::engine* const e = detail::find_engine(context))
    {
        report = detail::report_of(*e);
    }
    if (operation_memory const* const memory = operation_memory::find(context))
    {
        operation_memory_statistics const figures = memory->statistics();
        report.memory_blocks = figures.in_use;
        report.memory_blocks_peak = figures.peak;
        report.memory_bytes = figures.bytes_reserved;
        report.memory_heap_requests =
            figures.heap_allocations + figures.growths;
        report.overflows = figures.overflows;
    }
    return report;
}

} // namespace OPSLOT_ABI
} // namespace opslot
