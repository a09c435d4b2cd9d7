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

namespace {

using any_executor = boost::asio::any_io_executor;
using io_executor = boost::asio::io_context::executor_type;

/// Whether a strand may be taken out of, and tracks no work.
bool is_at_home(
    boost::asio::strand<any_executor> const& executor,
    boost::asio::execution_context const* home) noexcept
{
    auto const inner = executor.get_inner_executor();
    auto* const plain = inner.target<io_executor>();
    return plain && (!home || home == &plain->context());
}

} // namespace

slotted_executor::other_ptr slotted_executor::keep(
    slotted_memory& memory,
    any_executor const& executor,
    boost::asio::execution_context const* home)
{
    auto* const on_strand = executor.target<strand>();
    if (on_strand && (!home || home == &on_strand->context()))
        return keep(memory, kept_executor(*on_strand));
    auto* const on_any = executor.target<any_strand>();
    if (on_any && is_at_home(*on_any, home))
        return keep(memory, kept_executor(taken_out_strand(*on_any)));
    if (!home)
        return keep(memory, kept_executor(executor));
    return keep(
        memory,
        kept_executor(boost::asio::prefer(
            executor, boost::asio::execution::outstanding_work.tracked)));
}

slotted_executor::other_ptr slotted_executor::keep(
    slotted_memory& memory,
    any_strand const& executor,
    boost::asio::execution_context const* home)
{
    return is_at_home(executor, home)
               ? keep(memory, kept_executor(taken_out_strand(executor)))
               : keep(memory, any_executor(executor), home);
}

slotted_executor::other_ptr
slotted_executor::keep(slotted_memory& memory, kept_executor&& executor)
{
    void* const storage = memory.allocate(sizeof(other), alignof(other));
    return other_ptr(::new (storage) other{memory, std::move(executor)});
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
