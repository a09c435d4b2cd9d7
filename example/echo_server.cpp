// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends back what it receives. A session owns its contexts and uses them for
// as long as the connection lasts. The six steps of the model have numbers.
//
//   echo_server --threads 2
//   nc 127.0.0.1 7007

#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <memory>
#include <utility>

#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using tcp = opslot::tcp;
using support::threading;

//[session
class session : public std::enable_shared_from_this<session>
{
    tcp::socket socket_;
    std::array<char, 4096> storage_;
    opslot::stream_context rx_, tx_; // 1. Have a context for each operation.

public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {
        // 2. Describe the operations. What is set stays set.
        rx_.buffer(asio::buffer(storage_));
        rx_.completion_handler([this](auto&) { go_on(received()); });
        tx_.completion_handler([this](auto&) { go_on(sent()); });

        // A pending operation keeps the session alive, an idle context does
        // not: the session ends by starting nothing.
        rx_.keep_alive(*this);
        tx_.keep_alive(*this);
    }

    void start() { go_on(true); }

    void stop() { support::end_receiving(socket_); }

private:
    void go_on(bool more)
    {
        // 3. Start the operation.
        // 4. Pending: its handler will run, and go on here.
        // 5. Completed: its handler will not run, the result is there.
        // 6. Use the same context again, or let it rest.
        while (more && socket_.start_receive(rx_) == opslot::completed)
        {
            more = received();
        }
    }

    // True: receive more.
    bool received()
    {
        if (rx_.error()) // also at the end of the stream
        {
            return false;
        }
        tx_.buffer(asio::buffer(storage_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == opslot::completed && sent();
    }

    bool sent() const { return !tx_.error(); } // everything, or an error
};

//]

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {7007, threading::any}, [](auto const& options) {
            support::serve(options, [](tcp::acceptor acceptor) {
                return support::session_server<session>(std::move(acceptor));
            });
        });
}
