// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Passes connections on to another server. Each direction has a buffer and a
// context: it receives no more before all is sent, so whoever is slow slows
// the other end down.
//
//   tcp_proxy localhost 7007
//   nc 127.0.0.1 7009

#include <opslot/connect_context.hpp>
#include <opslot/error.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using std::chrono::steady_clock;
using tcp = opslot::tcp;
using support::threading;

// Where all connections lead to, and how long they may be silent.
struct route
{
    tcp::resolver::results_type endpoints;
    std::chrono::milliseconds idle;
};

class session : public std::enable_shared_from_this<session>
{
    struct direction
    {
        tcp::socket& from;
        tcp::socket& to;
        std::array<char, 16384> storage;
        opslot::stream_context context;
    };

    tcp::socket client_;
    tcp::socket server_;
    route const& route_;
    opslot::connect_context connect_;
    direction up_{client_, server_, {}, {}};
    direction down_{server_, client_, {}, {}};
    steady_clock::time_point last_activity_;

public:
    session(tcp::socket client, route const& r)
        : client_(std::move(client))
        , server_(client_.get_executor())
        , route_(r)
    {
        connect_.endpoints(r.endpoints);
        connect_.timeout(std::chrono::seconds(5));
        connect_.completion_handler([this](auto&) { connected(); });
        connect_.keep_alive(*this);
        for (direction* each : {&up_, &down_})
        {
            each->context.buffer(asio::buffer(each->storage));
            each->context.completion_handler(
                [this, each](auto&) { go_on(*each); });
            each->context.keep_alive(*this);
        }
    }

    void start() { server_.async_connect(connect_); }

    // The server learns of it, and what it still has to say arrives.
    void stop() { support::end_receiving(client_); }

private:
    void connected()
    {
        if (connect_.error())
        {
            std::cerr << "connect: " << connect_.error().message() << std::endl;
            return;
        }
        boost::system::error_code ignored;
        server_.set_option(tcp::no_delay(true), ignored);
        last_activity_ = steady_clock::now();
        go_on(up_);
        go_on(down_);
    }

    void go_on(direction& d)
    {
        while (check(d) && start_next(d) == opslot::completed)
        {}
    }

    bool has_received(direction const& d) const
    {
        return d.context.last_operation() == opslot::operation_kind::receive;
    }

    // False: nothing more is to be done in this direction.
    bool check(direction& d)
    {
        auto const error = d.context.error();
        auto const now = steady_clock::now();
        if (!error)
        {
            last_activity_ = now;
            return true;
        }
        if (has_received(d) && error == asio::error::eof)
        {
            // The other direction goes on until it has ended as well.
            boost::system::error_code ignored;
            d.to.shutdown(tcp::socket::shutdown_send, ignored);
            return false;
        }
        if (has_received(d) && error == opslot::error::timeout &&
            now < last_activity_ + route_.idle)
        {
            return true; // there was something in the other direction
        }
        boost::system::error_code ignored;
        client_.close(ignored);
        server_.close(ignored);
        return false;
    }

    opslot::start_result start_next(direction& d)
    {
        d.context.expires_at(last_activity_ + route_.idle);
        if (has_received(d) && !d.context.error())
        {
            d.context.slice(0, d.context.bytes_transferred());
            return d.to.start_send(d.context);
        }
        d.context.slice();
        return d.from.start_receive(d.context);
    }
};

int main(int argc, char* argv[])
{
    std::string host;
    std::string service;
    unsigned idle_ms = 60'000;
    return support::server_main(
        argc,
        argv,
        {7009, threading::each},
        {{"--idle-ms", idle_ms, "how long a connection may be silent", 1u},
         {"host", host, "where to connect to"},
         {"service", service, "a port, or its name"}},
        [&](auto const& options) {
            asio::io_context io;
            route const r{
                tcp::resolver(io).resolve(host, service),
                std::chrono::milliseconds(idle_ms)};
            support::serve(options, [&](tcp::acceptor acceptor) {
                return support::session_server<session>(
                    std::move(acceptor), [&](tcp::socket s) {
                        return std::make_shared<session>(std::move(s), r);
                    });
            });
        });
}
