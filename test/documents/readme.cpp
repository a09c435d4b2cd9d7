// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The code of README.md, compiled and run; pages.cpp compares. It is as wide as
// that page, and not formatted.

#include <opslot/slotted_tcp.hpp>

#define BOOST_TEST_MODULE documents_readme
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "support/connected.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

// clang-format off
//[session
#include <opslot/tcp.hpp>
using tcp = opslot::tcp; // as asio::ip::tcp: socket, acceptor, endpoint, …

class session : public std::enable_shared_from_this<session>
{
    tcp::socket socket_;
    std::array<char, 4096> storage_; // before the contexts that use it
    opslot::stream_context rx_, tx_; // one reusable description each

    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed // result is here
               && received()) {}                // pending: the handler goes on
    }

    bool received()
    {
        if (rx_.error()) // the end of the stream, too
            return false;
        tx_.buffer(boost::asio::buffer(storage_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == opslot::completed && !tx_.error();
    }

public:
    explicit session(tcp::socket s) : socket_(std::move(s))
    {
        rx_.buffer(boost::asio::buffer(storage_));
        rx_.completion_handler([this](auto&) { if (received()) receive(); });
        tx_.completion_handler([this](auto& c) { if (!c.error()) receive(); });
        rx_.keep_alive(*this); // a pending operation keeps the session alive,
        tx_.keep_alive(*this); // an idle context does not
        rx_.timeout(std::chrono::seconds(30)); // for each receive, if you like
    }

    void start() { receive(); } // std::make_shared<session>(…)->start();
};
//]

namespace slotted_application {

// The header is there already.
//[slotted
#include <opslot/slotted_tcp.hpp>
using tcp = opslot::slotted_tcp; // was: using boost::asio::ip::tcp;
//]

} // namespace slotted_application

// clang-format on

BOOST_AUTO_TEST_CASE(the_session_echoes)
{
    boost::asio::io_context io;
    tcp::socket socket(io);
    support::peer client = support::connect_tcp(socket);
    std::make_shared<session>(std::move(socket))->start();
    client.write("hello");
    client.shutdown();
    support::run(io); // the session ends with the stream
    BOOST_TEST(client.read_all() == "hello");
}

BOOST_AUTO_TEST_CASE(the_line_moves_an_application)
{
    boost::asio::io_context io;
    support::connected<slotted_application::tcp::socket> pair(
        io.get_executor());
    bool done = false;
    pair.first.async_write_some(
        boost::asio::buffer("hello", 5),
        [&](auto error, std::size_t) { done = !error; });
    support::run(io);
    BOOST_TEST(done);
}
