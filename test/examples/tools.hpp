#ifndef OPSLOT_TEST_EXAMPLES_TOOLS_HPP
#define OPSLOT_TEST_EXAMPLES_TOOLS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Clients of the system, and what else needs Boost.Test.

#include <opslot/testing/allocation_counter.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

#include "child_process.hpp"

namespace examples {

inline boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return opslot::testing::allocation_counter::available();
}

/// For the tests that count allocations.
inline auto where_allocations_are_seen()
{
    return boost::unit_test::precondition(allocations_are_seen);
}

/// What a client that ends by itself has printed. Fails the test if it ends in
/// any other way than well; a client that is not installed is only reported.
inline bool run_tool(std::vector<std::string> command, std::string& output)
{
    std::string const name = command.front();
    child_process tool(std::move(command));
    if (!tool.is_started())
    {
        BOOST_TEST_MESSAGE("skipped: there is no " << name << " here");
        return false;
    }
    output = tool.read_all();
    BOOST_TEST(tool.wait() == 0);
    return true;
}

/// The same for curl, which prints the bodies, and at the end of each what
/// `format` says.
inline bool run_curl(
    std::string const& format,
    std::vector<std::string> const& arguments,
    std::string& output)
{
    std::vector<std::string> command{
        "curl", "-q", "-s", "--noproxy", "*", "-m", "20", "-w", format};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_tool(std::move(command), output);
}

/// Whether wrk gets nothing but good replies for a second.
inline bool wrk_is_content(std::string const& url, std::string& output)
{
    return !run_tool({"wrk", "-t1", "-c50", "-d1s", url}, output) ||
           (output.find("requests in") != output.npos &&
            output.find(" 0 requests in") == output.npos &&
            output.find("Socket errors") == output.npos &&
            output.find("Non-2xx") == output.npos);
}

} // namespace examples

#endif
