// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The rivals that use Asio's I/O objects: with `any_io_executor`, with the
// executor of `io_context`, and slotted. One source for all of them.

#include <boost/asio/buffer.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <unistd.h>

#include "asio_server.hpp"
#include "content.hpp"
#include "families.hpp"
#include "http_text.hpp"
#include "service.hpp"
#include "worker.hpp"

namespace {

namespace asio = boost::asio;
using bench::cell;
using boost::system::error_code;
using udp = asio::ip::udp;

// ---- Queued sends ----------------------------------------------------------

/// Sends each message back so many times, one `async_write` after the other.
template<typename Family>
class queue_session : public std::enable_shared_from_this<queue_session<Family>>
{
public:
    using shared = cell const;

    queue_session(typename Family::stream socket, shared& c)
        : socket_(std::move(socket))
        , fan_out_(c.fan_out)
        , size_(c.message_bytes)
        , message_(c.buffer_bytes)
    {}

    void start()
    {
        asio::async_read(
            socket_,
            asio::buffer(message_),
            asio::transfer_at_least(size_),
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->queued_ = self->fan_out_;
                    self->send();
                }
            });
    }

private:
    void send()
    {
        asio::async_write(
            socket_,
            asio::buffer(message_, size_),
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    --self->queued_ == 0 ? self->start() : self->send();
                }
            });
    }

    typename Family::stream socket_;
    std::size_t const fan_out_;
    std::size_t queued_ = 0;
    std::size_t const size_;
    /// With room for more, so that a receive shows that there is no more.
    std::vector<char> message_;
};

// ---- Broadcast -------------------------------------------------------------

template<typename Family>
class room_session : public std::enable_shared_from_this<room_session<Family>>
{
public:
    /// Messages are in a ring: the load has fewer on their way.
    static constexpr std::size_t ring = 8;

    struct shared
    {
        explicit shared(cell const& c)
            : messages(ring, std::vector<char>(c.message_bytes))
        {}

        std::vector<std::vector<char>> messages;
        std::size_t published = 0;
        std::vector<std::shared_ptr<room_session>> members;
    };

    room_session(typename Family::stream socket, shared& s)
        : socket_(std::move(socket))
        , room_(s)
    {}

    void start()
    {
        room_.members.push_back(this->shared_from_this());
        receive();
    }

private:
    void receive()
    {
        // Only one of the peers sends, so the next place of the ring is its.
        asio::async_read(
            socket_,
            asio::buffer(room_.messages[room_.published % ring]),
            [this](error_code ec, std::size_t) {
                if (!ec)
                {
                    ++room_.published;
                    for (auto const& member : room_.members)
                    {
                        member->deliver();
                    }
                    receive();
                }
            });
    }

    void deliver()
    {
        if (!std::exchange(is_sending_, true))
        {
            send();
        }
    }

    void send()
    {
        asio::async_write(
            socket_,
            asio::buffer(room_.messages[sent_ % ring]),
            [this](error_code ec, std::size_t) {
                if (ec)
                {
                    return;
                }
                ++sent_;
                is_sending_ = sent_ != room_.published;
                if (is_sending_)
                {
                    send();
                }
            });
    }

    typename Family::stream socket_;
    shared& room_;
    std::size_t sent_ = 0;
    bool is_sending_ = false;
};

// ---- Operations started by a foreign thread --------------------------------

template<typename Family>
class worker_session
    : public std::enable_shared_from_this<worker_session<Family>>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : message_bytes(c.buffer_bytes)
            , thread(c.connections)
        {}

        std::size_t const message_bytes;
        bench::worker<worker_session> thread;
    };

    worker_session(typename Family::stream socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
        , buffer_(s.message_bytes)
    {}

    void start()
    {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = this->shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->received_ = n;
                    self->kept_ = self;
                    self->shared_.thread.push(*self);
                }
            });
    }

    // Called by the worker. Nothing else is pending on the socket then.
    void reply()
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, received_),
            [this](error_code ec, std::size_t) {
                if (!ec)
                {
                    start();
                }
            });
    }

private:
    typename Family::stream socket_;
    shared& shared_;
    std::vector<char> buffer_;
    std::size_t received_ = 0;
    /// The worker has a plain pointer.
    std::shared_ptr<worker_session> kept_;
};

// ---- Timeouts --------------------------------------------------------------

/// Closes the connection if a receive takes too long.
template<typename Family>
class timeout_session
    : public std::enable_shared_from_this<timeout_session<Family>>
{
public:
    using shared = cell const;

    timeout_session(typename Family::stream socket, shared& c)
        : socket_(std::move(socket))
        , timer_(socket_.get_executor())
        , buffer_(c.buffer_bytes)
    {}

    void start()
    {
        timer_.expires_after(bench::receive_timeout);
        timer_.async_wait([self = this->shared_from_this()](error_code ec) {
            if (!ec)
            {
                self->socket_.close(ec);
            }
        });
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = this->shared_from_this()](error_code ec, std::size_t n) {
                ec ? static_cast<void>(self->timer_.cancel()) : self->echo(n);
            });
    }

