// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The examples with TLS, as programs with real clients.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_tls
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "tools.hpp"

namespace {

using namespace std::chrono_literals;
using examples::child_process;
using examples::client;
using examples::example_process;

// Sends what stands in a here document, since a child has no input else.
std::vector<std::string> s_client(
    example_process const& server, std::string const& version, std::string text)
{
    return {
        "sh",
        "-c",
        "exec openssl s_client -connect 127.0.0.1:" +
            std::to_string(server.port()) + " -quiet " + version +
            " 2>&1 <<end_of_text\n" + text + "\nend_of_text\n"};
}

// What comes behind what it says of the certificate.
std::string line_with(child_process& program, std::string const& begin)
{
    std::string line = program.read_line();
    while (!line.empty() && line.find(begin) != 0)
    {
        line = program.read_line();
    }
    return line;
}

auto const versions = boost::unit_test::data::make(
    std::vector<std::string>{"-tls1_2", "-tls1_3"});

BOOST_DATA_TEST_CASE(s_client_gets_its_text_back, versions, version)
{
    example_process server("tls_echo");
    std::string const text(60'000, 'x');
    child_process stays(s_client(server, version, "here"));
    BOOST_TEST(line_with(stays, "here") == "here");
    for (int i = 0; i != 2; ++i)
    {
        child_process c(s_client(server, version, text));
        BOOST_TEST((line_with(c, "x") == text));
    }
    // The end of the server is the end of the stream, not a broken one.
    BOOST_TEST(server.terminate() == 0);
    std::string const rest = stays.read_all();
    BOOST_TEST(rest.find("error") == rest.npos, rest);
    BOOST_TEST(stays.wait() == 0);
}

BOOST_AUTO_TEST_CASE(who_does_not_speak_tls_is_left)
{
    example_process server("tls_echo");
    client silent(server.port());
    client plain(server.port());
    plain.send("GET / HTTP/1.1\r\n\r\n");
    plain.receive_all();
    for (int i = 0; i != 30; ++i)
    {
        client goes(server.port());
        goes.send("\x16\x03\x01");
        goes.reset();
    }
    child_process c(s_client(server, "-tls1_3", "xyz"));
    BOOST_TEST(line_with(c, "xyz") == "xyz");
    BOOST_TEST(server.terminate() == 0);
    BOOST_TEST(silent.receive_all() == "");
}

BOOST_AUTO_TEST_CASE(curl_is_content)
{
    example_process server("https_hello");
    std::string const url =
        "https://127.0.0.1:" + std::to_string(server.port()) + '/';
    std::string output;
    auto const run = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "-k");
        return examples::run_curl(
            "%{http_code} %{num_connects}\n", arguments, output);
    };
    if (!run({url, url}))
    {
        return;
    }
    BOOST_TEST(output == "Hello, world!\n200 1\nHello, world!\n200 0\n");
    run({"-H", "Connection: close", url});
    BOOST_TEST(output == "Hello, world!\n200 1\n");
    run({url + "other"});
    BOOST_TEST(output == "There is only /.\n404 1\n");
    run({"-d", std::string(50'000, 'x'), url});
    BOOST_TEST(output == "Hello, world!\n200 1\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(wrk_is_content)
{
    example_process server("https_hello");
    std::string const url =
        "https://127.0.0.1:" + std::to_string(server.port()) + '/';
    std::string output;
    BOOST_TEST(examples::wrk_is_content(url, output), output);
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
