#ifndef OPSLOT_BENCH_SERVERS_CONTENT_HPP
#define OPSLOT_BENCH_SERVERS_CONTENT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "../pattern.hpp"

namespace bench {

/// What stands before a file: as long as the header of an answer would be.
inline constexpr std::size_t file_header_bytes = 128;

/// The header of a file, which the load knows as well.
inline std::string file_header()
{
    return std::string(file_header_bytes, 'h');
}

/// A request for the file.
inline constexpr std::size_t file_request_bytes = 64;

/// How much of a file is read at a time by those who read it.
inline constexpr std::size_t file_part_bytes = 64 * 1024;

/// A file of so many bytes of the pattern, without a name. It stays in the
/// system's cache.
class content_file
{
public:
    explicit content_file(std::size_t bytes)
        : fd_(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600))
    {
        std::string const text = pattern(bytes);
        if (fd_ < 0 || ::write(fd_, text.data(), text.size()) !=
                           static_cast<ssize_t>(text.size()))
        {
            throw std::system_error(
                errno, std::generic_category(), "a file of /tmp");
        }
    }

    content_file(content_file const&) = delete;
    content_file& operator=(content_file const&) = delete;

    ~content_file() { ::close(fd_); }

    int native_handle() const noexcept { return fd_; }

    /// A name by which this process can open it.
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

} // namespace bench

#endif
