#ifndef OPSLOT_ACCEPT_CONTEXT_HPP
#define OPSLOT_ACCEPT_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of an operation that accepts a connection.
*/

#include <opslot/basic_socket_core.hpp>
#include <opslot/detail/accept_composition.hpp>
#include <opslot/operation_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A reusable accept.

    After a completion without error the context has a connection, which
    @ref take_socket moves out. One that nobody took is closed when the next
    accept starts on the context, and when the context is destroyed. Or the
    connection goes into a socket that is given before: @ref accept_into.

    With a buffer for the @ref first_data, the accept completes when the peer
    has sent something, or has said nothing for a while.

    @tparam Socket The type of the accepted sockets, such as
    `opslot::tcp::socket`.

    @par Example
    @snippet example/pooled_server.cpp accept

    @see operation_context for ownership, state, results and threads.
*/
template<typename Socket>
class basic_accept_context : public operation_context
{
public:
    /// The type of the accepted sockets.
    using socket_type = Socket;
    /// The type of the executor.
    using executor_type = typename Socket::executor_type;
    /// The protocol.
    using protocol_type = typename Socket::protocol_type;
    /// The type of the endpoints.
    using endpoint_type = typename Socket::endpoint_type;

    /// Accepted sockets get the executor of their acceptor.
    basic_accept_context() = default;

    /// Accepted sockets get this executor. It may be one of another
    /// `io_context` than that of the acceptor.
    explicit basic_accept_context(executor_type const& executor)
        : executor_(executor)
        , peer_engine_(detail::engine_of(detail::describe(executor)))
        , is_fixed_(true)
    {}

    /// Withdraws a pending operation, and closes a socket nobody took.
    ~basic_accept_context()
    {
        drop_composition();
        release();
        discard_peer();
    }

    /** Stores the handler of all operations on this context, called as
        `handler(basic_accept_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        this->template store_handler<basic_accept_context>(
            std::forward<Handler>(handler));
    }

    /** Has accepted connections put into a socket.

        It stays set. The socket must be closed whenever an accept starts,
        and must stay where it is while one is pending.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void accept_into(Socket& socket)
    {
        check_idle();
        target_ = &socket;
    }

    /// Has accepted connections kept for @ref take_socket, as by default.
    void accept_into(std::nullptr_t)
    {
        check_idle();
        target_ = nullptr;
    }

    /** Has accepts receive the first data of the connection.

        Unless it is refused at once, such an accept reports *pending*. It
        completes without error
        and with `bytes_transferred()` when
        @li the first data have come, as many as one receive takes,
        @li `patience` has passed since the connection was there: 0 bytes,
        @li the peer has ended its stream: 0 bytes; a receive tells.

        When the connection fails before that, by a reset of the peer for
        instance, the accept completes with that error and has no
        connection; start the next one. The same holds if it is cancelled,
        if its deadline passes or if the acceptor is closed: a connection
        that was there already is closed. The deadline of the context counts
        for both steps together. Other accepts of the acceptor go on
        meanwhile, so have more than one outstanding.

        Connections of another `io_context` receive there, so it must run.

        @param buffer Where to; an empty one accepts without data again. It
        must stay valid while an operation is pending.
        @param patience How long to wait for data.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::out_of_range` unless `patience` is
        more than zero.
    */
    void first_data(
        boost::asio::mutable_buffer buffer,
        std::chrono::steady_clock::duration patience = std::chrono::seconds(5))
    {
        check_idle();
        if (patience <= patience.zero())
        {
            detail::throw_if(error::out_of_range);
        }
        first_data_ = buffer;
        patience_ = patience;
    }

    /// The buffer that was set.
    boost::asio::mutable_buffer first_data() const noexcept
    {
        return first_data_;
    }

    /// True if a connection was accepted and not taken.
    bool has_socket() const noexcept { return !is_pending() && request_.peer; }

