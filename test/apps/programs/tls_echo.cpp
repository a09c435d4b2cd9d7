// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// TLS: whatever comes goes back.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "app.hpp"
#include "certificate.hpp"

namespace {

namespace ssl = asio::ssl;

class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : stream_(std::move(socket), context())
    {}

    void start()
    {
        stream_.async_handshake(
            ssl::stream_base::server,
            [self = shared_from_this()](error_code error) {
                if (!error)
                    self->receive();
            });
    }

private:
    static ssl::context& context()
    {
        static ssl::context one = make_server_context();
        return one;
    }

    void receive()
    {
        stream_.async_read_some(
            asio::buffer(storage_),
            [self = shared_from_this()](error_code error, std::size_t n) {
                if (error)
                    self->close();
                else
                    self->reply(n);
            });
    }

    void reply(std::size_t bytes)
    {
        asio::async_write(
            stream_,
            asio::buffer(storage_, bytes),
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error)
                    self->receive();
            });
    }

    void close()
    {
        stream_.async_shutdown([self = shared_from_this()](error_code) {});
    }

    ssl::stream<tcp::socket> stream_;
    std::array<char, 4096> storage_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
