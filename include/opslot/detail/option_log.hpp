#ifndef OPSLOT_DETAIL_OPTION_LOG_HPP
#define OPSLOT_DETAIL_OPTION_LOG_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What was set of a socket, to be set again of the one that replaces it.
*/

#include <opslot/detail/engine.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The options and the address that a socket was given since it was opened.

    Only a socket that was opened to be connected keeps any: an accepted one
    is not replaced.

    @par Cost
    Each option that is set takes operation memory.
*/
class option_log
{
public:
    option_log() noexcept = default;

    /// Throws `std::bad_alloc`.
    option_log(option_log const& other);

    option_log(option_log&& other) noexcept
        : first_(std::exchange(other.first_, nullptr))
        , is_kept_(std::exchange(other.is_kept_, false))
    {}

    option_log& operator=(option_log&& other) noexcept
    {
        option_log moved(std::move(other));
        std::swap(first_, moved.first_);
        std::swap(is_kept_, moved.is_kept_);
        return *this;
    }

    ~option_log() { clear(); }

    /// Forgets everything; what is set from here on is kept, or not.
    void restart(bool is_kept) noexcept
    {
        clear();
        is_kept_ = is_kept;
    }

    /// An option was set. The last value counts.
    void
    set(int level,
        int name,
        void const* data,
        std::size_t size,
        boost::system::error_code& ec) noexcept;

    /// The socket was bound.
    void bind(
        int family,
        void const* address,
        std::size_t size,
        boost::system::error_code& ec) noexcept;

    /// The socket is not bound any more.
    void forget_address() noexcept;

    /// The family of the address it is bound to; 0: it is not bound.
    int bound_family() const noexcept;

    /// Sets everything of another socket. The address comes after the
    /// options, of which some only matter before.
    void
    apply(socket_handle& socket, boost::system::error_code& ec) const noexcept;

private:
    struct entry;

    entry*
    add(bool is_address,
        int level,
        int name,
        void const* data,
        std::size_t size);
    void clear() noexcept;

    entry* first_ = nullptr;
    bool is_kept_ = false;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
