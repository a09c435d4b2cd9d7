#ifndef OPSLOT_TEST_EXAMPLES_DESCRIPTOR_HPP
#define OPSLOT_TEST_EXAMPLES_DESCRIPTOR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Descriptors, and what is waited for on them. No wait is longer than
// `patience`.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace examples {

using namespace std::chrono_literals;
using steady_clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{20};

[[noreturn]] inline void fail(char const* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

/// A descriptor, closed at the end.
class descriptor
{
public:
    explicit descriptor(int fd = -1)
        : fd_(fd)
    {}

    descriptor(descriptor&& other) noexcept
        : fd_(std::exchange(other.fd_, -1))
    {}

    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        other.close();
        return *this;
    }

    ~descriptor() { close(); }

    int get() const { return fd_; }

    void close()
    {
        if (fd_ != -1)
        {
            ::close(std::exchange(fd_, -1));
        }
    }

private:
    int fd_;
};

/// Waits until a descriptor is ready; false if it is not in time.
inline bool
is_ready(int fd, short events, std::chrono::milliseconds time = patience)
{
    auto const deadline = steady_clock::now() + time;
    for (;;)
    {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - steady_clock::now());
        pollfd p{fd, events, 0};
        int const n = ::poll(
            &p, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (n >= 0)
        {
            return n == 1;
        }
        if (errno != EINTR)
        {
            fail("poll");
        }
    }
}

/// Reads some bytes; none at the end of the stream.
inline std::string read_some(int fd, std::size_t limit = 65536)
{
    if (!is_ready(fd, POLLIN))
    {
        throw std::runtime_error("nothing came in time");
    }
    std::string bytes(limit, '\0');
    ssize_t const n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0)
    {
        fail("read");
    }
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
}

} // namespace examples

#endif
