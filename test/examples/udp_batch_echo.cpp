// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_udp_batch_echo
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/udp.h>

#include "datagram_client.hpp"

#define main udp_batch_echo_main
#include "../../example/udp_batch_echo.cpp"
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

// Sends several datagrams of a size as one packet.
void send_merged(datagram_client& client, std::string_view bytes, int size)
{
    int const fd = client.native_handle();
    ::setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
    client.send(bytes);
    size = 0;
    ::setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
}

// Datagrams of all sizes, and merged ones, come back as they were.
void traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<datagram_client> clients;
    for (int i = 0; i != 8; ++i)
    {
        clients.emplace_back(port);
    }
    auto const expect = [](datagram_client& client, std::string_view bytes) {
        if (client.receive() != bytes)
        {
            throw std::runtime_error("an echo is wrong");
        }
    };
    auto const all = [&] {
        for (std::size_t const size : {1u, 64u, 0u, 1400u, 2048u})
        {
            std::string const bytes = pattern(size);
            for (auto& client : clients)
            {
                client.send(bytes);
                client.send(bytes);
            }
            for (auto& client : clients)
            {
                expect(client, bytes);
                expect(client, bytes);
            }
        }
        std::string const bytes = pattern(1000);
        for (auto& client : clients)
        {
            send_merged(client, bytes, 30);
        }
        for (auto& client : clients)
        {
            for (std::size_t i = 0; i < bytes.size(); i += 30)
            {
                expect(client, std::string_view(bytes).substr(i, 30));
            }
        }
    };
    for (int step = 0; step != 2; ++step)
    {
        for (int i = 0; i != 30; ++i)
        {
            all();
        }
        next_step();
    }
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
    example_process server("udp_batch_echo");
    datagram_client first(server.port()), second(server.port());
    for (std::size_t const size : {1u, 0u, 1000u, 2048u, 3000u})
    {
        first.send(pattern(size, 1));
        second.send(pattern(size, 2));
        // What is too large comes back without its end.
        std::size_t const kept = std::min<std::size_t>(size, 2048);
        BOOST_TEST((first.receive() == pattern(size, 1).substr(0, kept)));
        BOOST_TEST((second.receive() == pattern(size, 2).substr(0, kept)));
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
