// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Tells the addresses of names, as a DNS server does. A datagram is turned into
// its answer where it is, on one of sixteen contexts.
//
//   name_server /etc/hosts
//   drill -p 5300 localhost @127.0.0.1

#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <cstddef>
#include <string>

#include "dns/responder.hpp"
#include "support/server_program.hpp"

namespace asio = boost::asio;
using opslot::operation_kind;
using udp = opslot::udp;

class server
{
    struct exchange
    {
        std::array<char, dns::responder::capacity> storage;
        udp::datagram_context context;
    };

    udp::socket socket_;
    dns::responder responder_;
    std::array<exchange, 16> exchanges_;
    bool is_stopped_ = false;

public:
    server(
        asio::io_context& io,
        udp::endpoint const& endpoint,
        dns::hosts const& hosts)
        : socket_(io, endpoint)
        , responder_(hosts)
    {
        for (exchange& e : exchanges_)
        {
            e.context.buffer(asio::buffer(e.storage));
            e.context.completion_handler([this, &e](auto&) { go_on(e); });
            go_on(e);
        }
    }

    udp::endpoint local_endpoint() const { return socket_.local_endpoint(); }

    // Receives nothing more; answers that wait still go out.
    void stop()
    {
        is_stopped_ = true;
        for (exchange& e : exchanges_)
        {
            if (e.context.last_operation() == operation_kind::receive_from)
            {
                e.context.cancel();
            }
        }
    }

private:
    // Receives a query and sends its reply, in turn, until one is pending.
    void go_on(exchange& e)
    {
        for (;;)
        {
            std::size_t const reply = make_reply(e);
            if ((reply == 0 && is_stopped_) ||
                start_next(e, reply) == opslot::pending)
            {
                return;
            }
        }
    }

    // Its size; 0: there is none. What goes wrong with a datagram ends nothing.
    std::size_t make_reply(exchange& e)
    {
        bool const has_query =
            e.context.last_operation() == operation_kind::receive_from &&
            !e.context.error();
        return has_query ? responder_.answer(
                               e.storage.data(), e.context.bytes_transferred())
                         : 0;
    }

    opslot::start_result start_next(exchange& e, std::size_t reply)
    {
        if (reply != 0)
        {
            e.context.endpoint(e.context.sender());
            e.context.slice(0, reply);
            return socket_.start_send_to(e.context);
        }
        e.context.slice();
        return socket_.start_receive_from(e.context);
    }
};

int main(int argc, char* argv[])
{
    std::string file;
    return support::server_main(
        argc,
        argv,
        {5300},
        {{"file", file, "names and addresses, in the form of /etc/hosts"}},
        [&](auto const& options) {
            dns::hosts const hosts(file);
            auto const loopback = options.endpoint();
            asio::io_context io(1);
            server names(io, {loopback.address(), loopback.port()}, hosts);
            support::run(io, names);
        });
}
