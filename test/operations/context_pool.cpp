// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/context_pool.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE operations_context_pool
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/connection.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::context_pool;
using opslot::context_pool_options;
using opslot::context_ptr;
using opslot::operation_memory;
using opslot::stream_context;
using opslot::testing::allocation_counter;

using pool_type = context_pool<stream_context>;
using pointer = context_ptr<stream_context>;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

auto where_allocations_are_seen()
{
    return boost::unit_test::precondition(allocations_are_seen);
}

// Counts how many of it there are, and can be told to fail.
struct counted_context : stream_context
{
    explicit counted_context(int* alive)
        : alive_(alive)
    {
        ++*alive_;
    }

    ~counted_context() { --*alive_; }

    int* alive_;
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

// The outcome of one acquisition.
struct outcome
{
    int calls = 0;
    error_code error;
    pointer context;

    auto handler()
    {
        return [this](error_code ec, pointer c) {
            ++calls;
            error = ec;
            context = std::move(c);
        };
    }
};

// An allocator that counts, and takes its memory from the heap.
template<typename T>
struct counting_allocator
{
    using value_type = T;

    explicit counting_allocator(int& n) noexcept
        : live(&n)
    {}

    template<typename U>
    counting_allocator(counting_allocator<U> const& other) noexcept
        : live(other.live)
    {}

    T* allocate(std::size_t n)
    {
        ++*live;
        return std::allocator<T>().allocate(n);
    }

    void deallocate(T* p, std::size_t n) noexcept
    {
        --*live;
        std::allocator<T>().deallocate(p, n);
    }

    template<typename U>
    bool operator==(counting_allocator<U> const& other) const noexcept
    {
        return live == other.live;
    }

    template<typename U>
    bool operator!=(counting_allocator<U> const& other) const noexcept
    {
        return live != other.live;
    }

    int* live;
};

} // namespace

// Misuse and failures

BOOST_AUTO_TEST_CASE(more_initial_contexts_than_the_maximum_are_refused)
{
    asio::io_context io;
    auto const make = [&] { pool_type pool(io, {3, 2}); };
    BOOST_CHECK_EXCEPTION(
        make(), boost::system::system_error, [](auto const& e) {
            return e.code() == asio::error::invalid_argument;
        });
}

BOOST_AUTO_TEST_CASE(an_empty_executor_is_refused)
{
    BOOST_CHECK_EXCEPTION(
        pool_type{asio::any_io_executor()},
        boost::system::system_error,
        [](auto const& e) {
            return e.code() == opslot::error::no_execution_context;
        });
}

BOOST_AUTO_TEST_CASE(a_pool_that_cannot_be_filled_leaves_nothing_behind)
{
    asio::io_context io;
    for (int good = 0; good != 5; ++good)
    {
        int alive = 0;
        int built = 0;
        auto const initialize = [&](counted_context&) {
            if (built++ == good)
            {
                throw std::runtime_error("no");
            }
        };
        auto const make = [&] {
            context_pool<counted_context> pool(io, {5, 0}, initialize, &alive);
        };
        BOOST_CHECK_THROW(make(), std::runtime_error);
        BOOST_TEST(built == good + 1);
        BOOST_TEST(alive == 0);
    }
}

