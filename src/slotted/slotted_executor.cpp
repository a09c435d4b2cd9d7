// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/slotted_executor.hpp>

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <new>
#include <utility>
#include <variant>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

slotted_executor::other_ptr slotted_executor::keep(
    slotted_memory& memory,
    any_executor const& executor,
    boost::asio::execution_context const* home)
{
    auto const copy = [&]() -> std::variant<strand, any_executor> {
        auto* const on_strand = executor.target<strand>();
        if (on_strand && (!home || home == &on_strand->context()))
            return *on_strand;
        if (!home)
            return executor;
        return boost::asio::prefer(
            executor, boost::asio::execution::outstanding_work.tracked);
    };
    auto kept = copy();
    void* const storage = memory.allocate(sizeof(other), alignof(other));
    return other_ptr(::new (storage) other{memory, std::move(kept)});
}

void slotted_executor::drop(other* o) noexcept
{
    slotted_memory& memory = o->memory;
    o->~other();
    memory.deallocate(o, sizeof(other), alignof(other));
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
