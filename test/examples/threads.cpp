// threads: no

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A server on several threads, in both of the ways there are.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_threads
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tools.hpp"

#define main echo_server_main
#include "../../example/echo_server.cpp"
#undef main

namespace {

using examples::child_process;
using examples::client;
using examples::example_process;
using examples::pattern;

auto const kinds = boost::unit_test::data::make(
    std::vector<std::string>{"--threads", "--shared"});

std::vector<std::string> on_four_threads(std::string const& kind)
{
    std::vector<std::string> all{"--threads", "4"};
    if (kind != all.front())
    {
        all.push_back(kind);
    }
    return all;
}

// How many sockets listen at a port.
int listeners(unsigned short port)
{
    std::ifstream table("/proc/net/tcp");
    int count = 0;
    for (std::string line; std::getline(table, line);)
    {
        unsigned local = 0, state = 0;
        if (std::sscanf(
                line.c_str(), " %*d: %*x:%x %*x:%*x %x", &local, &state) == 2)
        {
            count += local == port && state == 10; // TCP_LISTEN
        }
    }
    return count;
}

auto tasks(example_process const& server)
{
    std::filesystem::directory_iterator const all(
        "/proc/" + std::to_string(server.id()) + "/task");
    return std::distance(begin(all), end(all));
}

BOOST_DATA_TEST_CASE(all_threads_serve_one_port, kinds, kind)
{
    bool const is_shared = kind == "--shared";
    example_process server("echo_server", on_four_threads(kind));
    std::vector<client> clients;
    for (int i = 0; i != 100; ++i)
    {
        clients.emplace_back(server.port());
    }
    for (int round = 0; round != 20; ++round)
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
    BOOST_TEST(tasks(server) >= 4);
    BOOST_TEST(listeners(server.port()) == (is_shared ? 1 : 4));
    BOOST_TEST(server.terminate() == 0);
    for (client& each : clients)
    {
        BOOST_TEST(each.receive_all() == "");
    }
}

BOOST_DATA_TEST_CASE(all_threads_answer_before_the_end, kinds, kind)
{
    example_process server("echo_server", on_four_threads(kind));
    std::string const bytes = pattern(50'000);
    std::vector<client> clients;
    for (int i = 0; i != 40; ++i)
    {
        client& c = clients.emplace_back(server.port(), 4096);
        c.send("x");
        BOOST_TEST_REQUIRE(c.receive(1) == "x");
    }
    for (client& each : clients)
    {
        each.send(bytes);
    }
    server.signal(SIGTERM);
    for (client& each : clients)
    {
        BOOST_TEST((each.receive_all() == bytes));
    }
    BOOST_TEST(server.wait() == 0);
}

BOOST_DATA_TEST_CASE(connections_come_and_go, kinds, kind)
{
    example_process server("echo_server", on_four_threads(kind));
    for (int i = 0; i != 300; ++i)
    {
        client c(server.port());
        c.send("hello");
        if (i % 3 != 0)
        {
            BOOST_TEST_REQUIRE(c.receive(5) == "hello");
        }
        i % 2 ? c.reset() : c.close();
    }
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_an_error)
{
    example_process first("echo_server");
    child_process second(
        {OPSLOT_EXAMPLE_DIR "/echo_server",
         "--threads",
         "2",
         "--port",
         std::to_string(first.port())});
    BOOST_TEST(second.wait() == 1);
    child_process none({OPSLOT_EXAMPLE_DIR "/echo_server", "--threads", "0"});
    BOOST_TEST(none.wait() == 2);
    BOOST_TEST(first.terminate() == 0);
}

// A server of which the io_context is run by a thread more.
class shared_server
{
public:
    shared_server(asio::io_context& io, tcp::endpoint const& endpoint)
        : server_(io, endpoint)
        , thread_([&io] { io.run(); })
    {}

    ~shared_server() { thread_.join(); }

    tcp::endpoint local_endpoint() const { return server_.local_endpoint(); }

private:
    support::session_server<session> server_;
    std::thread thread_;
};

BOOST_AUTO_TEST_CASE(
    no_message_allocates, *examples::where_allocations_are_seen())
{
    auto const run = examples::count_allocations<shared_server>(
        examples::echo_traffic, [](auto& io, auto const& endpoint) {
            return std::make_unique<shared_server>(io, endpoint);
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
