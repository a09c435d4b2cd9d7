// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/transmit_request.hpp>
#include <opslot/error.hpp>

#include <algorithm>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using error_code = boost::system::error_code;

/// Has the file of a part open, if it is one.
void open_part(transmit_part& p, error_code& ec) noexcept
{
    if (p.what == transmit_part::from_path)
    {
        p.handle = open_native_file(p.path.c_str(), ec);
    }
    else if (p.what == transmit_part::from_shared_file)
    {
        // Without a file the handle is none, which the system will say.
        p.handle = p.file ? p.file->native_handle() : invalid_file();
    }
}

/// Sets how many bytes a part has to send.
void measure_part(transmit_part& p, error_code& ec) noexcept
{
    if (!p.is_file())
    {
        p.size = p.buffer.size();
        return;
    }
    std::uint64_t const whole = size_of_native_file(p.handle, ec);
    if (ec)
    {
        return;
    }
    if (p.offset > whole || p.count > whole - p.offset)
    {
        ec = error::out_of_range;
        return;
    }
    p.size = p.count != 0 ? p.count : whole - p.offset;
}

} // namespace

void rewind_parts(transmit_request& r) noexcept
{
    r.index = 0;
    r.offset = 0;
    r.progress.store(0, std::memory_order_relaxed);
    r.is_corked = false;
}

bool open_parts(transmit_request& r, error_code& ec) noexcept
{
    rewind_parts(r);
    for (r.index = 0; r.index != r.count; ++r.index)
    {
        transmit_part& p = r.parts[r.index];
        open_part(p, ec);
        if (!ec)
        {
            measure_part(p, ec);
        }
        if (ec)
        {
            close_parts(r);
            return false;
        }
    }
    r.index = 0;
    advance_parts(r, 0);
    return true;
}

void close_parts(transmit_request& r) noexcept
{
    for (std::size_t i = 0; i != r.count; ++i)
    {
        transmit_part& p = r.parts[i];
        if (p.what == transmit_part::from_path && p.handle != invalid_file())
        {
            close_native_file(std::exchange(p.handle, invalid_file()));
        }
    }
}

void advance_parts(transmit_request& r, std::uint64_t sent) noexcept
{
    while (r.index != r.count)
    {
        std::uint64_t const left = r.parts[r.index].size - r.offset;
        std::uint64_t const taken = std::min(left, sent);
        sent -= taken;
        if (taken != left)
        {
            r.offset += taken;
            return;
        }
        ++r.index;
        r.offset = 0;
    }
}

bool has_bytes_behind(transmit_request const& r, std::size_t index) noexcept
{
    return std::any_of(
        r.parts + index + 1, r.parts + r.count, [](transmit_part const& p) {
            return p.size != 0;
        });
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
