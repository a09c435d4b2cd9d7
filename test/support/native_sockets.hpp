#ifndef OPSLOT_TEST_SUPPORT_NATIVE_SOCKETS_HPP
#define OPSLOT_TEST_SUPPORT_NATIVE_SOCKETS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The sockets of the system, where POSIX and Windows differ.
*/

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <cstddef>

#if !defined(_WIN32)
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#endif

namespace support {
namespace native {

#if defined(_WIN32)

using handle = SOCKET;
using size = int;
inline constexpr handle none = INVALID_SOCKET;
inline constexpr int no_signal = 0;

inline int last_error() noexcept
{
    return ::WSAGetLastError();
}

inline handle open(int family, int type, int protocol) noexcept
{
    return ::socket(family, type, protocol);
}

inline handle accept(handle h) noexcept
{
    return ::accept(h, nullptr, nullptr);
}

inline void close(handle h) noexcept
{
    ::closesocket(h);
}

inline bool poll(handle h, short events) noexcept
{
    ::WSAPOLLFD p{h, events, 0};
    return ::WSAPoll(&p, 1, 30000) == 1;
}

inline std::ptrdiff_t
send(handle h, char const* data, std::size_t n, int flags) noexcept
{
    return ::send(h, data, static_cast<int>(n), flags);
}

inline std::ptrdiff_t
receive(handle h, char* data, std::size_t n, int flags = 0) noexcept
{
    return ::recv(h, data, static_cast<int>(n), flags);
}

/// Lets the calls of a socket give up after a while.
inline void limit_waits(handle h) noexcept
{
    ::DWORD const limit = 30000;
    auto const* const data = reinterpret_cast<char const*>(&limit);
    ::setsockopt(h, SOL_SOCKET, SO_RCVTIMEO, data, sizeof(limit));
    ::setsockopt(h, SOL_SOCKET, SO_SNDTIMEO, data, sizeof(limit));
}

inline void end_sending(handle h) noexcept
{
    ::shutdown(h, SD_SEND);
}

#else

using handle = int;
using size = ::socklen_t;
inline constexpr handle none = -1;
inline constexpr int no_signal = MSG_NOSIGNAL;

inline int last_error() noexcept
{
    return errno;
}

inline handle open(int family, int type, int protocol) noexcept
{
    return ::socket(family, type | SOCK_CLOEXEC, protocol);
}

inline handle accept(handle h) noexcept
{
    return ::accept4(h, nullptr, nullptr, SOCK_CLOEXEC);
}

inline void close(handle h) noexcept
{
    ::close(h);
}

inline bool poll(handle h, short events) noexcept
{
    ::pollfd p{h, events, 0};
    return ::poll(&p, 1, 30000) == 1;
}

inline std::ptrdiff_t
send(handle h, char const* data, std::size_t n, int flags) noexcept
{
    return ::send(h, data, n, flags);
}

inline std::ptrdiff_t
receive(handle h, char* data, std::size_t n, int flags = 0) noexcept
{
    return ::recv(h, data, n, flags);
}

/// Lets the calls of a socket give up after a while.
inline void limit_waits(handle h) noexcept
{
    ::timeval const limit{30, 0};
    ::setsockopt(h, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(h, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

inline void end_sending(handle h) noexcept
{
    ::shutdown(h, SHUT_WR);
}

#endif

template<typename Value>
void set_option(handle h, int level, int name, Value const& value) noexcept
{
    ::setsockopt(
        h, level, name, reinterpret_cast<char const*>(&value), sizeof(value));
}

} // namespace native

/// Throws what the system says unless `ok`.
inline void require(bool ok, char const* what)
{
    if (!ok)
    {
        throw boost::system::system_error(
            native::last_error(), boost::system::system_category(), what);
    }
}

} // namespace support

#endif
