// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/context_ptr.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE operations_context_ptr
#include <boost/asio/buffer.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

namespace {

using opslot::context_ptr;
using opslot::make_context;
using opslot::operation_memory;
using opslot::stream_context;
using opslot::testing::allocation_counter;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

std::size_t blocks_in_use()
{
    return operation_memory::process().statistics().in_use;
}

// Counts how many of it there are.
struct counted_context : stream_context
{
    explicit counted_context(int& alive)
        : alive_(alive)
    {
        ++alive_;
    }

    ~counted_context() { --alive_; }

    int& alive_;
};

// What an engine does with a pending operation and when it has its result.
void go_pending(stream_context& context)
{
    using opslot::detail::context_access;
    using event = opslot::detail::operation::event;
    context_access::begin(context, opslot::operation_kind::receive, nullptr);
    context_access::base(context).notify(event::held);
}

void complete(stream_context& context)
{
    using opslot::detail::context_access;
    context_access::base(context).deliver(false);
}

void abandon(stream_context& context)
{
    using opslot::detail::context_access;
    using event = opslot::detail::operation::event;
    context_access::base(context).notify(event::abandon);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_constructor_that_throws_leaves_nothing_behind)
{
    struct failing_context : stream_context
    {
        failing_context() { throw std::runtime_error("no"); }
    };

    auto const before = blocks_in_use();
    BOOST_CHECK_THROW(
        static_cast<void>(make_context<failing_context>()), std::runtime_error);
    BOOST_TEST(blocks_in_use() == before);
}

BOOST_AUTO_TEST_CASE(the_last_reference_destroys_the_context)
{
    auto const before = blocks_in_use();
    int alive = 0;
    {
        //[make_context
        auto first = make_context<counted_context>(alive);
        context_ptr<stream_context> second = first;
        //]
        BOOST_TEST(alive == 1);
        first.reset();
        BOOST_TEST(alive == 1);
        BOOST_TEST(blocks_in_use() == before + 1);
    }
    BOOST_TEST(alive == 0);
    BOOST_TEST(blocks_in_use() == before);
}

BOOST_AUTO_TEST_CASE(a_reference_to_the_base_destroys_all_of_the_context)
{
    int alive = 0;
    context_ptr<opslot::operation_context> context =
        make_context<counted_context>(alive);
    BOOST_TEST(alive == 1);
    context.reset();
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(a_context_has_the_alignment_of_its_type)
{
    struct alignas(256) wide_context : stream_context
    {};

    auto const before = blocks_in_use();
    auto context = make_context<wide_context>();
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(context.get()) % 256 == 0u);
    context.reset();
    BOOST_TEST(blocks_in_use() == before);
}

BOOST_AUTO_TEST_CASE(a_pending_operation_has_a_reference_of_its_own)
{
    int alive = 0;
    int calls = 0;
    auto context = make_context<counted_context>(alive);
    context->completion_handler([&](stream_context& c) {
        ++calls;
        BOOST_TEST(alive == 1);
        BOOST_TEST(!c.is_pending());
    });
    counted_context& raw = *context;
    go_pending(raw);
    context.reset();
    BOOST_TEST(alive == 1);

    complete(raw);
    BOOST_TEST(calls == 1);
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(an_abandoned_operation_drops_its_reference)
{
    int alive = 0;
    int calls = 0;
    auto context = make_context<counted_context>(alive);
    context->completion_handler([&](stream_context&) { ++calls; });
    counted_context& raw = *context;
    go_pending(raw);
    context.reset();
    BOOST_TEST(alive == 1);

    abandon(raw);
    BOOST_TEST(alive == 0);
    BOOST_TEST(calls == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_may_have_the_last_reference)
{
    int alive = 0;
    auto context = make_context<counted_context>(alive);
    auto token = std::make_shared<int>(0);
    std::weak_ptr<int> const watch = token;
    counted_context& raw = *context;
    raw.completion_handler(
        [self = std::move(context),
         token = std::move(token)](stream_context& c) mutable {
            self.reset();
            BOOST_TEST(!c.is_pending());
        });
    go_pending(raw);
    complete(raw);
    BOOST_TEST(alive == 0);
    BOOST_TEST(watch.expired());
}

BOOST_AUTO_TEST_CASE(a_handler_may_keep_the_context_beyond_its_operation)
{
    int alive = 0;
    context_ptr<stream_context> kept;
    auto context = make_context<counted_context>(alive);
    context->completion_handler(
        [&](stream_context& c) { kept = context_ptr<stream_context>(&c); });
    counted_context& raw = *context;
    go_pending(raw);
    context.reset();
    complete(raw);
    BOOST_TEST(alive == 1);
    BOOST_TEST(kept.get() == &raw);
    kept.reset();
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(
    contexts_need_no_heap_after_warm_up,
    *boost::unit_test::precondition(allocations_are_seen))
{
    make_context<stream_context>().reset();

    allocation_counter const heap;
    for (int round = 0; round != 100; ++round)
    {
        auto context = make_context<stream_context>();
        context->completion_handler([](stream_context&) {});
    }
    BOOST_TEST(heap.count() == 0u);
}
