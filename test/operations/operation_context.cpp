// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/operation_context.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE operations_operation_context
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace {

namespace asio = boost::asio;
using boost::system::system_error;
using opslot::error;
using opslot::operation_context;
using opslot::operation_kind;
using opslot::operation_memory;
using opslot::testing::allocation_counter;

using opslot::detail::context_access;
using event = opslot::detail::operation::event;
using place = opslot::detail::operation_place;

using std::chrono::milliseconds;
using std::chrono::steady_clock;

auto is(error e)
{
    return [e](system_error const& thrown) { return thrown.code() == e; };
}

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

std::size_t blocks_in_use()
{
    return operation_memory::process().statistics().in_use;
}

// The smallest context that there can be.
struct context : operation_context
{
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        store_handler<context>(std::forward<Handler>(handler));
    }
};

// What an engine does with a pending operation, and with its result.
void go_pending(context& c)
{
    context_access::begin(c, operation_kind::wait, nullptr);
    auto& op = context_access::base(c);
    if (op.wants_hold)
    {
        op.notify(event::held);
    }
    op.place.store(place::running);
}

void complete(context& c)
{
    context_access::base(c).deliver(false);
}

void complete_alone(context& c)
{
    context_access::base(c).deliver(true);
}

void abandon(context& c)
{
    context_access::base(c).notify(event::abandon);
}

void run_once(context& c)
{
    go_pending(c);
    complete(c);
}

// What became of the copies of one handler.
struct life
{
    int alive = 0;
    int calls = 0;
    std::function<void(context&)> body;
};

// A handler of a chosen size.
template<std::size_t Size>
class tracked
{
public:
    explicit tracked(life& l)
        : life_(&l)
    {
        ++life_->alive;
    }

    tracked(tracked const& other)
        : life_(other.life_)
    {
        ++life_->alive;
    }

    tracked(tracked&& other) noexcept
        : life_(other.life_)
    {
        ++life_->alive;
    }

    ~tracked() { --life_->alive; }

    void operator()(context& c)
    {
        life& l = *life_;
        ++l.calls;
        if (l.body)
        {
            l.body(c);
        }
        // It exists until here, whatever the body did.
        BOOST_TEST(l.alive > 0);
    }

private:
    life* life_;
    std::array<unsigned char, Size - sizeof(life*)> fill_{};
};

using small = tracked<2 * sizeof(void*)>;
using large = tracked<200>;

static_assert(sizeof(small) <= 4 * sizeof(void*));
static_assert(sizeof(large) > 4 * sizeof(void*));

} // namespace

// State

BOOST_AUTO_TEST_CASE(a_new_context_is_idle_and_has_no_result)
{
    context c;
    BOOST_TEST(!c.is_pending());
    BOOST_TEST(!c.is_disposed());
    BOOST_TEST(!c.error());
    BOOST_TEST(c.bytes_transferred() == 0u);
    BOOST_TEST((c.last_operation() == operation_kind::none));
    BOOST_TEST(!c.user_token());
    BOOST_TEST((c.timeout() == steady_clock::duration::zero()));
}

BOOST_AUTO_TEST_CASE(a_context_is_nothing_but_itself)
{
    static_assert(!std::is_copy_constructible_v<context>);
    static_assert(!std::is_move_constructible_v<context>);
    static_assert(!std::is_copy_assignable_v<context>);
    static_assert(!std::is_move_assignable_v<context>);
    static_assert(!std::is_default_constructible_v<operation_context>);
    static_assert(!std::is_destructible_v<operation_context>);
    static_assert(!std::is_convertible_v<context*, opslot::detail::operation*>);
}

