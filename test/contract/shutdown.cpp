// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The end: contexts, sockets and the io_context go in every order.

#define BOOST_TEST_MODULE contract_shutdown
#include <opslot/accept_context.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "contract/receiver.hpp"
#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::receiver;
using opslot::pending;
using opslot::stream_context;
using support::descriptor_check;
using support::payload;
using tcp = opslot::tcp;

error_code const success;

} // namespace

namespace {

// What takes part, with operations of every kind pending.
struct participants
{
    std::shared_ptr<int> handler_alive = std::make_shared<int>();
    int calls = 0;
    std::string const data = payload(8 << 20);
    std::optional<asio::io_context> io{std::in_place};
    std::optional<tcp::acceptor> acceptor{
        std::in_place, *io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::optional<tcp::socket> socket{std::in_place, *io};
    support::peer other = support::connect_tcp(*socket);
    std::optional<stream_context> rx{std::in_place}, tx{std::in_place};
    std::optional<stream_context> waiter{std::in_place};
    std::optional<tcp::accept_context> accept{std::in_place};
    std::array<char, 4> storage{};

    explicit participants(bool on_strand)
    {
        auto const handler = [this, alive = handler_alive](auto&) { ++calls; };
        auto const set = [&](auto& c) {
            if (on_strand)
            {
                c.completion_handler(
                    asio::bind_executor(asio::make_strand(*io), handler));
            }
            else
            {
                c.completion_handler(handler);
            }
            c.timeout(std::chrono::hours(1));
        };
        set(*rx);
        set(*tx);
        set(*waiter);
        set(*accept);
        rx->buffer(asio::buffer(storage));
        tx->buffer(asio::buffer(data));
        BOOST_TEST((socket->start_receive(*rx) == pending));
        BOOST_TEST((socket->start_send(*tx) == pending));
        BOOST_TEST(
            (socket->start_wait(*waiter, tcp::socket::wait_read) == pending));
        BOOST_TEST((acceptor->start_accept(*accept) == pending));
        socket->async_read_some(
            asio::buffer(storage), [alive = handler_alive](auto, auto) {});
        acceptor->async_accept(
            [alive = handler_alive](error_code, tcp::socket) {});
        support::poll(*io);
    }

    void destroy(char what)
    {
        switch (what)
        {
        case 'c':
            rx.reset();
            tx.reset();
            waiter.reset();
            accept.reset();
            break;
        case 's':
            socket.reset();
            acceptor.reset();
            break;
        default:
            io.reset();
        }
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(every_order_of_destruction_is_safe)
{
    for (bool const on_strand : {false, true})
    {
        for (std::string order : {"cis", "csi", "ics", "isc", "sci", "sic"})
        {
            BOOST_TEST_CONTEXT("order " << order << ", strand " << on_strand)
            {
                descriptor_check const leaks;
                std::weak_ptr<int> alive;
                {
                    participants p(on_strand);
                    alive = p.handler_alive;
                    for (char const what : order)
                    {
                        p.destroy(what);
                        if (what == 'i' && p.rx)
                        {
                            BOOST_TEST(!p.rx->is_pending());
                            BOOST_TEST(!p.tx->is_pending());
                            BOOST_TEST(!p.waiter->is_pending());
                            BOOST_TEST(!p.accept->is_pending());
                        }
                    }
                    BOOST_TEST(p.calls == 0);
                    p.handler_alive.reset();
                }
                BOOST_TEST(alive.expired());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_order_is_safe_with_completions_under_way)
{
    for (bool const on_strand : {false, true})
    {
        for (std::string order : {"cis", "csi", "ics", "isc", "sci", "sic"})
        {
            // A strand must go before its io_context, and so must a handler
            // that is bound to it and stored in a context.
            if (on_strand && order.find('i') < order.find('c'))
            {
                continue;
            }
            BOOST_TEST_CONTEXT("order " << order << ", strand " << on_strand)
            {
                descriptor_check const leaks;
                participants p(on_strand);
                // Completions in the engine and, where there is one, in the
                // strand, which is held up by the handler that runs.
                p.other.write("abcd");
                p.socket->cancel();
                p.acceptor->cancel();
                p.io->restart();
                p.io->run_one();
                for (char const what : order)
                {
                    p.destroy(what);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_completion_may_wait_on_an_io_context_that_goes)
{
    for (bool const own_first : {false, true})
    {
        descriptor_check const leaks;
        receiver rx;
        std::optional<asio::io_context> io(std::in_place);
        std::optional<asio::io_context> target(std::in_place);
        tcp::socket socket(*io);
        auto other = support::connect_tcp(socket);
        auto token = std::make_shared<int>();
        rx.completion_handler(asio::bind_executor(
            asio::make_strand(*target), [token](stream_context&) {
                BOOST_ERROR("nobody runs the strand");
            }));
        BOOST_TEST(token.use_count() == 2);
        BOOST_TEST((socket.start_receive(rx) == pending));
        other.write("a");
        support::run(*io);
        BOOST_TEST(rx.is_pending());
        if (own_first)
        {
            io.reset();
            target.reset();
        }
        else
        {
            target.reset();
            BOOST_TEST(!rx.is_pending());
            io.reset();
        }
        BOOST_TEST(!rx.is_pending());
    }
}

BOOST_AUTO_TEST_CASE(an_exception_that_leaves_run_leaves_nothing_behind)
{
    descriptor_check const leaks;
    std::weak_ptr<int> alive;
    try
    {
        asio::io_context io;
        tcp::socket socket(io);
        auto other = support::connect_tcp(socket);
        receiver first, second;
        auto token = std::make_shared<int>();
        alive = token;
        first.completion_handler(
            [](stream_context&) { throw std::runtime_error("out"); });
        second.completion_handler([token](stream_context&) {});
        BOOST_TEST((socket.start_receive(first) == pending));
        BOOST_TEST((socket.start_receive(second) == pending));
        other.write("a");
        io.run_for(support::patience);
        BOOST_ERROR("nothing was thrown");
    }
    catch (std::runtime_error const& e)
    {
        BOOST_TEST(e.what() == std::string("out"));
    }
    BOOST_TEST(alive.expired());
}

BOOST_AUTO_TEST_CASE(a_context_outlives_its_io_context_and_is_used_again)
{
    descriptor_check const leaks;
    receiver rx;
    {
        asio::io_context gone;
        tcp::socket socket(gone);
        auto other = support::connect_tcp(socket);
        BOOST_TEST((socket.start_receive(rx) == pending));
    }
    BOOST_TEST(!rx.is_pending());
    asio::io_context io;
    tcp::socket socket(io);
    auto other = support::connect_tcp(socket);
    // Its handler has gone with the operation.
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("a");
    support::run(io);
    BOOST_TEST(rx.calls == 0);
    BOOST_TEST(!rx.is_pending());
    BOOST_TEST(rx.bytes_transferred() == 1u);
    int calls = 0;
    rx.completion_handler([&](stream_context&) { ++calls; });
    BOOST_TEST((socket.start_receive(rx) == pending));
    other.write("b");
    support::run(io);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_socket_outlives_its_io_context)
{
    descriptor_check const leaks;
    std::optional<asio::io_context> io(std::in_place);
    tcp::socket socket(*io);
    auto other = support::connect_tcp(socket);
    receiver rx;
    BOOST_TEST((socket.start_receive(rx) == pending));
    io.reset();
    BOOST_TEST(!rx.is_pending());
    BOOST_TEST(rx.calls == 0);
    error_code ec;
    socket.close(ec);
    BOOST_TEST(ec == success);
    BOOST_TEST(other.read(1) == "");
}
