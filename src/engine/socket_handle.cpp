// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What handles do in the same way on each engine.

#include <opslot/detail/engine.hpp>

#include <boost/asio/error.hpp>

#include <utility>

#include "engine/this_engine.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

socket_handle::socket_handle(
    engine_ptr e, dispatcher_ptr via, socket_role role) noexcept
    : engine_(std::move(e))
    , via_(std::move(via))
    , role_(role)
{}

socket_handle::socket_handle(socket_handle&& other) noexcept
    // The source keeps engine and dispatcher: it may be opened again.
    : engine_(other.engine_)
    , via_(other.via_)
    , descriptor_(std::exchange(other.descriptor_, nullptr))
    , sync_budget_(other.sync_budget_)
    , role_(other.role_)
    , gather_sends_(other.gather_sends_)
{}

socket_handle& socket_handle::operator=(socket_handle&& other) noexcept
{
    if (this != &other)
    {
        error_code ignored;
        close(ignored);
        engine_ = other.engine_;
        via_ = other.via_;
        descriptor_ = std::exchange(other.descriptor_, nullptr);
        sync_budget_ = other.sync_budget_;
        role_ = other.role_;
        gather_sends_ = other.gather_sends_;
    }
    return *this;
}

// The queue of sends

std::size_t socket_handle::queued_bytes() const noexcept
{
    return descriptor_ ? engine_->queued_bytes(*descriptor_) : 0;
}

std::size_t socket_handle::queued_bytes_peak() const noexcept
{
    return descriptor_ ? engine_->queued_bytes_peak(*descriptor_) : 0;
}

// Composed operations

bool socket_handle::take_gift_mark() const noexcept
{
    return descriptor_ && std::exchange(descriptor_->was_given, false);
}

void socket_handle::lend(socket_handle& to, error_code& ec) noexcept
{
    to.reserve(ec);
    if (!ec && !engine_->lend(*descriptor_, *to.descriptor_))
    {
        ec = boost::asio::error::no_memory;
    }
}

// What was set

socket_settings* socket_handle::settings() const noexcept
{
    return descriptor_ ? &descriptor_->settings : nullptr;
}

void socket_handle::set_again(
    socket_handle const& original, error_code& ec) noexcept
{
    ec.clear();
    socket_settings const* const from = original.settings();
    if (!from)
    {
        return;
    }
    from->for_each_option(
        [&](int level, int name, void const* data, std::size_t size) {
            if (!ec)
            {
                set_option(level, name, data, size, ec);
                if (ec == boost::asio::error::no_protocol_option)
                {
                    // Of the other family.
                    ec.clear();
                }
            }
        });
    from->with_address([&](void const* address, std::size_t size) {
        if (!ec)
        {
            bind(address, size, ec);
        }
    });
}

int socket_handle::bound_family() const noexcept
{
    socket_settings const* const s = settings();
    return s ? s->bound_family() : 0;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
