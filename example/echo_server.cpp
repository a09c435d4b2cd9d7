// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends back what it receives: sessions that own their contexts.
//
// usage: echo_server [port]

#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

namespace asio = boost::asio;
namespace intrusive = boost::intrusive;
using boost::system::error_code;
using tcp = opslot::tcp;

//[session
class session : public std::enable_shared_from_this<session>,
                public intrusive::list_base_hook<
                    intrusive::link_mode<intrusive::auto_unlink>>
{
public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {
        error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        rx_.buffer(asio::buffer(storage_));
        rx_.completion_handler([this](opslot::stream_context&) {
            if (received())
            {
                receive();
            }
        });
        tx_.completion_handler([this](opslot::stream_context&) {
            if (sent())
            {
                receive();
            }
        });
        // A pending operation keeps the session alive, an idle context does
        // not: it ends itself by starting nothing.
        rx_.keep_alive(*this);
        tx_.keep_alive(*this);
    }

    void start() { receive(); }

    /// Ends what is pending, and so the session.
    void stop()
    {
        error_code ignored;
        socket_.close(ignored);
    }

private:
    // Goes on while the results are there at once. `pending`: the handler
    // will go on.
    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed && received())
        {}
    }

    // True: receive again.
    bool received()
    {
        if (rx_.error()) // also at the end of the stream
        {
            return false;
        }
        tx_.buffer(asio::buffer(storage_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == opslot::completed && sent();
    }

    bool sent() const { return !tx_.error(); }

    tcp::socket socket_;
    std::array<char, 4096> storage_;
    opslot::stream_context rx_;
    opslot::stream_context tx_;
};

//]

class server
{
public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
        , retry_(io)
    {
        context_.completion_handler([this](tcp::accept_context&) {
            if (accepted())
            {
                accept();
            }
        });
        accept();
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

    void stop()
    {
        error_code ignored;
        acceptor_.close(ignored);
        retry_.cancel();
        for (session& each : sessions_)
        {
            each.stop();
        }
    }

private:
    //[accept
    void accept()
    {
        while (acceptor_.start_accept(context_) == opslot::completed &&
               accepted())
        {}
    }

    // True: accept again.
    bool accepted()
    {
        if (!context_.error())
        {
            auto next = std::make_shared<session>(context_.take_socket());
            sessions_.push_back(*next);
            next->start();
            return true;
        }
        if (acceptor_.is_open())
        {
            retry_later();
        }
        return false;
    }

    //]

    // There are no descriptors left, for instance.
    void retry_later()
    {
        std::cerr << "accept: " << context_.error().message() << std::endl;
        retry_.expires_after(std::chrono::milliseconds(100));
        retry_.async_wait([this](error_code ec) {
            if (!ec)
            {
                accept();
            }
        });
    }

    tcp::acceptor acceptor_;
    tcp::accept_context context_;
    asio::steady_timer retry_;
    intrusive::list<session, intrusive::constant_time_size<false>> sessions_;
};

int main(int argc, char* argv[])
{
    char const* const text = argc > 1 ? argv[1] : "7007";
    unsigned short port = 0;
    auto const [end, error] =
        std::from_chars(text, text + std::strlen(text), port);
    if (argc > 2 || error != std::errc() || *end != '\0')
    {
        std::cerr << "usage: echo_server [port]\n";
        return 2;
    }
    try
    {
        asio::io_context io(1);
        server echo(io, {asio::ip::address_v4::loopback(), port});
        asio::signal_set signals(io, SIGINT, SIGTERM);
        signals.async_wait([&](error_code, int) { echo.stop(); });
        std::cout << "listening on " << echo.local_endpoint() << std::endl;
        io.run();
        return 0;
    }
    catch (std::exception const& e)
    {
        std::cerr << "echo_server: " << e.what() << '\n';
        return 1;
    }
}
