#ifndef OPSLOT_OPERATION_CONTEXT_HPP
#define OPSLOT_OPERATION_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What all contexts have: a state, a stored handler, a result.
*/

#include <opslot/detail/dispatcher.hpp>
#include <opslot/detail/handler_storage.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/detail/ownership.hpp>
#include <opslot/error.hpp>
#include <opslot/operation_kind.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/config.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

template<typename T>
class context_pool;

class operation_context;

namespace detail {

struct context_access;
struct accept_context_access;
struct connect_context_access;
struct stream_context_access;

/// The handler of a token operation that runs on a context.
struct token_record
{
    /// Frees the record, then runs the handler unless `deliver` is false.
    void (*finish)(token_record*, operation_context&, bool deliver);
};

} // namespace detail

/// Adds a reference to a counted context, for `boost::intrusive_ptr`.
void intrusive_ptr_add_ref(operation_context*) noexcept;
/// Drops one, for `boost::intrusive_ptr`.
void intrusive_ptr_release(operation_context*) noexcept;

/** A reusable description of one asynchronous operation.

    The caller owns it, sets a handler once, and starts one operation after
    the other on it; nothing is allocated for an operation. The types
    derived from it add what their operations need: @ref stream_context,
    @ref basic_datagram_context, @ref basic_datagram_batch_context,
    `accept_context`, @ref connect_context.

    @verbatim
                 start, reports pending                dispose()
         idle <-------------------------> pending ------------------.
          |      the result is there,                                |
          |      then the handler runs       the result is there,    |
          |                                  then the handler runs   v
          '--------- dispose() ---------------------------------> disposed
    @endverbatim

    @par Lifetime
    A context neither copies nor moves. There are three ways to own one.
    @li *By value*: destroying a pending context withdraws its operation:
        the handler is dropped without being called. A buffer must outlive
        the destruction of its context. A send of which some bytes were
        written makes later sends of that socket fail with
        `error::send_interrupted`. If another thread is executing the
        operation at that instant, the program ends with a message.
    @li *By reference count*: @ref make_context and @ref context_pool give a
        @ref context_ptr, and a pending operation holds one too, until its
        handler has returned.
    @li *Inside an owner*: @ref keep_alive makes each pending operation hold
        the object whose member the context is.

    When an `io_context` goes, the operations that are pending on it end
    without their handlers being called, and these handlers are destroyed.

    @par Thread safety
    Distinct objects: safe. Shared objects: one thread at a time may start
    an operation; @ref cancel, @ref dispose and @ref is_pending may be
    called from any thread at any time; everything else only while idle. A
    restarted context may run its handler on another thread before the call
    that restarted it returns.
*/
class operation_context : private detail::operation
{
    using operation = detail::operation;

public:
    operation_context(operation_context const&) = delete;
    operation_context& operator=(operation_context const&) = delete;

    // The description

    /** Makes each pending operation hold a shared object.

        The address is stored, so a constructor of `object` may call this.
        The reference is taken when a start reports *pending*, and released
        after the handler has returned; a start that reports *completed*
        takes none, and an idle context holds nothing. So a handler that
        captures the plain `this` of `object` makes no cycle.

        @param object The object itself, `*this` mostly, and no pointer to
        it. It is derived publicly from `std::enable_shared_from_this`, or
        is one that `boost::intrusive_ptr` can count. It must be owned by a
        pointer of that kind whenever an operation is started, and must
        outlive the context.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    template<typename Object>
    void keep_alive(Object& object)
    {
        static_assert(
            detail::is_shared_from_this<Object>::value ||
                detail::is_counted<Object>::value,
            "keep_alive takes an object whose class is derived publicly from "
            "std::enable_shared_from_this, or that boost::intrusive_ptr "
            "counts");
        set_owner(detail::owner_reference(object));
    }

    /// Ends the effect of the other overload.
    void keep_alive(std::nullptr_t) { set_owner(detail::owner_reference()); }

    /** Sets how long an operation may stay pending.

        The time counts from each start; it stays set. An operation that is
        still pending then ends with `error::timeout`, never before its time
        and a few milliseconds after it (@ref deadline_resolution). An
        operation that can finish at once finishes, whatever the deadline.

        @param duration The time, zero or negative for no limit.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.

        @par Cost
        No system call and no allocation, neither here nor at a start.
    */
    void timeout(std::chrono::steady_clock::duration duration);

    /// How long an operation may stay pending; zero: for ever.
    std::chrono::steady_clock::duration timeout() const noexcept
    {
        return operation::timeout;
    }

    /** Sets when the next operation ends at the latest.

        It holds for one operation and together with @ref timeout, of which
        the earlier one counts. See there for errors and cost.

        @param time The time; a time in the past ends the operation as soon
        as it goes pending.
    */
    void expires_at(std::chrono::steady_clock::time_point time);

