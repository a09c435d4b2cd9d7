// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Says hello by HTTP/1.1: keep-alive, pipelining, bodies that are skipped.
// First the protocol, which knows no sockets; then the sockets.
//
// usage: http_hello [port]

#include <opslot/reactor_options.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace asio = boost::asio;
namespace intrusive = boost::intrusive;
using boost::system::error_code;
using tcp = opslot::tcp;

// ---- The protocol ----------------------------------------------------------

// Compares without regard to the case of ASCII letters.
bool same(std::string_view a, std::string_view b)
{
    auto const lower = [](char c) {
        return 'A' <= c && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) {
            return lower(x) == lower(y);
        });
}

std::string_view trim(std::string_view s)
{
    s.remove_prefix(std::min(s.find_first_not_of(" \t"), s.size()));
    return s.substr(0, s.find_last_not_of(" \t") + 1);
}

// A name of a method or of a field (RFC 9110, 5.6.2).
bool is_token(std::string_view s)
{
    return !s.empty() &&
           s.find_first_not_of("!#$%&'*+-.^_`|~0123456789"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz") == s.npos;
}

// What the head of a request says, read line by line as it arrives.
struct request
{
    bool is_1_0 = false;
    bool is_head = false;
    bool is_hello = false;
    bool has_host = false;
    bool wants_close = false;
    bool wants_keep_alive = false;
    bool expects_continue = false;
    std::optional<std::uint64_t> body_size;
    // How much of it was read.
    std::size_t size = 0;
    // The status to refuse it with.
    std::string_view problem;

    bool keeps_alive() const
    {
        return !wants_close && (wants_keep_alive || !is_1_0);
    }

    // Goes on reading. `in` begins where the request does. False: the head
    // is not complete.
    bool parse(std::string_view in)
    {
        while (problem.empty())
        {
            auto const end = in.find('\n', size);
            if (end == in.npos)
            {
                return false;
            }
            auto const line = in.substr(size, end - size);
            size = end + 1;
            if (line.empty() || line.find('\r') != line.size() - 1)
            {
                problem = "400 Bad Request";
            }
            else if (parse_line(line.substr(0, line.size() - 1)))
            {
                break;
            }
        }
        return true;
    }

private:
    // True: it was the last line.
    bool parse_line(std::string_view line)
    {
        if (line.empty() && has_request_line_)
        {
            if (!has_host && !is_1_0)
            {
                problem = "400 Bad Request";
            }
            return true;
        }
        if (!line.empty()) // else an empty line in front of the request
        {
            has_request_line_ ? parse_field(line) : parse_request_line(line);
        }
        return false;
    }

    void parse_request_line(std::string_view line)
    {
        has_request_line_ = true;
        auto const first = line.find(' ');
        auto const last = line.rfind(' ');
        auto const version = line.substr(std::min(last, line.size() - 1) + 1);
        is_1_0 = version == "HTTP/1.0";
        if (first == last || !is_token(line.substr(0, first)) ||
            (!is_1_0 && version != "HTTP/1.1"))
        {
            problem = "400 Bad Request";
            return;
        }
        auto const target = line.substr(first + 1, last - first - 1);
        if (target.empty() || target.find_first_of(" \t") != target.npos)
        {
            problem = "400 Bad Request";
        }
        is_head = line.substr(0, first) == "HEAD";
        is_hello = target.substr(0, target.find('?')) == "/";
    }

    void parse_field(std::string_view line)
    {
        auto const colon = line.find(':');
        auto const name = line.substr(0, colon);
        if (colon == line.npos || !is_token(name))
        {
            problem = "400 Bad Request";
            return;
        }
        auto const value = trim(line.substr(colon + 1));
        if (same(name, "Host"))
        {
            problem = has_host ? "400 Bad Request" : "";
            has_host = true;
        }
        else if (same(name, "Connection"))
        {
            parse_connection(value);
        }
        else if (same(name, "Content-Length"))
        {
            parse_body_size(value);
        }
        else if (same(name, "Transfer-Encoding"))
        {
            problem = "501 Not Implemented";
        }
        else if (same(name, "Expect"))
        {
            expects_continue = same(value, "100-continue") && !is_1_0;
        }
    }

    void parse_connection(std::string_view list)
    {
        while (!list.empty())
        {
            auto const end = list.find(',');
            auto const option = trim(list.substr(0, end));
            wants_close = wants_close || same(option, "close");
            wants_keep_alive = wants_keep_alive || same(option, "keep-alive");
            list.remove_prefix(std::min(end, list.size() - 1) + 1);
        }
    }

    void parse_body_size(std::string_view value)
    {
        std::uint64_t number = 0;
        auto const end = value.data() + value.size();
        auto const result = std::from_chars(value.data(), end, number);
        if (value.empty() || result.ptr != end ||
            body_size.value_or(number) != number)
        {
            problem = "400 Bad Request";
        }
        else if (result.ec != std::errc())
        {
            problem = "413 Content Too Large";
        }
        body_size = number;
    }

    bool has_request_line_ = false;
};

// What is said on one connection: bytes in, bytes out.
class conversation
{
public:
    conversation() { out_.reserve(out_limit + 512); }

    // Where the next bytes go that are received.
    asio::mutable_buffer space() { return asio::buffer(in_) + in_size_; }

    void received(std::size_t count) { in_size_ += count; }

    // The replies to what was received, until the next call. None: receive
    // more, or the end.
    asio::const_buffer replies()
    {
        out_.clear();
        std::string_view in(in_.data(), in_size_);
        while (!is_over_ && out_.size() < out_limit && answer_next(in))
        {}
        in_size_ = is_over_ ? 0 : in.size();
        std::memmove(in_.data(), in.data(), in_size_);
        return asio::buffer(out_);
    }

    // True: there will be no more replies.
    bool is_over() const { return is_over_; }

private:
    static constexpr std::size_t out_limit = 4096;

    // Takes a request off `in`. False: it is not complete.
    bool answer_next(std::string_view& in)
    {
        if (!body_left_)
        {
            if (!request_.parse(in))
            {
                if (in.size() < in_.size())
                {
                    return false;
                }
                request_.problem = "431 Request Header Fields Too Large";
            }
            if (!request_.problem.empty())
            {
                is_over_ = true;
                reply(request_.problem, request_.problem);
                return true;
            }
            in.remove_prefix(request_.size);
            body_left_ = request_.body_size.value_or(0);
            if (request_.expects_continue && in.size() < *body_left_)
            {
                out_ += "HTTP/1.1 100 Continue\r\n\r\n";
            }
        }
        auto const skipped = std::min<std::uint64_t>(*body_left_, in.size());
        in.remove_prefix(static_cast<std::size_t>(skipped));
        *body_left_ -= skipped;
        if (*body_left_ != 0)
        {
            return false;
        }
        is_over_ = !request_.keeps_alive();
        request_.is_hello ? reply("200 OK", "Hello, world!\n")
                          : reply("404 Not Found", "There is only /.\n");
        request_ = {};
        body_left_.reset();
        return true;
    }

    void reply(std::string_view status, std::string_view body)
    {
        out_.append("HTTP/1.1 ").append(status);
        out_ += "\r\nContent-Type: text/plain\r\nContent-Length: ";
        out_ += std::to_string(body.size());
        out_ += is_over_          ? "\r\nConnection: close\r\n\r\n"
                : request_.is_1_0 ? "\r\nConnection: keep-alive\r\n\r\n"
                                  : "\r\n\r\n";
        out_ += request_.is_head ? "" : body;
    }

    std::array<char, 8192> in_;
    std::size_t in_size_ = 0;
    std::string out_;
    request request_;
    // Set while a body is being skipped.
    std::optional<std::uint64_t> body_left_;
    bool is_over_ = false;
};

// ---- The sockets -----------------------------------------------------------

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
        rx_.timeout(std::chrono::minutes(1));
        rx_.keep_alive(*this);
        rx_.completion_handler([this](opslot::stream_context&) {
            if (received())
            {
                receive();
            }
        });
        tx_.timeout(std::chrono::minutes(1));
        tx_.keep_alive(*this);
        tx_.completion_handler([this](opslot::stream_context&) {
            if (!tx_.error() && reply())
            {
                receive();
            }
        });
    }

    void start() { receive(); }

    void stop()
    {
        error_code ignored;
        socket_.close(ignored);
    }

