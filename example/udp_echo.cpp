// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends back each datagram that it receives. Sixteen contexts are at work, so
// an answer that has to wait does not keep the next datagrams waiting.
//
//   udp_echo
//   nc -u 127.0.0.1 7007

#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <utility>

#include "support/server_program.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using udp = opslot::udp;
using support::threading;

//[echo
class echo
{
    using context = udp::datagram_context;

    udp::socket socket_;
    // The buffers stand before the contexts, to be there when these go.
    std::array<std::array<char, 65536>, 16> storage_; // for the largest ones
    std::array<context, 16> contexts_;
    bool is_stopped_ = false;

public:
    explicit echo(udp::socket socket)
        : socket_(std::move(socket))
    {
        for (std::size_t i = 0; i != contexts_.size(); ++i)
        {
            context& c = contexts_[i];
            c.buffer(asio::buffer(storage_[i]));
            c.completion_handler([this](context& done) { go_on(done); });
            go_on(c);
        }
    }

    udp::endpoint local_endpoint() const { return socket_.local_endpoint(); }

    // Receives nothing more; answers that wait still go out.
    void stop()
    {
        is_stopped_ = true;
        for (context& each : contexts_)
        {
            if (each.last_operation() == opslot::operation_kind::receive_from)
            {
                each.cancel();
            }
        }
    }

private:
    // Each context receives a datagram and sends it back, in turn. It starts
    // what is next until that is pending.
    void go_on(context& c)
    {
        while (!is_over(c) && start_next(c) == opslot::completed)
        {}
    }

    // What went wrong with a datagram ends nothing.
    bool has_received(context const& c) const
    {
        return c.last_operation() == opslot::operation_kind::receive_from &&
               !c.error();
    }

    bool is_over(context const& c) const
    {
        return is_stopped_ && !has_received(c);
    }

    opslot::start_result start_next(context& c)
    {
        if (has_received(c))
        {
            c.endpoint(c.sender());
            c.slice(0, c.bytes_transferred());
            return socket_.start_send_to(c);
        }
        c.slice();
        return socket_.start_receive_from(c);
    }
};

//]

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {7007, threading::each}, [](auto const& options) {
            support::serve<udp::socket>(options, [](udp::socket socket) {
                return echo(std::move(socket));
            });
        });
}
