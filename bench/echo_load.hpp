#ifndef OPSLOT_BENCH_ECHO_LOAD_HPP
#define OPSLOT_BENCH_ECHO_LOAD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A closed loop of peers that send a message and wait for it to come back,
    on plain epoll, for a process of its own.
*/

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

struct echo_load
{
    std::uint16_t port;
    std::size_t peers;
    /// Messages of each peer.
    std::size_t messages;
    /// Bytes of each message.
    std::size_t size;
    /// Messages that each peer has on their way at a time.
    std::size_t outstanding;
};

inline bool fail(char const* what)
{
    std::perror(what);
    return false;
}

/// One connection of the load.
class echo_peer
{
public:
    using clock = std::chrono::steady_clock;

    explicit echo_peer(echo_load const& load)
        : load_(&load)
        , sent_at_(load.outstanding)
        , to_send_(load.messages)
        , to_receive_(load.messages * load.size)
    {}

    int fd() const noexcept { return fd_; }

    bool open()
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(load_->port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int const on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return ::connect(
                   fd_,
                   reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0 ||
               fail("connect");
    }

    /// Sends as many messages as may be on their way.
    bool send(std::string const& message)
    {
        std::size_t const on_their_way =
            (to_receive_ + load_->size - 1) / load_->size - to_send_;
        for (std::size_t n = on_their_way;
             n != load_->outstanding && to_send_ != 0;
             ++n)
        {
            sent_at_[to_send_-- % load_->outstanding] = clock::now();
            if (::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(message.size()))
            {
                return fail("send");
            }
        }
        return true;
    }

    /// Receives what is there, checks it, and notes how long it took.
    bool receive(std::string& buffer, std::vector<float>& microseconds)
    {
        ssize_t const got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (got <= 0)
        {
            return fail("recv");
        }
        auto const now = clock::now();
        for (ssize_t i = 0; i != got; ++i)
        {
            if (buffer[static_cast<std::size_t>(i)] != 'm')
            {
                errno = EBADMSG;
                return fail("a byte came back wrong");
            }
            if (--to_receive_ % load_->size == 0)
            {
                std::size_t const number = to_receive_ / load_->size + 1;
                microseconds.push_back(
                    std::chrono::duration<float, std::micro>(
                        now - sent_at_[number % load_->outstanding])
                        .count());
            }
        }
        return true;
    }

    bool is_done() const noexcept { return to_receive_ == 0; }

private:
    echo_load const* load_;
    std::vector<clock::time_point> sent_at_;
    std::size_t to_send_;
    std::size_t to_receive_;
    int fd_ = -1;
};

inline void print_latencies(std::vector<float>& microseconds)
{
    std::sort(microseconds.begin(), microseconds.end());
    auto const at = [&](double share) {
        return static_cast<double>(microseconds[static_cast<std::size_t>(
            share * static_cast<double>(microseconds.size() - 1))]);
    };
    std::printf(
        "  latency in us: p50 %.0f, p99 %.0f, p99.9 %.0f, largest %.0f\n",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1));
}

/// Runs the load. Returns false, with a message, if anything went wrong or
/// a byte came back wrong.
inline bool run(echo_load const& load)
{
    constexpr int timeout_ms = 20000;
    int const set = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<echo_peer> peers(load.peers, echo_peer(load));
    std::string const message(load.size, 'm');
    std::string buffer(load.size * load.outstanding, '\0');
    std::vector<float> microseconds;
    microseconds.reserve(load.peers * load.messages);
    for (echo_peer& peer : peers)
    {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &peer;
        if (!peer.open() ||
            ::epoll_ctl(set, EPOLL_CTL_ADD, peer.fd(), &event) != 0)
        {
            return false;
        }
    }
    for (echo_peer& peer : peers)
    {
        if (!peer.send(message))
        {
            return false;
        }
    }
    std::vector<epoll_event> events(load.peers);
    for (std::size_t active = peers.size(); active != 0;)
    {
        int const n = ::epoll_wait(
            set, events.data(), static_cast<int>(events.size()), timeout_ms);
        if (n <= 0)
        {
            return fail("epoll_wait");
        }
        for (int i = 0; i != n; ++i)
        {
            auto& peer = *static_cast<echo_peer*>(
                events[static_cast<std::size_t>(i)].data.ptr);
            if (!peer.receive(buffer, microseconds) || !peer.send(message))
            {
                return false;
            }
            if (peer.is_done())
            {
                ::close(peer.fd());
                --active;
            }
        }
    }
    ::close(set);
    print_latencies(microseconds);
    return true;
}

} // namespace bench

#endif
