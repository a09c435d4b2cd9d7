// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_pubsub
#include <boost/test/unit_test.hpp>

#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools.hpp"

#define main pubsub_main
#include "../../example/pubsub.cpp"
#undef main

namespace {

using namespace std::chrono_literals;
using examples::child_process;
using examples::client;
using examples::example_process;

std::string command(std::initializer_list<std::string_view> words)
{
    std::string all;
    resp::writer out(all);
    out.array(words.size());
    for (std::string_view each : words)
    {
        out.string(each);
    }
    return all;
}

std::string message(std::string_view channel, std::string_view text)
{
    return command({"message", channel, text});
}

std::string confirmation(std::string_view what, std::string_view channel, int n)
{
    return "*3\r\n" + command({what, channel}).substr(4) + ":" +
           std::to_string(n) + "\r\n";
}

// A subscriber that takes everything at once.
struct listener : resp::subscriber
{
    void flush() override
    {
        auto const b = out().next();
        received.append(static_cast<char const*>(b.data()), b.size());
    }

    void drop() override { is_dropped = true; }

    std::string received;
    bool is_dropped = false;
};

// What is replied to bytes that come in parts of this size.
std::string replies_to(std::string_view bytes, std::size_t part)
{
    resp::broker broker;
    listener l;
    resp::conversation c(broker, l);
    while (!bytes.empty() && !c.is_over())
    {
        auto const n = std::min({part, c.space().size(), bytes.size()});
        std::memcpy(c.space().data(), bytes.data(), n);
        bytes.remove_prefix(n);
        c.received(n);
        while (!c.obey() && !c.is_over())
        {}
    }
    broker.forget(l);
    return l.received;
}

// The same for every way to split them.
std::string replies_to(std::string_view bytes)
{
    std::string const whole = replies_to(bytes, bytes.size());
    for (std::size_t part = 1; part != 40; ++part)
    {
        BOOST_TEST(replies_to(bytes, part) == whole);
    }
    return whole;
}

BOOST_AUTO_TEST_CASE(what_is_no_command_ends_the_conversation)
{
    for (std::string_view each :
         {"PING\r\n",
          "\r\n",
          "*1\r\n+PING\r\n",
          "*1\r\n$5\r\nPING\r\n*1\r\n",
          "*1\r\n$-1\r\n",
          "*x\r\n",
          "*1 \r\n",
          "*99999999999999999999999\r\n",
          "*1025\r\n",
          "*0000000000000000000000000000000000001"})
    {
        BOOST_TEST_CONTEXT(each)
        {
            BOOST_TEST(
                replies_to(std::string(each) + command({"PING"})) ==
                "-ERR Protocol error\r\n");
        }
    }
    BOOST_TEST(
        replies_to(command({"SET", "k", std::string(16 * 1024, 'x')})) ==
        "-ERR Protocol error: too large a command\r\n");
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_an_error)
{
    BOOST_TEST(
        replies_to(command({"FLUSHALL"}) + command({"PING"})) ==
        "-ERR unknown command\r\n+PONG\r\n");
    BOOST_TEST(
        replies_to(command({"GET"})) == "-ERR wrong number of arguments\r\n");
    BOOST_TEST(
        replies_to(command({"GET", "a", "b"})) ==
        "-ERR wrong number of arguments\r\n");
    BOOST_TEST(
        replies_to(command({"SUBSCRIBE", "a"}) + command({"GET", "a"})) ==
        confirmation("subscribe", "a", 1) +
            "-ERR not while subscribed to a channel\r\n");
}

BOOST_AUTO_TEST_CASE(commands_are_obeyed_in_their_order)
{
    BOOST_TEST(replies_to(command({"PING"})) == "+PONG\r\n");
    BOOST_TEST(replies_to(command({"ping", "x"})) == "$1\r\nx\r\n");
    BOOST_TEST(replies_to("*0\r\n" + command({"PING"})) == "+PONG\r\n");
    BOOST_TEST(
        replies_to(
            command({"GET", "k"}) + command({"SET", "k", "a\r\nb"}) +
            command({"GET", "k"}) + command({"SET", "k", ""}) +
            command({"GET", "k"})) ==
        "$-1\r\n+OK\r\n$4\r\na\r\nb\r\n+OK\r\n$0\r\n\r\n");
    BOOST_TEST(replies_to(command({"QUIT"}) + command({"PING"})) == "+OK\r\n");
}

BOOST_AUTO_TEST_CASE(a_client_subscribes_and_unsubscribes)
{
    BOOST_TEST(
        replies_to(
            command({"SUBSCRIBE", "a", "b", "a"}) + command({"PING"}) +
            command({"UNSUBSCRIBE", "a", "c"}) + command({"UNSUBSCRIBE"}) +
            command({"UNSUBSCRIBE"}) + command({"PUBLISH", "a", "x"})) ==
        confirmation("subscribe", "a", 1) + confirmation("subscribe", "b", 2) +
            confirmation("subscribe", "a", 2) + command({"pong", ""}) +
            confirmation("unsubscribe", "a", 1) +
            confirmation("unsubscribe", "c", 1) +
            confirmation("unsubscribe", "b", 0) +
            "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n:0\r\n");
}

BOOST_AUTO_TEST_CASE(many_large_replies_do_not_stop_the_commands_behind)
{
    std::string const value(10'000, 'v');
    std::string commands = command({"SET", "k", value});
    std::string replies = "+OK\r\n";
    for (int i = 0; i != 100; ++i)
    {
        commands += command({"GET", "k"});
        replies += "$10000\r\n" + value + "\r\n";
    }
    BOOST_TEST((replies_to(commands, commands.size()) == replies));
}

// The program, from here on.

BOOST_AUTO_TEST_CASE(messages_reach_the_subscribers_of_their_channel)
{
    example_process server("pubsub");
    std::vector<client> subscribers;
    for (int i = 0; i != 50; ++i)
    {
        std::string const channel = i % 2 ? "odd" : "even";
        std::string const confirmed = confirmation("subscribe", channel, 1);
        client& c = subscribers.emplace_back(server.port());
        c.send(command({"SUBSCRIBE", channel}));
        BOOST_TEST(c.receive(confirmed.size()) == confirmed);
    }
    client publisher(server.port());
    std::string commands, replies, odd, even;
    for (int i = 0; i != 200; ++i)
    {
        std::string const text(static_cast<std::size_t>(i), 'x');
        commands += command({"PUBLISH", i % 2 ? "odd" : "even", text});
        (i % 2 ? odd : even) += message(i % 2 ? "odd" : "even", text);
        replies += ":25\r\n";
    }
    publisher.send(commands + command({"PUBLISH", "none", "x"}));
    BOOST_TEST(publisher.receive(replies.size() + 4) == replies + ":0\r\n");
    for (std::size_t i = 0; i != subscribers.size(); ++i)
    {
        std::string const& expected = i % 2 ? odd : even;
        bool const is_same =
            subscribers[i].receive(expected.size()) == expected;
        BOOST_TEST(is_same);
    }
    BOOST_TEST(server.terminate() == 0);
}

// Publishes until nobody is there to get it.
void publish_until_alone(client& publisher, std::string_view channel)
{
    std::string const text(8'000, 'x');
    std::string reply;
    for (int i = 0; i != 10'000 && reply != ":0\r\n"; ++i)
    {
        publisher.send(command({"PUBLISH", channel, text}));
        reply.clear();
        while (reply.empty() || reply.back() != '\n')
        {
            reply += publisher.receive(1);
        }
    }
    BOOST_TEST(reply == ":0\r\n");
}

BOOST_AUTO_TEST_CASE(a_subscriber_that_does_not_read_is_dropped)
{
    example_process server("pubsub");
    std::string const confirmed = confirmation("subscribe", "news", 1);
    client slow(server.port(), 4096);
    slow.send(command({"SUBSCRIBE", "news"}));
    BOOST_TEST(slow.receive(confirmed.size()) == confirmed);
    client publisher(server.port());
    publish_until_alone(publisher, "news");
    publisher.send(command({"PING"}));
    BOOST_TEST(publisher.receive(7) == "+PONG\r\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(who_has_gone_gets_nothing_more)
{
    example_process server("pubsub");
    std::string const confirmed = confirmation("subscribe", "news", 1);
    for (int i = 0; i != 30; ++i)
    {
        client c(server.port());
        c.send(command({"SUBSCRIBE", "news"}));
        c.receive(confirmed.size());
        i % 2 ? c.reset() : c.close();
    }
    client publisher(server.port());
    publish_until_alone(publisher, "news");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(who_does_not_read_its_replies_is_not_listened_to)
{
    example_process server("pubsub");
    client slow(server.port(), 4096);
    std::string const text(8'000, 'x');
    std::string const ping = command({"PING", text});
    std::string const pong = command({text}).substr(4);
    std::string sent;
    for (;;) // until the server does not read any more
    {
        auto const n = slow.send_some(ping);
        sent.append(ping, 0, n);
        if (n != ping.size())
        {
            break;
        }
    }
    client quick(server.port());
    quick.send(command({"PING"}));
    BOOST_TEST(quick.receive(7) == "+PONG\r\n");
    // It is when it does.
    for (std::size_t i = 0; i != sent.size() / ping.size(); ++i)
    {
        BOOST_TEST_REQUIRE((slow.receive(pong.size()) == pong));
    }
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(replies_arrive_before_the_end)
{
    example_process server("pubsub");
    client c(server.port());
    std::string pings, pongs;
    for (int i = 0; i != 5'000; ++i)
    {
        pings += command({"PING"});
        pongs += "+PONG\r\n";
    }
    c.send(pings + command({"QUIT"}));
    BOOST_TEST((c.receive_all() == pongs + "+OK\r\n"));
    client other(server.port());
    other.send(pings);
    other.end_sending();
    BOOST_TEST((other.receive_all() == pongs));
    client last(server.port());
    last.send(command({"PING"}));
    last.receive(7);
    last.send(pings);
    server.signal(SIGTERM);
    BOOST_TEST((last.receive_all() == pongs));
    BOOST_TEST(server.wait() == 0);
}

std::vector<std::string> redis(
    std::string const& tool,
    example_process const& server,
    std::vector<std::string> const& more)
{
    std::vector<std::string> all{tool, "-p", std::to_string(server.port())};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

BOOST_AUTO_TEST_CASE(redis_cli_is_content)
{
    example_process server("pubsub");
    std::string output;
    auto const run = [&](std::vector<std::string> const& more) {
        return examples::run_tool(redis("redis-cli", server, more), output);
    };
    if (!run({"PING"}))
    {
        return;
    }
    BOOST_TEST(output == "PONG\n");
    run({"SET", "key", "some value"});
    BOOST_TEST(output == "OK\n");
    run({"GET", "key"});
    BOOST_TEST(output == "some value\n");

    child_process subscriber(redis("redis-cli", server, {"SUBSCRIBE", "news"}));
    for (std::string const line : {"subscribe", "news", "1"})
    {
        BOOST_TEST(subscriber.read_line() == line);
    }
    run({"PUBLISH", "news", "hello"});
    BOOST_TEST(output == "1\n");
    for (std::string const line : {"message", "news", "hello"})
    {
        BOOST_TEST(subscriber.read_line() == line);
    }
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(redis_benchmark_is_content)
{
    example_process server("pubsub");
    for (std::string const depth : {"1", "16"}) // commands at a time
    {
        std::string output;
        if (!examples::run_tool(
                redis(
                    "redis-benchmark",
                    server,
                    {"-t",
                     "ping_mbulk,set,get",
                     "-n",
                     "5000",
                     "-c",
                     "20",
                     "-P",
                     depth,
                     "--csv"}),
                output))
        {
            return;
        }
        for (std::string const test : {"PING_MBULK", "SET", "GET"})
        {
            BOOST_TEST(output.find('"' + test) != output.npos, output);
        }
    }
    BOOST_TEST(server.terminate() == 0);
}

// The server in this process.

void traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<client> clients;
    std::string const confirmed = confirmation("subscribe", "news", 1);
    for (int i = 0; i != 16; ++i)
    {
        clients.emplace_back(port).send(command({"SUBSCRIBE", "news"}));
        clients.back().receive(confirmed.size());
    }
    client publisher(port);
    auto const expect = [](client& c, std::string const& bytes) {
        if (c.receive(bytes.size()) != bytes)
        {
            throw std::runtime_error("a reply is wrong");
        }
    };
    auto const all = [&] {
        for (int i = 0; i != 200; ++i)
        {
            std::string commands, replies, messages;
            for (std::size_t j = 0; j != 16; ++j)
            {
                std::string const text(10 * j, 'x');
                commands += command({"PUBLISH", "news", text}) +
                            command({"SET", "key", text}) +
                            command({"GET", "key"}) + command({"PING"});
                replies +=
                    ":16\r\n+OK\r\n" + command({text}).substr(4) + "+PONG\r\n";
                messages += message("news", text);
            }
            publisher.send(commands);
            expect(publisher, replies);
            for (client& each : clients)
            {
                expect(each, messages);
            }
        }
    };
    all();
    next_step();
    all();
    next_step();
}

BOOST_AUTO_TEST_CASE(
    no_message_allocates, *examples::where_allocations_are_seen())
{
    using server = support::session_server<session>;
    auto const run = examples::count_allocations<server>(
        traffic, [](auto& io, auto const& endpoint) {
            auto const broker = std::make_shared<resp::broker>();
            return std::make_unique<server>(
                tcp::acceptor(io, endpoint), [broker](tcp::socket socket) {
                    return std::make_shared<session>(std::move(socket), broker);
                });
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
