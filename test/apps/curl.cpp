// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The HTTP servers, with curl.

#include "support.hpp"

#define BOOST_TEST_MODULE apps_curl
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

using apps::app_process;

auto const servers = boost::unit_test::data::make(
    std::vector<std::string>{"http_server", "http_server_plain", "beast_http"});

// Prints the body, and then the status and how many connections were made.
bool curl(std::vector<std::string> const& arguments, std::string& output)
{
    return apps::run_curl("%{http_code} %{num_connects}\n", arguments, output);
}

std::string url_of(app_process const& server)
{
    return "http://127.0.0.1:" + std::to_string(server.port()) + '/';
}

BOOST_DATA_TEST_CASE(curl_reads_the_page, servers, program)
{
    app_process server(program);
    std::string const url = url_of(server);
    std::string output;
    if (!curl({url, url}, output))
    {
        return;
    }
    BOOST_TEST(output == "hello, world\n200 1\nhello, world\n200 0\n");
    curl({"-o", "/dev/null", url + "other"}, output);
    BOOST_TEST(output == "404 1\n");
    curl({"-H", "Connection: close", url}, output);
    BOOST_TEST(output == "hello, world\n200 1\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(what_was_posted_comes_back)
{
    app_process server("beast_http");
    std::string const body(100'000, 'x');
    std::string output;
    if (!curl({"--data-binary", body, url_of(server)}, output))
    {
        return;
    }
    bool const is_same = output == body + "200 1\n";
    BOOST_TEST(is_same);
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
