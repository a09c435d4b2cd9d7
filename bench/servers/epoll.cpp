// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The servers without a library: one level-triggered epoll set, one receive
// for each event, and a send at once. A connection that cannot send is
// watched for that and not for more to receive.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <unordered_set>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "content.hpp"
#include "http_text.hpp"
#include "service.hpp"
#include "worker.hpp"

namespace {

using bench::cell;

int check(int result, char const* call)
{
    if (result < 0)
    {
        throw std::system_error(errno, std::generic_category(), call);
    }
    return result;
}

// ---- The loop --------------------------------------------------------------

/// What is in the epoll set.
class watched
{
public:
    virtual void ready() = 0;

protected:
    ~watched() = default;
};

class loop
{
public:
    void control(int operation, int fd, std::uint32_t events, watched* who)
    {
        epoll_event event{};
        event.events = events;
        event.data.ptr = who;
        check(::epoll_ctl(set_, operation, fd, &event), "epoll_ctl");
    }

    [[noreturn]] void run()
    {
        std::array<epoll_event, 64> events;
        for (;;)
        {
            int const n = ::epoll_wait(
                set_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i)
            {
                static_cast<watched*>(
                    events[static_cast<std::size_t>(i)].data.ptr)
                    ->ready();
            }
        }
    }

private:
    int set_ = check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
};

int make_socket(int type, std::uint16_t& port)
{
    int const fd = check(
        ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    check(::bind(fd, generic, size), "bind");
    check(::getsockname(fd, generic, &size), "getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

// ---- Connections -----------------------------------------------------------

/// A connection, which deletes itself at its end.
class connection : public watched
{
public:
    connection(loop& l, int fd)
        : loop_(l)
        , fd_(fd)
    {
        loop_.control(EPOLL_CTL_ADD, fd_, EPOLLIN, this);
    }

    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;

    virtual ~connection() { ::close(fd_); }

    void ready() final { is_blocked_ ? go_on() : readable(); }

protected:
    /// Bytes can be received.
    virtual void readable() = 0;

    /// What was left of a send is sent.
    virtual void sent() {}

    /// Returns 0 at the end, which is that of the object then, or if nothing
    /// is there after all.
    std::size_t receive(char* data, std::size_t size)
    {
        ssize_t const n = ::recv(fd_, data, size, 0);
        if (n > 0)
        {
            return static_cast<std::size_t>(n);
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
        {
            delete this;
        }
        return 0;
    }

    /// Sends all. False: what is left is sent later, and stays where it is
    /// until then.
    bool send(char const* data, std::size_t size)
    {
        ssize_t const n = ::send(fd_, data, size, MSG_NOSIGNAL);
        std::size_t const done = n < 0 ? 0 : static_cast<std::size_t>(n);
        if (done == size)
        {
            return true;
        }
        rest_ = data + done;
        rest_size_ = size - done;
        block(true);
        return false;
    }

    void block(bool on)
    {
        if (on != is_blocked_)
        {
            is_blocked_ = on;
            loop_.control(EPOLL_CTL_MOD, fd_, on ? EPOLLOUT : EPOLLIN, this);
        }
    }

    int fd() const noexcept { return fd_; }

private:
    void go_on()
    {
        if (rest_size_ != 0)
        {
            ssize_t const n = ::send(fd_, rest_, rest_size_, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
            {
                delete this;
                return;
            }
            std::size_t const done = n < 0 ? 0 : static_cast<std::size_t>(n);
            rest_ += done;
            rest_size_ -= done;
        }
        if (rest_size_ == 0)
        {
            block(false);
            sent();
        }
    }

    loop& loop_;
    int const fd_;
    bool is_blocked_ = false;
    char const* rest_ = nullptr;
    std::size_t rest_size_ = 0;
};

class echo_connection : public connection
{
public:
    using shared = cell const;

    echo_connection(loop& l, int fd, shared& c)
        : connection(l, fd)
        , buffer_(c.buffer_bytes)
    {}

protected:
    void readable() override
    {
        if (std::size_t const n = receive(buffer_.data(), buffer_.size()))
        {
            send(buffer_.data(), n);
        }
    }

private:
    std::vector<char> buffer_;
};

/// Ends connections that say nothing for too long: a clock in each of them,
/// and a timer that looks at all.
class timeout_connection : public echo_connection
{
    using clock = std::chrono::steady_clock;

public:
    class shared : public watched
    {
    public:
        explicit shared(cell const& c)
            : description(c)
        {}

        void start(loop& l)
        {
            timer_ = check(
                ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                "timerfd_create");
            itimerspec every_second{};
            every_second.it_value.tv_sec = every_second.it_interval.tv_sec = 1;
            ::timerfd_settime(timer_, 0, &every_second, nullptr);
            l.control(EPOLL_CTL_ADD, timer_, EPOLLIN, this);
        }

        void ready() override
        {
            std::uint64_t expirations;
            if (::read(timer_, &expirations, sizeof(expirations)) < 0)
            {
                return;
            }
            auto const limit = clock::now() - bench::receive_timeout;
            for (timeout_connection* const each : all)
            {
                if (each->last_ < limit)
                {
                    ::shutdown(each->fd(), SHUT_RDWR);
                }
            }
        }

        cell const& description;
        std::unordered_set<timeout_connection*> all;

    private:
        int timer_ = -1;
    };

    timeout_connection(loop& l, int fd, shared& s)
        : echo_connection(l, fd, s.description)
        , shared_(s)
    {
        shared_.all.insert(this);
    }

    ~timeout_connection() override { shared_.all.erase(this); }

protected:
    void readable() override
    {
        last_ = clock::now();
        echo_connection::readable();
    }

private:
    shared& shared_;
    clock::time_point last_ = clock::now();
};

/// Sends each message back so many times, in one piece.
class queue_connection : public connection
{
public:
    using shared = cell const;

    queue_connection(loop& l, int fd, shared& c)
        : connection(l, fd)
        , message_(c.message_bytes)
        , fan_out_(c.fan_out)
    {}

protected:
    void readable() override
    {
        std::size_t const n =
            receive(message_.data() + has_, message_.size() - has_);
        if (n == 0 || (has_ += n) != message_.size())
        {
            return;
        }
        has_ = 0;
        replies_.clear();
        for (std::size_t i = 0; i != fan_out_; ++i)
        {
            replies_.append(message_.data(), message_.size());
        }
        send(replies_.data(), replies_.size());
    }

private:
    std::vector<char> message_;
    std::size_t has_ = 0;
    std::size_t const fan_out_;
    std::string replies_;
};

class room_connection : public connection
{
public:
    /// Messages are in a ring: the load has fewer on their way.
    static constexpr std::size_t ring = 8;

    struct shared
    {
        explicit shared(cell const& c)
            : messages(ring, std::vector<char>(c.message_bytes))
        {}

        std::vector<std::vector<char>> messages;
        std::size_t has = 0;
        std::size_t published = 0;
        std::vector<room_connection*> members;
    };

    room_connection(loop& l, int fd, shared& s)
        : connection(l, fd)
        , room_(s)
    {
        room_.members.push_back(this);
    }

    ~room_connection() override
    {
        auto& all = room_.members;
        all.erase(std::remove(all.begin(), all.end(), this), all.end());
    }

protected:
    // Only one of the peers sends.
    void readable() override
    {
        auto& message = room_.messages[room_.published % ring];
        std::size_t const n =
            receive(message.data() + room_.has, message.size() - room_.has);
        if (n == 0 || (room_.has += n) != message.size())
        {
            return;
        }
        room_.has = 0;
        ++room_.published;
        for (room_connection* const member : room_.members)
        {
            if (member->is_free_)
            {
                member->sent();
            }
        }
    }

    void sent() override
    {
        is_free_ = true;
        while (is_free_ && sent_ != room_.published)
        {
            auto const& message = room_.messages[sent_++ % ring];
            is_free_ = send(message.data(), message.size());
        }
    }

private:
    shared& room_;
    std::size_t sent_ = 0;
    bool is_free_ = true;
};

/// Another thread sends what this one has received.
class worker_connection : public connection
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer_bytes(c.buffer_bytes)
            , thread(c.connections)
        {}

        std::size_t const buffer_bytes;
        bench::worker<worker_connection> thread;
    };

    worker_connection(loop& l, int fd, shared& s)
        : connection(l, fd)
        , shared_(s)
        , buffer_(s.buffer_bytes)
    {}

    // The peer sends the next message after this one, so the socket has room.
    void reply() { send(buffer_.data(), received_); }

protected:
    void readable() override
    {
        received_ = receive(buffer_.data(), buffer_.size());
        if (received_ != 0)
        {
            shared_.thread.push(*this);
        }
    }

private:
    shared& shared_;
    std::vector<char> buffer_;
    std::size_t received_ = 0;
};

/// Has no buffer of its own.
class idle_connection : public connection
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer(c.buffer_bytes)
        {}

        std::vector<char> buffer;
    };

    idle_connection(loop& l, int fd, shared& s)
        : connection(l, fd)
        , shared_(s)
    {}

protected:
    void readable() override
    {
        auto& buffer = shared_.buffer;
        if (std::size_t const n = receive(buffer.data(), buffer.size()))
        {
            send(buffer.data(), n);
        }
    }

private:
    shared& shared_;
};

/// A header, and a file by sendfile(2).
class file_connection : public connection
{
    /// What goes out before the other connections get their turn.
    static constexpr std::size_t most_at_a_time = 256 * 1024;

public:
    struct shared
    {
        explicit shared(cell const& c)
            : size(c.message_bytes)
            , file(size)
            , header(bench::file_header())
        {}

        std::size_t const size;
        bench::content_file const file;
        std::string const header;
    };

    file_connection(loop& l, int fd, shared& s)
        : connection(l, fd)
        , shared_(s)
    {}

protected:
    void readable() override
    {
        std::size_t const n =
            receive(request_.data() + has_, request_.size() - has_);
        if (n == 0 || (has_ += n) != request_.size())
        {
            return;
        }
        has_ = 0;
        sent_ = 0;
        // The peer has read all that was sent before, so there is room.
        ::send(
            fd(),
            shared_.header.data(),
            shared_.header.size(),
            MSG_NOSIGNAL | MSG_MORE);
        sent();
    }

    void sent() override
    {
        if (sent_ == static_cast<::off_t>(shared_.size))
        {
            return;
        }
        ::sendfile(
            fd(),
            shared_.file.native_handle(),
            &sent_,
            std::min(
                shared_.size - static_cast<std::size_t>(sent_),
                most_at_a_time));
        block(sent_ != static_cast<::off_t>(shared_.size));
    }

private:
    shared& shared_;
    std::array<char, bench::file_request_bytes> request_;
    std::size_t has_ = 0;
    ::off_t sent_ = 0;
};

class http_connection : public connection
{
public:
    using shared = cell const;

    http_connection(loop& l, int fd, shared&)
        : connection(l, fd)
    {}

protected:
    void readable() override
    {
        auto const space = conversation_.space();
        if (std::size_t const n =
                receive(static_cast<char*>(space.data()), space.size()))
        {
            reply(n);
        }
    }

    void sent() override { reply(0); }

private:
    void reply(std::size_t received)
    {
        auto replies = conversation_.received(received);
        while (replies.size() != 0 &&
               send(static_cast<char const*>(replies.data()), replies.size()))
        {
            replies = conversation_.received(0);
        }
    }

    demo::http_conversation conversation_;
};

template<typename Connection>
class acceptor : public watched
{
public:
    acceptor(loop& l, typename Connection::shared& s)
        : loop_(l)
        , shared_(s)
        , fd_(make_socket(SOCK_STREAM, port_))
    {
        check(::listen(fd_, SOMAXCONN), "listen");
        loop_.control(EPOLL_CTL_ADD, fd_, EPOLLIN, this);
    }

    std::uint16_t port() const noexcept { return port_; }

    void ready() override
    {
        int const fd =
            ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
        {
            return;
        }
        int const on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        new Connection(loop_, fd, shared_);
    }

private:
    loop& loop_;
    typename Connection::shared& shared_;
    std::uint16_t port_ = 0;
    int fd_;
};

template<typename Connection>
void serve(cell const& c)
{
    loop l;
    typename Connection::shared shared(c);
    if constexpr (std::is_same_v<Connection, timeout_connection>)
    {
        shared.start(l);
    }
    acceptor<Connection> a(l, shared);
    bench::announce(a.port());
    l.run();
}

// ---- UDP -------------------------------------------------------------------

/// Sends the datagrams back that the suite wants. A datagram that the system
/// has no room for is lost, as others may be.
class datagram_server : public watched
{
public:
    datagram_server(loop& l, cell const& c)
        : receives_(c.suite == "udp_receive" ? c.fan_out : 1)
        , sends_(c.suite == "udp_send" || c.suite == "bursts" ? c.fan_out : 1)
        , buffer_(c.message_bytes)
        , fd_(make_socket(SOCK_DGRAM, port_))
    {
        int const room = bench::datagram_buffer_bytes;
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
        l.control(EPOLL_CTL_ADD, fd_, EPOLLIN, this);
    }

    std::uint16_t port() const noexcept { return port_; }

    void ready() override
    {
        sockaddr_in sender;
        socklen_t size = sizeof(sender);
        auto* const address = reinterpret_cast<sockaddr*>(&sender);
        ssize_t const n =
            ::recvfrom(fd_, buffer_.data(), buffer_.size(), 0, address, &size);
        if (n < 0 || ++received_ % receives_ != 0)
        {
            return;
        }
        for (std::size_t i = 0; i != sends_; ++i)
        {
            ::sendto(
                fd_,
                buffer_.data(),
                static_cast<std::size_t>(n),
                0,
                address,
                size);
        }
    }

private:
    std::size_t const receives_;
    std::size_t const sends_;
    std::size_t received_ = 0;
    std::vector<char> buffer_;
    std::uint16_t port_ = 0;
    int fd_;
};

void serve_datagrams(cell const& c)
{
    loop l;
    datagram_server s(l, c);
    bench::announce(s.port());
    l.run();
}

} // namespace

int main(int argc, char* argv[])
{
    return bench::serve_main(
        argc,
        argv,
        {
            {"epoll echo", &serve<echo_connection>},
            {"epoll pipelined", &serve<echo_connection>},
            {"epoll accept_churn", &serve<echo_connection>},
            {"epoll timeouts", &serve<timeout_connection>},
            {"epoll queued_sends", &serve<queue_connection>},
            {"epoll broadcast", &serve<room_connection>},
            {"epoll foreign_thread", &serve<worker_connection>},
            {"epoll idle", &serve<idle_connection>},
            {"epoll files", &serve<file_connection>},
            {"epoll http", &serve<http_connection>},
            {"epoll udp_receive", &serve_datagrams},
            {"epoll udp_send", &serve_datagrams},
            {"epoll udp_echo", &serve_datagrams},
            {"epoll bursts", &serve_datagrams},
        });
}
