#ifndef OPSLOT_DETAIL_DISPATCHER_HPP
#define OPSLOT_DETAIL_DISPATCHER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    How a completed operation reaches an executor on which the engine's
    turn does not already run.
*/

#include <opslot/config.hpp>
#include <opslot/detail/light_mutex.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/error.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The completed operations on their way to one executor.

    One function at a time is submitted to the executor, and it delivers
    all operations that are queued by then. So a context that is destroyed
    meanwhile is unlinked from the queue, and a strand costs one submission
    for a batch. If the executor drops the function, the queued operations
    are abandoned.
*/
class dispatcher
{
public:
    using operation_list = boost::intrusive::list<
        operation,
        boost::intrusive::base_hook<place_hook>,
        boost::intrusive::constant_time_size<false>>;

    /// @param home The context in whose turns handlers may run directly,
    /// or null if every one goes through the executor.
    explicit dispatcher(boost::asio::execution_context* home) noexcept
        : home_(home)
    {}

    dispatcher(dispatcher const&) = delete;
    dispatcher& operator=(dispatcher const&) = delete;

    // Sockets on a strand come and go, and each has one of these.

    static void* operator new(std::size_t size)
    {
        return operation_memory::process().allocate(size);
    }

    static void operator delete(void* p, std::size_t size) noexcept
    {
        operation_memory::process().deallocate(p, size);
    }

    /// True if handlers may run straight in a turn inside of `context`.
    bool is_home(boost::asio::execution_context const& context) const noexcept
    {
        return home_ == &context;
    }

    /// Keeps the executor's context from running out of work, from here
    /// until as many calls of `work_finished`.
    virtual void work_started() = 0;
    virtual void work_finished() noexcept = 0;

    /// Queues a completed operation, and submits if nothing is submitted.
    /// Handlers may run inside the call.
    void submit(operation& op);

    /// Takes a queued operation out. Returns false if it is not queued.
    bool withdraw(operation& op) noexcept;

protected:
    virtual ~dispatcher();

    /// The function that the executor runs.
    class delivery
    {
    public:
        using allocator_type = operation_memory_allocator<void>;

        explicit delivery(dispatcher_ptr d) noexcept
            : dispatcher_(std::move(d))
        {}

        delivery(delivery&& other) noexcept = default;
        delivery& operator=(delivery&&) = delete;

        ~delivery()
        {
            if (dispatcher_)
            {
                dispatcher_->abandon();
            }
        }

        allocator_type get_allocator() const noexcept
        {
            return allocator_type(operation_memory::process());
        }

        void operator()() { std::exchange(dispatcher_, {})->deliver(); }

    private:
        dispatcher_ptr dispatcher_;
    };

    /// Submits a delivery: as `asio::dispatch` the first time, as
    /// `asio::post` when a delivery leaves operations behind.
    virtual void schedule(delivery d, bool again) = 0;

private:
    friend void intrusive_ptr_add_ref(dispatcher* d) noexcept;
    friend void intrusive_ptr_release(dispatcher* d) noexcept;

    void deliver();
    void abandon() noexcept;

    std::atomic<std::size_t> references_{0};
    boost::asio::execution_context* home_;
    light_mutex mutex_;
    bool scheduled_ = false;
    operation_list queue_;
};

template<typename Executor>
class dispatcher_for final : public dispatcher
{
public:
    dispatcher_for(
        Executor const& executor, boost::asio::execution_context* home)
        : dispatcher(home)
        , executor_(executor)
    {}

    void work_started() override
    {
        std::lock_guard<light_mutex> lock(work_mutex_);
        if (work_count_++ == 0)
        {
            work_.emplace(boost::asio::prefer(
                executor_, boost::asio::execution::outstanding_work.tracked));
        }
    }

    void work_finished() noexcept override
    {
        std::lock_guard<light_mutex> lock(work_mutex_);
        if (--work_count_ == 0)
        {
            work_.reset();
        }
    }

private:
    using tracked_executor = std::decay_t<typename boost::asio::prefer_result<
        Executor const&,
        boost::asio::execution::outstanding_work_t::tracked_t>::type>;

    void schedule(delivery d, bool again) override
    {
        if (again)
        {
            boost::asio::post(executor_, std::move(d));
        }
        else
        {
            boost::asio::dispatch(executor_, std::move(d));
        }
    }

    Executor executor_;
    light_mutex work_mutex_;
    std::size_t work_count_ = 0;
    std::optional<tracked_executor> work_;
};

/// An executor that runs everything at once in the calling thread. It
/// stands for "no associated executor", and it is what the engine's own
/// handlers are bound to.
class inline_executor
{
public:
    explicit inline_executor(
        boost::asio::execution_context* context = nullptr) noexcept
        : context_(context)
    {}

