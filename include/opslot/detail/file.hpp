#ifndef OPSLOT_DETAIL_FILE_HPP
#define OPSLOT_DETAIL_FILE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Files to transmit: what an engine asks of the system, and a handle that
    is shared.
*/

#include <opslot/config.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

#if defined(_WIN32)

/// The system's handle of a file.
using native_file = void*;

/// No file.
inline native_file invalid_file() noexcept
{
    return reinterpret_cast<void*>(std::intptr_t(-1));
}

#else

/// The system's handle of a file.
using native_file = int;

/// No file.
constexpr native_file invalid_file() noexcept
{
    return -1;
}

#endif

// Implemented by the engine. No function here throws or waits for anything
// but the disk.

/// Opens a file for reading; invalid_file() on error.
native_file open_native_file(
    std::filesystem::path::value_type const* path,
    boost::system::error_code& ec) noexcept;

void close_native_file(native_file file) noexcept;

/// The size of a regular file. Others fail: a directory with
/// `is_a_directory`, a pipe, a device and so on with `invalid_argument`.
std::uint64_t
size_of_native_file(native_file file, boost::system::error_code& ec) noexcept;

/// Reads from a position until `size` bytes are there or the file ends, and
/// leaves the file's own position alone.
std::size_t read_native_file(
    native_file file,
    void* data,
    std::size_t size,
    std::uint64_t offset,
    boost::system::error_code& ec) noexcept;

/// An open file, closed with the last reference.
class shared_file
{
public:
    /// Takes over a file. Throws std::bad_alloc, and closes it then.
    static boost::intrusive_ptr<shared_file> make(native_file file);

    native_file native_handle() const noexcept { return file_; }

    friend void intrusive_ptr_add_ref(shared_file* f) noexcept
    {
        f->references_.fetch_add(1, std::memory_order_relaxed);
    }

    friend void intrusive_ptr_release(shared_file* f) noexcept
    {
        if (f->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        {
            f->retire();
        }
    }

private:
    explicit shared_file(native_file file) noexcept
        : file_(file)
    {}

    ~shared_file() = default;

    void retire() noexcept;

    native_file const file_;
    std::atomic<std::size_t> references_{0};
};

using shared_file_ptr = boost::intrusive_ptr<shared_file>;

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
