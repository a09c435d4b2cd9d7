// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// One thread starts, others run the handlers, another one cancels or disposes:
// each operation ends once, and bytes keep the order of the starts.

#define BOOST_TEST_MODULE saea_threads
#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "contract/receiver.hpp"
#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::receiver;
using opslot::completed;
using opslot::stream_context;
using support::connection;
using support::payload;
using tcp = opslot::tcp;

error_code const aborted = asio::error::operation_aborted;

// What became of an operation.
struct record
{
    std::string bytes;
    int ends = 0;
    bool is_sound = true;
};

// Contexts of one direction. The starter waits for one that is free, which it
// is from the end of its handler on, though that has not returned yet.
class slots
{
public:
    slots(std::size_t operations, std::uint32_t seed)
        : records_(operations)
        , data_(payload(operations * size, seed))
    {
        for (slot& s : slots_)
        {
            s.context.completion_handler([&s](stream_context&) { end(s); });
        }
    }

    template<typename Start, typename Async>
    bool start_next(Start start, Async async)
    {
        slot& s = slots_[started_ % slots_.size()];
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        while (s.is_busy.load(std::memory_order_acquire))
        {
            if (std::chrono::steady_clock::now() > limit)
            {
                return false;
            }
            std::this_thread::yield();
        }
        s.is_busy.store(true, std::memory_order_relaxed);
        s.now = &records_[started_];
        s.storage = data_.substr(started_ * size, size);
        s.context.buffer(asio::buffer(s.storage));
        if (started_++ % 2 == 0)
        {
            async(s.context);
        }
        else if (start(s.context) == completed)
        {
            end(s);
        }
        return true;
    }

    void cancel(std::size_t i) { slots_[i % slots_.size()].context.cancel(); }

    std::string bytes() const
    {
        std::string all;
        for (record const& r : records_)
        {
            BOOST_TEST(r.ends <= 1);
            BOOST_TEST(r.is_sound);
            all += r.bytes;
        }
        return all;
    }

    std::size_t ended() const
    {
        std::size_t n = 0;
        for (record const& r : records_)
        {
            n += static_cast<std::size_t>(r.ends);
        }
        return n;
    }

private:
    static constexpr std::size_t size = 24;

    struct slot
    {
        stream_context context;
        std::string storage;
        record* now = nullptr;
        std::atomic<bool> is_busy{false};
    };

    static void end(slot& s)
    {
        error_code const ec = s.context.error();
        ++s.now->ends;
        s.now->bytes = s.storage.substr(0, s.context.bytes_transferred());
        s.now->is_sound = !ec || ec == aborted;
        s.is_busy.store(false, std::memory_order_release);
    }

    std::vector<record> records_;
    std::string const data_;
    std::array<slot, 6> slots_;
    std::size_t started_ = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(threads_may_start_run_and_cancel_at_a_time)
{
    constexpr std::size_t count = 4000;
    connection c;
    slots receives(count, 1), sends(count, 2);
    std::atomic<bool> is_over{false};
    std::string arrived, written;
    bool in_time = true;
    {
        auto work = asio::make_work_guard(c.io);
        auto const run = [&] { c.io.run_for(3 * support::patience); };
        support::background const first(run), second(run);
        support::background const reader([&] { arrived = c.other.read_all(); });
        support::background const writer([&] {
            std::mt19937 random(3);
            while (!is_over)
            {
                std::string const data = payload(
                    1 + random() % 40,
                    static_cast<std::uint32_t>(written.size()));
                c.other.write(data);
                written += data;
                std::this_thread::yield();
            }
        });
        support::background const canceller([&] {
            std::mt19937 random(4);
            while (!is_over)
            {
                receives.cancel(random());
                sends.cancel(random());
                std::this_thread::yield();
            }
        });
        for (std::size_t i = 0; i != count && in_time; ++i)
        {
            in_time = receives.start_next(
                          [&](auto& x) { return c.socket.start_receive(x); },
                          [&](auto& x) { c.socket.async_receive(x); }) &&
                      sends.start_next(
                          [&](auto& x) { return c.socket.start_send(x); },
                          [&](auto& x) { c.socket.async_send(x); });
        }
        // The writer goes on until the last receives have their bytes.
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        while (opslot::diagnostics(c.io).pending != 0 && in_time)
        {
            in_time = std::chrono::steady_clock::now() < limit;
            std::this_thread::yield();
        }
        is_over = true;
        c.socket.shutdown(tcp::socket::shutdown_send);
        work.reset();
    }
    BOOST_TEST(in_time);
    BOOST_TEST(receives.ended() == count);
    BOOST_TEST(sends.ended() == count);
    BOOST_TEST((sends.bytes() == arrived));
    std::string received = receives.bytes();
    c.other.shutdown();
    std::array<char, 8192> storage;
    for (error_code ec; !ec;)
    {
        std::size_t const n = c.socket.read_some(asio::buffer(storage), ec);
        received.append(storage.data(), n);
    }
    BOOST_TEST((received == written));
}

BOOST_FIXTURE_TEST_CASE(
    a_dispose_is_not_lost_while_an_operation_completes, connection)
{
    // In .NET it may be: the flag and the completion are not synchronized.
    for (int i = 0; i != 500; ++i)
    {
        receiver rx;
        std::atomic<bool> go{false};
        BOOST_REQUIRE((socket.start_receive(rx) == opslot::pending));
        {
            support::background const other_thread([&] {
                while (!go)
                {}
                rx.dispose();
            });
            other.write("x");
            support::await(socket.native_handle());
            go = true;
            support::run_until(io, [&] { return rx.calls == 1; });
        }
        support::poll(io);
        BOOST_REQUIRE(rx.is_disposed());
        BOOST_REQUIRE(rx.calls == 1);
        BOOST_REQUIRE(!rx.error());
        BOOST_CHECK_EXCEPTION(
            (void)socket.start_receive(rx),
            boost::system::system_error,
            [](auto const& e) {
                return e.code() == opslot::error::context_disposed;
            });
    }
}