private:
    void echo(std::size_t n)
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, n),
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                ec ? static_cast<void>(self->timer_.cancel()) : self->start();
            });
    }

    typename Family::stream socket_;
    typename Family::timer timer_;
    std::vector<char> buffer_;
};

// ---- Idle connections ------------------------------------------------------

/// Waits without a buffer of its own.
template<typename Family>
class idle_session : public std::enable_shared_from_this<idle_session<Family>>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer(c.buffer_bytes)
        {}

        std::vector<char> buffer;
    };

    idle_session(typename Family::stream socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
    {
        socket_.non_blocking(true);
    }

    void start()
    {
        socket_.async_wait(
            socket_.wait_read,
            [self = this->shared_from_this()](error_code ec) {
                if (!ec)
                {
                    self->echo();
                }
            });
    }

private:
    void echo()
    {
        error_code ec;
        std::size_t const n =
            socket_.read_some(asio::buffer(shared_.buffer), ec);
        if (ec && ec != asio::error::would_block)
        {
            return;
        }
        asio::write(socket_, asio::buffer(shared_.buffer, n), ec);
        start();
    }

    typename Family::stream socket_;
    shared& shared_;
};

// ---- Files -----------------------------------------------------------------

/// Sends a header and a file, read part by part.
template<typename Family>
class file_session : public std::enable_shared_from_this<file_session<Family>>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : size(c.message_bytes)
            , file(size)
            , header(bench::file_header())
        {}

        std::size_t const size;
        bench::content_file const file;
        std::string const header;
    };

    file_session(typename Family::stream socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
        , part_(std::min(s.size, bench::file_part_bytes))
    {}

    void start()
    {
        asio::async_read(
            socket_,
            asio::buffer(request_),
            asio::transfer_at_least(bench::file_request_bytes),
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->sent_ = 0;
                    self->send();
                }
            });
    }

private:
    void send()
    {
        ssize_t const n = ::pread(
            shared_.file.native_handle(),
            part_.data(),
            part_.size(),
            static_cast<::off_t>(sent_));
        if (n <= 0)
        {
            return;
        }
        std::array<asio::const_buffer, 2> const buffers{
            asio::buffer(
                shared_.header, sent_ == 0 ? shared_.header.size() : 0),
            asio::buffer(part_, static_cast<std::size_t>(n))};
        sent_ += static_cast<std::size_t>(n);
        asio::async_write(
            socket_,
            buffers,
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->sent_ == self->shared_.size ? self->start()
                                                      : self->send();
                }
            });
    }

    typename Family::stream socket_;
    shared& shared_;
    std::array<char, 2 * bench::file_request_bytes> request_;
    std::vector<char> part_;
    std::size_t sent_ = 0;
};

// ---- HTTP ------------------------------------------------------------------

template<typename Family>
class http_session : public std::enable_shared_from_this<http_session<Family>>
{
public:
    using shared = cell const;

    http_session(typename Family::stream socket, shared&)
        : socket_(std::move(socket))
    {}

    void start()
    {
        socket_.async_read_some(
            conversation_.space(),
            [self = this->shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->reply(n);
                }
            });
    }

private:
    void reply(std::size_t received)
    {
        auto const replies = conversation_.received(received);
        if (replies.size() == 0)
        {
            start();
            return;
        }
        asio::async_write(
            socket_,
            replies,
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->reply(0);
                }
            });
    }

    typename Family::stream socket_;
    demo::http_conversation conversation_;
};

// ---- UDP -------------------------------------------------------------------

// The load sends a datagram, and waits for what it asks for.

/// Receives so many datagrams, and then acknowledges them with the last one.
template<typename Family>
class datagram_receiver
{
public:
    datagram_receiver(asio::io_context& io, cell const& c)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0))
        , fan_(c.fan_out)
        , buffer_(c.message_bytes)
    {
        socket_.set_option(asio::socket_base::receive_buffer_size(
            bench::datagram_buffer_bytes));
        receive();
    }

    std::uint16_t port() const { return socket_.local_endpoint().port(); }

private:
    void receive()
    {
        socket_.async_receive_from(
            asio::buffer(buffer_),
            sender_,
            [this](error_code ec, std::size_t n) {
                !ec && ++received_ % fan_ == 0 ? acknowledge(n) : receive();
            });
    }

    void acknowledge(std::size_t n)
    {
        socket_.async_send_to(
            asio::buffer(buffer_, n), sender_, [this](error_code, std::size_t) {
                receive();
            });
    }

    typename Family::datagram socket_;
    std::size_t const fan_;
    std::size_t received_ = 0;
    std::vector<char> buffer_;
    udp::endpoint sender_;
};

