// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "engine/deadline_wheel.hpp"

#define BOOST_TEST_MODULE engine_deadline_wheel
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using opslot::detail::deadline_wheel;
using opslot::detail::operation;
using tick = deadline_wheel::tick;

// An operation with the deadline that the naive model knows; 0 is none.
struct timed final : operation
{
    timed() noexcept
        : operation(nullptr, nullptr)
    {}

    bool is_linked() const
    {
        return opslot::detail::deadline_hook::is_linked();
    }

    tick deadline = 0;
    bool has_passed = false;
};

// A wheel used as an engine does, and checked at each step.
struct fixture
{
    tick now = 1;
    deadline_wheel wheel{now};
    std::deque<timed> operations;
    std::uint64_t visits = 0;

    ~fixture()
    {
        wheel.clear([](operation& op) { op.wheel_tick = 0; });
    }

    timed& make(tick deadline)
    {
        timed& op = operations.emplace_back();
        insert(op, deadline);
        return op;
    }

    void insert(timed& op, tick deadline)
    {
        // What has passed already is seen at the next tick.
        op.deadline = std::max(deadline, now + 1);
        op.has_passed = false;
        wheel.insert(op, deadline);
        BOOST_REQUIRE(op.wheel_tick > now);
        BOOST_REQUIRE(op.wheel_tick <= op.deadline);
    }

    void remove(timed& op)
    {
        op.deadline = 0;
        wheel.remove(op);
        BOOST_REQUIRE(op.wheel_tick == 0u);
        BOOST_REQUIRE(!op.is_linked());
    }

    void advance(tick t)
    {
        BOOST_REQUIRE(t >= now);
        now = t;
        wheel.advance(now, [this](operation& visited) {
            auto& op = static_cast<timed&>(visited);
            ++visits;
            is_right = is_right && !op.is_linked() && op.deadline != 0 &&
                       op.wheel_tick <= now;
            if (op.deadline > now)
            {
                wheel.insert(op, op.deadline);
                return;
            }
            op.wheel_tick = 0;
            op.deadline = 0;
            op.has_passed = true;
        });
        check();
    }

    // No deadline has been missed, and the next visit is announced.
    void check()
    {
        constexpr tick never = std::numeric_limits<tick>::max();
        tick earliest_visit = never;
        for (timed const& op : operations)
        {
            is_right = is_right && (op.deadline != 0) == op.is_linked();
            if (op.deadline != 0)
            {
                is_right = is_right && op.deadline > now;
                earliest_visit = std::min(earliest_visit, op.wheel_tick.load());
            }
        }
        is_right = is_right && earliest_visit > now;
        BOOST_REQUIRE(is_right);
        BOOST_REQUIRE(wheel.next().value_or(never) == earliest_visit);
    }

    // One result for what is looked at very often.
    bool is_right = true;
};

