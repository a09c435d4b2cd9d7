// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The servers with contexts: sessions that own those of their operations, and
// are kept alive by what is pending.

#include <opslot/open_file.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
using opslot::completed;
using opslot::stream_context;
using tcp = opslot::tcp;
using udp = opslot::udp;

using memory = opslot::operation_memory_allocator<char>;

/// Recycled, as the memory of operations is.
memory recycled()
{
    return memory(opslot::operation_memory::process());
}

using bytes = std::vector<char, memory>;

// ---- Echo, pipelined, accept_churn, timeouts -------------------------------

template<typename Socket>
class basic_echo_session
    : public std::enable_shared_from_this<basic_echo_session<Socket>>
{
public:
    using shared = cell const;

    basic_echo_session(Socket socket, shared& c)
        : socket_(std::move(socket))
        , buffer_(c.buffer_bytes, recycled())
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        if (c.suite == "timeouts")
        {
            rx_.timeout(bench::receive_timeout);
        }
        tx_.keep_alive(*this);
        tx_.completion_handler([this](stream_context&) {
            if (!tx_.error())
            {
                receive();
            }
        });
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == completed && received())
        {}
    }

    // True: receive again.
    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        tx_.buffer(asio::buffer(buffer_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == completed && !tx_.error();
    }

    Socket socket_;
    bytes buffer_;
    stream_context rx_;
    stream_context tx_;
};

using echo_session = basic_echo_session<tcp::socket>;

// ---- Queued sends ----------------------------------------------------------

/// Sends each message back so many times, by sends that are all started at
/// once.
class queue_session : public std::enable_shared_from_this<queue_session>
{
public:
    using shared = cell const;

    queue_session(tcp::socket socket, shared& c)
        : socket_(std::move(socket))
        , message_(c.buffer_bytes)
        , tx_(c.fan_out)
    {
        rx_.buffer(asio::buffer(message_));
        rx_.at_least(c.message_bytes);
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        for (stream_context& tx : tx_)
        {
            tx.buffer(asio::buffer(message_, c.message_bytes));
            tx.keep_alive(*this);
            tx.completion_handler([this](stream_context& sent) {
                if (!sent.error() && --queued_ == 0)
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
        while (socket_.start_receive(rx_) == completed && received())
        {}
    }

    // True: all is sent, receive again.
    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        queued_ = tx_.size();
        for (stream_context& tx : tx_)
        {
            if (socket_.start_send(tx) == completed && !tx.error())
            {
                --queued_;
            }
        }
        return queued_ == 0;
    }

    tcp::socket socket_;
    /// With room for more, so that a receive shows that there is no more.
    std::vector<char> message_;
    std::size_t queued_ = 0;
    stream_context rx_;
    std::vector<stream_context> tx_;
};

// ---- Broadcast -------------------------------------------------------------

class room_session : public std::enable_shared_from_this<room_session>
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

    room_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , room_(s)
    {
        rx_.at_least(s.messages.front().size());
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
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
        // Only one of the peers sends, so the next place of the ring is its.
        do
        {
            rx_.buffer(asio::buffer(room_.messages[room_.published % ring]));
        } while (socket_.start_receive(rx_) == completed && received());
    }

    bool received()
    {
        if (rx_.error())
        {
            return false;
        }
        ++room_.published;
        for (auto const& member : room_.members)
        {
            member->deliver();
        }
        return true;
    }

    void deliver()
    {
        if (!tx_.is_pending())
        {
            send();
        }
    }

    void send()
    {
        do
        {
            tx_.buffer(asio::buffer(room_.messages[sent_ % ring]));
        } while (socket_.start_send(tx_) == completed && sent());
    }

    // True: send the next one.
    bool sent()
    {
        ++sent_;
        return !tx_.error() && sent_ != room_.published;
    }

    tcp::socket socket_;
    shared& room_;
    std::size_t sent_ = 0;
    stream_context rx_;
    stream_context tx_;
};

// ---- Operations started by a foreign thread --------------------------------

class worker_session : public std::enable_shared_from_this<worker_session>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer_bytes(c.buffer_bytes)
            , thread(c.connections)
        {}

