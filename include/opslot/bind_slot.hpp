#ifndef OPSLOT_BIND_SLOT_HPP
#define OPSLOT_BIND_SLOT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>
#include <opslot/slot.hpp>
#include <opslot/slot_allocator.hpp>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>

#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A completion handler or a completion token with a slot bound to it.

    Created by bind_slot().

    Around a handler it is a handler: it calls the target, its associated
    allocator is a slot_allocator, and every other associated characteristic
    (executor, cancellation slot, immediate executor and those to come) is the
    target's. Around any other completion token it is a completion token that
    does what the target does, with the slot bound to the handler that the
    target makes.

    @tparam Target The type of the handler or token.

    Thread safety: Distinct objects: safe. Shared objects: as the target.
*/
template<class Target>
class slot_binder
{
public:
    /// The type of the handler or token.
    using target_type = Target;

    /// The type of the associated allocator.
    using allocator_type = slot_allocator<void>;

    /// Binds `slot`, which it refers to, to a target made from `target`.
    template<class T>
    slot_binder(slot_base& slot, T&& target)
        : slot_(&slot)
        , target_(std::forward<T>(target))
    {}

    /// Makes the target from that of another binder, and binds its slot.
    template<
        class T,
        std::enable_if_t<std::is_constructible_v<Target, T const&>, int> = 0>
    explicit slot_binder(slot_binder<T> const& other)
        : slot_(&other.slot())
        , target_(other.get())
    {}

    /// Makes the target from that of another binder, and binds its slot.
    template<
        class T,
        std::enable_if_t<std::is_constructible_v<Target, T>, int> = 0>
    explicit slot_binder(slot_binder<T>&& other)
        : slot_(&other.slot())
        , target_(std::move(other.get()))
    {}

    /// The handler or token.
    target_type& get() noexcept { return target_; }

    /// The handler or token.
    target_type const& get() const noexcept { return target_; }

    /// The slot.
    slot_base& slot() const noexcept { return *slot_; }

    /// The associated allocator.
    allocator_type get_allocator() const noexcept
    {
        return allocator_type(*slot_);
    }

    /// Calls the target, if it is a handler.
    template<class... Arguments>
    auto
    operator()(Arguments&&... arguments) & -> decltype(std::declval<Target&>()(
        std::forward<Arguments>(arguments)...))
    {
        return target_(std::forward<Arguments>(arguments)...);
    }

    /// Calls the target, if it is a handler.
    template<class... Arguments>
    auto operator()(Arguments&&... arguments)
        const& -> decltype(std::declval<Target const&>()(
            std::forward<Arguments>(arguments)...))
    {
        return target_(std::forward<Arguments>(arguments)...);
    }

    /// Calls the target, if it is a handler.
    template<class... Arguments>
    auto
    operator()(Arguments&&... arguments) && -> decltype(std::declval<Target>()(
        std::forward<Arguments>(arguments)...))
    {
        return std::move(target_)(std::forward<Arguments>(arguments)...);
    }

private:
    slot_base* slot_;
    Target target_;
};

/** Binds a slot to a completion handler or a completion token, so that the
    operation it is given to takes its memory from the slot.

    @param slot The slot. It must outlive the operation, also where the
    operation ends with its `io_context` instead of being completed.

    @param token The handler or token, copied or moved into the result. Any
    token will do: `boost::asio::deferred`, `use_awaitable`, `use_future`,
    `detached`, a `yield_context`, and adapted ones such as `redirect_error` or
    `as_tuple`. Adaptors may stand inside or outside, with one exception: with
    Boost 1.81 the cancellation slot of a token that is not a handler is bound
    outside, `bind_cancellation_slot(cancellation, bind_slot(slot, token))`.

    An allocator that is already associated with the handler is overridden.

    Exception safety: strong; throws what copying or moving the token throws.

    Cost: one pointer in the handler. No allocation.

    Example:
    @code
    opslot::slot<> slot;

    socket.async_read_some(buffer, opslot::bind_slot(slot, handler));

    std::size_t bytes = co_await socket.async_read_some(
        buffer, opslot::bind_slot(slot, boost::asio::deferred));
    @endcode
*/
template<class Token>
[[nodiscard]] slot_binder<std::decay_t<Token>>
bind_slot(slot_base& slot, Token&& token)
{
    return slot_binder<std::decay_t<Token>>(slot, std::forward<Token>(token));
}

