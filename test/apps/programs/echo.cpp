// plain: yes

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Callbacks: whatever comes goes back.

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "app.hpp"

namespace {

//[session
class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {}

    void start()
    {
        socket_.async_read_some(
            asio::buffer(storage_),
            [self = shared_from_this()](error_code error, std::size_t n) {
                if (!error)
                    self->reply(n);
            });
    }

private:
    void reply(std::size_t bytes)
    {
        asio::async_write(
            socket_,
            asio::buffer(storage_, bytes),
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error)
                    self->start();
            });
    }

    tcp::socket socket_;
    std::array<char, 4096> storage_;
};

//]

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
