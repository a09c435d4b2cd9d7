#ifndef OPSLOT_SLOTTED_HPP
#define OPSLOT_SLOTTED_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>
#include <opslot/detail/slotted_object.hpp>
#include <opslot/detail/slotted_token.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/resolver_base.hpp>
#include <boost/asio/posix/basic_descriptor.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/socket_base.hpp>

#include <string_view>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** An I/O object of Asio whose operations do not allocate.

    It derives publicly from the Asio class and is used like it, with any
    executor and any completion token. Its asynchronous operations take their
    memory from slots of the object, one for each direction (reading, writing,
    and waiting or connecting), made when the first such operation is started.
    A slot serves one pending operation; more of them, and larger ones, take
    theirs from the operation_memory of the execution context. After a warm-up
    nothing reaches the heap, also where Asio's own cache of two blocks for
    each thread does not help: bursts of operations, operations started by a
    thread that does not run the context, and handlers on a strand. (A strand
    that several threads contend for takes 80 bytes now and then from a cache of
    Asio's for each thread, which may be empty by chance: no handler is asked.)

    @tparam IoObject One of the class templates of Asio, with any arguments:
    `basic_stream_socket`, `basic_datagram_socket`, `basic_socket_acceptor`,
    `basic_waitable_timer`, `basic_signal_set`, `ip::basic_resolver`,
    `posix::basic_descriptor`, `posix::basic_stream_descriptor`.

    Composed operations (`asio::async_read`, `asio::async_write`,
    `asio::async_read_until`, `asio::async_connect` …), TLS and Beast streams
    over such an object use its slots too.

    Handlers: an associated allocator other than `std::allocator` is respected;
    nothing is bound then. An associated executor, by default the object's, that
    is an `any_io_executor` around `io_context::executor_type` or a `strand` of
    it, is unwrapped, since `any_io_executor` allocates for each handler that it
    does not call at once.

    Completion, Errors, Cancellation: those of the Asio class. Where the Asio
    class hands out a socket, this one hands out a slotted socket.

    Lifetime: the storage of a slot lives until the object and all operations
    that use it have gone, in any order. So an object may be moved, and be
    moved to or from a plain one, with operations pending. Pending operations
    stay where they are; those started later on a plain object are plain:

    @code
    asio::ip::tcp::socket plain(std::move(slotted_socket));
    @endcode

    Thread safety: as the Asio class.

    Exception safety: as the Asio class. Initiating functions may throw
    `std::bad_alloc`, as Asio's.

    Cost: a pointer for each slot, and 512 bytes of operation_memory for each
    slot in use. An operation takes two atomic operations, and two more if its
    handler runs on another executor than the plain one of the object's
    `io_context`.

    Example:
    @code
    opslot::slotted<boost::asio::ip::tcp::socket> socket(io);
    socket.async_read_some(buffer, handler);
    @endcode
*/
template<class IoObject>
class slotted;

/// A stream socket. @see slotted
template<class Protocol, class Executor>
class slotted<boost::asio::basic_stream_socket<Protocol, Executor>>
    : public detail::slotted_stream<detail::slotted_socket<
          boost::asio::basic_stream_socket<Protocol, Executor>>>
{
    using base = detail::slotted_stream<detail::slotted_socket<
        boost::asio::basic_stream_socket<Protocol, Executor>>>;

public:
    using base::base;
};

/// A datagram socket. @see slotted
template<class Protocol, class Executor>
class slotted<boost::asio::basic_datagram_socket<Protocol, Executor>>
    : public detail::slotted_socket<
          boost::asio::basic_datagram_socket<Protocol, Executor>>
{
    using base = detail::slotted_socket<
        boost::asio::basic_datagram_socket<Protocol, Executor>>;
    using typename base::default_token;
    using kind = detail::slotted_kind;

public:
    using typename base::endpoint_type;
    using typename base::message_flags;

    using base::base;

    /// Sends to `destination`, as the Asio class does.
    template<class ConstBufferSequence, class Token = default_token>
    auto async_send_to(
        ConstBufferSequence const& buffers,
        endpoint_type const& destination,
        Token&& token = default_token())
    {
        return this->plain().async_send_to(
            buffers,
            destination,
            this->with_slot(kind::write, std::forward<Token>(token)));
    }

    /// Sends to `destination` with flags, as the Asio class does.
    template<class ConstBufferSequence, class Token = default_token>
    auto async_send_to(
        ConstBufferSequence const& buffers,
        endpoint_type const& destination,
        message_flags flags,
        Token&& token = default_token())
    {
        return this->plain().async_send_to(
            buffers,
            destination,
            flags,
            this->with_slot(kind::write, std::forward<Token>(token)));
    }

    /// Receives, and stores the sender, as the Asio class does.
    template<class MutableBufferSequence, class Token = default_token>
    auto async_receive_from(
        MutableBufferSequence const& buffers,
        endpoint_type& sender,
        Token&& token = default_token())
    {
        return this->plain().async_receive_from(
            buffers,
            sender,
            this->with_slot(kind::read, std::forward<Token>(token)));
    }

    /// Receives with flags, and stores the sender, as the Asio class does.
    template<class MutableBufferSequence, class Token = default_token>
    auto async_receive_from(
        MutableBufferSequence const& buffers,
        endpoint_type& sender,
        message_flags flags,
        Token&& token = default_token())
    {
        return this->plain().async_receive_from(
            buffers,
            sender,
            flags,
            this->with_slot(kind::read, std::forward<Token>(token)));
    }
};

/** An acceptor, which hands out slotted sockets.

    The forms of accept() and async_accept() are those of the Asio class.

    @see slotted
*/
template<class Protocol, class Executor>
class slotted<boost::asio::basic_socket_acceptor<Protocol, Executor>>
    : public detail::slotted_descriptor<
          boost::asio::basic_socket_acceptor<Protocol, Executor>,
          1>
{
    using base = detail::slotted_descriptor<
        boost::asio::basic_socket_acceptor<Protocol, Executor>,
        1>;
    using acceptor = boost::asio::basic_socket_acceptor<Protocol, Executor>;
    using typename base::default_token;
    using kind = detail::slotted_kind;

    // A socket to accept into, or the executor or context of the new socket.
    template<class T>
    using enable_if_place = std::enable_if_t<
        std::is_base_of_v<boost::asio::socket_base, T> ||
            std::is_convertible_v<T&, boost::asio::execution_context&> ||
            boost::asio::execution::is_executor<std::remove_const_t<T>>::value,
        int>;

public:
    using typename base::endpoint_type;

    using base::base;

    /// Accepts a connection, as the Asio class does with these arguments. A
    /// socket that is returned is a slotted one.
    template<class... Arguments>
    auto accept(Arguments&&... arguments) -> detail::slotted_counterpart_t<
        decltype(std::declval<acceptor&>().accept(
            std::forward<Arguments>(arguments)...))>
    {
        return acceptor::accept(std::forward<Arguments>(arguments)...);
    }

    /// Accepts a connection into a new slotted socket.
    template<class Token = default_token>
    auto async_accept(Token&& token = default_token())
    {
        return this->plain().async_accept(
            this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// Accepts a connection into a new slotted socket, and stores its endpoint.
    template<class Token = default_token>
    auto async_accept(endpoint_type& peer, Token&& token = default_token())
    {
        return this->plain().async_accept(
            peer, this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /** Accepts a connection.

        @param place A socket to accept into, or the executor or the execution
        context of the new slotted socket.
    */
    template<
        class Place,
        class Token = default_token,
        enable_if_place<Place> = 0>
    auto async_accept(Place& place, Token&& token = default_token())
    {
        return this->plain().async_accept(
            place, this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// The same for an executor that is a temporary object.
    template<
        class NewExecutor,
        class Token = default_token,
        std::enable_if_t<
            boost::asio::execution::is_executor<NewExecutor>::value,
            int> = 0>
    auto
    async_accept(NewExecutor const&& executor, Token&& token = default_token())
    {
        return this->async_accept(executor, std::forward<Token>(token));
    }

    /// Accepts a connection, and stores the endpoint of the peer.
    template<
        class Place,
        class Token = default_token,
        enable_if_place<Place> = 0>
    auto async_accept(
        Place& place, endpoint_type& peer, Token&& token = default_token())
    {
        return this->plain().async_accept(
            place,
            peer,
            this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// The same for an executor that is a temporary object.
    template<
        class NewExecutor,
        class Token = default_token,
        std::enable_if_t<
            boost::asio::execution::is_executor<NewExecutor>::value,
            int> = 0>
    auto async_accept(
        NewExecutor const&& executor,
        endpoint_type& peer,
        Token&& token = default_token())
    {
        return this->async_accept(executor, peer, std::forward<Token>(token));
    }
};

/// A timer. @see slotted
template<class Clock, class WaitTraits, class Executor>
class slotted<boost::asio::basic_waitable_timer<Clock, WaitTraits, Executor>>
    : public detail::slotted_waiter<
          boost::asio::basic_waitable_timer<Clock, WaitTraits, Executor>>
{
    using base = detail::slotted_waiter<
        boost::asio::basic_waitable_timer<Clock, WaitTraits, Executor>>;

public:
    using base::base;
};

/// A set of signals. @see slotted
template<class Executor>
class slotted<boost::asio::basic_signal_set<Executor>>
    : public detail::slotted_waiter<boost::asio::basic_signal_set<Executor>>
{
    using base =
        detail::slotted_waiter<boost::asio::basic_signal_set<Executor>>;

public:
    using base::base;
};

/** A resolver.

    Only the memory of the operation comes from the slot: Asio and the C library
    still allocate for the names and for the results.

    @see slotted
*/
template<class Protocol, class Executor>
class slotted<boost::asio::ip::basic_resolver<Protocol, Executor>>
    : public detail::
          slotted_object<boost::asio::ip::basic_resolver<Protocol, Executor>, 1>
{
    using base = detail::
        slotted_object<boost::asio::ip::basic_resolver<Protocol, Executor>, 1>;
    using typename base::default_token;
    using kind = detail::slotted_kind;

public:
    using flags = boost::asio::ip::resolver_base::flags;
    using typename base::protocol_type;

    using base::base;

    /// Resolves an endpoint, or what else the Asio class takes alone.
    template<
        class Query,
        class Token = default_token,
        std::enable_if_t<
            !std::is_convertible_v<Query const&, std::string_view>,
            int> = 0>
    auto async_resolve(Query const& what, Token&& token = default_token())
    {
        return this->plain().async_resolve(
            what, this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// Resolves a host and a service, as the Asio class does.
    template<class Token = default_token>
    auto async_resolve(
        std::string_view host,
        std::string_view service,
        Token&& token = default_token())
    {
        return this->plain().async_resolve(
            host,
            service,
            this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// Resolves a host and a service with flags, as the Asio class does.
    template<class Token = default_token>
    auto async_resolve(
        std::string_view host,
        std::string_view service,
        flags options,
        Token&& token = default_token())
    {
        return this->plain().async_resolve(
            host,
            service,
            options,
            this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// Resolves for one protocol, as the Asio class does.
    template<class Token = default_token>
    auto async_resolve(
        protocol_type const& protocol,
        std::string_view host,
        std::string_view service,
        Token&& token = default_token())
    {
        return this->plain().async_resolve(
            protocol,
            host,
            service,
            this->with_slot(kind::wait, std::forward<Token>(token)));
    }

    /// Resolves for one protocol with flags, as the Asio class does.
    template<class Token = default_token>
    auto async_resolve(
        protocol_type const& protocol,
        std::string_view host,
        std::string_view service,
        flags options,
        Token&& token = default_token())
    {
        return this->plain().async_resolve(
            protocol,
            host,
            service,
            options,
            this->with_slot(kind::wait, std::forward<Token>(token)));
    }
};

#if defined(BOOST_ASIO_HAS_POSIX_STREAM_DESCRIPTOR)

/// A descriptor. @see slotted
template<class Executor>
class slotted<boost::asio::posix::basic_descriptor<Executor>>
    : public detail::
          slotted_descriptor<boost::asio::posix::basic_descriptor<Executor>, 1>
{
    using base = detail::
        slotted_descriptor<boost::asio::posix::basic_descriptor<Executor>, 1>;

public:
    using base::base;
};

/// A descriptor of a stream. @see slotted
template<class Executor>
class slotted<boost::asio::posix::basic_stream_descriptor<Executor>>
    : public detail::slotted_stream<detail::slotted_descriptor<
          boost::asio::posix::basic_stream_descriptor<Executor>,
          3>>
{
    using base = detail::slotted_stream<detail::slotted_descriptor<
        boost::asio::posix::basic_stream_descriptor<Executor>,
        3>>;

public:
    using base::base;
};

#endif

} // namespace OPSLOT_ABI
} // namespace opslot

// Asio's composed connect takes a socket by its Asio class, and would start the
// operations of that. These are better matches for a slotted socket, and found
// where an application has it: qualified, or by argument-dependent lookup.
namespace boost {
namespace asio {

/** Connects a slotted socket to the first endpoint of a range that answers.

    As for other sockets, in the memory of the socket's slot.
*/
template<
    class Protocol,
    class Executor,
    class EndpointSequence,
    class Token = default_completion_token_t<Executor>,
    std::enable_if_t<is_endpoint_sequence<EndpointSequence>::value, int> = 0>
auto async_connect(
    opslot::slotted<basic_stream_socket<Protocol, Executor>>& socket,
    EndpointSequence const& endpoints,
    Token&& token = default_completion_token_t<Executor>())
{
    return async_connect(
        static_cast<basic_stream_socket<Protocol, Executor>&>(socket),
        endpoints,
        opslot::detail::slotted_access::with_slot(
            socket,
            opslot::detail::slotted_kind::wait,
            std::forward<Token>(token)));
}

/// The same with a condition that each endpoint has to meet.
template<
    class Protocol,
    class Executor,
    class EndpointSequence,
    class Condition,
    class Token,
    std::enable_if_t<is_endpoint_sequence<EndpointSequence>::value, int> = 0>
auto async_connect(
    opslot::slotted<basic_stream_socket<Protocol, Executor>>& socket,
    EndpointSequence const& endpoints,
    Condition condition,
    Token&& token)
{
    return async_connect(
        static_cast<basic_stream_socket<Protocol, Executor>&>(socket),
        endpoints,
        std::move(condition),
        opslot::detail::slotted_access::with_slot(
            socket,
            opslot::detail::slotted_kind::wait,
            std::forward<Token>(token)));
}

/// The same for the endpoints between two iterators.
template<
    class Protocol,
    class Executor,
    class Iterator,
    class Token,
    std::enable_if_t<!is_endpoint_sequence<Iterator>::value, int> = 0>
auto async_connect(
    opslot::slotted<basic_stream_socket<Protocol, Executor>>& socket,
    Iterator begin,
    Iterator end,
    Token&& token)
{
    return async_connect(
        static_cast<basic_stream_socket<Protocol, Executor>&>(socket),
        begin,
        end,
        opslot::detail::slotted_access::with_slot(
            socket,
            opslot::detail::slotted_kind::wait,
            std::forward<Token>(token)));
}

} // namespace asio
} // namespace boost

#endif
