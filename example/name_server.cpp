// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Tells the addresses of names, as a DNS server does: queries are received many
// at a time, and so are their replies sent.
//
//   name_server /etc/hosts
//   drill -p 5300 localhost @127.0.0.1

#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "dns/responder.hpp"
#include "support/server_program.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using udp = opslot::udp;
using support::threading;

class server
{
    using context = udp::datagram_batch_context;

    // Queries come many at a time, and so do their replies go.
    struct exchange
    {
        std::vector<char> queries;
        std::array<std::array<char, dns::responder::capacity>, 64> replies;
        context rx{64};
        context tx{64};

        // Room for as much as the system may deliver as one packet.
        exchange()
            : queries(128 * 1024)
        {
            rx.slab(asio::buffer(queries), queries.size() / rx.capacity());
        }
    };

    udp::socket socket_;
    dns::responder responder_;
    std::array<exchange, 4> exchanges_;
    bool is_stopped_ = false;

public:
    server(udp::socket socket, dns::hosts const& hosts)
        : socket_(std::move(socket))
        , responder_(hosts)
    {
        for (exchange& e : exchanges_)
        {
            e.rx.completion_handler([this, &e](context&) {
                if (answer(e))
                {
                    receive(e);
                }
            });
            e.tx.completion_handler([this, &e](context&) { receive(e); });
            receive(e);
        }
    }

    udp::endpoint local_endpoint() const { return socket_.local_endpoint(); }

    // Receives nothing more; answers that wait still go out.
    void stop()
    {
        is_stopped_ = true;
        for (exchange& e : exchanges_)
        {
            e.rx.cancel();
        }
    }

private:
    // What goes wrong with a datagram ends nothing.
    void receive(exchange& e)
    {
        while (!is_stopped_ &&
               socket_.start_receive_batch(e.rx) == opslot::completed &&
               answer(e))
        {}
    }

    // True: all replies are gone, receive more. False: tx is pending.
    bool answer(exchange& e)
    {
        e.tx.clear();
        for (std::size_t i = 0; i != e.rx.size(); ++i)
        {
            auto const query = e.rx[i];
            char* const reply = e.replies[i].data();
            std::size_t const copied =
                asio::buffer_copy(asio::buffer(e.replies[i]), query.buffer());
            if (std::size_t const size = responder_.answer(reply, copied))
            {
                e.tx.add(asio::buffer(reply, size), query.endpoint());
            }
        }
        return e.tx.size() == 0 ||
               socket_.start_send_batch(e.tx) == opslot::completed;
    }
};

int main(int argc, char* argv[])
{
    std::string file;
    return support::server_main(
        argc,
        argv,
        {5300, threading::each},
        {{"file", file, "names and addresses, in the form of /etc/hosts"}},
        [&](auto const& options) {
            dns::hosts const hosts(file);
            support::serve<udp::socket>(options, [&](udp::socket socket) {
                return server(std::move(socket), hosts);
            });
        });
}