namespace detail {

// The type with which async_initiate names the target of a binder that is given
// to it as a Binder: copied from an lvalue, moved from an rvalue. An adaptor of
// Asio's would move from both, and spoil a token that is used a second time.
template<class Binder, class Target>
struct target_of_binder
{
    using type = Target;
};

template<class Binder, class Target>
struct target_of_binder<Binder const, Target>
{
    using type = Target const;
};

template<class Binder, class Target>
struct target_of_binder<Binder&, Target>
{
    using type = Target&;
};

template<class Binder, class Target>
struct target_of_binder<Binder const&, Target>
{
    using type = Target const&;
};

template<class Binder, class Target>
using target_of_binder_t = typename target_of_binder<Binder, Target>::type;

// Calls an initiation with the slot bound to the handler. It derives from the
// initiation where it can, because some tokens ask that for an executor.
template<
    class Initiation,
    bool = std::is_class_v<Initiation> && !std::is_final_v<Initiation>>
class slot_initiation : public Initiation
{
public:
    template<class I>
    slot_initiation(slot_base& slot, I&& initiation)
        : Initiation(std::forward<I>(initiation))
        , slot_(&slot)
    {}

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) &&
    {
        static_cast<Initiation&&> (*this)(
            bind_slot(*slot_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) &
    {
        static_cast<Initiation&> (*this)(
            bind_slot(*slot_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) const&
    {
        static_cast<Initiation const&> (*this)(
            bind_slot(*slot_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

private:
    slot_base* slot_;
};

// The same for functions, and for classes one cannot derive from.
template<class Initiation>
class slot_initiation<Initiation, false>
{
public:
    template<class I>
    slot_initiation(slot_base& slot, I&& initiation)
        : slot_(&slot)
        , initiation_(std::forward<I>(initiation))
    {}

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) &&
    {
        std::move(initiation_)(
            bind_slot(*slot_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) &
    {
        initiation_(
            bind_slot(*slot_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

    template<class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) const&
    {
        initiation_(
            bind_slot(*slot_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

private:
    slot_base* slot_;
    Initiation initiation_;
};

// async_result used to have a type for what the initiating function returns,
// which tokens without a type of their own to name (deferred) lack. Binders of
// Boost 1.81 mention the type of their target's without using it, so a binder
// that may be such a target has one in any case.
template<class TargetResult, class = void>
struct slot_binder_return_type
{
    using return_type = void;
};

template<class TargetResult>
struct slot_binder_return_type<
    TargetResult,
    std::void_t<typename TargetResult::return_type>>
{
    using return_type = typename TargetResult::return_type;
};

// What async_completion, the predecessor of async_initiate, needs: only for
// tokens that support it themselves.
template<class TargetResult, class = void>
class slot_binder_result : public slot_binder_return_type<TargetResult>
{
public:
    template<class Binder>
    explicit slot_binder_result(Binder&) noexcept
    {}
};

template<class TargetResult>
class slot_binder_result<
    TargetResult,
    std::void_t<typename TargetResult::completion_handler_type>>
    : public slot_binder_return_type<TargetResult>
{
public:
    using completion_handler_type =
        slot_binder<typename TargetResult::completion_handler_type>;

    explicit slot_binder_result(completion_handler_type& handler)
        : target_(handler.get())
    {}

    decltype(auto) get() { return target_.get(); }

private:
    TargetResult target_;
};

} // namespace detail

} // namespace OPSLOT_ABI
} // namespace opslot

namespace boost {
namespace asio {

/// Makes a slot_binder the token that its target is.
template<class Target, class... Signatures>
class async_result<opslot::slot_binder<Target>, Signatures...>
    : public opslot::detail::slot_binder_result<
          async_result<Target, Signatures...>>
{
public:
    using opslot::detail::slot_binder_result<
        async_result<Target, Signatures...>>::slot_binder_result;

    async_result(async_result const&) = delete;
    async_result& operator=(async_result const&) = delete;

    /// Starts the operation as the target does, with the slot bound to the
    /// handler.
    template<class Initiation, class Binder, class... Arguments>
    static auto
    initiate(Initiation&& initiation, Binder&& binder, Arguments&&... arguments)
        -> decltype(async_initiate<
                    opslot::detail::target_of_binder_t<Binder, Target>,
                    Signatures...>(
            std::declval<
                opslot::detail::slot_initiation<std::decay_t<Initiation>>>(),
            binder.get(),
            std::forward<Arguments>(arguments)...))
    {
        return async_initiate<
            opslot::detail::target_of_binder_t<Binder, Target>,
            Signatures...>(
            opslot::detail::slot_initiation<std::decay_t<Initiation>>(
                binder.slot(), std::forward<Initiation>(initiation)),
            binder.get(),
            std::forward<Arguments>(arguments)...);
    }
};

/// Forwards every associated characteristic to the target of a slot_binder. It
/// derives from the target's, in which Asio looks whether there is one at all:
/// a handler with an executor of its own takes a longer way.
template<
    template<class, class>
    class Associator,
    class Target,
    class DefaultCandidate>
struct associator<Associator, opslot::slot_binder<Target>, DefaultCandidate>
    : Associator<Target, DefaultCandidate>
{
    static typename Associator<Target, DefaultCandidate>::type
    get(opslot::slot_binder<Target> const& binder) noexcept
    {
        return Associator<Target, DefaultCandidate>::get(binder.get());
    }

    static auto
    get(opslot::slot_binder<Target> const& binder,
        DefaultCandidate const& candidate) noexcept
        -> decltype(Associator<Target, DefaultCandidate>::get(
            binder.get(), candidate))
    {
        return Associator<Target, DefaultCandidate>::get(
            binder.get(), candidate);
    }
};

/// The associated allocator of a slot_binder: the slot's.
template<class Target, class Allocator>
struct associated_allocator<opslot::slot_binder<Target>, Allocator>
{
    using type = opslot::slot_allocator<void>;

    static type get(opslot::slot_binder<Target> const& binder) noexcept
    {
        return binder.get_allocator();
    }

    static type
    get(opslot::slot_binder<Target> const& binder, Allocator const&) noexcept
    {
        return binder.get_allocator();
    }
};

} // namespace asio
} // namespace boost

#endif
