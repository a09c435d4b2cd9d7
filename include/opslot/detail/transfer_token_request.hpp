#ifndef OPSLOT_DETAIL_TRANSFER_TOKEN_REQUEST_HPP
#define OPSLOT_DETAIL_TRANSFER_TOKEN_REQUEST_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The request of a transfer that is given a buffer sequence.
*/

#include <opslot/detail/operation.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The first buffers of a sequence, and what to do with them.

    "Some bytes" is what such an operation transfers, so buffers beyond the
    capacity are left for the next one.
*/
template<typename Buffers>
class transfer_token_request
{
public:
    transfer_token_request(Buffers const& buffers, int flags)
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
        request_.is_plain = request_.count == 1 && flags == 0;
        request_.is_some = true;
    }

    /// The request, valid while this object stays where it is.
    transfer_request* prepare() noexcept
    {
        request_.buffers = request_.count == 1 ? &request_.one : flat_.data();
        return &request_;
    }

    void* get() noexcept { return prepare(); }

    std::tuple<boost::system::error_code, std::size_t>
    result(operation const& op) const
    {
        return {op.error, op.bytes_transferred};
    }

private:
    void flatten(Buffers const& buffers)
    {
        auto const last = boost::asio::buffer_sequence_end(buffers);
        for (auto i = boost::asio::buffer_sequence_begin(buffers);
             i != last && request_.count != capacity;
             ++i)
        {
            boost::asio::const_buffer const b(*i);
            if (b.size() != 0)
            {
                flat_[request_.count++] = {
                    const_cast<void*>(b.data()), b.size()};
                request_.list_total += b.size();
            }
        }
        if (request_.count == 1)
        {
            request_.one = flat_[0];
        }
    }

    static constexpr bool is_one_buffer =
        std::is_convertible_v<Buffers, boost::asio::const_buffer>;
    static constexpr std::size_t capacity = is_one_buffer ? 0 : 16;

    transfer_request request_;
    std::array<boost::asio::mutable_buffer, capacity> flat_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
