// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/bind_slot.hpp>
#include <opslot/testing/allocation_counter.hpp>

#define BOOST_TEST_MODULE memory_bind_slot
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#if __has_include(<boost/asio/bind_immediate_executor.hpp>)
#include <boost/asio/bind_immediate_executor.hpp>
#endif

#include "support/connected.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::bind_slot;
using opslot::overflow;
using opslot::slot;
using opslot::slot_allocator;
using opslot::slot_binder;
using opslot::testing::allocation_counter;

boost::test_tools::assertion_result
allocations_are_seen(boost::unit_test::test_unit_id)
{
    return allocation_counter::available();
}

// A slot, an io_context that ends before it, and two connected sockets.
struct connection
{
    slot<512> memory{overflow::fail};
    asio::io_context io;
    support::connected<asio::ip::tcp::socket> ends{io.get_executor()};
    std::array<char, 16> storage{};

    void peer_sends(std::string_view text)
    {
        asio::write(ends.second, asio::buffer(text));
    }

    template<class Token>
    auto receive(Token&& token)
    {
        return ends.first.async_read_some(
            asio::buffer(storage), std::forward<Token>(token));
    }

    // That the operation took its memory from the slot, once and in the end.
    void check_slot_is_used_and_free() const
    {
        BOOST_TEST(memory.high_water_bytes() > 0u);
        BOOST_TEST(memory.blocks_in_use() == 0u);
        BOOST_TEST(memory.misses() == 0u);
    }
};

struct result
{
    error_code error;
    std::size_t bytes = 0;
    int calls = 0;

    void operator()(error_code e, std::size_t n)
    {
        error = e;
        bytes = n;
        ++calls;
    }

    bool is(std::size_t expected) const
    {
        return calls == 1 && !error && bytes == expected;
    }
};

// A handler that notes its arguments in `target`.
auto recorder(result& target)
{
    return [&target](error_code error, std::size_t bytes) {
        target(error, bytes);
    };
}

// An operation that does nothing but to complete at once with a number.
struct answer_later
{
    template<class Handler>
    void operator()(Handler&& handler, int answer) const
    {
        using executor_type = asio::associated_executor_t<
            std::decay_t<Handler>,
            asio::io_context::executor_type>;
        executor_type const executor =
            asio::get_associated_executor(handler, io->get_executor());
        auto const allocator = asio::get_associated_allocator(handler);
        asio::post(
            executor,
            asio::bind_allocator(
                allocator,
                [handler = std::forward<Handler>(handler), answer]() mutable {
                    std::move(handler)(answer);
                }));
    }

    asio::io_context* io;
};

template<class Token>
auto async_answer(asio::io_context& io, int answer, Token&& token)
{
    return asio::async_initiate<Token, void(int)>(
        answer_later{&io}, token, answer);
}

static_assert(std::is_same_v<
              asio::associated_allocator_t<slot_binder<result>>,
              slot_allocator<void>>);

} // namespace

BOOST_FIXTURE_TEST_CASE(a_handler_takes_its_memory_from_the_slot, connection)
{
    result received;
    receive(bind_slot(memory, recorder(received)));
    BOOST_TEST(memory.blocks_in_use() == 1u);
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.is(3));
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(an_lvalue_handler_is_copied, connection)
{
    auto const received = std::make_shared<result>();
    auto handler = [received](error_code error, std::size_t bytes) {
        (*received)(error, bytes);
    };
    auto const& const_handler = handler;

    receive(bind_slot(memory, handler));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received->is(3));

    io.restart();
    *received = {};
    auto const binder = bind_slot(memory, const_handler);
    receive(binder);
    peer_sends("ab");
    io.run();
    BOOST_TEST(received->is(2));
    BOOST_TEST(received.use_count() == 3);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(a_handler_that_only_moves_is_moved, connection)
{
    result received;
    auto own = std::make_unique<int>(7);
    receive(bind_slot(
        memory,
        [&received, own = std::move(own)](error_code error, std::size_t bytes) {
            received(error, bytes);
            BOOST_TEST(*own == 7);
        }));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.is(3));
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(a_function_is_a_handler, connection)
{
    static result received;
    received = {};
    receive(bind_slot(
        memory,
        +[](error_code error, std::size_t bytes) { received(error, bytes); }));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.is(3));
    check_slot_is_used_and_free();
}

