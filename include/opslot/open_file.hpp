#ifndef OPSLOT_OPEN_FILE_HPP
#define OPSLOT_OPEN_FILE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A file that is opened once and transmitted any number of times.
*/

#include <opslot/detail/file.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <filesystem>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

class transmit_element;

/** A regular file that is open for reading.

    Copies share the file, which is closed with the last of them; the
    elements of a @ref transmit_context are such copies too. There is no
    position, so one file may be transmitted on any number of sockets at a
    time.

    @par Thread safety
    Distinct objects: safe, also if they share a file. Shared objects:
    unsafe.
*/
class open_file
{
public:
    /// The system's handle of a file.
    using native_handle_type = detail::native_file;

    /// No file.
    open_file() noexcept = default;

    /** Opens a file.

        @throws boost::system::system_error what open(2) reports;
        `boost::system::errc::is_a_directory`; `asio::error::invalid_argument`
        for what is no regular file. `std::bad_alloc`.

        @par Cost
        Some system calls, and a block of operation memory.
    */
    explicit open_file(std::filesystem::path const& path);

    /// Opens a file. It is no file if `ec` is set.
    open_file(std::filesystem::path const& path, boost::system::error_code& ec);

    /// True if there is a file.
    bool is_open() const noexcept { return file_ != nullptr; }

    /// The system's handle, or its invalid value if there is no file.
    native_handle_type native_handle() const noexcept
    {
        return file_ ? file_->native_handle() : detail::invalid_file();
    }

    /// The size that the file has now, in bytes.
    std::uint64_t size() const;

    /// The size that the file has now, in bytes; 0 on error. Fails with
    /// `bad_descriptor` if there is no file.
    std::uint64_t size(boost::system::error_code& ec) const noexcept;

private:
    friend class transmit_element;

    detail::shared_file_ptr file_;
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
