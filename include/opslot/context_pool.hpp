#ifndef OPSLOT_CONTEXT_POOL_HPP
#define OPSLOT_CONTEXT_POOL_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A pool of contexts.
*/

#include <opslot/context_pool_options.hpp>
#include <opslot/context_ptr.hpp>
#include <opslot/detail/context_pool_core.hpp>
#include <opslot/detail/token_operation.hpp>
#include <opslot/operation_context.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// Where a context of type `T` is in its block, and how it returns there.
template<typename T>
struct pooled_context
{
    static constexpr std::size_t offset =
        (sizeof(context_block) + alignof(T) - 1) / alignof(T) * alignof(T);

    static void* address(context_block& block) noexcept
    {
        return reinterpret_cast<unsigned char*>(&block) + offset;
    }

    static T* get(context_block& block) noexcept
    {
        return std::launder(static_cast<T*>(address(block)));
    }

    static void recycle(operation_context* c) noexcept
    {
        bool const is_disposed = c->is_disposed();
        auto* const at = reinterpret_cast<unsigned char*>(static_cast<T*>(c));
        auto& block = *reinterpret_cast<context_block*>(at - offset);
        block.pool->put_back(block, is_disposed);
    }
};

template<typename T, typename Initialize, typename... Arguments>
class context_builder_for final : public context_builder
{
public:
    context_builder_for(Initialize&& initialize, Arguments&&... arguments)
        : initialize_(std::move(initialize))
        , arguments_(std::move(arguments)...)
    {}

    void build(context_block& block) override
    {
        T* const context = std::apply(
            [&](Arguments const&... arguments) {
                return ::new (pooled_context<T>::address(block))
                    T(arguments...);
            },
            arguments_);
        try
        {
            if constexpr (std::is_invocable_v<Initialize&, T&, std::size_t>)
            {
                initialize_(*context, block.index);
            }
            else
            {
                initialize_(*context);
            }
        }
        catch (...)
        {
            context->~T();
            throw;
        }
        context_access::own(*context, &pooled_context<T>::recycle);
    }

    void destroy(context_block& block) noexcept override
    {
        pooled_context<T>::get(block)->~T();
    }

    std::size_t bytes() const noexcept override
    {
        return pooled_context<T>::offset + sizeof(T);
    }

    std::size_t alignment() const noexcept override
    {
        return (std::max)(alignof(context_block), alignof(T));
    }

private:
    Initialize initialize_;
    std::tuple<Arguments...> arguments_;
};

/// The allocator of the record of an acquisition.
template<typename Record, typename Handler>
auto acquisition_allocator(operation_memory& m, Handler const& handler) noexcept
{
    using associated = boost::asio::associated_allocator_t<Handler>;
    if constexpr (is_standard_allocator<associated>::value)
    {
        return operation_memory_allocator<Record>(m);
    }
    else
    {
        return
            typename std::allocator_traits<associated>::template rebind_alloc<
                Record>(boost::asio::get_associated_allocator(handler));
    }
}

/// The record of an `async_acquire`.
template<typename T, typename Handler>
class context_acquisition final : public context_waiter
{
    using executor_type = boost::asio::any_io_executor;
    using target_type = completion_target<Handler, executor_type>;

public:
    using allocator_type = decltype(acquisition_allocator<context_acquisition>(
        std::declval<operation_memory&>(), std::declval<Handler const&>()));

    context_acquisition(
        allocator_type const& allocator,
        Handler&& handler,
        executor_type const& executor)
        : context_waiter(&context_acquisition::on_finish)
        , target_(std::move(handler), executor)
        , allocator_(allocator)
    {}

    Handler const& handler() const noexcept { return target_.handler(); }

    struct deleter
    {
        void operator()(context_acquisition* record) const noexcept
        {
            delete_record(record, allocator_type(record->allocator_));
        }
    };

    using pointer = std::unique_ptr<context_acquisition, deleter>;

