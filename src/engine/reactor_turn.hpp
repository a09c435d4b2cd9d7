#ifndef OPSLOT_ENGINE_REACTOR_TURN_HPP
#define OPSLOT_ENGINE_REACTOR_TURN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    One turn of the reactor, on the stack of the thread that takes it.
*/

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** What a turn counts for itself, so that handlers need no shared counter.

    It ends in its destructor, so that a handler that throws ends it too.
*/
class engine::turn
{
public:
    explicit turn(engine& e) noexcept
        : owner(e)
        , outer(std::exchange(innermost, this))
    {
        lock const guard(e.mutex_, !e.options_.single_threaded);
        ++e.running_turns_;
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

    engine& owner;
    turn* outer;
    std::uint64_t id = 0;
    /// When it began, by the coarse clock, if there may be other threads.
    std::uint64_t begun = 0;
    std::size_t handlers = 0;
    /// The change of the number of pending operations.
    long pending = 0;
    counters counts;
    /// No other socket or operation waits.
    bool is_alone = false;
    bool prefers_completion = false;
    bool is_stopped = false;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