    /// Sets any pointer; the library never reads or follows it.
    void user_token(void* token) noexcept { user_token_ = token; }

    /// The pointer that was set with the other overload.
    void* user_token() const noexcept { return user_token_; }

    // The result

    /** How the last operation ended.

        Meaningful after completion; success while an operation is pending.
    */
    boost::system::error_code const& error() const noexcept
    {
        return operation::error;
    }

    /** How many bytes the last operation transferred.

        May be greater than zero together with an error.
    */
    std::size_t bytes_transferred() const noexcept
    {
        return operation::bytes_transferred;
    }

    /// What was started last on this context.
    operation_kind last_operation() const noexcept { return kind; }

    // Control

    /// True from a start that reported *pending* until just before the
    /// handler runs.
    bool is_pending() const noexcept { return operation::is_pending(); }

    /// True once `dispose` was called and no operation is pending.
    bool is_disposed() const noexcept
    {
        return !is_pending() && was_disposed();
    }

    /** Ends the pending operation with `operation_aborted`.

        The handler runs as for any completion. Other operations of the same
        socket are not touched, except that cancelling a send of which some
        bytes were written also ends the sends that are queued behind it. A
        cancelled receive has consumed nothing, or what `bytes_transferred`
        says if it asked for more bytes than one.

        @return True if the operation ends by this call; false if nothing
        was pending or the result was already there.

        @par Thread safety
        May be called from any thread, on a context that is not being
        destroyed.
    */
    bool cancel() noexcept;

    /** Ends the use of the context.

        While an operation is pending it goes on, the context becomes
        disposed when it completes, and then the handler runs once. Every
        later start and setter fails with `error::context_disposed`. More
        than one call has no effect.

        @par Thread safety
        May be called from any thread.
    */
    void dispose() noexcept;

    /// @cond

protected:
    operation_context() noexcept
        : operation(&operation_context::deliver, &operation_context::on_event)
    {}

    ~operation_context() { release(); }

    /// Withdraws what is pending. The destructor of a derived context calls
    /// it while its request is still there.
    void release() noexcept;

    /** What a derived context does with the result of an operation, before
        its handler sees it; `delivers` is false if no handler will.
    */
    using conclude_function = void (*)(operation_context&, bool delivers);

    /// Has `f` called once, at the end of the operation that is started next.
    void conclude_by(conclude_function f) noexcept
    {
        conclude_ = f;
        update_delivery();
    }

    /// The result, for who concludes.
    operation& result() noexcept { return *this; }

    /// Neither pending nor disposed.
    bool is_idle() const noexcept { return !is_pending() && !was_disposed(); }

    /// Throws if an operation is pending or the context is disposed.
    void check_idle() const;

    /// Stores a handler that is called as `handler(context)`.
    template<typename Context, typename Handler>
    void store_handler(Handler&& handler)
    {
        using handler_type = std::decay_t<Handler>;
        static_assert(
            std::is_invocable_v<handler_type&, Context&>,
            "The completion handler must be callable with a reference to "
            "its context");
        check_idle();
        using executor = boost::asio::
            associated_executor_t<handler_type, detail::inline_executor>;
        detail::dispatcher_ptr handler_via;
        if constexpr (!std::is_same_v<executor, detail::inline_executor>)
        {
            handler_via = detail::make_dispatcher(
                boost::asio::get_associated_executor(
                    handler, detail::inline_executor()),
                true);
        }
        handler_.template store<operation_context, Context>(
            std::forward<Handler>(handler));
        handler_via_ = std::move(handler_via);
        deliver_directly_ = &deliver_to<Context, handler_type>;
        update_delivery();
    }

    /// @endcond

private:
    friend struct detail::context_access;
    template<typename T>
    friend class context_pool;
    friend void intrusive_ptr_add_ref(operation_context*) noexcept;
    friend void intrusive_ptr_release(operation_context*) noexcept;

    // What starts look at besides the place, in one byte.

    static constexpr unsigned char disposed = 1;
    /// No pointer was seen yet to own the owner; once one does, one will
    /// until the owner is destroyed.
    static constexpr unsigned char owner_is_unknown = 2;

    static void on_event(operation& op, event e);
    static void deliver(operation& op, bool is_alone);

    /// `deliver` where the handler is called directly, with nothing to do
    /// besides.
    template<typename Context, typename Handler>
    static void deliver_to(operation& op, bool is_alone)
    {
        auto& self = static_cast<operation_context&>(op);
        if (is_alone)
        {
            self.be_over();
            lone_call const running(self);
            self.handler_.template get<Handler>()(static_cast<Context&>(self));
        }
        else
        {
            lending_call const running(self);
            self.be_over();
            self.handler_.template get<Handler>()(static_cast<Context&>(self));
        }
    }

