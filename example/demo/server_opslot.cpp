// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The same servers with opslot: sessions that own the contexts of their
// operations, and are kept alive by those that are pending.

#include <opslot/operation_memory.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/circular_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "http_text.hpp"
#include "measure.hpp"
#include "server.hpp"
#include "worker.hpp"

namespace demo {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::stream_context;
using tcp = opslot::tcp;
using udp = opslot::udp;

// ---- Echo ------------------------------------------------------------------

class echo_session : public std::enable_shared_from_this<echo_session>
{
public:
    using shared = environment;

    echo_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
        , buffer_(e.load.buffer_bytes)
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        if (e.load.kind == traffic::deadline)
        {
            rx_.timeout(silence_limit);
        }
        tx_.keep_alive(*this);
        tx_.completion_handler([this](stream_context&) {
            if (sent())
            {
                receive();
            }
        });
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed && received())
        {}
    }

    // True: receive again.
    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        work_.received();
        tx_.buffer(asio::buffer(buffer_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == opslot::completed && sent();
    }

    bool sent()
    {
        work_.sent(tx_.bytes_transferred());
        return !tx_.error();
    }

    tcp::socket socket_;
    work_done& work_;
    std::vector<char> buffer_;
    stream_context rx_;
    stream_context tx_;
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
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) { received(); });
        tx_.keep_alive(*this);
        tx_.completion_handler([this](stream_context&) { sent(); });
    }

    void start() { receive(); }

    // Called by the worker. Nothing else is pending on the socket then.
    void reply()
    {
        tx_.buffer(asio::buffer(buffer_, rx_.bytes_transferred()));
        if (socket_.start_send(tx_) == opslot::completed)
        {
            sent();
        }
    }

private:
    void receive()
    {
        if (socket_.start_receive(rx_) == opslot::completed)
        {
            received();
        }
    }

    void received()
    {
        if (!rx_.error())
        {
            shared_.work.received();
            shared_.thread.push(shared_from_this());
        }
    }

    void sent()
    {
        if (!tx_.error())
        {
            shared_.work.sent(tx_.bytes_transferred());
            receive();
        }
    }

    tcp::socket socket_;
    shared& shared_;
    std::vector<char> buffer_;
    stream_context rx_;
    stream_context tx_;
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
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.keep_alive(*this);
        rx_.completion_handler(
            [this, state = large_state()](stream_context&) mutable {
                if (!rx_.error())
                {
                    work_.received();
                    state.note(buffer_.front());
                    send();
                }
            });
        tx_.keep_alive(*this);
        tx_.completion_handler([this](stream_context&) {
            if (!tx_.error())
            {
                work_.sent(tx_.bytes_transferred());
                receive();
            }
        });
    }

    void start() { receive(); }

private:
    // `async_`: the handler runs in any case, and so has its state.
    void receive() { socket_.async_receive(rx_); }

    void send()
    {
        tx_.buffer(asio::buffer(buffer_, rx_.bytes_transferred()));
        socket_.async_send(tx_);
    }

    tcp::socket socket_;
    work_done& work_;
    std::vector<char> buffer_;
    stream_context rx_;
    stream_context tx_;
};

// ---- Several replies -------------------------------------------------------

class reply_session : public std::enable_shared_from_this<reply_session>
{
public:
    using shared = environment;

    reply_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
        , buffer_(e.load.buffer_bytes)
        , tx_(e.load.message_bytes / e.load.request_bytes)
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.at_least(e.load.request_bytes);
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        for (stream_context& tx : tx_)
        {
            tx.buffer(asio::buffer(buffer_, e.load.request_bytes));
            tx.keep_alive(*this);
            tx.completion_handler([this](stream_context& each) {
                if (sent(each) && queued_ == 0)
                {
                    receive();
                }
            });
        }
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed && received())
        {}
    }

    // True: all is sent, receive again.
    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        work_.received();
        queued_ = tx_.size();
        for (stream_context& tx : tx_)
        {
            if (socket_.start_send(tx) == opslot::completed)
            {
                sent(tx);
            }
        }
        return queued_ == 0;
    }

    bool sent(stream_context const& tx)
    {
        work_.sent(tx.bytes_transferred());
        --queued_;
        return !tx.error();
    }

    tcp::socket socket_;
    work_done& work_;
    std::vector<char> buffer_;
    std::size_t queued_ = 0;
    stream_context rx_;
    std::vector<stream_context> tx_;
};

