#ifndef OPSLOT_DETAIL_TOKEN_OPERATION_HPP
#define OPSLOT_DETAIL_TOKEN_OPERATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Operations that complete through a completion token: the record that
    keeps the handler while the engine executes.

    A record takes its memory from the handler's associated allocator, or
    from the engine's operation memory where that is `std::allocator`. The
    memory is given back before the handler runs.
*/

#include <opslot/detail/dispatcher.hpp>
#include <opslot/detail/engine.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/operation_context.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#if __has_include(<boost/asio/associated_immediate_executor.hpp>)
#include <boost/asio/associated_immediate_executor.hpp>
#define OPSLOT_HAS_IMMEDIATE_EXECUTOR 1
#endif

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// A handler with its arguments, callable without any. It has whatever is
/// associated with the handler.
template<typename Handler, typename Arguments>
struct bound_handler
{
    Handler handler;
    Arguments arguments;

    void operator()() { std::apply(std::move(handler), std::move(arguments)); }
};

/// Whether a handler names an executor of its own.
template<typename Handler>
inline constexpr bool has_associated_executor = !std::is_same_v<
    boost::asio::associated_executor_t<Handler, inline_executor>,
    inline_executor>;

/// The execution context whose threads run handlers of this executor
/// directly, or null.
template<typename Executor>
boost::asio::execution_context* plain_context(Executor const& e) noexcept
{
    using boost::asio::any_io_executor;
    using io_executor = boost::asio::io_context::executor_type;
    using pool_executor = boost::asio::thread_pool::executor_type;
    if constexpr (executor_traits<Executor>::is_plain)
    {
        return &boost::asio::query(e, boost::asio::execution::context);
    }
    else if constexpr (std::is_same_v<Executor, any_io_executor>)
    {
        if (auto const* io = e.template target<io_executor>())
        {
            return plain_context(*io);
        }
        if (auto const* pool = e.template target<pool_executor>())
        {
            return plain_context(*pool);
        }
    }
    return nullptr;
}

/// True if handlers of both executors run in the same place.
template<typename A, typename B>
bool are_equivalent(A const& a, B const& b) noexcept
{
    if constexpr (std::is_same_v<A, B>)
    {
        if (a == b)
        {
            return true;
        }
    }
    auto const* context = plain_context(a);
    return context && context == plain_context(b);
}

/// A handler on its way to where it runs.
template<typename Handler, typename Executor>
class completion_target
{
    using executor_type = boost::asio::associated_executor_t<Handler, Executor>;
    using tracked_type = std::decay_t<typename boost::asio::prefer_result<
        executor_type,
        boost::asio::execution::outstanding_work_t::tracked_t>::type>;

public:
    completion_target(Handler&& handler, Executor const& io_executor)
        : handler_(std::move(handler))
    {
        if constexpr (has_associated_executor<Handler>)
        {
            auto const own =
                boost::asio::get_associated_executor(handler_, io_executor);
            if (!are_equivalent(own, io_executor))
            {
                work_.emplace(boost::asio::prefer(
                    own, boost::asio::execution::outstanding_work.tracked));
            }
        }
    }

    completion_target(completion_target&&) = default;

    /// True if the handler runs where those of the I/O object run.
    bool is_local() const noexcept { return !work_.has_value(); }

    Handler const& handler() const noexcept { return handler_; }

    template<typename... Arguments>
    void operator()(std::tuple<Arguments...>&& arguments)
    {
        if (is_local())
        {
            std::apply(std::move(handler_), std::move(arguments));
        }
        else
        {
            boost::asio::dispatch(
                bound_handler<Handler, std::tuple<Arguments...>>{
                    std::move(handler_), std::move(arguments)});
        }
    }

#if defined(OPSLOT_HAS_IMMEDIATE_EXECUTOR)
    /// True if the handler says where to run when there is no wait.
    static constexpr bool has_immediate_executor = !std::is_same_v<
        boost::asio::associated_immediate_executor_t<Handler, Executor>,
        boost::asio::associated_immediate_executor_t<void (*)(), Executor>>;

    template<typename... Arguments>
    void complete_immediately(
        std::tuple<Arguments...>&& arguments, Executor const& io_executor)
    {
        auto executor = boost::asio::get_associated_immediate_executor(
            handler_, io_executor);
        auto allocator = boost::asio::get_associated_allocator(handler_);
        boost::asio::prefer(
            std::move(executor), boost::asio::execution::allocator(allocator))
            .execute(bound_handler<Handler, std::tuple<Arguments...>>{
                std::move(handler_), std::move(arguments)});
    }
#else
    static constexpr bool has_immediate_executor = false;
#endif

private:
    Handler handler_;
    std::optional<tracked_type> work_;
};

