#ifndef OPSLOT_TEST_APPS_SUPPORT_HPP
#define OPSLOT_TEST_APPS_SUPPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The applications are started and talked to as the examples are; the build
// names their directory instead.

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

#include "examples/support.hpp"

namespace apps {

using app_process = examples::example_process;

/// What a client that ends by itself has printed. Fails the test if it ends in
/// any other way than well; a client that is not installed is only reported.
inline bool run_client(std::vector<std::string> command, std::string& output)
{
    std::string const name = command.front();
    examples::child_process client(std::move(command));
    if (!client.is_started())
    {
        BOOST_TEST_MESSAGE("skipped: there is no " << name);
        return false;
    }
    output = client.read_all();
    BOOST_TEST(client.wait() == 0);
    return true;
}

} // namespace apps

#endif
