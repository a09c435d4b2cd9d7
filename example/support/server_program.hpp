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

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace support {

/// What the command line of a server says.
struct server_options
{
    /// Where to listen, on the loopback address; 0: any free port.
    unsigned short port = 0;

    /// The most connections at a time; 0: the server knows no limit, and its
    /// command line no such argument.
    std::size_t connections = 0;

    boost::asio::ip::tcp::endpoint endpoint() const
    {
        return {boost::asio::ip::address_v4::loopback(), port};
    }
};

/// Reads an argument. Throws `std::invalid_argument`.
template<typename Number>
Number read_number(std::string name, std::string_view text, Number least)
{
    Number number = 0;
    auto const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, number);
    if (result.ec != std::errc() || result.ptr != end || number < least)
    {
        auto const most = std::numeric_limits<Number>::max();
        throw std::invalid_argument(
            name + " must be a number from " + std::to_string(least) + " to " +
            std::to_string(most) + ", not \"" + std::string(text) + '"');
    }
    return number;
}

/// Reads the command line over the defaults. Throws `std::invalid_argument`.
inline server_options
read_options(int argc, char const* const argv[], server_options options)
{
    if (argc > (options.connections ? 3 : 2))
    {
        throw std::invalid_argument("too many arguments");
    }
    if (argc > 1)
    {
        options.port = read_number<unsigned short>("port", argv[1], 0);
    }
    if (argc > 2)
    {
        options.connections =
            read_number<std::size_t>("connections", argv[2], 1);
    }
    return options;
}

/** The `main` of a server: `[port [connections]]`, or `--help`.

    @param defaults What holds for the arguments that are not there.

    @param body Called with the options. An exception ends the program with
    a message.

    @return The exit status: 0, 1 after an exception, 2 for a command line
    that makes no sense.
*/
template<typename Body>
int server_main(
    int argc, char const* const argv[], server_options defaults, Body body)
{
    auto const name = std::filesystem::path(argv[0]).filename().string();
    auto const usage =
        "usage: " + name +
        (defaults.connections ? " [port [connections]]" : " [port]");
    if (argc == 2 && argv[1] == std::string_view("--help"))
    {
        std::cout << usage << std::endl;
        return 0;
    }
    try
    {
        defaults = read_options(argc, argv, defaults);
    }
    catch (std::invalid_argument const& e)
    {
        std::cerr << name << ": " << e.what() << '\n' << usage << std::endl;
        return 2;
    }
    try
    {
        body(defaults);
        return 0;
    }
    catch (std::exception const& e)
    {
        std::cerr << name << ": " << e.what() << std::endl;
        return 1;
    }
}

/// Says where a server listens, and runs it until SIGINT or SIGTERM. What is
/// pending then ends with the `io_context`.
inline void
run(boost::asio::io_context& io, boost::asio::ip::tcp::endpoint const& endpoint)
{
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](boost::system::error_code, int) { io.stop(); });
    std::cout << "listening on " << endpoint << std::endl;
    io.run();
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
