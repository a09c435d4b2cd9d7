// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_pooled_server
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <signal.h>

#define main pooled_server_main
#include "../../example/pooled_server.cpp"
#undef main

namespace {

using namespace std::chrono_literals;
using examples::client;
using examples::example_process;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return opslot::testing::allocation_counter::available();
}

auto where_allocations_are_seen()
{
    return boost::unit_test::precondition(allocations_are_seen);
}

// The slab outlives what makes the server, and so the io_context.
auto make_server(opslot::buffer_slab& slab)
{
    return [&slab](auto& io, auto const& endpoint) {
        return std::make_unique<server>(io, endpoint, slab);
    };
}

// Connections that come and go, more at a time than there are contexts.
void short_connections(
    unsigned short port, std::function<void()> const& next_step)
{
    auto const all = [port] {
        for (int i = 0; i != 100; ++i)
        {
            std::vector<client> clients;
            for (int j = 0; j != 30; ++j)
            {
                clients.emplace_back(port).send("hello");
            }
            for (client& each : clients)
            {
                if (each.receive(5) != "hello")
                {
                    throw std::runtime_error("an echo is wrong");
                }
                each.close();
            }
        }
    };
    all();
    next_step();
    all();
}

BOOST_AUTO_TEST_CASE(no_message_allocates, *where_allocations_are_seen())
{
    opslot::buffer_slab slab(4096, 100);
    auto const run = examples::count_allocations<server>(
        examples::echo_traffic, make_server(slab));
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

BOOST_AUTO_TEST_CASE(no_connection_allocates, *where_allocations_are_seen())
{
    opslot::buffer_slab slab(4096, 20);
    auto const run = examples::count_allocations<server>(
        short_connections, make_server(slab));
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

BOOST_AUTO_TEST_CASE(clients_beyond_the_limit_wait)
{
    example_process server("pooled_server", {"--connections", "2"});
    client first(server.port());
    client second(server.port());
    first.send("first");
    second.send("second");
    BOOST_TEST(first.receive(5) == "first");
    BOOST_TEST(second.receive(6) == "second");

    client third(server.port());
    third.send("third");
    BOOST_TEST(!third.has_input(100ms));
    server.signal(SIGUSR1);
    BOOST_TEST(
        server.read_line() == "contexts: 2 in use, peak 2 of 2, 15 waits");

    first.close();
    BOOST_TEST(third.receive(5) == "third");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(the_figures_come_at_the_end_too)
{
    example_process server("pooled_server", {"--connections", "40"});
    client c(server.port());
    c.send("x");
    BOOST_TEST(c.receive(1) == "x");
    server.signal(SIGTERM);
    BOOST_TEST(
        server.read_line() == "contexts: 16 in use, peak 16 of 40, 0 waits");
    BOOST_TEST(server.wait() == 0);
}

} // namespace
