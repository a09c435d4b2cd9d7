// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

int check(std::int64_t result, char const* call)
{
    if (result < 0)
    {
        throw std::system_error(errno, std::generic_category(), call);
    }
    return static_cast<int>(result);
}

descriptor::~descriptor()
{
    if (fd_ >= 0)
    {
        ::close(fd_);
    }
}

descriptor connect_to(std::uint16_t port, int type)
{
    descriptor s(check(::socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(
        ::connect(
            s.get(),
            reinterpret_cast<sockaddr const*>(&address),
            sizeof(address)),
        "connect");
    if (type == SOCK_STREAM)
    {
        int const on = 1;
        ::setsockopt(s.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        // Closing resets the connection. Thousands of them would else keep
        // their ports for a minute, and leave none to listen at.
        linger const reset{1, 0};
        check(
            ::setsockopt(s.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
            "setsockopt");
    }
    return s;
}

readiness::readiness()
    : set_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"))
{}

void readiness::add(descriptor const& socket, std::size_t index)
{
    control(EPOLL_CTL_ADD, socket, index, EPOLLIN);
}

void readiness::change(
    descriptor const& socket, std::size_t index, bool wants_to_send)
{
    control(
        EPOLL_CTL_MOD,
        socket,
        index,
        wants_to_send ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void readiness::control(
    int operation,
    descriptor const& socket,
    std::size_t index,
    std::uint32_t events)
{
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    check(
        ::epoll_ctl(set_.get(), operation, socket.get(), &event), "epoll_ctl");
}

int readiness::wait(epoll_event* events, int capacity, int timeout_ms)
{
    int const n = ::epoll_wait(set_.get(), events, capacity, timeout_ms);
    return n < 0 && errno == EINTR ? 0 : check(n, "epoll_wait");
}

void course::check_patience() const
{
    if (clock::now() > last_start_ + patience)
    {
        throw std::runtime_error("messages were not answered");
    }
}

std::array<double, 3> latencies::percentiles()
{
    std::array<double, 3> result{-1, -1, -1};
    std::array<double, 3> const shares{0.5, 0.99, 0.999};
    for (std::size_t i = 0; i != shares.size() && !nanoseconds_.empty(); ++i)
    {
        auto const place =
            nanoseconds_.begin() +
            static_cast<std::ptrdiff_t>(
                shares[i] * static_cast<double>(nanoseconds_.size() - 1));
        std::nth_element(nanoseconds_.begin(), place, nanoseconds_.end());
        result[i] = *place / 1000.0;
    }
    return result;
}

void compare(std::string_view got, std::string_view expected)
{
    if (got != expected)
    {
        throw std::runtime_error("a wrong byte came back");
    }
}

} // namespace bench
