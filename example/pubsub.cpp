// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends what is published to a channel to all who have subscribed to it, and
// keeps values, in the protocol of Redis.
//
//   pubsub
//   redis-cli -p 6380 subscribe news
//   redis-cli -p 6380 publish news hello
//   redis-benchmark -p 6380 -t set,get -P 16 -q

#include <opslot/tcp.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <utility>

#include "resp/broker.hpp"
#include "resp/conversation.hpp"
#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"

using tcp = opslot::tcp;
using support::threading;

class session : public std::enable_shared_from_this<session>,
                private resp::subscriber
{
    tcp::socket socket_;
    std::shared_ptr<resp::broker> broker_;
    resp::conversation conversation_;
    opslot::stream_context rx_, tx_;
    bool is_over_ = false;

public:
    session(tcp::socket socket, std::shared_ptr<resp::broker> broker)
        : socket_(std::move(socket))
        , broker_(std::move(broker))
        , conversation_(*broker_, *this)
    {
        rx_.completion_handler([this](auto&) { go_on(received()); });
        tx_.completion_handler([this](auto&) { sent(); });
        tx_.timeout(std::chrono::minutes(1)); // for clients that do not read
        rx_.keep_alive(*this);
        tx_.keep_alive(*this);
    }

    ~session() { broker_->forget(*this); }

    void start() { go_on(true); }

    void stop() { support::end_receiving(socket_); }

private:
    // Receives and obeys. It pauses while there are replies enough to send:
    // who does not read them is not listened to.
    void go_on(bool more)
    {
        while (more && !is_over_)
        {
            bool const needs_more = conversation_.obey();
            is_over_ = is_over_ || conversation_.is_over();
            if (needs_more && !is_over_)
            {
                rx_.buffer(conversation_.space());
                more = socket_.start_receive(rx_) == opslot::completed &&
                       received();
            }
            else
            {
                more = !conversation_.has_enough();
            }
        }
    }

    bool received()
    {
        conversation_.received(rx_.bytes_transferred());
        if (rx_.error())
        {
            // Replies still go out, but no messages are added to them.
            is_over_ = true;
            broker_->forget(*this);
        }
        return !rx_.error();
    }

    // Sends what there is; what comes meanwhile gathers, and goes out next.
    void flush() override
    {
        while (!tx_.is_pending() && out().size() != 0)
        {
            tx_.buffer(out().next());
            if (socket_.start_send(tx_) == opslot::completed && tx_.error())
            {
                return drop();
            }
        }
    }

    void sent()
    {
        if (tx_.error())
        {
            return drop();
        }
        flush();
        go_on(!rx_.is_pending()); // after a pause
    }

    void drop() override
    {
        is_over_ = true;
        boost::system::error_code ignored;
        socket_.close(ignored); // what is pending ends, and so does this
    }
};

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {6380, threading::shared}, [](auto const& options) {
            auto const broker = std::make_shared<resp::broker>();
            support::serve_on_strand(options, [&](tcp::acceptor acceptor) {
                return support::session_server<session>(
                    std::move(acceptor), [broker](tcp::socket s) {
                        return std::make_shared<session>(std::move(s), broker);
                    });
            });
        });
}