/// Sends each datagram back so many times, one operation after the other.
template<typename Family>
class datagram_sender
{
public:
    datagram_sender(asio::io_context& io, cell const& c)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0))
        , fan_(c.suite == "udp_echo" ? 1 : c.fan_out)
        , buffer_(c.message_bytes)
    {
        socket_.set_option(asio::socket_base::receive_buffer_size(
            bench::datagram_buffer_bytes));
        receive();
    }

    std::uint16_t port() const { return socket_.local_endpoint().port(); }

private:
    void receive()
    {
        socket_.async_receive_from(
            asio::buffer(buffer_),
            sender_,
            [this](error_code ec, std::size_t n) {
                if (ec)
                {
                    return receive();
                }
                queued_ = fan_;
                send(n);
            });
    }

    void send(std::size_t n)
    {
        socket_.async_send_to(
            asio::buffer(buffer_, n), sender_, [this, n](error_code, auto) {
                --queued_ == 0 ? receive() : send(n);
            });
    }

    typename Family::datagram socket_;
    std::size_t const fan_;
    std::size_t queued_ = 0;
    std::vector<char> buffer_;
    udp::endpoint sender_;
};

/// Sends each datagram back so many times, by operations that one handler
/// starts.
template<typename Family>
class datagram_burst
{
public:
    datagram_burst(asio::io_context& io, cell const& c)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0))
        , fan_(c.fan_out)
        , buffer_(c.message_bytes)
    {
        receive();
    }

    std::uint16_t port() const { return socket_.local_endpoint().port(); }

private:
    void receive()
    {
        socket_.async_receive_from(
            asio::buffer(buffer_),
            sender_,
            [this](error_code ec, std::size_t n) { ec ? receive() : send(n); });
    }

    void send(std::size_t n)
    {
        queued_ = fan_;
        for (std::size_t i = 0; i != fan_; ++i)
        {
            socket_.async_send_to(
                asio::buffer(buffer_, n), sender_, [this](error_code, auto) {
                    if (--queued_ == 0)
                    {
                        receive();
                    }
                });
        }
    }

    typename Family::datagram socket_;
    std::size_t const fan_;
    std::size_t queued_ = 0;
    std::vector<char> buffer_;
    udp::endpoint sender_;
};

template<typename Server>
void serve_datagrams(cell const& c)
{
    asio::io_context io(1);
    Server s(io, c);
    bench::announce(s.port());
    io.run();
}

// ---- The program -----------------------------------------------------------

template<typename Family>
void serve_form(cell const& c)
{
    bench::serve<Family, bench::echo_session>(
        c,
        c.variant == "single_threaded" ? BOOST_ASIO_CONCURRENCY_HINT_UNSAFE
                                       : 1);
}

template<typename Family>
void serve_two_threads(cell const& c)
{
    using session = bench::echo_session<Family>;
    bench::serve_with_two_threads<bench::server<Family, session>, cell>(c);
}

template<typename Family>
void add(
    std::map<std::string, bench::serve_function>& suites,
    std::string const& server)
{
    auto const add_one = [&](char const* suite, bench::serve_function f) {
        suites.emplace(server + " " + suite, std::move(f));
    };
    auto const with = [](auto* serve) {
        return [serve](cell const& c) { serve(c, 1); };
    };
    auto const echo = with(&bench::serve<Family, bench::echo_session>);
    add_one("echo", echo);
    add_one("pipelined", echo);
    add_one("accept_churn", echo);
    add_one("forms", &serve_form<Family>);
    add_one("queued_sends", with(&bench::serve<Family, queue_session>));
    add_one("broadcast", with(&bench::serve<Family, room_session>));
    add_one("foreign_thread", with(&bench::serve<Family, worker_session>));
    add_one("timeouts", with(&bench::serve<Family, timeout_session>));
    add_one("idle", with(&bench::serve<Family, idle_session>));
    add_one("files", with(&bench::serve<Family, file_session>));
    add_one("http", with(&bench::serve<Family, http_session>));
    add_one("two_threads", &serve_two_threads<Family>);
    add_one("udp_receive", &serve_datagrams<datagram_receiver<Family>>);
    add_one("udp_send", &serve_datagrams<datagram_sender<Family>>);
    add_one("udp_echo", &serve_datagrams<datagram_sender<Family>>);
    add_one("bursts", &serve_datagrams<datagram_burst<Family>>);
}

} // namespace

int main(int argc, char* argv[])
{
    std::map<std::string, bench::serve_function> suites;
    add<bench::asio_any>(suites, "asio");
    add<bench::asio_concrete>(suites, "asio_concrete");
    add<bench::slotted>(suites, "slotted");
    return bench::serve_main(argc, argv, suites);
}