template<typename Allocator>
struct is_standard_allocator : std::false_type
{};

template<typename T>
struct is_standard_allocator<std::allocator<T>> : std::true_type
{};

/// The allocator of a record of type `T` for this handler.
template<typename T, typename Handler>
auto record_allocator(engine& e, Handler const& handler) noexcept
{
    using associated = boost::asio::associated_allocator_t<Handler>;
    if constexpr (is_standard_allocator<associated>::value)
    {
        return operation_memory_allocator<T>(memory_of(e));
    }
    else
    {
        return
            typename std::allocator_traits<associated>::template rebind_alloc<
                T>(boost::asio::get_associated_allocator(handler));
    }
}

template<typename T, typename Handler>
using record_allocator_t = decltype(record_allocator<T>(
    std::declval<engine&>(), std::declval<Handler const&>()));

/// Makes a record in memory of its allocator.
template<typename Record, typename Handler, typename... Arguments>
Record* new_record(engine& e, Handler& handler, Arguments&&... arguments)
{
    auto allocator = record_allocator<Record>(e, handler);
    using traits = std::allocator_traits<decltype(allocator)>;
    Record* const memory = traits::allocate(allocator, 1);

    struct guard
    {
        decltype(allocator)& a;
        Record* p;

        ~guard()
        {
            if (p)
            {
                traits::deallocate(a, p, 1);
            }
        }
    } owned{allocator, memory};

    Record* const record = ::new (static_cast<void*>(memory)) Record(
        allocator, std::move(handler), std::forward<Arguments>(arguments)...);
    owned.p = nullptr;
    return record;
}

/// Destroys a record and gives its memory back.
template<typename Record, typename Allocator>
void delete_record(Record* record, Allocator allocator) noexcept
{
    record->~Record();
    std::allocator_traits<Allocator>::deallocate(allocator, record, 1);
}

/// What a cancellation slot keeps: it finds its operation by key, so an
/// emission after the completion finds nothing.
class operation_canceller
{
public:
    operation_canceller(engine& e, descriptor& d, bool is_send) noexcept
        : engine_(&e)
        , descriptor_(d)
        , is_send_(is_send)
    {}

    void operator()(boost::asio::cancellation_type_t type)
    {
        using type_t = boost::asio::cancellation_type;
        bool const hard =
            (type & (type_t::terminal | type_t::partial)) != type_t::none;
        if (hard || (type & type_t::total) != type_t::none)
        {
            cancel_by_key(*engine_, descriptor_, this, is_send_ && !hard);
        }
    }

private:
    engine_ptr engine_;
    descriptor& descriptor_;
    bool is_send_;
};

/// Lets a handler's cancellation slot, if it is connected, cancel `op`.
template<typename Handler>
void connect_cancellation(
    socket_handle& socket, operation& op, Handler const& handler, bool is_send)
{
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected() && socket.get())
    {
        op.cancellation_key = &slot.template emplace<operation_canceller>(
            socket.owner(), *socket.get(), is_send);
    }
}

/** An operation that is its own record.

    @tparam Request Owns the request of the operation: `void* get()` and
    `auto result(operation&)`, a tuple of the handler's arguments.
*/
template<typename Handler, typename Executor, typename Request>
class token_operation final : public operation
{
public:
    using allocator_type = record_allocator_t<token_operation, Handler>;
    using target_type = completion_target<Handler, Executor>;

    template<typename... Arguments>
    token_operation(
        allocator_type const& allocator,
        Handler&& handler,
        Executor const& executor,
        Arguments&&... arguments)
        : operation(&token_operation::on_deliver, &token_operation::on_event)
        , target_(std::move(handler), executor)
        , request_(std::forward<Arguments>(arguments)...)
        , allocator_(allocator)
    {
        operation::request = request_.get();
        runs_in_turn = !target_.is_local();
    }

    target_type const& get_target() const noexcept { return target_; }

    /// The start completed, and the handler says where it runs then.
    void complete_immediately(Executor const& executor)
    {
        if constexpr (target_type::has_immediate_executor)
        {
            target_type moved(std::move(target_));
            auto result = request_.result(*this);
            delete_record(this, allocator_type(allocator_));
            moved.complete_immediately(std::move(result), executor);
        }
    }

private:
    static void on_deliver(operation& op, bool)
    {
        auto& self = static_cast<token_operation&>(op);
        target_type target(std::move(self.target_));
        auto result = self.request_.result(op);
        delete_record(&self, allocator_type(self.allocator_));
        target(std::move(result));
    }

    static void on_event(operation& op, event e)
    {
        if (e == event::abandon)
        {
            auto& self = static_cast<token_operation&>(op);
            // What the handler owns may use the memory of the record.
            target_type const target(std::move(self.target_));
            delete_record(&self, allocator_type(self.allocator_));
        }
    }

