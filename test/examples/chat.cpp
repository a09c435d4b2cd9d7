// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_chat
#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools.hpp"

#define main chat_main
#include "../../example/chat.cpp"
#undef main

namespace {

using namespace std::chrono_literals;
using examples::child_process;
using examples::client;
using examples::example_process;

// Clients that are known to be there: each has heard the others.
std::vector<client> join(unsigned short port, int count)
{
    std::vector<client> all;
    for (int i = 0; i != count; ++i)
    {
        client& last = all.emplace_back(port);
        last.send("here\n");
        for (client& each : all)
        {
            if (&each != &last && each.receive(5) != "here\n")
            {
                throw std::runtime_error("a client was not heard");
            }
        }
    }
    return all;
}

BOOST_AUTO_TEST_CASE(a_line_reaches_everybody_else)
{
    example_process server("chat");
    auto clients = join(server.port(), 20);
    for (int round = 0; round != 50; ++round)
    {
        clients[3].send("hello\nworld\n");
        for (std::size_t i = 0; i != clients.size(); ++i)
        {
            if (i != 3)
            {
                BOOST_TEST(clients[i].receive(12) == "hello\nworld\n");
            }
        }
    }
    BOOST_TEST(!clients[3].has_input(10ms));
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(lines_come_in_parts_and_long_ones_go_out_in_pieces)
{
    example_process server("chat");
    auto clients = join(server.port(), 2);
    clients[0].send("he");
    BOOST_TEST(!clients[1].has_input(20ms));
    clients[0].send("llo\nwor");
    BOOST_TEST(clients[1].receive(6) == "hello\n");
    std::string const text(3'000, 'x');
    clients[0].send("ld\n" + text + "\n\n");
    BOOST_TEST(
        clients[1].receive(text.size() + 8) == "world\n" + text + "\n\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(who_goes_is_not_missed)
{
    example_process server("chat");
    auto clients = join(server.port(), 30);
    clients[0].send("before\n");
    for (std::size_t i = 10; i != clients.size(); ++i)
    {
        i % 2 ? clients[i].reset() : clients[i].close();
    }
    for (int i = 0; i != 100; ++i)
    {
        clients[0].send("after\n");
    }
    std::string all = "before\n";
    for (int i = 0; i != 100; ++i)
    {
        all += "after\n";
    }
    for (std::size_t i = 1; i != 10; ++i)
    {
        BOOST_TEST(clients[i].receive(all.size()) == all);
    }
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_dropped)
{
    example_process server("chat");
    client slow(server.port(), 4096);
    auto clients = join(server.port(), 2);
    std::string const lines(50'000, 'x');
    std::size_t told = 0;
    for (; told < 15'000'000; told += lines.size() + 1)
    {
        clients[0].send(lines + "\n");
        BOOST_TEST_REQUIRE((clients[1].receive(50'001) == lines + "\n"));
    }
    // It gets what the system had taken, and then the end.
    BOOST_TEST(slow.receive_all().size() < told);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(lines_that_have_arrived_go_out_before_the_end)
{
    example_process server("chat");
    auto clients = join(server.port(), 10);
    std::string all;
    for (int i = 0; i != 50; ++i)
    {
        all += "line " + std::to_string(i) + "\n";
    }
    clients[0].send(all);
    server.signal(SIGTERM);
    for (std::size_t i = 1; i != clients.size(); ++i)
    {
        BOOST_TEST(clients[i].receive_all() == all);
    }
    BOOST_TEST(server.wait() == 0);
}

// curl speaks telnet, which is lines to this server.
BOOST_AUTO_TEST_CASE(curl_is_content)
{
    example_process server("chat");
    auto clients = join(server.port(), 1);
    child_process curl(
        {"sh",
         "-c",
         "echo hello | curl -q -s -m 20 telnet://127.0.0.1:" +
             std::to_string(server.port())});
    std::string const got =
        clients[0].has_input(examples::patience) ? clients[0].receive(6) : "";
    BOOST_TEST(got == "hello\n");
    clients[0].send("answer\n");
    BOOST_TEST(server.terminate() == 0);
}

// The server in this process.

void traffic(unsigned short port, std::function<void()> const& next_step)
{
    auto clients = join(port, 16);
    auto const all = [&] {
        for (int i = 0; i != 300; ++i)
        {
            std::string lines;
            for (int j = 0; j != 20; ++j)
            {
                lines += std::string(static_cast<std::size_t>(j), 'x') + "\n";
            }
            clients[0].send(lines);
            for (std::size_t j = 1; j != clients.size(); ++j)
            {
                if (clients[j].receive(lines.size()) != lines)
                {
                    throw std::runtime_error("a line is wrong");
                }
            }
        }
    };
    all();
    next_step();
    all();
    next_step();
}

BOOST_AUTO_TEST_CASE(no_line_allocates, *examples::where_allocations_are_seen())
{
    using server = support::session_server<session>;
    auto const run = examples::count_allocations<server>(
        traffic, [](auto& io, auto const& endpoint) {
            auto const all = std::make_shared<room>();
            return std::make_unique<server>(
                tcp::acceptor(io, endpoint), [all](tcp::socket socket) {
                    return std::make_shared<session>(std::move(socket), all);
                });
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
