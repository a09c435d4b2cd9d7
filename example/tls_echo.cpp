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

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"
#include "tls/certificate.hpp"
#include "tls/session.hpp"

namespace asio = boost::asio;
using tcp = opslot::tcp;
using support::threading;

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
    return support::server_main(
        argc, argv, {7010, threading::each}, [](auto const& options) {
            auto context = tls::make_server_context();
            support::serve(options, [&](tcp::acceptor acceptor) {
                return support::session_server<session>(
                    std::move(acceptor), [&](tcp::socket socket) {
                        return std::make_shared<session>(
                            std::move(socket), context, echo());
                    });
            });
        });
}
