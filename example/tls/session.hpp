#ifndef OPSLOT_EXAMPLE_TLS_SESSION_HPP
#define OPSLOT_EXAMPLE_TLS_SESSION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include <openssl/ssl.h>

#include "../support/server_program.hpp"

namespace tls {

/** A conversation on a TLS stream of Asio's, on a socket of this library.

    The stream makes operations of its own on the socket, by the forms of
    Asio, so there is no context and no deadline of one: a timer watches.

    @tparam Conversation Bytes in, bytes out: `space()`, `received(n)`,
    `replies()` and `is_over()`, as `http::conversation` has them.
*/
template<typename Conversation>
class session : public std::enable_shared_from_this<session<Conversation>>
{
    using tcp = opslot::tcp;
    using error_code = boost::system::error_code;
    using stream = boost::asio::ssl::stream<tcp::socket>;

public:
    session(
        tcp::socket socket,
        boost::asio::ssl::context& context,
        Conversation conversation)
        : stream_(std::move(socket), context)
        , timer_(stream_.get_executor())
        , conversation_(std::move(conversation))
    {
        // Asio asks for it: to free the buffers of an idle connection. Then
        // each message would allocate them again, 17 KB of them.
        SSL_clear_mode(stream_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
    }

    void start()
    {
        has_time();
        watch();
        stream_.async_handshake(
            stream::server, [self = this->shared_from_this()](error_code ec) {
                if (!ec)
                {
                    self->go_on();
                }
            });
    }

    // What has arrived is answered, and then the stream ends.
    void stop() { support::end_receiving(stream_.next_layer()); }

private:
    void go_on()
    {
        has_time();
        auto const replies = conversation_.replies();
        if (replies.size() != 0)
        {
            write(replies);
        }
        else if (conversation_.is_over())
        {
            end();
        }
        else
        {
            read();
        }
    }

    void read()
    {
        stream_.async_read_some(
            conversation_.space(),
            [self = this->shared_from_this()](error_code ec, std::size_t n) {
                self->conversation_.received(n);
                ec ? self->end() : self->go_on();
            });
    }

    void write(boost::asio::const_buffer replies)
    {
        boost::asio::async_write(
            stream_,
            replies,
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->go_on();
                }
            });
    }

    // Says that nothing more will come, and waits until the peer says so.
    void end()
    {
        stream_.async_shutdown(
            [self = this->shared_from_this()](error_code) {});
    }

    void has_time()
    {
        end_ = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    }

    // Looks when the time may be over, and not at each operation.
    void watch()
    {
        timer_.expires_at(end_);
        timer_.async_wait([weak = this->weak_from_this()](error_code ec) {
            auto const self = weak.lock();
            if (ec || !self)
            {
                return;
            }
            if (std::chrono::steady_clock::now() < self->end_)
            {
                return self->watch();
            }
            error_code ignored;
            self->stream_.next_layer().close(ignored);
        });
    }

    stream stream_;
    boost::asio::steady_timer timer_;
    std::chrono::steady_clock::time_point end_;
    Conversation conversation_;
};

} // namespace tls

#endif
