// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A client made of non-blocking sockets and one epoll set. Whatever it sends
// and expects is a text that repeats, so that each byte can be compared.
// Datagrams come and go in order on the loopback interface, so their bytes are
// a text, too.

#include "load.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_text.hpp"
#include "process.hpp"

namespace demo {
namespace {

using clock = std::chrono::steady_clock;

/// How long the answers to the last messages may take.
constexpr std::chrono::seconds patience{5};

/// An endless text.
class cycle
{
public:
    explicit cycle(std::string const& text)
        : size_(text.size())
        , twice_(text + text)
    {}

    /// A part of it, in one piece: `bytes`, or less if that is much.
    std::string_view at(std::uint64_t offset, std::size_t bytes) const
    {
        return std::string_view(twice_).substr(
            static_cast<std::size_t>(offset % size_), std::min(bytes, size_));
    }

private:
    std::size_t size_;
    std::string twice_;
};

/// A text that has room for all that one peer sends at a time.
std::string repeated(std::string_view text)
{
    std::string result;
    while (result.size() < 16384)
    {
        result += text;
    }
    return result;
}

std::string requests_for(workload const& w)
{
    return w.kind == traffic::http ? repeated(http_request) : noise(16384);
}

/// What the server sends for all of them.
std::string answers_for(workload const& w, std::string const& requests)
{
    switch (w.kind)
    {
    case traffic::http:
        return repeated(http_response);
    case traffic::file:
        return noise(w.message_bytes);
    default:
        break;
    }
    std::string result;
    for (std::size_t i = 0; i != requests.size(); i += w.request_bytes)
    {
        for (std::size_t n = 0; n != w.message_bytes; n += w.request_bytes)
        {
            result.append(requests, i, w.request_bytes);
        }
    }
    return result;
}

class descriptor
{
public:
    explicit descriptor(int fd, char const* call)
        : fd_(fd)
    {
        if (fd < 0)
        {
            throw_errno(call);
        }
    }

    descriptor(descriptor&& other) noexcept
        : fd_(std::exchange(other.fd_, -1))
    {}

    descriptor& operator=(descriptor&&) = delete;

    ~descriptor()
    {
        if (fd_ >= 0)
        {
            ::close(fd_);
        }
    }