private:
    void receive()
    {
        do
        {
            rx_.buffer(conversation_.space());
        } while (socket_.start_receive(rx_) == opslot::completed && received());
    }

    // True: receive more.
    bool received()
    {
        if (rx_.error()) // also at the end of the stream
        {
            return false;
        }
        conversation_.received(rx_.bytes_transferred());
        return reply();
    }

    // Sends all replies there are. True: receive more.
    bool reply()
    {
        auto replies = conversation_.replies();
        while (replies.size() != 0)
        {
            tx_.buffer(replies);
            if (socket_.start_send(tx_) == opslot::pending || tx_.error())
            {
                return false;
            }
            replies = conversation_.replies();
        }
        if (conversation_.is_over())
        {
            linger();
        }
        return true;
    }

    // Closing now, with bytes unread, would reset the connection, and the
    // client might lose the last reply (RFC 9112, 9.6).
    void linger()
    {
        using clock = std::chrono::steady_clock;
        if (linger_until_ == clock::time_point())
        {
            error_code ignored;
            socket_.shutdown(tcp::socket::shutdown_send, ignored);
            linger_until_ = clock::now() + std::chrono::seconds(2);
        }
        rx_.expires_at(linger_until_);
    }

    tcp::socket socket_;
    conversation conversation_;
    opslot::stream_context rx_;
    opslot::stream_context tx_;
    std::chrono::steady_clock::time_point linger_until_;
};

