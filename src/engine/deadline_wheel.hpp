#ifndef OPSLOT_ENGINE_DEADLINE_WHEEL_HPP
#define OPSLOT_ENGINE_DEADLINE_WHEEL_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/operation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** Operations, each of them linked to be visited at its deadline.

    Four levels of 64 buckets. A bucket of level 0 is one tick wide, one of
    each further level 64 times as wide as one of the level before. An
    operation lies in a bucket that begins at its deadline or before:

    @verbatim
      now                                               64 ticks
       |  level 0: | | | | | | | | | | | | | | | | | | ... |
       |  level 1: |        64        |        64         ...    4096 ticks
       |  level 2: |                4096                  ...    2^18 ticks
       |  level 3: |                2^18                  ...    2^24 ticks
    @endverbatim

    When a bucket begins, each of its operations is *visited*. The visitor
    looks at the deadline, which the wheel does not keep: if it has not come
    yet, the visitor inserts the operation again, and it lies in a narrower
    bucket then. So a deadline costs up to four visits; one beyond the last
    bucket lies in the last bucket and takes some more.

    @par The lazy use of it
    A deadline rarely fires, and a busy operation gets a new one all the
    time. So the wheel is not told of completions: the operation stays
    linked, with `operation::deadline_tick` saying that it has no deadline.
    A start that finds `operation::wheel_tick`, the time of the next visit,
    at its deadline or before has nothing to link. A visit that finds no
    deadline sets `wheel_tick` to 0, *and looks at the deadline once more*
    to see if a start has relied on that visit meanwhile. Both members are
    accessed with sequential consistency in these steps, so of a start and
    a visit that meet, at least one sees what the other one wrote, and no
    deadline is lost. `deadline_queue` carries this out.

    An idle operation may thus still be linked. Whoever destroys it, or
    links it into another wheel, removes it first, under the lock of the
    wheel that it is in, which `operation::wheel_owner` tells.

    @par Thread safety
    Unsafe: its user has a lock. Only `wheel_tick` may be read without it.

    @par Cost
    Constant time, but @ref advance and @ref clear, which are linear in the
    number of operations they visit. No clock is read, nothing is allocated.
*/
class deadline_wheel
{
public:
    /// Milliseconds, in the engines.
    using tick = std::uint64_t;

    /// @param now The current tick, greater than 0: it is used for "never".
    explicit deadline_wheel(tick now) noexcept
        : now_(now)
    {}

    deadline_wheel(deadline_wheel const&) = delete;
    deadline_wheel& operator=(deadline_wheel const&) = delete;

    /// Links an operation that is not linked, and sets `wheel_tick` to when
    /// it is visited: at `t` or before, but not before the next tick.
    void insert(operation& op, tick t) noexcept;

    /// Unlinks an operation and sets `wheel_tick` to 0. Nothing happens if
    /// it is not linked.
    void remove(operation& op) noexcept;

    /// The earliest tick at which an operation is visited.
    std::optional<tick> next() const noexcept;

    /** Lets the time be `now`, and visits what is due.

        @param now A tick, not before the last one given here.

        @param visitor Called as `visitor(operation&)` for each operation
        whose bucket has begun. It is unlinked; the visitor inserts it again
        or sets `wheel_tick` to 0. It may insert and remove others. Must not
        throw.
    */
    template<typename Visitor>
    void advance(tick now, Visitor&& visitor)
    {
        bucket due;
        while (take_due(now, due))
        {
            visit_all(due, visitor);
        }
    }

    /// Unlinks all operations, and calls `visitor(operation&)` for each,
    /// which sets `wheel_tick` to 0. Must not throw.
    template<typename Visitor>
    void clear(Visitor&& visitor)
    {
        for (auto& level : buckets_)
        {
            for (bucket& each : level)
            {
                visit_all(each, visitor);
            }
        }
        occupied_ = {};
    }

private:
    static constexpr unsigned level_bits = 6;
    static constexpr unsigned buckets_per_level = 1u << level_bits;
    static constexpr unsigned levels = 4;
    static constexpr tick digit_mask = buckets_per_level - 1;

    using bucket = boost::intrusive::list<
        operation,
        boost::intrusive::base_hook<deadline_hook>,
        boost::intrusive::constant_time_size<false>>;

    /// A bucket and when it begins.
    struct position
    {
        unsigned level;
        unsigned index;
        tick begin;
    };

    position find(tick t) const noexcept;
    std::optional<position> first() const noexcept;
    std::optional<position> first_of(unsigned level) const noexcept;
    bool take_due(tick now, bucket& due) noexcept;

    template<typename Visitor>
    static void visit_all(bucket& due, Visitor& visitor)
    {
        while (!due.empty())
        {
            operation& op = due.front();
            due.pop_front();
            visitor(op);
        }
    }

    tick now_;
    /// A bit for each bucket that may have operations. Operations leave
    /// without notice, so a set bit is looked after when it is found.
    mutable std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<bucket, buckets_per_level>, levels> buckets_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
