#ifndef OPSLOT_CONFIG_HPP
#define OPSLOT_CONFIG_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The inline namespace of the library, and the choice of engine.

    An option that changes the layout of a type is to be part of the name of
    the inline namespace, so that an application and a library built with
    different options do not link. There is none: the engine is behind a seam
    of functions, and a program takes the one that it is linked with.
*/

#include <opslot/version.hpp>

/** @def OPSLOT_ENGINE_PORTABLE
    Defined by the build target, when the library is compiled, to choose the
    engine on Asio's own operations. It is implied where the system has no
    epoll. No header depends on it; users see it to know what they have.
*/
#if !defined(OPSLOT_ENGINE_PORTABLE) && !defined(__linux__)
#define OPSLOT_ENGINE_PORTABLE 1
#endif

#define OPSLOT_ABI v0

/// Everything the library has.
namespace opslot {

/// The version of the layouts and functions, as part of every name.
inline namespace OPSLOT_ABI {} // namespace OPSLOT_ABI
} // namespace opslot

#endif