        std::size_t const buffer_bytes;
        bench::worker<worker_session> thread;
    };

    worker_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
        , buffer_(s.buffer_bytes)
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
        if (socket_.start_send(tx_) == completed)
        {
            sent();
        }
    }

private:
    void receive()
    {
        if (socket_.start_receive(rx_) == completed)
        {
            received();
        }
    }

    void received()
    {
        if (!rx_.error())
        {
            kept_ = shared_from_this();
            shared_.thread.push(*this);
        }
    }

    void sent()
    {
        if (!tx_.error())
        {
            receive();
        }
    }

    tcp::socket socket_;
    shared& shared_;
    std::vector<char> buffer_;
    stream_context rx_;
    stream_context tx_;
    /// The worker has a plain pointer.
    std::shared_ptr<worker_session> kept_;
};

// ---- Idle connections ------------------------------------------------------

/// Waits without a buffer of its own, and has one context.
class idle_session : public std::enable_shared_from_this<idle_session>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer(c.buffer_bytes)
        {}

        std::vector<char> buffer;
    };

    idle_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
        , shared_(s)
    {
        context_.buffer(asio::mutable_buffer());
        context_.keep_alive(*this);
        context_.completion_handler([this](stream_context&) { receive(); });
    }

    void start() { socket_.async_receive(context_); }

private:
    void receive()
    {
        error_code ec = context_.error();
        if (ec)
        {
            return;
        }
        std::size_t const n =
            socket_.read_some(asio::buffer(shared_.buffer), ec);
        if (ec)
        {
            return;
        }
        asio::write(socket_, asio::buffer(shared_.buffer, n), ec);
        start();
    }

    tcp::socket socket_;
    shared& shared_;
    stream_context context_;
};

// ---- Files -----------------------------------------------------------------

class file_session : public std::enable_shared_from_this<file_session>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : content(c.message_bytes)
            , file(content.path())
            , header(bench::file_header())
        {}

        bench::content_file const content;
        opslot::open_file const file;
        std::string const header;
    };

    file_session(tcp::socket socket, shared& s)
        : socket_(std::move(socket))
    {
        rx_.buffer(asio::buffer(request_));
        rx_.at_least(bench::file_request_bytes);
        rx_.keep_alive(*this);
        rx_.completion_handler([this](stream_context&) {
            if (received())
            {
                receive();
            }
        });
        tx_.elements({asio::buffer(s.header), s.file});
        tx_.keep_alive(*this);
        tx_.completion_handler([this](opslot::transmit_context&) {
            if (!tx_.error())
            {
                receive();
            }
        });
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == completed && received())
        {}
    }

    // True: receive again.
    bool received()
    {
        return !rx_.error() && socket_.start_transmit(tx_) == completed &&
               !tx_.error();
    }

    tcp::socket socket_;
    std::array<char, 2 * bench::file_request_bytes> request_;
    stream_context rx_;
    opslot::transmit_context tx_;
};

// ---- HTTP ------------------------------------------------------------------

class http_session : public std::enable_shared_from_this<http_session>
{
public:
    using shared = cell const;

    http_session(tcp::socket socket, shared&)
        : socket_(std::move(socket))
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
            if (!tx_.error() && reply(0))
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
        } while (socket_.start_receive(rx_) == completed && received());
    }

    // True: receive again.
    bool received() { return !rx_.error() && reply(rx_.bytes_transferred()); }

    // Sends the replies to the last bytes received, and those to requests
    // that were left over. True: receive again.
    bool reply(std::size_t received)
    {
        auto replies = conversation_.received(received);
        while (replies.size() != 0)
        {
            tx_.buffer(replies);
            if (socket_.start_send(tx_) == opslot::pending || tx_.error())
            {
                return false;
            }
            replies = conversation_.received(0);
        }
        return true;
    }

    tcp::socket socket_;
    demo::http_conversation conversation_;
    stream_context rx_;
    stream_context tx_;
};

// ---- Stream servers --------------------------------------------------------

/// Accepts connections, and starts a session for each.
template<typename Session, typename Acceptor = tcp::acceptor>
class server
{
    using socket = decltype(std::declval<Acceptor&>().accept());

public:
    server(asio::io_context& io, typename Session::shared& s)
        : acceptor_(io)
        , shared_(s)
    {
        context_.completion_handler([this](auto&) { go_on(); });
    }

