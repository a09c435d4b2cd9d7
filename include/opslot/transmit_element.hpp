#ifndef OPSLOT_TRANSMIT_ELEMENT_HPP
#define OPSLOT_TRANSMIT_ELEMENT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What a transmission is made of.
*/

#include <opslot/detail/transmit_request.hpp>
#include <opslot/open_file.hpp>

#include <boost/asio/buffer.hpp>

#include <cstdint>
#include <filesystem>
#include <type_traits>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

struct transmit_element_access;

} // namespace detail

/** A buffer or a range of a file, to be sent with others in order.

    Offsets and counts are in bytes. A count of 0 means for a file: to its
    end. A range is checked against the file when a transmission starts.
*/
class transmit_element
{
public:
    /** A buffer.

        @param buffer What converts to `asio::const_buffer`. An empty one
        sends nothing. The memory must stay valid while an operation with
        this element is pending.
    */
    template<
        typename Buffer,
        std::enable_if_t<
            std::is_convertible_v<Buffer const&, boost::asio::const_buffer>,
            int> = 0>
    transmit_element(Buffer const& buffer) noexcept
    {
        part_.buffer = buffer;
    }

    /// A range of an open file, which the element keeps open.
    transmit_element(
        open_file const& file,
        std::uint64_t offset = 0,
        std::uint64_t count = 0) noexcept
    {
        part_.what = detail::transmit_part::from_shared_file;
        part_.file = file.file_;
        part_.offset = offset;
        part_.count = count;
    }

    /** A range of the file of this name.

        It is opened at the start of each transmission and closed at its
        end; what is sent is the file that has the name then.

        @throws std::bad_alloc The name is copied.
    */
    static transmit_element from_path(
        std::filesystem::path const& path,
        std::uint64_t offset = 0,
        std::uint64_t count = 0)
    {
        transmit_element e;
        e.part_.what = detail::transmit_part::from_path;
        e.part_.path = path.native();
        e.part_.offset = offset;
        e.part_.count = count;
        return e;
    }

    /** A range of a file that is open for reading.

        It stays the caller's, its position is neither used nor changed, and
        it must stay open while an operation with this element is pending.
    */
    static transmit_element from_native_handle(
        open_file::native_handle_type file,
        std::uint64_t offset = 0,
        std::uint64_t count = 0) noexcept
    {
        transmit_element e;
        e.part_.what = detail::transmit_part::from_native_file;
        e.part_.handle = file;
        e.part_.offset = offset;
        e.part_.count = count;
        return e;
    }

private:
    friend struct detail::transmit_element_access;

    transmit_element() noexcept = default;

    detail::transmit_part part_;
};

namespace detail {

/// What contexts do with elements.
struct transmit_element_access
{
    static transmit_part const& part(transmit_element const& e) noexcept
    {
        return e.part_;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
