#ifndef OPSLOT_CONNECT_HPP
#define OPSLOT_CONNECT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Connecting to the first endpoint that answers, as `asio::connect` and
    `asio::async_connect`, which take Asio's own sockets only.
*/

#include <opslot/basic_socket.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

template<typename T, typename = void>
struct is_endpoint_sequence : std::false_type
{};

/// A string is a name, and no range of endpoints.
template<typename T>
struct is_endpoint_sequence<
    T,
    std::void_t<
        decltype(*std::declval<T const&>().begin()),
        decltype(std::declval<T const&>().end())>>
    : std::bool_constant<!std::is_integral_v<
          std::decay_t<decltype(*std::declval<T const&>().begin())>>>
{};

template<typename T>
using enable_if_endpoint_sequence =
    std::enable_if_t<is_endpoint_sequence<T>::value, int>;

/// The condition that lets every endpoint be tried.
struct every_endpoint
{
    template<typename Endpoint>
    bool
    operator()(boost::system::error_code const&, Endpoint const&) const noexcept
    {
        return true;
    }
};

template<typename Iterator>
using enable_if_endpoint_iterator = std::enable_if_t<
    !is_endpoint_sequence<Iterator>::value &&
        !std::is_integral_v<
            typename std::iterator_traits<Iterator>::value_type>,
    int>;

/// A copy of a sequence, and the result of connecting to one of its
/// endpoints: the endpoint.
template<typename Sequence, typename Endpoint>
class owned_endpoints
{
public:
    using result_type = Endpoint;

    explicit owned_endpoints(Sequence const& sequence)
        : sequence_(sequence)
    {}

    void next() { ++index_; }

    /// The next endpoint is valid until `next`.
    auto current() const
    {
        auto i = sequence_.begin();
        for (std::size_t n = 0; n != index_ && i != sequence_.end(); ++n)
        {
            ++i;
        }
        return i;
    }

    auto end() const { return sequence_.end(); }

    void choose() { chosen_ = *current(); }

    Endpoint chosen() const { return chosen_; }

    Endpoint none() const { return Endpoint(); }

private:
    Sequence sequence_;
    std::size_t index_ = 0;
    Endpoint chosen_;
};

/// A range of the caller's; the result is the place in it.
template<typename Iterator>
class borrowed_endpoints
{
public:
    using result_type = Iterator;

    borrowed_endpoints(Iterator first, Iterator last)
        : current_(first)
        , last_(last)
    {}

    void next() { ++current_; }

    Iterator current() const { return current_; }

    Iterator end() const { return last_; }

    void choose() {}

    Iterator chosen() const { return current_; }

    Iterator none() const { return last_; }

private:
    Iterator current_;
    Iterator last_;
};

/// One attempt after the other, as a composed operation.
template<typename Socket, typename Endpoints, typename Condition>
class range_connect
{
    using endpoint_type = typename Socket::endpoint_type;

public:
    range_connect(
        Socket& socket, Endpoints const& endpoints, Condition const& condition)
        : socket_(socket)
        , endpoints_(endpoints)
        , condition_(condition)
    {}

    template<typename Self>
    void operator()(
        Self& self,
        boost::system::error_code ec = boost::asio::error::not_found)
    {
        switch (step_)
        {
        case step::start:
            self.reset_cancellation_state(
                boost::asio::enable_partial_cancellation());
            step_ = step::connect;
            boost::asio::post(socket_.get_executor(), std::move(self));
            return;
        case step::connect:
            break;
        case step::result:
            if (!ec)
            {
                complete(self, ec);
                return;
            }
            if (ec == boost::asio::error::operation_aborted ||
                self.cancelled() != boost::asio::cancellation_type::none)
            {
                complete(self, boost::asio::error::operation_aborted);
                return;
            }
            endpoints_.next();
            break;
        }
        if (step_ == step::connect)
        {
            ec = boost::asio::error::not_found;
        }
        auto i = endpoints_.current();
        while (
            i != endpoints_.end() &&
            !condition_(
                step_ == step::connect ? boost::system::error_code() : ec, *i))
        {
            endpoints_.next();
            ++i;
        }
        if (i == endpoints_.end())
        {
            complete(self, ec);
            return;
        }
        step_ = step::result;
        boost::system::error_code ignored;
        socket_.close(ignored);
        endpoints_.choose();
        endpoint_type const peer = *i;
        socket_.async_connect(peer, std::move(self));
    }

private:
    enum class step
    {
        start,
        connect,
        result
    };

