// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/transmit_element.hpp>

#define BOOST_TEST_MODULE operations_transmit_element
#include <boost/asio/buffer.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <type_traits>

#include "support/files.hpp"
#include "support/open_descriptors.hpp"

namespace {

namespace asio = boost::asio;
using opslot::open_file;
using opslot::transmit_element;
using opslot::detail::transmit_part;

transmit_part const& part(transmit_element const& e)
{
    return opslot::detail::transmit_element_access::part(e);
}

} // namespace

BOOST_AUTO_TEST_CASE(buffers_of_all_kinds_convert_to_an_element)
{
    static_assert(std::is_convertible_v<asio::const_buffer, transmit_element>);
    static_assert(
        std::is_convertible_v<asio::mutable_buffer, transmit_element>);
    static_assert(std::is_convertible_v<open_file, transmit_element>);
    static_assert(!std::is_convertible_v<std::string, transmit_element>);
    static_assert(!std::is_convertible_v<int, transmit_element>);
    std::array<char, 5> storage{};
    transmit_element const first = asio::buffer(storage);
    transmit_element const second = asio::const_buffer(&storage[1], 2);
    BOOST_TEST((part(first).what == transmit_part::from_buffer));
    BOOST_TEST(part(first).buffer.data() == &storage[0]);
    BOOST_TEST(part(first).buffer.size() == 5u);
    BOOST_TEST(part(second).buffer.data() == &storage[1]);
    BOOST_TEST(part(second).buffer.size() == 2u);
    BOOST_TEST(!part(first).is_file());
}

BOOST_AUTO_TEST_CASE(a_range_is_kept_as_it_was_given)
{
    transmit_element const whole = transmit_element::from_path("name");
    BOOST_TEST((part(whole).what == transmit_part::from_path));
    BOOST_TEST(part(whole).path == "name");
    BOOST_TEST(part(whole).offset == 0u);
    BOOST_TEST(part(whole).count == 0u);
    constexpr std::uint64_t far = std::uint64_t(1) << 40;
    transmit_element const range =
        transmit_element::from_native_handle(17, far, far + 1);
    BOOST_TEST((part(range).what == transmit_part::from_native_file));
    BOOST_TEST(part(range).handle == 17);
    BOOST_TEST(part(range).offset == far);
    BOOST_TEST(part(range).count == far + 1);
    BOOST_TEST(part(range).is_file());
}

BOOST_AUTO_TEST_CASE(an_element_keeps_its_file_open)
{
    support::descriptor_check const leaks;
    support::temporary_file const file("content");
    std::size_t const before = support::open_descriptors();
    open_file opened(file.path());
    {
        transmit_element const element(opened, 1, 2);
        transmit_element const copy = element;
        opened = open_file();
        BOOST_TEST(support::open_descriptors() == before + 1);
        BOOST_TEST((part(copy).file == part(element).file));
        BOOST_TEST(part(copy).offset == 1u);
        BOOST_TEST(part(copy).count == 2u);
    }
    BOOST_TEST(support::open_descriptors() == before);
}
