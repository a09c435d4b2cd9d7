// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_tcp_proxy
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tools.hpp"

#define main tcp_proxy_main
#include "../../example/tcp_proxy.cpp"
#undef main

namespace {

using namespace std::chrono_literals;
using examples::child_process;
using examples::client;
using examples::example_process;
using examples::pattern;
using examples::plain_server;

std::vector<std::string>
to(unsigned short port, std::vector<std::string> more = {})
{
    more.insert(more.end(), {"127.0.0.1", std::to_string(port)});
    return more;
}

// Both ends of a connection through a proxy.
struct passage
{
    explicit passage(std::vector<std::string> more = {}, int receive_buffer = 0)
        : proxy("tcp_proxy", to(behind.port(), std::move(more)))
        , near(proxy.port(), receive_buffer)
        , far(behind.accept())
    {}

    plain_server behind;
    example_process proxy;
    client near;
    client far;
};

BOOST_AUTO_TEST_CASE(bytes_go_both_ways)
{
    passage p;
    p.near.send("question");
    BOOST_TEST(p.far.receive(8) == "question");
    p.far.send("answer");
    BOOST_TEST(p.near.receive(6) == "answer");
    p.far.close();
    BOOST_TEST(p.proxy.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(each_end_may_stop_sending_first)
{
    std::string const bytes = pattern(300'000);
    {
        passage p;
        p.near.send("x");
        p.near.end_sending();
        BOOST_TEST(p.far.receive_all() == "x");
        p.far.send(bytes);
        p.far.close();
        BOOST_TEST((p.near.receive_all() == bytes));
    }
    {
        passage p;
        p.far.send("x");
        p.far.end_sending();
        BOOST_TEST(p.near.receive_all() == "x");
        p.near.send(bytes);
        p.near.close();
        BOOST_TEST((p.far.receive_all() == bytes));
        BOOST_TEST(p.proxy.terminate() == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_reset_reaches_the_other_end)
{
    passage p;
    p.near.send("x");
    BOOST_TEST(p.far.receive(1) == "x");
    p.near.reset();
    BOOST_TEST(p.far.receive_all() == "");
    client next(p.proxy.port());
    client far = p.behind.accept();
    far.send("x");
    BOOST_TEST(next.receive(1) == "x");
    far.reset();
    BOOST_TEST(next.receive_all() == "");
    BOOST_TEST(p.proxy.terminate() == 0);
}

// Sends until nobody takes any more.
std::string send_until_stuck(client& c)
{
    std::string const part = pattern(100'000);
    std::string sent;
    while (sent.size() < 200'000'000)
    {
        auto const n = c.send_some(part);
        sent.append(part, 0, n);
        if (n != part.size() && !c.takes_more(50ms))
        {
            break;
        }
    }
    return sent;
}

BOOST_AUTO_TEST_CASE(who_does_not_read_stops_the_other_end)
{
    passage p;
    std::string const sent = send_until_stuck(p.near);
    BOOST_TEST(sent.size() < 100'000'000u);
    // The other direction does not care.
    p.far.send("answer");
    BOOST_TEST(p.near.receive(6) == "answer");
    p.near.end_sending();
    BOOST_TEST((p.far.receive_all() == sent));
    p.far.close();
    BOOST_TEST(p.proxy.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_silent_connection_ends)
{
    passage p({"--idle-ms", "500"});
    p.near.send("x");
    BOOST_TEST(p.far.receive(1) == "x");
    BOOST_TEST(p.near.receive_all() == "");
    BOOST_TEST(p.far.receive_all() == "");
    BOOST_TEST(p.proxy.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_used_one_way_does_not_end)
{
    passage p({"--idle-ms", "1000"});
    for (int i = 0; i != 30; ++i)
    {
        p.far.send("x");
        BOOST_TEST_REQUIRE(p.near.receive(1) == "x");
        BOOST_TEST_REQUIRE(!p.near.has_input(50ms));
    }
    p.near.send("y");
    BOOST_TEST(p.far.receive(1) == "y");
    p.far.close();
    BOOST_TEST(p.proxy.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_stuck_connection_ends)
{
    passage p({"--idle-ms", "500"});
    send_until_stuck(p.near);
    BOOST_TEST(p.near.is_closed());
    BOOST_TEST(p.proxy.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_there_is_no_disaster)
{
    unsigned short port = 0;
    {
        plain_server gone;
        port = gone.port();
    }
    example_process proxy("tcp_proxy", to(port));
    for (int i = 0; i != 3; ++i)
    {
        client c(proxy.port());
        BOOST_TEST(c.receive_all() == "");
    }
    BOOST_TEST(proxy.terminate() == 0);
    child_process unknown(
        {OPSLOT_EXAMPLE_DIR "/tcp_proxy", "--port", "0", "not a host", "7"});
    BOOST_TEST(unknown.wait() == 1);
    child_process nothing({OPSLOT_EXAMPLE_DIR "/tcp_proxy", "--port", "0"});
    BOOST_TEST(nothing.wait() == 2);
}

BOOST_AUTO_TEST_CASE(a_signal_lets_the_reply_arrive)
{
    passage p;
    std::string const reply = pattern(1'000'000);
    p.near.send("question");
    BOOST_TEST(p.far.receive(8) == "question");
    p.proxy.signal(SIGTERM);
    BOOST_TEST(p.far.receive_all() == ""); // the proxy receives no more
    p.far.send(reply);
    p.far.close();
    BOOST_TEST((p.near.receive_all() == reply));
    BOOST_TEST(p.proxy.wait() == 0);
}

BOOST_AUTO_TEST_CASE(curl_and_wrk_are_content)
{
    example_process server("http_hello");
    example_process proxy("tcp_proxy", to(server.port()));
    std::string const url =
        "http://127.0.0.1:" + std::to_string(proxy.port()) + '/';
    std::string output;
    if (examples::run_curl("%{http_code}\n", {url, url}, output))
    {
        BOOST_TEST(output == "Hello, world!\n200\nHello, world!\n200\n");
    }
    BOOST_TEST(examples::wrk_is_content(url, output), output);
    BOOST_TEST(proxy.terminate() == 0);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(
    no_message_allocates, *examples::where_allocations_are_seen())
{
    using server = support::session_server<session>;
    example_process behind("echo_server");
    route r{{}, 60s};
    auto const run = examples::count_allocations<server>(
        examples::echo_traffic, [&](auto& io, auto const& endpoint) {
            r.endpoints = tcp::resolver::results_type::create(
                {boost::asio::ip::address_v4::loopback(), behind.port()},
                "",
                "");
            return std::make_unique<server>(
                tcp::acceptor(io, endpoint), [&r](tcp::socket socket) {
                    return std::make_shared<session>(std::move(socket), r);
                });
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
    BOOST_TEST(behind.terminate() == 0);
}

} // namespace
