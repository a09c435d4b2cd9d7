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

// The coroutine that listens, as an object.
class listener
{
public:
    listener(asio::io_context& io, tcp::endpoint const& endpoint)
    {
        tcp::acceptor acceptor(io, endpoint);
        local_endpoint_ = acceptor.local_endpoint();
        asio::co_spawn(io, listen(std::move(acceptor)), asio::detached);
    }

    tcp::endpoint local_endpoint() const { return local_endpoint_; }

private:
    tcp::endpoint local_endpoint_;
};

BOOST_AUTO_TEST_CASE(
    no_message_allocates, *boost::unit_test::precondition(allocations_are_seen))
{
    auto const run = examples::count_allocations<listener>(
        examples::echo_traffic, [](auto& io, auto const& endpoint) {
            return std::make_unique<listener>(io, endpoint);
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
