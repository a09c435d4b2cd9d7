#ifndef OPSLOT_DETAIL_CONTEXT_POOL_CORE_HPP
#define OPSLOT_DETAIL_CONTEXT_POOL_CORE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the pools of all types of contexts have in common: the blocks,
    and the acquisitions that wait for one.

    A context lives in a block, behind its header. The block is in one of
    these places, and in the pool's hands in all but one of them:

    @verbatim
              grow            build               acquire
      raw ----------> vacant -------> (in use) <----------> idle
                        ^                |      last reference
                        '----------------'
                   disposed: the context is destroyed
    @endverbatim
*/

#include <opslot/context_pool_options.hpp>
#include <opslot/detail/light_mutex.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/pool/simple_segregated_storage.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

namespace detail {

class context_pool_core;

/// What stands in front of each context of a pool.
struct context_block
{
    /// The list it is in; Boost.Pool's while the block is raw.
    context_block* next;
    context_pool_core* pool;
    /// Counts from zero; a context that is rebuilt keeps it.
    std::size_t index;
    bool is_built;
};

/// Builds the contexts of one pool, of a type that the core does not know.
class context_builder
{
public:
    virtual ~context_builder() = default;

    /// Builds and initializes. Calls the user's functions.
    virtual void build(context_block& block) = 0;
    virtual void destroy(context_block& block) noexcept = 0;

    /// The size and alignment of a block.
    virtual std::size_t bytes() const noexcept = 0;
    virtual std::size_t alignment() const noexcept = 0;
};

/// An acquisition that waits, or has its result and is on its way.
struct context_waiter
    : boost::intrusive::list_base_hook<
          boost::intrusive::link_mode<boost::intrusive::normal_link>>
{
    explicit context_waiter(void (*f)(context_waiter*, bool deliver)) noexcept
        : finish(f)
    {}

    /// Frees the record, then runs the handler unless `deliver` is false.
    void (*finish)(context_waiter*, bool deliver);
    /// Identifies it to a cancellation slot; null: to none.
    void const* key = nullptr;
    /// The result: a block or an error.
    context_block* block = nullptr;
    boost::system::error_code error;
};

/// The way to the executor of a pool, unwrapped once.
class context_pool_executor;

class context_pool_core
    : public boost::intrusive::list_base_hook<
          boost::intrusive::link_mode<boost::intrusive::normal_link>>
{
public:
    /// Builds the first contexts. @return Owned by the caller until `close`.
    static context_pool_core* create(
        boost::asio::any_io_executor const& executor,
        context_pool_options const& options,
        std::unique_ptr<context_builder> builder);

    /// Aborts what waits; the core goes with the last context in use.
    void close() noexcept;

    /// A block in use with a context in it; null if a bounded pool is empty.
    context_block* try_acquire();

    /// Finishes the waiter later, at once if a block is there.
    void acquire(context_waiter& waiter);

    /// Ends the wait that carries this key, if it still waits.
    bool cancel(void const* key) noexcept;

    /// Builds a context in a block in use that has none, or gives the block
    /// back and throws what the user's functions threw.
    void build(context_block& block);

    /// Takes a block in use back.
    void put_back(context_block& block, bool is_disposed) noexcept;

    context_pool_statistics statistics() const noexcept;

    boost::asio::any_io_executor executor() const;

    operation_memory& memory() const noexcept { return *memory_; }

    /// Keeps the core from being deleted; what cancellation slots do.
    friend void intrusive_ptr_add_ref(context_pool_core* core) noexcept
    {
        core->add_guest();
    }

    friend void intrusive_ptr_release(context_pool_core* core) noexcept
    {
        core->remove_guest();
    }

private:
    class service;
    friend struct context_completion;

    using waiter_list = boost::intrusive::list<context_waiter>;
    using lock_type = std::unique_lock<light_mutex>;

    struct chunk
    {
        chunk* next;
        std::size_t alignment;
    };

    context_pool_core(
        boost::asio::any_io_executor const& executor,
        context_pool_options const& options,
        std::unique_ptr<context_builder> builder);
    ~context_pool_core();

    void fill();
    context_block* take();
    context_block* take_idle() noexcept;
    context_block* number_raw() noexcept;
    void grow(std::size_t count);
    void give(context_block& block) noexcept;
    void serve() noexcept;
    bool post(context_waiter& waiter) noexcept;
    void update_work() noexcept;
    void abandon() noexcept;
    void add_guest() noexcept;
    void remove_guest() noexcept;
    void leave(lock_type& lock) noexcept;

    operation_memory_ptr const memory_;
    std::unique_ptr<context_builder> const builder_;
    std::size_t const maximum_;
    /// One thread at a time builds, and is not inside of `mutex_`.
    std::mutex build_mutex_;

    mutable light_mutex mutex_;
    bool is_closed_ = false;
    /// Null once the execution context is gone.
    service* service_ = nullptr;
    std::unique_ptr<context_pool_executor> executor_;
    context_block* idle_ = nullptr;
    context_block* vacant_ = nullptr;
    boost::simple_segregated_storage<std::size_t> raw_;
    chunk* chunks_ = nullptr;
    /// Blocks there is memory for, and those of them that are not raw.
    std::size_t reserved_ = 0;
    std::size_t numbered_ = 0;
    std::size_t guests_ = 0;
    waiter_list waiters_;
    context_pool_statistics statistics_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