    template<typename Self>
    void complete(Self& self, boost::system::error_code ec)
    {
        self.complete(ec, ec ? endpoints_.none() : endpoints_.chosen());
    }

    Socket& socket_;
    Endpoints endpoints_;
    Condition condition_;
    step step_ = step::start;
};

/** A connect by name on a context of its own.

    The context is pending while the handler moves about, so it is apart from
    it, in operation memory.
*/
template<typename Socket>
class name_connect
{
    using endpoint_type = typename Socket::endpoint_type;

public:
    name_connect(
        Socket& socket, std::string_view host, std::string_view service)
        : socket_(socket)
        , context_(std::allocate_shared<connect_context>(
              operation_memory_allocator<connect_context>(
                  operation_memory::process())))
    {
        try
        {
            context_->name(host, service);
        }
        catch (boost::system::system_error const& e)
        {
            // The socket reports the same where the name is missing.
            misuse_ = e.code();
        }
    }

    template<typename Self>
    void operator()(Self& self)
    {
        self.reset_cancellation_state(boost::asio::enable_total_cancellation());
        if (misuse_)
        {
            boost::asio::post(
                socket_.get_executor(),
                boost::asio::append(std::move(self), misuse_));
            return;
        }
        connect_context& context = *context_;
        socket_.async_connect(context, std::move(self));
    }

    template<typename Self>
    void operator()(Self& self, boost::system::error_code ec)
    {
        endpoint_type peer;
        if (!ec)
        {
            auto const& reached = context_->peer_endpoint();
            peer.resize(reached.size());
            std::memcpy(peer.data(), reached.data(), reached.size());
        }
        context_.reset();
        self.complete(ec, peer);
    }

private:
    Socket& socket_;
    std::shared_ptr<connect_context> context_;
    boost::system::error_code misuse_;
};

} // namespace detail

/** Connects to the first endpoint of a sequence that accepts.

    The socket is closed before each attempt. Endpoints are tried in order.

    @param socket The socket.
    @param endpoints A range of endpoints or resolver results.
    @param condition Called as `bool(error_code const& last, endpoint)`
    before each attempt; false skips it.
    @param ec Set to success, or to what the last attempt said;
    `asio::error::not_found` if there was none.

    @return The endpoint connected to, a default one on error.
*/
template<
    typename Protocol,
    typename Executor,
    typename EndpointSequence,
    typename ConnectCondition,
    detail::enable_if_endpoint_sequence<EndpointSequence> = 0>
typename Protocol::endpoint connect(
    basic_socket<Protocol, Executor>& socket,
    EndpointSequence const& endpoints,
    ConnectCondition condition,
    boost::system::error_code& ec)
{
    ec = {};
    bool tried = false;
    for (auto const& candidate : endpoints)
    {
        typename Protocol::endpoint const peer = candidate;
        if (condition(ec, peer))
        {
            boost::system::error_code ignored;
            socket.close(ignored);
            tried = true;
            if (!socket.connect(peer, ec))
            {
                return peer;
            }
        }
    }
    if (!tried)
    {
        ec = boost::asio::error::not_found;
    }
    return typename Protocol::endpoint();
}

/// The same without a condition.
template<
    typename Protocol,
    typename Executor,
    typename EndpointSequence,
    detail::enable_if_endpoint_sequence<EndpointSequence> = 0>
typename Protocol::endpoint connect(
    basic_socket<Protocol, Executor>& socket,
    EndpointSequence const& endpoints,
    boost::system::error_code& ec)
{
    return connect(socket, endpoints, detail::every_endpoint(), ec);
}

