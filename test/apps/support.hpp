#ifndef OPSLOT_TEST_APPS_SUPPORT_HPP
#define OPSLOT_TEST_APPS_SUPPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The applications are started and talked to as the examples are; the build
// names their directory instead.

#include "examples/support.hpp"
#include "examples/tools.hpp"

namespace apps {

using app_process = examples::example_process;

using examples::run_curl;
using examples::run_tool;

} // namespace apps

#endif
