// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/bind_slot.hpp>

#define BOOST_TEST_MODULE memory_bind_slot_coroutines
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <tuple>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::bind_slot;
using opslot::overflow;
using opslot::slot;

struct timed
{
    slot<> memory{overflow::fail};
    asio::io_context io;
    asio::steady_timer timer{io};
    bool finished = false;

    // A wait that ends with success, or with operation_aborted.
    void due() { timer.expires_at(asio::steady_timer::time_point::min()); }

    void cancelled()
    {
        timer.expires_after(std::chrono::hours(1));
        asio::post(io, [this] { timer.cancel(); });
    }

    template<class Body>
    void run(Body body)
    {
        std::exception_ptr thrown;
        asio::co_spawn(
            io,
            [&]() -> asio::awaitable<void> {
                co_await body();
                finished = true;
            },
            [&](std::exception_ptr exception) { thrown = exception; });
        io.run();
        if (thrown)
            std::rethrow_exception(thrown);
        BOOST_TEST(finished);
        BOOST_TEST(memory.high_water_bytes() > 0u);
        BOOST_TEST(memory.blocks_in_use() == 0u);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(use_awaitable_can_be_bound, timed)
{
    run([this]() -> asio::awaitable<void> {
        due();
        co_await timer.async_wait(bind_slot(memory, asio::use_awaitable));
        cancelled();
        bool failed = false;
        try
        {
            co_await timer.async_wait(bind_slot(memory, asio::use_awaitable));
        }
        catch (boost::system::system_error const& error)
        {
            failed = error.code() == asio::error::operation_aborted;
        }
        BOOST_TEST(failed);
    });
}

BOOST_FIXTURE_TEST_CASE(deferred_can_be_bound, timed)
{
    run([this]() -> asio::awaitable<void> {
        due();
        co_await timer.async_wait(bind_slot(memory, asio::deferred));
    });
}

BOOST_FIXTURE_TEST_CASE(the_error_may_be_redirected, timed)
{
    run([this]() -> asio::awaitable<void> {
        error_code error;
        cancelled();
        co_await timer.async_wait(bind_slot(
            memory, asio::redirect_error(asio::use_awaitable, error)));
        BOOST_TEST(error == asio::error::operation_aborted);

        error = {};
        cancelled();
        co_await timer.async_wait(asio::redirect_error(
            bind_slot(memory, asio::use_awaitable), error));
        BOOST_TEST(error == asio::error::operation_aborted);
    });
}

BOOST_FIXTURE_TEST_CASE(the_result_may_be_a_tuple, timed)
{
    run([this]() -> asio::awaitable<void> {
        cancelled();
        auto const [inside] = co_await timer.async_wait(
            bind_slot(memory, asio::as_tuple(asio::use_awaitable)));
        BOOST_TEST(inside == asio::error::operation_aborted);

        cancelled();
        auto const [outside] = co_await timer.async_wait(
            asio::as_tuple(bind_slot(memory, asio::use_awaitable)));
        BOOST_TEST(outside == asio::error::operation_aborted);

        cancelled();
        auto const [deferred] = co_await timer.async_wait(
            bind_slot(memory, asio::as_tuple(asio::deferred)));
        BOOST_TEST(deferred == asio::error::operation_aborted);
    });
}

BOOST_FIXTURE_TEST_CASE(the_coroutine_stays_cancellable, timed)
{
    asio::cancellation_signal signal;
    error_code error;
    timer.expires_after(std::chrono::hours(1));
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            asio::post(io, [&signal] {
                signal.emit(asio::cancellation_type::terminal);
            });
            co_await timer.async_wait(bind_slot(
                memory, asio::redirect_error(asio::use_awaitable, error)));
        },
        asio::bind_cancellation_slot(signal.slot(), asio::detached));
    io.run();
    BOOST_TEST(error == asio::error::operation_aborted);
    BOOST_TEST(memory.blocks_in_use() == 0u);
}

BOOST_FIXTURE_TEST_CASE(an_executor_may_be_bound_too, timed)
{
    auto const strand = asio::make_strand(io.get_executor());
    run([this, &strand]() -> asio::awaitable<void> {
        due();
        co_await timer.async_wait(asio::bind_executor(
            strand, bind_slot(memory, asio::use_awaitable)));
        due();
        co_await timer.async_wait(bind_slot(
            memory, asio::bind_executor(strand, asio::use_awaitable)));
    });
}
