#ifndef OPSLOT_EXAMPLE_THREADS_HPP
#define OPSLOT_EXAMPLE_THREADS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A server on several threads, in both of the ways there are.

    @verbatim
      one io_context for all              one io_context each
      thread  thread  thread              thread   thread   thread
          \      |      /                    |        |        |
            io_context                   io_context io_context io_context
                 |                           |        |        |
              acceptor                   acceptor acceptor acceptor, one port
    @endverbatim

    With one for all, whatever is ready goes to a thread that is free, so a
    connection may meet any of them; a session that has one operation pending
    at a time needs nothing against that. With one each, a connection stays
    where it was accepted, and the threads share nothing. The system deals out
    the connections, whatever each of them will have to do.
*/

#include <opslot/reactor_options.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "server_program.hpp"

namespace support {

/// Lets several sockets listen at one port, among which the system deals out
/// the connections (Linux 3.9). All of them must have it, before they bind.
struct reuse_port
{
    int value = 1;

    template<typename Protocol>
    int level(Protocol const&) const
    {
        return SOL_SOCKET;
    }

    template<typename Protocol>
    int name(Protocol const&) const
    {
        return SO_REUSEPORT;
    }

    template<typename Protocol>
    int const* data(Protocol const&) const
    {
        return &value;
    }

    template<typename Protocol>
    std::size_t size(Protocol const&) const
    {
        return sizeof(value);
    }
};

inline opslot::tcp::acceptor
listen(boost::asio::io_context& io, server_options const& options)
{
    opslot::tcp::acceptor acceptor(io, options.endpoint().protocol());
    acceptor.set_option(opslot::tcp::acceptor::reuse_address(true));
    if (options.threads > 1 && !options.is_shared)
    {
        acceptor.set_option(reuse_port());
    }
    acceptor.bind(options.endpoint());
    acceptor.listen();
    return acceptor;
}

/// One `io_context` that all threads run.
template<typename Make>
void run_shared(server_options const& options, Make const& make)
{
    boost::asio::io_context io(static_cast<int>(options.threads));
    auto server = make(listen(io, options));
    std::vector<std::thread> threads;
    while (threads.size() + 1 != options.threads)
    {
        threads.emplace_back([&io] { io.run(); });
    }
    run_until_signal(io, server.local_endpoint());
    for (std::thread& each : threads)
    {
        each.join();
    }
    finish(io, server);
}

/// A server with an `io_context` of its own, for one thread at a time.
template<typename Server>
class lone_server
{
public:
    template<typename Make>
    lone_server(server_options const& options, Make const& make)
        : server(make(listen(without_locks(io), options)))
    {}

    boost::asio::io_context io{1};
    Server server;

private:
    static boost::asio::io_context& without_locks(boost::asio::io_context& io)
    {
        opslot::reactor_options engine;
        engine.single_threaded = true;
        opslot::configure(io, engine);
        return io;
    }
};

/// An `io_context` and an acceptor for each thread.
template<typename Make>
void run_each(server_options options, Make const& make)
{
    using server_type =
        lone_server<decltype(make(std::declval<opslot::tcp::acceptor>()))>;
    server_type first(options, make);
    auto const endpoint = first.server.local_endpoint();
    options.port = endpoint.port(); // that of the others, if it was any
    std::list<server_type> others;
    while (others.size() + 1 != options.threads)
    {
        others.emplace_back(options, make);
    }
    std::vector<std::thread> threads;
    for (server_type& each : others)
    {
        threads.emplace_back([&each] {
            each.io.run();
            finish(each.io, each.server);
        });
    }
    run_until_signal(first.io, endpoint);
    for (server_type& each : others)
    {
        each.io.stop();
    }
    finish(first.io, first.server);
    for (std::thread& each : threads)
    {
        each.join();
    }
}

/** Runs servers until a signal, as the options say, and lets them finish.

    @param make Makes a server from an acceptor.
*/
template<typename Make>
void serve(server_options const& options, Make const& make)
{
    options.is_shared ? run_shared(options, make) : run_each(options, make);
}

} // namespace support

#endif
