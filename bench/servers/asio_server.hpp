#ifndef OPSLOT_BENCH_SERVERS_ASIO_SERVER_HPP
#define OPSLOT_BENCH_SERVERS_ASIO_SERVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    An echo by Asio's forms, on the I/O objects of any family.
*/

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "service.hpp"

namespace bench {

/// Sends back what it receives.
template<typename Family>
class echo_session : public std::enable_shared_from_this<echo_session<Family>>
{
public:
    using shared = cell const;

    echo_session(typename Family::stream socket, shared& c)
        : socket_(std::move(socket))
        , buffer_(c.buffer_bytes)
    {}

    void start()
    {
        socket_.async_read_some(
            boost::asio::buffer(buffer_),
            [self = this->shared_from_this()](
                boost::system::error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->echo(n);
                }
            });
    }

private:
    void echo(std::size_t n)
    {
        boost::asio::async_write(
            socket_,
            boost::asio::buffer(buffer_, n),
            [self = this->shared_from_this()](
                boost::system::error_code ec, std::size_t) {
                if (!ec)
                {
                    self->start();
                }
            });
    }

    typename Family::stream socket_;
    std::vector<char> buffer_;
};

/// Lets several acceptors have the same port, by which the system spreads the
/// connections over them.
class reuse_port
{
public:
    template<typename Protocol>
    int level(Protocol const&) const noexcept
    {
        return SOL_SOCKET;
    }

    template<typename Protocol>
    int name(Protocol const&) const noexcept
    {
        return SO_REUSEPORT;
    }

    template<typename Protocol>
    void const* data(Protocol const&) const noexcept
    {
        return &on_;
    }

    template<typename Protocol>
    std::size_t size(Protocol const&) const noexcept
    {
        return sizeof(on_);
    }

private:
    int on_ = 1;
};

/// Accepts connections, and starts a session for each.
template<typename Family, typename Session>
class server
{
public:
    server(boost::asio::io_context& io, typename Session::shared& s)
        : acceptor_(io)
        , shared_(s)
    {}

    /// @param port 0: any.
    void listen(std::uint16_t port, bool shares_port)
    {
        boost::asio::ip::tcp::endpoint const at(
            boost::asio::ip::address_v4::loopback(), port);
        acceptor_.open(at.protocol());
        if (shares_port)
        {
            acceptor_.set_option(reuse_port());
        }
        acceptor_.bind(at);
        acceptor_.listen();
        accept();
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    void accept()
    {
        acceptor_.async_accept([this](
                                   boost::system::error_code ec,
                                   typename Family::stream socket) {
            if (!ec)
            {
                socket.set_option(boost::asio::ip::tcp::no_delay(true));
                std::make_shared<Session>(std::move(socket), shared_)->start();
            }
            accept();
        });
    }

    typename Family::acceptor acceptor_;
    typename Session::shared& shared_;
};

/// @param hint What the `io_context` is to know of threads.
template<typename Family, template<typename> class Session>
void serve(cell const& c, int hint)
{
    using session = Session<Family>;
    boost::asio::io_context io(hint);
    typename session::shared shared(c);
    server<Family, session> s(io, shared);
    s.listen(0, false);
    announce(s.port());
    io.run();
}

/** Two threads.

    `reuse_port`: each has a context and an acceptor of its own. `one_context`:
    both run the same one.
*/
template<typename Server, typename Shared>
void serve_with_two_threads(cell const& c)
{
    bool const is_one = c.variant == "one_context";
    boost::asio::io_context first(is_one ? 2 : 1);
    boost::asio::io_context second(1);
    Shared shared(c);
    Server a(first, shared);
    a.listen(0, true);
    Server b(second, shared);
    if (!is_one)
    {
        b.listen(a.port(), true);
    }
    std::thread other([&] { (is_one ? first : second).run(); });
    announce(a.port());
    first.run();
    other.join();
}

} // namespace bench

#endif
