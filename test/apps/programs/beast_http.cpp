// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Boost.Beast's HTTP on the socket: a page, and what was posted comes back.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <cstddef>
#include <memory>
#include <utility>

#include "app.hpp"

namespace {

namespace beast = boost::beast;
namespace http = beast::http;

class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {}

    void start()
    {
        request_ = {};
        http::async_read(
            socket_,
            buffer_,
            request_,
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error)
                    self->reply();
            });
    }

private:
    void reply()
    {
        response_ = {};
        response_.version(request_.version());
        response_.keep_alive(request_.keep_alive());
        response_.set(http::field::content_type, "text/plain");
        if (request_.target() != "/")
            response_.result(http::status::not_found);
        else if (request_.method() == http::verb::post)
            response_.body() = std::move(request_.body());
        else
            response_.body() = "hello, world\n";
        response_.prepare_payload();
        http::async_write(
            socket_,
            response_,
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error && self->response_.keep_alive())
                    self->start();
            });
    }

    tcp::socket socket_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response<http::string_body> response_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
