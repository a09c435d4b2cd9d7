#ifndef OPSLOT_DATAGRAM_CONTEXT_HPP
#define OPSLOT_DATAGRAM_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of operations on datagrams.
*/

#include <opslot/buffer_context.hpp>
#include <opslot/detail/datagram_request.hpp>
#include <opslot/packet_information.hpp>

#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// What was said of the arrival of a datagram.
packet_information arrival_of(datagram_request const& request) noexcept;

} // namespace detail

/** A reusable receive or send of one datagram, or a wait.

    One context may be used for any of these in turn, on any socket of its
    protocol. A datagram without bytes is one too: an empty buffer sends such
    a datagram, and receives the next one without its bytes. To wait, start a
    wait.

    @tparam Protocol The protocol of the endpoints, such as `asio::ip::udp`.

    @par Example
    @snippet example/udp_echo.cpp echo

    @see operation_context for ownership, state, results and threads,
    @ref buffer_context for buffers.
*/
template<typename Protocol>
class basic_datagram_context : public buffer_context
{
public:
    /// The protocol.
    using protocol_type = Protocol;
    /// The type of the endpoints.
    using endpoint_type = typename Protocol::endpoint;

    basic_datagram_context() noexcept { transfer_.datagram = &datagram_; }

    /// Withdraws a pending operation.
    ~basic_datagram_context() { release(); }

    /** Stores the handler of all operations on this context, called as
        `handler(basic_datagram_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        this->template store_handler<basic_datagram_context>(
            std::forward<Handler>(handler));
    }

    /** Sets the endpoint to send to. It stays set, and no operation changes
        it.

        @param endpoint Where to. One of IPv4 may be used on a socket of IPv6
        that is not restricted to that.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void endpoint(endpoint_type const& endpoint)
    {
        check_idle();
        target_ = endpoint;
        has_target_ = true;
    }

    /// The endpoint that was set; a default one if none was.
    endpoint_type const& endpoint() const noexcept { return target_; }

    // The result of a receive, until the next one starts

    /// The endpoint that the datagram came from; a default one if that was
    /// not asked for, or if it has none, as unnamed local sockets.
    endpoint_type sender() const noexcept
    {
        if (datagram_.sender_size == 0)
        {
            return endpoint_type();
        }
        endpoint_type sender = sender_;
        sender.resize(datagram_.sender_size);
        return sender;
    }

    /// Whether the datagram had more bytes than the buffers have room for.
    /// These are lost.
    bool is_truncated() const noexcept { return datagram_.is_truncated; }

    /// Where the datagram arrived, after a `receive_message_from`.
    opslot::packet_information packet_information() const noexcept
    {
        return detail::arrival_of(datagram_);
    }

private:
    friend struct detail::datagram_context_access;

    void prepare_send(bool has_address) noexcept
    {
        datagram_.target = has_address ? target_.data() : nullptr;
        datagram_.target_size = has_address ? target_.size() : 0;
    }

    void prepare_receive(bool wants_sender, bool wants_arrival) noexcept
    {
        datagram_.sender = wants_sender ? sender_.data() : nullptr;
        datagram_.sender_capacity = wants_sender ? sender_.capacity() : 0;
        datagram_.sender_size = 0;
        datagram_.wants_arrival = wants_arrival;
        datagram_.is_truncated = false;
        datagram_.arrived_at_size = 0;
        datagram_.interface_index = 0;
        transfer_.flags_out = 0;
    }

    detail::datagram_request datagram_;
    endpoint_type target_;
    endpoint_type sender_;
    bool has_target_ = false;
};

namespace detail {

/// What datagram sockets do with their contexts.
struct datagram_context_access
{
    static bool has_buffers(buffer_context const& c, bool is_send) noexcept
    {
        return c.has_buffers_for(
            is_send ? operation_kind::send : operation_kind::receive);
    }

    template<typename Context>
    static bool has_endpoint(Context const& c) noexcept
    {
        return c.has_target_;
    }

    /// The request of the context, for an operation of this kind.
    template<typename Context>
    static transfer_request* prepare(Context& c, operation_kind k) noexcept
    {
        if (is_send(k))
        {
            c.prepare_send(k == operation_kind::send_to);
        }
        else
        {
            c.prepare_receive(
                k != operation_kind::receive,
                k == operation_kind::receive_message_from);
        }
        return &c.transfer_;
    }

    static bool is_send(operation_kind k) noexcept
    {
        return k == operation_kind::send || k == operation_kind::send_to;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
