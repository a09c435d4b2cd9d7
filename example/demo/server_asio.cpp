// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The servers as one writes them with Asio alone: sessions that are kept
// alive by the handlers of their operations.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include <unistd.h>

#include "http_text.hpp"
#include "measure.hpp"
#include "server.hpp"
#include "worker.hpp"

namespace demo {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// ---- Echo ------------------------------------------------------------------

class echo_session : public std::enable_shared_from_this<echo_session>
{
public:
    using shared = environment;

    echo_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
        , buffer_(e.load.buffer_bytes)
    {}

    void start() { read(); }

private:
    void read()
    {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->work_.received();
                    self->write(n);
                }
            });
    }

    void write(std::size_t n)
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, n),
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (!ec)
                {
                    self->work_.sent(sent);
                    self->read();
                }
            });
    }

    tcp::socket socket_;
    work_done& work_;
    std::vector<char> buffer_;
};

// ---- Echo, sent by another thread ------------------------------------------

class worker_session : public std::enable_shared_from_this<worker_session>
{
public:
    struct shared : environment
    {
        explicit shared(workload const& w)
            : environment(w)
            , thread(w.peers + 1)
        {}

        worker<worker_session> thread;
    };

    worker_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
        , buffer_(s.load.buffer_bytes)
    {}

    void start() { read(); }

    // Called by the worker. Nothing else is pending on the socket then.
    void reply()
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, size_),
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (!ec)
                {
                    self->shared_.work.sent(sent);
                    self->read();
                }
            });
    }

private:
    void read()
    {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->shared_.work.received();
                    self->size_ = n;
                    self->shared_.thread.push(self);
                }
            });
    }

    tcp::socket socket_;
    shared& shared_;
    std::vector<char> buffer_;
    std::size_t size_ = 0;
};

// ---- Echo, with large handlers ---------------------------------------------

class large_session : public std::enable_shared_from_this<large_session>
{
public:
    using shared = environment;

    large_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
        , buffer_(e.load.buffer_bytes)
    {}

    void start() { read(large_state()); }

private:
    void read(large_state&& state)
    {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this(),
             state = std::move(state)](error_code ec, std::size_t n) mutable {
                if (!ec)
                {
                    self->work_.received();
                    state.note(self->buffer_.front());
                    self->write(n, std::move(state));
                }
            });
    }

    void write(std::size_t n, large_state&& state)
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, n),
            [self = shared_from_this(), state = std::move(state)](
                error_code ec, std::size_t sent) mutable {
                if (!ec)
                {
                    self->work_.sent(sent);
                    self->read(std::move(state));
                }
            });
    }

    tcp::socket socket_;
    work_done& work_;
    std::vector<char> buffer_;
};

// ---- Echo, with a deadline on every read ------------------------------------

class deadline_session : public std::enable_shared_from_this<deadline_session>
{
public:
    using shared = environment;

    deadline_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , timer_(socket_.get_executor())
        , work_(e.work)
        , buffer_(e.load.buffer_bytes)
    {}

    void start() { read(); }

private:
    void read()
    {
        timer_.expires_after(silence_limit);
        timer_.async_wait([self = shared_from_this()](error_code ec) {
            if (!ec)
            {
                self->socket_.close(ec);
            }
        });
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](error_code ec, std::size_t n) {
                if (ec)
                {
                    self->timer_.cancel();
                    return;
                }
                self->work_.received();
                self->write(n);
            });
    }

    void write(std::size_t n)
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, n),
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (ec)
                {
                    self->timer_.cancel();
                    return;
                }
                self->work_.sent(sent);
                self->read();
            });
    }

    tcp::socket socket_;
    asio::steady_timer timer_;
    work_done& work_;
    std::vector<char> buffer_;
};

// ---- Several replies -------------------------------------------------------

class reply_session : public std::enable_shared_from_this<reply_session>
{
public:
    using shared = environment;

    reply_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
        , request_bytes_(e.load.request_bytes)
        , replies_(e.load.message_bytes / request_bytes_)
        , buffer_(e.load.buffer_bytes)
    {}

    void start() { read(); }

private:
    void read()
    {
        asio::async_read(
            socket_,
            asio::buffer(buffer_),
            asio::transfer_at_least(request_bytes_),
            [self = shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->work_.received();
                    self->queued_ = self->replies_;
                    self->write();
                }
            });
    }

    void write()
    {
        asio::async_write(
            socket_,
            asio::buffer(buffer_, request_bytes_),
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (!ec)
                {
                    self->work_.sent(sent);
                    --self->queued_ == 0 ? self->read() : self->write();
                }
            });
    }

    tcp::socket socket_;
    work_done& work_;
    std::size_t const request_bytes_;
    std::size_t const replies_;
    std::size_t queued_ = 0;
    std::vector<char> buffer_;
};

// ---- Broadcast -------------------------------------------------------------

class room_session : public std::enable_shared_from_this<room_session>
{
    using message = std::shared_ptr<std::vector<char> const>;

public:
    struct shared : environment
    {
        using environment::environment;

        std::vector<std::shared_ptr<room_session>> members;
    };

    room_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , room_(s)
        , buffer_(s.load.buffer_bytes)
    {}

    void start()
    {
        room_.members.push_back(shared_from_this());
        read();
    }

private:
    void read()
    {
        asio::async_read(
            socket_,
            asio::buffer(buffer_),
            [self = shared_from_this()](error_code ec, std::size_t) {
                if (ec)
                {
                    self->leave();
                    return;
                }
                self->room_.work.received();
                self->publish();
                self->read();
            });
    }

