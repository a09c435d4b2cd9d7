#ifndef OPSLOT_ENGINE_THIS_ENGINE_HPP
#define OPSLOT_ENGINE_THIS_ENGINE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The engine that this build has, for code that is the same for each.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)
#include "engine/portable.hpp"
#else
#include "engine/reactor.hpp"
#endif

#endif
