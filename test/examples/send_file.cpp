// threads: no

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_send_file
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "support/files.hpp"

namespace {

using examples::child_process;
using examples::client;
using examples::example_process;
using examples::pattern;
using support::temporary_file;

// What a client of a file is to get.
std::string answer(std::string const& content)
{
    return std::to_string(content.size()) + '\n' + content;
}

std::vector<std::string> const command{OPSLOT_EXAMPLE_DIR "/send_file"};

} // namespace

BOOST_AUTO_TEST_CASE(each_client_gets_the_whole_file)
{
    for (std::size_t const size : {0u, 5u, 20000u, 5000001u})
    {
        std::string const content = pattern(size);
        temporary_file const file(content);
        example_process server("send_file", {file.path().string()});
        std::vector<client> clients;
        for (int i = 0; i != 10; ++i)
        {
            clients.emplace_back(server.port());
        }
        for (client& each : clients)
        {
            BOOST_TEST((each.receive_all() == answer(content)));
        }
        BOOST_TEST(server.terminate() == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_or_stalls_harms_no_other)
{
    std::string const content = pattern(5000001);
    temporary_file const file(content);
    example_process server("send_file", {file.path().string()});
    client stalls(server.port(), 4096);
    client goes(server.port(), 4096);
    BOOST_TEST(goes.receive(10).size() == 10u);
    goes.reset();
    client reads(server.port());
    BOOST_TEST((reads.receive_all() == answer(content)));
    BOOST_TEST((stalls.receive(1000) == answer(content).substr(0, 1000)));
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_shrinks_ends_the_stream_early)
{
    std::string const content = pattern(20000001);
    temporary_file file(content);
    example_process server("send_file", {file.path().string()});
    client slow(server.port(), 4096);
    BOOST_TEST(slow.receive(10).size() == 10u);
    file.truncate(19000000);
    std::string const rest = slow.receive_all();
    BOOST_TEST((rest == answer(content).substr(10, rest.size())));
    BOOST_TEST(rest.size() == answer(content).size() - 10 - 1000001);
    BOOST_TEST(server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_ends_the_program_with_a_message)
{
    child_process missing({command[0], "--port", "0", "/nowhere/at/all"});
    BOOST_TEST(missing.wait() == 1);
    child_process directory({command[0], "--port", "0", "/"});
    BOOST_TEST(directory.wait() == 1);
    child_process nonsense({command[0], "--port", "port", "/"});
    BOOST_TEST(nonsense.wait() == 2);
    child_process nothing({command[0], "--port", "0"});
    BOOST_TEST(nothing.wait() == 2);
}
