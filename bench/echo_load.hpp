#ifndef OPSLOT_BENCH_ECHO_LOAD_HPP
#define OPSLOT_BENCH_ECHO_LOAD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A closed loop of peers that send a message and wait for it to come back,
    on plain epoll, for a process of its own.
*/

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
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
};

/// One peer and what it still has to do.
struct echo_peer
{
    int fd;
    std::size_t messages_left;
    std::size_t bytes_left;
};

inline bool fail(char const* what)
{
    std::perror(what);
    return false;
}

inline bool open_peer(echo_load const& load, echo_peer& peer)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(load.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int const on = 1;
    ::setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    peer.messages_left = load.messages;
    peer.bytes_left = load.size;
    return ::connect(
               peer.fd,
               reinterpret_cast<sockaddr*>(&address),
               sizeof(address)) == 0 ||
           fail("connect");
}

/// Runs the load. Returns false, with a message, if anything went wrong or
/// a byte came back wrong.
inline bool run(echo_load const& load)
{
    constexpr int timeout_ms = 20000;
    int const set = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<echo_peer> peers(load.peers);
    std::string const message(load.size, 'm');
    std::string reply(load.size, '\0');
    for (echo_peer& peer : peers)
    {
        if (!open_peer(load, peer))
        {
            return false;
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &peer;
        ::epoll_ctl(set, EPOLL_CTL_ADD, peer.fd, &event);
    }
    for (echo_peer& peer : peers)
    {
        ::send(peer.fd, message.data(), message.size(), MSG_NOSIGNAL);
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
            ssize_t const got =
                ::recv(peer.fd, reply.data(), peer.bytes_left, 0);
            if (got <= 0 || std::memcmp(
                                reply.data(),
                                message.data(),
                                static_cast<std::size_t>(got)) != 0)
            {
                return fail("recv");
            }
            peer.bytes_left -= static_cast<std::size_t>(got);
            if (peer.bytes_left != 0)
            {
                continue;
            }
            peer.bytes_left = load.size;
            if (--peer.messages_left == 0)
            {
                ::close(peer.fd);
                --active;
            }
            else
            {
                ::send(peer.fd, message.data(), message.size(), MSG_NOSIGNAL);
            }
        }
    }
    ::close(set);
    return true;
}

} // namespace bench

#endif
