#ifndef OPSLOT_EXAMPLE_SERVER_PROGRAM_HPP
#define OPSLOT_EXAMPLE_SERVER_PROGRAM_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the example servers share and what has nothing to do with contexts:
    the command line, the run until a signal, the pause when an accept fails.
*/

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "command_line.hpp"

namespace support {

/// What the command line of a server may say of threads.
enum class threading
{
    /// Nothing: there is one.
    none,
    /// How many there are, each with an `io_context` of its own.
    each,
    /// How many there are, which run one `io_context`.
    shared,
    /// How many there are, and which of both.
    any
};

/// What the command lines of servers say.
struct server_options
{
    /// Where to listen, on the loopback address; 0: any free port.
    unsigned short port = 0;

    /// What else the command line may say.
    threading offered = threading::none;

    /// The most connections at a time; 0: the server knows no limit, and its
    /// command line has no such option.
    std::size_t connections = 0;

    /// How many threads serve.
    unsigned threads = 1;

    /// All threads run one `io_context`, instead of one each.
    bool is_shared = offered == threading::shared;

    boost::asio::ip::tcp::endpoint endpoint() const
    {
        return {boost::asio::ip::address_v4::loopback(), port};
    }
};

/** The `main` of a server.

    @param options What holds for what the command line does not say.

    @param more What it may say besides.

    @param body Called with the options.

    @return The exit status, see @ref program_main.
*/
template<typename Body>
int server_main(
    int argc,
    char const* const argv[],
    server_options options,
    std::vector<option> more,
    Body body)
{
    std::vector<option> all{
        {"--port", options.port, "where to listen; 0: any free port"}};
    if (options.offered != threading::none)
    {
        all.emplace_back(
            "--threads",
            options.threads,
            options.is_shared
                ? "how many serve, with one io_context for all"
                : "how many serve, each with an io_context of its own",
            1u);
    }
    if (options.offered == threading::any)
    {
        all.emplace_back(
            "--shared", options.is_shared, "with one io_context for all");
    }
    if (options.connections != 0)
    {
        all.emplace_back(
            "--connections",
            options.connections,
            "the most at a time",
            std::size_t(1));
    }
    all.insert(all.end(), more.begin(), more.end());
    return program_main(argc, argv, all, [&] {
        body(std::as_const(options));
        return 0;
    });
}

/// The same for a server that has no options of its own.
template<typename Body>
int server_main(
    int argc, char const* const argv[], server_options options, Body body)
{
    return server_main(argc, argv, options, {}, body);
}

/// Says where a server listens, and runs it until SIGINT or SIGTERM; another
/// one then ends the program at once.
template<typename Endpoint>
void run_until_signal(boost::asio::io_context& io, Endpoint const& endpoint)
{
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](boost::system::error_code, int) { io.stop(); });
    std::cout << "listening on " << endpoint << std::endl;
    io.run();
}

/** Lets a server that was stopped finish what it has begun.

    @param server Has a function `stop`, after which it accepts nothing more,
    and ends its connections as soon as the replies are sent to what has
    arrived.

    Who does not take its replies in time does not get them.
*/
template<typename Server>
void finish(boost::asio::io_context& io, Server& server)
{
    io.restart();
    server.stop();
    io.run_for(std::chrono::seconds(2));
}

/// Runs a server until a signal, and lets it finish.
template<typename Server>
void run(boost::asio::io_context& io, Server& server)
{
    run_until_signal(io, server.local_endpoint());
    finish(io, server);
}

/// Makes a socket receive the end of its stream, after what has arrived.
template<typename Socket>
void end_receiving(Socket& socket)
{
    boost::system::error_code ignored;
    socket.shutdown(Socket::shutdown_receive, ignored);
}

/// The same for a range of pointers to sockets.
template<typename Iterator>
void end_receiving(Iterator first, Iterator last)
{
    for (; first != last; ++first)
    {
        end_receiving(**first);
    }
}

/** Calls `again` a little later, after an accept that has failed.

    There are no descriptors left, for instance: to try again at once would
    only fail again, and to give up would end the server. Does nothing if the
    acceptor was closed.
*/
template<typename Acceptor, typename Again>
void retry_later(
    Acceptor& acceptor, boost::system::error_code const& why, Again again)
{
    if (!acceptor.is_open())
    {
        return;
    }
    std::cerr << "accept: " << why.message() << std::endl;
    auto timer = std::make_unique<boost::asio::steady_timer>(
        acceptor.get_executor(), std::chrono::milliseconds(100));
    boost::asio::steady_timer& waits = *timer;
    waits.async_wait([timer = std::move(timer),
                      again](boost::system::error_code) { again(); });
}

} // namespace support

#endif
