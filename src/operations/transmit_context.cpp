// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/transmit_context.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {

transmit_context::transmit_context()
    : parts_(operation_memory_allocator<detail::transmit_part>(
          operation_memory::process()))
{}

transmit_context::~transmit_context()
{
    release();
    detail::close_parts(request_);
}

void transmit_context::set_parts(part_list& parts) noexcept
{
    parts_.swap(parts);
    request_.parts = parts_.data();
    request_.count = parts_.size();
    has_elements_ = true;
}

void transmit_context::clear_elements()
{
    check_idle();
    parts_.clear();
    request_.count = 0;
    has_elements_ = false;
}

void transmit_context::set_end(detail::transmit_end end)
{
    check_idle();
    request_.end = end;
}

void transmit_context::disconnect_after(socket_reuse reuse)
{
    set_end(
        reuse == socket_reuse::yes ? detail::transmit_end::disconnect_to_reuse
                                   : detail::transmit_end::disconnect);
}

void transmit_context::stay_connected()
{
    set_end(detail::transmit_end::stay_connected);
}

} // namespace OPSLOT_ABI
} // namespace opslot
