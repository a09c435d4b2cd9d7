// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// needs: ssl

// Sends back what it receives, by TLS: a stream of Asio's on sockets of this
// library.
//
//   tls_echo
//   openssl s_client -connect 127.0.0.1:7010 -quiet

#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "tls/certificate.hpp"
#include "tls/session.hpp"

namespace asio = boost::asio;
using tcp = opslot::tcp;

// What comes is the reply.
class echo
{
    std::array<char, 4096> storage_;
    std::size_t size_ = 0;

public:
    asio::mutable_buffer space() { return asio::buffer(storage_); }

    void received(std::size_t count) { size_ = count; }

    asio::const_buffer replies()
    {
        return asio::buffer(storage_, std::exchange(size_, 0));
    }

    bool is_over() const { return false; } // the client ends it
};

using session = tls::session<echo>;

int main(int argc, char* argv[])
{
    return support::server_main(argc, argv, {7010}, [](auto const& options) {
        asio::io_context io(1);
        auto context = tls::make_server_context();
        support::session_server<session> server(
            tcp::acceptor(io, options.endpoint()), [&](tcp::socket socket) {
                return std::make_shared<session>(
                    std::move(socket), context, echo());
            });
        support::run(io, server);
    });
}
