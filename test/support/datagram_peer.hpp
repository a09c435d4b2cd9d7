#ifndef OPSLOT_TEST_SUPPORT_DATAGRAM_PEER_HPP
#define OPSLOT_TEST_SUPPORT_DATAGRAM_PEER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/ip/udp.hpp>

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "support/peer.hpp"

namespace support {

/// An endpoint on the loopback, with any free port to bind to.
inline boost::asio::ip::udp::endpoint any_port(int family = AF_INET)
{
    using namespace boost::asio::ip;
    return family == AF_INET6 ? udp::endpoint(address_v6::loopback(), 0)
                              : udp::endpoint(address_v4::loopback(), 0);
}

/// A UDP socket of the system on the loopback, whose calls give up after a
/// while.
class datagram_peer
{
public:
    using endpoint_type = boost::asio::ip::udp::endpoint;

    explicit datagram_peer(int family = AF_INET)
        : socket_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    {
        endpoint_type const any = any_port(family);
        require(socket_.native_handle() >= 0, "datagram_peer: socket");
        require(
            ::bind(
                socket_.native_handle(),
                any.data(),
                static_cast<::socklen_t>(any.size())) == 0,
            "datagram_peer: bind");
    }

    endpoint_type endpoint() const
    {
        endpoint_type result;
        auto size = static_cast<::socklen_t>(result.capacity());
        require(
            ::getsockname(socket_.native_handle(), result.data(), &size) == 0,
            "datagram_peer: getsockname");
        result.resize(size);
        return result;
    }

    void send(std::string_view data, endpoint_type const& target)
    {
        require(
            ::sendto(
                socket_.native_handle(),
                data.data(),
                data.size(),
                0,
                target.data(),
                static_cast<::socklen_t>(target.size())) ==
                static_cast<ssize_t>(data.size()),
            "datagram_peer: sendto");
    }

    /// The next datagram; `sender()` tells whose it is.
    std::string receive()
    {
        std::string data(65536, '\0');
        auto size = static_cast<::socklen_t>(sender_.capacity());
        ssize_t const n = ::recvfrom(
            socket_.native_handle(),
            &data[0],
            data.size(),
            0,
            sender_.data(),
            &size);
        require(n >= 0, "datagram_peer: recvfrom");
        sender_.resize(size);
        data.resize(static_cast<std::size_t>(n));
        return data;
    }

    endpoint_type const& sender() const noexcept { return sender_; }

    int native_handle() const noexcept { return socket_.native_handle(); }

    void close() { socket_.close(); }

private:
    peer socket_;
    endpoint_type sender_;
};

} // namespace support

#endif
