#ifndef OPSLOT_DETAIL_SLOTTED_OBJECT_HPP
#define OPSLOT_DETAIL_SLOTTED_OBJECT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the slotted I/O objects have in common.
*/

#include <opslot/config.hpp>
#include <opslot/detail/slotted_memory.hpp>
#include <opslot/detail/slotted_token.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/socket_base.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// The kinds of operation that have a slot each. Objects with one kind of
/// operation have the first only.
enum class slotted_kind : std::size_t
{
    wait,
    read,
    write
};

/** The Asio class with its slots, made when the first operation of their kind
    is started.

    A move takes the slots along with the operations that use them. A move to
    or from the plain object leaves them behind, or begins without: what was
    lent out holds them.

    @tparam Object The Asio class.
    @tparam Slots How many kinds of operation there are.
*/
template<class Object, std::size_t Slots>
class slotted_object : public Object
{
public:
    using typename Object::executor_type;

    /// Makes the type for another executor known, as Asio's classes do.
    template<class OtherExecutor>
    struct rebind_executor
    {
        using other = slotted<
            typename Object::template rebind_executor<OtherExecutor>::other>;
    };

    using Object::Object;

    slotted_object(Object&& other) noexcept(
        std::is_nothrow_move_constructible_v<Object>)
        : Object(std::move(other))
    {}

    slotted_object(slotted_object&&) = default;
    slotted_object& operator=(slotted_object&&) = default;

protected:
    using default_token =
        boost::asio::default_completion_token_t<executor_type>;

    Object& plain() noexcept { return *this; }

    /// The token to give to the operation of the Asio class.
    template<class Token>
    slotted_token<Token, Object> with_slot(slotted_kind kind, Token&& token)
    {
        return {
            std::forward<Token>(token),
            *this,
            slots_[static_cast<std::size_t>(kind)]};
    }

private:
    friend struct slotted_access;

    std::array<slotted_memory_ptr, Slots> slots_;
};

/// Lets functions that are no members use the slots.
struct slotted_access
{
    template<class Object, std::size_t Slots, class Token>
    static slotted_token<Token, Object> with_slot(
        slotted_object<Object, Slots>& object, slotted_kind kind, Token&& token)
    {
        return object.with_slot(kind, std::forward<Token>(token));
    }
};

/// The operations of all sockets.
template<class Socket>
class slotted_socket : public slotted_object<Socket, 3>
{
    using base = slotted_object<Socket, 3>;

protected:
    using typename base::default_token;

public:
    using typename base::endpoint_type;
    using typename base::message_flags;
    using typename base::wait_type;

    using base::base;

    /// Connects, as the Asio class does.
    template<class Token = default_token>
    auto
    async_connect(endpoint_type const& peer, Token&& token = default_token())
    {
        return this->plain().async_connect(
            peer,
            this->with_slot(slotted_kind::wait, std::forward<Token>(token)));
    }

    /// Waits until the socket is ready, as the Asio class does.
    template<class Token = default_token>
    auto async_wait(wait_type event, Token&& token = default_token())
    {
        return this->plain().async_wait(
            event,
            this->with_slot(slotted_kind::wait, std::forward<Token>(token)));
    }

    /// Sends, as the Asio class does.
    template<class ConstBufferSequence, class Token = default_token>
    auto async_send(
        ConstBufferSequence const& buffers, Token&& token = default_token())
    {
        return this->plain().async_send(
            buffers,
            this->with_slot(slotted_kind::write, std::forward<Token>(token)));
    }

    /// Sends with flags, as the Asio class does.
    template<class ConstBufferSequence, class Token = default_token>
    auto async_send(
        ConstBufferSequence const& buffers,
        message_flags flags,
        Token&& token = default_token())
    {
        return this->plain().async_send(
            buffers,
            flags,
            this->with_slot(slotted_kind::write, std::forward<Token>(token)));
    }

    /// Receives, as the Asio class does.
    template<class MutableBufferSequence, class Token = default_token>
    auto async_receive(
        MutableBufferSequence const& buffers, Token&& token = default_token())
    {
        return this->plain().async_receive(
            buffers,
            this->with_slot(slotted_kind::read, std::forward<Token>(token)));
    }

    /// Receives with flags, as the Asio class does.
    template<class MutableBufferSequence, class Token = default_token>
    auto async_receive(
        MutableBufferSequence const& buffers,
        message_flags flags,
        Token&& token = default_token())
    {
        return this->plain().async_receive(
            buffers,
            flags,
            this->with_slot(slotted_kind::read, std::forward<Token>(token)));
    }
};

/// The one operation of timers and signal sets.
template<class Object>
class slotted_waiter : public slotted_object<Object, 1>
{
    using base = slotted_object<Object, 1>;

protected:
    using typename base::default_token;

public:
    using base::base;

    /// Waits, as the Asio class does.
    template<class Token = default_token>
    auto async_wait(Token&& token = default_token())
    {
        return this->plain().async_wait(
            this->with_slot(slotted_kind::wait, std::forward<Token>(token)));
    }
};

/// The operation of all descriptors.
template<class Descriptor, std::size_t Slots>
class slotted_descriptor : public slotted_object<Descriptor, Slots>
{
    using base = slotted_object<Descriptor, Slots>;

protected:
    using typename base::default_token;

public:
    using typename base::wait_type;

    using base::base;

    /// Waits until the descriptor is ready, as the Asio class does.
    template<class Token = default_token>
    auto async_wait(wait_type event, Token&& token = default_token())
    {
        return this->plain().async_wait(
            event,
            this->with_slot(slotted_kind::wait, std::forward<Token>(token)));
    }
};

/// The operations of streams.
template<class Base>
class slotted_stream : public Base
{
protected:
    using typename Base::default_token;

public:
    using Base::Base;

    /// Reads some bytes, as the Asio class does.
    template<class MutableBufferSequence, class Token = default_token>
    auto async_read_some(
        MutableBufferSequence const& buffers, Token&& token = default_token())
    {
        return this->plain().async_read_some(
            buffers,
            this->with_slot(slotted_kind::read, std::forward<Token>(token)));
    }

    /// Writes some bytes, as the Asio class does.
    template<class ConstBufferSequence, class Token = default_token>
    auto async_write_some(
        ConstBufferSequence const& buffers, Token&& token = default_token())
    {
        return this->plain().async_write_some(
            buffers,
            this->with_slot(slotted_kind::write, std::forward<Token>(token)));
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
