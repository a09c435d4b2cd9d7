#ifndef OPSLOT_TEST_PRECOMPILED_HPP
#define OPSLOT_TEST_PRECOMPILED_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Precompiled for the test programs by CMake, which halves their compile
// time. No test relies on it: b2 compiles them without. A test that must see
// these headers in another way says `// precompiled: no` at its top.

// Boost.Test decides here whether there is a main function, before the test
// has had the chance to define BOOST_TEST_MODULE.
#define BOOST_TEST_MAIN

#include <boost/asio.hpp>
#include <boost/test/test_tools.hpp>

#endif
