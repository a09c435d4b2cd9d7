// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Functions of the C library are replaced by ones that count and call the
// original, for all libraries alike. The linker prefers the definitions of the
// program, and of a library that is loaded first, to those of other shared
// libraries.

#include "system_calls.hpp"

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <ctime>

#include <dlfcn.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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
        return uncounted(arguments...);
    }

    Result uncounted(Arguments... arguments)
    {
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
original<ssize_t(int, void*, size_t, int, sockaddr*, socklen_t*)>
    original_recvfrom("recvfrom");
original<ssize_t(int, void const*, size_t, int, sockaddr const*, socklen_t)>
    original_sendto("sendto");
original<int(int, mmsghdr*, unsigned, int, timespec*)>
    original_recvmmsg("recvmmsg");
original<int(int, mmsghdr*, unsigned, int)> original_sendmmsg("sendmmsg");
original<ssize_t(int, void*, size_t, off_t)> original_pread("pread");
original<ssize_t(int, int, off_t*, size_t)> original_sendfile("sendfile");
original<int(int, epoll_event*, int, int, sigset_t const*)>
    original_epoll_pwait("epoll_pwait");
original<int(int, sockaddr*, socklen_t*)> original_accept("accept");
original<int(int, sockaddr*, socklen_t*, int)> original_accept4("accept4");
original<int(int, sockaddr const*, socklen_t)> original_connect("connect");
original<int(int, int)> original_shutdown("shutdown");
original<int(int)> original_close("close");
original<int(int, int, int, void const*, socklen_t)>
    original_setsockopt("setsockopt");
original<int(int, int, int, void*, socklen_t*)>
    original_getsockopt("getsockopt");
original<int(int, unsigned long, void*)> original_ioctl("ioctl");
original<int(int, sigset_t const*, sigset_t*)>
    original_pthread_sigmask("pthread_sigmask");
original<int(sigset_t const*, siginfo_t*, timespec const*)>
    original_sigtimedwait("sigtimedwait");
original<long(long, long, long, long, long, long, long)>
    original_syscall("syscall");

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

ssize_t recvfrom(
    int fd,
    void* data,
    size_t size,
    int flags,
    sockaddr* address,
    socklen_t* address_size)
{
    return original_recvfrom(fd, data, size, flags, address, address_size);
}

ssize_t sendto(
    int fd,
    void const* data,
    size_t size,
    int flags,
    sockaddr const* address,
    socklen_t address_size)
{
    return original_sendto(fd, data, size, flags, address, address_size);
}

int recvmmsg(
    int fd, mmsghdr* messages, unsigned size, int flags, timespec* timeout)
{
    return original_recvmmsg(fd, messages, size, flags, timeout);
}

int sendmmsg(int fd, mmsghdr* messages, unsigned size, int flags)
{
    return original_sendmmsg(fd, messages, size, flags);
}

ssize_t pread(int fd, void* data, size_t size, off_t offset)
{
    return original_pread(fd, data, size, offset);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept
{
    return original_sendfile(to, from, offset, size);
}

int epoll_pwait(
    int epoll,
    epoll_event* events,
    int size,
    int timeout,
    sigset_t const* signals)
{
    return original_epoll_pwait(epoll, events, size, timeout, signals);
}

int accept(int fd, sockaddr* address, socklen_t* size)
{
    return original_accept(fd, address, size);
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags)
{
    return original_accept4(fd, address, size, flags);
}

int connect(int fd, sockaddr const* address, socklen_t size)
{
    return original_connect(fd, address, size);
}

int shutdown(int fd, int how) noexcept
{
    return original_shutdown(fd, how);
}

int close(int fd)
{
    return original_close(fd);
}

int setsockopt(
    int fd, int level, int name, void const* value, socklen_t size) noexcept
{
    return original_setsockopt(fd, level, name, value, size);
}

int getsockopt(
    int fd, int level, int name, void* value, socklen_t* size) noexcept
{
    return original_getsockopt(fd, level, name, value, size);
}

int ioctl(int fd, unsigned long request, ...) noexcept
{
    std::va_list arguments;
    va_start(arguments, request);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    return original_ioctl(fd, request, argument);
}

int pthread_sigmask(int how, sigset_t const* set, sigset_t* before) noexcept
{
    return original_pthread_sigmask(how, set, before);
}

int sigtimedwait(
    sigset_t const* set, siginfo_t* information, timespec const* timeout)
{
    return original_sigtimedwait(set, information, timeout);
}

// By this libuv sends several datagrams at once.
long syscall(long number, ...) noexcept
{
    std::va_list list;
    va_start(list, number);
    long const a = va_arg(list, long);
    long const b = va_arg(list, long);
    long const c = va_arg(list, long);
    long const d = va_arg(list, long);
    long const e = va_arg(list, long);
    long const f = va_arg(list, long);
    va_end(list);
    return number == SYS_futex
               ? original_syscall.uncounted(number, a, b, c, d, e, f)
               : original_syscall(number, a, b, c, d, e, f);
}

} // extern "C"
