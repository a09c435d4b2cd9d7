// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/light_mutex.hpp>

#if defined(__linux__)
#include <cerrno>
#else
#include <thread>
#endif

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

namespace {

// The sections guarded by this mutex take some tens of nanoseconds. A sleep
// and a wake-up cost several microseconds, so it pays to look this often
// before going to sleep; longer would only burn the holder's core if it has
// been preempted.
constexpr int spins_before_sleeping = 64;

void relax() noexcept
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

#if defined(__linux__)

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

// futex(2). The errors of FUTEX_WAIT that can occur, EAGAIN (the value has
// changed) and EINTR (a signal), both mean "look again", which the caller
// does in any case. errno is kept: a lock must not disturb whoever examines
// the result of a system call of his own.
void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value)
{
    int const saved_errno = errno;
    ::syscall(
        SYS_futex,
        reinterpret_cast<std::uint32_t*>(&word),
        operation,
        value,
        nullptr);
    errno = saved_errno;
}

#endif

} // namespace

void light_mutex::lock_contended() noexcept
{
    for (int spin = 0; spin != spins_before_sleeping; ++spin)
    {
        relax();
        if (state_.load(std::memory_order_relaxed) == free && try_lock())
            return;
    }

    // From here on the mutex is taken in the state waited_for, because others
    // may be asleep as well: the cost is at most one wake-up too many.
    while (state_.exchange(waited_for, std::memory_order_acquire) != free)
    {
#if defined(__linux__)
        futex(state_, FUTEX_WAIT_PRIVATE, waited_for);
#else
        std::this_thread::yield();
#endif
    }
}

void light_mutex::wake_one() noexcept
{
#if defined(__linux__)
    futex(state_, FUTEX_WAKE_PRIVATE, 1);
#endif
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
