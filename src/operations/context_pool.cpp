// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/context_pool.hpp>
#include <opslot/detail/context_pool_core.hpp>
#include <opslot/detail/dispatcher.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <limits>
#include <new>
#include <optional>
#include <type_traits>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

// So that contexts in use on different threads do not share a cache line.
constexpr std::size_t smallest_alignment = 64;

// A pool doubles when it grows, from here on.
constexpr std::size_t smallest_growth = 8;

// No heap has more, and libstdc++ (12) rounds a size near the maximum up to
// the alignment without looking.
constexpr std::size_t largest_object_bytes =
    static_cast<std::size_t>((std::numeric_limits<std::ptrdiff_t>::max)());

std::size_t block_alignment(context_builder const& builder) noexcept
{
    return (std::max)(smallest_alignment, builder.alignment());
}

std::size_t block_bytes(context_builder const& builder) noexcept
{
    std::size_t const alignment = block_alignment(builder);
    return (builder.bytes() + alignment - 1) / alignment * alignment;
}

// Which waiter this thread is submitting. If that fails, the function goes
// and the waiter stays.
thread_local context_waiter* submitted = nullptr;

} // namespace

/// The function that the executor runs: it finishes one waiter.
struct context_completion
{
    using allocator_type = operation_memory_allocator<void>;

    context_completion(context_waiter& w, operation_memory& m) noexcept
        : waiter(&w)
        , memory(&m)
    {}

    context_completion(context_completion&& other) noexcept
        : waiter(std::exchange(other.waiter, nullptr))
        , memory(other.memory)
    {}

    context_completion& operator=(context_completion&&) = delete;

    ~context_completion()
    {
        if (waiter && waiter != submitted)
        {
            waiter->finish(waiter, false);
        }
    }

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(*memory);
    }

    void operator()()
    {
        context_waiter* const w = std::exchange(waiter, nullptr);
        w->finish(w, true);
    }

    context_waiter* waiter;
    operation_memory* memory;
};

class context_pool_executor
{
public:
    virtual ~context_pool_executor() = default;
    virtual boost::asio::any_io_executor get() const = 0;
    virtual void post(context_completion&& completion) = 0;
    /// Whether the executor's context is kept from running out of work.
    virtual void hold_work(bool on) = 0;
};

namespace {

template<typename Executor>
class pool_executor_for final : public context_pool_executor
{
public:
    explicit pool_executor_for(Executor const& executor)
        : executor_(executor)
    {}

    boost::asio::any_io_executor get() const override { return executor_; }

    void post(context_completion&& completion) override
    {
        boost::asio::post(executor_, std::move(completion));
    }

    void hold_work(bool on) override
    {
        if (!on)
        {
            work_.reset();
        }
        else if (!work_)
        {
            work_.emplace(boost::asio::prefer(
                executor_, boost::asio::execution::outstanding_work.tracked));
        }
    }

private:
    using tracked_executor = std::decay_t<typename boost::asio::prefer_result<
        Executor const&,
        boost::asio::execution::outstanding_work_t::tracked_t>::type>;

    Executor executor_;
    std::optional<tracked_executor> work_;
};

template<typename Executor>
bool unwrap(
    boost::asio::any_io_executor const& executor,
    std::unique_ptr<context_pool_executor>& result)
{
    if (auto* const target = executor.target<Executor>())
    {
        result = std::make_unique<pool_executor_for<Executor>>(*target);
        return true;
    }
    return false;
}

// A type-erased executor takes the memory of what it runs from the heap,
// whatever allocator the function has.
std::unique_ptr<context_pool_executor>
make_pool_executor(boost::asio::any_io_executor const& executor)
{
    using io_executor = boost::asio::io_context::executor_type;
    using pool_executor = boost::asio::thread_pool::executor_type;
    std::unique_ptr<context_pool_executor> result;
    if (!unwrap<io_executor>(executor, result) &&
        !unwrap<pool_executor>(executor, result) &&
        !unwrap<boost::asio::strand<io_executor>>(executor, result) &&
        !unwrap<boost::asio::strand<pool_executor>>(executor, result))
    {
        result =
            std::make_unique<pool_executor_for<boost::asio::any_io_executor>>(
                executor);
    }
    return result;
}

boost::asio::execution_context&
checked_context(boost::asio::any_io_executor const& executor)
{
    if (!executor)
    {
        throw_if(error::no_execution_context);
    }
    return context_of(executor);
}

} // namespace

/// Tells the pools of an execution context that it goes.
class context_pool_core::service final
    : public boost::asio::execution_context::service
{
public:
    static boost::asio::execution_context::id id;

    explicit service(boost::asio::execution_context& context)
        : boost::asio::execution_context::service(context)
    {}

    void add(context_pool_core& core) noexcept
    {
        std::lock_guard<std::mutex> lock(mutex_);
        cores_.push_back(core);
    }

    void remove(context_pool_core& core) noexcept
    {
        std::lock_guard<std::mutex> lock(mutex_);
        cores_.erase(cores_.iterator_to(core));
    }

private:
    // A handler that is destroyed here may have the last reference to a
    // pool, also to one that comes later in the list.
    void shutdown() noexcept override
    {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!cores_.empty())
        {
            context_pool_core& core = cores_.front();
            cores_.pop_front();
            lock.unlock();
            core.abandon();
            lock.lock();
        }
    }

    std::mutex mutex_;
    boost::intrusive::list<context_pool_core> cores_;
};