    boost::asio::execution_context&
    query(boost::asio::execution::context_t) const noexcept
    {
        return *context_;
    }

    static constexpr boost::asio::execution::blocking_t
    query(boost::asio::execution::blocking_t) noexcept
    {
        return boost::asio::execution::blocking.always;
    }

    template<typename Function>
    void execute(Function&& f) const
    {
        std::decay_t<Function>(std::forward<Function>(f))();
    }

    friend bool operator==(inline_executor a, inline_executor b) noexcept
    {
        return a.context_ == b.context_;
    }

    friend bool operator!=(inline_executor a, inline_executor b) noexcept
    {
        return !(a == b);
    }

private:
    boost::asio::execution_context* context_;
};

/// What a type-erased executor holds, as far as it matters here.
template<typename Executor>
struct executor_traits
{
    /// True for the executors on whose threads an engine takes its turns.
    static constexpr bool is_plain =
        std::is_same_v<Executor, boost::asio::io_context::executor_type> ||
        std::is_same_v<Executor, boost::asio::thread_pool::executor_type>;
};

template<typename Executor, typename = void>
struct leads_to_execution_context : std::false_type
{};

template<typename Executor>
struct leads_to_execution_context<
    Executor,
    std::enable_if_t<boost::asio::can_query_v<
        Executor const&,
        boost::asio::execution::context_t>>>
    : std::is_convertible<
          decltype(boost::asio::query(
              std::declval<Executor const&>(),
              boost::asio::execution::context)),
          boost::asio::execution_context&>
{};

/// The execution context that an executor leads to.
/// @throws boost::system::system_error `error::no_execution_context`.
template<typename Executor>
boost::asio::execution_context& context_of(Executor const& executor)
{
    if constexpr (leads_to_execution_context<Executor>::value)
    {
        if constexpr (std::is_constructible_v<bool, Executor const&>)
        {
            // A type-erased executor may have nothing inside.
            if (!executor)
            {
                throw_error(error::no_execution_context);
            }
        }
        return boost::asio::query(executor, boost::asio::execution::context);
    }
    else
    {
        (void)executor;
        throw_error(error::no_execution_context);
    }
}

/// The `io_context` whose threads the executor uses, or null if unknown.
template<typename Executor>
boost::asio::io_context* io_context_of(Executor const& executor) noexcept
{
    using io_executor = boost::asio::io_context::executor_type;
    if constexpr (std::is_same_v<Executor, io_executor>)
    {
        return &executor.context();
    }
    else if constexpr (std::is_same_v<
                           Executor,
                           boost::asio::strand<io_executor>>)
    {
        return &executor.get_inner_executor().context();
    }
    else if constexpr (std::is_same_v<Executor, boost::asio::any_io_executor>)
    {
        if (auto* plain = executor.template target<io_executor>())
        {
            return io_context_of(*plain);
        }
        if (auto* strand =
                executor.template target<boost::asio::strand<io_executor>>())
        {
            return io_context_of(*strand);
        }
    }
    return nullptr;
}

/** The way to an executor, unwrapped once.

    @return Null if `executor` is the plain executor of an execution
    context, where handlers run straight in the engine's turn and
    `keep_plain` is false.

    @throws boost::system::system_error `error::no_execution_context`.
*/
template<typename Executor>
dispatcher_ptr
make_dispatcher(Executor const& executor, bool keep_plain = false)
{
    using boost::asio::any_io_executor;
    using io_executor = boost::asio::io_context::executor_type;
    using pool_executor = boost::asio::thread_pool::executor_type;
    if constexpr (std::is_same_v<Executor, any_io_executor>)
    {
        if (auto* p = executor.template target<io_executor>())
        {
            return make_dispatcher(*p, keep_plain);
        }
        if (auto* p = executor.template target<pool_executor>())
        {
            return make_dispatcher(*p, keep_plain);
        }
        if (auto* p =
                executor.template target<boost::asio::strand<io_executor>>())
        {
            return make_dispatcher(*p, keep_plain);
        }
        if (auto* p =
                executor.template target<boost::asio::strand<pool_executor>>())
        {
            return make_dispatcher(*p, keep_plain);
        }
        return new dispatcher_for<Executor>(executor, nullptr);
    }
    else if constexpr (executor_traits<Executor>::is_plain)
    {
        if (!keep_plain)
        {
            return nullptr;
        }
        return new dispatcher_for<Executor>(executor, &context_of(executor));
    }
    else if constexpr (leads_to_execution_context<Executor>::value)
    {
        return new dispatcher_for<Executor>(executor, nullptr);
    }
    else
    {
        throw_error(error::no_execution_context);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
