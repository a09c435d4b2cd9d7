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
#include <boost/asio/strand.hpp>

#include <cstddef>
#include <list>
#include <thread>
#include <type_traits>
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

/// Opens an acceptor, or a datagram socket, where the options say.
template<typename Object, typename Where>
Object open(Where&& where, server_options const& options)
{
    constexpr bool accepts = std::is_same_v<Object, opslot::tcp::acceptor>;
    typename Object::endpoint_type const endpoint(
        options.endpoint().address(), options.port);
    Object object(where, endpoint.protocol());
    if constexpr (accepts)
    {
        object.set_option(typename Object::reuse_address(true));
    }
    if (options.threads > 1 && !options.is_shared)
    {
        object.set_option(reuse_port());
    }
    object.bind(endpoint);
    if constexpr (accepts)
    {
        object.listen();
    }
    return object;
}

/// Threads that run an `io_context`, besides the one that makes them, which
/// waits for them in the end.
class helping_threads
{
public:
    helping_threads(boost::asio::io_context& io, unsigned count)
    {
        while (threads_.size() != count)
        {
            threads_.emplace_back([&io] { io.run(); });
        }
    }

    helping_threads(helping_threads const&) = delete;
    helping_threads& operator=(helping_threads const&) = delete;

    ~helping_threads()
    {
        for (std::thread& each : threads_)
        {
            each.join();
        }
    }

private:
    std::vector<std::thread> threads_;
};

/// Runs a server on one `io_context` for all threads.
template<typename Server>
void run_together(
    boost::asio::io_context& io, server_options const& options, Server& server)
{
    {
        helping_threads const others(io, options.threads - 1);
        run_until_signal(io, server.local_endpoint());
    }
    finish(io, server);
}

/// A server with an `io_context` of its own, for one thread at a time.
template<typename Object, typename Server>
class lone_server
{
public:
    template<typename Make>
    lone_server(server_options const& options, Make const& make)
        : server(make(open<Object>(without_locks(io), options)))
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

/// An `io_context` and an object for each thread.
template<typename Object, typename Make>
void run_each(server_options options, Make const& make)
{
    using server_type =
        lone_server<Object, decltype(make(std::declval<Object>()))>;
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

    @tparam Object What they serve on: an acceptor or a datagram socket.

    @param make Makes a server from an object.
*/
template<typename Object = opslot::tcp::acceptor, typename Make>
void serve(server_options const& options, Make const& make)
{
    if (!options.is_shared)
    {
        run_each<Object>(options, make);
        return;
    }
    boost::asio::io_context io(static_cast<int>(options.threads));
    auto server = make(open<Object>(io, options));
    run_together(io, options, server);
}

/** The same for a server whose connections have something in common: all of
    its handlers run on one strand, one after the other, in whichever thread.

    The threads then share the work around the handlers, not their own.
*/
template<typename Make>
void serve_on_strand(server_options const& options, Make const& make)
{
    boost::asio::io_context io(static_cast<int>(options.threads));
    auto const strand = boost::asio::make_strand(io);
    auto server = make(open<opslot::tcp::acceptor>(strand, options));
    run_together(io, options, server);
}

} // namespace support

#endif