// Spans over which the levels of the wheel, and what is beyond, are used.
constexpr tick spans[]{
    3, 70, 5000, 300000, 20000000, tick(1) << 30, tick(1) << 40};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_empty_wheel_has_no_next_tick, fixture)
{
    BOOST_TEST(!wheel.next());
    advance(1000000);
    BOOST_TEST(!wheel.next());
    BOOST_TEST(visits == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_passes_at_its_tick_and_not_before, fixture)
{
    timed& op = make(40);
    BOOST_TEST((wheel.next() == 40u));
    advance(39);
    BOOST_TEST(!op.has_passed);
    BOOST_TEST(visits == 0u);
    advance(40);
    BOOST_TEST(op.has_passed);
    BOOST_TEST(visits == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_distant_deadline_takes_a_visit_per_level, fixture)
{
    tick const deadline = 1 + 63 * 262144 + 4096 * 5 + 64 * 6 + 7;
    timed& op = make(deadline);
    while (!op.has_passed)
    {
        BOOST_REQUIRE(wheel.next().has_value());
        BOOST_REQUIRE(*wheel.next() <= deadline);
        advance(*wheel.next());
    }
    BOOST_TEST(now == deadline);
    BOOST_TEST(visits <= 5u);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_beyond_the_last_bucket_is_not_lost, fixture)
{
    timed& op = make(tick(1) << 30);
    while (!op.has_passed)
    {
        BOOST_REQUIRE(wheel.next().has_value());
        advance(*wheel.next());
    }
    BOOST_TEST(now == tick(1) << 30);
    BOOST_TEST(visits < 100u);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_in_the_past_passes_at_the_next_tick, fixture)
{
    advance(5000);
    timed& op = make(17);
    BOOST_TEST((wheel.next() == 5001u));
    advance(5000);
    BOOST_TEST(!op.has_passed);
    advance(5001);
    BOOST_TEST(op.has_passed);
}

BOOST_FIXTURE_TEST_CASE(the_largest_tick_is_a_deadline, fixture)
{
    timed& op = make(std::numeric_limits<tick>::max());
    advance(tick(1) << 36);
    BOOST_TEST(!op.has_passed);
    BOOST_TEST(op.is_linked());
}

BOOST_FIXTURE_TEST_CASE(one_step_may_skip_all_buckets, fixture)
{
    for (tick const span : spans)
    {
        make(now + span);
    }
    advance(tick(1) << 41);
    for (timed const& op : operations)
    {
        BOOST_TEST(op.has_passed);
    }
    BOOST_TEST(!wheel.next());
}

BOOST_FIXTURE_TEST_CASE(an_operation_that_is_removed_is_not_visited, fixture)
{
    timed& op = make(40);
    make(60);
    remove(op);
    remove(op);
    BOOST_TEST((wheel.next() == 60u));
    advance(50);
    BOOST_TEST(visits == 0u);
    insert(op, 55);
    advance(55);
    BOOST_TEST(op.has_passed);
}

BOOST_FIXTURE_TEST_CASE(an_operation_may_be_destroyed_while_linked, fixture)
{
    auto op = std::make_unique<timed>();
    wheel.insert(*op, 40);
    op.reset();
    BOOST_TEST(!wheel.next());
    advance(100);
    BOOST_TEST(visits == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_visitor_may_remove_others_of_the_same_bucket, fixture)
{
    std::deque<timed> all(3);
    for (timed& op : all)
    {
        wheel.insert(op, 40);
    }
    std::vector<operation*> visited;
    wheel.advance(40, [&](operation& op) {
        op.wheel_tick = 0;
        visited.push_back(&op);
        wheel.remove(all[1]);
    });
    BOOST_TEST(visited.size() == 2u);
    BOOST_TEST(
        (std::find(visited.begin(), visited.end(), &all[1]) == visited.end()));
}

BOOST_FIXTURE_TEST_CASE(a_visitor_may_ask_for_the_next_tick, fixture)
{
    timed op;
    op.deadline = 40;
    wheel.insert(op, 40);
    int calls = 0;
    auto const visitor = [&](operation& visited) {
        ++calls;
        wheel.insert(visited, 41);
    };
    wheel.advance(40, visitor);
    BOOST_TEST(calls == 1);
    BOOST_TEST(op.wheel_tick == 41u);
    wheel.remove(op);
}

BOOST_FIXTURE_TEST_CASE(clearing_unlinks_everything, fixture)
{
    for (tick const span : spans)
    {
        make(now + span);
    }
    std::size_t count = 0;
    wheel.clear([&](operation& op) {
        op.wheel_tick = 0;
        static_cast<timed&>(op).deadline = 0;
        ++count;
    });
    BOOST_TEST(count == operations.size());
    BOOST_TEST(!wheel.next());
    check();
}

BOOST_FIXTURE_TEST_CASE(the_visit_tells_whether_a_restart_must_link, fixture)
{
    // What a start relies on that finds a visit at its deadline or before.
    timed& op = make(3000);
    for (tick later : {tick(3000), tick(3001), tick(100000)})
    {
        BOOST_REQUIRE(op.wheel_tick != 0u);
        BOOST_REQUIRE(op.wheel_tick <= later);
        op.deadline = later;
    }
    advance(99999);
    BOOST_TEST(!op.has_passed);
    advance(100000);
    BOOST_TEST(op.has_passed);
}

BOOST_AUTO_TEST_CASE(it_does_what_a_naive_model_does)
{
    for (std::uint32_t seed = 1; seed != 40; ++seed)
    {
        fixture f;
        std::mt19937_64 random(seed);
        auto const below = [&](tick n) { return random() % n; };
        auto const some_span = [&] { return below(spans[below(7)]); };
        f.advance(1 + below(tick(1) << (1 + below(45))));
        for (int i = 0; i != 20; ++i)
        {
            f.make(f.now + some_span());
        }
        for (int step = 0; step != 200; ++step)
        {
            timed& op = f.operations[below(f.operations.size())];
            switch (below(4))
            {
            case 0:
                f.remove(op);
                break;
            case 1:
                f.remove(op);
                f.insert(op, f.now + some_span());
                break;
            case 2:
                f.advance(f.now + below(spans[below(5)]));
                break;
            default:
                f.advance(f.wheel.next().value_or(f.now));
                break;
            }
            f.check();
        }
    }
}
