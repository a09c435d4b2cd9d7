// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/packet_information.hpp>

#define BOOST_TEST_MODULE operations_packet_information
#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_CASE(nothing_is_known_at_first)
{
    opslot::packet_information const packet;
    BOOST_TEST(packet.destination.is_unspecified());
    BOOST_TEST(packet.interface_index == 0u);
}
