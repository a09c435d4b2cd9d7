#ifndef OPSLOT_CONFIG_HPP
#define OPSLOT_CONFIG_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The choice of engine, and the inline namespace that carries it.

    Every option that changes the layout of a type is part of the name
    of the inline namespace, so that an application and a library built
    with different options do not link.
*/

#include <opslot/version.hpp>

/** @def OPSLOT_ENGINE_PORTABLE
    Defined by the build target, for the library and its users alike, to
    choose the engine on Asio's own operations. It is implied where the
    system has no epoll.
*/
#if !defined(OPSLOT_ENGINE_PORTABLE) && !defined(__linux__)
#define OPSLOT_ENGINE_PORTABLE 1
#endif

#if defined(OPSLOT_ENGINE_PORTABLE)
#define OPSLOT_ABI portable_v0
#else
#define OPSLOT_ABI reactor_v0
#endif

/// Everything the library has.
namespace opslot {

/// The version and the options of the library, as part of every name.
inline namespace OPSLOT_ABI {} // namespace OPSLOT_ABI
} // namespace opslot

#endif
