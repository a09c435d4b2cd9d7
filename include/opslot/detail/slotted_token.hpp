#ifndef OPSLOT_DETAIL_SLOTTED_TOKEN_HPP
#define OPSLOT_DETAIL_SLOTTED_TOKEN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    How an operation of a slotted I/O object comes to its memory, whatever the
    completion token: the operation of the Asio class is given a token that
    makes the handler of the user's token, and binds the memory to it.
*/

#include <opslot/config.hpp>
#include <opslot/detail/slotted_executor.hpp>
#include <opslot/detail/slotted_memory.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/handler_continuation_hook.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

template<class IoObject>
class slotted;

namespace detail {

/// The slotted class in place of what an acceptor hands out, and any other type
/// as it is.
template<class T>
struct slotted_counterpart
{
    using type = T;
};

template<class Protocol, class Executor>
struct slotted_counterpart<boost::asio::basic_stream_socket<Protocol, Executor>>
{
    using type = slotted<boost::asio::basic_stream_socket<Protocol, Executor>>;
};

template<class T>
using slotted_counterpart_t = typename slotted_counterpart<T>::type;

/// The completion signature that a slotted object has in place of the one of
/// the Asio class.
template<class Signature>
struct slotted_signature;

template<class Result, class... Arguments>
struct slotted_signature<Result(Arguments...)>
{
    using type = Result(slotted_counterpart_t<Arguments>...);
};

template<class Signature>
using slotted_signature_t = typename slotted_signature<Signature>::type;

/// Passes an argument on: a socket that Asio has accepted as a slotted one,
/// anything else as it is.
template<class T>
decltype(auto) slotted_argument(T&& argument)
{
    using slotted_type = slotted_counterpart_t<std::decay_t<T>>;
    if constexpr (std::is_same_v<slotted_type, std::decay_t<T>>)
        return std::forward<T>(argument);
    else
        return slotted_type(std::forward<T>(argument));
}

/** A handler with the memory of its operation.

    It calls the target. Everything associated with it is the target's, but for
    what a derived class binds.
*/
template<class Handler>
class slotted_caller
{
public:
    template<class H>
    explicit slotted_caller(std::in_place_t, H&& target)
        : target_(std::forward<H>(target))
    {}

    template<class... Arguments>
    void operator()(Arguments&&... arguments) &
    {
        target_(slotted_argument(std::forward<Arguments>(arguments))...);
    }

    template<class... Arguments>
    void operator()(Arguments&&... arguments) &&
    {
        std::move(target_)(
            slotted_argument(std::forward<Arguments>(arguments))...);
    }

    Handler const& target() const noexcept { return target_; }

    friend bool asio_handler_is_continuation(slotted_caller* caller)
    {
        using boost::asio::asio_handler_is_continuation;
        return asio_handler_is_continuation(std::addressof(caller->target_));
    }

private:
    Handler target_;
};

/// Has the memory bound.
template<class Handler>
class slotted_handler : public slotted_caller<Handler>
{
public:
    using allocator_type = slotted_allocator<void>;

    template<class H>
    slotted_handler(slotted_memory& memory, bool counted, H&& target)
        : slotted_caller<Handler>(std::in_place, std::forward<H>(target))
        , memory_(memory, counted)
    {}

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(*memory_);
    }

private:
    slotted_reference memory_;
};

/// Has the memory bound, and the executor that uses it too.
template<class Handler>
class slotted_executor_handler : public slotted_caller<Handler>
{
public:
    using allocator_type = slotted_allocator<void>;
    using executor_type = slotted_executor;

    template<class H>
    slotted_executor_handler(slotted_executor&& executor, H&& target)
        : slotted_caller<Handler>(std::in_place, std::forward<H>(target))
        , executor_(std::move(executor))
    {}

    allocator_type get_allocator() const noexcept
    {
        return allocator_type(executor_.memory());
    }

    executor_type const& get_executor() const noexcept { return executor_; }

private:
    slotted_executor executor_;
};

/// Stands for no executor, where it is asked whether a handler has one.
struct no_slotted_executor
{};

template<class Handler>
inline constexpr bool has_own_executor = !std::is_same_v<
    boost::asio::associated_executor_t<Handler, no_slotted_executor>,
    no_slotted_executor>;

/// Whether functions are executed without asking them for memory.
template<class Executor>
inline constexpr bool is_erased_executor =
    std::is_base_of_v<boost::asio::any_io_executor, Executor> ||
    std::is_same_v<Executor, boost::asio::strand<boost::asio::any_io_executor>>;