BOOST_AUTO_TEST_CASE(a_start_resets_the_result)
{
    context c;
    go_pending(c);
    context_access::base(c).error = asio::error::eof;
    context_access::base(c).bytes_transferred = 7;
    complete(c);
    BOOST_TEST(c.error() == asio::error::eof);
    BOOST_TEST(c.bytes_transferred() == 7u);
    go_pending(c);
    BOOST_TEST(!c.error());
    BOOST_TEST(c.bytes_transferred() == 0u);
    BOOST_TEST((c.last_operation() == operation_kind::wait));
    complete(c);
}

BOOST_AUTO_TEST_CASE(nothing_is_cancelled_where_nothing_is_pending)
{
    context c;
    BOOST_TEST(!c.cancel());
    run_once(c);
    BOOST_TEST(!c.cancel());
    BOOST_TEST(!c.error());
}

BOOST_AUTO_TEST_CASE(the_user_token_is_any_pointer)
{
    context c;
    int x = 0;
    c.user_token(&x);
    BOOST_TEST(c.user_token() == &x);
    go_pending(c);
    BOOST_TEST(c.user_token() == &x);
    complete(c);
    BOOST_TEST(c.user_token() == &x);
    c.user_token(nullptr);
    BOOST_TEST(!c.user_token());
}

// Deadlines

BOOST_AUTO_TEST_CASE(a_timeout_stays_set_until_it_is_set_again)
{
    context c;
    c.timeout(milliseconds(250));
    BOOST_TEST((c.timeout() == milliseconds(250)));
    run_once(c);
    BOOST_TEST((c.timeout() == milliseconds(250)));
    c.timeout(milliseconds(0));
    BOOST_TEST((c.timeout() == steady_clock::duration::zero()));
}

BOOST_AUTO_TEST_CASE(a_negative_timeout_is_none)
{
    context c;
    c.timeout(milliseconds(-1));
    BOOST_TEST((c.timeout() == steady_clock::duration::zero()));
    c.timeout((steady_clock::duration::min)());
    BOOST_TEST((c.timeout() == steady_clock::duration::zero()));
}

BOOST_AUTO_TEST_CASE(the_longest_timeout_can_be_set)
{
    context c;
    c.timeout((steady_clock::duration::max)());
    BOOST_TEST((c.timeout() == (steady_clock::duration::max)()));
    c.expires_at((steady_clock::time_point::max)());
    c.expires_at((steady_clock::time_point::min)());
}

BOOST_AUTO_TEST_CASE(deadlines_are_refused_while_busy_and_when_disposed)
{
    context c;
    c.timeout(milliseconds(5));
    go_pending(c);
    BOOST_CHECK_EXCEPTION(
        c.timeout(milliseconds(1)), system_error, is(error::context_busy));
    BOOST_CHECK_EXCEPTION(
        c.expires_at(steady_clock::now()),
        system_error,
        is(error::context_busy));
    BOOST_TEST((c.timeout() == milliseconds(5)));
    complete(c);
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        c.timeout(milliseconds(1)), system_error, is(error::context_disposed));
    BOOST_CHECK_EXCEPTION(
        c.expires_at(steady_clock::now()),
        system_error,
        is(error::context_disposed));
    BOOST_TEST((c.timeout() == milliseconds(5)));
}

// Disposing

BOOST_AUTO_TEST_CASE(an_idle_context_is_disposed_at_once)
{
    context c;
    c.dispose();
    BOOST_TEST(c.is_disposed());
    c.dispose();
    BOOST_TEST(c.is_disposed());
    BOOST_TEST(
        context_access::check_start(c) ==
        make_error_code(error::context_disposed));
}

BOOST_AUTO_TEST_CASE(a_pending_context_is_disposed_when_it_completes)
{
    context c;
    int calls = 0;
    c.completion_handler([&](context& done) {
        ++calls;
        BOOST_TEST(done.is_disposed());
        BOOST_CHECK_EXCEPTION(
            context_access::require_start(done),
            system_error,
            is(error::context_disposed));
    });
    go_pending(c);
    c.dispose();
    BOOST_TEST(!c.is_disposed());
    BOOST_TEST(c.is_pending());
    complete(c);
    BOOST_TEST(calls == 1);
    BOOST_TEST(c.is_disposed());
}

