// needs: context

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>

#define BOOST_TEST_MODULE slotted_stackful
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>

#include "support/connected.hpp"
#include "support/heap.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::slotted_steady_timer;
using opslot::testing::allocation_counter;
using tcp = opslot::slotted_tcp;

// Runs `body` in a coroutine, to its end.
template<class Executor, class Body>
void run(asio::io_context& io, Executor const& executor, Body body)
{
    std::exception_ptr thrown;
    bool ended = false;
    asio::spawn(executor, body, [&](std::exception_ptr exception) {
        thrown = exception;
        ended = true;
    });
    support::run(io);
    BOOST_TEST(ended);
    if (thrown)
        std::rethrow_exception(thrown);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_operation_takes_a_yield_context)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    asio::any_io_executor const executors[] = {
        io.get_executor(), asio::make_strand(io.get_executor())};
    for (asio::any_io_executor const& executor : executors)
    {
        tcp::acceptor acceptor(
            executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        run(io, executor, [&](asio::yield_context yield) {
            tcp::socket client(executor);
            asio::spawn(
                executor,
                [&](asio::yield_context own) {
                    client.async_connect(acceptor.local_endpoint(), own);
                    asio::async_write(client, asio::buffer("hello", 5), own);
                },
                asio::detached);
            tcp::socket server = acceptor.async_accept(yield);
            std::array<char, 5> storage;
            BOOST_TEST(
                asio::async_read(server, asio::buffer(storage), yield) == 5u);
            server.async_wait(server.wait_write, yield);
            slotted_steady_timer timer(executor, std::chrono::milliseconds(1));
            timer.async_wait(yield);

            error_code error;
            client.close();
            server.async_read_some(asio::buffer(storage), yield[error]);
            BOOST_TEST(error == asio::error::eof);
            BOOST_CHECK_THROW(
                server.async_read_some(asio::buffer(storage), yield),
                boost::system::system_error);
        });
    }
}

BOOST_AUTO_TEST_CASE(the_context_may_end_with_a_coroutine_waiting)
{
    support::descriptor_check const leaks;
    auto const alive = std::make_shared<int>();
    bool reached = false;
    {
        asio::io_context io;
        asio::spawn(
            io,
            [&, alive](asio::yield_context yield) {
                support::connected<tcp::socket> pair(io.get_executor());
                std::array<char, 5> storage;
                reached = true;
                pair.first.async_read_some(asio::buffer(storage), yield);
                reached = false;
            },
            asio::detached);
        support::poll(io);
        BOOST_TEST(alive.use_count() > 1);
    }
    BOOST_TEST(reached);
    BOOST_TEST(alive.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(
    a_round_trip_takes_nothing_from_the_heap,
    *support::where_allocations_are_seen())
{
    asio::io_context io;
    asio::any_io_executor const executors[] = {
        io.get_executor(), asio::make_strand(io.get_executor())};
    for (asio::any_io_executor const& executor : executors)
    {
        support::connected<tcp::socket> pair(executor);
        std::uint64_t allocations = 1;
        asio::spawn(
            executor,
            [&](asio::yield_context yield) {
                std::array<char, 1> byte;
                error_code error;
                while (!error)
                {
                    pair.second.async_read_some(
                        asio::buffer(byte), yield[error]);
                    if (!error)
                        pair.second.async_write_some(
                            asio::buffer(byte), yield[error]);
                }
            },
            asio::detached);
        run(io, executor, [&](asio::yield_context yield) {
            std::array<char, 1> byte{};
            allocation_counter heap(allocation_counter::scope::process);
            for (int i = 0; i != 50; ++i)
            {
                if (i == 5)
                    heap.reset();
                pair.first.async_write_some(asio::buffer(byte), yield);
                pair.first.async_read_some(asio::buffer(byte), yield);
            }
            allocations = heap.count();
            pair.first.close();
        });
        BOOST_TEST(allocations == 0u);
    }
}
