// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The TLS server, with openssl s_client.

#include "support.hpp"

#define BOOST_TEST_MODULE apps_openssl
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

using apps::app_process;
using examples::child_process;

// Sends what stands in a here document, since a child has no input else.
std::vector<std::string> s_client(
    app_process const& server, std::string const& version, std::string text)
{
    return {
        "sh",
        "-c",
        "exec openssl s_client -connect 127.0.0.1:" +
            std::to_string(server.port()) + " -quiet " + version +
            " 2>&1 <<end_of_text\n" + text + "\nend_of_text\n"};
}

auto const versions = boost::unit_test::data::make(
    std::vector<std::string>{"-tls1_2", "-tls1_3"});

BOOST_DATA_TEST_CASE(s_client_gets_its_text_back, versions, version)
{
    app_process server("tls_echo");
    std::string const text(60'000, 'x');
    for (int i = 0; i != 3; ++i)
    {
        child_process client(s_client(server, version, text));
        // What it says of the certificate comes first.
        std::string line = client.read_line();
        while (!line.empty() && line.find("x") != 0)
        {
            line = client.read_line();
        }
        bool const is_same = line == text;
        BOOST_TEST(is_same);
        // It stays connected, and is ended here.
    }
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(who_does_not_speak_tls_is_left)
{
    app_process server("tls_echo");
    examples::client plain(server.port());
    plain.send("GET / HTTP/1.1\r\n\r\n");
    plain.receive_all();
    child_process client(s_client(server, "-tls1_3", "xyz"));
    std::string line = client.read_line();
    while (!line.empty() && line != "xyz")
    {
        line = client.read_line();
    }
    BOOST_TEST(line == "xyz");
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
