#ifndef OPSLOT_VERSION_HPP
#define OPSLOT_VERSION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The version of the library, and nothing else: the build files read it
    from here.
*/

/// The version as one number: major * 100000 + minor * 100 + patch.
#define OPSLOT_VERSION 100

/// The version as text, `major.minor.patch`.
#define OPSLOT_VERSION_STRING "0.1.0"

#endif