    static pointer make(
        context_pool_core& core,
        Handler& handler,
        executor_type const& executor)
    {
        allocator_type allocator =
            acquisition_allocator<context_acquisition>(core.memory(), handler);
        using traits = std::allocator_traits<allocator_type>;

        struct memory_guard
        {
            allocator_type& allocator;
            context_acquisition* memory;

            ~memory_guard()
            {
                if (memory)
                {
                    traits::deallocate(allocator, memory, 1);
                }
            }
        } guard{allocator, traits::allocate(allocator, 1)};

        pointer record(
            ::new (static_cast<void*>(guard.memory))
                context_acquisition(allocator, std::move(handler), executor));
        guard.memory = nullptr;
        return record;
    }

private:
    static void on_finish(context_waiter* waiter, bool deliver)
    {
        auto* const self = static_cast<context_acquisition*>(waiter);
        target_type target(std::move(self->target_));
        boost::system::error_code ec = self->error;
        context_block* const block = self->block;
        delete_record(self, allocator_type(self->allocator_));
        context_ptr<T> context;
        if (block)
        {
            if (!deliver)
            {
                block->pool->put_back(*block, false);
            }
            else if (block->is_built || build(*block, ec))
            {
                context.reset(pooled_context<T>::get(*block));
            }
        }
        if (deliver)
        {
            target(std::make_tuple(ec, std::move(context)));
        }
    }

    static bool build(context_block& block, boost::system::error_code& ec)
    {
        try
        {
            block.pool->build(block);
            return true;
        }
        catch (boost::system::system_error const& e)
        {
            ec = e.code();
        }
        catch (std::bad_alloc const&)
        {
            ec = boost::asio::error::no_memory;
        }
        catch (...)
        {
            ec = boost::asio::error::fault;
        }
        return false;
    }

    target_type target_;
    allocator_type allocator_;
};

/// What a cancellation slot keeps: it finds its acquisition by key, so an
/// emission after the completion finds nothing.
class acquisition_canceller
{
public:
    explicit acquisition_canceller(context_pool_core& core) noexcept
        : core_(&core)
    {}

    void operator()(boost::asio::cancellation_type_t type)
    {
        if (type != boost::asio::cancellation_type::none)
        {
            core_->cancel(this);
        }
    }

private:
    boost::intrusive_ptr<context_pool_core> core_;
};

} // namespace detail

/** A pool of contexts of one type.

    Contexts are built once and then used again and again: with the last
    @ref context_ptr to one, which may be that of a pending operation, it
    returns to the pool. It keeps its settings (handler, buffer, timeout)
    from one use to the next, so what all uses have in common is set where
    the contexts are initialized. What a setting refers to must live as long:
    whoever sets a handler that captures a session, or `keep_alive`, for one
    use sets it for each.

    A context that was disposed does not return: it is destroyed, and its
    place is built and initialized anew when it is next acquired.

    The pool may go before its contexts. Acquisitions that wait complete
    with `operation_aborted` then, and each context goes with its last
    reference. The execution context of the executor may go before the pool:
    the handlers of acquisitions that wait are destroyed without being
    called, as those of any operation.

    @tparam T A context, or a class derived from one.

    @par Thread safety
    Distinct objects: safe. Shared objects: safe, except construction and
    destruction. The last reference to a context may be dropped on any
    thread.

    @par Cost
    Memory comes from the heap in chunks, by the constructor and whenever
    the pool grows, and stays until the pool and all its contexts are gone.
    Acquiring a context and dropping it is a lock each, no allocation.

    @par Example
    @snippet test/operations/context_pool.cpp pool

    @see buffer_slab for how each context gets a buffer of its own.
*/
template<typename T>
class context_pool
{
    static_assert(
        std::is_convertible_v<T*, operation_context*>,
        "context_pool has types that are derived from operation_context");

    struct no_initialization
    {
        void operator()(T&) const noexcept {}
    };

    template<typename ExecutionContext>
    using enable_if_execution_context = std::enable_if_t<
        std::is_convertible_v<
            ExecutionContext&,
            boost::asio::execution_context&>,
        int>;

    using default_token = boost::asio::default_completion_token<
        boost::asio::any_io_executor>::type;
    using signature = void(boost::system::error_code, opslot::context_ptr<T>);

public:
    /// The type of the contexts.
    using context_type = T;
    /// The type of the executor.
    using executor_type = boost::asio::any_io_executor;

    /// A pool of contexts that are built without an argument.
    explicit context_pool(
        executor_type const& executor, context_pool_options options = {})
        : context_pool(executor, options, no_initialization())
    {}

    /// A pool of contexts that are built without an argument.
    template<
        typename ExecutionContext,
        enable_if_execution_context<ExecutionContext> = 0>
    explicit context_pool(
        ExecutionContext& context, context_pool_options options = {})
        : context_pool(
              executor_type(context.get_executor()),
              options,
              no_initialization())
    {}

