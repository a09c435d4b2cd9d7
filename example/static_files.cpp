// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Serves the files below a directory by HTTP/1.1. They go from the system's
// cache to the sockets: no byte of a large one comes into the program.
//
//   static_files --threads 2 /usr/share/doc
//   curl -i -r 0-99 http://127.0.0.1:8080/bash/README

#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "http/file_conversation.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using std::chrono::steady_clock;
using tcp = opslot::tcp;
using support::threading;

class session : public std::enable_shared_from_this<session>
{
    tcp::socket socket_;
    http::file_conversation conversation_;
    opslot::stream_context rx_;
    opslot::transmit_context tx_;
    steady_clock::time_point end_ = steady_clock::time_point::max();

public:
    session(tcp::socket socket, std::shared_ptr<http::file_store> files)
        : socket_(std::move(socket))
        , conversation_(std::move(files))
    {
        rx_.completion_handler([this](auto&) { go_on(received()); });
        tx_.completion_handler([this](auto&) { go_on(sent()); });
        rx_.timeout(std::chrono::minutes(1));
        tx_.timeout(std::chrono::minutes(10)); // a large file takes its time
        rx_.keep_alive(*this);
        tx_.keep_alive(*this);
    }

    void start() { go_on(true); }

    void stop() { support::end_receiving(socket_); }

private:
    // Answers the requests there are, one after the other, and receives more.
    void go_on(bool more)
    {
        while (more)
        {
            http::file_reply const* const reply = conversation_.next_reply();
            more = reply ? start_reply(*reply) == opslot::completed && sent()
                         : start_receive() == opslot::completed && received();
        }
    }

    // A head and a part of a file, in one operation.
    opslot::start_result start_reply(http::file_reply const& reply)
    {
        auto const head = asio::buffer(reply.head());
        auto const [begin, count] = reply.part();
        if (count == 0) // which would mean: to the end of the file
        {
            tx_.elements({head});
        }
        else
        {
            tx_.elements({head, {reply.file(), begin, count}});
        }
        return socket_.start_transmit(tx_);
    }

    bool sent() const { return !tx_.error(); }

    opslot::start_result start_receive()
    {
        if (conversation_.is_over())
        {
            // To close with bytes unread would reset the connection, and the
            // client might lose the last reply (RFC 9112, 9.6).
            boost::system::error_code ignored;
            socket_.shutdown(tcp::socket::shutdown_send, ignored);
            end_ =
                std::min(end_, steady_clock::now() + std::chrono::seconds(2));
            rx_.expires_at(end_);
        }
        rx_.buffer(conversation_.space());
        return socket_.start_receive(rx_);
    }

    bool received()
    {
        conversation_.received(rx_.bytes_transferred());
        return !rx_.error();
    }
};

int main(int argc, char* argv[])
{
    std::string root;
    return support::server_main(
        argc,
        argv,
        {8080, threading::any},
        {{"directory", root, "what to serve"}},
        [&](auto const& options) {
            support::serve(options, [&](tcp::acceptor acceptor) {
                auto const files = std::make_shared<http::file_store>(root);
                return support::session_server<session>(
                    std::move(acceptor), [files](tcp::socket socket) {
                        return std::make_shared<session>(
                            std::move(socket), files);
                    });
            });
        });
}
