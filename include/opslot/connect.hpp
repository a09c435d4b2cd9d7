#ifndef OPSLOT_CONNECT_HPP
#define OPSLOT_CONNECT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Connecting to the first endpoint that answers, as `asio::connect` and
    `asio::async_connect`, which take Asio's own sockets only.
*/

#include <opslot/basic_socket.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

template<typename T, typename = void>
struct is_endpoint_sequence : std::false_type
{};

template<typename T>
struct is_endpoint_sequence<
    T,
    std::void_t<
        decltype(std::declval<T const&>().begin()),
        decltype(std::declval<T const&>().end())>> : std::true_type
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

/// One attempt after the other, as a composed operation.
template<typename Socket, typename Sequence, typename Condition>
class range_connect
{
    using endpoint_type = typename Socket::endpoint_type;
    using iterator = typename Sequence::const_iterator;

public:
    range_connect(
        Socket& socket, Sequence const& sequence, Condition const& condition)
        : socket_(socket)
        , sequence_(sequence)
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
            ++index_;
            break;
        }
        if (step_ == step::connect)
        {
            ec = boost::asio::error::not_found;
        }
        iterator i = current();
        while (
            i != sequence_.end() &&
            !condition_(
                step_ == step::connect ? boost::system::error_code() : ec, *i))
        {
            ++i;
            ++index_;
        }
        if (i == sequence_.end())
        {
            complete(self, ec);
            return;
        }
        step_ = step::result;
        boost::system::error_code ignored;
        socket_.close(ignored);
        endpoint_ = *i;
        endpoint_type const peer = endpoint_;
        socket_.async_connect(peer, std::move(self));
    }

protected:
    enum class step
    {
        start,
        connect,
        result
    };

    iterator current() const
    {
        iterator i = sequence_.begin();
        for (std::size_t n = 0; n != index_ && i != sequence_.end(); ++n)
        {
            ++i;
        }
        return i;
    }

    template<typename Self>
    void complete(Self& self, boost::system::error_code ec)
    {
        self.complete(ec, ec ? endpoint_type() : endpoint_);
    }

    Socket& socket_;
    Sequence sequence_;
    Condition condition_;
    step step_ = step::start;
    std::size_t index_ = 0;
    endpoint_type endpoint_;
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

/** Connects to the first endpoint of a sequence that accepts.

    The socket is closed before each attempt. Endpoints are tried in order.
    The sequence is copied.

    @param condition See @ref connect.

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
    using operation = detail::range_connect<
        basic_socket<Protocol, Executor>,
        EndpointSequence,
        ConnectCondition>;
    return boost::asio::async_compose<
        CompletionToken,
        void(boost::system::error_code, typename Protocol::endpoint)>(
        operation(socket, endpoints, condition), token, socket);
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

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
