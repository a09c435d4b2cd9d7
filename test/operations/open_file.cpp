// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/open_file.hpp>

#define BOOST_TEST_MODULE operations_open_file
#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>
#include <utility>

#include "support/files.hpp"
#include "support/open_descriptors.hpp"

namespace {

namespace errc = boost::system::errc;
using boost::system::error_code;
using boost::system::system_error;
using opslot::open_file;
using support::temporary_file;

template<typename Error>
void expect_not_opened(std::filesystem::path const& path, Error expected)
{
    support::descriptor_check const leaks;
    error_code ec;
    open_file const file(path, ec);
    BOOST_TEST((ec == expected));
    BOOST_TEST(!file.is_open());
    BOOST_CHECK_EXCEPTION(
        open_file{path}, system_error, [&](system_error const& e) {
            return e.code() == ec;
        });
}

} // namespace

BOOST_AUTO_TEST_CASE(a_default_one_is_no_file)
{
    open_file const file;
    BOOST_TEST(!file.is_open());
    BOOST_TEST(file.native_handle() == -1);
    error_code ec;
    BOOST_TEST(file.size(ec) == 0u);
    BOOST_TEST(ec == boost::asio::error::bad_descriptor);
    BOOST_CHECK_THROW(file.size(), system_error);
}

BOOST_AUTO_TEST_CASE(an_existing_file_is_opened)
{
    support::descriptor_check const leaks;
    temporary_file file("content");
    error_code ec = boost::asio::error::eof;
    open_file const first(file.path());
    open_file const second(file.path(), ec);
    BOOST_TEST(!ec);
    BOOST_TEST(first.is_open());
    BOOST_TEST(second.is_open());
    BOOST_TEST(first.native_handle() != second.native_handle());
    BOOST_TEST(first.size() == 7u);
    file.write(" and more", 7);
    BOOST_TEST(first.size(ec) == 16u);
    BOOST_TEST(!ec);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_not_opened)
{
    support::temporary_directory const directory;
    auto const pipe = directory.path() / "pipe";
    BOOST_TEST(::mkfifo(pipe.c_str(), 0600) == 0);
    expect_not_opened(
        directory.path() / "missing", errc::no_such_file_or_directory);
    expect_not_opened("", errc::no_such_file_or_directory);
    expect_not_opened(directory.path(), errc::is_a_directory);
    expect_not_opened(pipe, errc::invalid_argument);
    expect_not_opened("/dev/zero", errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(copies_share_the_file_and_the_last_one_closes_it)
{
    temporary_file const file("content");
    std::size_t const before = support::open_descriptors();
    std::optional<open_file> first(file.path());
    open_file second = *first;
    open_file third;
    third = second;
    BOOST_TEST(support::open_descriptors() == before + 1);
    BOOST_TEST(second.native_handle() == first->native_handle());
    first.reset();
    open_file fourth = std::move(second);
    BOOST_TEST(!second.is_open());
    BOOST_TEST(fourth.size() == 7u);
    fourth = open_file();
    BOOST_TEST(third.size() == 7u);
    third = open_file();
    BOOST_TEST(support::open_descriptors() == before);
}