    /** A pool of contexts that are initialized.

        @param executor Where acquisitions complete.

        @param options How many contexts are built now, and the most there
        will be. Memory for later ones is taken when one is missing.

        @param initialize Called once for each new context, as
        `initialize(context, index)` or `initialize(context)`. `index` is
        the number of the context's place, less than `maximum` if there is
        one; a context that takes the place of a disposed one has its
        number. It must not start an operation and must not use the pool. It
        is called by one thread at a time.

        @param arguments Copied into the pool; each context is constructed
        with them, as const references.

        @throws boost::system::system_error `asio::error::invalid_argument`
        if `initial` is more than `maximum`; `error::no_execution_context`.
        @throws std::bad_alloc, and what building a context throws.

        @par Exception safety
        Strong.
    */
    template<typename Initialize, typename... Arguments>
    context_pool(
        executor_type const& executor,
        context_pool_options options,
        Initialize initialize,
        Arguments... arguments)
        : core_(detail::context_pool_core::create(
              executor,
              options,
              std::make_unique<
                  detail::context_builder_for<T, Initialize, Arguments...>>(
                  std::move(initialize), std::move(arguments)...)))
    {}

    /// The same, with the executor of an execution context.
    template<
        typename ExecutionContext,
        typename Initialize,
        typename... Arguments,
        enable_if_execution_context<ExecutionContext> = 0>
    context_pool(
        ExecutionContext& context,
        context_pool_options options,
        Initialize initialize,
        Arguments... arguments)
        : context_pool(
              executor_type(context.get_executor()),
              options,
              std::move(initialize),
              std::move(arguments)...)
    {}

    context_pool(context_pool const&) = delete;
    context_pool& operator=(context_pool const&) = delete;

    /// Acquisitions that wait complete with `operation_aborted`, not inside
    /// the destructor.
    ~context_pool() { core_->close(); }

    /// Where acquisitions complete; an empty executor once its execution
    /// context is gone.
    executor_type get_executor() const { return core_->executor(); }

    /** Gives a context, if there is one.

        @return Null if the pool has its maximum of contexts and all are in
        use.

        @par Exception safety
        Strong. Throws `std::bad_alloc` if the pool cannot grow, and what
        building a context throws, if one has to be built.

        @par Cost
        A lock for some twenty instructions, if the pool need not grow.
    */
    [[nodiscard]] context_ptr<T> try_acquire()
    {
        detail::context_block* const block = core_->try_acquire();
        return context_ptr<T>(
            block ? detail::pooled_context<T>::get(*block) : nullptr);
    }

    /** Gives a context, and waits for one while there is none.

        Those that wait are served in the order of their calls, each by one
        context that returns. So a server that acquires a context before it
        accepts a connection or a request takes no more than it can serve.

        @par Completion Signature
        @code void(boost::system::error_code, context_ptr<T>) @endcode

        @par Completion
        On the pool's executor, or the one that is associated with the
        handler, and never inside this call. With a context, or with:
        @li `asio::error::operation_aborted`: cancelled, or the pool is gone
        @li `asio::error::no_memory`: the pool cannot grow
        @li if a context had to be built and that failed: the code of a
            `boost::system::system_error`, `no_memory` for `std::bad_alloc`,
            `asio::error::fault` for another exception

        @par Per-Operation Cancellation
        `terminal`, `partial`, `total`. It takes time linear in the number
        of those that wait.

        @par Cost
        Memory from the handler's associated allocator, or from operation
        memory where that is `std::allocator`.
    */
    template<typename CompletionToken = default_token>
    auto async_acquire(CompletionToken&& token = default_token())
    {
        return boost::asio::async_initiate<CompletionToken, signature>(
            initiate_acquire{*core_}, token);
    }

    /// The figures up to now.
    context_pool_statistics statistics() const noexcept
    {
        return core_->statistics();
    }

private:
    struct initiate_acquire
    {
        using executor_type = boost::asio::any_io_executor;

        detail::context_pool_core& core;

        executor_type get_executor() const { return core.executor(); }

        template<typename Handler>
        void operator()(Handler&& handler) const
        {
            using record_type =
                detail::context_acquisition<T, std::decay_t<Handler>>;
            std::decay_t<Handler> copy(std::forward<Handler>(handler));
            auto record = record_type::make(core, copy, core.executor());
            auto slot = boost::asio::get_associated_cancellation_slot(
                record->handler());
            if (slot.is_connected())
            {
                record->key =
                    &slot.template emplace<detail::acquisition_canceller>(core);
            }
            core.acquire(*record);
            record.release();
        }
    };

    detail::context_pool_core* const core_;
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
