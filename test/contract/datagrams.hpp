#ifndef OPSLOT_TEST_CONTRACT_DATAGRAMS_HPP
#define OPSLOT_TEST_CONTRACT_DATAGRAMS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/local.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <string>

#include "support/datagram_peer.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace contract {

using datagram_context = support::counted<opslot::udp::datagram_context>;
using local_datagram_context =
    support::counted<opslot::local::datagram_protocol::datagram_context>;

/// A context that receives into storage of its own.
template<typename Context>
struct receiver_of : Context
{
    std::array<char, 2048> storage{};

    receiver_of() { this->buffer(boost::asio::buffer(storage)); }

    std::string data() const
    {
        return std::string(storage.data(), this->bytes_transferred());
    }
};

using datagram_receiver = receiver_of<datagram_context>;
using local_datagram_receiver = receiver_of<local_datagram_context>;

/// A UDP socket on the loopback, another one that is not the library's, and
/// the context they need.
struct datagrams
{
    support::descriptor_check leaks;
    boost::asio::io_context io;
    opslot::udp::socket socket;
    support::datagram_peer other;

    explicit datagrams(int family = AF_INET)
        : socket(io, support::any_port(family))
        , other(family)
    {}

    void send(std::string const& data)
    {
        other.send(data, socket.local_endpoint());
    }
};

/// Two local sockets that are connected with each other.
struct local_datagrams
{
    support::descriptor_check leaks;
    boost::asio::io_context io;
    opslot::local::datagram_protocol::socket socket{io};
    opslot::local::datagram_protocol::socket other{io};

    local_datagrams() { opslot::local::connect_pair(socket, other); }
};

} // namespace contract

#endif
