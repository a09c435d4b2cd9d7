#ifndef OPSLOT_DETAIL_DATAGRAM_BATCH_REQUEST_HPP
#define OPSLOT_DETAIL_DATAGRAM_BATCH_REQUEST_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Several datagrams to receive or to send, as an engine sees them.
*/

#include <opslot/detail/operation.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// Where a datagram came from or goes to, and where it arrived. Datagrams of
/// one batch may share it.
struct batch_address
{
    /// As large as `sockaddr_storage`, which no address exceeds.
    static constexpr std::size_t capacity = 128;

    alignas(8) std::array<unsigned char, capacity> bytes;
    /// Of the bytes; 0: none.
    std::uint32_t size;
    /// See datagram_request.
    std::uint32_t interface_index;
    std::array<unsigned char, 16> arrived_at;
    unsigned char arrived_at_size;
};

/// One datagram of a batch.
struct batched_datagram
{
    static constexpr std::uint32_t no_address = 0xffffffffu;

    void* data = nullptr;
    std::size_t size = 0;
    /// Which of the addresses is its own.
    std::uint32_t address = no_address;
    bool is_truncated = false;
    /// Why it was not sent.
    boost::system::error_code error;
};

/** A list of datagrams: what was received, or is to be sent.

    A receive puts datagrams into the slab, one after the other, and makes the
    list. Each takes at most `slot_size` bytes of the slab. The list stays
    valid until the operation ends.
*/
struct datagram_batch_request
{
    batched_datagram* datagrams = nullptr;
    /// One for each datagram at most.
    batch_address* addresses = nullptr;
    /// How many datagrams there is room for.
    std::size_t capacity = 0;
    std::size_t count = 0;
    std::size_t address_count = 0;

    // To receive

    char* slab = nullptr;
    std::size_t slab_size = 0;
    std::size_t slot_size = 0;
    /// How many datagrams one receive takes at most.
    std::size_t limit = 0;
    /// How many bytes of the slab are in use.
    std::size_t used = 0;
    /// What an endpoint of the protocol has room for.
    std::size_t address_capacity = 0;
    bool wants_senders = true;
    bool wants_arrival = false;

    // To send

    /// The first datagram of which nothing is known; those before it were
    /// sent, or have an error.
    std::size_t next = 0;
    std::size_t sent = 0;
    std::size_t failed = 0;
    /// The first one that has an error, if any has.
    std::size_t first_failed = 0;
    /// The engine's: what was refused together is sent one by one up to here.
    std::size_t single_before = 0;
    std::size_t refused_size = 0;
};

inline datagram_batch_request& batch_of(operation& op) noexcept
{
    return *static_cast<datagram_batch_request*>(op.request);
}

/// Adds a received datagram to the list.
inline void add_received(
    datagram_batch_request& r,
    void* data,
    std::size_t size,
    std::uint32_t address,
    bool is_truncated) noexcept
{
    batched_datagram& d = r.datagrams[r.count++];
    d.data = data;
    d.size = size;
    d.address = address;
    d.is_truncated = is_truncated;
    d.error.clear();
}

/// Whether a datagram has somewhere to go to. If not it goes to the peer of
/// the socket.
inline bool
has_address(datagram_batch_request const& r, batched_datagram const& d) noexcept
{
    return d.address != batched_datagram::no_address &&
           r.addresses[d.address].size != 0;
}

/// The next datagrams were sent.
inline void were_sent(
    datagram_batch_request& r,
    std::size_t count,
    std::size_t bytes,
    operation& op) noexcept
{
    r.next += count;
    r.sent += count;
    op.bytes_transferred += bytes;
}

/// The next datagram was not sent.
inline void was_not_sent(
    datagram_batch_request& r, boost::system::error_code const& ec) noexcept
{
    r.datagrams[r.next].error = ec;
    if (r.failed++ == 0)
    {
        r.first_failed = r.next;
    }
    ++r.next;
}

/// Every datagram has its result. The first error is that of the operation.
inline void end_send(datagram_batch_request const& r, operation& op) noexcept
{
    if (r.failed != 0)
    {
        op.error = r.datagrams[r.first_failed].error;
    }
}

/// Whether a send has had no effect yet.
inline bool is_untouched(operation const& op) noexcept
{
    return op.kind == operation_kind::send_batch
               ? static_cast<datagram_batch_request const*>(op.request)->next ==
                     0
               : op.bytes_transferred == 0;
}

/// The request of a context, and its memory.
class datagram_batch
{
public:
    /// Throws std::bad_alloc.
    datagram_batch(std::size_t capacity, std::size_t address_capacity);
    ~datagram_batch();

    datagram_batch(datagram_batch const&) = delete;
    datagram_batch& operator=(datagram_batch const&) = delete;

    /// Throws error::out_of_range.
    void slab(boost::asio::mutable_buffer memory, std::size_t datagram_size);

    void clear() noexcept;

    /// Adds a datagram to send; `size` 0: to the peer. Throws
    /// error::out_of_range.
    void
    add(boost::asio::const_buffer bytes, void const* address, std::size_t size);

    /// Throws error::out_of_range.
    void replace(std::size_t index, boost::asio::const_buffer bytes);

    void prepare_receive() noexcept;
    void prepare_send() noexcept;

    /// The first datagram that was not sent.
    std::size_t first_unsent() const noexcept
    {
        return request.failed != 0 ? request.first_failed : request.next;
    }

    datagram_batch_request request;

private:
    void* block_;
    std::size_t block_size_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
