// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Datagrams: each operation is one call of Asio's, which takes effect or does
// not.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_request.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>

#if defined(__linux__)
#include "engine/linux_system_calls.hpp"
#endif
#include "engine/datagram_staging.hpp"
#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using boost::asio::socket_base;
using boost::asio::ip::udp;
using error_code = boost::system::error_code;
using endpoint = datagram_socket::endpoint_type;

/// No IP datagram is larger.
constexpr std::size_t usual_limit = 64 * 1024 - 1;

datagram_socket* socket_of(descriptor& d, error_code& ec) noexcept
{
    auto* const s = std::get_if<datagram_socket>(&d.socket);
    if (!s)
    {
        ec = boost::asio::error::operation_not_supported;
    }
    return s;
}

bool is_ip(int family) noexcept
{
    return family == udp::v4().family() || family == udp::v6().family();
}

udp::endpoint ip_endpoint(void const* address, std::size_t size)
{
    udp::endpoint result;
    std::memcpy(result.data(), address, std::min(size, result.capacity()));
    return result;
}

/// The buffers of a datagram for one call of Asio's, which takes 64.
class datagram_buffers
{
public:
    /// One is left for `more`.
    static constexpr std::size_t capacity = 63;

    /// @param more One byte more, which is written to if a datagram does not
    /// fit: nothing else in Asio tells.
    datagram_buffers(
        operation_memory& memory,
        transfer_request const& r,
        std::size_t limit,
        bool more)
    {
        for (std::size_t i = 0; i != r.count; ++i)
        {
            auto const& b = r.buffers[i];
            if (b.size() == 0)
            {
                continue;
            }
            if (size_ == capacity)
            {
                staging_.emplace(memory, std::min(r.total(), limit));
                list_[0] = {staging_->data(), staging_->size()};
                size_ = 1;
                break;
            }
            list_[size_++] = b;
        }
        if (more)
        {
            list_[size_++] = {&more_, 1};
        }
    }

    boost::asio::mutable_buffer const* begin() const noexcept
    {
        return list_.data();
    }

    boost::asio::mutable_buffer const* end() const noexcept
    {
        return list_.data() + size_;
    }

    void take_from(transfer_request const& r) noexcept
    {
        if (staging_)
        {
            staging_->take_from(r);
        }
    }

    void give_to(transfer_request const& r, std::size_t n) noexcept
    {
        if (staging_)
        {
            staging_->give_to(r, std::min(n, staging_->size()));
        }
    }

private:
    std::array<boost::asio::mutable_buffer, capacity + 1> list_;
    std::size_t size_ = 0;
    char more_ = 0;
    std::optional<datagram_staging> staging_;
};

std::size_t receive_by_asio(
    descriptor& d, datagram_socket& s, transfer_request& r, error_code& ec)
{
    datagram_request& request = *r.datagram;
    std::size_t limit = usual_limit;
    if (r.count > datagram_buffers::capacity)
    {
        // Local datagrams may be larger.
        error_code ignored;
        limit = std::max(limit, s.available(ignored));
    }
    datagram_buffers buffers(d.owner->memory(), r, limit, !r.is_some);
    endpoint sender;
    std::size_t n = request.sender
                        ? s.receive_from(buffers, sender, r.flags, ec)
                        : s.receive(buffers, r.flags, ec);
#if defined(_WIN32)
    if (ec == boost::asio::error::message_size && !r.is_some)
    {
        ec.clear();
        n = r.total() + 1;
    }
#endif
    if (ec)
    {
        return 0;
    }
    request.is_truncated = n > r.total();
    n = std::min(n, r.total());
    buffers.give_to(r, n);
#if defined(MSG_TRUNC)
    r.flags_out = request.is_truncated ? MSG_TRUNC : 0;
#endif
    if (request.sender)
    {
        request.sender_size = std::min(sender.size(), request.sender_capacity);
        std::memcpy(request.sender, sender.data(), request.sender_size);
    }
    return n;
}

#if defined(__linux__)

/// Asio does not tell where a datagram arrives, so the system is asked.
std::size_t receive_with_arrival(
    descriptor& d, datagram_socket& s, transfer_request& r, error_code& ec)
{
    std::array<::iovec, 64> vectors;
    std::size_t used = 0;
    std::optional<datagram_staging> staging;
    for (std::size_t i = 0; i != r.count; ++i)
    {
        if (used == vectors.size())
        {
            staging.emplace(
                d.owner->memory(), std::min(r.total(), usual_limit));
            vectors[0] = {staging->data(), staging->size()};
            used = 1;
            break;
        }
        vectors[used++] = {r.buffers[i].data(), r.buffers[i].size()};
    }
    ssize_t const n = system::receive_message(
        s.native_handle(),
        vectors.data(),
        used,
        r.flags,
        r.flags_out,
        *r.datagram);
    if (n < 0)
    {
        ec = system::error_of(n);
        return 0;
    }
    std::size_t const received =
        std::min(static_cast<std::size_t>(n), r.total());
    if (staging)
    {
        staging->give_to(r, received);
    }
    return received;
}

