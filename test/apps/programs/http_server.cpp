// plain: yes

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A little of HTTP/1.1, by hand: one page, and connections that stay open.

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "app.hpp"

namespace {

class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {}

    void start()
    {
        asio::async_read_until(
            socket_,
            asio::dynamic_buffer(request_, 8192),
            "\r\n\r\n",
            [self = shared_from_this()](error_code error, std::size_t n) {
                if (!error)
                    self->reply(n);
            });
    }

private:
    void reply(std::size_t size)
    {
        std::string_view const head(request_.data(), size);
        bool const is_known = head.substr(0, 6) == "GET / ";
        stays_open_ = head.find("Connection: close\r\n") == head.npos;
        body_ = is_known ? "hello, world\n" : "there is no such page\n";
        head_ = is_known ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 404 Not Found\r\n";
        head_ += "Content-Type: text/plain\r\nContent-Length: ";
        head_ += std::to_string(body_.size());
        head_ += stays_open_ ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
        std::array<asio::const_buffer, 2> const response = {
            asio::buffer(head_), asio::buffer(body_)};
        asio::async_write(
            socket_,
            response,
            [self = shared_from_this(), size](error_code error, std::size_t) {
                self->request_.erase(0, size);
                if (!error && self->stays_open_)
                    self->start();
            });
    }

    tcp::socket socket_;
    std::string request_;
    std::string head_;
    std::string_view body_;
    bool stays_open_ = true;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