BOOST_AUTO_TEST_CASE(a_disposed_context_keeps_its_result)
{
    context c;
    int x = 0;
    c.user_token(&x);
    go_pending(c);
    context_access::base(c).bytes_transferred = 3;
    complete(c);
    c.dispose();
    BOOST_TEST(c.bytes_transferred() == 3u);
    BOOST_TEST(c.user_token() == &x);
}

// The stored handler

BOOST_AUTO_TEST_CASE(a_handler_is_called_with_its_context_each_time)
{
    context c;
    int calls = 0;
    c.completion_handler([&](context& given) {
        BOOST_TEST(&given == &c);
        BOOST_TEST(!given.is_pending());
        ++calls;
    });
    for (int i = 1; i != 4; ++i)
    {
        go_pending(c);
        BOOST_TEST(c.is_pending());
        complete(c);
        BOOST_TEST(calls == i);
    }
}

BOOST_AUTO_TEST_CASE(an_operation_without_a_handler_just_ends)
{
    context c;
    run_once(c);
    BOOST_TEST(!c.is_pending());
}

BOOST_AUTO_TEST_CASE(a_small_handler_is_kept_inside)
{
    std::size_t const before = blocks_in_use();
    life l;
    {
        context c;
        c.completion_handler(small(l));
        BOOST_TEST(l.alive == 1);
        BOOST_TEST(blocks_in_use() == before);
        run_once(c);
        BOOST_TEST(l.calls == 1);
        BOOST_TEST(l.alive == 1);
    }
    BOOST_TEST(l.alive == 0);
}

BOOST_AUTO_TEST_CASE(a_large_handler_is_kept_in_operation_memory)
{
    std::size_t const before = blocks_in_use();
    life l;
    {
        context c;
        c.completion_handler(large(l));
        BOOST_TEST(l.alive == 1);
        BOOST_TEST(blocks_in_use() == before + 1);
        run_once(c);
        BOOST_TEST(l.calls == 1);
        BOOST_TEST(l.alive == 1);
    }
    BOOST_TEST(l.alive == 0);
    BOOST_TEST(blocks_in_use() == before);
}

BOOST_AUTO_TEST_CASE(a_handler_larger_than_every_pool_is_kept)
{
    life l;
    {
        context c;
        c.completion_handler(tracked<100000>(l));
        run_once(c);
        BOOST_TEST(l.calls == 1);
        BOOST_TEST(l.alive == 1);
    }
    BOOST_TEST(l.alive == 0);
}

BOOST_AUTO_TEST_CASE(
    replacing_handlers_allocates_nothing_after_a_while,
    *boost::unit_test::precondition(allocations_are_seen))
{
    life l;
    context c;
    c.completion_handler(large(l));
    c.completion_handler(large(l));
    allocation_counter const counter;
    for (int i = 0; i != 100; ++i)
    {
        c.completion_handler(small(l));
        run_once(c);
        c.completion_handler(large(l));
        run_once(c);
    }
    BOOST_TEST(counter.count() == 0u);
    BOOST_TEST(l.calls == 200);
    BOOST_TEST(l.alive == 1);
}

BOOST_AUTO_TEST_CASE(an_aligned_handler_is_aligned)
{
    struct alignas(128) aligned
    {
        int* calls;

        void operator()(context&) const
        {
            BOOST_TEST(reinterpret_cast<std::uintptr_t>(this) % 128 == 0u);
            ++*calls;
        }
    };

    int calls = 0;
    context c;
    c.completion_handler(aligned{&calls});
    run_once(c);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_handler_that_only_moves_is_kept)
{
    context c;
    int calls = 0;
    auto only_moves = [p = std::make_unique<int>(42), &calls](context&) {
        calls += *p;
    };
    c.completion_handler(std::move(only_moves));
    run_once(c);
    BOOST_TEST(calls == 42);
}

