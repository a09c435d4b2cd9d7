// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Boost.Beast's WebSocket on the socket: each message goes back.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "app.hpp"

#if !defined(OPSLOT_APP_PLAIN)
//[teardown
#include <opslot/beast_teardown.hpp>
//]
#endif

#include <cstddef>
#include <memory>
#include <utility>

namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : stream_(std::move(socket))
    {}

    void start()
    {
        stream_.async_accept([self = shared_from_this()](error_code error) {
            if (!error)
                self->receive();
        });
    }

private:
    void receive()
    {
        stream_.async_read(
            message_,
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error)
                    self->reply();
            });
    }

    void reply()
    {
        stream_.text(stream_.got_text());
        stream_.async_write(
            message_.data(),
            [self = shared_from_this()](error_code error, std::size_t n) {
                self->message_.consume(n);
                if (!error)
                    self->receive();
            });
    }

    websocket::stream<tcp::socket> stream_;
    beast::flat_buffer message_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