// A sanitizer ends the program where a heap would refuse.
BOOST_AUTO_TEST_CASE(
    a_pool_that_no_heap_has_room_for_is_refused, *where_allocations_are_seen())
{
    asio::io_context io;
    auto const make = [&] { pool_type pool(io, {std::size_t(1) << 60, 0}); };
    BOOST_CHECK_THROW(make(), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(a_context_that_cannot_be_built_is_built_another_time)
{
    asio::io_context io;
    bool fail = true;
    std::vector<std::size_t> indices;
    pool_type pool(io, {0, 1}, [&](stream_context&, std::size_t index) {
        indices.push_back(index);
        if (fail)
        {
            throw std::runtime_error("no");
        }
    });
    BOOST_CHECK_THROW(
        static_cast<void>(pool.try_acquire()), std::runtime_error);
    BOOST_TEST(pool.statistics().in_use == 0u);

    fail = false;
    BOOST_TEST(pool.try_acquire());
    BOOST_TEST(indices == (std::vector<std::size_t>{0, 0}));
}

BOOST_AUTO_TEST_CASE(an_acquisition_reports_that_building_failed)
{
    asio::io_context io;
    int step = 0;
    pool_type pool(io, {0, 1}, [&](stream_context&) {
        switch (step++)
        {
        case 0:
            throw boost::system::system_error(asio::error::access_denied);
        case 1:
            throw std::bad_alloc();
        case 2:
            throw step;
        }
    });
    std::array<outcome, 4> results;
    for (outcome& each : results)
    {
        pool.async_acquire(each.handler());
    }
    io.run();
    BOOST_TEST(results[0].error == asio::error::access_denied);
    BOOST_TEST(results[1].error == asio::error::no_memory);
    BOOST_TEST(results[2].error == asio::error::fault);
    BOOST_TEST(!results[3].error);
    BOOST_TEST(results[3].context);
    BOOST_TEST(!results[0].context);
}

// Acquiring

BOOST_AUTO_TEST_CASE(contexts_are_initialized_once_and_keep_their_settings)
{
    asio::io_context io;
    int calls = 0;
    int completions = 0;
    //[pool
    std::array<char, 4096> storage;
    opslot::context_pool<opslot::stream_context> pool(
        io,
        {1, 1}, // one context now, and never more than one
        [&](opslot::stream_context& context) {
            context.buffer(boost::asio::buffer(storage));
            context.completion_handler(
                [&](opslot::stream_context&) { ++completions; });
            ++calls;
        });

    opslot::context_ptr<opslot::stream_context> context = pool.try_acquire();
    //]
    BOOST_TEST(calls == 1);
    stream_context* const first = context.get();
    context->at_least(7);
    context.reset();

    context = pool.try_acquire();
    BOOST_TEST(context.get() == first);
    BOOST_TEST(context->buffer().data() == storage.data());
    BOOST_TEST(context->at_least() == 7u);
    go_pending(*context);
    complete(*context);
    BOOST_TEST(completions == 1);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_bounded_pool_is_empty_when_all_contexts_are_in_use)
{
    asio::io_context io;
    pool_type pool(io, {1, 3});
    BOOST_TEST(pool.statistics().capacity == 1u);
    std::set<stream_context*> different;
    std::vector<pointer> acquired;
    for (int i = 0; i != 3; ++i)
    {
        acquired.push_back(pool.try_acquire());
        BOOST_REQUIRE(acquired.back());
        different.insert(acquired.back().get());
    }
    BOOST_TEST(different.size() == 3u);
    BOOST_TEST(!pool.try_acquire());
    BOOST_TEST(pool.statistics().capacity == 3u);
    BOOST_TEST(pool.statistics().in_use == 3u);

    acquired.pop_back();
    BOOST_TEST(pool.statistics().in_use == 2u);
    BOOST_TEST(pool.try_acquire());
    BOOST_TEST(pool.statistics().peak == 3u);
}

BOOST_AUTO_TEST_CASE(a_pool_without_a_maximum_grows)
{
    asio::io_context io;
    pool_type pool(io);
    BOOST_TEST(pool.statistics().capacity == 0u);
    std::vector<pointer> acquired;
    for (int i = 0; i != 1000; ++i)
    {
        acquired.push_back(pool.try_acquire());
        BOOST_REQUIRE(acquired.back());
    }
    auto const statistics = pool.statistics();
    BOOST_TEST(statistics.in_use == 1000u);
    BOOST_TEST(statistics.capacity >= 1000u);
    BOOST_TEST(statistics.capacity < 2048u);
}

BOOST_AUTO_TEST_CASE(contexts_are_numbered_and_built_with_the_arguments)
{
    asio::io_context io;
    int alive = 0;
    std::set<std::size_t> indices;
    {
        context_pool<counted_context> pool(
            io,
            {2, 20},
            [&](counted_context& context, std::size_t index) {
                context.user_token(&indices);
                indices.insert(index);
            },
            &alive);
        BOOST_TEST(alive == 2);
        std::vector<context_ptr<counted_context>> acquired;
        while (auto context = pool.try_acquire())
        {
            BOOST_TEST(context->user_token() == &indices);
            acquired.push_back(std::move(context));
        }
        BOOST_TEST(alive == 20);
        BOOST_TEST(indices.size() == 20u);
        BOOST_TEST(*indices.rbegin() == 19u);
    }
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(contexts_have_the_alignment_of_their_type)
{
    struct alignas(256) wide_context : stream_context
    {};

    asio::io_context io;
    context_pool<wide_context> pool(io, {3, 0});
    std::vector<context_ptr<wide_context>> acquired;
    for (int i = 0; i != 20; ++i)
    {
        acquired.push_back(pool.try_acquire());
        auto const address =
            reinterpret_cast<std::uintptr_t>(acquired.back().get());
        BOOST_TEST(address % 256 == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_pending_operation_keeps_its_context_out_of_the_pool)
{
    asio::io_context io;
    pool_type pool(io, {1, 1});
    auto context = pool.try_acquire();
    bool was_in_use = false;
    context->completion_handler(
        [&](stream_context&) { was_in_use = pool.statistics().in_use == 1u; });
    stream_context& raw = *context;
    go_pending(raw);
    context.reset();
    BOOST_TEST(!pool.try_acquire());

    complete(raw);
    BOOST_TEST(was_in_use);
    BOOST_TEST(pool.try_acquire().get() == &raw);
}

BOOST_FIXTURE_TEST_CASE(
    a_context_returns_when_its_operation_on_a_socket_has_ended,
    support::connection)
{
    std::array<char, 16> storage;
    std::size_t received = 0;
    pool_type pool(io, {1, 1}, [&](stream_context& context) {
        context.buffer(asio::buffer(storage));
        context.completion_handler([&](stream_context& c) {
            received = c.bytes_transferred();
            BOOST_TEST(pool.statistics().in_use == 1u);
        });
    });
    auto context = pool.try_acquire();
    BOOST_TEST((socket.start_receive(*context) == opslot::pending));
    context.reset();
    BOOST_TEST(!pool.try_acquire());

    other.write("hello");
    support::run(io);
    BOOST_TEST(received == 5u);
    BOOST_TEST(pool.try_acquire());
}

BOOST_FIXTURE_TEST_CASE(
    a_context_of_a_pool_that_is_gone_goes_when_its_socket_is_closed,
    support::connection)
{
    std::array<char, 16> storage;
    int alive = 0;
    {
        context_pool<counted_context> pool(
            io,
            {1, 1},
            [&](counted_context& c) { c.buffer(asio::buffer(storage)); },
            &alive);
        auto context = pool.try_acquire();
        BOOST_TEST((socket.start_receive(*context) == opslot::pending));
    }
    BOOST_TEST(alive == 1);
    socket.close();
    support::run(io);
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(a_disposed_context_is_replaced)
{
    asio::io_context io;
    int alive = 0;
    int initialized = 0;
    context_pool<counted_context> pool(
        io, {1, 1}, [&](counted_context&) { ++initialized; }, &alive);
    auto context = pool.try_acquire();
    context->at_least(7);
    context->dispose();
    BOOST_TEST(alive == 1);
    context.reset();
    BOOST_TEST(alive == 0);

    context = pool.try_acquire();
    BOOST_REQUIRE(context);
    BOOST_TEST(!context->is_disposed());
    BOOST_TEST(context->at_least() == 1u);
    BOOST_TEST(initialized == 2);
}

BOOST_AUTO_TEST_CASE(a_context_disposed_while_pending_is_replaced)
{
    asio::io_context io;
    int alive = 0;
    context_pool<counted_context> pool(
        io, {1, 1}, [](counted_context&) {}, &alive);
    auto context = pool.try_acquire();
    counted_context& raw = *context;
    go_pending(raw);
    raw.dispose();
    context.reset();
    BOOST_TEST(alive == 1);
    complete(raw);
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(references_may_outlive_the_pool)
{
    asio::io_context io;
    int alive = 0;
    context_ptr<counted_context> last;
    {
        context_pool<counted_context> pool(
            io, {4, 0}, [](counted_context&) {}, &alive);
        auto other = pool.try_acquire();
        last = pool.try_acquire();
    }
    BOOST_TEST(alive == 1);
    last->at_least(2);
    last.reset();
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(references_may_outlive_pool_and_execution_context)
{
    int alive = 0;
    context_ptr<counted_context> last;
    {
        asio::io_context io;
        context_pool<counted_context> pool(
            asio::make_strand(io), {1, 0}, [](counted_context&) {}, &alive);
        last = pool.try_acquire();
    }
    BOOST_TEST(alive == 1);
    last.reset();
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(the_execution_context_may_go_before_the_pool)
{
    std::optional<asio::io_context> io(std::in_place);
    int alive = 0;
    auto pool = std::make_unique<context_pool<counted_context>>(
        asio::make_strand(*io),
        context_pool_options{1, 0},
        [](counted_context&) {},
        &alive);
    BOOST_TEST(static_cast<bool>(pool->get_executor()));
    io.reset();
    BOOST_TEST(!pool->get_executor());
    BOOST_TEST(pool->try_acquire());
    pool.reset();
    BOOST_TEST(alive == 0);
}

// Waiting

BOOST_AUTO_TEST_CASE(an_acquisition_never_completes_inside_its_call)
{
    asio::io_context io;
    pool_type pool(io, {1, 1});
    outcome outside;
    pool.async_acquire(outside.handler());
    BOOST_TEST(outside.calls == 0);
    BOOST_TEST(pool.statistics().in_use == 1u);
    io.run();
    BOOST_TEST(outside.calls == 1);
    BOOST_TEST(!outside.error);
    BOOST_TEST(outside.context);
    BOOST_TEST(pool.statistics().waits == 0u);

    outside.context.reset();
    outcome inside;
    asio::post(io, [&] {
        pool.async_acquire(inside.handler());
        BOOST_TEST(inside.calls == 0);
    });
    io.restart();
    io.run();
    BOOST_TEST(inside.calls == 1);
}

BOOST_AUTO_TEST_CASE(those_that_wait_are_served_in_order)
{
    asio::io_context io;
    pool_type pool(io, {2, 2});
    std::vector<pointer> held{pool.try_acquire(), pool.try_acquire()};
    std::vector<int> order;
    for (int i = 0; i != 5; ++i)
    {
        pool.async_acquire([&, i](error_code ec, pointer context) {
            BOOST_TEST(!ec);
            BOOST_TEST(context);
            order.push_back(i);
        });
    }
    BOOST_TEST(pool.statistics().waiting == 5u);
    BOOST_TEST(pool.statistics().waits == 5u);
    io.poll();
    BOOST_TEST(order.empty());
    BOOST_TEST(!io.stopped());

    held.pop_back();
    BOOST_TEST(!pool.try_acquire());
    BOOST_TEST(pool.statistics().waiting == 4u);
    io.run();
    BOOST_TEST(order == (std::vector<int>{0, 1, 2, 3, 4}));
    BOOST_TEST(pool.statistics().in_use == 1u);
    BOOST_TEST(pool.statistics().waiting == 0u);
}

BOOST_AUTO_TEST_CASE(one_that_waits_keeps_the_execution_context_running)
{
    asio::io_context io;
    pool_type pool(io, {1, 1});
    auto held = pool.try_acquire();
    outcome result;
    pool.async_acquire(result.handler());
    std::thread other([&] { held.reset(); });
    io.run();
    other.join();
    BOOST_TEST(result.calls == 1);
}

BOOST_AUTO_TEST_CASE(a_disposed_context_is_rebuilt_for_one_that_waits)
{
    asio::io_context io;
    int built = 0;
    pool_type pool(io, {1, 1}, [&](stream_context&) { ++built; });
    auto held = pool.try_acquire();
    outcome result;
    pool.async_acquire(result.handler());
    held->dispose();
    held.reset();
    BOOST_TEST(built == 1);
    io.run();
    BOOST_TEST(built == 2);
    BOOST_REQUIRE(result.context);
    BOOST_TEST(!result.context->is_disposed());
}

BOOST_AUTO_TEST_CASE(an_acquisition_can_be_cancelled)
{
    using type = asio::cancellation_type;
    for (auto const kind : {type::terminal, type::partial, type::total})
    {
        asio::io_context io;
        pool_type pool(io, {1, 1});
        auto held = pool.try_acquire();
        asio::cancellation_signal signal;
        outcome cancelled;
        outcome other;
        pool.async_acquire(
            asio::bind_cancellation_slot(signal.slot(), cancelled.handler()));
        pool.async_acquire(other.handler());
        signal.emit(kind);
        BOOST_TEST(cancelled.calls == 0);
        io.poll();
        BOOST_TEST(cancelled.calls == 1);
        BOOST_TEST(cancelled.error == asio::error::operation_aborted);
        BOOST_TEST(!cancelled.context);
        BOOST_TEST(other.calls == 0);

        held.reset();
        signal.emit(kind);
        io.run();
        BOOST_TEST(cancelled.calls == 1);
        BOOST_TEST(other.calls == 1);
        BOOST_TEST(!other.error);
    }
}

BOOST_AUTO_TEST_CASE(cancelling_the_last_one_that_waits_ends_the_work)
{
    asio::io_context io;
    pool_type pool(io, {1, 1});
    auto held = pool.try_acquire();
    asio::cancellation_signal signal;
    outcome result;
    pool.async_acquire(
        asio::bind_cancellation_slot(signal.slot(), result.handler()));
    asio::post(io, [&] { signal.emit(asio::cancellation_type::total); });
    io.run();
    BOOST_TEST(result.error == asio::error::operation_aborted);
}

BOOST_AUTO_TEST_CASE(a_cancellation_after_the_end_finds_nothing)
{
    asio::io_context io;
    asio::cancellation_signal signal;
    outcome result;
    {
        pool_type pool(io, {1, 1});
        pool.async_acquire(
            asio::bind_cancellation_slot(signal.slot(), result.handler()));
        signal.emit(asio::cancellation_type::terminal);
        io.run();
        BOOST_TEST(!result.error);
        result.context.reset();
    }
    signal.emit(asio::cancellation_type::terminal);
    BOOST_TEST(result.calls == 1);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_pool_aborts_those_that_wait)
{
    asio::io_context io;
    std::optional<pool_type> pool(
        std::in_place, io, context_pool_options{1, 1});
    auto held = pool->try_acquire();
    std::array<outcome, 2> results;
    for (outcome& each : results)
    {
        pool->async_acquire(each.handler());
    }
    pool.reset();
    BOOST_TEST(results[0].calls == 0);
    held.reset();
    io.run();
    for (outcome& each : results)
    {
        BOOST_TEST(each.calls == 1);
        BOOST_TEST(each.error == asio::error::operation_aborted);
        BOOST_TEST(!each.context);
    }
}

BOOST_AUTO_TEST_CASE(a_context_on_its_way_outlives_the_pool)
{
    asio::io_context io;
    outcome result;
    {
        pool_type pool(io, {1, 1});
        pool.async_acquire(result.handler());
    }
    io.run();
    BOOST_TEST(!result.error);
    BOOST_REQUIRE(result.context);
    result.context->at_least(3);
    result.context.reset();
}

BOOST_AUTO_TEST_CASE(a_handler_may_own_the_pool_that_it_waits_for)
{
    auto pool = std::shared_ptr<pool_type>();
    std::weak_ptr<pool_type> watch;
    int calls = 0;
    pointer held;
    {
        asio::io_context io;
        pool = std::make_shared<pool_type>(io, context_pool_options{1, 1});
        watch = pool;
        held = pool->try_acquire();
        pool_type& raw = *pool;
        raw.async_acquire([&calls, owner = std::move(pool)](
                              error_code, pointer) { ++calls; });
        BOOST_TEST(!watch.expired());
    }
    BOOST_TEST(watch.expired());
    BOOST_TEST(calls == 0);
}

BOOST_AUTO_TEST_CASE(a_dropped_completion_returns_its_context)
{
    int alive = 0;
    std::optional<asio::io_context> io(std::in_place);
    context_pool<counted_context> pool(
        *io, {1, 1}, [](counted_context&) {}, &alive);
    pool.async_acquire([](error_code, context_ptr<counted_context>) {});
    BOOST_TEST(!pool.try_acquire());
    io.reset();
    BOOST_TEST(pool.statistics().in_use == 0u);
    BOOST_TEST(pool.try_acquire());
}

// Executors, allocators, tokens

BOOST_AUTO_TEST_CASE(a_handler_runs_on_its_associated_executor)
{
    asio::io_context io;
    asio::io_context other;
    pool_type pool(io, {1, 1});
    auto held = pool.try_acquire();
    outcome result;
    pool.async_acquire(
        asio::bind_executor(other.get_executor(), result.handler()));
    held.reset();
    io.run();
    BOOST_TEST(result.calls == 0);
    other.run();
    BOOST_TEST(result.calls == 1);
    BOOST_TEST(result.context);
}

BOOST_AUTO_TEST_CASE(a_pool_completes_on_its_strand)
{
    asio::thread_pool threads(2);
    auto const strand = asio::make_strand(threads);
    pool_type pool(strand, {1, 1});
    std::promise<bool> inside;
    auto held = pool.try_acquire();
    pool.async_acquire([&](error_code, pointer) {
        inside.set_value(strand.running_in_this_thread());
    });
    held.reset();
    BOOST_TEST(inside.get_future().get());
    threads.join();
}

BOOST_AUTO_TEST_CASE(a_record_takes_the_memory_of_its_handler)
{
    asio::io_context io;
    pool_type pool(io, {1, 1});
    auto held = pool.try_acquire();
    auto const before = operation_memory::of(io).statistics().allocations;
    int live = 0;
    int live_in_handler = -1;
    pool.async_acquire(asio::bind_allocator(
        counting_allocator<char>(live),
        [&](error_code, pointer) { live_in_handler = live; }));
    BOOST_TEST(live == 1);
    BOOST_TEST(operation_memory::of(io).statistics().allocations == before);
    held.reset();
    io.run();
    BOOST_TEST(live_in_handler == 0);
    BOOST_TEST(live == 0);
}

BOOST_AUTO_TEST_CASE(an_acquisition_completes_through_any_token)
{
    asio::io_context io;
    pool_type pool(io, {1, 1});
    std::future<pointer> future = pool.async_acquire(asio::use_future);
    io.run();
    BOOST_TEST(future.get());
}

// Eight acquisitions wait for four contexts, again and again. All happens in
// one call of run(), since a strand also uses the memory that each such call
// has and frees.
class busy_pool
{
public:
    explicit busy_pool(asio::any_io_executor const& executor)
        : pool_(executor, {4, 4})
    {}

    std::uint64_t heap_allocations_after_warm_up(asio::io_context& io)
    {
        start();
        io.restart();
        io.run();
        return allocations_;
    }

    int errors() const { return errors_; }

private:
    void start()
    {
        std::array<pointer, 4> held;
        for (pointer& each : held)
        {
            each = pool_.try_acquire();
        }
        left_ = 8;
        for (int i = 0; i != left_; ++i)
        {
            pool_.async_acquire([this](error_code ec, pointer context) {
                errors_ += ec || !context;
                context.reset();
                if (--left_ == 0)
                {
                    finish();
                }
            });
        }
    }

    void finish()
    {
        if (++rounds_ == 10)
        {
            heap_.emplace(allocation_counter::scope::process);
        }
        if (rounds_ != 100)
        {
            start();
            return;
        }
        allocations_ = heap_->count();
    }

    pool_type pool_;
    int left_ = 0;
    int rounds_ = 0;
    int errors_ = 0;
    std::optional<allocation_counter> heap_;
    std::uint64_t allocations_ = 1;
};

BOOST_AUTO_TEST_CASE(
    nothing_reaches_the_heap_after_warm_up, *where_allocations_are_seen())
{
    asio::io_context io;
    busy_pool plain(io.get_executor());
    BOOST_TEST(plain.heap_allocations_after_warm_up(io) == 0u);
    BOOST_TEST(plain.errors() == 0);

    busy_pool on_strand(asio::make_strand(io));
    BOOST_TEST(on_strand.heap_allocations_after_warm_up(io) == 0u);
    BOOST_TEST(on_strand.errors() == 0);
}

BOOST_AUTO_TEST_CASE(
    acquiring_needs_no_heap_from_the_first_time, *where_allocations_are_seen())
{
    asio::io_context io;
    allocation_counter const construction;
    pool_type pool(io, {16, 16});
    BOOST_TEST(construction.count() > 0u);

    allocation_counter const heap;
    std::array<pointer, 16> held;
    for (pointer& each : held)
    {
        each = pool.try_acquire();
        BOOST_TEST_REQUIRE(static_cast<bool>(each));
    }
    BOOST_TEST(heap.count() == 0u);
}

// Threads

BOOST_AUTO_TEST_CASE(threads_never_share_a_context)
{
    asio::thread_pool threads(3);
    pool_type pool(threads, {2, 5});
    constexpr int rounds = 3000;
    constexpr int workers = 4;
    std::atomic<int> acquired{0};
    std::atomic<bool> intact{true};

    // One acquisition after the other, each context marked while it is held.
    struct worker
    {
        pool_type& pool;
        std::atomic<int>& acquired;
        std::atomic<bool>& intact;
        int left = rounds;

        void check(stream_context& context)
        {
            if (context.user_token())
            {
                intact = false;
            }
            context.user_token(this);
            std::this_thread::yield();
            if (context.user_token() != this)
            {
                intact = false;
            }
            context.user_token(nullptr);
        }

        void next()
        {
            if (left-- == 0)
            {
                return;
            }
            pool.async_acquire([this](error_code ec, pointer context) {
                if (ec)
                {
                    intact = false;
                    return;
                }
                ++acquired;
                check(*context);
                if (left % 7 == 0)
                {
                    context->dispose();
                }
                context.reset();
                if (auto another = pool.try_acquire())
                {
                    check(*another);
                }
                next();
            });
        }
    };

    std::vector<std::unique_ptr<worker>> all;
    for (int i = 0; i != workers; ++i)
    {
        all.push_back(
            std::unique_ptr<worker>(new worker{pool, acquired, intact}));
        all.back()->next();
    }
    threads.join();
    BOOST_TEST(intact);
    BOOST_TEST(acquired == rounds * workers);
    BOOST_TEST(pool.statistics().in_use == 0u);
    BOOST_TEST(pool.statistics().peak <= 5u);
    BOOST_TEST(pool.statistics().capacity <= 5u);
}

BOOST_AUTO_TEST_CASE(contexts_may_return_on_other_threads_while_the_pool_goes)
{
    asio::io_context io;
    for (int round = 0; round != 200; ++round)
    {
        std::atomic<int> alive{0};

        struct shared_context : stream_context
        {
            explicit shared_context(std::atomic<int>* n)
                : alive(n)
            {
                ++*alive;
            }

            ~shared_context() { --*alive; }

            std::atomic<int>* alive;
        };

        std::vector<context_ptr<shared_context>> held;
        std::optional<context_pool<shared_context>> pool(
            std::in_place,
            io.get_executor(),
            context_pool_options{4, 4},
            [](shared_context&) {},
            &alive);
        while (auto context = pool->try_acquire())
        {
            held.push_back(std::move(context));
        }
        std::thread other([&] { held.clear(); });
        pool.reset();
        other.join();
        BOOST_TEST(alive == 0);
    }
}
