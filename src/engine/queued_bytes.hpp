#ifndef OPSLOT_ENGINE_QUEUED_BYTES_HPP
#define OPSLOT_ENGINE_QUEUED_BYTES_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/operation.hpp>
#include <opslot/detail/transmit_request.hpp>

#include <cstddef>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// How many bytes an operation sends; the files of a transmission are open.
inline std::size_t bytes_to_send(operation const& op) noexcept
{
    if (op.kind == operation_kind::send)
    {
        return static_cast<transfer_request const*>(op.request)->total();
    }
    std::size_t sum = 0;
    if (op.kind == operation_kind::transmit)
    {
        auto const& r = *static_cast<transmit_request const*>(op.request);
        for (std::size_t i = 0; i != r.count; ++i)
        {
            sum += static_cast<std::size_t>(r.parts[i].size);
        }
    }
    return sum;
}

/// How many of them the system has taken.
inline std::size_t bytes_sent(operation const& op) noexcept
{
    switch (op.kind)
    {
    case operation_kind::send:
        return op.bytes_transferred;
    case operation_kind::transmit:
        return static_cast<std::size_t>(
            static_cast<transmit_request const*>(op.request)
                ->progress.load(std::memory_order_relaxed));
    default:
        return 0;
    }
}

/// Whether it waits until at most so many bytes are queued.
inline bool is_queue_wait(operation const& op, std::size_t queued) noexcept
{
    if (op.kind != operation_kind::wait)
    {
        return false;
    }
    auto const& r = *static_cast<wait_request const*>(op.request);
    return r.which == wait_request::queued && queued <= r.mark;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
