// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// One message at a time on each of many TLS connections.

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "../pattern.hpp"
#include "support.hpp"

namespace bench {
namespace {

struct free_ssl
{
    void operator()(SSL* s) const noexcept { ::SSL_free(s); }

    void operator()(SSL_CTX* c) const noexcept { ::SSL_CTX_free(c); }
};

struct peer
{
    descriptor socket;
    std::unique_ptr<SSL, free_ssl> session;
    std::string received;
    clock::time_point sent_at;
    std::uint64_t left = 0;
};

class tls_load : public load
{
public:
    tls_load(cell const& c, std::uint16_t port)
        : message_(pattern(c.message_bytes))
        , context_(::SSL_CTX_new(::TLS_client_method()))
    {
        for (std::size_t i = 0; i != c.connections; ++i)
        {
            peers_.push_back(
                {connect_to(port, SOCK_STREAM),
                 std::unique_ptr<SSL, free_ssl>(::SSL_new(context_.get())),
                 {},
                 {},
                 0});
            peer& p = peers_.back();
            ::SSL_set_fd(p.session.get(), p.socket.get());
            if (::SSL_connect(p.session.get()) != 1)
            {
                throw std::runtime_error("the handshake failed");
            }
            check(::fcntl(p.socket.get(), F_SETFL, O_NONBLOCK), "fcntl");
            ready_.add(p.socket, i);
        }
    }

    outcome run(order const& o) override
    {
        latencies_.clear();
        outcome result;
        course const course(o);
        for (peer& p : peers_)
        {
            p.left = o.requests;
            send(p);
        }
        for (std::size_t open = peers_.size(); open != 0;)
        {
            ready_.wait([&](std::size_t index, std::uint32_t) {
                peer& p = peers_[index];
                if (!receive(p))
                {
                    return;
                }
                ++result.messages;
                if (o.requests != 0 ? --p.left != 0 : course.is_open())
                {
                    send(p);
                }
                else
                {
                    --open;
                }
            });
            course.check_patience();
        }
        result.time = clock::now() - course.begin();
        result.latency_us = latencies_.percentiles();
        return result;
    }

private:
    // A message is small, so the socket has room for it.
    void send(peer& p)
    {
        p.sent_at = clock::now();
        int const size = static_cast<int>(message_.size());
        if (::SSL_write(p.session.get(), message_.data(), size) != size)
        {
            throw std::runtime_error("SSL_write failed");
        }
    }

    /// Returns true if the message is complete.
    bool receive(peer& p)
    {
        p.received.resize(message_.size());
        int const n = ::SSL_read(
            p.session.get(),
            p.received.data(),
            static_cast<int>(p.received.size()));
        if (n <= 0)
        {
            // Session tickets are no data.
            if (::SSL_get_error(p.session.get(), n) == SSL_ERROR_WANT_READ)
            {
                return false;
            }
            throw std::runtime_error("SSL_read failed");
        }
        p.received.resize(static_cast<std::size_t>(n));
        compare(p.received, message_);
        latencies_.add(clock::now() - p.sent_at);
        return true;
    }

    std::string const message_;
    std::unique_ptr<SSL_CTX, free_ssl> context_;
    readiness ready_;
    std::vector<peer> peers_;
    latencies latencies_;
};

} // namespace

std::unique_ptr<load> make_tls_load(cell const& c, std::uint16_t port)
{
    return std::make_unique<tls_load>(c, port);
}

} // namespace bench
