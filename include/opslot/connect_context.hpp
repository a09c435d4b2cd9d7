#ifndef OPSLOT_CONNECT_CONTEXT_HPP
#define OPSLOT_CONNECT_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of an operation that connects a socket.
*/

#include <opslot/detail/connect_composition.hpp>
#include <opslot/operation_context.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A reusable connect.

    It says where to connect to, by one of

    @li @ref endpoint, an address,
    @li @ref endpoints, several addresses, which are tried in their order,
    @li @ref name, a host and a service, which are resolved outside of the
        threads of the `io_context` and whose addresses are tried,

    of which the last call counts, and what to send first, by @ref buffer.
    One context may be used for sockets of any protocol in turn.

    @par Several steps
    A connect to anything but one address, and one that sends, has several
    steps. Unless it is refused at once, it reports *pending*. Each attempt has
   a native socket of its own, and the socket is closed until there is a
   connection: it gets the native socket that is connected, with the options
   that were set of it by `set_option` since it was opened, and bound to what it
   was bound to; addresses of another family than that of `bind` are passed
   over. After an error the socket is closed. A deadline counts for all steps
    together, and cancelling, closing the socket and destroying the context
    end whatever step is under way. An address is given up for the next when
    connecting fails; an error while sending is the result.

    @see operation_context for ownership, state, results and threads.
*/
class connect_context : public operation_context
{
public:
    connect_context() noexcept = default;

    /// Withdraws a pending operation. The socket of a connect of several
    /// steps stays closed, unless it is connected already and only the call
    /// of the handler is left; that of any other one stays as it is.
    ~connect_context()
    {
        drop_composition();
        release();
    }

    /** Stores the handler of all operations on this context, called as
        `handler(connect_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        store_handler<connect_context>(std::forward<Handler>(handler));
    }

    // Where to

    /** Sets the endpoint to connect to. It stays set.

        @param endpoint An endpoint of any stream or datagram protocol of
        Asio's.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    template<typename Endpoint>
    void endpoint(Endpoint const& endpoint)
    {
        check_idle();
        auto const protocol = endpoint.protocol();
        endpoint_ = boost::asio::generic::stream_protocol::endpoint(
            endpoint.data(), endpoint.size(), protocol.protocol());
        request_.family = protocol.family();
        request_.type = protocol.type();
        request_.protocol = protocol.protocol();
        has_list_ = false;
        plan_.host.clear();
    }

    /// The endpoint that was set; its size is that of an address family
    /// only, if none was.
    boost::asio::generic::stream_protocol::endpoint const&
    endpoint() const noexcept
    {
        return endpoint_;
    }

    /** Sets several endpoints, which are tried in their order. They are
        copied and stay set.

        @param range A range of endpoints, or of resolver results.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::no_endpoint` if the range is
        empty; `std::bad_alloc`. Nothing was changed then.
    */
    template<typename Range>
    void endpoints(Range const& range)
    {
        check_idle();
        detail::connect_endpoints list = detail::no_endpoints();
        for (auto const& each : range)
        {
            add_endpoint(list, each);
        }
        set_endpoints(std::move(list));
    }

    /** Sets a name to connect to. It stays set.

        The addresses of the name are tried in the order in which the system
        gives them. A host that is an address, with a port that is a number,
        needs no resolver.

        @param host The name of a host, or an address.
        @param service A port, or the name of a service.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`; `asio::error::invalid_argument` if one of
        them is empty, and for an address that names no host, which are
        `0.0.0.0` and `::`; `error::out_of_range` for a port that is none;
        `std::bad_alloc`. Nothing was changed then.

        @par Cost
        Resolving a name allocates, and takes a thread that Asio starts at
        the first time.
    */
    void name(std::string_view host, std::string_view service);

    /** Tries addresses at the same time, as RFC 8305 has it.

        The next attempt begins when one has failed, and when the last one
        has had its @ref head_start; the first connection is taken, and the
        other attempts end. The families of the addresses of a name take
        turns. A socket that is bound tries one address at a time.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void parallel(bool on);

    /// Whether addresses are tried at the same time; by default not.
    bool parallel() const noexcept { return plan_.is_parallel; }

    /** Sets how long an attempt is alone before the next one begins.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::out_of_range` unless it is more
        than zero.
    */
    void head_start(std::chrono::steady_clock::duration duration);

