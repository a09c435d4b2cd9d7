// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "engine/socket_settings.hpp"

#include <opslot/operation_memory.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

bool socket_settings::set(
    int level, int name, void const* data, std::size_t size) noexcept
{
    if (!reserve(used_ + sizeof(entry) + size))
    {
        return false;
    }
    remove(level, name);
    entry const e{level, name, size};
    std::memcpy(block_ + used_, &e, sizeof(e));
    std::memcpy(block_ + used_ + sizeof(e), data, size);
    used_ += sizeof(e) + size;
    return true;
}

void socket_settings::forget_address() noexcept
{
    if (int const family = bound_family())
    {
        remove(address_level, family);
    }
}

int socket_settings::bound_family() const noexcept
{
    int family = 0;
    for_each([&](entry const& e, char const*) {
        family = e.level == address_level ? e.name : family;
    });
    return family;
}

bool socket_settings::assign(socket_settings const& other) noexcept
{
    if (!reserve(other.used_))
    {
        return false;
    }
    used_ = other.used_;
    if (used_ != 0)
    {
        std::memcpy(block_, other.block_, used_);
    }
    return true;
}

void socket_settings::remove(int level, int name) noexcept
{
    for (std::size_t at = 0; at != used_;)
    {
        entry e;
        std::memcpy(&e, block_ + at, sizeof(e));
        std::size_t const next = at + sizeof(e) + e.size;
        if (e.level == level && e.name == name)
        {
            std::memmove(block_ + at, block_ + next, used_ - next);
            used_ -= next - at;
            return;
        }
        at = next;
    }
}

bool socket_settings::reserve(std::size_t size) noexcept
{
    if (size <= capacity_)
    {
        return true;
    }
    try
    {
        // A cache line holds the usual three.
        std::size_t const capacity = std::max<std::size_t>(size, 64);
        char* const block = static_cast<char*>(
            operation_memory::process().allocate(capacity, alignof(entry)));
        if (block_)
        {
            std::memcpy(block, block_, used_);
            operation_memory::process().deallocate(
                block_, capacity_, alignof(entry));
        }
        block_ = block;
        capacity_ = capacity;
        return true;
    }
    catch (std::bad_alloc const&)
    {
        return false;
    }
}

void socket_settings::clear() noexcept
{
    if (block_)
    {
        operation_memory::process().deallocate(
            std::exchange(block_, nullptr),
            std::exchange(capacity_, 0),
            alignof(entry));
        used_ = 0;
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
