#ifndef OPSLOT_TEST_FAULTS_LAYER_HPP
#define OPSLOT_TEST_FAULTS_LAYER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    System calls that fail when a test says so.

    `layer.cpp` defines the system calls that the library makes. It is linked
    into a program that forces single errors with the class below, or loaded
    into any program with LD_PRELOAD, where the environment says how often
    calls fail: `OPSLOT_FAULTS="seed=1 rate=8"` is one in eight. `whole` in it
    says that no transfer is cut.

    Only calls that do not wait are hit: those say so by a flag or by their
    descriptor, and the library makes no others but for its synchronous
    members. The peers in the tests are blocking sockets and never see a fault.
*/

#include <cstdint>

namespace faults {

/// What can fail.
enum class call : unsigned
{
    accept4,
    close,
    connect,
    dup3,
    epoll_create1,
    epoll_ctl,
    epoll_wait,
    eventfd,
    getaddrinfo,
    malloc,
    open,
    poll,
    pread,
    recv,
    recvmmsg,
    recvmsg,
    send,
    sendfile,
    sendmmsg,
    sendmsg,
    setsockopt,
    shutdown,
    socket,
    timerfd_create,
    count
};

/// Makes calls of one kind fail, to the end of its scope. One at a time.
class forced
{
public:
    /** @param which What fails.
        @param error The number of the error; for `getaddrinfo` what it
        returns. For `malloc` it is not used.
        @param skip How many calls succeed before.
        @param times How many calls fail.
    */
    forced(call which, int error, unsigned skip = 0, unsigned times = 1);
    forced(forced const&) = delete;
    forced& operator=(forced const&) = delete;
    ~forced();

    /// How many calls have failed.
    unsigned hits() const noexcept;
};

/// Whether `call::malloc` can fail: not with sanitizers, which have their own.
bool reaches_the_heap() noexcept;

/// Lets one in `rate` calls fail in a way that a program must survive, to the
/// end of its scope.
class storm
{
public:
    storm(std::uint64_t seed, unsigned rate);
    storm(storm const&) = delete;
    storm& operator=(storm const&) = delete;
    ~storm();

    /// How many faults there were of a kind of call.
    std::uint64_t hits(call which) const noexcept;
};

} // namespace faults

#endif
