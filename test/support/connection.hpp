#ifndef OPSLOT_TEST_SUPPORT_CONNECTION_HPP
#define OPSLOT_TEST_SUPPORT_CONNECTION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace support {

/// A connected TCP socket, its peer, and the context they need.
struct connection
{
    descriptor_check leaks;
    boost::asio::io_context io;
    opslot::tcp::socket socket{io};
    peer other = connect_tcp(socket);

    /// Makes the system take little before a send has to wait.
    void shrink_buffers()
    {
        socket.set_option(boost::asio::socket_base::send_buffer_size(32768));
        native::set_option(other.native_handle(), SOL_SOCKET, SO_RCVBUF, 32768);
    }
};

/// Bytes that differ from their neighbours and from those of other seeds.
inline std::string payload(std::size_t size, std::uint32_t seed = 1)
{
    std::string data(size, '\0');
    std::uint32_t state = seed * 2654435761u + 1;
    for (char& c : data)
    {
        state = state * 1664525u + 1013904223u;
        c = static_cast<char>(state >> 24);
    }
    return data;
}

} // namespace support

#endif
