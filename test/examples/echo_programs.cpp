// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The three examples that echo, as programs with real clients.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_echo_programs
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/sanitizers.hpp"

namespace {

using namespace std::chrono_literals;
using examples::child_process;
using examples::client;
using examples::example_process;
using examples::pattern;

std::vector<std::string> const all_programs{
    "echo_server", "pooled_server", "coroutine_echo"};
auto const programs = boost::unit_test::data::make(all_programs);

// UndefinedBehaviorSanitizer, which comes with the other one here, opens a
// pipe to look at memory, and takes objects for broken if it cannot.
constexpr bool needs_descriptors = OPSLOT_TEST_ADDRESS_SANITIZER != 0;

bool echoes(client& c, std::string_view bytes)
{
    c.send(bytes);
    return c.receive(bytes.size()) == bytes;
}

BOOST_DATA_TEST_CASE(a_wrong_argument_shows_the_usage, programs, program)
{
    std::string const path = OPSLOT_EXAMPLE_DIR "/" + program;
    for (char const* argument : {"", "port", "-1", "70000", "1x"})
    {
        child_process child({path, "--port", argument});
        BOOST_TEST(child.wait() == 2);
    }
    for (char const* argument : {"", "7007", "--port", "-port", "--nonsense"})
    {
        child_process child({path, argument});
        BOOST_TEST(child.wait() == 2);
    }
}

BOOST_AUTO_TEST_CASE(each_example_shows_its_options)
{
    int count = 0;
    for (auto const& each :
         std::filesystem::directory_iterator(OPSLOT_EXAMPLE_DIR))
    {
        std::string const name = each.path().filename().string();
        bool const is_program =
            each.is_regular_file() && ::access(each.path().c_str(), X_OK) == 0;
        if (is_program && name != "demo")
        {
            child_process child({each.path().string(), "--nonsense", "--help"});
            BOOST_TEST(child.read_line().find("usage: " + name) == 0u);
            BOOST_TEST(child.wait() == 0);
            ++count;
        }
    }
    BOOST_TEST(count >= 14);
}

BOOST_DATA_TEST_CASE(a_port_in_use_is_an_error, programs, program)
{
    example_process first(program);
    child_process second(
        {OPSLOT_EXAMPLE_DIR "/" + program,
         "--port",
         std::to_string(first.port())});
    BOOST_TEST(second.wait() == 1);
    BOOST_TEST(first.terminate() == 0);
}

BOOST_DATA_TEST_CASE(a_signal_ends_an_idle_server, programs, program)
{
    for (int number : {SIGTERM, SIGINT})
    {
        example_process server(program);
        server.signal(number);
        BOOST_TEST(server.wait() == 0);
    }
}

BOOST_DATA_TEST_CASE(a_signal_closes_the_connections, programs, program)
{
    example_process server(program);
    std::vector<client> clients;
    for (int i = 0; i != 20; ++i)
    {
        BOOST_TEST_REQUIRE(echoes(clients.emplace_back(server.port()), "x"));
    }
    BOOST_TEST(server.terminate() == 0);
    for (client& each : clients)
    {
        BOOST_TEST(each.receive_some() == "");
    }
}

BOOST_DATA_TEST_CASE(what_has_arrived_is_answered_first, programs, program)
{
    example_process server(program);
    std::string const bytes = pattern(50'000);
    std::vector<client> clients;
    for (int i = 0; i != 20; ++i)
    {
        BOOST_TEST_REQUIRE(
            echoes(clients.emplace_back(server.port(), 4096), "x"));
    }
    for (client& each : clients)
    {
        each.send(bytes);
    }
    server.signal(SIGTERM);
    for (client& each : clients)
    {
        bool const is_same = each.receive_all() == bytes;
        BOOST_TEST(is_same);
    }
    BOOST_TEST(server.wait() == 0);
}

BOOST_DATA_TEST_CASE(many_connections_are_served_at_once, programs, program)
{
    example_process server(program);
    std::vector<client> clients;
    for (int i = 0; i != 300; ++i)
    {
        clients.emplace_back(server.port());
    }
    for (int round = 0; round != 3; ++round)
    {
        unsigned seed = 0;
        for (client& each : clients)
        {
            each.send(pattern(1000, ++seed));
        }
        seed = 0;
        bool all_right = true;
        for (client& each : clients)
        {
            all_right =
                all_right && each.receive(1000) == pattern(1000, ++seed);
        }
        BOOST_TEST(all_right);
    }
    clients.clear();
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(large_data_comes_back_unchanged, programs, program)
{
    example_process server(program);
    client c(server.port());
    std::string const bytes = pattern(20'000'000);
    bool const is_same = c.exchange(bytes) == bytes;
    BOOST_TEST(is_same);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(a_half_close_loses_nothing, programs, program)
{
    example_process server(program);
    client c(server.port());
    std::string const bytes = pattern(60'000);
    c.send(bytes);
    c.end_sending();
    bool const is_same = c.receive_all() == bytes;
    BOOST_TEST(is_same);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(a_reset_ends_only_its_connection, programs, program)
{
    example_process server(program);
    client other(server.port());
    for (int i = 0; i != 50; ++i)
    {
        client c(server.port());
        c.send(pattern(10'000));
        if (i % 2 == 0)
        {
            c.receive(1);
        }
        c.reset();
    }
    BOOST_TEST(echoes(other, "still here"));
    client next(server.port());
    BOOST_TEST(echoes(next, "and here"));
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(a_slow_reader_delays_nobody, programs, program)
{
    example_process server(program);
    client slow(server.port(), 4096);
    std::string sent;
    std::string const part = pattern(100'000);
    // Until the server has stopped reading, its own sends being stuck.
    for (;;)
    {
        auto const n = slow.send_some(part);
        sent.append(part, 0, n);
        if (n == 0)
        {
            break;
        }
    }
    client quick(server.port());
    for (int i = 0; i != 100; ++i)
    {
        BOOST_TEST_REQUIRE(echoes(quick, "quick"));
    }
    slow.end_sending();
    bool const is_same = slow.receive_all() == sent;
    BOOST_TEST(is_same);
    BOOST_TEST(server.terminate() == 0);
}

// All at the same time: each gives its client two seconds.
BOOST_AUTO_TEST_CASE(a_stuck_send_does_not_hinder_the_end)
{
    std::list<example_process> servers;
    std::vector<client> clients;
    for (std::string const& program : all_programs)
    {
        example_process& server = servers.emplace_back(program);
        client& slow = clients.emplace_back(server.port(), 4096);
        while (slow.send_some(pattern(100'000)) != 0)
        {}
    }
    for (example_process& server : servers)
    {
        server.signal(SIGTERM);
    }
    for (example_process& server : servers)
    {
        BOOST_TEST(server.wait() == 0);
    }
}

BOOST_DATA_TEST_CASE(without_descriptors_clients_wait, programs, program)
{
    if (needs_descriptors || std::getenv("OPSLOT_EXAMPLE_THREADS"))
    {
        BOOST_TEST_MESSAGE("skipped: sanitizers and threads need descriptors");
        return;
    }
    example_process server(program);
    rlimit const few{20, 20};
    BOOST_TEST_REQUIRE(
        ::prlimit(server.id(), RLIMIT_NOFILE, &few, nullptr) == 0);
    std::vector<client> clients;
    for (int i = 0; i != 30; ++i)
    {
        clients.emplace_back(server.port());
    }
    BOOST_TEST(echoes(clients.front(), "first"));
    client last(server.port());
    last.send("last");
    BOOST_TEST(!last.has_input(50ms));
    clients.clear();
    BOOST_TEST(last.receive(4) == "last");
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