// ---- Broadcast -------------------------------------------------------------

class room_session : public std::enable_shared_from_this<room_session>
{
    using allocator = opslot::operation_memory_allocator<char>;
    using text = std::vector<char, allocator>;
    using message = std::shared_ptr<text const>;
    /// Somebody who is so many messages behind is put out.
    static constexpr std::size_t queue_limit = 64;

public:
    struct shared : environment
    {
        using environment::environment;

        std::vector<std::shared_ptr<room_session>> members;
    };

    room_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , room_(s)
        , queue_(queue_limit)
        , buffer_(s.load.buffer_bytes)
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.at_least(buffer_.size());
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        tx_.keep_alive(*this);
        tx_.completion_handler([this](stream_context&) {
            if (sent())
            {
                send();
            }
        });
    }

    void start()
    {
        room_.members.push_back(shared_from_this());
        receive();
    }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed && received())
        {}
    }

    bool received()
    {
        if (rx_.error())
        {
            auto& members = room_.members;
            members.erase(
                std::remove(members.begin(), members.end(), shared_from_this()),
                members.end());
            return false;
        }
        room_.work.received();
        publish();
        return true;
    }

    // The memory of messages is recycled, too.
    void publish()
    {
        allocator const memory(opslot::operation_memory::process());
        auto const m = std::allocate_shared<text const>(
            memory, buffer_.begin(), buffer_.end(), memory);
        for (auto const& each : room_.members)
        {
            each->deliver(m);
        }
    }

    void deliver(message const& m)
    {
        if (queue_.full())
        {
            close();
            return;
        }
        queue_.push_back(m);
        if (queue_.size() == 1)
        {
            send();
        }
    }

    void send()
    {
        do
        {
            tx_.buffer(asio::buffer(*queue_.front()));
        } while (socket_.start_send(tx_) == opslot::completed && sent());
    }

    // True: send the next one.
    bool sent()
    {
        if (tx_.error())
        {
            close();
            return false;
        }
        room_.work.sent(tx_.bytes_transferred());
        queue_.pop_front();
        return !queue_.empty();
    }

    // What is received ends with an error then, and so does the membership.
    void close()
    {
        error_code ignored;
        socket_.close(ignored);
    }

    tcp::socket socket_;
    shared& room_;
    boost::circular_buffer<message> queue_;
    std::vector<char> buffer_;
    stream_context rx_;
    stream_context tx_;
};

// ---- HTTP ------------------------------------------------------------------

class http_session : public std::enable_shared_from_this<http_session>
{
public:
    using shared = environment;

    http_session(tcp::socket socket, environment& e)
        : socket_(std::move(socket))
        , work_(e.work)
    {
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        tx_.keep_alive(*this);
        tx_.completion_handler([this](stream_context&) {
            if (sent() && reply(0))
            {
                receive();
            }
        });
    }

    void start() { receive(); }

private:
    void receive()
    {
        do
        {
            rx_.buffer(conversation_.space());
        } while (socket_.start_receive(rx_) == opslot::completed && received());
    }