boost::asio::execution_context::id context_pool_core::service::id;

context_pool_core* context_pool_core::create(
    boost::asio::any_io_executor const& executor,
    context_pool_options const& options,
    std::unique_ptr<context_builder> builder)
{
    if (options.maximum != 0 && options.initial > options.maximum)
    {
        throw_if(boost::asio::error::invalid_argument);
    }
    auto* const core =
        new context_pool_core(executor, options, std::move(builder));
    try
    {
        if (options.initial != 0)
        {
            core->grow(options.initial);
            core->fill();
        }
    }
    catch (...)
    {
        core->close();
        throw;
    }
    return core;
}

context_pool_core::context_pool_core(
    boost::asio::any_io_executor const& executor,
    context_pool_options const& options,
    std::unique_ptr<context_builder> builder)
    : memory_(&operation_memory::of(checked_context(executor)))
    , builder_(std::move(builder))
    , maximum_(
          options.maximum != 0 ? options.maximum
                               : (std::numeric_limits<std::size_t>::max)())
    , executor_(make_pool_executor(executor))
{
    auto& s = boost::asio::use_service<service>(context_of(executor));
    s.add(*this);
    service_ = &s;
}

context_pool_core::~context_pool_core()
{
    while (chunk* const c = chunks_)
    {
        chunks_ = c->next;
        ::operator delete(
            static_cast<void*>(c), std::align_val_t(c->alignment));
    }
}

/// Builds a context in each raw block. The pool is not in use yet.
void context_pool_core::fill()
{
    context_block** end = &idle_;
    while (!raw_.empty())
    {
        context_block* const block = number_raw();
        builder_->build(*block);
        block->is_built = true;
        block->next = nullptr;
        *end = block;
        end = &block->next;
    }
}

void context_pool_core::close() noexcept
{
    lock_type lock(mutex_);
    is_closed_ = true;
    ++guests_;
    waiter_list dropped;
    while (!waiters_.empty())
    {
        context_waiter& waiter = waiters_.front();
        waiters_.pop_front();
        waiter.error = boost::asio::error::operation_aborted;
        if (!post(waiter))
        {
            dropped.push_back(waiter);
        }
    }
    update_work();
    std::unique_ptr<context_pool_executor> const executor =
        std::move(executor_);
    service* const s = std::exchange(service_, nullptr);
    context_block* unused = std::exchange(idle_, nullptr);
    lock.unlock();

    if (s)
    {
        s->remove(*this);
    }
    while (!dropped.empty())
    {
        context_waiter& waiter = dropped.front();
        dropped.pop_front();
        waiter.finish(&waiter, false);
    }
    while (context_block* const block = unused)
    {
        unused = block->next;
        builder_->destroy(*block);
    }
    remove_guest();
}

/// The execution context goes: nothing can be completed any more.
void context_pool_core::abandon() noexcept
{
    lock_type lock(mutex_);
    ++guests_;
    service_ = nullptr;
    waiter_list dropped;
    dropped.swap(waiters_);
    std::unique_ptr<context_pool_executor> executor = std::move(executor_);
    lock.unlock();

    executor.reset();
    while (!dropped.empty())
    {
        context_waiter& waiter = dropped.front();
        dropped.pop_front();
        waiter.finish(&waiter, false);
    }
    remove_guest();
}

/// Takes memory for so many contexts more, or as many as there may be.
void context_pool_core::grow(std::size_t count)
{
    std::size_t const bytes = block_bytes(*builder_);
    std::size_t const alignment = block_alignment(*builder_);
    count = (std::min)(count, maximum_ - reserved_);
    if (count > (largest_object_bytes - 2 * alignment) / bytes)
    {
        throw std::bad_alloc();
    }
    auto* const memory = static_cast<unsigned char*>(
        ::operator new(alignment + count * bytes, std::align_val_t(alignment)));
    chunks_ = ::new (static_cast<void*>(memory)) chunk{chunks_, alignment};
    raw_.add_block(memory + alignment, count * bytes, bytes);
    reserved_ += count;
}

/// A block without a waiter, if it need not be made.
context_block* context_pool_core::take_idle() noexcept
{
    context_block*& list = idle_ ? idle_ : vacant_;
    context_block* const block = list;
    if (block)
    {
        list = block->next;
    }
    return block;
}

/// A block, made if need be; null if there may be no more.
context_block* context_pool_core::take()
{
    if (context_block* const block = take_idle())
    {
        return block;
    }
    if (raw_.empty())
    {
        if (reserved_ == maximum_)
        {
            return nullptr;
        }
        grow((std::max)(smallest_growth, reserved_));
    }
    return number_raw();
}

