// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "engine/deadline_wheel.hpp"

#include <boost/core/bit.hpp>

#include <algorithm>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/*  A tick is a number of four digits to the base of 64, and what is above.
    The level is that of the highest digit in which the tick differs from
    now, so its bucket begins later than now and no bucket is used twice.
    The last level is a ring: it takes what is above, up to 63 of its
    buckets from now. */
deadline_wheel::position deadline_wheel::find(tick t) const noexcept
{
    constexpr unsigned top = (levels - 1) * level_bits;
    tick const furthest = ((now_ >> top) + digit_mask) << top;
    t = std::min(std::max(t, now_ + 1), furthest);
    unsigned const highest_bit =
        63 - static_cast<unsigned>(boost::core::countl_zero(t ^ now_));
    unsigned const level = std::min(highest_bit / level_bits, levels - 1);
    tick const number = t >> (level * level_bits);
    return {
        level,
        static_cast<unsigned>(number & digit_mask),
        number << (level * level_bits)};
}

void deadline_wheel::insert(operation& op, tick t) noexcept
{
    position const p = find(t);
    buckets_[p.level][p.index].push_back(op);
    occupied_[p.level] |= std::uint64_t(1) << p.index;
    op.wheel_tick.store(p.begin, std::memory_order_seq_cst);
}

void deadline_wheel::remove(operation& op) noexcept
{
    op.deadline_hook::unlink();
    op.wheel_tick.store(0, std::memory_order_seq_cst);
}

std::optional<deadline_wheel::position>
deadline_wheel::first_of(unsigned level) const noexcept
{
    tick const number = now_ >> (level * level_bits);
    unsigned const digit = static_cast<unsigned>(number & digit_mask);
    while (std::uint64_t const bits = occupied_[level])
    {
        // Counted from now, the bucket of now itself comes last.
        unsigned const distance =
            static_cast<unsigned>(boost::core::countr_zero(boost::core::rotr(
                bits, static_cast<int>((digit + 1) & digit_mask))));
        unsigned const index =
            static_cast<unsigned>((digit + 1 + distance) & digit_mask);
        if (!buckets_[level][index].empty())
        {
            return position{
                level, index, (number + 1 + distance) << (level * level_bits)};
        }
        occupied_[level] &= ~(std::uint64_t(1) << index);
    }
    return std::nullopt;
}

std::optional<deadline_wheel::position> deadline_wheel::first() const noexcept
{
    std::optional<position> earliest;
    for (unsigned level = 0; level != levels; ++level)
    {
        auto const p = first_of(level);
        if (p && (!earliest || p->begin < earliest->begin))
        {
            earliest = p;
        }
    }
    return earliest;
}

std::optional<deadline_wheel::tick> deadline_wheel::next() const noexcept
{
    if (auto const p = first())
    {
        return p->begin;
    }
    return std::nullopt;
}

bool deadline_wheel::take_due(tick now, bucket& due) noexcept
{
    auto const p = first();
    if (!p || p->begin > now)
    {
        now_ = std::max(now_, now);
        return false;
    }
    now_ = p->begin;
    due.splice(due.end(), buckets_[p->level][p->index]);
    occupied_[p->level] &= ~(std::uint64_t(1) << p->index);
    return true;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
