#ifndef OPSLOT_TEST_EXAMPLES_DATAGRAM_CLIENT_HPP
#define OPSLOT_TEST_EXAMPLES_DATAGRAM_CLIENT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "descriptor.hpp"

namespace examples {

/// A client on a plain UDP socket.
class datagram_client
{
public:
    explicit datagram_client(unsigned short port)
        : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    {
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

    void send(std::string_view bytes)
    {
        if (::send(socket_.get(), bytes.data(), bytes.size(), 0) !=
            static_cast<ssize_t>(bytes.size()))
        {
            fail("send");
        }
    }

    int native_handle() const noexcept { return socket_.get(); }

    std::string receive() { return read_some(socket_.get()); }

private:
    descriptor socket_;
};

} // namespace examples

#endif