    /// @param port 0: any.
    void listen(std::uint16_t port, bool shares_port)
    {
        tcp::endpoint const at(asio::ip::address_v4::loopback(), port);
        acceptor_.open(at.protocol());
        if (shares_port)
        {
            acceptor_.set_option(bench::reuse_port());
        }
        acceptor_.set_option(tcp::no_delay(true)); // for what is accepted
        acceptor_.bind(at);
        acceptor_.listen();
        accept();
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    void go_on()
    {
        accepted();
        accept();
    }

    void accept()
    {
        while (acceptor_.start_accept(context_) == completed)
        {
            accepted();
        }
    }

    void accepted()
    {
        if (!context_.error())
        {
            std::allocate_shared<Session>(
                recycled(), context_.take_socket(), shared_)
                ->start();
        }
    }

    Acceptor acceptor_;
    opslot::basic_accept_context<socket> context_;
    typename Session::shared& shared_;
};

template<typename Session>
void serve(cell const& c)
{
    asio::io_context io(1);
    typename Session::shared shared(c);
    server<Session> s(io, shared);
    s.listen(0, false);
    bench::announce(s.port());
    io.run();
}

void serve_form(cell const& c)
{
    if (c.variant == "token")
    {
        return bench::serve<bench::opslot_token, bench::echo_session>(c, 1);
    }
    using executor = asio::io_context::executor_type;
    using acceptor = opslot::basic_acceptor<asio::ip::tcp, executor>;
    using socket = opslot::basic_stream_socket<asio::ip::tcp, executor>;
    asio::io_context io(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    opslot::reactor_options options;
    options.single_threaded = true;
    opslot::configure(io, options);
    server<basic_echo_session<socket>, acceptor> s(io, c);
    s.listen(0, false);
    bench::announce(s.port());
    io.run();
}

// ---- UDP -------------------------------------------------------------------

using datagram_context = udp::datagram_context;
using batch_context = udp::datagram_batch_context;

/// Receives many datagrams by an operation.
class batch_server
{
    /// What comes as one packet is not copied from a slab that has room for it.
    static constexpr std::size_t packet_bytes = 64 * 1024;
    /// What one call receives at most.
    static constexpr std::size_t most_packets = 16;

public:
    batch_server(asio::io_context& io, cell const& c)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0))
        , slab_(std::max(
              packet_bytes, batch_context::default_capacity * c.message_bytes))
    {
        socket_.set_option(
            udp::socket::receive_buffer_size(bench::datagram_buffer_bytes));
        // A receive has a block for each packet that it is ready for, more of
        // them when more are waiting. So these are there from the start.
        opslot::operation_memory::of(io).reserve(packet_bytes, most_packets);
        rx_.slab(asio::buffer(slab_), c.message_bytes);
    }

    std::uint16_t port() const { return socket_.local_endpoint().port(); }

protected:
    udp::socket socket_;
    std::vector<char> slab_;
    batch_context rx_;
};

/// Sends each datagram back.
class datagram_echo : public batch_server
{
public:
    datagram_echo(asio::io_context& io, cell const& c)
        : batch_server(io, c)
    {
        rx_.completion_handler([this](batch_context&) { go_on(); });
        go_on();
    }

private:
    void go_on()
    {
        while (start_next() == completed)
        {}
    }

    opslot::start_result start_next()
    {
        // The list of a receive is what there is to send.
        bool const has_received =
            rx_.last_operation() == opslot::operation_kind::receive_batch &&
            rx_.size() != 0;
        return has_received ? socket_.start_send_batch(rx_)
                            : socket_.start_receive_batch(rx_);
    }
};

