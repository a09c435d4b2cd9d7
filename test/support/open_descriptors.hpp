#ifndef OPSLOT_TEST_SUPPORT_OPEN_DESCRIPTORS_HPP
#define OPSLOT_TEST_SUPPORT_OPEN_DESCRIPTORS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/test/unit_test.hpp>

#include <cstddef>

#if !defined(_WIN32)
#include <dirent.h>
#endif

namespace support {

/// How many descriptors the process has open, where the system tells.
inline std::size_t open_descriptors()
{
#if defined(_WIN32)
    return 0;
#else
    ::DIR* const folder = ::opendir("/proc/self/fd");
    BOOST_REQUIRE(folder);
    std::size_t count = 0;
    while (::dirent const* const entry = ::readdir(folder))
    {
        count += entry->d_name[0] != '.';
    }
    ::closedir(folder);
    return count;
#endif
}

/// Checks at the end of its scope that no descriptor was leaked in it.
class descriptor_check
{
public:
    descriptor_check() = default;
    descriptor_check(descriptor_check const&) = delete;

    ~descriptor_check() { BOOST_TEST(open_descriptors() == before_); }

private:
    std::size_t const before_ = open_descriptors();
};

} // namespace support

#endif
