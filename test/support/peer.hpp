#ifndef OPSLOT_TEST_SUPPORT_PEER_HPP
#define OPSLOT_TEST_SUPPORT_PEER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "support/native_sockets.hpp"

namespace support {

/// The other end of a connection: a blocking socket of the system, whose calls
/// give up after a while.
class peer
{
public:
    peer() = default;

    explicit peer(native::handle fd)
        : fd_(fd)
    {
        native::limit_waits(fd);
        native::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }

    peer(peer&& other) noexcept
        : fd_(std::exchange(other.fd_, native::none))
    {}

    peer& operator=(peer&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }

    ~peer() { close(); }

    native::handle native_handle() const noexcept { return fd_; }

    native::handle release() noexcept
    {
        return std::exchange(fd_, native::none);
    }

    void write(std::string_view data, int flags = 0)
    {
        while (!data.empty())
        {
            auto const n = native::send(
                fd_, data.data(), data.size(), flags | native::no_signal);
            require(n >= 0, "peer: send");
            data.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    /// Reads `n` bytes, or fewer at the end of the stream.
    std::string read(std::size_t n)
    {
        std::string data(n, '\0');
        std::size_t size = 0;
        while (size != n)
        {
            auto const got = native::receive(fd_, &data[size], n - size);
            require(got >= 0, "peer: recv");
            if (got == 0)
            {
                break;
            }
            size += static_cast<std::size_t>(got);
        }
        data.resize(size);
        return data;
    }

    /// Reads to the end of the stream.
    std::string read_all()
    {
        std::string data;
        for (;;)
        {
            std::string const part = read(65536);
            data += part;
            if (part.size() != 65536)
            {
                return data;
            }
        }
    }

    /// Reads and forgets `n` bytes; returns how many came.
    std::size_t discard(std::size_t n)
    {
        std::size_t sum = 0;
        std::string data(1 << 20, '\0');
        while (sum != n)
        {
            auto const got =
                native::receive(fd_, &data[0], std::min(data.size(), n - sum));
            require(got >= 0, "peer: recv");
            if (got == 0)
            {
                break;
            }
            sum += static_cast<std::size_t>(got);
        }
        return sum;
    }

    /// Ends the stream in this direction.
    void shutdown() { native::end_sending(fd_); }

    void close()
    {
        if (fd_ != native::none)
        {
            native::close(std::exchange(fd_, native::none));
        }
    }

    /// Closes with RST.
    void reset()
    {
        ::linger const at_once{1, 0};
        native::set_option(fd_, SOL_SOCKET, SO_LINGER, at_once);
        close();
    }

private:
    native::handle fd_ = native::none;
};

/// Waits until a socket of the system has an event.
inline void await(native::handle fd, short events = POLLIN)
{
    require(native::poll(fd, events), "await");
}

/// A listening socket on the loopback, of the system.
class listener
{
public:
    explicit listener(int family = AF_INET, int backlog = 128)
        : socket_(native::open(family, SOCK_STREAM, 0))
    {
        boost::asio::ip::tcp::endpoint const any(
            family == AF_INET6 ? boost::asio::ip::address(
                                     boost::asio::ip::address_v6::loopback())
                               : boost::asio::ip::address_v4::loopback(),
            0);
        require(socket_.native_handle() != native::none, "listener: socket");
        require(
            ::bind(
                socket_.native_handle(),
                any.data(),
                static_cast<native::size>(any.size())) == 0,
            "listener: bind");
        require(
            ::listen(socket_.native_handle(), backlog) == 0,
            "listener: listen");
    }

    boost::asio::ip::tcp::endpoint endpoint() const
    {
        boost::asio::ip::tcp::endpoint result;
        auto size = static_cast<native::size>(result.capacity());
        require(
            ::getsockname(socket_.native_handle(), result.data(), &size) == 0,
            "listener: getsockname");
        result.resize(size);
        return result;
    }

    peer accept()
    {
        auto const fd = native::accept(socket_.native_handle());
        require(fd != native::none, "listener: accept");
        return peer(fd);
    }

    native::handle native_handle() const noexcept
    {
        return socket_.native_handle();
    }

private:
    peer socket_;
};

/// Connects to an endpoint of any protocol.
template<typename Endpoint>
peer connect_to(Endpoint const& endpoint)
{
    auto const protocol = endpoint.protocol();
    peer result(
        native::open(protocol.family(), protocol.type(), protocol.protocol()));
    require(
        ::connect(
            result.native_handle(),
            endpoint.data(),
            static_cast<native::size>(endpoint.size())) == 0,
        "connect_to");
    return result;
}

/// Makes a TCP connection; `socket` takes over one end.
template<typename Socket>
peer connect_tcp(Socket& socket, int family = AF_INET)
{
    listener l(family);
    peer first = connect_to(l.endpoint());
    peer second = l.accept();
    socket.assign(
        family == AF_INET6 ? boost::asio::ip::tcp::v6()
                           : boost::asio::ip::tcp::v4(),
        first.release());
    return second;
}

#if !defined(_WIN32)
/// Makes a local connection; `socket` takes over one end.
template<typename Socket>
peer connect_local(Socket& socket)
{
    int fds[2];
    require(
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
        "socketpair");
    socket.assign(boost::asio::local::stream_protocol(), fds[0]);
    return peer(fds[1]);
}
#endif

} // namespace support

#endif
