#ifndef OPSLOT_DETAIL_LIGHT_MUTEX_HPP
#define OPSLOT_DETAIL_LIGHT_MUTEX_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#include <boost/config.hpp>

#include <atomic>
#include <cstdint>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** A mutex of four bytes whose uncontended path is inline.

    It guards sections of a few dozen instructions. A pair of lock() and
    unlock() is two atomic instructions and two branches; `std::mutex` of
    glibc takes about 60 instructions for the same.

    The state is one of three:

    @verbatim
      0 free ──lock──▶ 1 held ──another thread waits──▶ 2 held, waited for
        ▲                │                                 │
        └────unlock──────┴───────unlock, wakes one─────────┘
    @endverbatim

    Not recursive and not fair. Meets the requirements of Lockable.

    Thread safety: Distinct objects: safe. Shared objects: safe.

    Cost: 4 bytes, no destructor. Waiting spins briefly and then sleeps in the
    kernel (futex, on Linux) or yields (elsewhere). `errno` is left alone.
*/
class light_mutex
{
public:
    constexpr light_mutex() noexcept = default;
    light_mutex(light_mutex const&) = delete;
    light_mutex& operator=(light_mutex const&) = delete;

    /// Waits until the mutex is free and takes it.
    BOOST_FORCEINLINE void lock() noexcept
    {
        if (BOOST_UNLIKELY(!try_lock()))
            lock_contended();
    }

    /// Takes the mutex if it is free. Returns whether it did.
    [[nodiscard]] bool try_lock() noexcept
    {
        std::uint32_t expected = free;
        return state_.compare_exchange_strong(
            expected,
            held,
            std::memory_order_acquire,
            std::memory_order_relaxed);
    }

    /// Gives the mutex back, and wakes one thread if any sleeps.
    BOOST_FORCEINLINE void unlock() noexcept
    {
        if (BOOST_UNLIKELY(release()))
            wake_one();
    }

    /** Gives the mutex back, and leaves it to the caller to wake a thread.

        Returns whether the caller has to call wake_one(). A function that does
        it at its very end, in another function, needs no stack frame for it on
        the way that is taken nearly always.

        This is the last access to the object: a thread that takes the mutex
        now may destroy it. wake_one() uses no more than its address.
    */
    [[nodiscard]] bool release() noexcept
    {
        return state_.exchange(free, std::memory_order_release) == waited_for;
    }

    /// Wakes one thread that sleeps until the mutex is free.
    void wake_one() noexcept;

private:
    static constexpr std::uint32_t free = 0;
    static constexpr std::uint32_t held = 1;
    static constexpr std::uint32_t waited_for = 2;

    void lock_contended() noexcept;

    std::atomic<std::uint32_t> state_{free};
};

static_assert(sizeof(light_mutex) == 4);

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
