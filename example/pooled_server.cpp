// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends back what it receives: the classic server of the model, with all
// contexts and all buffers made at the start.
//
// usage: pooled_server [port [connections]]

#include <opslot/buffer_slab.hpp>
#include <opslot/context_pool.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <iostream>
#include <system_error>

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::stream_context;
using tcp = opslot::tcp;

class server
{
    // What the user token of a context points to.
    struct connection
    {
        explicit connection(asio::io_context& io)
            : socket(io)
        {}

        tcp::socket socket;
        std::uint64_t bytes = 0;
    };

    // An accept, and the context that the next connection will use.
    struct lane
    {
        explicit lane(asio::io_context& io)
            : retry(io)
        {}

        tcp::accept_context accept;
        opslot::context_ptr<stream_context> next;
        asio::steady_timer retry;
    };

    static constexpr std::size_t buffer_size = 4096;
    static constexpr std::size_t accepts = 15;

public:
    server(
        asio::io_context& io, tcp::endpoint const& endpoint, std::size_t limit)
        : slab_(buffer_size, limit)
        , pool_(
              io,
              {limit, limit},
              [&](stream_context& context, std::size_t index) {
                  context.buffer(slab_[index]);
                  context.user_token(&connections_.emplace_back(io));
                  context.timeout(std::chrono::minutes(1));
                  context.completion_handler(
                      [this](stream_context& done) { go_on(done); });
              })
        , acceptor_(io, endpoint)
    {
        while (lanes_.size() < accepts)
        {
            lane& l = lanes_.emplace_back(io);
            l.accept.completion_handler(
                [this, &l](tcp::accept_context&) { accepted(l); });
            acquire(l);
        }
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

    opslot::context_pool_statistics statistics() const
    {
        return pool_.statistics();
    }

    void stop()
    {
        error_code ignored;
        acceptor_.close(ignored);
        for (lane& l : lanes_)
        {
            l.retry.cancel();
        }
        for (connection& c : connections_)
        {
            c.socket.close(ignored);
        }
    }

private:
    //[accept
    // No accept is started before there is a context for its connection, so
    // that clients beyond the limit wait in the backlog.
    void acquire(lane& l)
    {
        pool_.async_acquire(
            [this,
             &l](error_code ec, opslot::context_ptr<stream_context> context) {
                if (!ec)
                {
                    l.next = std::move(context);
                    accept(l);
                }
            });
    }

    void accept(lane& l)
    {
        if (acceptor_.start_accept(l.accept) == opslot::completed)
        {
            accepted(l);
        }
    }

    void accepted(lane& l)
    {
        if (l.accept.error())
        {
            retry_later(l);
            return;
        }
        auto const context = std::move(l.next);
        connection& peer = connection_of(*context);
        peer.socket = l.accept.take_socket();
        error_code ignored;
        peer.socket.set_option(tcp::no_delay(true), ignored);
        peer.bytes = 0;
        context->slice(0, buffer_size);
        if (peer.socket.start_receive(*context) == opslot::completed)
        {
            go_on(*context);
        }
        acquire(l);
    }

    //]

    void retry_later(lane& l)
    {
        if (!acceptor_.is_open())
        {
            l.next.reset();
            return;
        }
        std::cerr << "accept: " << l.accept.error().message() << std::endl;
        l.retry.expires_after(std::chrono::milliseconds(100));
        l.retry.async_wait([this, &l](error_code) { accept(l); });
    }

    // Looks at what a connection has done and starts what comes next. When
    // nothing is pending any more, the context goes back to the pool.
    void go_on(stream_context& context)
    {
        connection& peer = connection_of(context);
        do
        {
            if (context.error()) // also at the end of the stream
            {
                error_code ignored;
                peer.socket.close(ignored);
                return;
            }
        } while (start_next(peer, context) == opslot::completed);
    }

    static opslot::start_result
    start_next(connection& peer, stream_context& context)
    {
        if (context.last_operation() == opslot::operation_kind::receive)
        {
            peer.bytes += context.bytes_transferred();
            context.slice(0, context.bytes_transferred());
            return peer.socket.start_send(context);
        }
        context.slice(0, buffer_size);
        return peer.socket.start_receive(context);
    }

    static connection& connection_of(stream_context const& context)
    {
        return *static_cast<connection*>(context.user_token());
    }

    opslot::buffer_slab slab_;
    std::deque<connection> connections_;
    opslot::context_pool<stream_context> pool_;
    tcp::acceptor acceptor_;
    std::deque<lane> lanes_;
};

void report(asio::io_context& io, server const& s)
{
    auto const pool = s.statistics();
    auto const engine = opslot::diagnostics(io);
    std::cout << "contexts: " << pool.in_use << " in use, peak " << pool.peak
              << " of " << pool.capacity << ", " << pool.waits << " waits\n"
              << "operations: " << engine.started << " started, "
              << engine.completed_synchronously << " completed at once, "
              << engine.pending << " pending, " << engine.timeouts
              << " timeouts\n"
              << "operation memory: " << engine.memory_heap_requests
              << " heap requests" << std::endl;
}

// Reports at SIGUSR1 and stops at the other signals.
void watch(asio::signal_set& signals, asio::io_context& io, server& s)
{
    signals.async_wait([&](error_code ec, int signal) {
        if (!ec && signal == SIGUSR1)
        {
            report(io, s);
            watch(signals, io, s);
            return;
        }
        s.stop();
    });
}

template<typename Number>
bool parse(char const* text, Number& number)
{
    auto const end = text + std::strlen(text);
    auto const result = std::from_chars(text, end, number);
    return result.ec == std::errc() && result.ptr == end;
}

int main(int argc, char* argv[])
{
    unsigned short port = 7007;
    std::size_t limit = 1000;
    if (argc > 3 || (argc > 1 && !parse(argv[1], port)) ||
        (argc > 2 && (!parse(argv[2], limit) || limit == 0)))
    {
        std::cerr << "usage: pooled_server [port [connections]]\n";
        return 2;
    }
    try
    {
        asio::io_context io(1);
        server pooled(io, {asio::ip::address_v4::loopback(), port}, limit);
        asio::signal_set signals(io, SIGINT, SIGTERM, SIGUSR1);
        watch(signals, io, pooled);
        std::cout << "listening on " << pooled.local_endpoint() << std::endl;
        io.run();
        report(io, pooled);
        return 0;
    }
    catch (std::exception const& e)
    {
        std::cerr << "pooled_server: " << e.what() << '\n';
        return 1;
    }
}
