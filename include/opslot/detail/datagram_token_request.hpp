#ifndef OPSLOT_DETAIL_DATAGRAM_TOKEN_REQUEST_HPP
#define OPSLOT_DETAIL_DATAGRAM_TOKEN_REQUEST_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The requests of datagrams that are given a buffer sequence.
*/

#include <opslot/detail/datagram_request.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The buffers of a sequence, all of them: a datagram is not received or sent
    in parts. Those beyond a few are kept in operation memory.

    Of a connected socket it is the whole request.
*/
template<typename Buffers>
class datagram_token_request
{
public:
    /// Throws std::bad_alloc.
    datagram_token_request(
        Buffers const& buffers, int flags, operation_memory& memory)
        : memory_(memory)
    {
        if constexpr (is_one_buffer)
        {
            boost::asio::const_buffer const b(buffers);
            request_.one = {const_cast<void*>(b.data()), b.size()};
            request_.count = 1;
        }
        else
        {
            flatten(buffers);
        }
        request_.flags = flags;
        request_.is_some = true;
    }

    datagram_token_request(datagram_token_request&& other) noexcept
        : memory_(other.memory_)
        , request_(other.request_)
        , datagram_(other.datagram_)
        , few_(other.few_)
        , many_(std::exchange(other.many_, nullptr))
    {}

    datagram_token_request& operator=(datagram_token_request&&) = delete;

    ~datagram_token_request()
    {
        if (many_)
        {
            memory_.deallocate(many_, request_.count * sizeof(*many_));
        }
    }

    /// The request, valid while this object stays where it is.
    transfer_request* prepare() noexcept
    {
        request_.buffers = many_           ? many_
                           : is_one_buffer ? &request_.one
                                           : few_.data();
        request_.datagram = &datagram_;
        return &request_;
    }

    void* get() noexcept { return prepare(); }

    std::tuple<boost::system::error_code, std::size_t>
    result(operation const& op) const
    {
        return {op.error, op.bytes_transferred};
    }

protected:
    datagram_request& datagram() noexcept { return datagram_; }

    datagram_request const& datagram() const noexcept { return datagram_; }

private:
    void flatten(Buffers const& buffers)
    {
        auto const first = boost::asio::buffer_sequence_begin(buffers);
        auto const last = boost::asio::buffer_sequence_end(buffers);
        for (auto i = first; i != last; ++i)
        {
            ++request_.count;
        }
        if (request_.count > capacity)
        {
            many_ = static_cast<boost::asio::mutable_buffer*>(
                memory_.allocate(request_.count * sizeof(*many_)));
        }
        auto* out = many_ ? many_ : few_.data();
        for (auto i = first; i != last; ++i)
        {
            boost::asio::const_buffer const b(*i);
            ::new (static_cast<void*>(out++)) boost::asio::mutable_buffer(
                const_cast<void*>(b.data()), b.size());
            request_.list_total += b.size();
        }
    }

    static constexpr bool is_one_buffer =
        std::is_convertible_v<Buffers, boost::asio::const_buffer>;
    static constexpr std::size_t capacity = is_one_buffer ? 0 : 16;

    operation_memory& memory_;
    transfer_request request_;
    datagram_request datagram_;
    std::array<boost::asio::mutable_buffer, capacity> few_;
    boost::asio::mutable_buffer* many_ = nullptr;
};

/// A datagram that is sent to an endpoint.
template<typename Buffers, typename Endpoint>
class send_to_token_request : public datagram_token_request<Buffers>
{
    using base = datagram_token_request<Buffers>;

public:
    send_to_token_request(
        Buffers const& buffers,
        int flags,
        operation_memory& memory,
        Endpoint const& target)
        : base(buffers, flags, memory)
        , target_(target)
    {}

    transfer_request* prepare() noexcept
    {
        this->datagram().target = target_.data();
        this->datagram().target_size = target_.size();
        return base::prepare();
    }

    void* get() noexcept { return prepare(); }

private:
    Endpoint target_;
};

/// A datagram of which the sender is wanted, in an endpoint of the caller's.
template<typename Buffers, typename Endpoint>
class receive_from_token_request : public datagram_token_request<Buffers>
{
    using base = datagram_token_request<Buffers>;

public:
    receive_from_token_request(
        Buffers const& buffers,
        int flags,
        operation_memory& memory,
        Endpoint* sender)
        : base(buffers, flags, memory)
        , sender_(sender)
    {}

    transfer_request* prepare() noexcept
    {
        this->datagram().sender = sender_->data();
        this->datagram().sender_capacity = sender_->capacity();
        return base::prepare();
    }

    void* get() noexcept { return prepare(); }

    /// Gives the sender's endpoint its size, if there was a datagram.
    void finish(boost::system::error_code const& ec) const
    {
        if (!ec)
        {
            sender_->resize(this->datagram().sender_size);
        }
    }

    auto result(operation const& op) const
    {
        finish(op.error);
        return base::result(op);
    }

private:
    Endpoint* sender_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
