// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/option_log.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/error.hpp>

#include <cstring>
#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// One option, or the address; its bytes follow.
struct option_log::entry
{
    entry* next;
    bool is_address;
    /// Of an address: its family.
    int level;
    int name;
    std::size_t size;

    void* data() noexcept { return this + 1; }

    void const* data() const noexcept { return this + 1; }
};

option_log::option_log(option_log const& other)
    : is_kept_(other.is_kept_)
{
    try
    {
        for (entry* e = other.first_; e; e = e->next)
        {
            add(e->is_address, e->level, e->name, e->data(), e->size);
        }
    }
    catch (...)
    {
        clear();
        throw;
    }
}

/// The entry of an option, or a new one at the end.
option_log::entry* option_log::add(
    bool is_address, int level, int name, void const* data, std::size_t size)
{
    entry** e = &first_;
    while (*e && ((*e)->is_address != is_address || (*e)->level != level ||
                  (*e)->name != name || (*e)->size != size))
    {
        e = &(*e)->next;
    }
    if (!*e)
    {
        void* const block =
            operation_memory::process().allocate(sizeof(entry) + size);
        *e = ::new (block) entry{nullptr, is_address, level, name, size};
    }
    std::memcpy((*e)->data(), data, size);
    return *e;
}

void option_log::clear() noexcept
{
    while (entry* const e = first_)
    {
        first_ = e->next;
        operation_memory::process().deallocate(e, sizeof(entry) + e->size);
    }
}

void option_log::set(
    int level,
    int name,
    void const* data,
    std::size_t size,
    boost::system::error_code& ec) noexcept
{
    if (is_kept_)
    {
        try
        {
            add(false, level, name, data, size);
        }
        catch (std::bad_alloc const&)
        {
            ec = boost::asio::error::no_memory;
        }
    }
}

void option_log::bind(
    int family,
    void const* address,
    std::size_t size,
    boost::system::error_code& ec) noexcept
{
    if (is_kept_)
    {
        try
        {
            add(true, family, 0, address, size);
        }
        catch (std::bad_alloc const&)
        {
            ec = boost::asio::error::no_memory;
        }
    }
}

void option_log::forget_address() noexcept
{
    for (entry** e = &first_; *e; e = &(*e)->next)
    {
        if ((*e)->is_address)
        {
            entry* const gone = std::exchange(*e, (*e)->next);
            operation_memory::process().deallocate(
                gone, sizeof(entry) + gone->size);
            return;
        }
    }
}

int option_log::bound_family() const noexcept
{
    for (entry const* e = first_; e; e = e->next)
    {
        if (e->is_address)
        {
            return e->level;
        }
    }
    return 0;
}

void option_log::apply(
    socket_handle& socket, boost::system::error_code& ec) const noexcept
{
    ec.clear();
    for (bool const is_address : {false, true})
    {
        for (entry const* e = first_; e && !ec; e = e->next)
        {
            if (e->is_address != is_address)
            {
                continue;
            }
            if (is_address)
            {
                socket.bind(e->data(), e->size, ec);
            }
            else
            {
                socket.set_option(e->level, e->name, e->data(), e->size, ec);
                if (ec == boost::asio::error::no_protocol_option)
                {
                    // One of the other family's.
                    ec.clear();
                }
            }
        }
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
