// threads: no

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_connect_by_name
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

using examples::child_process;
using examples::example_process;

child_process
run(std::string const& host, std::string const& service, std::string line)
{
    return child_process(
        {OPSLOT_EXAMPLE_DIR "/connect_by_name",
         host,
         service,
         std::move(line)});
}

} // namespace

BOOST_AUTO_TEST_CASE(a_line_comes_back_from_a_name_and_from_addresses)
{
    example_process server("echo_server");
    std::string const port = std::to_string(server.port());
    for (std::string const host : {"localhost", "127.0.0.1"})
    {
        for (std::string const& line :
             {std::string("hello"),
              std::string(),
              std::string(100'000, 'x') + "end"})
        {
            child_process client = run(host, port, line);
            BOOST_TEST((client.read_line() == line));
            BOOST_TEST(client.wait() == 0);
        }
    }
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(whatever_goes_wrong_has_its_exit_status)
{
    BOOST_TEST(run("not a host", "7", "x").wait() == 1);
    BOOST_TEST(run("127.0.0.1", "65536", "x").wait() == 1);
    BOOST_TEST(run("", "7", "x").wait() == 1);
    child_process few({OPSLOT_EXAMPLE_DIR "/connect_by_name", "localhost"});
    BOOST_TEST(few.wait() == 2);
    // A port at which somebody has just stopped to listen.
    example_process server("echo_server");
    std::string const port = std::to_string(server.port());
    BOOST_TEST(server.terminate() == 0);
    BOOST_TEST(run("127.0.0.1", port, "x").wait() == 1);
}
