#ifndef OPSLOT_BUFFER_SLAB_HPP
#define OPSLOT_BUFFER_SLAB_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    One block of memory, sliced into equal buffers.
*/

#include <opslot/config.hpp>
#include <opslot/detail/light_mutex.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace opslot {
inline namespace OPSLOT_ABI {

/// What a buffer_slab has done so far, taken at one moment.
struct buffer_slab_statistics
{
    /// Buffers that are lent out now.
    std::size_t in_use = 0;

    /// The most buffers that were lent out at one time.
    std::size_t peak = 0;

    /// How often a buffer was asked for and none was left.
    std::uint64_t refusals = 0;
};

/** One contiguous block of memory, sliced into equal buffers.

    Memory that the system reads or writes stays at one place this way,
    instead of being scattered between small objects, and the number of
    buffers is an upper bound that is fixed at the start.

    @verbatim
      | buffer 0 | pad | buffer 1 | pad | ...  | buffer n-1 | pad |
      ^ alignment      ^ alignment             ^ alignment
    @endverbatim

    There are two ways to use one; mix them only if the buffers that are
    taken by index are never lent out.
    @li Buffers come and go: @ref try_acquire or @ref acquire, and
        @ref release.
    @li Every context of a pool has one for life: the function that
        initializes the contexts of a @ref context_pool is told the number
        of the context, and takes the buffer of that number.

    @par Thread safety
    Distinct objects: safe. Shared objects: safe.

    @par Example
    @snippet test/operations/buffer_slab.cpp pool
*/
class buffer_slab
{
public:
    /// The default alignment in bytes: a cache line, so that neighbours
    /// that are in use on different threads do not share one.
    static constexpr std::size_t cache_line_alignment = 64;

    /// An alignment in bytes for buffers that begin on a page.
    static constexpr std::size_t page_alignment = 4096;

    /** Takes the memory for all buffers.

        @param buffer_size The size of each buffer in bytes, not zero.
        @param count How many buffers.
        @param alignment Where each buffer begins, in bytes; a power of two.

        @throws boost::system::system_error `asio::error::invalid_argument`
        if `buffer_size` is zero or `alignment` is not a power of two.
        @throws std::bad_alloc

        @par Cost
        Two allocations. The buffers are not written to.
    */
    buffer_slab(
        std::size_t buffer_size,
        std::size_t count,
        std::size_t alignment = cache_line_alignment);

    buffer_slab(buffer_slab const&) = delete;
    buffer_slab& operator=(buffer_slab const&) = delete;

    /// Frees the memory, whether buffers are lent out or not.
    ~buffer_slab();

    /** Lends out a buffer.

        @return The buffer that was released last, with its old content; an
        empty buffer if none is left.

        @par Cost
        Constant; a lock for some ten instructions, no allocation.
    */
    [[nodiscard]] boost::asio::mutable_buffer try_acquire() noexcept;

    /** Lends out a buffer.

        @throws boost::system::system_error `asio::error::no_buffer_space`
        if none is left.
    */
    [[nodiscard]] boost::asio::mutable_buffer acquire();

    /** Takes a buffer back.

        @param buffer What was lent out, or a shorter buffer with the same
        beginning.

        @throws boost::system::system_error as the other overload reports;
        nothing was changed then.
    */
    void release(boost::asio::mutable_buffer const& buffer);

    /** Takes a buffer back.

        @par Errors
        In every build, and nothing was changed then:
        @li `asio::error::fault`: it is not one of this slab's buffers
        @li `asio::error::invalid_argument`: it is not lent out

        @par Cost
        Constant; a lock for some ten instructions.
    */
    void release(
        boost::asio::mutable_buffer const& buffer,
        boost::system::error_code& ec) noexcept;

    /** The buffer of this number, lent out or not.

        @throws boost::system::system_error `error::out_of_range` if
        `index` is not less than `size()`.
    */
    boost::asio::mutable_buffer operator[](std::size_t index) const;

    /// How many buffers there are.
    std::size_t size() const noexcept { return count_; }

    /// The size of each buffer, in bytes.
    std::size_t buffer_size() const noexcept { return buffer_size_; }

    /// The figures up to now.
    buffer_slab_statistics statistics() const noexcept;

private:
    boost::asio::mutable_buffer at(std::size_t index) const noexcept;

    std::size_t const buffer_size_;
    std::size_t const count_;
    std::size_t const alignment_;
    /// From the beginning of a buffer to that of the next one.
    std::size_t const stride_;
    std::unique_ptr<std::size_t[]> const next_;
    char* const memory_;
    mutable detail::light_mutex mutex_;
    std::size_t first_free_ = 0;
    buffer_slab_statistics statistics_;
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
