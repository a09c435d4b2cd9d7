// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/datagram_batch_context.hpp>
#include <opslot/operation_memory.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

constexpr std::size_t bytes_per_datagram =
    sizeof(batch_address) + sizeof(batched_datagram);

std::size_t bytes_for(std::size_t capacity)
{
    constexpr std::size_t most = std::min<std::size_t>(
        std::numeric_limits<std::size_t>::max() / bytes_per_datagram,
        batched_datagram::no_address);
    if (capacity > most)
    {
        throw std::bad_alloc();
    }
    return std::max<std::size_t>(capacity, 1) * bytes_per_datagram;
}

} // namespace

datagram_batch::datagram_batch(
    std::size_t capacity, std::size_t address_capacity)
    : block_size_(bytes_for(capacity))
{
    block_ = operation_memory::process().allocate(block_size_);
    request.capacity = capacity;
    request.address_capacity =
        std::min(address_capacity, batch_address::capacity);
    // The addresses are written before they are read.
    request.addresses = static_cast<batch_address*>(block_);
    request.datagrams =
        reinterpret_cast<batched_datagram*>(request.addresses + capacity);
    for (std::size_t i = 0; i != capacity; ++i)
    {
        ::new (static_cast<void*>(request.addresses + i)) batch_address;
        ::new (static_cast<void*>(request.datagrams + i)) batched_datagram;
    }
}

datagram_batch::~datagram_batch()
{
    operation_memory::process().deallocate(block_, block_size_);
}

void datagram_batch::slab(
    boost::asio::mutable_buffer memory, std::size_t datagram_size)
{
    if (datagram_size == 0 || datagram_size > memory.size())
    {
        throw_if(error::out_of_range);
    }
    clear();
    request.slab = static_cast<char*>(memory.data());
    request.slab_size = memory.size();
    request.slot_size = datagram_size;
    request.limit = std::min(request.capacity, memory.size() / datagram_size);
}

void datagram_batch::clear() noexcept
{
    request.count = 0;
    request.address_count = 0;
    request.used = 0;
    request.next = request.capacity;
    request.sent = 0;
    request.failed = 0;
}

void datagram_batch::add(
    boost::asio::const_buffer bytes, void const* address, std::size_t size)
{
    datagram_batch_request& r = request;
    if (r.count == r.capacity || size > batch_address::capacity)
    {
        throw_if(error::out_of_range);
    }
    std::uint32_t index = batched_datagram::no_address;
    if (size != 0)
    {
        index = static_cast<std::uint32_t>(r.address_count);
        batch_address* const last =
            index != 0 ? r.addresses + index - 1 : nullptr;
        if (last && last->size == size &&
            std::memcmp(last->bytes.data(), address, size) == 0)
        {
            --index;
        }
        else
        {
            batch_address& a = r.addresses[index];
            std::memcpy(a.bytes.data(), address, size);
            a.size = static_cast<std::uint32_t>(size);
            a.interface_index = 0;
            a.arrived_at_size = 0;
            ++r.address_count;
        }
    }
    add_received(
        r, const_cast<void*>(bytes.data()), bytes.size(), index, false);
}

void datagram_batch::replace(std::size_t index, boost::asio::const_buffer bytes)
{
    if (index >= request.count)
    {
        throw_if(error::out_of_range);
    }
    request.datagrams[index].data = const_cast<void*>(bytes.data());
    request.datagrams[index].size = bytes.size();
}

void datagram_batch::prepare_receive() noexcept
{
    clear();
}

void datagram_batch::prepare_send() noexcept
{
    if (request.failed != 0)
    {
        for (std::size_t i = 0; i != request.count; ++i)
        {
            request.datagrams[i].error.clear();
        }
    }
    request.next = 0;
    request.sent = 0;
    request.failed = 0;
    request.single_before = 0;
}

packet_information arrival_of(batch_address const& address) noexcept
{
    datagram_request request;
    request.arrived_at_size = address.arrived_at_size;
    request.arrived_at = address.arrived_at;
    request.interface_index = address.interface_index;
    return arrival_of(request);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
