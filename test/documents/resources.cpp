// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The code blocks of the guide's pages on pools, datagrams, transmissions,
// slots, diagnostics and engines, compiled and run; pages.cpp compares.

#include <opslot/context_pool.hpp>

#define BOOST_TEST_MODULE documents_resources
#include <opslot/buffer_slab.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/open_file.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/slot.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>

#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/files.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using support::connection;
using support::run;

} // namespace

BOOST_AUTO_TEST_SUITE(pools)

BOOST_AUTO_TEST_CASE(contexts_come_from_a_pool)
{
    int served = 0;
    //[acquire
    asio::io_context io;
    opslot::context_pool<opslot::stream_context> pool(io, {4, 16});
    opslot::context_ptr<opslot::stream_context> context = pool.try_acquire();
    if (!context) // all sixteen are in use
    {
        pool.async_acquire([&](error_code ec, auto acquired) {
            if (!ec)
                context = acquired; // one has come back
        });
    }
    //]
    BOOST_REQUIRE(context);
    for (int i = 0; i != 15; ++i)
    {
        context->dispose();
        context = pool.try_acquire();
        BOOST_REQUIRE(context);
        ++served;
    }
    run(io);
    BOOST_TEST(served == 15);
    //[statistics
    opslot::context_pool_statistics const figures = pool.statistics();
    bool const is_large_enough = figures.waits == 0; // nobody ever waited
    //]
    BOOST_TEST(is_large_enough);
    BOOST_TEST(figures.in_use == 1u);
}

BOOST_AUTO_TEST_CASE(buffers_come_from_a_slab)
{
    //[slab
    opslot::buffer_slab slab(4096, 64); // 64 buffers of 4 KiB, one block
    asio::mutable_buffer const buffer = slab.try_acquire();
    if (buffer.size() != 0) // or else all are lent out
        slab.release(buffer);
    //]
    BOOST_TEST(buffer.size() == 4096u);
    BOOST_TEST(slab.statistics().in_use == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(datagrams)

BOOST_AUTO_TEST_CASE(a_receive_tells_who_sent)
{
    asio::io_context io;
    support::datagram_peer peer;
    opslot::udp::socket socket(io, support::any_port());
    peer.send("hello", socket.local_endpoint());
    //[sender
    std::array<char, 1500> storage;
    opslot::udp::datagram_context context;
    context.buffer(asio::buffer(storage));
    context.completion_handler([&](opslot::udp::datagram_context& c) {
        if (c.last_operation() == opslot::operation_kind::receive_from)
        {
            c.endpoint(c.sender());            // where to
            c.slice(0, c.bytes_transferred()); // what
            socket.async_send_to(c);
        }
    });
    socket.async_receive_from(context);
    //]
    run(io);
    BOOST_TEST(!context.error());
    BOOST_TEST(peer.receive() == "hello");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(transmit)

BOOST_FIXTURE_TEST_CASE(elements_are_buffers_and_files, connection)
{
    support::temporary_file const content("0123456789");
    std::filesystem::path const path = content.path();
    std::string const header = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n";
    //[elements
    opslot::open_file const file(path); // opened once, sent any number of times
    opslot::transmit_context tx;
    tx.elements(
        {asio::buffer(header),
         file,                                              // all of it
         opslot::transmit_element::from_path(path, 6, 4)}); // 4 bytes from 6
    tx.completion_handler([&](opslot::transmit_context&) {
        // error(), bytes_transferred(), and element_index() after an error
    });
    socket.async_transmit(tx);
    //]
    run(io);
    BOOST_TEST(!tx.error());
    BOOST_TEST(other.read(header.size() + 14) == header + "01234567896789");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(slots)

BOOST_AUTO_TEST_CASE(a_slot_may_refuse)
{
    //[fail
    opslot::slot<320> slot(opslot::overflow::fail); // never the heap
    std::string why;
    try
    {
        static_cast<void>(slot.allocate(1000));
    }
    catch (opslot::slot_exhausted const& e)
    {
        why = e.what(); // names the sizes
    }
    //]
    BOOST_TEST(why.find("1000") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(memory_can_be_there_before)
{
    //[reserve
    asio::io_context io;
    opslot::operation_memory& memory = opslot::operation_memory::of(io);
    memory.reserve(512, 1000); // room for a thousand requests of 512 bytes
    //]
    BOOST_TEST(memory.statistics().bytes_reserved >= 512000u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(diagnostics)

BOOST_FIXTURE_TEST_CASE(everything_is_counted, connection)
{
    std::ostringstream log;
    std::array<char, 16> storage;
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    rx.completion_handler([](auto&) {});
    other.write("x");
    socket.async_receive(rx);
    run(io);
    //[report
    opslot::diagnostics_report const report = opslot::diagnostics(io);
    log << report.started << " operations, " //
        << report.completed_synchronously << " of them at once, "
        << report.pending << " pending now, " //
        << report.memory_heap_requests << " requests to the heap";
    //]
    BOOST_TEST(report.started == 1u);
    BOOST_TEST(report.pending == 0u);
    BOOST_TEST(!log.str().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(engines)

BOOST_AUTO_TEST_CASE(an_engine_is_configured_before_its_first_object)
{
    //[configure
    asio::io_context io;
    opslot::reactor_options options;
    options.handlers_per_turn = 16; // then timers and posted functions
    opslot::configure(io, options);
    opslot::tcp::socket socket(io);
    //]
    BOOST_TEST(!socket.is_open());
}

BOOST_AUTO_TEST_SUITE_END()
