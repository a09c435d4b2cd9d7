#ifndef OPSLOT_TEST_EXAMPLES_CLIENT_HPP
#define OPSLOT_TEST_EXAMPLES_CLIENT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A client that knows nothing of Asio.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "descriptor.hpp"

namespace examples {

/// A client on a plain socket.
class client
{
public:
    /// @param receive_buffer The size of its receive buffer in the system; 0
    /// for the default.
    explicit client(unsigned short port, int receive_buffer = 0)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        if (receive_buffer != 0)
        {
            set(SOL_SOCKET, SO_RCVBUF, receive_buffer);
        }
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(
                socket_.get(),
                reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) != 0)
        {
            fail("connect");
        }
    }

    /// One that is connected.
    explicit client(descriptor socket)
        : socket_(std::move(socket))
    {}

    /// Sends what the system takes at once; returns how much.
    std::size_t send_some(std::string_view bytes)
    {
        ssize_t const n = ::send(
            socket_.get(),
            bytes.data(),
            bytes.size(),
            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
        {
            fail("send");
        }
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }

    void send(std::string_view bytes)
    {
        while (!bytes.empty())
        {
            if (!is_ready(socket_.get(), POLLOUT))
            {
                throw std::runtime_error("the server does not read");
            }
            bytes.remove_prefix(send_some(bytes));
        }
    }

    /// Receives some bytes; none at the end of the stream.
    std::string receive_some() { return read_some(socket_.get()); }

    /// Receives `n` bytes, fewer at the end of the stream.
    std::string receive(std::size_t n)
    {
        std::string bytes;
        while (bytes.size() < n)
        {
            std::string const more = read_some(
                socket_.get(), std::min<std::size_t>(n - bytes.size(), 65536));
            if (more.empty())
            {
                break;
            }
            bytes += more;
        }
        return bytes;
    }

    /// Receives until the end of the stream.
    std::string receive_all()
    {
        return receive(static_cast<std::size_t>(-1) / 2);
    }

    /// Sends and receives at the same time, as much as is sent.
    std::string exchange(std::string_view bytes)
    {
        std::string received;
        std::size_t const size = bytes.size();
        while (received.size() < size)
        {
            short const out = bytes.empty() ? short(0) : short(POLLOUT);
            if (!is_ready(socket_.get(), static_cast<short>(POLLIN | out)))
            {
                throw std::runtime_error("the server has stopped");
            }
            bytes.remove_prefix(bytes.empty() ? 0 : send_some(bytes));
            if (is_ready(socket_.get(), POLLIN, 0ms))
            {
                std::string const more = receive_some();
                if (more.empty())
                {
                    break;
                }
                received += more;
            }
        }
        return received;
    }

    /// True if something came, or the end of the stream, before `time`.
    bool has_input(std::chrono::milliseconds time) const
    {
        return is_ready(socket_.get(), POLLIN, time);
    }

    /// True if the system takes more bytes before `time`.
    bool takes_more(std::chrono::milliseconds time) const
    {
        return is_ready(socket_.get(), POLLOUT, time);
    }

    /// True if the other end has reset the connection, or does so in time, or
    /// both ends have closed it.
    bool is_closed(std::chrono::milliseconds time = patience) const
    {
        return is_ready(socket_.get(), 0, time); // POLLHUP, POLLERR: unasked
    }

    void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }

    /// Closes the connection by a reset.
    void reset()
    {
        linger const hard{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        socket_.close();
    }

    void close() { socket_.close(); }

private:
    void set(int level, int name, int value)
    {
        if (::setsockopt(socket_.get(), level, name, &value, sizeof(value)) !=
            0)
        {
            fail("setsockopt");
        }
    }

    descriptor socket_;
};

/// A server on a plain socket, of which the test plays the part.
class plain_server
{
public:
    plain_server()
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const address = reinterpret_cast<sockaddr*>(&address_);
        socklen_t size = sizeof(address_);
        if (::bind(socket_.get(), address, size) != 0 ||
            ::listen(socket_.get(), 100) != 0 ||
            ::getsockname(socket_.get(), address, &size) != 0)
        {
            fail("plain_server");
        }
    }

    unsigned short port() const { return ntohs(address_.sin_port); }

    /// The next connection.
    client accept() const
    {
        if (!is_ready(socket_.get(), POLLIN))
        {
            throw std::runtime_error("nobody connects");
        }
        return client(descriptor(
            ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    }

private:
    descriptor socket_;
    sockaddr_in address_{};
};

/// Bytes in which a displaced part shows.
inline std::string pattern(std::size_t size, unsigned seed = 1)
{
    std::string bytes(size, '\0');
    for (char& each : bytes)
    {
        seed = seed * 1664525u + 1013904223u;
        each = static_cast<char>(seed >> 24);
    }
    return bytes;
}

} // namespace examples

#endif
