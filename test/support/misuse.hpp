#ifndef OPSLOT_TEST_SUPPORT_MISUSE_HPP
#define OPSLOT_TEST_SUPPORT_MISUSE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/error.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include "support/run.hpp"

namespace support {

/// Expects a call to throw exactly this error.
template<typename Call>
void expect_thrown(opslot::error expected, Call call)
{
    BOOST_CHECK_EXCEPTION(
        call(),
        boost::system::system_error,
        [&](boost::system::system_error const& e) {
            BOOST_TEST(e.code() == make_error_code(expected));
            return e.code() == make_error_code(expected);
        });
}

/// Expects a token form to deliver exactly this error, once, not inside the
/// call, and without any bytes.
template<typename Start>
void expect_delivered(
    boost::asio::io_context& io, opslot::error expected, Start start)
{
    int calls = 0;
    bool inside = true;
    start([&](boost::system::error_code ec, auto... bytes) {
        BOOST_TEST(!inside);
        BOOST_TEST(ec == make_error_code(expected));
        BOOST_TEST((... && (bytes == 0u)));
        ++calls;
    });
    inside = false;
    BOOST_TEST(calls == 0);
    support::run_until(io, [&] { return calls != 0; });
    support::poll(io);
    BOOST_TEST(calls == 1);
}

} // namespace support

#endif
