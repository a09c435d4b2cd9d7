// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_udp_echo
#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "datagram_client.hpp"

#define main udp_echo_main
#include "../../example/udp_echo.cpp"
#undef main

namespace {

using examples::datagram_client;
using examples::example_process;
using examples::pattern;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return opslot::testing::allocation_counter::available();
}

void traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<datagram_client> clients;
    for (int i = 0; i != 16; ++i)
    {
        clients.emplace_back(port);
    }
    auto const all = [&] {
        for (std::size_t const size : {1u, 64u, 0u, 1400u, 60000u})
        {
            std::string const bytes = pattern(size);
            // Two at a time are not more than the system keeps.
            for (std::size_t i = 0; i != clients.size(); i += 2)
            {
                clients[i].send(bytes);
                clients[i + 1].send(bytes);
                if (clients[i].receive() != bytes ||
                    clients[i + 1].receive() != bytes)
                {
                    throw std::runtime_error("an echo is wrong");
                }
            }
        }
    };
    for (int i = 0; i != 50; ++i)
    {
        all();
    }
    next_step();
    for (int i = 0; i != 50; ++i)
    {
        all();
    }
    next_step();
}

BOOST_AUTO_TEST_CASE(
    no_datagram_allocates,
    *boost::unit_test::precondition(allocations_are_seen))
{
    auto const run = examples::count_allocations<echo>(
        traffic, [](auto& io, auto const& endpoint) {
            return std::make_unique<echo>(udp::socket(
                io, udp::endpoint(endpoint.address(), endpoint.port())));
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

BOOST_AUTO_TEST_CASE(the_program_echoes_until_a_signal)
{
    example_process server("udp_echo");
    datagram_client first(server.port()), second(server.port());
    for (std::size_t const size : {1u, 0u, 1000u, 65507u})
    {
        first.send(pattern(size, 1));
        second.send(pattern(size, 2));
        BOOST_TEST((first.receive() == pattern(size, 1)));
        BOOST_TEST((second.receive() == pattern(size, 2)));
    }
    {
        // Who does not wait for its answer harms nobody.
        datagram_client gone(server.port());
        gone.send("x");
    }
    first.send("still here");
    BOOST_TEST(first.receive() == "still here");
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
