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

/** The executor of an `io_context` that an `any_io_executor` holds.

    It is made of that one without a cast, as Asio asks of the executors of two
    strands that are the same strand.
*/
class taken_out_executor : public boost::asio::io_context::executor_type
{
    using base = boost::asio::io_context::executor_type;

public:
    // Implicit, see above. `executor` holds one. Not of what converts to an
    // any_io_executor, as this class does itself.
    template<
        class Executor,
        std::enable_if_t<
            std::is_same_v<Executor, boost::asio::any_io_executor>,
            int> = 0>
    taken_out_executor(Executor const& executor) noexcept
        : base(*executor.template target<base>())
    {}
};

/** Executes what an `any_io_executor` would, with the memory of a slot.

    `any_io_executor::execute` takes its memory from the heap, whatever the
    handler says. So the executors that sockets usually have are taken out, and
    execute in the memory of the slot. One type serves them all, because each
    type would compile every operation of every handler again.

    A strand over an `any_io_executor` is such an executor as well, by itself
    or in another one: it takes memory for each function, and again each time
    that threads contend for it. The same strand over what is inside does not.

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
    using any_strand = boost::asio::strand<any_executor>;
    using taken_out_strand = boost::asio::strand<taken_out_executor>;

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

    /// The same of a strand.
    slotted_executor(
        slotted_memory& memory,
        any_strand const& executor,
        boost::asio::execution_context const* home)
        : memory_(&memory)
        , other_(keep(memory, executor, home))
    {}

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
            execute_here(*on_strand, std::forward<Function>(function));
        else if (
            auto* const taken_out =
                std::get_if<taken_out_strand>(&other_->executor))
            execute_here(*taken_out, std::forward<Function>(function));
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
    using kept_executor = std::variant<strand, taken_out_strand, any_executor>;

    struct other
    {
        slotted_memory& memory;
        kept_executor executor;
        std::atomic<std::size_t> references{0};
    };

    /// Executes in the memory of the slot.
    template<class Executor, class Function>
    void execute_here(Executor const& executor, Function&& function) const
    {
        boost::asio::prefer(
            executor,
            boost::asio::execution::allocator(
                slotted_allocator<void>(*memory_)))
            .execute(std::forward<Function>(function));
    }

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
    static other_ptr keep(
        slotted_memory& memory,
        any_strand const& executor,
        boost::asio::execution_context const* home);
    static other_ptr keep(slotted_memory& memory, kept_executor&& executor);
    static void drop(other* o) noexcept;

    slotted_memory* memory_;
    other_ptr other_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
