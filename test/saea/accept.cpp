// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Accepting. The numbers are those of the behavioural cases in doc/saea.adoc.

#define BOOST_TEST_MODULE saea_accept
#include <opslot/accept_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::pending;
using support::finish;
using tcp = opslot::tcp;
using accept_context = support::counted<tcp::accept_context>;

error_code const success;
error_code const aborted = asio::error::operation_aborted;

struct listening
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::acceptor acceptor;
    tcp::endpoint const endpoint;

    explicit listening(
        asio::ip::address const& address = asio::ip::address_v4::loopback())
        : acceptor(io, tcp::endpoint(address, 0))
        , endpoint(acceptor.local_endpoint())
    {}
};

tcp::endpoint address_of(support::peer const& p)
{
    tcp::endpoint result;
    auto size = static_cast<::socklen_t>(result.capacity());
    support::require(
        ::getsockname(p.native_handle(), result.data(), &size) == 0,
        "getsockname");
    result.resize(size);
    return result;
}

} // namespace

// Model case 32.
BOOST_AUTO_TEST_CASE(the_ends_of_an_accepted_connection_match_crosswise)
{
    for (asio::ip::address const& address :
         {asio::ip::address(asio::ip::address_v4::loopback()),
          asio::ip::address(asio::ip::address_v6::loopback())})
    {
        listening l(address);
        accept_context c;
        auto const result = l.acceptor.start_accept(c);
        BOOST_TEST((result == pending));
        auto const peer = support::connect_to(l.endpoint);
        finish(l.io, c, result);
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.peer_endpoint() == address_of(peer));
        tcp::socket const socket = c.take_socket();
        BOOST_TEST(socket.remote_endpoint() == address_of(peer));
        BOOST_TEST(socket.local_endpoint() == l.endpoint);
    }
}

// Model case 36.
BOOST_FIXTURE_TEST_CASE(an_accept_may_be_ended_by_another_thread, listening)
{
    std::deque<accept_context> accepts(3);
    for (auto& c : accepts)
    {
        BOOST_TEST((acceptor.start_accept(c) == pending));
    }
    support::background const other([&] {
        accepts[1].cancel();
        // A socket is closed by one thread at a time with its other uses.
        asio::post(io, [&] { acceptor.close(); });
    });
    support::run_until(io, [&] { return !accepts[2].is_pending(); });
    support::run(io);
    for (auto const& c : accepts)
    {
        BOOST_TEST(c.calls == 1);
        BOOST_TEST(c.error() == aborted);
        BOOST_TEST(!c.has_socket());
    }
}

// Model case 41.
BOOST_FIXTURE_TEST_CASE(a_socket_is_accepted_into_again_when_closed, listening)
{
    tcp::socket into(io);
    for (int i = 0; i != 3; ++i)
    {
        error_code result = asio::error::fault;
        auto peer = support::connect_to(endpoint);
        acceptor.async_accept(into, [&](error_code ec) { result = ec; });
        support::run(io);
        BOOST_TEST(result == success);
        BOOST_TEST(into.remote_endpoint() == address_of(peer));
        // While it is in use it is refused, and goes on.
        acceptor.async_accept(into, [&](error_code ec) { result = ec; });
        support::run(io);
        BOOST_TEST(result == asio::error::already_open);
        into.write_some(asio::buffer("a", 1));
        BOOST_TEST(peer.read(1) == "a");
        into.close();
    }
}

BOOST_FIXTURE_TEST_CASE(
    a_cancelled_accept_takes_no_connection_from_the_others, listening)
{
    // Wherever the cancelled one stands, and though a connection is there.
    for (std::size_t cancelled = 0; cancelled != 3; ++cancelled)
    {
        std::deque<accept_context> accepts(3);
        for (auto& c : accepts)
        {
            BOOST_TEST((acceptor.start_accept(c) == pending));
        }
        support::poll(io);
        std::vector<support::peer> peers;
        peers.push_back(support::connect_to(endpoint));
        peers.push_back(support::connect_to(endpoint));
        support::await(acceptor.native_handle());
        BOOST_TEST(accepts[cancelled].cancel());
        support::run(io);
        std::size_t connection = 0;
        for (std::size_t i = 0; i != 3; ++i)
        {
            BOOST_TEST(accepts[i].calls == 1);
            if (i == cancelled)
            {
                BOOST_TEST(accepts[i].error() == aborted);
                BOOST_TEST(!accepts[i].has_socket());
                continue;
            }
            BOOST_REQUIRE(accepts[i].has_socket());
            // Connections are accepted in their order, too.
            BOOST_TEST(
                accepts[i].peer_endpoint() == address_of(peers[connection]));
            ++connection;
        }
    }
}