    // True: receive again.
    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        work_.received();
        return reply(rx_.bytes_transferred());
    }

    // Sends the replies to the last bytes received, and those to requests
    // that were left over. True: receive again.
    bool reply(std::size_t received)
    {
        auto replies = conversation_.received(received);
        while (replies.size() != 0)
        {
            tx_.buffer(replies);
            if (socket_.start_send(tx_) == opslot::pending || !sent())
            {
                return false;
            }
            replies = conversation_.received(0);
        }
        return true;
    }

    bool sent()
    {
        work_.sent(tx_.bytes_transferred());
        return !tx_.error();
    }

    tcp::socket socket_;
    work_done& work_;
    http_conversation conversation_;
    stream_context rx_;
    stream_context tx_;
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
        , work_(s.work)
        , request_(s.load.request_bytes)
    {
        rx_.buffer(asio::buffer(request_));
        rx_.at_least(request_.size());
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        using element = opslot::transmit_element;
        tx_.elements({element::from_native_handle(s.file.native_handle())});
        tx_.keep_alive(*this);
        tx_.completion_handler([this](opslot::transmit_context&) {
            if (sent())
            {
                receive();
            }
        });
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed && received())
        {}
    }

    // True: receive again.
    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        work_.received();
        return socket_.start_transmit(tx_) == opslot::completed && sent();
    }

    bool sent()
    {
        work_.sent(tx_.bytes_transferred());
        return !tx_.error();
    }

    tcp::socket socket_;
    work_done& work_;
    std::vector<char> request_;
    stream_context rx_;
    opslot::transmit_context tx_;
};

// ---- Datagrams -------------------------------------------------------------

/// Receives many at a time. The list of a receive is what there is to send.
class datagram_server
{
    using context = udp::datagram_batch_context;
    /// What comes as one packet is not copied from a slab that has room for it.
    static constexpr std::size_t slab_bytes = 64 * 1024;
    /// What one call receives at most.
    static constexpr std::size_t most_packets = 16;

public:
    datagram_server(asio::io_context& io, environment& e)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0))
        , work_(e.work)
        , message_bytes_(e.load.message_bytes)
        , slab_(slab_bytes)
    {
        // A receive has a block for each packet that it is ready for, more of
        // them when more are waiting. So these are there from the start.
        opslot::operation_memory::of(io).reserve(slab_bytes, most_packets);
        batch_.slab(asio::buffer(slab_), message_bytes_);
        batch_.completion_handler([this](context&) {
            done();
            go_on();
        });
        go_on();
    }

    unsigned short port() const { return socket_.local_endpoint().port(); }

private:
    void go_on()
    {
        while (start_next() == opslot::completed)
        {
            done();
        }
    }

    opslot::start_result start_next()
    {
        return has_received() && batch_.size() != 0
                   ? socket_.start_send_batch(batch_)
                   : socket_.start_receive_batch(batch_);
    }

    void done()
    {
        has_received() ? work_.received()
                       : work_.sent(batch_.sent() * message_bytes_);
    }

    bool has_received() const
    {
        return batch_.last_operation() == opslot::operation_kind::receive_batch;
    }

    udp::socket socket_;
    work_done& work_;
    std::size_t const message_bytes_;
    std::vector<char> slab_;
    context batch_;
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
        context_.completion_handler([this](tcp::accept_context&) {
            if (accepted())
            {
                accept();
            }
        });
        accept();
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

private:
    void accept()
    {
        while (acceptor_.start_accept(context_) == opslot::completed &&
               accepted())
        {}
    }

    // True: accept again.
    bool accepted()
    {
        if (context_.error())
        {
            return false;
        }
        tcp::socket socket = context_.take_socket();
        socket.set_option(tcp::no_delay(true));
        std::make_shared<Session>(std::move(socket), shared_)->start();
        return true;
    }

    tcp::acceptor acceptor_;
    tcp::accept_context context_;
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

void serve_with_opslot(workload const& w, int control)
{
    switch (w.kind)
    {
    case traffic::echo:
    case traffic::deadline:
        return serve<echo_session>(w, control);
    case traffic::worker:
        return serve<worker_session>(w, control);
    case traffic::large_handler:
        return serve<large_session>(w, control);
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