    target_type target_;
    Request request_;
    allocator_type allocator_;
};

/// Starts an operation that is its own record.
template<typename Handler, typename Executor, typename Request>
void start_token_operation(
    socket_handle& socket,
    start_result (socket_handle::*start)(operation&) noexcept,
    token_operation<Handler, Executor, Request>* op,
    Executor const& executor,
    operation_kind kind)
{
    op->kind = kind;
    connect_cancellation(
        socket, *op, op->get_target().handler(), kind == operation_kind::send);
    if ((socket.*start)(*op) == completed)
    {
        if constexpr (completion_target<Handler, Executor>::
                          has_immediate_executor)
        {
            op->complete_immediately(executor);
        }
        else
        {
            socket.deliver_later(*op);
        }
    }
}

/// The record of a token operation that runs on a context. `Result` turns
/// the context into the handler's arguments.
template<typename Handler, typename Executor, typename Result>
class context_token_record final : public token_record
{
public:
    using allocator_type = record_allocator_t<context_token_record, Handler>;
    using target_type = completion_target<Handler, Executor>;

    context_token_record(
        allocator_type const& allocator,
        Handler&& handler,
        Executor const& executor)
        : token_record{&context_token_record::on_finish}
        , target_(std::move(handler), executor)
        , allocator_(allocator)
    {}

    target_type const& get_target() const noexcept { return target_; }

private:
    static void
    on_finish(token_record* record, operation_context& context, bool deliver)
    {
        auto* const self = static_cast<context_token_record*>(record);
        target_type target(std::move(self->target_));
        delete_record(self, allocator_type(self->allocator_));
        if (deliver)
        {
            target(Result()(context));
        }
    }

    target_type target_;
    allocator_type allocator_;
};

/// Delivers misuse through the handler of a token operation.
template<typename Handler, typename Executor, typename... Arguments>
void post_result(
    Handler&& handler,
    Executor const& executor,
    std::tuple<Arguments...> arguments)
{
    boost::asio::post(
        executor,
        bound_handler<std::decay_t<Handler>, std::tuple<Arguments...>>{
            std::forward<Handler>(handler), std::move(arguments)});
}

/// Starts a token operation on a context that was checked.
/// `start(socket, operation)` starts it.
template<typename Result, typename Start, typename Handler, typename Executor>
void start_context_operation(
    socket_handle& socket,
    Start start,
    operation_context& context,
    operation_kind kind,
    void* request,
    Handler& handler,
    Executor const& executor)
{
    auto* const record =
        new_record<context_token_record<Handler, Executor, Result>>(
            socket.owner(), handler, executor);
    operation& op = context_access::base(context);
    context_access::begin(context, kind, request);
    context_access::record(context, record);
    op.via.reset();
    op.runs_in_turn = !record->get_target().is_local();
    op.cancellation_key = nullptr;
    connect_cancellation(
        socket, op, record->get_target().handler(), op.is_done_in_parts());
    if (std::invoke(start, socket, op) == completed)
    {
        socket.deliver_later(op);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

template<
    template<typename, typename>
    class Associator,
    typename Handler,
    typename Arguments,
    typename Default>
struct boost::asio::associator<
    Associator,
    opslot::detail::bound_handler<Handler, Arguments>,
    Default> : Associator<Handler, Default>
{
    using bound = opslot::detail::bound_handler<Handler, Arguments>;

    static typename Associator<Handler, Default>::type
    get(bound const& b) noexcept
    {
        return Associator<Handler, Default>::get(b.handler);
    }

    static auto get(bound const& b, Default const& d) noexcept
        -> decltype(Associator<Handler, Default>::get(b.handler, d))
    {
        return Associator<Handler, Default>::get(b.handler, d);
    }
};

/// Where the handler has no allocator of its own, what is submitted comes
/// from operation memory.
template<typename Handler, typename Arguments, typename Default>
struct boost::asio::associated_allocator<
    opslot::detail::bound_handler<Handler, Arguments>,
    Default>
{
private:
    using bound = opslot::detail::bound_handler<Handler, Arguments>;
    using own = associated_allocator_t<Handler, Default>;

    static constexpr bool is_standard =
        opslot::detail::is_standard_allocator<own>::value;

public:
    using type = std::conditional_t<
        is_standard,
        opslot::operation_memory_allocator<void>,
        own>;

    static type get(bound const& b, Default const& d = Default()) noexcept
    {
        if constexpr (is_standard)
        {
            (void)b;
            (void)d;
            return type(opslot::operation_memory::process());
        }
        else
        {
            return get_associated_allocator(b.handler, d);
        }
    }
};

#endif