/// Answers each datagram so many times, or so many of them once, with the last
/// one.
class datagram_answers : public batch_server
{
public:
    datagram_answers(asio::io_context& io, cell const& c)
        : batch_server(io, c)
        , receives_(c.suite == "udp_receive" ? c.fan_out : 1)
        , sends_(c.suite == "udp_send" ? c.fan_out : 1)
        , answers_(sends_ * c.message_bytes)
        , tx_(sends_)
    {
        rx_.completion_handler([this](batch_context&) {
            next_ = 0;
            go_on();
        });
        tx_.completion_handler([this](batch_context&) { go_on(); });
        go_on();
    }

private:
    void go_on()
    {
        while (answer())
        {
            next_ = 0;
            if (socket_.start_receive_batch(rx_) == opslot::pending)
            {
                return;
            }
        }
    }

    // True: all that was received is answered.
    bool answer()
    {
        while (next_ != rx_.size())
        {
            auto const datagram = rx_[next_++];
            if (++received_ % receives_ == 0)
            {
                repeat(datagram);
                if (socket_.start_send_batch(tx_) == opslot::pending)
                {
                    return false;
                }
            }
        }
        return true;
    }

    // Puts the bytes side by side, to be sent as one packet.
    void repeat(batch_context::datagram const& datagram)
    {
        auto const request = datagram.buffer();
        auto const to = datagram.endpoint();
        tx_.clear();
        for (std::size_t i = 0; i != sends_; ++i)
        {
            auto const place = asio::buffer(answers_) + i * request.size();
            asio::buffer_copy(place, request);
            tx_.add(asio::buffer(place, request.size()), to);
        }
    }

    std::size_t const receives_;
    std::size_t const sends_;
    std::size_t received_ = 0;
    /// The first of the list that is not answered.
    std::size_t next_ = 0;
    std::vector<char> answers_;
    batch_context tx_;
};

/// Sends each datagram back so many times, by operations that one handler
/// starts.
class datagram_burst
{
public:
    datagram_burst(asio::io_context& io, cell const& c)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0))
        , buffer_(c.message_bytes)
        , tx_(c.fan_out)
    {
        rx_.buffer(asio::buffer(buffer_));
        rx_.completion_handler([this](datagram_context&) {
            if (received())
            {
                receive();
            }
        });
        for (datagram_context& tx : tx_)
        {
            tx.completion_handler([this](datagram_context&) {
                if (--queued_ == 0)
                {
                    receive();
                }
            });
        }
        receive();
    }

    std::uint16_t port() const { return socket_.local_endpoint().port(); }

private:
    void receive()
    {
        while (socket_.start_receive_from(rx_) == completed && received())
        {}
    }

    // True: all are sent, receive again.
    bool received()
    {
        if (rx_.error())
        {
            return true;
        }
        queued_ = tx_.size();
        for (datagram_context& tx : tx_)
        {
            tx.buffer(asio::buffer(buffer_, rx_.bytes_transferred()));
            tx.endpoint(rx_.sender());
            if (socket_.start_send_to(tx) == completed)
            {
                --queued_;
            }
        }
        return queued_ == 0;
    }

    udp::socket socket_;
    std::vector<char> buffer_;
    std::size_t queued_ = 0;
    datagram_context rx_;
    std::vector<datagram_context> tx_;
};

template<typename Server>
void serve_datagrams(cell const& c)
{
    asio::io_context io(1);
    Server s(io, c);
    bench::announce(s.port());
    io.run();
}

} // namespace

int main(int argc, char* argv[])
{
    return bench::serve_main(
        argc,
        argv,
        {
            {"opslot echo", &serve<echo_session>},
            {"opslot pipelined", &serve<echo_session>},
            {"opslot accept_churn", &serve<echo_session>},
            {"opslot timeouts", &serve<echo_session>},
            {"opslot forms", &serve_form},
            {"opslot queued_sends", &serve<queue_session>},
            {"opslot broadcast", &serve<room_session>},
            {"opslot foreign_thread", &serve<worker_session>},
            {"opslot idle", &serve<idle_session>},
            {"opslot files", &serve<file_session>},
            {"opslot http", &serve<http_session>},
            {"opslot two_threads",
             &bench::serve_with_two_threads<server<echo_session>, cell>},
            {"opslot udp_receive", &serve_datagrams<datagram_answers>},
            {"opslot udp_send", &serve_datagrams<datagram_answers>},
            {"opslot udp_echo", &serve_datagrams<datagram_echo>},
            {"opslot bursts", &serve_datagrams<datagram_burst>},
        });
}
