#ifndef OPSLOT_TEST_SUPPORT_ENDPOINTS_HPP
#define OPSLOT_TEST_SUPPORT_ENDPOINTS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "support/peer.hpp"

namespace support {

/// An address at which nobody listens as long as this exists.
class refusing
{
public:
    explicit refusing(
        boost::asio::ip::address const& address =
            boost::asio::ip::address_v4::loopback())
        : socket_(io_, boost::asio::ip::tcp::endpoint(address, 0))
    {}

    boost::asio::ip::tcp::endpoint endpoint() const
    {
        return socket_.local_endpoint();
    }

private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::socket socket_;
};

/// An address that answers nobody: its backlog is full.
class silent
{
public:
    boost::asio::ip::tcp::endpoint endpoint() const
    {
        return listener_.endpoint();
    }

private:
    listener listener_{AF_INET, 0};
    peer first_ = connect_to(listener_.endpoint());
};

} // namespace support

#endif
