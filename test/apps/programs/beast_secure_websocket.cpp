// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Boost.Beast's WebSocket over TLS on the socket, in a coroutine without a
// stack of its own: each message goes back.

#include <boost/asio/coroutine.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "app.hpp"

#if !defined(OPSLOT_APP_PLAIN)
#include <opslot/beast_teardown.hpp>
#endif

#include <cstddef>
#include <memory>
#include <utility>

#include "certificate.hpp"

namespace {

namespace beast = boost::beast;
namespace ssl = asio::ssl;
namespace websocket = beast::websocket;

class session : public std::enable_shared_from_this<session>, asio::coroutine
{
public:
    explicit session(tcp::socket socket)
        : stream_(std::move(socket), context())
    {}

    void start() { go_on(); }

private:
    static ssl::context& context()
    {
        static ssl::context one = make_server_context();
        return one;
    }

    auto next()
    {
        return [self = shared_from_this()](error_code error, std::size_t = 0) {
            self->go_on(error);
        };
    }

#include <boost/asio/yield.hpp>

    void go_on(error_code error = {})
    {
        if (error)
            return;
        reenter(this)
        {
            yield stream_.next_layer().async_handshake(
                ssl::stream_base::server, next());
            yield stream_.async_accept(next());
            for (;;)
            {
                yield stream_.async_read(message_, next());
                stream_.text(stream_.got_text());
                yield stream_.async_write(message_.data(), next());
                message_.clear();
            }
        }
    }

#include <boost/asio/unyield.hpp>

    websocket::stream<ssl::stream<tcp::socket>> stream_;
    beast::flat_buffer message_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
