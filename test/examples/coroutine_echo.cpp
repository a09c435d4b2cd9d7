// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// cxxstd: 20

#include "support.hpp"

#define BOOST_TEST_MODULE examples_coroutine_echo
#include <boost/test/unit_test.hpp>

#include <memory>

#define main coroutine_echo_main
#include "../../example/coroutine_echo.cpp"
#undef main

namespace {

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return opslot::testing::allocation_counter::available();
}

BOOST_AUTO_TEST_CASE(
    no_message_allocates, *boost::unit_test::precondition(allocations_are_seen))
{
    auto const run = examples::count_allocations<server>(
        examples::echo_traffic, [](auto& io, auto const& endpoint) {
            return std::make_unique<server>(tcp::acceptor(io, endpoint));
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
