#ifndef OPSLOT_DETAIL_TRANSMIT_REQUEST_HPP
#define OPSLOT_DETAIL_TRANSMIT_REQUEST_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Buffers and ranges of files to send, as an engine sees them.
*/

#include <opslot/detail/file.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// One element of a transmission.
struct transmit_part
{
    enum source : unsigned char
    {
        from_buffer,
        from_path,
        from_shared_file,
        from_native_file
    };

    source what = from_buffer;
    boost::asio::const_buffer buffer;
    std::filesystem::path::string_type path;
    shared_file_ptr file;
    /// Of a path: open while the operation is under way.
    native_file handle = invalid_file();
    /// The range as it was asked for; a count of 0: to the end.
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
    /// How many bytes it has, from the start of the operation on.
    std::uint64_t size = 0;

    bool is_file() const noexcept { return what != from_buffer; }
};

/// What follows when everything was sent.
enum class transmit_end : unsigned char
{
    stay_connected,
    disconnect,
    disconnect_to_reuse
};

/** What to send, and how far it has come.

    The files are opened and their ranges checked before the first byte goes
    out, and those that were opened are closed before the operation is
    delivered.
*/
struct transmit_request
{
    transmit_part* parts = nullptr;
    std::size_t count = 0;
    transmit_end end = transmit_end::stay_connected;
    /// The part that is being sent, and how many of its bytes are. After an
    /// error: the one that it is about.
    std::size_t index = 0;
    std::uint64_t offset = 0;
    /// All bytes that were sent, for other threads.
    std::atomic<std::uint64_t> progress{0};
    /// The engine's: it keeps the segments of the socket back.
    bool is_corked = false;
};

/// Makes it one of which nothing was sent.
void rewind_parts(transmit_request& request) noexcept;

/// Opens the files and sets what the parts have to send. Returns false, with
/// the index of the part, on error; nothing is open then.
bool open_parts(
    transmit_request& request, boost::system::error_code& ec) noexcept;

/// Closes what was opened. May be called again.
void close_parts(transmit_request& request) noexcept;

/// Moves the progress by bytes that were sent, and on to a part that is not
/// done or to the end.
void advance_parts(transmit_request& request, std::uint64_t sent) noexcept;

/// Whether there are bytes in the parts behind this one.
bool has_bytes_behind(
    transmit_request const& request, std::size_t index) noexcept;

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
