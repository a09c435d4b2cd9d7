#ifndef OPSLOT_TEST_APPS_APP_HPP
#define OPSLOT_TEST_APPS_APP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the applications share: the lines that move them from Asio's I/O
    objects to slotted ones, and a main function.

    The applications are written for Asio. Nothing else in them knows of this
    library.
*/

#if defined(OPSLOT_APP_PLAIN)

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

using tcp = boost::asio::ip::tcp;
using steady_timer = boost::asio::steady_timer;

#else

#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>

using tcp = opslot::slotted_tcp;
using steady_timer = opslot::slotted_steady_timer;

#endif

#include <boost/asio/io_context.hpp>

#include "support/server_program.hpp"

namespace asio = boost::asio;
using boost::system::error_code;

/// Runs a server that is made from an io_context and an endpoint, to SIGTERM.
template<class Server>
int app_main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {}, [](support::server_options const& options) {
            asio::io_context io(1);
            Server server(io, options.endpoint());
            support::run_until_signal(io, server.local_endpoint());
        });
}

/// Accepts connections and starts a session for each.
template<class Session>
class session_server
{
public:
    session_server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
    {
        accept();
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    void accept()
    {
        acceptor_.async_accept([this](error_code error, tcp::socket socket) {
            if (!error)
                std::make_shared<Session>(std::move(socket))->start();
            accept();
        });
    }

    tcp::acceptor acceptor_;
};

#endif
