#ifndef OPSLOT_TEST_SUPPORT_SANITIZERS_HPP
#define OPSLOT_TEST_SUPPORT_SANITIZERS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Whether a sanitizer is at work: OPSLOT_TEST_ADDRESS_SANITIZER and
    OPSLOT_TEST_THREAD_SANITIZER are 1 or 0. Either has a heap of its own.
*/

#if defined(__has_feature)
#define OPSLOT_TEST_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#define OPSLOT_TEST_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#if defined(__SANITIZE_ADDRESS__)
#define OPSLOT_TEST_ADDRESS_SANITIZER 1
#else
#define OPSLOT_TEST_ADDRESS_SANITIZER 0
#endif
#if defined(__SANITIZE_THREAD__)
#define OPSLOT_TEST_THREAD_SANITIZER 1
#else
#define OPSLOT_TEST_THREAD_SANITIZER 0
#endif
#endif

#endif
