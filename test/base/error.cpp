// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/error.hpp>

#define BOOST_TEST_MODULE base_error
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <set>
#include <string>
#include <system_error>

namespace {

namespace asio = boost::asio;
namespace errc = boost::system::errc;
using boost::system::error_code;
using boost::system::error_condition;
using opslot::error;

struct expectation
{
    error value;
    errc::errc_t condition;
};

constexpr std::array<expectation, 13> expectations{
    {{error::timeout, errc::timed_out},
     {error::context_busy, errc::operation_in_progress},
     {error::context_disposed, errc::invalid_argument},
     {error::no_buffer, errc::invalid_argument},
     {error::buffer_and_list, errc::invalid_argument},
     {error::out_of_range, errc::invalid_argument},
     {error::not_owned, errc::invalid_argument},
     {error::no_execution_context, errc::invalid_argument},
     {error::send_interrupted, errc::broken_pipe},
     {error::no_endpoint, errc::invalid_argument},
     {error::already_configured, errc::invalid_argument},
     {error::no_elements, errc::invalid_argument},
     {error::file_shrunk, errc::io_error}}};

} // namespace

BOOST_AUTO_TEST_CASE(there_is_one_category_of_the_library)
{
    BOOST_TEST(opslot::error_category().name() == std::string("opslot"));
    BOOST_TEST(&opslot::error_category() == &opslot::error_category());
    BOOST_TEST((opslot::error_category() != boost::system::system_category()));
    BOOST_TEST((opslot::error_category() != boost::system::generic_category()));
}

BOOST_AUTO_TEST_CASE(an_error_converts_to_an_error_code)
{
    for (expectation const& e : expectations)
    {
        error_code const ec = e.value;
        BOOST_TEST(ec.failed());
        BOOST_TEST(ec.value() == static_cast<int>(e.value));
        BOOST_TEST((ec.category() == opslot::error_category()));
        BOOST_TEST((ec == e.value));
        BOOST_TEST(ec == make_error_code(e.value));
    }
    BOOST_TEST((error_code(error::no_buffer) != error::no_endpoint));
}

BOOST_AUTO_TEST_CASE(no_error_is_success)
{
    for (expectation const& e : expectations)
    {
        BOOST_TEST(static_cast<int>(e.value) != 0);
        BOOST_TEST(error_code(e.value) != error_code());
    }
}

BOOST_AUTO_TEST_CASE(each_error_has_a_message_of_its_own)
{
    std::set<std::string> messages;
    for (expectation const& e : expectations)
    {
        std::string const message = error_code(e.value).message();
        BOOST_TEST(!message.empty());
        BOOST_TEST(message.find("Unknown") == std::string::npos);
        messages.insert(message);
    }
    BOOST_TEST(messages.size() == expectations.size());
}

BOOST_AUTO_TEST_CASE(a_value_that_is_no_error_is_named_by_its_number)
{
    error_code const ec(4711, opslot::error_category());
    BOOST_TEST(ec.message() == "Unknown error 4711");
    BOOST_TEST(
        (ec.default_error_condition() ==
         error_condition(4711, opslot::error_category())));
}

BOOST_AUTO_TEST_CASE(each_error_has_its_condition)
{
    for (expectation const& e : expectations)
    {
        error_code const ec = e.value;
        BOOST_TEST((ec == errc::make_error_condition(e.condition)));
        BOOST_TEST((ec.default_error_condition() == e.condition));
        BOOST_TEST((ec != errc::make_error_condition(errc::address_in_use)));
    }
}

BOOST_AUTO_TEST_CASE(a_timeout_is_timed_out_and_not_the_systems_code)
{
    error_code const ec = error::timeout;
    BOOST_TEST((ec == errc::timed_out));
    BOOST_TEST((ec == std::errc::timed_out));
    BOOST_TEST((ec != asio::error::timed_out));
    BOOST_TEST(ec != error_code(ETIMEDOUT, boost::system::system_category()));
    BOOST_TEST(ec != error_code(ETIMEDOUT, boost::system::generic_category()));
    // The system's own is the same condition, and another code.
    error_code const system_code = asio::error::timed_out;
    BOOST_TEST((system_code == errc::timed_out));
    BOOST_TEST((system_code != error::timeout));
}

BOOST_AUTO_TEST_CASE(errors_convert_to_those_of_the_standard_library)
{
    std::error_code const ec = error_code(error::timeout);
    BOOST_TEST(ec.category().name() == std::string("opslot"));
    BOOST_TEST((ec == std::errc::timed_out));
    BOOST_TEST((ec != std::errc::invalid_argument));
    BOOST_TEST(
        (std::error_code(error_code(error::no_buffer)) ==
         std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(an_exception_carries_the_code_and_the_message)
{
    error_code const busy = error::context_busy;
    boost::system::system_error const e(busy);
    BOOST_TEST((e.code() == error::context_busy));
    BOOST_TEST(
        std::string(e.what()).find(e.code().message()) != std::string::npos);
}
