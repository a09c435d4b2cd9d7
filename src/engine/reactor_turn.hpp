#ifndef OPSLOT_ENGINE_REACTOR_TURN_HPP
#define OPSLOT_ENGINE_REACTOR_TURN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    One turn of the reactor, on the stack of the thread that takes it.
*/

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include <sys/epoll.h>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** What a turn has fetched, and what it counts for itself, so that handlers
    need no shared counter.

    It ends in its destructor, so that a handler that throws ends it too.
*/
class engine::turn : public turn_hook
{
public:
    explicit turn(engine& e) noexcept
        : owner(e)
        , outer(std::exchange(innermost, this))
    {
        lock const guard(e.mutex_, !e.options_.single_threaded);
        e.running_turns_.push_front(*this);
        id = ++e.turns_;
        if (!e.options_.single_threaded)
        {
            begun = system::coarse_time();
        }
    }

    turn(turn const&) = delete;
    turn& operator=(turn const&) = delete;

    ~turn()
    {
        owner.finish(*this);
        innermost = outer;
    }

    /// The turn that this thread is in; null outside.
    static inline thread_local turn* innermost = nullptr;

    /// Takes the next of the sockets that were fetched; null if there is
    /// none. Another thread that does so holds the engine's mutex.
    template<typename Threads>
    descriptor* next() noexcept
    {
        std::uint32_t i = taken.load(std::memory_order_relaxed);
        if (i >= fetched)
        {
            return nullptr;
        }
        if constexpr (Threads::is_alone)
        {
            taken.store(i + 1, std::memory_order_relaxed);
        }
        else
        {
            i = taken.fetch_add(1, std::memory_order_relaxed);
            if (i >= fetched)
            {
                return nullptr;
            }
        }
        return descriptor::of(events[i].data.u64);
    }

    /// No socket that was fetched is left.
    bool is_drained() const noexcept
    {
        return taken.load(std::memory_order_relaxed) >= fetched;
    }

    engine& owner;
    turn* outer;
    std::uint64_t id = 0;
    /// When it began, by the coarse clock, if there may be other threads.
    std::uint64_t begun = 0;
    /// How many handlers it has run or sent to where they run.
    std::uint64_t delivered = 0;
    /// The change of the number of pending operations that is neither queued
    /// nor delivered.
    long pending = 0;
    counters counts;
    bool prefers_completion = false;
    bool is_stopped = false;
    /// Of the sockets fetched: how many there are, and were taken. Both
    /// change under the engine's mutex, but for `next`.
    std::uint32_t fetched = 0;
    std::atomic<std::uint32_t> taken{0};
    std::array<::epoll_event, 128> events;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
