#ifndef OPSLOT_TEST_EXAMPLES_SUPPORT_HPP
#define OPSLOT_TEST_EXAMPLES_SUPPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What the tests of the examples share.

#include "child_process.hpp"
#include "client.hpp"
#include "counted_server.hpp"
#include "descriptor.hpp"

#endif
