// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/file.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>

#include <sys/stat.h>

#include "engine/linux_system_calls.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

native_file
open_native_file(char const* path, boost::system::error_code& ec) noexcept
{
    int const fd = system::open_file(path);
    ec = fd < 0 ? system::error_of(fd) : boost::system::error_code();
    return fd < 0 ? invalid_file() : fd;
}

void close_native_file(native_file file) noexcept
{
    system::close_file(file);
}

std::uint64_t
size_of_native_file(native_file file, boost::system::error_code& ec) noexcept
{
    unsigned type = 0;
    std::uint64_t size = 0;
    int const result = system::file_status(file, type, size);
    if (result < 0)
    {
        ec = system::error_of(result);
        return 0;
    }
    ec.clear();
    if (type == S_IFREG)
    {
        return size;
    }
    ec = type == S_IFDIR ? make_error_code(boost::system::errc::is_a_directory)
                         : boost::asio::error::invalid_argument;
    return 0;
}

std::size_t read_native_file(
    native_file file,
    void* data,
    std::size_t size,
    std::uint64_t offset,
    boost::system::error_code& ec) noexcept
{
    ec.clear();
    std::size_t done = 0;
    while (done != size)
    {
        ssize_t const n = system::read_file(
            file, static_cast<char*>(data) + done, size - done, offset + done);
        if (n < 0)
        {
            ec = system::error_of(n);
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
