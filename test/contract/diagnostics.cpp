// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#define BOOST_TEST_MODULE contract_diagnostics
#include <opslot/diagnostics.hpp>
#include <opslot/slot.hpp>
#include <opslot/slotted_timer.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>

#include "support/connection.hpp"

namespace {

namespace asio = boost::asio;
using opslot::completed;
using opslot::pending;
using support::connection;
using namespace std::chrono_literals;

using stream_context = support::counted<opslot::stream_context>;

BOOST_AUTO_TEST_CASE(a_context_without_the_library_has_no_figures)
{
    asio::io_context io;
    auto const figures = opslot::diagnostics(io);
    BOOST_TEST(figures.started == 0u);
    BOOST_TEST(figures.memory_bytes == 0u);
    BOOST_TEST(figures.overflows == 0u);
}

BOOST_FIXTURE_TEST_CASE(operations_are_counted_by_how_they_ended, connection)
{
    std::array<char, 8> storage{};
    stream_context waiting;
    stream_context sending;
    waiting.buffer(asio::buffer(storage));
    sending.buffer(asio::buffer("x", 1));
    auto const before = opslot::diagnostics(io);

    BOOST_REQUIRE(socket.start_receive(waiting) == pending);
    auto const during = opslot::diagnostics(io);
    BOOST_TEST(during.started == before.started + 1);
    BOOST_TEST(during.pending == before.pending + 1);
    BOOST_TEST(during.pending_peak >= 1u);

    support::finish(io, sending, socket.start_send(sending));
    other.write("y");
    support::run_until(io, [&] { return waiting.calls == 1; });
    auto const after = opslot::diagnostics(io);
    BOOST_TEST(after.started == before.started + 2);
    BOOST_TEST(after.pending == before.pending);
    BOOST_TEST(after.turns > before.turns);
}

BOOST_FIXTURE_TEST_CASE(a_start_that_completes_at_once_is_counted, connection)
{
    stream_context sending;
    sending.buffer(asio::const_buffer());
    auto const before = opslot::diagnostics(io);
    BOOST_REQUIRE(socket.start_send(sending) == completed);
    auto const after = opslot::diagnostics(io);
    BOOST_TEST(after.started == before.started + 1);
    BOOST_TEST(
        after.completed_synchronously == before.completed_synchronously + 1);
}

BOOST_FIXTURE_TEST_CASE(deadlines_that_end_operations_are_counted, connection)
{
    std::array<char, 8> storage{};
    stream_context waiting;
    waiting.buffer(asio::buffer(storage));
    waiting.timeout(1ms);
    BOOST_REQUIRE(socket.start_receive(waiting) == pending);
    support::run_until(io, [&] { return waiting.calls == 1; });
    BOOST_TEST(opslot::diagnostics(io).timeouts == 1u);
}

BOOST_FIXTURE_TEST_CASE(the_memory_of_operations_is_counted, connection)
{
    std::array<char, 8> storage{};
    auto const before = opslot::diagnostics(io);
    socket.async_read_some(asio::buffer(storage), [](auto, auto) {});
    auto const during = opslot::diagnostics(io);
    BOOST_TEST(during.memory_blocks > before.memory_blocks);
    BOOST_TEST(during.memory_blocks_peak > before.memory_blocks);
    BOOST_TEST(during.memory_bytes > 0u);
    BOOST_TEST(during.memory_heap_requests > 0u);

    other.write("x");
    support::run(io);
    socket.async_read_some(asio::buffer(storage), [](auto, auto) {});
    other.write("x");
    support::run(io);
    auto const after = opslot::diagnostics(io);
    BOOST_TEST(after.memory_blocks <= before.memory_blocks + 1);
    BOOST_TEST(after.memory_heap_requests == during.memory_heap_requests);
}

BOOST_AUTO_TEST_CASE(what_a_slot_has_no_room_for_is_counted)
{
    asio::io_context io;
    opslot::slot<> slot(io);
    slot.deallocate(slot.allocate(100), 100);
    BOOST_TEST(opslot::diagnostics(io).overflows == 0u);
    slot.deallocate(slot.allocate(5000), 5000);
    BOOST_TEST(opslot::diagnostics(io).overflows == 1u);
}

BOOST_AUTO_TEST_CASE(what_a_slotted_object_has_no_room_for_is_counted)
{
    asio::io_context io;
    opslot::slotted_steady_timer timer(io, 0ms);
    timer.async_wait([](auto) {});
    BOOST_TEST(opslot::diagnostics(io).overflows == 0u);
    timer.async_wait([](auto) {});
    std::array<char, 1024> large{};
    timer.async_wait([large](auto) { BOOST_TEST(large[0] == 0); });
    BOOST_TEST(opslot::diagnostics(io).overflows > 0u);
    support::run(io);
}

} // namespace