/// Makes a block out of raw memory, of which there is some.
context_block* context_pool_core::number_raw() noexcept
{
    std::size_t const index = numbered_++;
    return ::new ((raw_.malloc)()) context_block{nullptr, this, index, false};
}

/// Puts a block where it can be taken.
void context_pool_core::give(context_block& block) noexcept
{
    context_block*& list = block.is_built ? idle_ : vacant_;
    block.next = list;
    list = &block;
}

context_block* context_pool_core::try_acquire()
{
    context_block* block = nullptr;
    {
        lock_type const lock(mutex_);
        block = take();
        if (!block)
        {
            return nullptr;
        }
        statistics_.peak = (std::max)(statistics_.peak, ++statistics_.in_use);
    }
    if (!block->is_built)
    {
        build(*block);
    }
    return block;
}

void context_pool_core::build(context_block& block)
{
    try
    {
        std::lock_guard<std::mutex> const lock(build_mutex_);
        builder_->build(block);
        block.is_built = true;
    }
    catch (...)
    {
        put_back(block, false);
        throw;
    }
}

void context_pool_core::put_back(
    context_block& block, bool is_disposed) noexcept
{
    lock_type lock(mutex_);
    if (block.is_built && (is_disposed || is_closed_))
    {
        // The core stays, since the block counts as in use.
        lock.unlock();
        builder_->destroy(block);
        block.is_built = false;
        lock.lock();
    }
    --statistics_.in_use;
    give(block);
    serve();
    leave(lock);
}

/// Submits a waiter. Returns false if there is no memory for that.
bool context_pool_core::post(context_waiter& waiter) noexcept
{
    submitted = &waiter;
    bool is_posted = false;
    try
    {
        executor_->post(context_completion(waiter, *memory_));
        is_posted = true;
    }
    catch (...)
    {
        // Only `std::bad_alloc` is known to come here. The function was
        // destroyed, and has left the waiter alone.
    }
    submitted = nullptr;
    return is_posted;
}

/// Gives blocks to those that wait. It goes on with the next block that
/// returns if there is no memory to submit one now.
void context_pool_core::serve() noexcept
{
    while (!waiters_.empty())
    {
        context_block* const block = take_idle();
        if (!block)
        {
            return;
        }
        context_waiter& waiter = waiters_.front();
        waiters_.pop_front();
        waiter.block = block;
        if (!post(waiter))
        {
            waiter.block = nullptr;
            waiters_.push_front(waiter);
            give(*block);
            return;
        }
        statistics_.peak = (std::max)(statistics_.peak, ++statistics_.in_use);
        if (waiters_.empty())
        {
            update_work();
        }
    }
}

void context_pool_core::update_work() noexcept
{
    if (executor_ && waiters_.empty())
    {
        executor_->hold_work(false);
    }
}

void context_pool_core::acquire(context_waiter& waiter)
{
    lock_type const lock(mutex_);
    if (!executor_)
    {
        throw_if(error::no_execution_context);
    }
    context_block* block = nullptr;
    try
    {
        block = waiters_.empty() ? take() : nullptr;
        if (!block)
        {
            executor_->hold_work(true);
            waiters_.push_back(waiter);
            ++statistics_.waits;
            return;
        }
    }
    catch (std::bad_alloc const&)
    {
        waiter.error = boost::asio::error::no_memory;
    }
    waiter.block = block;
    if (!post(waiter))
    {
        if (block)
        {
            give(*block);
        }
        throw std::bad_alloc();
    }
    if (block)
    {
        statistics_.peak = (std::max)(statistics_.peak, ++statistics_.in_use);
    }
}

bool context_pool_core::cancel(void const* key) noexcept
{
    lock_type const lock(mutex_);
    auto const found = std::find_if(
        waiters_.begin(), waiters_.end(), [key](context_waiter const& w) {
            return w.key == key;
        });
    if (found == waiters_.end())
    {
        return false;
    }
    context_waiter& waiter = *found;
    auto const next = waiters_.erase(found);
    waiter.error = boost::asio::error::operation_aborted;
    if (!post(waiter))
    {
        waiter.error.clear();
        waiters_.insert(next, waiter);
        return false;
    }
    update_work();
    return true;
}

context_pool_statistics context_pool_core::statistics() const noexcept
{
    lock_type const lock(mutex_);
    context_pool_statistics result = statistics_;
    result.capacity = reserved_;
    result.waiting = waiters_.size();
    return result;
}

boost::asio::any_io_executor context_pool_core::executor() const
{
    lock_type const lock(mutex_);
    return executor_ ? executor_->get() : boost::asio::any_io_executor();
}

void context_pool_core::add_guest() noexcept
{
    lock_type const lock(mutex_);
    ++guests_;
}

void context_pool_core::remove_guest() noexcept
{
    lock_type lock(mutex_);
    --guests_;
    leave(lock);
}

/// Deletes the core if nobody is left.
void context_pool_core::leave(lock_type& lock) noexcept
{
    bool const is_last = is_closed_ && statistics_.in_use == 0 && guests_ == 0;
    lock.unlock();
    if (is_last)
    {
        delete this;
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
