// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_name_server
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "datagram_client.hpp"
#include "support/files.hpp"
#include "tools.hpp"

#define main name_server_main
#include "../../example/name_server.cpp"
#undef main

namespace {

using examples::child_process;
using examples::datagram_client;
using examples::example_process;

char const* const table = "# comment\n"
                          "127.0.0.1 localhost\n"
                          "::1       localhost ip6-localhost # and more\n"
                          "10.0.0.1  host.Example host2.example\n"
                          "10.0.0.2  host.example\n"
                          "nonsense  nonsense.example\n"
                          "\n";

using namespace std::string_literals;

std::string const a = "\0\1"s;
std::string const aaaa = "\0\34"s;
std::string const mx = "\0\17"s;
std::string const in = "\0\1"s;
std::string const query_head = "id\1\0\0\1\0\0\0\0\0\0"s;

std::string question(std::string_view name, std::string const& type)
{
    std::string all;
    while (!name.empty())
    {
        auto const label = name.substr(0, name.find('.'));
        all += static_cast<char>(label.size());
        all += label;
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    return all + '\0' + type + in;
}

std::string address(std::string const& type, std::string const& bytes)
{
    return "\xc0\x0c"s + type + in + "\0\0\0\74\0"s +
           static_cast<char>(bytes.size()) + bytes;
}

// The head of a reply: what went wrong, how many questions and answers.
std::string reply_head(char code, char questions, char answers)
{
    return "id\x85"s + code + '\0' + questions + '\0' + answers + "\0\0\0\0"s;
}

dns::hosts const& hosts()
{
    static support::temporary_file const file(table);
    static dns::hosts const all(file.path().string());
    return all;
}

std::string reply_to(std::string const& query)
{
    std::array<char, dns::responder::capacity> buffer{};
    query.copy(buffer.data(), buffer.size());
    dns::responder r(hosts());
    return {buffer.data(), r.answer(buffer.data(), query.size())};
}

BOOST_AUTO_TEST_CASE(what_is_no_query_has_no_reply)
{
    BOOST_TEST(reply_to("") == "");
    BOOST_TEST(reply_to(query_head.substr(0, 11)) == "");
    BOOST_TEST(reply_to(reply_head(0, 1, 0) + question("localhost", a)) == "");
}

BOOST_AUTO_TEST_CASE(what_is_malformed_is_refused)
{
    std::string const format_error = reply_head(1, 0, 0);
    std::string const q = question("localhost", a);
    for (std::size_t size = 0; size != q.size(); ++size)
    {
        BOOST_TEST(reply_to(query_head + q.substr(0, size)) == format_error);
    }
    // Two questions, a pointer, a label and a name that are too long.
    BOOST_TEST(reply_to("id\1\0\0\2\0\0\0\0\0\0"s + q + q) == format_error);
    BOOST_TEST(reply_to(query_head + "\xc0\x0c"s + a + in) == format_error);
    BOOST_TEST(
        reply_to(query_head + question(std::string(64, 'x'), a)) ==
        format_error);
    std::string const label = std::string(62, 'x') + '.';
    BOOST_TEST(
        reply_to(
            query_head +
            question(label + label + label + label + label + 'x', a)) ==
        format_error);
    BOOST_TEST(
        reply_to("id\x29\0\0\1\0\0\0\0\0\0"s + q) ==
        "id\xad\4\0\0\0\0\0\0\0\0"s); // an update
    BOOST_TEST(
        reply_to(query_head + q.substr(0, q.size() - 1) + '\3') ==
        reply_head(5, 1, 0) + q.substr(0, q.size() - 1) + '\3'); // CHAOS
}

BOOST_AUTO_TEST_CASE(names_have_the_addresses_of_the_file)
{
    auto const answers = [](std::string_view name, std::string const& type) {
        std::string const q = question(name, type);
        std::string const reply = reply_to(query_head + q);
        BOOST_TEST(reply.substr(12, q.size()) == q);
        return reply.substr(0, 12) + reply.substr(12 + q.size());
    };
    std::string const one = "\12\0\0\1"s, two = "\12\0\0\2"s;
    BOOST_TEST(
        answers("host2.example", a) == reply_head(0, 1, 1) + address(a, one));
    BOOST_TEST(
        answers("HOST.example", a) ==
        reply_head(0, 1, 2) + address(a, one) + address(a, two));
    BOOST_TEST(
        answers("ip6-localhost", aaaa) ==
        reply_head(0, 1, 1) + address(aaaa, std::string(15, '\0') + '\1'));
    BOOST_TEST(answers("ip6-localhost", a) == reply_head(0, 1, 0));
    BOOST_TEST(answers("localhost", mx) == reply_head(0, 1, 0));
    BOOST_TEST(answers("none.example", a) == reply_head(3, 1, 0));
    BOOST_TEST(answers("nonsense.example", a) == reply_head(3, 1, 0));
    BOOST_TEST(answers("", a) == reply_head(3, 1, 0));
}

BOOST_AUTO_TEST_CASE(a_reply_is_no_longer_than_a_datagram)
{
    dns::hosts many;
    for (unsigned i = 0; i != 100; ++i)
    {
        many.add("many", boost::asio::ip::address_v4(i));
    }
    dns::responder r(many);
    std::array<char, dns::responder::capacity> buffer{};
    std::string const query = query_head + question("many", a);
    query.copy(buffer.data(), buffer.size());
    auto const size = r.answer(buffer.data(), query.size());
    BOOST_TEST(size <= buffer.size());
    BOOST_TEST((size - query.size()) / 16 == std::size_t(buffer[7]));
}

// The program, from here on.

BOOST_AUTO_TEST_CASE(drill_is_content)
{
    support::temporary_file const file(table);
    example_process server("name_server", {file.path().string()});
    std::string output;
    auto const drill = [&](std::string const& name, std::string const& type) {
        return examples::run_tool(
            {"drill",
             "-p",
             std::to_string(server.port()),
             name,
             "@127.0.0.1",
             type},
            output);
    };
    if (!drill("localhost", "A"))
    {
        return;
    }
    BOOST_TEST(output.find("rcode: NOERROR") != output.npos, output);
    BOOST_TEST(
        output.find("localhost.\t60\tIN\tA\t127.0.0.1") != output.npos, output);
    drill("ip6-localhost", "AAAA");
    BOOST_TEST(output.find("IN\tAAAA\t::1") != output.npos, output);
    drill("none.example", "A");
    BOOST_TEST(output.find("rcode: NXDOMAIN") != output.npos, output);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(nonsense_harms_nobody)
{
    support::temporary_file const file(table);
    example_process server("name_server", {file.path().string()});
    datagram_client c(server.port());
    for (std::size_t size : {0u, 1u, 11u, 12u, 511u, 512u, 513u, 60'000u})
    {
        c.send(std::string(size, '\xff'));
        c.send(examples::pattern(size));
    }
    {
        datagram_client gone(server.port()); // and its reply with it
        gone.send(query_head + question("localhost", a));
    }
    datagram_client other(server.port());
    other.send(query_head + question("host2.example", a));
    BOOST_TEST(other.receive().substr(0, 12) == reply_head(0, 1, 1));
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_ends_the_program)
{
    child_process missing(
        {OPSLOT_EXAMPLE_DIR "/name_server", "--port", "0", "/nowhere/at/all"});
    BOOST_TEST(missing.wait() == 1);
    child_process none({OPSLOT_EXAMPLE_DIR "/name_server", "--port", "0"});
    BOOST_TEST(none.wait() == 2);
}

// The server in this process.

void traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<datagram_client> clients;
    for (int i = 0; i != 16; ++i)
    {
        clients.emplace_back(port);
    }
    auto const all = [&] {
        for (int i = 0; i != 200; ++i)
        {
            for (datagram_client& each : clients)
            {
                each.send(query_head + question("a-long-name.example", a));
                each.send(query_head + question("host.example", a));
            }
            for (datagram_client& each : clients)
            {
                if (each.receive().substr(0, 12) != reply_head(3, 1, 0) ||
                    each.receive().substr(0, 12) != reply_head(0, 1, 2))
                {
                    throw std::runtime_error("a reply is wrong");
                }
            }
        }
    };
    all();
    next_step();
    all();
    next_step();
}

BOOST_AUTO_TEST_CASE(
    no_query_allocates, *examples::where_allocations_are_seen())
{
    auto const run = examples::count_allocations<server>(
        traffic, [](auto& io, auto const& endpoint) {
            return std::make_unique<server>(
                udp::socket(
                    io, udp::endpoint(endpoint.address(), endpoint.port())),
                hosts());
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