BOOST_AUTO_TEST_CASE(a_handler_given_as_a_name_is_copied)
{
    life l;
    context first, second;
    small const handler(l);
    first.completion_handler(handler);
    second.completion_handler(handler);
    BOOST_TEST(l.alive == 3);
    run_once(first);
    run_once(second);
    BOOST_TEST(l.calls == 2);
}

BOOST_AUTO_TEST_CASE(functions_and_pointers_to_them_are_handlers)
{
    struct free_function
    {
        static void call(context& c) { ++*static_cast<int*>(c.user_token()); }
    };

    context c;
    int calls = 0;
    c.user_token(&calls);
    c.completion_handler(free_function::call);
    run_once(c);
    c.completion_handler(&free_function::call);
    run_once(c);
    BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(a_handler_may_change_itself)
{
    context c;
    int last = 0;
    c.completion_handler([n = 0, &last](context&) mutable { last = ++n; });
    run_once(c);
    run_once(c);
    BOOST_TEST(last == 2);
}

BOOST_AUTO_TEST_CASE(replacing_destroys_the_handler_before)
{
    std::size_t const before = blocks_in_use();
    life a, b, d;
    {
        context c;
        c.completion_handler(small(a));
        c.completion_handler(large(b));
        BOOST_TEST(a.alive == 0);
        BOOST_TEST(b.alive == 1);
        c.completion_handler(large(d));
        BOOST_TEST(b.alive == 0);
        BOOST_TEST(blocks_in_use() == before + 1);
        c.completion_handler(small(a));
        BOOST_TEST(d.alive == 0);
        BOOST_TEST(a.alive == 1);
        BOOST_TEST(blocks_in_use() == before);
        run_once(c);
    }
    BOOST_TEST(a.calls == 1);
    BOOST_TEST(b.calls == 0);
    BOOST_TEST(d.calls == 0);
    BOOST_TEST(a.alive == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_that_cannot_be_copied_leaves_the_one_before)
{
    struct throwing
    {
        std::array<char, 64> fill{};

        throwing() = default;

        throwing(throwing const&) { throw std::runtime_error("no"); }

        void operator()(context&) const { BOOST_ERROR("called"); }
    };

    std::size_t const before = blocks_in_use();
    life l;
    context c;
    c.completion_handler(small(l));
    throwing const t;
    BOOST_CHECK_THROW(c.completion_handler(t), std::runtime_error);
    BOOST_TEST(blocks_in_use() == before);
    run_once(c);
    BOOST_TEST(l.calls == 1);
}

BOOST_AUTO_TEST_CASE(handlers_are_refused_while_busy_and_when_disposed)
{
    life kept, refused;
    context c;
    c.completion_handler(small(kept));
    go_pending(c);
    BOOST_CHECK_EXCEPTION(
        c.completion_handler(large(refused)),
        system_error,
        is(error::context_busy));
    BOOST_TEST(refused.alive == 0);
    complete(c);
    BOOST_TEST(kept.calls == 1);
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        c.completion_handler(small(refused)),
        system_error,
        is(error::context_disposed));
    BOOST_TEST(refused.alive == 0);
    BOOST_TEST(kept.alive == 1);
}

namespace {

// A handler that replaces itself, by one of any kind.
template<typename First, typename Second>
void replace_in_a_call()
{
    std::size_t const before = blocks_in_use();
    life first, second;
    {
        context c;
        first.body = [&](context& running) {
            running.completion_handler(Second(second));
            BOOST_TEST(first.alive == 1);
            BOOST_TEST(second.alive == 1);
        };
        c.completion_handler(First(first));
        run_once(c);
        BOOST_TEST(first.alive == 0);
        BOOST_TEST(second.alive == 1);
        run_once(c);
        BOOST_TEST(first.calls == 1);
        BOOST_TEST(second.calls == 1);
    }
    BOOST_TEST(second.alive == 0);
    BOOST_TEST(blocks_in_use() == before);
}

// A handler that replaces itself three times in one call.
template<typename First, typename Second>
void replace_again_in_a_call()
{
    std::size_t const before = blocks_in_use();
    life first, skipped, last;
    {
        context c;
        first.body = [&](context& running) {
            running.completion_handler(Second(skipped));
            running.completion_handler(First(skipped));
            running.completion_handler(Second(last));
            BOOST_TEST(first.alive == 1);
            BOOST_TEST(skipped.alive == 0);
        };
        c.completion_handler(First(first));
        run_once(c);
        BOOST_TEST(first.alive == 0);
        run_once(c);
        BOOST_TEST(last.calls == 1);
        BOOST_TEST(skipped.calls == 0);
    }
    BOOST_TEST(last.alive == 0);
    BOOST_TEST(blocks_in_use() == before);
}

// A handler that destroys its context, after it has replaced itself or not.
template<typename First>
void destroy_in_a_call(bool replaces)
{
    std::size_t const before = blocks_in_use();
    life first, second;
    auto c = std::make_unique<context>();
    bool destroyed = false;
    auto handler = [&, guard = std::array<char, sizeof(First)>()](context&) {
        static_cast<void>(guard);
        if (replaces)
        {
            c->completion_handler(large(second));
        }
        c.reset();
        destroyed = true;
    };
    c->completion_handler(handler);
    run_once(*c);
    BOOST_TEST(destroyed);
    BOOST_TEST(second.alive == 0);
    BOOST_TEST(second.calls == 0);
    BOOST_TEST(blocks_in_use() == before);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_handler_that_replaces_itself_is_destroyed_after_it)
{
    replace_in_a_call<small, small>();
    replace_in_a_call<small, large>();
    replace_in_a_call<large, small>();
    replace_in_a_call<large, large>();
}

BOOST_AUTO_TEST_CASE(a_handler_may_replace_itself_more_than_once)
{
    replace_again_in_a_call<small, small>();
    replace_again_in_a_call<small, large>();
    replace_again_in_a_call<large, small>();
    replace_again_in_a_call<large, large>();
}

BOOST_AUTO_TEST_CASE(a_handler_may_destroy_its_context)
{
    destroy_in_a_call<large>(false);
    destroy_in_a_call<large>(true);
}

BOOST_AUTO_TEST_CASE(a_handler_that_replaced_itself_may_throw)
{
    std::size_t const before = blocks_in_use();
    life first, second;
    {
        context c;
        first.body = [&](context& running) {
            running.completion_handler(large(second));
            throw std::runtime_error("from a handler");
        };
        c.completion_handler(large(first));
        go_pending(c);
        BOOST_CHECK_THROW(complete(c), std::runtime_error);
        BOOST_TEST(!c.is_pending());
        BOOST_TEST(first.alive == 0);
        run_once(c);
        BOOST_TEST(second.calls == 1);
    }
    BOOST_TEST(blocks_in_use() == before);
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_leaves_the_context_idle)
{
    context c;
    bool throws = true;
    int calls = 0;
    c.completion_handler([&](context&) {
        ++calls;
        if (throws)
        {
            throw std::runtime_error("from a handler");
        }
    });
    for (auto* const deliver : {&complete, &complete_alone})
    {
        throws = true;
        go_pending(c);
        BOOST_CHECK_THROW(deliver(c), std::runtime_error);
        BOOST_TEST(!c.is_pending());
        throws = false;
        go_pending(c);
        deliver(c);
    }
    BOOST_TEST(calls == 4);
}

BOOST_AUTO_TEST_CASE(a_handler_may_start_the_next_operation)
{
    context c;
    int calls = 0;
    c.completion_handler([&](context& running) {
        if (++calls != 3)
        {
            go_pending(running);
        }
    });
    go_pending(c);
    complete(c);
    BOOST_TEST(c.is_pending());
    complete(c);
    complete(c);
    BOOST_TEST(!c.is_pending());
    BOOST_TEST(calls == 3);
}

namespace {

// A handler runs the io_context, and with it itself once more.
template<typename Handler>
void replace_in_an_inner_call()
{
    std::size_t const before = blocks_in_use();
    life l, next;
    {
        context c;
        l.body = [&](context& running) {
            if (l.calls == 1)
            {
                run_once(running);
                BOOST_TEST(l.alive == 1);
            }
            else
            {
                running.completion_handler(large(next));
            }
        };
        c.completion_handler(Handler(l));
        run_once(c);
        BOOST_TEST(l.calls == 2);
        BOOST_TEST(l.alive == 0);
        run_once(c);
        BOOST_TEST(next.calls == 1);
    }
    BOOST_TEST(next.alive == 0);
    BOOST_TEST(blocks_in_use() == before);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_handler_replaced_in_an_inner_call_outlives_the_outer)
{
    replace_in_an_inner_call<large>();
    replace_in_an_inner_call<small>();
}

BOOST_AUTO_TEST_CASE(an_abandoned_operation_drops_its_handler)
{
    life dropped, next;
    {
        context c;
        c.completion_handler(small(dropped));
        go_pending(c);
        abandon(c);
        BOOST_TEST(!c.is_pending());
        BOOST_TEST(dropped.calls == 0);
        BOOST_TEST(dropped.alive == 0);
        // The context can be used again.
        c.completion_handler(small(next));
        run_once(c);
        BOOST_TEST(next.calls == 1);
    }
    BOOST_TEST(dropped.calls == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_on_an_executor_holds_work_while_pending)
{
    asio::io_context io;
    context c;
    int calls = 0;
    c.completion_handler(
        asio::bind_executor(io.get_executor(), [&](context&) { ++calls; }));
    io.poll();
    BOOST_TEST(io.stopped());
    io.restart();
    go_pending(c);
    io.poll();
    BOOST_TEST(!io.stopped());
    complete(c);
    io.poll();
    BOOST_TEST(io.stopped());
    BOOST_TEST(calls == 1);
    // A handler without an executor holds none.
    c.completion_handler([&](context&) { ++calls; });
    io.restart();
    go_pending(c);
    io.poll();
    BOOST_TEST(io.stopped());
    complete(c);
}

// Owners

namespace {

struct shared_owner : std::enable_shared_from_this<shared_owner>
{
    explicit shared_owner(bool& destroyed)
        : destroyed_(destroyed)
    {
        c.keep_alive(*this);
    }

    ~shared_owner() { destroyed_ = true; }

    context c;
    bool& destroyed_;
};

struct counted_owner
    : boost::intrusive_ref_counter<counted_owner, boost::thread_safe_counter>
{
    explicit counted_owner(bool& destroyed)
        : destroyed_(destroyed)
    {
        c.keep_alive(*this);
    }

    ~counted_owner() { destroyed_ = true; }

    context c;
    bool& destroyed_;
};

// An operation on a member of `owner`, which is let go while it is pending.
template<typename Pointer, typename Deliver>
void hold_while_pending(Pointer owner, bool& destroyed, Deliver deliver)
{
    context& c = owner->c;
    c.completion_handler([&](context&) { BOOST_TEST(!destroyed); });
    go_pending(c);
    owner.reset();
    BOOST_TEST(!destroyed);
    deliver(c);
    BOOST_TEST(destroyed);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_pending_operation_holds_its_owner)
{
    for (auto* const deliver : {&complete, &complete_alone, &abandon})
    {
        bool destroyed = false;
        hold_while_pending(
            std::make_shared<shared_owner>(destroyed), destroyed, deliver);
        destroyed = false;
        hold_while_pending(
            boost::intrusive_ptr<counted_owner>(new counted_owner(destroyed)),
            destroyed,
            deliver);
    }
}

BOOST_AUTO_TEST_CASE(an_idle_context_holds_nothing)
{
    bool destroyed = false;
    auto owner = std::make_shared<shared_owner>(destroyed);
    BOOST_TEST(owner.use_count() == 1);
    owner->c.completion_handler([o = owner.get()](context&) {
        BOOST_TEST(o->shared_from_this().use_count() >= 3);
    });
    BOOST_TEST(owner.use_count() == 1);
    go_pending(owner->c);
    BOOST_TEST(owner.use_count() == 2);
    complete(owner->c);
    BOOST_TEST(owner.use_count() == 1);
    owner.reset();
    BOOST_TEST(destroyed);
}

BOOST_AUTO_TEST_CASE(keeping_nothing_alive_ends_the_hold)
{
    bool destroyed = false;
    auto owner = std::make_shared<shared_owner>(destroyed);
    owner->c.keep_alive(nullptr);
    go_pending(owner->c);
    BOOST_TEST(owner.use_count() == 1);
    complete(owner->c);
}

BOOST_AUTO_TEST_CASE(another_owner_takes_the_place_of_the_former)
{
    bool first_destroyed = false, second_destroyed = false;
    auto first = std::make_shared<shared_owner>(first_destroyed);
    auto second = std::make_shared<shared_owner>(second_destroyed);
    context c;
    c.keep_alive(*first);
    c.keep_alive(*second);
    go_pending(c);
    BOOST_TEST(first.use_count() == 1);
    BOOST_TEST(second.use_count() == 2);
    complete(c);
    BOOST_TEST(second.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_handler_may_change_the_owner)
{
    bool first_destroyed = false, second_destroyed = false;
    auto second = std::make_shared<shared_owner>(second_destroyed);
    for (auto* const deliver : {&complete, &complete_alone})
    {
        first_destroyed = false;
        auto first = std::make_shared<shared_owner>(first_destroyed);
        context& c = first->c;
        c.completion_handler([&](context& running) {
            running.keep_alive(*second);
            BOOST_TEST(!first_destroyed);
        });
        go_pending(c);
        first.reset();
        deliver(c);
        // The context went with its first owner when the handler had
        // returned, and not before.
        BOOST_TEST(first_destroyed);
        BOOST_TEST(second.use_count() == 1);
    }
}

BOOST_AUTO_TEST_CASE(an_owner_that_nobody_owns_is_refused_at_a_start)
{
    bool destroyed = false;
    shared_owner on_the_stack(destroyed);
    BOOST_CHECK_EXCEPTION(
        context_access::require_start(on_the_stack.c),
        system_error,
        is(error::not_owned));
    BOOST_TEST(!on_the_stack.c.is_pending());
    on_the_stack.c.keep_alive(nullptr);
    BOOST_CHECK_NO_THROW(context_access::require_start(on_the_stack.c));
    // Owned by now, or owned from now on: it is looked for at each start.
    auto owned = std::make_shared<shared_owner>(destroyed);
    BOOST_CHECK_NO_THROW(context_access::require_start(owned->c));
}

BOOST_AUTO_TEST_CASE(owners_are_refused_while_busy_and_when_disposed)
{
    bool destroyed = false;
    auto owner = std::make_shared<shared_owner>(destroyed);
    context c;
    go_pending(c);
    BOOST_CHECK_EXCEPTION(
        c.keep_alive(*owner), system_error, is(error::context_busy));
    BOOST_CHECK_EXCEPTION(
        c.keep_alive(nullptr), system_error, is(error::context_busy));
    complete(c);
    c.dispose();
    BOOST_CHECK_EXCEPTION(
        c.keep_alive(*owner), system_error, is(error::context_disposed));
    BOOST_TEST(owner.use_count() == 1);
}
