// plain: yes

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Lines go back, but who is silent for a quarter of a second is told to go.

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "app.hpp"

namespace {

class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
        , silence_(socket_.get_executor())
    {}

    void start()
    {
        put_off();
        asio::async_read_until(
            socket_,
            asio::dynamic_buffer(line_, 1000),
            '\n',
            [self = shared_from_this()](error_code error, std::size_t n) {
                if (error)
                    self->silence_.cancel();
                else
                    self->reply(n);
            });
    }

private:
    // Each wait that is pending ends when the next one is set.
    void put_off()
    {
        silence_.expires_after(std::chrono::milliseconds(250));
        silence_.async_wait([self = shared_from_this()](error_code error) {
            if (!error)
                self->send_away();
        });
    }

    void reply(std::size_t size)
    {
        asio::async_write(
            socket_,
            asio::buffer(line_, size),
            [self = shared_from_this(), size](error_code error, std::size_t) {
                self->line_.erase(0, size);
                if (!error)
                    self->start();
            });
    }

    void send_away()
    {
        asio::async_write(
            socket_,
            asio::buffer("too slow\n", 9),
            [self = shared_from_this()](error_code, std::size_t) {
                self->socket_.close();
            });
    }

    tcp::socket socket_;
    steady_timer silence_;
    std::string line_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
