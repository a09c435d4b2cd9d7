// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The applications that talk in bytes and lines, with clients on the sockets of
// the system. Those that are built for plain Asio too behave the same.

#include "support.hpp"

#define BOOST_TEST_MODULE apps_sockets
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using apps::app_process;
using examples::client;
using examples::pattern;

auto const echoes = boost::unit_test::data::make(std::vector<std::string>{
    "echo", "echo_plain", "coroutine_echo", "stackful_echo"});
auto const chats = boost::unit_test::data::make(
    std::vector<std::string>{"chat", "chat_plain"});
auto const timeouts = boost::unit_test::data::make(
    std::vector<std::string>{"timeouts", "timeouts_plain"});

BOOST_DATA_TEST_CASE(bytes_come_back, echoes, program)
{
    app_process server(program);
    std::vector<client> clients;
    for (int i = 0; i != 100; ++i)
    {
        clients.emplace_back(server.port());
        clients.back().send(pattern(5000, static_cast<unsigned>(i + 1)));
    }
    bool all_right = true;
    for (unsigned i = 0; i != 100; ++i)
    {
        all_right =
            all_right && clients[i].receive(5000) == pattern(5000, i + 1);
    }
    BOOST_TEST(all_right);
    std::string const large = pattern(3'000'000);
    bool const is_same = clients[0].exchange(large) == large;
    BOOST_TEST(is_same);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(connections_may_end_in_any_way, echoes, program)
{
    app_process server(program);
    for (int i = 0; i != 30; ++i)
    {
        client c(server.port());
        c.send(pattern(10'000));
        if (i % 3 == 0)
        {
            c.reset();
        }
        else if (i % 3 == 1)
        {
            c.end_sending();
            BOOST_TEST(c.receive_all().size() == 10'000u);
        }
    }
    client c(server.port());
    c.send("still here");
    BOOST_TEST(c.receive(10) == "still here");
    // One is open, and its receive pending.
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(everybody_reads_each_line, chats, program)
{
    app_process server(program);
    client first(server.port());
    first.send("hello\n");
    BOOST_TEST(first.receive(6) == "hello\n");
    // Who comes later reads what was said before.
    client second(server.port());
    BOOST_TEST(second.receive(6) == "hello\n");
    second.send("hi\nhow is it");
    BOOST_TEST(first.receive(3) == "hi\n");
    second.send(" there?\n");
    BOOST_TEST(first.receive(17) == "how is it there?\n");
    BOOST_TEST(second.receive(20) == "hi\nhow is it there?\n");
    // Who resets, or says too much in a line, is gone.
    first.reset();
    second.send("bye\n");
    BOOST_TEST(second.receive(4) == "bye\n");
    second.send(std::string(2000, 'x'));
    client third(server.port());
    BOOST_TEST(third.receive(30) == "hello\nhi\nhow is it there?\nbye\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(a_burst_of_lines_is_delivered, chats, program)
{
    app_process server(program);
    std::vector<client> clients;
    for (int i = 0; i != 20; ++i)
    {
        clients.emplace_back(server.port());
        // Its own line comes when it is in the room.
        clients.back().send("here\n");
    }
    std::string lines;
    for (int i = 0; i != 200; ++i)
    {
        lines += "line " + std::to_string(i) + "\n";
    }
    clients.front().send(lines);
    bool all_right = true;
    for (client& each : clients)
    {
        std::string const heard = each.receive(20 * 5 + lines.size());
        all_right = all_right && heard.find("line 0\n") != heard.npos &&
                    heard.find("line 199\n") != heard.npos;
    }
    BOOST_TEST(all_right);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(who_is_silent_is_sent_away, timeouts, program)
{
    using clock = std::chrono::steady_clock;
    app_process server(program);
    client talks(server.port());
    client silent(server.port());
    auto const begin = clock::now();
    std::string heard;
    // The silent one is sent away in the meantime, the other one is not.
    while (!silent.has_input(std::chrono::milliseconds(20)))
    {
        talks.send("ping\n");
        heard = talks.receive(5);
        BOOST_TEST_REQUIRE(heard == "ping\n");
    }
    BOOST_TEST(
        (clock::now() - begin >= std::chrono::milliseconds(249)),
        "it came too early");
    BOOST_TEST(silent.receive_all() == "too slow\n");
    BOOST_TEST(talks.receive_all() == "too slow\n");
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