    void publish()
    {
        auto const m = std::make_shared<std::vector<char> const>(buffer_);
        for (auto const& each : room_.members)
        {
            each->deliver(m);
        }
    }

    void deliver(message const& m)
    {
        queue_.push_back(m);
        if (queue_.size() == 1)
        {
            write();
        }
    }

    void write()
    {
        asio::async_write(
            socket_,
            asio::buffer(*queue_.front()),
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (ec)
                {
                    self->leave();
                    return;
                }
                self->room_.work.sent(sent);
                self->queue_.pop_front();
                if (!self->queue_.empty())
                {
                    self->write();
                }
            });
    }

    void leave()
    {
        auto& members = room_.members;
        members.erase(
            std::remove(members.begin(), members.end(), shared_from_this()),
            members.end());
    }

    tcp::socket socket_;
    shared& room_;
    std::vector<char> buffer_;
    std::deque<message> queue_;
};

// ---- HTTP ------------------------------------------------------------------

class http_session : public std::enable_shared_from_this<http_session>
{
public:
    using shared = environment;

    http_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
    {}

    void start() { read(); }

private:
    void read()
    {
        socket_.async_read_some(
            conversation_.space(),
            [self = shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->work_.received();
                    self->write(n);
                }
            });
    }

    // Sends the replies to the last bytes received, and those to requests
    // that were left over.
    void write(std::size_t received)
    {
        auto const replies = conversation_.received(received);
        if (replies.size() == 0)
        {
            read();
            return;
        }
        asio::async_write(
            socket_,
            replies,
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (!ec)
                {
                    self->work_.sent(sent);
                    self->write(0);
                }
            });
    }

    tcp::socket socket_;
    work_done& work_;
    http_conversation conversation_;
};

// ---- Files -----------------------------------------------------------------

class file_session : public std::enable_shared_from_this<file_session>
{
public:
    struct shared : environment
    {
        explicit shared(workload const& w)
            : environment(w)
            , file(w.message_bytes)
        {}

        served_file const file;
    };

    file_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
        , request_(s.load.request_bytes)
        , part_(s.load.buffer_bytes)
    {}

    void start() { read(); }

private:
    void read()
    {
        asio::async_read(
            socket_,
            asio::buffer(request_),
            [self = shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->shared_.work.received();
                    self->sent_ = 0;
                    self->write();
                }
            });
    }

    void write()
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
        asio::async_write(
            socket_,
            asio::buffer(part_, static_cast<std::size_t>(n)),
            [self = shared_from_this()](error_code ec, std::size_t sent) {
                if (!ec)
                {
                    self->shared_.work.sent(sent);
                    self->sent_ += sent;
                    self->sent_ == self->shared_.load.message_bytes
                        ? self->read()
                        : self->write();
                }
            });
    }

    tcp::socket socket_;
    shared& shared_;
    std::vector<char> request_;
    std::vector<char> part_;
    std::size_t sent_ = 0;
};

// ---- Datagrams -------------------------------------------------------------

class datagram_server
{
public:
    datagram_server(asio::io_context& io, environment& e)
        : socket_(io, {asio::ip::address_v4::loopback(), 0})
        , work_(e.work)
        , buffer_(e.load.buffer_bytes)
    {
        receive();
    }

    unsigned short port() const { return socket_.local_endpoint().port(); }

private:
    void receive()
    {
        socket_.async_receive_from(
            asio::buffer(buffer_),
            sender_,
            [this](error_code ec, std::size_t n) {
                if (ec)
                {
                    receive();
                    return;
                }
                work_.received();
                send(n);
            });
    }

    void send(std::size_t n)
    {
        socket_.async_send_to(
            asio::buffer(buffer_, n),
            sender_,
            [this](error_code, std::size_t sent) {
                work_.sent(sent);
                receive();
            });
    }

    asio::ip::udp::socket socket_;
    work_done& work_;
    std::vector<char> buffer_;
    asio::ip::udp::endpoint sender_;
};

// ---- The server ------------------------------------------------------------

/// Accepts connections, and starts a session for each.
template<typename Session>
class server
{
public:
    server(asio::io_context& io, typename Session::shared& s)
        : acceptor_(io, {asio::ip::address_v4::loopback(), 0})
        , shared_(s)
    {
        accept();
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

private:
    void accept()
    {
        acceptor_.async_accept([this](error_code ec, tcp::socket socket) {
            if (!ec)
            {
                socket.set_option(tcp::no_delay(true));
                std::make_shared<Session>(std::move(socket), shared_)->start();
                accept();
            }
        });
    }

    tcp::acceptor acceptor_;
    typename Session::shared& shared_;
};

template<typename Server, typename Shared>
void run(workload const& w, int control)
{
    asio::io_context io(1);
    Shared shared(w);
    Server s(io, shared);
    meter m(io, control, shared.work, w.message_bytes);
    m.start(s.port());
    io.run();
}

template<typename Session>
void serve(workload const& w, int control)
{
    run<server<Session>, typename Session::shared>(w, control);
}

} // namespace

void serve_with_asio(workload const& w, int control)
{
    switch (w.kind)
    {
    case traffic::echo:
        return serve<echo_session>(w, control);
    case traffic::worker:
        return serve<worker_session>(w, control);
    case traffic::large_handler:
        return serve<large_session>(w, control);
    case traffic::deadline:
        return serve<deadline_session>(w, control);
    case traffic::replies:
        return serve<reply_session>(w, control);
    case traffic::broadcast:
        return serve<room_session>(w, control);
    case traffic::http:
        return serve<http_session>(w, control);
    case traffic::file:
        return serve<file_session>(w, control);
    case traffic::datagrams:
        return run<datagram_server, environment>(w, control);
    }
}

} // namespace demo