    /** Moves the accepted connection out.

        @throws boost::system::system_error `error::context_busy`;
        `asio::error::bad_descriptor` if there is none.
    */
    Socket take_socket()
    {
        if (is_pending())
        {
            detail::throw_if(error::context_busy);
        }
        if (!request_.peer)
        {
            detail::throw_if(boost::asio::error::bad_descriptor);
        }
        Socket socket(*executor_);
        boost::system::error_code ec;
        detail::socket_access::adopt(
            socket, *protocol_, std::exchange(request_.peer, nullptr), ec);
        detail::throw_if(ec);
        return socket;
    }

    /// The address of the peer that was accepted last.
    endpoint_type peer_endpoint() const noexcept
    {
        endpoint_type peer = peer_;
        peer.resize(request_.address_size);
        return peer;
    }

private:
    friend struct detail::accept_context_access;

    template<typename Executor>
    void* prepare(
        Executor const& executor,
        detail::engine& e,
        protocol_type const& protocol)
    {
        if (target_)
        {
            peer_engine_.reset(&detail::socket_access::owner(*target_));
        }
        else if (!is_fixed_)
        {
            if (peer_engine_.get() != &e || !executor_ ||
                *executor_ != executor_type(executor))
            {
                executor_.emplace(executor);
                peer_engine_.reset(&e);
            }
        }
        discard_peer();
        drop_composition();
        protocol_ = protocol;
        request_.peer_engine = peer_engine_.get();
        request_.address = peer_.data();
        request_.address_capacity = peer_.capacity();
        request_.address_size = 0;
        if (target_)
        {
            this->conclude_by(&basic_accept_context::conclude);
        }
        return &request_;
    }

    /// Makes the steps of an accept with data. It was prepared.
    detail::accept_composition& compose(detail::engine& e)
    {
        composition_.reset(new detail::accept_composition(
            e, this->result(), *peer_engine_, first_data_, patience_));
        this->conclude_by(&basic_accept_context::conclude);
        return *composition_;
    }

    /// The operation is over: has the connection, where it is wanted.
    static void conclude(operation_context& context, bool)
    {
        auto& self = static_cast<basic_accept_context&>(context);
        boost::system::error_code& ec = self.result().error;
        if (self.composition_)
        {
            self.composition_->stop();
            self.composition_->give_result(self.request_);
            self.composition_.reset();
        }
        if (ec)
        {
            self.discard_peer();
        }
        else if (self.target_ && self.request_.peer)
        {
            detail::socket_access::adopt(
                *self.target_,
                *self.protocol_,
                std::exchange(self.request_.peer, nullptr),
                ec);
        }
    }

    void drop_composition() noexcept
    {
        if (composition_)
        {
            composition_->stop();
            composition_.reset();
        }
    }

    void discard_peer() noexcept
    {
        if (request_.peer)
        {
            detail::discard(std::exchange(request_.peer, nullptr));
        }
    }

    detail::accept_request request_;
    std::optional<executor_type> executor_;
    detail::engine_ptr peer_engine_;
    std::optional<protocol_type> protocol_;
    endpoint_type peer_;
    Socket* target_ = nullptr;
    boost::asio::mutable_buffer first_data_;
    std::chrono::steady_clock::duration patience_{};
    boost::intrusive_ptr<detail::accept_composition> composition_;
    bool is_fixed_ = false;
};

namespace detail {

/// What acceptors do with their contexts.
struct accept_context_access
{
    template<typename Context, typename Executor>
    static void* prepare(
        Context& c,
        Executor const& executor,
        engine& e,
        typename Context::protocol_type const& protocol)
    {
        return c.prepare(executor, e, protocol);
    }

    /// Why an accept cannot start on a context that is idle.
    template<typename Context>
    static boost::system::error_code check(Context const& c) noexcept
    {
        return c.target_ && c.target_->is_open()
                   ? error_code(boost::asio::error::already_open)
                   : error_code();
    }

    template<typename Context>
    static bool is_composed(Context const& c) noexcept
    {
        return c.first_data_.size() != 0;
    }

    /// Whether there is something to do with the result.
    template<typename Context>
    static bool concludes(Context const& c) noexcept
    {
        return c.target_ || c.first_data_.size() != 0;
    }

    template<typename Context>
    static accept_composition& compose(Context& c, engine& e)
    {
        return c.compose(e);
    }

private:
    using error_code = boost::system::error_code;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