    /// How long an attempt is alone; by default 250 ms.
    std::chrono::steady_clock::duration head_start() const noexcept
    {
        return plan_.head_start;
    }

    // What to send

    /** Sets data that are sent as soon as there is a connection.

        The connect completes when all bytes are sent, with their number in
        `bytes_transferred()`. The buffer stays set, until it is replaced by
        an empty one, and must stay valid while an operation is pending.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void buffer(boost::asio::const_buffer b);

    /// The data that were set.
    boost::asio::const_buffer buffer() const noexcept { return plan_.data; }

    /** Sends the data with the first packet: TCP Fast Open, RFC 7413.

        Only to a server that has agreed before, and where the system can
        (Linux 4.11, `net.ipv4.tcp_fastopen`); else they are sent after the
        handshake. The server may receive them twice, so they should be such
        that this does no harm.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void fast_open(bool on);

    /// Whether the data are sent with the first packet; by default not.
    bool fast_open() const noexcept { return plan_.uses_fast_open; }

    // The result

    /** Why the last connect by @ref name failed.

        Success if it did not fail, and after a connect to endpoints. The
        same as `error()` otherwise: what the resolver said, such as
        `asio::error::host_not_found`, or why the last address failed.
    */
    boost::system::error_code connect_by_name_error() const noexcept
    {
        return was_by_name_ ? error() : boost::system::error_code();
    }

    /// The endpoint that the last connect has reached.
    boost::asio::generic::stream_protocol::endpoint const&
    peer_endpoint() const noexcept
    {
        return was_composed_ ? peer_ : endpoint_;
    }

private:
    friend struct detail::connect_context_access;

    /// Adds an endpoint, or the one of a resolver's result.
    template<typename Each>
    static void add_endpoint(detail::connect_endpoints& list, Each const& each)
    {
        if constexpr (has_endpoint<Each>::value)
        {
            add_endpoint(list, each.endpoint());
        }
        else
        {
            list.emplace_back(
                each.data(), each.size(), each.protocol().protocol());
        }
    }

    template<typename T, typename = void>
    struct has_endpoint : std::false_type
    {};

    template<typename T>
    struct has_endpoint<
        T,
        std::void_t<decltype(std::declval<T const&>().endpoint())>>
        : std::true_type
    {};

    void set_endpoints(detail::connect_endpoints list);

    /// Whether a connect has several steps.
    bool is_composed() const noexcept
    {
        return has_list_ || plan_.has_name() || plan_.data.size() != 0;
    }

    /// Makes the steps of the next operation.
    detail::connect_composition*
    compose(detail::engine& e, boost::asio::any_io_executor const& executor);

    static void conclude(operation_context& context, bool delivers);

    void drop_composition() noexcept
    {
        if (composition_)
        {
            composition_->stop();
            composition_.reset();
        }
    }

    boost::asio::generic::stream_protocol::endpoint endpoint_;
    boost::asio::generic::stream_protocol::endpoint peer_;
    detail::connect_request request_;
    detail::connect_plan plan_;
    boost::intrusive_ptr<detail::connect_composition> composition_;
    bool has_list_ = false;
    bool was_composed_ = false;
    bool was_by_name_ = false;
};

namespace detail {

/// What sockets do with their contexts.
struct connect_context_access
{
    /// The request of the context, or null if it has no endpoint.
    static connect_request* prepare(connect_context& c) noexcept
    {
        if (c.request_.type == 0)
        {
            return nullptr;
        }
        c.drop_composition();
        c.was_composed_ = false;
        c.was_by_name_ = false;
        c.request_.address = c.endpoint_.data();
        c.request_.address_size = c.endpoint_.size();
        return &c.request_;
    }

    static bool is_composed(connect_context const& c) noexcept
    {
        return c.is_composed();
    }

    static bool has_name(connect_context const& c) noexcept
    {
        return c.plan_.has_name();
    }

    /// Whether there is somewhere to connect to.
    static bool has_endpoint(connect_context const& c) noexcept
    {
        return c.has_list_ || c.plan_.has_name() || c.request_.type != 0;
    }

    static connect_composition* compose(
        connect_context& c,
        engine& e,
        boost::asio::any_io_executor const& executor)
    {
        return c.compose(e, executor);
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
