#ifndef OPSLOT_ENGINE_DATAGRAM_STAGING_HPP
#define OPSLOT_ENGINE_DATAGRAM_STAGING_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    One block for the bytes of a datagram, where its list has more buffers
    than one call takes: a datagram cannot be received or sent in parts.
*/

#include <opslot/detail/operation.hpp>
#include <opslot/operation_memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// A block of operation memory, for one call. Up to 64 KiB, which is more
/// than an IP datagram has, the heap is not asked for it.
class datagram_staging
{
public:
    /// Throws std::bad_alloc.
    datagram_staging(operation_memory& memory, std::size_t size)
        : memory_(memory)
        , size_(size)
        , data_(static_cast<char*>(memory.allocate(size)))
    {}

    datagram_staging(datagram_staging const&) = delete;
    datagram_staging& operator=(datagram_staging const&) = delete;

    ~datagram_staging() { memory_.deallocate(data_, size_); }

    char* data() const noexcept { return data_; }

    std::size_t size() const noexcept { return size_; }

    /// Takes all bytes of a request, for which there must be room.
    void take_from(transfer_request const& r) noexcept
    {
        copy(r, size_, [](char* here, char* there, std::size_t n) {
            std::memcpy(here, there, n);
        });
    }

    /// Gives the first `size` bytes to a request.
    void give_to(transfer_request const& r, std::size_t size) noexcept
    {
        copy(r, size, [](char* here, char* there, std::size_t n) {
            std::memcpy(there, here, n);
        });
    }

private:
    template<typename Copy>
    void copy(transfer_request const& r, std::size_t size, Copy copy_part)
    {
        std::size_t done = 0;
        for (std::size_t i = 0; i != r.count && done != size; ++i)
        {
            auto const& b = r.buffers[i];
            if (std::size_t const n = std::min(b.size(), size - done))
            {
                copy_part(data_ + done, static_cast<char*>(b.data()), n);
                done += n;
            }
        }
    }

    operation_memory& memory_;
    std::size_t const size_;
    char* const data_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