class server
{
public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
        , retry_(io)
    {
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
    // Accepting is rare: a completion token does as well as a context.
    void accept()
    {
        acceptor_.async_accept([this](error_code ec, tcp::socket socket) {
            if (!ec)
            {
                auto next = std::make_shared<session>(std::move(socket));
                sessions_.push_back(*next);
                next->start();
                accept();
            }
            else if (acceptor_.is_open())
            {
                retry_later(ec);
            }
        });
    }

    // There are no descriptors left, for instance.
    void retry_later(error_code why)
    {
        std::cerr << "accept: " << why.message() << std::endl;
        retry_.expires_after(std::chrono::milliseconds(100));
        retry_.async_wait([this](error_code ec) {
            if (!ec)
            {
                accept();
            }
        });
    }

    tcp::acceptor acceptor_;
    asio::steady_timer retry_;
    intrusive::list<session, intrusive::constant_time_size<false>> sessions_;
};

int main(int argc, char* argv[])
{
    char const* const text = argc > 1 ? argv[1] : "8080";
    unsigned short port = 0;
    auto const [end, error] =
        std::from_chars(text, text + std::strlen(text), port);
    if (argc > 2 || error != std::errc() || *end != '\0')
    {
        std::cerr << "usage: http_hello [port]\n";
        return 2;
    }
    try
    {
        asio::io_context io(1);
        opslot::reactor_options options;
        options.single_threaded = true; // one thread calls run(): no locks
        opslot::configure(io, options);
        server hello(io, {asio::ip::address_v4::loopback(), port});
        asio::signal_set signals(io, SIGINT, SIGTERM);
        signals.async_wait([&](error_code, int) { hello.stop(); });
        std::cout << "listening on " << hello.local_endpoint() << std::endl;
        io.run();
        return 0;
    }
    catch (std::exception const& e)
    {
        std::cerr << "http_hello: " << e.what() << '\n';
        return 1;
    }
}
