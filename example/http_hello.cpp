// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Says hello by HTTP/1.1: keep-alive, pipelining, bodies that are skipped. The
// protocol knows no sockets; what is here is the sockets.
//
//   http_hello --threads 2
//   curl -i http://127.0.0.1:8080/

#include <opslot/tcp.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "http/conversation.hpp"
#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"

using tcp = opslot::tcp;
using std::chrono::steady_clock;
using support::threading;

http::response answer(http::request const& request)
{
    bool const is_hello =
        request.target.substr(0, request.target.find('?')) == "/";
    return is_hello ? http::response{"200 OK", "Hello, world!\n"}
                    : http::response{"404 Not Found", "There is only /.\n"};
}

class session : public std::enable_shared_from_this<session>
{
    tcp::socket socket_;
    http::conversation conversation_{answer};
    opslot::stream_context context_; // 1. Have one; it receives and sends.
    steady_clock::time_point end_ = steady_clock::time_point::max();

public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {
        // 2. Describe the operations; the buffers are different each time.
        context_.completion_handler([this](auto&) { go_on(); });
        context_.timeout(std::chrono::minutes(1));
        context_.keep_alive(*this);
    }

    void start() { go_on(); }

    void stop() { support::end_receiving(socket_); }

private:
    // 4. Pending: the handler goes on here. 5. Completed: the result is there.
    // 6. Use the context again, or, after an error, let it rest.
    void go_on()
    {
        while (!context_.error() && start_next() == opslot::completed)
        {}
    }

    // 3. Start to send the replies there are, or to receive more.
    opslot::start_result start_next()
    {
        if (context_.last_operation() == opslot::operation_kind::receive)
        {
            conversation_.received(context_.bytes_transferred());
        }
        context_.buffer(conversation_.replies());
        if (context_.buffer().size() != 0)
        {
            return socket_.start_send(context_);
        }
        if (conversation_.is_over())
        {
            // To close with bytes unread would reset the connection, and the
            // client might lose the last reply (RFC 9112, 9.6).
            boost::system::error_code ignored;
            socket_.shutdown(tcp::socket::shutdown_send, ignored);
            end_ =
                std::min(end_, steady_clock::now() + std::chrono::seconds(2));
            context_.expires_at(end_);
        }
        context_.buffer(conversation_.space());
        return socket_.start_receive(context_);
    }
};

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {8080, threading::any}, [](auto const& options) {
            support::serve(options, [](tcp::acceptor acceptor) {
                return support::session_server<session>(std::move(acceptor));
            });
        });
}
