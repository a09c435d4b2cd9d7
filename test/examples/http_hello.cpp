// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_http_hello
#include <boost/test/unit_test.hpp>

#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools.hpp"

#define main http_hello_main
#include "../../example/http_hello.cpp"
#undef main

namespace {

using examples::client;
using examples::example_process;

std::string const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
std::string const hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 14\r\n\r\nHello, world!\n";
std::string const not_found =
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
    "Content-Length: 17\r\n\r\nThere is only /.\n";

// What a conversation answers to bytes that come in parts of this size.
std::string replies_to(std::string_view bytes, std::size_t part)
{
    http::conversation c(answer);
    std::string all;
    while (!bytes.empty())
    {
        auto const space = c.space();
        auto const n = std::min({part, space.size(), bytes.size()});
        std::memcpy(space.data(), bytes.data(), n);
        bytes.remove_prefix(n);
        c.received(n);
        for (auto r = c.replies(); r.size() != 0; r = c.replies())
        {
            all.append(static_cast<char const*>(r.data()), r.size());
        }
    }
    return all;
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

std::string status_of(std::string_view bytes)
{
    std::string const all = replies_to(bytes);
    return all.substr(0, all.find('\r'));
}

// A request with one more field.
std::string with(std::string_view field)
{
    return "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(field) + "\r\n\r\n";
}

bool closes(std::string const& reply)
{
    return reply.find("\r\nConnection: close\r\n") != reply.npos;
}

BOOST_AUTO_TEST_CASE(a_malformed_request_is_refused)
{
    std::string const bad = "HTTP/1.1 400 Bad Request";
    for (std::string_view each :
         {"garbage\r\n\r\n",
          "\n",
          "garbage\n",
          " GET / HTTP/1.1\r\n",
          "GET /\r\n",
          "GET  HTTP/1.1\r\n",
          "GET / /a HTTP/1.1\r\n",
          "GET / HTTP/2.0\r\n",
          "GET / HTTP/1.1 \r\n",
          "G(T / HTTP/1.1\r\n",
          "GET / HTTP/1.1\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
          "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: x\n\r\n"})
    {
        BOOST_TEST_CONTEXT(each)
        {
            BOOST_TEST(status_of(each) == bad);
        }
    }
    for (std::string_view each : {"", "x", "-1", "+1", "1 1", "0x10", "1,2"})
    {
        BOOST_TEST_CONTEXT(each)
        {
            BOOST_TEST(
                status_of(with("Content-Length: " + std::string(each))) == bad);
        }
    }
    BOOST_TEST(
        status_of(with("Content-Length: 1\r\nContent-Length: 2")) == bad);
    BOOST_TEST(closes(replies_to("garbage\r\n")));
}

BOOST_AUTO_TEST_CASE(nothing_is_answered_after_a_refusal)
{
    BOOST_TEST(replies_to("garbage\r\n" + get) == replies_to("garbage\r\n"));
}

BOOST_AUTO_TEST_CASE(what_is_not_supported_is_refused)
{
    BOOST_TEST(
        status_of(with("Transfer-Encoding: chunked")) ==
        "HTTP/1.1 501 Not Implemented");
    BOOST_TEST(
        status_of(with("Content-Length: 99999999999999999999")) ==
        "HTTP/1.1 413 Content Too Large");
}

BOOST_AUTO_TEST_CASE(a_head_larger_than_the_buffer_is_refused)
{
    std::string const too_large =
        "HTTP/1.1 431 Request Header Fields Too Large";
    auto const head_of = [](std::size_t size) {
        return with("X: " + std::string(size - with("X: ").size(), 'x'));
    };
    BOOST_TEST(replies_to(head_of(8192)) == hello);
    BOOST_TEST(status_of(head_of(8193)) == too_large);
    BOOST_TEST(status_of(std::string(8192, 'x')) == too_large);
    // Also if it does not begin where the buffer does.
    BOOST_TEST(replies_to(get + head_of(8192)) == hello + hello);
}

BOOST_AUTO_TEST_CASE(requests_are_answered_in_their_order)
{
    std::string const other = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";
    BOOST_TEST(
        replies_to(get + other + "\r\n" + get) == hello + not_found + hello);
    std::string requests;
    std::string replies;
    for (int i = 0; i != 500; ++i)
    {
        requests += i % 3 ? get : other;
        replies += i % 3 ? hello : not_found;
    }
    BOOST_TEST(replies_to(requests) == replies);
}

BOOST_AUTO_TEST_CASE(head_has_no_body)
{
    BOOST_TEST(
        replies_to("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + get) ==
        hello.substr(0, hello.find("\r\n\r\n") + 4) + hello);
}

BOOST_AUTO_TEST_CASE(a_query_is_not_part_of_the_path)
{
    BOOST_TEST(replies_to("GET /?a=/b HTTP/1.1\r\nhost:x\r\n\r\n") == hello);
}

BOOST_AUTO_TEST_CASE(a_body_is_skipped)
{
    std::string const post = "POST / HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 30000\r\n\r\n";
    BOOST_TEST(
        replies_to(post + std::string(30'000, '\n') + get) == hello + hello);
    BOOST_TEST(replies_to(with("Content-Length: 0") + get) == hello + hello);
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_is_told_to_continue)
{
    std::string const post = "POST / HTTP/1.1\r\nHost: x\r\n"
                             "Expect: 100-Continue\r\n"
                             "Content-Length: 4\r\n\r\n";
    std::string const go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    BOOST_TEST(replies_to(post, 1000) == go_on);
    BOOST_TEST(replies_to(post + "body", post.size()) == go_on + hello);
    BOOST_TEST(replies_to(post + "body", 1000) == hello);
}

BOOST_AUTO_TEST_CASE(the_connection_persists_as_the_client_says)
{
    BOOST_TEST(!closes(replies_to(get)));
    BOOST_TEST(!closes(replies_to(with("Connection: upgrade"))));
    for (std::string_view each :
         {"close", "Close", "keep-alive, close", "close ,keep-alive", ",close"})
    {
        BOOST_TEST_CONTEXT(each)
        {
            std::string const last = with("Connection: " + std::string(each));
            BOOST_TEST(closes(replies_to(last)));
            BOOST_TEST(replies_to(last + get) == replies_to(last));
        }
    }
    std::string const old = "GET / HTTP/1.0\r\n";
    BOOST_TEST(closes(replies_to(old + "\r\n")));
    std::string const kept = replies_to(old + "Connection: Keep-Alive\r\n\r\n");
    BOOST_TEST(!closes(kept));
    BOOST_TEST(kept.find("\r\nConnection: keep-alive\r\n") != kept.npos);
}

// The program, from here on.

BOOST_AUTO_TEST_CASE(a_request_in_parts_is_answered)
{
    example_process server("http_hello");
    client c(server.port());
    for (char each : get)
    {
        c.send({&each, 1});
    }
    BOOST_TEST(c.receive(hello.size()) == hello);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_before_the_end)
{
    example_process server("http_hello");
    client c(server.port());
    std::string requests;
    std::string replies;
    for (int i = 0; i != 1000; ++i)
    {
        requests += get;
        replies += hello;
    }
    c.send(requests);
    c.end_sending();
    BOOST_TEST(c.receive_all() == replies);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_refusal_arrives_in_spite_of_unread_bytes)
{
    example_process server("http_hello");
    client c(server.port());
    c.send(std::string(200'000, 'x'));
    std::string const reply = c.receive_all();
    BOOST_TEST(reply.substr(0, 12) == "HTTP/1.1 431");
    client other(server.port());
    other.send(with("Connection: close"));
    BOOST_TEST(closes(other.receive_all()));
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(resets_and_signals_are_survived)
{
    example_process server("http_hello");
    client idle(server.port());
    for (int i = 0; i != 50; ++i)
    {
        client c(server.port());
        c.send(get + get.substr(0, 20));
        c.reset();
    }
    idle.send(get);
    BOOST_TEST(idle.receive(hello.size()) == hello);
    BOOST_TEST(server.terminate() == 0);
    BOOST_TEST(idle.receive_all() == "");
}

BOOST_AUTO_TEST_CASE(curl_is_content)
{
    example_process server("http_hello");
    std::string const url =
        "http://127.0.0.1:" + std::to_string(server.port()) + '/';
    std::string const format = "%{http_code} %{num_connects}\n";
    std::string output;
    auto const run = [&](std::vector<std::string> const& more) {
        return examples::run_curl(format, more, output);
    };
    if (!run({url, url}))
    {
        return;
    }
    BOOST_TEST(output == "Hello, world!\n200 1\nHello, world!\n200 0\n");
    run({"-I", url, "-o", "/dev/null"});
    BOOST_TEST(output == "200 1\n");
    run({"-0", url});
    BOOST_TEST(output == "Hello, world!\n200 1\n");
    run({url + "other"});
    BOOST_TEST(output == "There is only /.\n404 1\n");
    run({"-H", "Transfer-Encoding: chunked", "-d", "x", url});
    BOOST_TEST(output == "501 Not Implemented501 1\n");
    run({"-H", "Expect: 100-continue", "-d", std::string(50'000, 'x'), url});
    BOOST_TEST(output == "Hello, world!\n200 1\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(wrk_is_content)
{
    example_process server("http_hello");
    std::string const url =
        "http://127.0.0.1:" + std::to_string(server.port()) + '/';
    std::string output;
    BOOST_TEST(examples::wrk_is_content(url, output), output);
    BOOST_TEST(server.terminate() == 0);
}

// The server in this process.

void http_traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<client> clients;
    for (int i = 0; i != 16; ++i)
    {
        clients.emplace_back(port);
    }
    auto const round = [&](int depth) {
        std::string requests;
        std::string replies;
        for (int i = 0; i != depth; ++i)
        {
            requests += get;
            replies += hello;
        }
        for (client& each : clients)
        {
            each.send(requests);
        }
        for (client& each : clients)
        {
            if (each.receive(replies.size()) != replies)
            {
                throw std::runtime_error("a reply is wrong");
            }
        }
    };
    auto const all = [&] {
        for (int i = 0; i != 200; ++i)
        {
            round(1);
            round(16);
            round(200);
        }
    };
    all();
    next_step();
    all();
    next_step();
}

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return opslot::testing::allocation_counter::available();
}

BOOST_AUTO_TEST_CASE(
    no_request_allocates, *boost::unit_test::precondition(allocations_are_seen))
{
    using server = support::session_server<session>;
    auto const run = examples::count_allocations<server>(
        http_traffic, [](auto& io, auto const& endpoint) {
            opslot::reactor_options options;
            options.single_threaded = true;
            opslot::configure(io, options);
            return std::make_unique<server>(io, endpoint);
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
