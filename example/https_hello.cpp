// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// needs: ssl

// Says hello by HTTPS: the conversation of http_hello on a TLS stream of
// Asio's, which runs on sockets of this library.
//
//   https_hello
//   curl -k https://127.0.0.1:8443/

#include <opslot/tcp.hpp>


#include <memory>
#include <utility>

#include "http/conversation.hpp"
#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"
#include "tls/certificate.hpp"
#include "tls/session.hpp"

using tcp = opslot::tcp;
using session = tls::session<http::conversation>;
using support::threading;

http::response answer(http::request const& request)
{
    bool const is_hello =
        request.target.substr(0, request.target.find('?')) == "/";
    return is_hello ? http::response{"200 OK", "Hello, world!\n"}
                    : http::response{"404 Not Found", "There is only /.\n"};
}

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {8443, threading::each}, [](auto const& options) {
            auto context = tls::make_server_context();
            support::serve(options, [&](tcp::acceptor acceptor) {
                return support::session_server<session>(
                    std::move(acceptor), [&](tcp::socket socket) {
                        return std::make_shared<session>(
                            std::move(socket),
                            context,
                            http::conversation(answer));
                    });
            });
        });
}