    /// Calls the handler and leaves the reference to the owner in place, so
    /// that the next operation need not take one.
    class lone_call
    {
    public:
        BOOST_FORCEINLINE explicit lone_call(operation_context& c) noexcept
            : context_(c)
            , call_(c.handler_)
        {}

        BOOST_FORCEINLINE ~lone_call()
        {
            if (call_.has_storage() && !context_.is_pending())
            {
                context_.let_go();
            }
        }

    private:
        operation_context& context_;
        detail::handler_storage::call const call_;
    };

    /// Calls the handler with the reference to the owner on the stack, since
    /// the next operation may end before it returns. That operation copies
    /// the reference, which costs less than to ask the owner for another.
    class lending_call
    {
    public:
        explicit lending_call(operation_context& c) noexcept
            : owner_(c.take_held())
            , call_(c.handler_, &owner_)
        {}

    private:
        detail::held_reference const owner_;
        detail::handler_storage::call const call_;
    };

    detail::held_reference take_held() noexcept
    {
        wants_hold = static_cast<bool>(owner_);
        return std::move(held_);
    }

    bool was_disposed() const noexcept
    {
        return (blocks_.load(std::memory_order_acquire) & disposed) != 0;
    }

    /// Whether an operation may be started.
    bool can_start() noexcept
    {
        return !is_pending() &&
               (BOOST_LIKELY(blocks_.load(std::memory_order_acquire) == 0) ||
                finds_owner());
    }

    bool finds_owner() noexcept;

    /// Why none may be started; success if one may.
    boost::system::error_code check_start() const noexcept;
    [[noreturn]] void reject_start() const;

    /// Describes the next operation. What only token operations set is
    /// reset when they end, and the executor is set when it goes pending.
    void begin(operation_kind k, void* req) noexcept
    {
        kind = k;
        request = req;
        operation::bytes_transferred = 0;
        operation::error = boost::system::error_code();
    }

    /// The operation is over, and was delivered: is idle or disposed from
    /// here on.
    BOOST_FORCEINLINE void be_over() noexcept
    {
        if (BOOST_UNLIKELY(has_deadline))
        {
            reset_deadline();
        }
        place.store(
            detail::operation_place::nowhere, std::memory_order_release);
    }

    void reset_deadline() noexcept;
    void set_owner(detail::owner_reference owner);
    void hold() noexcept;
    void hold_in_general() noexcept;
    void let_go() noexcept;
    void end(bool calls_handler);
    void conclude(bool delivers);
    void update_delivery() noexcept;

    detail::handler_storage handler_;
    detail::dispatcher_ptr handler_via_;
    detail::owner_reference owner_;
    /// `deliver_to` for the stored handler.
    deliver_function deliver_directly_ = &operation_context::deliver;
    /// The token operation that is under way on this context.
    detail::token_record* record_ = nullptr;
    conclude_function conclude_ = nullptr;
    /// What the pending operation holds; while a handler is called with no
    /// other thread about, it stays here for the next operation.
    detail::held_reference held_;
    void* user_token_ = nullptr;
    /// Returns the context to where it came from when the count is zero.
    void (*recycle_)(operation_context*) noexcept = nullptr;
    std::atomic<std::uint32_t> references_{0};
    detail::wait_request wait_;
    std::atomic<unsigned char> blocks_{0};
};

namespace detail {

/// What I/O objects do with contexts, and users do not.
struct context_access
{
    static operation& base(operation_context& c) noexcept { return c; }

    static bool can_start(operation_context& c) noexcept
    {
        return c.can_start();
    }

    static boost::system::error_code
    check_start(operation_context const& c) noexcept
    {
        return c.check_start();
    }

    /// Throws what is wrong with starting an operation.
    static void require_start(operation_context& c)
    {
        if (BOOST_UNLIKELY(!c.can_start()))
        {
            c.reject_start();
        }
    }

    static void
    begin(operation_context& c, operation_kind kind, void* request) noexcept
    {
        c.begin(kind, request);
    }

    static void record(operation_context& c, token_record* r) noexcept
    {
        c.record_ = r;
        c.update_delivery();
    }

    static wait_request& wait(operation_context& c) noexcept { return c.wait_; }

    /// A start has completed an operation that has to be concluded.
    static void conclude(operation_context& c)
    {
        c.conclude(true);
        c.update_delivery();
    }

    static void complete_start(operation_context& c) noexcept
    {
        if (c.has_deadline)
        {
            c.reset_deadline();
        }
    }

    static void
    own(operation_context& c,
        void (*recycle)(operation_context*) noexcept) noexcept
    {
        c.recycle_ = recycle;
        c.update_delivery();
    }
};

} // namespace detail

/** The smallest difference between a deadline and its effect.

    A deadline is never early. It is late by at most this, and by what the
    system and the handlers before it take.
*/
inline constexpr std::chrono::milliseconds deadline_resolution{10};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
