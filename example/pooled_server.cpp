// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends back what it receives: the classic server of the model. All contexts
// and buffers are made at the start. The six steps of the model have numbers.
//
//   pooled_server --connections 2        two at a time
//   kill -USR1 $(pidof pooled_server)    prints figures

#include <opslot/buffer_slab.hpp>
#include <opslot/context_pool.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/strand.hpp>

#include <chrono>
#include <optional>
#include <vector>

#include "support/figures.hpp"
#include "support/server_program.hpp"

using opslot::buffer_slab, opslot::completed, opslot::operation_kind;
using support::threading;
using tcp = opslot::tcp;

//[connection
// The context of a connection, with all else that one needs.
struct connection : opslot::stream_context
{
    tcp::accept_context accept;
    std::optional<tcp::socket> socket;
};

//]

class server
{
    tcp::acceptor acceptor_;
    std::vector<tcp::socket*> sockets_;
    opslot::context_pool<connection> pool_; // 1. Have contexts, all of them.

public:
    //[pool
    server(boost::asio::io_context& io, tcp::endpoint at, buffer_slab& slab)
        : acceptor_(boost::asio::make_strand(io), at) // of many accepts
        , pool_(
              acceptor_.get_executor(),
              {slab.size(), slab.size()},
              [&](auto& c, auto index) {
                  // 2. Describe what it does for every connection to come.
                  c.buffer(slab[index]);
                  c.timeout(std::chrono::minutes(1));
                  c.completion_handler([&](auto&) { go_on(c); });
                  c.accept.accept_into(c.socket.emplace(io));
                  c.accept.completion_handler([&](auto&) { accepted(c); });
                  c.accept.keep_alive(c);
                  sockets_.push_back(&*c.socket);
              })
    {
        acceptor_.set_option(tcp::no_delay(true)); // for what is accepted
        for (int accepts = 0; accepts != 15; ++accepts)
        {
            acquire();
        }
    }

    //]

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

    auto const& pool() const { return pool_; }

    void stop()
    {
        acceptor_.close();
        support::end_receiving(sockets_.begin(), sockets_.end());
    }

private:
    //[accept
    // Accepts when there is a context: clients beyond the limit wait.
    void acquire()
    {
        pool_.async_acquire([this](auto ec, auto c) {
            if (!ec)
            {
                acceptor_.async_accept(c->accept);
            }
        });
    }

    void accepted(connection& c)
    {
        if (auto const ec = c.accept.error())
        {
            return support::retry_later(acceptor_, ec, [this] { acquire(); });
        }
        c.slice();
        go_on(c, c.socket->start_receive(c)); // 3. Start.
        acquire();
    }

    //]

    //[go_on
    // 4. Pending: the handler goes on here. 5. Completed: the result is there.
    // 6. Start the next operation; without one, the pool has it back.
    void go_on(connection& c, opslot::start_result result = completed)
    {
        while (result == completed && !c.error())
        {
            bool const received = c.last_operation() == operation_kind::receive;
            received ? c.slice(0, c.bytes_transferred()) : c.slice();
            result =
                received ? c.socket->start_send(c) : c.socket->start_receive(c);
        }
        if (result == completed) // with an error, or at the end
        {
            c.socket->close();
        }
    }

    //]
};

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {7007, threading::shared, 1000}, [](auto const& o) {
            //[main
            buffer_slab slab(4096, o.connections); // outlives what is pending
            boost::asio::io_context io(static_cast<int>(o.threads));
            server pooled(io, o.endpoint(), slab);
            support::run_with_figures(io, o, pooled);
            //]
        });
}
