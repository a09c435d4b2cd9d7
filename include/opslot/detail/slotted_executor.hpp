#ifndef OPSLOT_DETAIL_SLOTTED_EXECUTOR_HPP
#define OPSLOT_DETAIL_SLOTTED_EXECUTOR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What is inside of an any_io_executor, as an executor that asks for memory.
*/

#include <opslot/config.hpp>
#include <opslot/detail/slotted_memory.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** Executes what an `any_io_executor` would, with the memory of a slot.

    `any_io_executor::execute` takes its memory from the heap, whatever the
    handler says. So the executors that sockets usually have are taken out, and
    execute in the memory of the slot. One type serves them all, because each
    type would compile every operation of every handler again.

    The usual executor is the one of the object's own `io_context`. Operations
    complete in its threads, where their handlers may be called directly, as
    Asio does: for it, this only names the memory. Others are kept in the slot,
    which they hold as long as a handler names them: one that goes another way
    gives the memory of its operation back first, and asks again for that of the
    way.

    Functions are executed where an operation of the object has completed, and
    only there. Outstanding work is not tracked for what was taken out, since
    that operation is pending on the same context. Any other executor tracks it
    from the beginning, unless it is the object's own, for which Asio does.
*/
class slotted_executor
{
    using any_executor = boost::asio::any_io_executor;
    using io_executor = boost::asio::io_context::executor_type;
    using strand = boost::asio::strand<io_executor>;

public:
    /// Unwraps an executor of a handler.
    ///
    /// @param home The context of the I/O object, or null if `executor` is the
    /// object's own.
    slotted_executor(
        slotted_memory& memory,
        any_executor const& executor,
        boost::asio::execution_context const* home)
        : memory_(&memory)
    {
        auto* const plain = executor.target<io_executor>();
        if (!plain || (home && home != &plain->context()))
            other_ = keep(memory, executor, home);
    }

    slotted_executor(slotted_executor const&) noexcept = default;
    slotted_executor(slotted_executor&&) noexcept = default;
    slotted_executor& operator=(slotted_executor const&) = delete;

    slotted_memory& memory() const noexcept { return *memory_; }

    template<class Function>
    void execute(Function&& function) const
    {
        if (!other_)
            std::decay_t<Function>(std::forward<Function>(function))();
        else if (auto* const on_strand = std::get_if<strand>(&other_->executor))
            boost::asio::prefer(
                *on_strand,
                boost::asio::execution::allocator(
                    slotted_allocator<void>(*memory_)))
                .execute(std::forward<Function>(function));
        else
            std::get_if<any_executor>(&other_->executor)
                ->execute(std::forward<Function>(function));
    }

    friend bool operator==(
        slotted_executor const& left, slotted_executor const& right) noexcept
    {
        return left.memory_ == right.memory_ && left.other_ == right.other_;
    }

    friend bool operator!=(
        slotted_executor const& left, slotted_executor const& right) noexcept
    {
        return !(left == right);
    }

private:
    struct other
    {
        slotted_memory& memory;
        std::variant<strand, any_executor> executor;
        std::atomic<std::size_t> references{0};
    };

    friend void intrusive_ptr_add_ref(other* o) noexcept
    {
        o->references.fetch_add(1, std::memory_order_relaxed);
    }

    friend void intrusive_ptr_release(other* o) noexcept
    {
        if (o->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
            drop(o);
    }

    using other_ptr = boost::intrusive_ptr<other>;

    static other_ptr keep(
        slotted_memory& memory,
        any_executor const& executor,
        boost::asio::execution_context const* home);
    static void drop(other* o) noexcept;

    slotted_memory* memory_;
    other_ptr other_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