BOOST_AUTO_TEST_CASE(a_call_has_the_value_category_of_the_binder)
{
    struct target
    {
        int operator()(int) & { return 1; }

        int operator()(int) const& { return 2; }

        int operator()(int) && { return 3; }
    };

    slot<> memory;
    auto binder = bind_slot(memory, target());
    BOOST_TEST(binder(0) == 1);
    BOOST_TEST(std::as_const(binder)(0) == 2);
    BOOST_TEST(std::move(binder)(0) == 3);
    static_assert(std::is_invocable_v<slot_binder<target>, int>);
    static_assert(!std::is_invocable_v<slot_binder<target>, std::string>);
    static_assert(!std::is_invocable_v<slot_binder<asio::detached_t>, int>);
}

BOOST_AUTO_TEST_CASE(the_slot_overrides_the_allocator_of_the_handler)
{
    slot<> memory;
    slot<> other;
    auto const binder = bind_slot(
        memory, asio::bind_allocator(slot_allocator<void>(other), result()));
    BOOST_TEST(&asio::get_associated_allocator(binder).slot() == &memory);
    BOOST_TEST(
        &asio::get_associated_allocator(binder, std::allocator<void>())
             .slot() == &memory);
    BOOST_TEST(&binder.slot() == &memory);
}

BOOST_AUTO_TEST_CASE(the_other_characteristics_are_those_of_the_target)
{
    slot<> memory;
    asio::io_context io;
    asio::io_context other;
    asio::cancellation_signal signal;
    auto const binder = bind_slot(
        memory,
        asio::bind_cancellation_slot(
            signal.slot(), asio::bind_executor(io, result())));
    BOOST_TEST((asio::get_associated_executor(binder) == io.get_executor()));
    BOOST_TEST(
        (asio::get_associated_executor(binder, other.get_executor()) ==
         io.get_executor()));
    BOOST_TEST(
        (asio::get_associated_cancellation_slot(binder) == signal.slot()));

    // Without one the candidate is taken.
    auto const plain = bind_slot(memory, result());
    BOOST_TEST(
        (asio::get_associated_executor(plain, other.get_executor()) ==
         other.get_executor()));
    BOOST_TEST(!asio::get_associated_cancellation_slot(plain).is_connected());
}

#if __has_include(<boost/asio/bind_immediate_executor.hpp>)
BOOST_AUTO_TEST_CASE(the_immediate_executor_is_that_of_the_target)
{
    slot<> memory;
    asio::io_context io;
    asio::io_context other;
    auto const binder = bind_slot(
        memory, asio::bind_immediate_executor(io.get_executor(), result()));
    BOOST_TEST((
        asio::get_associated_immediate_executor(binder, other.get_executor()) ==
        io.get_executor()));
}
#endif