/// The same, reporting an error by `boost::system::system_error`.
template<
    typename Protocol,
    typename Executor,
    typename EndpointSequence,
    typename ConnectCondition,
    detail::enable_if_endpoint_sequence<EndpointSequence> = 0>
typename Protocol::endpoint connect(
    basic_socket<Protocol, Executor>& socket,
    EndpointSequence const& endpoints,
    ConnectCondition condition)
{
    boost::system::error_code ec;
    auto const peer = connect(socket, endpoints, condition, ec);
    detail::throw_if(ec);
    return peer;
}

/// The same without a condition.
template<
    typename Protocol,
    typename Executor,
    typename EndpointSequence,
    detail::enable_if_endpoint_sequence<EndpointSequence> = 0>
typename Protocol::endpoint connect(
    basic_socket<Protocol, Executor>& socket, EndpointSequence const& endpoints)
{
    return connect(socket, endpoints, detail::every_endpoint());
}

/** Connects to the first endpoint of a range that accepts.

    As the overloads for sequences, but returns the place in the range; `last`
    on error.
*/
template<
    typename Protocol,
    typename Executor,
    typename Iterator,
    typename ConnectCondition,
    detail::enable_if_endpoint_iterator<Iterator> = 0>
Iterator connect(
    basic_socket<Protocol, Executor>& socket,
    Iterator first,
    Iterator last,
    ConnectCondition condition,
    boost::system::error_code& ec)
{
    ec = {};
    bool tried = false;
    for (; first != last; ++first)
    {
        typename Protocol::endpoint const peer = *first;
        if (condition(ec, peer))
        {
            boost::system::error_code ignored;
            socket.close(ignored);
            tried = true;
            if (!socket.connect(peer, ec))
            {
                return first;
            }
        }
    }
    if (!tried)
    {
        ec = boost::asio::error::not_found;
    }
    return last;
}

/// The same without a condition.
template<
    typename Protocol,
    typename Executor,
    typename Iterator,
    detail::enable_if_endpoint_iterator<Iterator> = 0>
Iterator connect(
    basic_socket<Protocol, Executor>& socket,
    Iterator first,
    Iterator last,
    boost::system::error_code& ec)
{
    return connect(socket, first, last, detail::every_endpoint(), ec);
}

/// The same, reporting an error by `boost::system::system_error`.
template<
    typename Protocol,
    typename Executor,
    typename Iterator,
    typename ConnectCondition,
    detail::enable_if_endpoint_iterator<Iterator> = 0>
Iterator connect(
    basic_socket<Protocol, Executor>& socket,
    Iterator first,
    Iterator last,
    ConnectCondition condition)
{
    boost::system::error_code ec;
    Iterator const reached = connect(socket, first, last, condition, ec);
    detail::throw_if(ec);
    return reached;
}

/// The same without a condition.
template<
    typename Protocol,
    typename Executor,
    typename Iterator,
    detail::enable_if_endpoint_iterator<Iterator> = 0>
Iterator
connect(basic_socket<Protocol, Executor>& socket, Iterator first, Iterator last)
{
    return connect(socket, first, last, detail::every_endpoint());
}

/** Connects to the first endpoint of a sequence that accepts.

    The socket is closed before each attempt. Endpoints are tried in order.
    The sequence is copied.

    @param socket Stays where it is until the handler is called.
    @param endpoints A range of endpoints, or of resolver results.
    @param condition See @ref connect.
    @param token Gets the endpoint that was reached.

    @par Completion Signature
    @code void(boost::system::error_code, typename Protocol::endpoint) @endcode

    @par Per-Operation Cancellation
    `terminal`, `partial`: the socket is in no known state afterwards; close
    it.
*/
template<
    typename Protocol,
    typename Executor,
    typename EndpointSequence,
    typename ConnectCondition,
    typename CompletionToken,
    detail::enable_if_endpoint_sequence<EndpointSequence> = 0>
