// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Functions of the C library are replaced by ones that count and call the
// original, for both libraries alike. The linker prefers the definitions of
// the program to those of a shared library.

#include "system_calls.hpp"

#include <atomic>
#include <ctime>

#include <dlfcn.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

std::atomic<std::uint64_t> count{0};

template<typename Signature>
class original;

/// A function of the C library: counts its calls.
template<typename Result, typename... Arguments>
class original<Result(Arguments...)>
{
public:
    constexpr explicit original(char const* name) noexcept
        : name_(name)
    {}

    Result operator()(Arguments... arguments)
    {
        count.fetch_add(1, std::memory_order_relaxed);
        auto* f = function_.load(std::memory_order_relaxed);
        if (!f)
        {
            f = reinterpret_cast<Result (*)(Arguments...)>(
                ::dlsym(RTLD_NEXT, name_));
            function_.store(f, std::memory_order_relaxed);
        }
        return f(arguments...);
    }

private:
    char const* name_;
    std::atomic<Result (*)(Arguments...)> function_{nullptr};
};

// Initialized before any code runs: they may be called from anywhere.
original<ssize_t(int, void*, size_t, int)> original_recv("recv");
original<ssize_t(int, msghdr*, int)> original_recvmsg("recvmsg");
original<ssize_t(int, void const*, size_t, int)> original_send("send");
original<ssize_t(int, msghdr const*, int)> original_sendmsg("sendmsg");
original<ssize_t(int, void*, size_t)> original_read("read");
original<ssize_t(int, iovec const*, int)> original_readv("readv");
original<ssize_t(int, void const*, size_t)> original_write("write");
original<ssize_t(int, iovec const*, int)> original_writev("writev");
original<int(pollfd*, nfds_t, int)> original_poll("poll");
original<int(int, epoll_event*, int, int)> original_epoll_wait("epoll_wait");
original<int(int, int, int, epoll_event*)> original_epoll_ctl("epoll_ctl");
original<int(int, int, itimerspec const*, itimerspec*)>
    original_timerfd_settime("timerfd_settime");

} // namespace

std::uint64_t demo::system_calls() noexcept
{
    return count.load(std::memory_order_relaxed);
}

extern "C" {

ssize_t recv(int fd, void* data, size_t size, int flags)
{
    return original_recv(fd, data, size, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags)
{
    return original_recvmsg(fd, message, flags);
}

ssize_t send(int fd, void const* data, size_t size, int flags)
{
    return original_send(fd, data, size, flags);
}

ssize_t sendmsg(int fd, msghdr const* message, int flags)
{
    return original_sendmsg(fd, message, flags);
}

ssize_t read(int fd, void* data, size_t size)
{
    return original_read(fd, data, size);
}

ssize_t readv(int fd, iovec const* buffers, int size)
{
    return original_readv(fd, buffers, size);
}

ssize_t write(int fd, void const* data, size_t size)
{
    return original_write(fd, data, size);
}

ssize_t writev(int fd, iovec const* buffers, int size)
{
    return original_writev(fd, buffers, size);
}

int poll(pollfd* entries, nfds_t size, int timeout)
{
    return original_poll(entries, size, timeout);
}

int epoll_wait(int epoll, epoll_event* events, int size, int timeout)
{
    return original_epoll_wait(epoll, events, size, timeout);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept
{
    return original_epoll_ctl(epoll, operation, fd, event);
}

int timerfd_settime(
    int fd, int flags, itimerspec const* when, itimerspec* before) noexcept
{
    return original_timerfd_settime(fd, flags, when, before);
}

} // extern "C"
