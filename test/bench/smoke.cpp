// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The driver of the benchmarks, with the least to do.

#include "../examples/support.hpp"

#define BOOST_TEST_MODULE bench_smoke
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace {

namespace json = boost::json;

std::string const driver = OPSLOT_BENCH_DRIVER;

/// What the driver writes to a file, from the command line.
json::array results_of(std::vector<std::string> command)
{
    auto const file =
        std::filesystem::temp_directory_path() /
        ("opslot_bench_smoke_" + std::to_string(::getpid()) + ".json");
    command.insert(command.begin(), {driver, "--out", file.string()});
    examples::child_process process(command);
    // It tells of each cell when it has it; together they may take a while.
    constexpr int most_lines = 5000;
    for (int i = 0; i != most_lines; ++i)
    {
        if (process.read_line().rfind("Every byte", 0) == 0)
        {
            break;
        }
    }
    BOOST_TEST(process.wait() == 0);
    std::ifstream in(file);
    std::string const text((std::istreambuf_iterator<char>(in)), {});
    std::filesystem::remove(file);
    return json::parse(text).as_array();
}

bool is_figure(json::value const& v)
{
    return v.is_null() || (v.is_number() && v.to_number<double>() >= 0);
}

BOOST_AUTO_TEST_CASE(every_suite_runs_and_its_bytes_are_right)
{
    std::set<std::string> suites;
    std::set<std::string> servers;
    // The driver fails if a server fails or a wrong byte comes back.
    for (json::value const& each : results_of({"--smoke"}))
    {
        json::object const& row = each.as_object();
        suites.emplace(row.at("suite").as_string());
        servers.emplace(row.at("server").as_string());
        BOOST_TEST(!row.at("cell").as_string().empty());
        for (char const* const name :
             {"rate",
              "cpu_ns",
              "syscalls",
              "allocations",
              "p50_us",
              "p99_us",
              "p999_us",
              "rss_kb",
              "user_instructions",
              "rate_ratio",
              "cpu_ratio"})
        {
            BOOST_TEST(is_figure(row.at(name)), name);
        }
        BOOST_TEST(row.at("rss_kb").is_number());
        if (row.at("suite").as_string() != "idle")
        {
            BOOST_TEST(row.at("rate").to_number<double>() > 0);
            BOOST_TEST(row.at("rate_ratio").is_number());
            BOOST_TEST(row.at("syscalls").to_number<double>() > 0);
        }
    }
    std::set<std::string> const expected_suites{
        "accept_churn",
        "broadcast",
        "bursts",
        "coroutines",
        "echo",
        "files",
        "foreign_thread",
        "forms",
        "http",
        "idle",
        "pipelined",
        "queued_sends",
        "timeouts",
        "tls",
        "two_threads",
        "udp_echo",
        "udp_receive",
        "udp_send"};
    std::set<std::string> const expected_servers{
        "asio", "asio_concrete", "epoll", "libuv", "opslot", "slotted"};
    BOOST_TEST(suites == expected_suites, boost::test_tools::per_element());
    BOOST_TEST(servers == expected_servers, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(suites_and_servers_can_be_chosen)
{
    json::array const rows =
        results_of({"--smoke", "--suite", "pipelined", "--server", "epoll"});
    BOOST_TEST_REQUIRE(!rows.empty());
    for (json::value const& each : rows)
    {
        BOOST_TEST(each.at("suite").as_string() == "pipelined");
        BOOST_TEST(each.at("server").as_string() == "epoll");
        // There is no server to compare with.
        BOOST_TEST(each.at("rate_ratio").is_null());
    }
}

BOOST_AUTO_TEST_CASE(names_that_do_not_exist_are_an_error)
{
    for (char const* const option : {"--suite", "--server"})
    {
        examples::child_process process({driver, option, "nonsense"});
        BOOST_TEST(process.wait() == 2);
    }
}

} // namespace
