// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends back the datagrams that it receives, many at a time. Four contexts are
// at work, so answers that have to wait do not keep the next datagrams
// waiting.
//
//   udp_batch_echo
//   nc -u 127.0.0.1 7007

#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "support/server_program.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using udp = opslot::udp;
using support::threading;

//[echo
class echo
{
    using context = udp::datagram_batch_context;

    static constexpr std::size_t largest = 2048;

    udp::socket socket_;
    // The slabs stand before the contexts, to be there when these go.
    std::array<std::vector<char>, 4> slabs_;
    std::array<context, 4> contexts_;
    bool is_stopped_ = false;

public:
    explicit echo(udp::socket socket)
        : socket_(std::move(socket))
    {
        for (std::size_t i = 0; i != contexts_.size(); ++i)
        {
            context& c = contexts_[i];
            slabs_[i].resize(c.capacity() * largest);
            c.slab(asio::buffer(slabs_[i]), largest);
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
            if (each.last_operation() == opslot::operation_kind::receive_batch)
            {
                each.cancel();
            }
        }
    }

private:
    // Each context receives datagrams and sends them back, in turn. It starts
    // what is next until that is pending.
    void go_on(context& c)
    {
        while (!is_over(c) && start_next(c) == opslot::completed)
        {}
    }

    // What went wrong with a datagram ends nothing.
    bool has_received(context const& c) const
    {
        return c.last_operation() == opslot::operation_kind::receive_batch &&
               c.size() != 0;
    }

    bool is_over(context const& c) const
    {
        return is_stopped_ && !has_received(c);
    }

    opslot::start_result start_next(context& c)
    {
        // The list of a receive is what there is to send.
        return has_received(c) ? socket_.start_send_batch(c)
                               : socket_.start_receive_batch(c);
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