/// Starts an operation of `object` with a handler, to which the memory is
/// bound if it has none of its own.
template<class IoObject, class Handler, class Start>
void start_slotted(
    IoObject& object, slotted_memory_ptr& slot, Handler&& handler, Start start)
{
    using handler_type = std::decay_t<Handler>;
    using io_executor = typename IoObject::executor_type;
    using executor =
        boost::asio::associated_executor_t<handler_type, io_executor>;

    if constexpr (!binds_no_memory<
                      boost::asio::associated_allocator_t<handler_type>>)
    {
        start(slotted_caller<handler_type>(
            std::in_place, std::forward<Handler>(handler)));
        return;
    }
    else
    {
        auto&& home = object.get_executor();
        if (!slot)
            slot = slotted_memory::make(
                boost::asio::query(home, boost::asio::execution::context));
        slotted_memory& memory = *slot;
        if constexpr (is_erased_executor<executor>)
        {
            boost::asio::execution_context* context = nullptr;
            if constexpr (has_own_executor<handler_type>)
                context =
                    &boost::asio::query(home, boost::asio::execution::context);
            slotted_executor unwrapped(
                memory,
                boost::asio::get_associated_executor(handler, home),
                context);
            start(slotted_executor_handler<handler_type>(
                std::move(unwrapped), std::forward<Handler>(handler)));
        }
        else
        {
            constexpr bool hops = has_own_executor<handler_type> ||
                                  !std::is_same_v<
                                      io_executor,
                                      boost::asio::io_context::executor_type>;
            start(slotted_handler<handler_type>(
                memory, hops, std::forward<Handler>(handler)));
        }
    }
}

/// Starts what `Initiation` does, with the memory bound to the handler. It
/// derives from it because some tokens ask an initiation for its executor.
template<class Initiation, class IoObject>
class slotted_initiation : public Initiation
{
public:
    template<class I>
    slotted_initiation(
        IoObject& object, slotted_memory_ptr& slot, I&& initiation)
        : Initiation(std::forward<I>(initiation))
        , object_(&object)
        , slot_(&slot)
    {}

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) const
    {
        start_slotted(
            *object_,
            *slot_,
            std::forward<Handler>(handler),
            [&](auto&& bound) {
                static_cast<Initiation const&> (*this)(
                    std::move(bound), std::forward<Arguments>(arguments)...);
            });
    }

private:
    IoObject* object_;
    slotted_memory_ptr* slot_;
};

/** The token that an operation of the Asio class is given: the user's, for the
    time of the call, and what is to be bound.

    @tparam Token The user's token, as the initiating function has deduced it.
*/
template<class Token, class IoObject>
struct slotted_token
{
    Token&& target;
    IoObject& object;
    slotted_memory_ptr& slot;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

namespace boost {
namespace asio {

template<class Token, class IoObject, class... Signatures>
class async_result<
    opslot::detail::slotted_token<Token, IoObject>,
    Signatures...>
{
    using token_type = opslot::detail::slotted_token<Token, IoObject>;

    template<class Initiation>
    using initiation_type =
        opslot::detail::slotted_initiation<std::decay_t<Initiation>, IoObject>;

public:
    async_result(async_result const&) = delete;
    async_result& operator=(async_result const&) = delete;

    template<class Initiation, class... Arguments>
    static auto initiate(
        Initiation&& initiation,
        token_type const& token,
        Arguments&&... arguments)
        -> decltype(async_initiate<
                    Token,
                    opslot::detail::slotted_signature_t<Signatures>...>(
            std::declval<initiation_type<Initiation>>(),
            token.target,
            std::forward<Arguments>(arguments)...))
    {
        return async_initiate<
            Token,
            opslot::detail::slotted_signature_t<Signatures>...>(
            initiation_type<Initiation>(
                token.object, token.slot, std::forward<Initiation>(initiation)),
            token.target,
            std::forward<Arguments>(arguments)...);
    }
};

/// Everything that is associated with a handler is the target's, but for what
/// the handler has as a member.
template<
    template<class, class>
    class Associator,
    class Handler,
    class DefaultCandidate>
struct associator<
    Associator,
    opslot::detail::slotted_caller<Handler>,
    DefaultCandidate> : Associator<Handler, DefaultCandidate>
{
    static typename Associator<Handler, DefaultCandidate>::type
    get(opslot::detail::slotted_caller<Handler> const& handler) noexcept
    {
        return Associator<Handler, DefaultCandidate>::get(handler.target());
    }

    static auto
    get(opslot::detail::slotted_caller<Handler> const& handler,
        DefaultCandidate const& candidate) noexcept
        -> decltype(Associator<Handler, DefaultCandidate>::get(
            handler.target(), candidate))
    {
        return Associator<Handler, DefaultCandidate>::get(
            handler.target(), candidate);
    }
};

template<
    template<class, class>
    class Associator,
    class Handler,
    class DefaultCandidate>
struct associator<
    Associator,
    opslot::detail::slotted_handler<Handler>,
    DefaultCandidate>
    : associator<
          Associator,
          opslot::detail::slotted_caller<Handler>,
          DefaultCandidate>
{};

template<
    template<class, class>
    class Associator,
    class Handler,
    class DefaultCandidate>
struct associator<
    Associator,
    opslot::detail::slotted_executor_handler<Handler>,
    DefaultCandidate>
    : associator<
          Associator,
          opslot::detail::slotted_caller<Handler>,
          DefaultCandidate>
{};

} // namespace asio
} // namespace boost

#endif
