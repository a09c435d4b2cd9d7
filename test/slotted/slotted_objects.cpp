// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted.hpp>

#define BOOST_TEST_MODULE slotted_objects
#include <opslot/operation_memory.hpp>
#include <opslot/slotted_signal_set.hpp>
#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_descriptor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <unistd.h>

#include "support/heap.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::slotted;
using opslot::slotted_signal_set;
using opslot::slotted_steady_timer;
using opslot::slotted_system_timer;
using tcp = opslot::slotted_tcp;

// The blocks that the memory of a context has lent out, slots included.
std::size_t blocks_in_use(asio::io_context& io)
{
    return opslot::operation_memory::of(io).statistics().in_use;
}

template<class Timer>
void test_timer()
{
    asio::io_context io;
    std::optional<Timer> timer(std::in_place, io, std::chrono::milliseconds(1));
    error_code first = asio::error::would_block;
    timer->async_wait([&](error_code error) { first = error; });
    BOOST_TEST(blocks_in_use(io) == 1u);
    support::run(io);
    BOOST_TEST(!first);

    // Set again, moved, and destroyed while it waits.
    error_code second;
    timer->expires_after(std::chrono::hours(1));
    timer->async_wait([&](error_code error) { first = error; });
    timer->expires_after(std::chrono::hours(2));
    timer->async_wait([&](error_code error) { second = error; });
    Timer other(std::move(*timer));
    timer.reset();
    support::poll(io);
    BOOST_TEST(first == asio::error::operation_aborted);
    BOOST_TEST(!second);
    other = Timer(io);
    support::run(io);
    BOOST_TEST(second == asio::error::operation_aborted);
    BOOST_TEST(blocks_in_use(io) == 0u);
}

} // namespace

BOOST_AUTO_TEST_CASE(timers_wait)
{
    test_timer<slotted_steady_timer>();
    test_timer<slotted_system_timer>();
    test_timer<opslot::slotted_high_resolution_timer>();
}

BOOST_AUTO_TEST_CASE(a_timer_may_be_owned_by_its_handler)
{
    auto io = std::make_unique<asio::io_context>();
    auto timer =
        std::make_shared<slotted_steady_timer>(*io, std::chrono::hours(1));
    timer->async_wait([timer](error_code) {});
    std::weak_ptr<slotted_steady_timer> const seen = timer;
    timer.reset();
    BOOST_TEST(!seen.expired());
    io.reset();
    BOOST_TEST(seen.expired());
}

BOOST_AUTO_TEST_CASE(a_signal_set_waits)
{
    asio::io_context io;
    slotted_signal_set signals(io, SIGUSR1);
    auto const wait_for_one = [&] {
        int seen = 0;
        signals.async_wait(
            [&](error_code error, int number) { seen = error ? 0 : number; });
        std::raise(SIGUSR1);
        support::run_quietly(io);
        return seen == SIGUSR1;
    };
    BOOST_TEST(wait_for_one());
    BOOST_TEST(blocks_in_use(io) == 1u);

    error_code cancelled;
    signals.async_wait([&](error_code error, int) { cancelled = error; });
    signals.cancel();
    support::run(io);
    BOOST_TEST(cancelled == asio::error::operation_aborted);
}

BOOST_AUTO_TEST_CASE(a_resolver_resolves_in_every_form)
{
    using resolver_base = asio::ip::resolver_base;
    asio::io_context io;
    tcp::resolver resolver(io);
    int found = 0;
    auto const handler = [&](error_code error,
                             tcp::resolver::results_type const& results) {
        found += !error && !results.empty() ? 1 : 0;
    };
    std::string const host = "127.0.0.1";
    auto const flags =
        resolver_base::numeric_host | resolver_base::numeric_service;
    resolver.async_resolve(host, "80", flags, handler);
    BOOST_TEST(blocks_in_use(io) == 1u);
    support::run(io);
    resolver.async_resolve(host, std::string("80"), handler);
    support::run(io);
    resolver.async_resolve(tcp::v4(), host, "80", handler);
    support::run(io);
    resolver.async_resolve(tcp::v4(), host, "80", flags, handler);
    support::run(io);
    resolver.async_resolve(
        tcp::endpoint(asio::ip::address_v4::loopback(), 80), handler);
    support::run(io);
    BOOST_TEST(found == 5);
    BOOST_TEST(resolver.resolve(host, "80", flags).size() == 1u);
}

BOOST_AUTO_TEST_CASE(
    a_stream_descriptor_reads_and_writes,
    *support::where_allocations_are_seen())
{
    int ends[2];
    support::require(::pipe(ends) == 0, "pipe");
    asio::io_context io;
    slotted<asio::posix::stream_descriptor> reader(io, ends[0]);
    slotted<asio::posix::stream_descriptor> writer(io, ends[1]);
    std::array<char, 5> storage;
    support::expect_no_allocations([&] {
        bool read = false;
        bool written = false;
        bool ready = false;
        reader.async_wait(
            reader.wait_read, [&](error_code error) { ready = !error; });
        asio::async_write(
            writer, asio::buffer("hello", 5), [&](error_code, std::size_t n) {
                written = n == 5;
                asio::async_read(
                    reader,
                    asio::buffer(storage),
                    [&](error_code, std::size_t m) { read = m == 5; });
            });
        return support::run_quietly(io) && ready && read && written;
    });
    BOOST_TEST(blocks_in_use(io) == 3u);
}

BOOST_AUTO_TEST_CASE(a_descriptor_waits)
{
    int ends[2];
    support::require(::pipe(ends) == 0, "pipe");
    support::peer const other(ends[1]);
    asio::io_context io;
    slotted<asio::posix::basic_descriptor<>> reader(io);
    reader.assign(ends[0]);
    bool ready = false;
    reader.async_wait(
        reader.wait_read, [&](error_code error) { ready = !error; });
    BOOST_TEST(blocks_in_use(io) == 1u);
    BOOST_TEST(::write(ends[1], "a", 1) == 1);
    support::run(io);
    BOOST_TEST(ready);
}
