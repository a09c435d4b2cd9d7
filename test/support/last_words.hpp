#ifndef OPSLOT_TEST_SUPPORT_LAST_WORDS_HPP
#define OPSLOT_TEST_SUPPORT_LAST_WORDS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

/// Runs `misuse` in a child process. Returns what that says on its standard
/// error stream if it ends by SIGABRT, and nothing if it ends in another way.
template<typename Misuse>
std::string last_words(Misuse misuse)
{
    std::array<int, 2> ends;
    BOOST_REQUIRE(::pipe(ends.data()) == 0);
    std::fflush(nullptr);
    ::pid_t const child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0)
    {
        // Boost.Test would turn the signal into a failure of the child, and
        // a core would be of no use.
        std::signal(SIGABRT, SIG_DFL);
        ::rlimit const no_core = {0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[0]);
        ::close(ends[1]);
        misuse();
        std::_Exit(0);
    }
    ::close(ends[1]);
    std::string words;
    std::array<char, 256> part;
    for (::ssize_t got; (got = ::read(ends[0], part.data(), part.size())) > 0;)
        words.append(part.data(), static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    bool const aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    return aborted ? words : std::string();
}

} // namespace support

#endif
