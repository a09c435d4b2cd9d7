// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The code blocks of doc/tutorial.adoc, compiled and run; pages.cpp compares.

#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE documents_tutorial
#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include <sys/socket.h>

#include "support/peer.hpp"
#include "support/run.hpp"

//[session
namespace asio = boost::asio;
using tcp = opslot::tcp; // as asio::ip::tcp: socket, acceptor, endpoint, ...

class session : public std::enable_shared_from_this<session>
{
    tcp::socket socket_;
    std::array<char, 4096> storage_;
    opslot::stream_context rx_, tx_; // one reusable description each

public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {
        rx_.buffer(asio::buffer(storage_));
        rx_.completion_handler([this](auto&) {
            if (received())
                receive();
        });
        tx_.completion_handler([this](auto&) {
            if (!tx_.error())
                receive();
        });
        rx_.keep_alive(*this); // a pending operation keeps the session alive,
        tx_.keep_alive(*this); // an idle context does not
        rx_.timeout(std::chrono::minutes(1));
        tx_.timeout(std::chrono::minutes(1));
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(rx_) == opslot::completed) // it is there
        {
            if (!received())
                return;
        }
        // pending: the handler of rx_ goes on
    }

    // True: receive more. False: the session is over, or tx_ is pending.
    bool received()
    {
        if (rx_.error()) // also at the end of the stream
            return false;
        tx_.buffer(asio::buffer(storage_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == opslot::completed && !tx_.error();
    }
};

//]

//[server
class server
{
    tcp::acceptor acceptor_;
    tcp::accept_context context_;

public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
    {
        context_.completion_handler([this](auto&) {
            accepted();
            accept();
        });
    }

    void accept()
    {
        while (acceptor_.start_accept(context_) == opslot::completed)
            accepted();
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    void accepted()
    {
        if (!context_.error())
            std::make_shared<session>(context_.take_socket())->start();
    }
};

//]

BOOST_AUTO_TEST_CASE(the_server_echoes_without_an_allocation)
{
    if (!opslot::testing::allocation_counter::available())
        BOOST_TEST_MESSAGE("the heap is out of sight: nothing is counted");

    unsigned short const port = 0;
    auto const run_it = [](asio::io_context& io, server& echo) {
        support::peer client = support::connect_to(echo.local_endpoint());
        auto const one_message = [&] {
            client.write("hello");
            std::array<char, 5> back{};
            std::size_t size = 0;
            auto const limit =
                std::chrono::steady_clock::now() + support::patience;
            while (size != back.size() &&
                   std::chrono::steady_clock::now() < limit)
            {
                io.run_one_for(std::chrono::milliseconds(1));
                ssize_t const n = ::recv(
                    client.native_handle(),
                    back.data() + size,
                    back.size() - size,
                    MSG_DONTWAIT);
                size += n > 0 ? static_cast<std::size_t>(n) : 0;
            }
            return size == back.size();
        };
        //[count
        bool ok = one_message(); // what is made once, is made here
        opslot::testing::allocation_counter const heap;
        for (int i = 0; i != 1000; ++i)
            ok = one_message() && ok;
        BOOST_TEST(heap.count() == 0u);
        //]
        BOOST_TEST(ok);
    };
    //[main
    asio::io_context io(1);
    server echo(io, {asio::ip::address_v4::loopback(), port});
    echo.accept();
    //]
    run_it(io, echo);
}