#endif

std::size_t send_by_asio(
    descriptor& d,
    datagram_socket& s,
    transfer_request const& r,
    error_code& ec)
{
    datagram_request const& request = *r.datagram;
    datagram_buffers buffers(d.owner->memory(), r, r.total(), false);
    buffers.take_from(r);
    if (!request.target)
    {
        return s.send(buffers, r.flags, ec);
    }
    endpoint target(request.target, request.target_size);
    if (target.protocol().family() == udp::v4().family() &&
        d.family == udp::v6().family())
    {
        // Not every system does this by itself.
        udp::endpoint const v4 =
            ip_endpoint(request.target, request.target_size);
        target = endpoint(udp::endpoint(
            boost::asio::ip::make_address_v6(
                boost::asio::ip::v4_mapped, v4.address().to_v4()),
            v4.port()));
    }
    return s.send_to(buffers, target, r.flags, ec);
}

/// Whether anything can arrive: an IP socket has no port before it is bound,
/// connected, or has sent.
bool finds_bound(descriptor& d, datagram_socket& s) noexcept
{
    if (!d.is_bound)
    {
        error_code ec;
        endpoint const local = s.local_endpoint(ec);
        d.is_bound =
            !ec && (!is_ip(local.protocol().family()) ||
                    ip_endpoint(local.data(), local.size()).port() != 0);
    }
    return d.is_bound;
}

} // namespace

/** Whether a datagram goes to a local address.

    While the receiver has no room the call fails as it does while the sender
    has none, but there is no waiting for the former.
*/
bool is_for_local_address(datagram_request const& request)
{
    if (!request.target)
    {
        return false;
    }
    endpoint const target(request.target, request.target_size);
    return !is_ip(target.protocol().family());
}

std::size_t receive_datagram_once(
    descriptor& d, transfer_request& r, error_code& ec) noexcept
{
    datagram_socket* const s = socket_of(d, ec);
    if (!s)
    {
        return 0;
    }
    std::size_t n = 0;
    try
    {
#if defined(__linux__)
        n = r.datagram->wants_arrival ? receive_with_arrival(d, *s, r, ec)
                                      : receive_by_asio(d, *s, r, ec);
#else
        n = receive_by_asio(d, *s, r, ec);
#endif
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
    }
    if (is_would_block(ec) && d.ends_receives)
    {
        ec = boost::asio::error::shut_down;
    }
    return n;
}

std::size_t send_datagram_once(
    descriptor& d, transfer_request const& r, error_code& ec) noexcept
{
    datagram_socket* const s = socket_of(d, ec);
    if (!s)
    {
        return 0;
    }
    try
    {
        return send_by_asio(d, *s, r, ec);
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
    }
    catch (boost::system::system_error const& error)
    {
        // An address that is no address.
        ec = error.code();
    }
    return 0;
}

bool attempt_datagram(descriptor& d, operation& op, bool is_ready) noexcept
{
    auto& r = *static_cast<transfer_request*>(op.request);
    bool const is_send =
        op.kind == operation_kind::send || op.kind == operation_kind::send_to;
    std::size_t const n = is_send ? send_datagram_once(d, r, op.error)
                                  : receive_datagram_once(d, r, op.error);
    if (is_would_block(op.error))
    {
        if (is_send && is_ready && is_for_local_address(*r.datagram))
        {
            return true;
        }
        op.error.clear();
        return false;
    }
    op.bytes_transferred = op.error ? 0 : n;
    return true;
}

void prepare_receive_datagram(
    descriptor& d,
    bool needs_bound,
    bool wants_arrival,
    error_code& ec) noexcept
{
    std::lock_guard<std::mutex> const lock(d.mutex);
    auto* const s = std::get_if<datagram_socket>(&d.socket);
    if (s && needs_bound && !finds_bound(d, *s))
    {
        ec = boost::asio::error::invalid_argument;
    }
    else if (s && wants_arrival && !d.says_arrival)
    {
        enable_packet_information(d, ec);
    }
}

void enable_packet_information(descriptor& d, error_code& ec) noexcept
{
    datagram_socket* const s = socket_of(d, ec);
    if (!s)
    {
        return;
    }
#if defined(__linux__)
    int const result = system::enable_packet_information(s->native_handle());
    d.says_arrival = result == 0;
    ec = result < 0 ? system::error_of(result) : error_code();
#else
    ec = boost::asio::error::operation_not_supported;
#endif
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
