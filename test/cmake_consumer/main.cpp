// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Uses something of the headers, of the library and of the testing library.

#include <opslot/bind_slot.hpp>
#include <opslot/slot.hpp>
#include <opslot/testing/allocation_counter.hpp>
#include <opslot/version.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstring>
#include <iostream>
#include <string>

int main()
{
    using opslot::testing::allocation_counter;

#if defined(EXPECTED_VERSION)
    if (std::strcmp(OPSLOT_VERSION_STRING, EXPECTED_VERSION) != 0)
    {
        std::cerr << "the headers are of version " OPSLOT_VERSION_STRING "\n";
        return 1;
    }
#endif

    std::string const number = std::to_string(OPSLOT_VERSION / 100000) + '.' +
                               std::to_string(OPSLOT_VERSION / 100 % 1000) +
                               '.' + std::to_string(OPSLOT_VERSION % 100);
    if (number != OPSLOT_VERSION_STRING)
    {
        std::cerr << "the number of the version is " << number << '\n';
        return 1;
    }

    boost::asio::io_context context(1);
    opslot::slot<256> slot;
    bool called = false;

    allocation_counter const heap;
    boost::asio::post(
        context, opslot::bind_slot(slot, [&called] { called = true; }));
    context.run();
    auto const count = heap.count();

    if (!called || count != 0)
    {
        std::cerr << "called: " << called << ", allocations: " << count << '\n';
        return 1;
    }
    std::cout << "opslot " OPSLOT_VERSION_STRING "\n";
}
