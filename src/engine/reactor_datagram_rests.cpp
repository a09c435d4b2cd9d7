// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Datagrams that the system has handed over merged, and what a socket keeps of
// them for later receives.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_request.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_datagrams.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

datagram_batching::~datagram_batching()
{
    while (has_rest())
    {
        first_->offset = first_->size;
        pop_datagram();
    }
}

bool datagram_batching::pop_datagram() noexcept
{
    merged_rest& rest = *first_;
    rest.offset += rest.next_size();
    if (rest.offset != rest.size)
    {
        return false;
    }
    first_ = rest.behind;
    delete_block(rest.block);
    rest.~merged_rest();
    memory_.deallocate(&rest, sizeof(rest));
    return true;
}

merged_rest& datagram_batching::push_rest()
{
    void* const memory = memory_.allocate(sizeof(merged_rest));
    auto* const rest = ::new (memory) merged_rest;
    (first_ ? last_->behind : first_) = rest;
    last_ = rest;
    return *rest;
}

int datagram_batching::fetch(int fd) noexcept
{
    if (has_rest())
    {
        return 0;
    }
    char* block = nullptr;
    try
    {
        block = new_block();
        push_rest().block = block;
    }
    catch (std::bad_alloc const&)
    {
        if (block)
        {
            delete_block(block);
        }
        return -ENOMEM;
    }
    merged_rest& rest = *first_;
    alignas(::cmsghdr) std::array<char, 512> control;
    ::iovec vector{block, message_block_size};
    ::mmsghdr message{};
    message.msg_hdr.msg_iov = &vector;
    message.msg_hdr.msg_iovlen = 1;
    message.msg_hdr.msg_name = rest.address.bytes.data();
    message.msg_hdr.msg_namelen = batch_address::capacity;
    message.msg_hdr.msg_control = control.data();
    message.msg_hdr.msg_controllen = control.size();
    int const result = system::receive_messages(fd, &message, 1);
    if (result < 0)
    {
        pop_datagram();
        return result;
    }
    rest.size = message.msg_len;
    rest.segment = system::segment_size(message.msg_hdr);
    rest.address.size = message.msg_hdr.msg_namelen;
    datagram_request arrival;
    system::take_arrival(arrival, message.msg_hdr);
    rest.address.interface_index = arrival.interface_index;
    rest.address.arrived_at = arrival.arrived_at;
    rest.address.arrived_at_size = arrival.arrived_at_size;
    return 0;
}

datagram_batching& batching_of(descriptor& d)
{
    if (!d.batching)
    {
        operation_memory& memory = d.owner->memory();
        void* const block = memory.allocate(sizeof(datagram_batching));
        d.batching = ::new (block) datagram_batching(memory);
    }
    return *d.batching;
}

void forget_batching(descriptor& d) noexcept
{
    if (datagram_batching* const b = std::exchange(d.batching, nullptr))
    {
        b->~datagram_batching();
        d.owner->memory().deallocate(b, sizeof(*b));
    }
}

namespace {

/// Copies a datagram, as far as there is room for it.
void copy_to(transfer_request const& r, char const* data, std::size_t size)
{
    for (std::size_t i = 0; i != r.count && size != 0; ++i)
    {
        auto const& b = r.buffers[i];
        if (std::size_t const n = std::min(b.size(), size))
        {
            std::memcpy(b.data(), data, n);
            data += n;
            size -= n;
        }
    }
}

} // namespace

ssize_t receive_split_datagram(descriptor& d, transfer_request& r) noexcept
{
    datagram_batching& b = *d.batching;
    if (int const result = b.fetch(d.fd); result < 0)
    {
        return result;
    }
    merged_rest const& rest = b.rest();
    std::size_t const size = rest.next_size();
    std::size_t const taken = std::min(size, r.total());
    copy_to(r, rest.block + rest.offset, taken);
    datagram_request& datagram = *r.datagram;
    datagram.is_truncated = taken != size;
    r.flags_out = datagram.is_truncated ? MSG_TRUNC : 0;
    datagram.sender_size = 0;
    if (datagram.sender)
    {
        datagram.sender_size =
            std::min<std::size_t>(rest.address.size, datagram.sender_capacity);
        std::memcpy(
            datagram.sender, rest.address.bytes.data(), datagram.sender_size);
    }
    if (datagram.wants_arrival)
    {
        datagram.arrived_at = rest.address.arrived_at;
        datagram.arrived_at_size = rest.address.arrived_at_size;
        datagram.interface_index = rest.address.interface_index;
    }
    if ((r.flags & MSG_PEEK) == 0)
    {
        b.pop_datagram();
    }
    if (b.has_rest())
    {
        d.add_ready(readiness::read);
    }
    return static_cast<ssize_t>(taken);
}

std::size_t next_split_datagram(descriptor& d) noexcept
{
    optional_lock const guard(d.mutex, !d.owner->options().single_threaded);
    datagram_batching& b = *d.batching;
    if (b.fetch(d.fd) < 0)
    {
        return 0;
    }
    d.add_ready(readiness::read);
    return b.rest().next_size();
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
