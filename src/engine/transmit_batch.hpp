#ifndef OPSLOT_ENGINE_TRANSMIT_BATCH_HPP
#define OPSLOT_ENGINE_TRANSMIT_BATCH_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/transmit_request.hpp>
#include <opslot/error.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The next bytes of a transmission, for one call: buffers, and what is read
    of files.

    @tparam Buffer The system's or Asio's; made of an address and a size.
*/
template<typename Buffer>
class transmit_batch
{
public:
    /**
        @param staging Where to read files into.
        @param largest_file Files of more bytes are left to another call.
    */
    transmit_batch(
        transmit_request const& r,
        void* staging,
        std::size_t capacity,
        std::uint64_t largest_file) noexcept
        : staging_(static_cast<char*>(staging))
        , capacity_(capacity)
    {
        std::uint64_t offset = r.offset;
        for (std::size_t i = r.index; i != r.count; ++i)
        {
            transmit_part const& p = r.parts[i];
            if (p.size != offset &&
                !(p.is_file() ? p.size <= largest_file && add_file(p, offset)
                              : add_buffer(p, offset)))
            {
                is_followed_ = true;
                return;
            }
            offset = 0;
        }
    }

    Buffer const* begin() const noexcept { return buffers_.data(); }

    Buffer const* end() const noexcept { return begin() + count_; }

    std::size_t size() const noexcept { return count_; }

    /// Bytes of files.
    std::size_t file_bytes() const noexcept { return staged_; }

    /// There is more to send behind it.
    bool is_followed() const noexcept { return is_followed_; }

    /// What went wrong with the file that is next; it matters if the batch is
    /// empty.
    boost::system::error_code const& error() const noexcept { return error_; }

private:
    bool add_buffer(transmit_part const& p, std::uint64_t offset) noexcept
    {
        auto const b = p.buffer + static_cast<std::size_t>(offset);
        return add(const_cast<void*>(b.data()), b.size());
    }

    /// Returns false if something of the file is left.
    bool add_file(transmit_part const& p, std::uint64_t offset) noexcept
    {
        std::uint64_t const left = p.size - offset;
        auto const asked = static_cast<std::size_t>(
            std::min<std::uint64_t>(left, capacity_ - staged_));
        if (asked == 0 || count_ == buffers_.size())
        {
            return false;
        }
        char* const data = staging_ + staged_;
        std::size_t const n =
            read_native_file(p.handle, data, asked, p.offset + offset, error_);
        if (n != asked && !error_)
        {
            error_ = opslot::error::file_shrunk;
        }
        // What there was is right, and goes out before the error is told.
        staged_ += n;
        return (n == 0 || add(data, n)) && n == left;
    }

    bool add(void* data, std::size_t size) noexcept
    {
        if (count_ == buffers_.size())
        {
            return false;
        }
        buffers_[count_++] = Buffer{data, size};
        return true;
    }

    std::array<Buffer, 64> buffers_;
    std::size_t count_ = 0;
    char* const staging_;
    std::size_t const capacity_;
    std::size_t staged_ = 0;
    bool is_followed_ = false;
    boost::system::error_code error_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