    int get() const noexcept { return fd_; }

private:
    int fd_;
};

descriptor connect_to(unsigned short port, int type)
{
    descriptor socket(::socket(AF_INET, type, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(
            socket.get(),
            reinterpret_cast<sockaddr const*>(&address),
            sizeof(address)) != 0)
    {
        throw_errno("connect");
    }
    if (type == SOCK_STREAM)
    {
        int const on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return socket;
}

/// Lets many datagrams be sent and received as one packet. False: the system
/// cannot do it (it can since Linux 5.0).
bool merge_datagrams(descriptor const& socket, std::size_t bytes)
{
    int const segment = static_cast<int>(bytes);
    int const on = 1;
    return ::setsockopt(
               socket.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) ==
               0 &&
           ::setsockopt(socket.get(), SOL_UDP, UDP_GRO, &on, sizeof(on)) == 0;
}

struct peer
{
    descriptor socket;
    /// The message that its texts begin with, and how many of their bytes
    /// went and came.
    std::uint64_t begin;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    /// Bytes to send.
    std::size_t owed = 0;
    bool waits_to_send = false;
};

class generator
{
public:
    generator(workload const& w, unsigned short port, std::size_t peers)
        : kind_(w.kind)
        , message_bytes_(w.message_bytes)
        , request_bytes_(w.request_bytes)
        , out_(requests_for(w))
        , in_(answers_for(w, requests_for(w)))
        , epoll_(::epoll_create1(0), "epoll_create1")
        , buffer_(65536)
    {
        for (std::size_t i = 0; i != peers; ++i)
        {
            bool const is_udp = kind_ == traffic::datagrams;
            peers_.push_back(
                {connect_to(port, is_udp ? SOCK_DGRAM : SOCK_STREAM),
                 kind_ == traffic::broadcast ? 0 : i * 977});
            if (is_udp && !merge_datagrams(peers_[i].socket, message_bytes_))
            {
                most_at_a_time_ = message_bytes_;
            }
            watch(EPOLL_CTL_ADD, i, EPOLLIN);
        }
    }

    /// Lets a packet from this socket, or its end, end `run_until`.
    void add_control(int fd)
    {
        control_ = fd;
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = control_index;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        {
            throw_errno("epoll_ctl");
        }
    }

    void start(std::size_t outstanding)
    {
        if (kind_ == traffic::broadcast)
        {
            owe(publisher(), outstanding);
            return;
        }
        for (std::size_t i = 0; i != peers_.size(); ++i)
        {
            owe(i, outstanding);
        }
    }

    /// Goes on until `done()`, which is asked after each wait, or until
    /// something came at the control descriptor.
    template<typename Predicate>
    void run_until(Predicate done)
    {
        std::array<epoll_event, 64> events;
        while (!done() && !is_controlled_)
        {
            int const n =
                ::epoll_wait(epoll_.get(), events.data(), 64, wait_limit);
            if (n < 0 && errno != EINTR)
            {
                throw_errno("epoll_wait");
            }
            for (int i = 0; i < n; ++i)
            {
                handle(events[static_cast<std::size_t>(i)]);
            }
            if (kind_ == traffic::broadcast)
            {
                publish();
            }
        }
    }

    /// Sends no more, and waits for what is on its way.
    void finish()
    {
        is_ending_ = true;
        is_controlled_ = false;
        auto const limit = clock::now() + patience;
        run_until([&] { return is_answered() || clock::now() > limit; });
        if (!is_answered())
        {
            throw std::runtime_error("messages were not answered");
        }
    }

    std::uint64_t messages() const noexcept { return messages_; }

private:
    static constexpr std::uint64_t control_index = ~std::uint64_t(0);
    /// In milliseconds.
    static constexpr int wait_limit = 100;

    void watch(int operation, std::size_t index, std::uint32_t what)
    {
        epoll_event event{};
        event.events = what;
        event.data.u64 = index;
        if (::epoll_ctl(
                epoll_.get(), operation, peers_[index].socket.get(), &event) !=
            0)
        {
            throw_errno("epoll_ctl");
        }
    }

    void handle(epoll_event const& event)
    {
        if (event.data.u64 == control_index)
        {
            // At the end of the stream it stays readable.
            char command;
            ::recv(control_, &command, 1, MSG_DONTWAIT);
            is_controlled_ = !is_ending_;
            return;
        }
        auto const index = static_cast<std::size_t>(event.data.u64);
        if (event.events & EPOLLOUT)
        {
            flush(index);
        }
        if (event.events & ~std::uint32_t(EPOLLOUT))
        {
            receive(index);
        }
    }

    void receive(std::size_t index)
    {
        peer& p = peers_[index];
        ssize_t const n = ::recv(
            p.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (n < 0)
        {
            if (errno == EAGAIN || errno == EINTR)
            {
                return;
            }
            throw_errno("recv");
        }
        if (n == 0)
        {
            throw std::runtime_error("the server closed a connection");
        }
        auto const before = p.received / message_bytes_;
        compare(p, {buffer_.data(), static_cast<std::size_t>(n)});
        auto const complete =
            static_cast<std::size_t>(p.received / message_bytes_ - before);
        messages_ += complete;
        if (kind_ != traffic::broadcast && !is_ending_)
        {
            owe(index, complete);
        }
    }

    void compare(peer& p, std::string_view bytes)
    {
        while (!bytes.empty())
        {
            auto const expected =
                in_.at(p.begin * message_bytes_ + p.received, bytes.size());
            if (bytes.substr(0, expected.size()) != expected)
            {
                throw std::runtime_error(
                    "a wrong byte came back, at or after byte " +
                    std::to_string(p.received) + " of a connection");
            }
            bytes.remove_prefix(expected.size());
            p.received += expected.size();
        }
    }

    /// Broadcast: the peer that sends. When the server has its connection, it
    /// has those of all others, which were made before.
    std::size_t publisher() const noexcept { return peers_.size() - 1; }

    /// Broadcast: a message is done when all have it.
    void publish()
    {
        auto least = peers_[publisher()].received;
        for (peer const& p : peers_)
        {
            least = std::min(least, p.received);
        }
        auto const complete =
            static_cast<std::size_t>(least / message_bytes_ - published_);
        published_ += complete;
        if (!is_ending_)
        {
            owe(publisher(), complete);
        }
    }

    void owe(std::size_t index, std::size_t messages)
    {
        peers_[index].owed += messages * request_bytes_;
        flush(index);
    }

    void flush(std::size_t index)
    {
        peer& p = peers_[index];
        while (p.owed != 0)
        {
            auto const part = out_.at(
                p.begin * request_bytes_ + p.sent,
                std::min(p.owed, most_at_a_time_));
            ssize_t const n = ::send(
                p.socket.get(),
                part.data(),
                part.size(),
                MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0)
            {
                if (errno == EAGAIN)
                {
                    break;
                }
                throw_errno("send");
            }
            p.sent += static_cast<std::size_t>(n);
            p.owed -= static_cast<std::size_t>(n);
        }
        if (p.waits_to_send != (p.owed != 0))
        {
            p.waits_to_send = !p.waits_to_send;
            watch(
                EPOLL_CTL_MOD,
                index,
                p.waits_to_send ? EPOLLIN | EPOLLOUT : EPOLLIN);
        }
    }

    /// Whether all that was sent was answered.
    bool is_answered() const
    {
        return std::all_of(peers_.begin(), peers_.end(), [this](peer const& p) {
            peer const& asked =
                kind_ == traffic::broadcast ? peers_[publisher()] : p;
            return asked.owed == 0 &&
                   asked.sent / request_bytes_ * message_bytes_ == p.received;
        });
    }

    traffic kind_;
    std::size_t message_bytes_;
    std::size_t request_bytes_;
    /// A single datagram, where each has to be sent by itself.
    std::size_t most_at_a_time_ = std::numeric_limits<std::size_t>::max();
    cycle out_;
    cycle in_;
    descriptor epoll_;
    std::vector<char> buffer_;
    std::vector<peer> peers_;
    int control_ = -1;
    std::uint64_t messages_ = 0;
    std::uint64_t published_ = 0;
    bool is_controlled_ = false;
    bool is_ending_ = false;
};

void report(int control, load_report const& r)
{
    if (::send(control, &r, sizeof(r), MSG_NOSIGNAL) < 0 && errno != EPIPE)
    {
        throw_errno("send");
    }
}

} // namespace

void put_load(workload const& w, unsigned short port, int control)
{
    load_report r;
    try
    {
        generator g(w, port, w.peers);
        g.add_control(control);
        report(control, r);
        g.start(w.outstanding);
        g.run_until([] { return false; });
        g.finish();
        r.messages = g.messages();
    }
    catch (std::exception const& e)
    {
        std::strncpy(r.problem.data(), e.what(), r.problem.size() - 1);
    }
    report(control, r);
    // A socket that is closed with something unread loses what it sent.
    char command;
    while (::recv(control, &command, 1, 0) > 0)
    {}
}

void check_server(workload const& w, unsigned short port)
{
    constexpr std::uint64_t enough = 100;
    auto const limit = clock::now() + patience;
    generator g(w, port, 1);
    g.start(1);
    g.run_until([&] { return g.messages() >= enough || clock::now() > limit; });
    g.finish();
}

} // namespace demo
