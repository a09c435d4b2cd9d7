// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Files of 2 GiB and more, where the system's default is 32 bits.
#define _FILE_OFFSET_BITS 64

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/file.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>

#include <algorithm>
#include <cerrno>

#if defined(_WIN32)
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

// Asio has files where the system has asynchronous ones; a descriptor of POSIX
// and a handle of Windows are read with a position everywhere.

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using error_code = boost::system::error_code;

error_code last_error() noexcept
{
#if defined(_WIN32)
    auto const number = static_cast<int>(::GetLastError());
#else
    int const number = errno;
#endif
    return {number, boost::system::system_category()};
}

} // namespace

#if defined(_WIN32)

native_file open_native_file(wchar_t const* path, error_code& ec) noexcept
{
    // Directories open too, so that they are told apart.
    native_file const file = ::CreateFileW(
        path,
        GENERIC_READ,
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        nullptr,
        OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS,
        nullptr);
    ec = file == invalid_file() ? last_error() : error_code();
    return file;
}

void close_native_file(native_file file) noexcept
{
    ::CloseHandle(file);
}

std::uint64_t size_of_native_file(native_file file, error_code& ec) noexcept
{
    ::BY_HANDLE_FILE_INFORMATION info{};
    ec.clear();
    if (!::GetFileInformationByHandle(file, &info))
    {
        ec = last_error();
        return 0;
    }
    if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
    {
        ec = make_error_code(boost::system::errc::is_a_directory);
        return 0;
    }
    return (std::uint64_t(info.nFileSizeHigh) << 32) | info.nFileSizeLow;
}

namespace {

/// The number of bytes, 0 at the end of the file, or -1.
std::ptrdiff_t read_once(
    native_file file,
    void* data,
    std::size_t size,
    std::uint64_t offset) noexcept
{
    ::OVERLAPPED position{};
    position.Offset = static_cast<::DWORD>(offset);
    position.OffsetHigh = static_cast<::DWORD>(offset >> 32);
    auto const asked =
        static_cast<::DWORD>(std::min<std::size_t>(size, 1 << 30));
    ::DWORD n = 0;
    if (!::ReadFile(file, data, asked, &n, &position))
    {
        return ::GetLastError() == ERROR_HANDLE_EOF ? 0 : -1;
    }
    return static_cast<std::ptrdiff_t>(n);
}

} // namespace

#else

native_file open_native_file(char const* path, error_code& ec) noexcept
{
    // O_NONBLOCK: a pipe without a writer is not waited for, but refused.
    constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    native_file file = invalid_file();
    do
    {
        file = ::open(path, flags);
    } while (file < 0 && errno == EINTR);
    ec = file < 0 ? last_error() : error_code();
    return file;
}

void close_native_file(native_file file) noexcept
{
    ::close(file);
}

std::uint64_t size_of_native_file(native_file file, error_code& ec) noexcept
{
    struct ::stat status = {};
    ec.clear();
    if (::fstat(file, &status) != 0)
    {
        ec = last_error();
        return 0;
    }
    if (S_ISREG(status.st_mode))
    {
        return static_cast<std::uint64_t>(status.st_size);
    }
    ec = S_ISDIR(status.st_mode)
             ? make_error_code(boost::system::errc::is_a_directory)
             : boost::asio::error::invalid_argument;
    return 0;
}

namespace {

/// The number of bytes, 0 at the end of the file, or -1.
std::ptrdiff_t read_once(
    native_file file,
    void* data,
    std::size_t size,
    std::uint64_t offset) noexcept
{
    for (;;)
    {
        std::ptrdiff_t const n =
            ::pread(file, data, size, static_cast<::off_t>(offset));
        if (n >= 0 || errno != EINTR)
        {
            return n;
        }
    }
}

} // namespace

#endif

std::size_t read_native_file(
    native_file file,
    void* data,
    std::size_t size,
    std::uint64_t offset,
    error_code& ec) noexcept
{
    ec.clear();
    std::size_t done = 0;
    while (done != size)
    {
        std::ptrdiff_t const n = read_once(
            file, static_cast<char*>(data) + done, size - done, offset + done);
        if (n < 0)
        {
            ec = last_error();
        }
        if (n <= 0)
        {
            break;
        }
        done += static_cast<std::size_t>(n);
    }
    return done;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