auto async_connect(
    basic_socket<Protocol, Executor>& socket,
    EndpointSequence const& endpoints,
    ConnectCondition condition,
    CompletionToken&& token)
{
    using owned =
        detail::owned_endpoints<EndpointSequence, typename Protocol::endpoint>;
    using operation = detail::range_connect<
        basic_socket<Protocol, Executor>,
        owned,
        ConnectCondition>;
    return boost::asio::async_compose<
        CompletionToken,
        void(boost::system::error_code, typename Protocol::endpoint)>(
        operation(socket, owned(endpoints), condition), token, socket);
}

/// The same without a condition.
template<
    typename Protocol,
    typename Executor,
    typename EndpointSequence,
    typename CompletionToken =
        typename boost::asio::default_completion_token<Executor>::type,
    detail::enable_if_endpoint_sequence<EndpointSequence> = 0>
auto async_connect(
    basic_socket<Protocol, Executor>& socket,
    EndpointSequence const& endpoints,
    CompletionToken&& token =
        typename boost::asio::default_completion_token<Executor>::type())
{
    return async_connect(
        socket,
        endpoints,
        detail::every_endpoint(),
        std::forward<CompletionToken>(token));
}

/** Connects to the first endpoint of a range that accepts.

    As the overloads for sequences. The range is not copied: it must stay
    valid until the handler is called.

    @par Completion Signature
    @code void(boost::system::error_code, Iterator) @endcode
    The place in the range; `last` on error.

    @par Per-Operation Cancellation
    `terminal`, `partial`: the socket is in no known state afterwards; close
    it.
*/
template<
    typename Protocol,
    typename Executor,
    typename Iterator,
    typename ConnectCondition,
    typename CompletionToken,
    detail::enable_if_endpoint_iterator<Iterator> = 0>
auto async_connect(
    basic_socket<Protocol, Executor>& socket,
    Iterator first,
    Iterator last,
    ConnectCondition condition,
    CompletionToken&& token)
{
    using borrowed = detail::borrowed_endpoints<Iterator>;
    using operation = detail::range_connect<
        basic_socket<Protocol, Executor>,
        borrowed,
        ConnectCondition>;
    return boost::asio::async_compose<
        CompletionToken,
        void(boost::system::error_code, Iterator)>(
        operation(socket, borrowed(first, last), condition), token, socket);
}

/// The same without a condition.
template<
    typename Protocol,
    typename Executor,
    typename Iterator,
    typename CompletionToken =
        typename boost::asio::default_completion_token<Executor>::type,
    detail::enable_if_endpoint_iterator<Iterator> = 0>
auto async_connect(
    basic_socket<Protocol, Executor>& socket,
    Iterator first,
    Iterator last,
    CompletionToken&& token =
        typename boost::asio::default_completion_token<Executor>::type())
{
    return async_connect(
        socket,
        first,
        last,
        detail::every_endpoint(),
        std::forward<CompletionToken>(token));
}

/** Connects to a name.

    As a connect on a @ref connect_context with that name; see there for
    deadlines, first data, and addresses that are tried at the same time.

    @param socket Stays where it is until the handler is called.
    @param host The name of a host, or an address.
    @param service A port, or the name of a service.
    @param token Gets the endpoint that was reached.

    @par Completion Signature
    @code void(boost::system::error_code, typename Protocol::endpoint) @endcode
    The endpoint that was reached. Misuse is reported here, too.

    @par Per-Operation Cancellation
    `terminal`, `partial`, `total`: the socket is closed afterwards.

    @par Cost
    Resolving allocates, unless the host is an address and the service a
    number.
*/
template<
    typename Protocol,
    typename Executor,
    typename CompletionToken =
        typename boost::asio::default_completion_token<Executor>::type>
auto async_connect(
    basic_socket<Protocol, Executor>& socket,
    std::string_view host,
    std::string_view service,
    CompletionToken&& token =
        typename boost::asio::default_completion_token<Executor>::type())
{
    using operation = detail::name_connect<basic_socket<Protocol, Executor>>;
    return boost::asio::async_compose<
        CompletionToken,
        void(boost::system::error_code, typename Protocol::endpoint)>(
        operation(socket, host, service), token, socket);
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