BOOST_FIXTURE_TEST_CASE(deferred_can_be_bound, connection)
{
    result received;
    auto operation = receive(bind_slot(memory, asio::deferred));
    BOOST_TEST(memory.high_water_bytes() == 0u);
    std::move(operation)(recorder(received));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.is(3));
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(a_named_token_can_be_used_again, connection)
{
    auto token = bind_slot(memory, asio::use_future);
    for (int round = 0; round != 2; ++round)
    {
        auto received = receive(token);
        peer_sends("abc");
        io.restart();
        io.run();
        BOOST_TEST(received.get() == 3u);
    }
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(use_future_can_be_bound, connection)
{
    std::future<std::size_t> received =
        receive(bind_slot(memory, asio::use_future));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.get() == 3u);

    ends.second.close();
    received = receive(bind_slot(memory, asio::use_future));
    io.restart();
    io.run();
    BOOST_CHECK_THROW(received.get(), boost::system::system_error);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(detached_can_be_bound, connection)
{
    receive(bind_slot(memory, asio::detached));
    peer_sends("abc");
    io.run();
    BOOST_TEST((std::string_view(storage.data()) == "abc"));
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(as_tuple_may_stand_inside_and_outside, connection)
{
    result received;
    auto const handler = [&received](std::tuple<error_code, std::size_t> both) {
        received(std::get<0>(both), std::get<1>(both));
    };
    receive(bind_slot(memory, asio::as_tuple(handler)));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.is(3));
    check_slot_is_used_and_free();

    received = {};
    receive(bind_slot(memory, asio::as_tuple(asio::deferred)))(handler);
    peer_sends("abcd");
    io.restart();
    io.run();
    BOOST_TEST(received.is(4));
    check_slot_is_used_and_free();

    auto outside = receive(asio::as_tuple(bind_slot(memory, asio::use_future)));
    BOOST_TEST(memory.blocks_in_use() == 1u);
    peer_sends("ab");
    io.restart();
    io.run();
    BOOST_TEST(std::get<1>(outside.get()) == 2u);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(redirect_error_may_stand_inside_and_outside, connection)
{
    ends.second.close();
    error_code error;
    auto inside = receive(
        bind_slot(memory, asio::redirect_error(asio::use_future, error)));
    io.run();
    BOOST_TEST(inside.get() == 0u);
    BOOST_TEST(error == asio::error::eof);
    check_slot_is_used_and_free();

    error = {};
    auto outside = receive(
        asio::redirect_error(bind_slot(memory, asio::use_future), error));
    BOOST_TEST(memory.blocks_in_use() == 1u);
    io.restart();
    io.run();
    BOOST_TEST(outside.get() == 0u);
    BOOST_TEST(error == asio::error::eof);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(bind_executor_may_stand_inside_and_outside, connection)
{
    auto const strand = asio::make_strand(io.get_executor());
    int on_strand = 0;
    auto const handler = [&](error_code error, std::size_t) {
        on_strand += !error && strand.running_in_this_thread() ? 1 : 0;
    };
    peer_sends("abcd");

    receive(bind_slot(memory, asio::bind_executor(strand, handler)));
    io.run();
    BOOST_TEST(on_strand == 1);
    check_slot_is_used_and_free();

    peer_sends("abcd");
    receive(asio::bind_executor(strand, bind_slot(memory, handler)));
    io.restart();
    io.run();
    BOOST_TEST(on_strand == 2);

    peer_sends("abcd");
    receive(bind_slot(memory, asio::bind_executor(strand, asio::deferred)))(
        handler);
    io.restart();
    io.run();
    BOOST_TEST(on_strand == 3);

    peer_sends("abcd");
    receive(asio::bind_executor(strand, bind_slot(memory, asio::deferred)))(
        handler);
    io.restart();
    io.run();
    BOOST_TEST(on_strand == 4);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(
    a_cancellation_slot_may_stand_inside_and_outside, connection)
{
    asio::cancellation_signal signal;
    result received;
    receive(bind_slot(
        memory,
        asio::bind_cancellation_slot(signal.slot(), recorder(received))));
    signal.emit(asio::cancellation_type::total);
    io.run();
    BOOST_TEST(received.error == asio::error::operation_aborted);

    received = {};
    receive(asio::bind_cancellation_slot(
        signal.slot(), bind_slot(memory, recorder(received))));
    signal.emit(asio::cancellation_type::total);
    io.restart();
    io.run();
    BOOST_TEST(received.error == asio::error::operation_aborted);

    received = {};
    receive(asio::bind_cancellation_slot(
        signal.slot(), bind_slot(memory, asio::deferred)))(recorder(received));
    signal.emit(asio::cancellation_type::total);
    io.restart();
    io.run();
    BOOST_TEST(received.error == asio::error::operation_aborted);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(an_initiation_may_be_of_any_kind, connection)
{
    int answer = 0;
    async_answer(io, 42, bind_slot(memory, [&answer](int n) { answer = n; }));
    io.run();
    BOOST_TEST(answer == 42);
    check_slot_is_used_and_free();

    // A lambda that changes, a class one cannot derive from, and a function.
    int seen = 0;
    auto const token =
        bind_slot(memory, [&seen](int number) { seen = number; });
    using token_type = decltype(token);
    asio::async_initiate<token_type, void(int)>(
        [count = 0](auto&& handler) mutable { handler(++count); }, token);
    BOOST_TEST(seen == 1);

    struct unique final
    {
        void operator()(slot_binder<std::function<void(int)>> handler) const
        {
            handler(2);
        }
    };

    auto erased =
        bind_slot(memory, std::function<void(int)>([&](int n) { seen = n; }));
    using erased_type = decltype(erased);
    asio::async_initiate<erased_type&, void(int)>(unique(), erased);
    BOOST_TEST(seen == 2);

    auto const function = +[](erased_type handler) { handler(3); };
    asio::async_initiate<erased_type&, void(int)>(function, erased);
    BOOST_TEST(seen == 3);
}

// The way of composed operations that are older than async_initiate.
BOOST_FIXTURE_TEST_CASE(async_completion_accepts_a_binder, connection)
{
    auto const initiate = [this](auto&& token) {
        using token_type = decltype(token);
        asio::async_completion<
            std::decay_t<token_type>,
            void(error_code, std::size_t)>
            completion(token);
        ends.first.async_read_some(
            asio::buffer(storage), std::move(completion.completion_handler));
        return completion.result.get();
    };
    result received;
    initiate(bind_slot(memory, recorder(received)));
    peer_sends("abc");
    io.run();
    BOOST_TEST(received.is(3));

    auto future = initiate(bind_slot(memory, asio::use_future));
    peer_sends("ab");
    io.restart();
    io.run();
    BOOST_TEST(future.get() == 2u);
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(composed_operations_use_the_slot_throughout, connection)
{
    result received;
    asio::async_read(
        ends.first,
        asio::buffer(storage, 6),
        bind_slot(memory, recorder(received)));
    peer_sends("abc");
    BOOST_TEST(io.run_one() == 1u);
    BOOST_TEST(received.calls == 0);
    BOOST_TEST(memory.blocks_in_use() == 1u);
    peer_sends("def");
    io.run();
    BOOST_TEST(received.is(6));
    check_slot_is_used_and_free();
}

BOOST_FIXTURE_TEST_CASE(the_memory_is_free_when_the_handler_runs, connection)
{
    bool free_in_handler = false;
    bool free_in_next = false;
    receive(bind_slot(memory, [&](error_code, std::size_t) {
        free_in_handler = memory.blocks_in_use() == 0;
        receive(bind_slot(memory, [&](error_code, std::size_t) {
            free_in_next = memory.blocks_in_use() == 0;
        }));
    }));
    peer_sends("abc");
    io.run_one();
    peer_sends("abc");
    io.run();
    BOOST_TEST(free_in_handler);
    BOOST_TEST(free_in_next);
    check_slot_is_used_and_free();
}

BOOST_AUTO_TEST_CASE(an_io_context_frees_what_is_pending_when_it_goes)
{
    slot<> memory(overflow::fail);
    auto const held = std::make_shared<int>();
    {
        asio::io_context io;
        asio::steady_timer timer(io, std::chrono::hours(1));
        timer.async_wait(bind_slot(memory, [held](error_code) {}));
        asio::post(io, bind_slot(memory, [held] {}));
        BOOST_TEST(memory.blocks_in_use() == 2u);
        BOOST_TEST(held.use_count() == 3);
    }
    BOOST_TEST(memory.blocks_in_use() == 0u);
    BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(memory_returns_on_the_thread_that_completes)
{
    slot<> memory;
    asio::io_context io;
    auto const work = asio::make_work_guard(io);
    std::thread runner([&io] { io.run(); });
    for (int round = 0; round != 1000; ++round)
    {
        std::promise<void> done;
        asio::post(io, bind_slot(memory, [&done] { done.set_value(); }));
        auto const future = done.get_future();
        BOOST_REQUIRE(
            (future.wait_for(std::chrono::seconds(30)) ==
             std::future_status::ready));
    }
    io.stop();
    runner.join();
    BOOST_TEST(memory.misses() == 0u);
    BOOST_TEST(memory.blocks_in_use() == 0u);
}

// Without slots each of these operations takes a block from the heap: they are
// started outside run(), and more at once than Asio keeps blocks for.
BOOST_FIXTURE_TEST_CASE(
    no_operation_reaches_the_heap_after_warm_up,
    connection,
    *boost::unit_test::precondition(allocations_are_seen))
{
    slot<> shared(io);
    int runs = 0;
    auto const burst = [&] {
        for (int count = 0; count != 50; ++count)
            asio::post(io, bind_slot(shared, [&runs] { ++runs; }));
        receive(
            bind_slot(memory, [&runs](error_code, std::size_t) { ++runs; }));
        peer_sends("a");
        io.restart();
        io.run();
    };
    burst();
    allocation_counter const heap(allocation_counter::scope::process);
    for (int round = 0; round != 10; ++round)
        burst();
    BOOST_TEST(heap.count() == 0u);
    BOOST_TEST(runs == 11 * 51);
    BOOST_TEST(shared.misses() > 0u);
    check_slot_is_used_and_free();
}
