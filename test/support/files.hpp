#ifndef OPSLOT_TEST_SUPPORT_FILES_HPP
#define OPSLOT_TEST_SUPPORT_FILES_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/peer.hpp"

namespace support {

/// A directory that goes, with what is in it, at the end of its scope.
class temporary_directory
{
public:
    temporary_directory()
    {
        std::string name =
            std::filesystem::temp_directory_path() / "opslot-XXXXXX";
        require(::mkdtemp(name.data()) != nullptr, "mkdtemp");
        path_ = name;
    }

    temporary_directory(temporary_directory const&) = delete;

    ~temporary_directory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::filesystem::path const& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// A file that is there for the time of its scope.
class temporary_file
{
public:
    explicit temporary_file(std::string_view content)
        : path_(directory_.path() / "file")
        , fd_(::open(
              path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600))
    {
        require(fd_ >= 0, "temporary_file: open");
        write(content, 0);
    }

    ~temporary_file() { ::close(fd_); }

    std::filesystem::path const& path() const noexcept { return path_; }

    /// Open for reading and writing.
    int native_handle() const noexcept { return fd_; }

    void write(std::string_view data, std::uint64_t offset)
    {
        require(
            ::pwrite(
                fd_, data.data(), data.size(), static_cast<::off_t>(offset)) ==
                static_cast<ssize_t>(data.size()),
            "temporary_file: write");
    }

    void truncate(std::uint64_t size)
    {
        require(
            ::ftruncate(fd_, static_cast<::off_t>(size)) == 0,
            "temporary_file: truncate");
    }

private:
    temporary_directory directory_;
    std::filesystem::path path_;
    int fd_;
};

} // namespace support

#endif
