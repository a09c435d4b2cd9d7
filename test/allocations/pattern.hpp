#ifndef OPSLOT_TEST_ALLOCATIONS_PATTERN_HPP
#define OPSLOT_TEST_ALLOCATIONS_PATTERN_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The rows of doc/allocations.adoc: patterns of use, each written once and
    measured with Asio's I/O objects and with slotted ones.
*/

#include <opslot/bind_slot.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/slot.hpp>
#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>
#include <opslot/slotted_udp.hpp>
#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/connected.hpp"

namespace allocations {

namespace asio = boost::asio;
using boost::system::error_code;
using io_executor = asio::io_context::executor_type;
using strand = asio::strand<io_executor>;

/// Asio alone.
struct plain
{
    using tcp = asio::ip::tcp;
    using udp = asio::ip::udp;
    using steady_timer = asio::steady_timer;

    struct memory
    {};

    template<class Token>
    static std::decay_t<Token> bind(memory&, Token&& token)
    {
        return std::forward<Token>(token);
    }
};

/// The same with the slotted types, and with a slot where there is no I/O
/// object.
struct slotted
{
    using tcp = opslot::slotted_tcp;
    using udp = opslot::slotted_udp;
    using steady_timer = opslot::slotted_steady_timer;
    using memory = opslot::slot<>;

    template<class Token>
    static auto bind(memory& slot, Token&& token)
    {
        return opslot::bind_slot(slot, std::forward<Token>(token));
    }
};

template<class Library, class Executor>
using socket_on =
    typename Library::tcp::socket::template rebind_executor<Executor>::other;

/// What a row promises of the slotted side.
enum class promise
{
    /// Not one.
    none,

    /// None of an operation. A strand that changes threads takes 80 bytes from
    /// a cache of each thread, which may be empty by chance.
    hardly_any,

    /// What public API does not reach; but never more than plain Asio.
    no_more,

    /// The same, but Asio's cache, which gets no blocks of slots, may serve one
    /// request less. Without the cache it is no_more.
    no_more_asked
};

/// A row. The functions measure allocations per operation.
struct pattern
{
    std::string_view name;
    double (*plain)();
    double (*slotted)();
    promise with_cache;
    promise without_cache;

    /// Why it is not zero, and what to do instead.
    std::string_view remark;
};

/// Makes the row of a pattern, a class with a static function template that
/// measures.
template<class Pattern>
pattern
row(std::string_view name,
    promise with_cache = promise::none,
    promise without_cache = promise::none,
    std::string_view remark = "")
{
    return {
        name,
        &Pattern::template measure<plain>,
        &Pattern::template measure<slotted>,
        with_cache,
        without_cache,
        remark};
}

std::vector<pattern> io_object_patterns();
std::vector<pattern> executor_patterns();
std::vector<pattern> coroutine_patterns();
std::vector<pattern> library_patterns();

/** Counts what the process allocates from one operation to a later one, so that
    neither the beginning nor the end of a program is part of it.

    A pattern repeats itself until the meter is full.
*/
class meter
{
public:
    explicit meter(std::int64_t warm_up = 5000, std::int64_t counted = 20000)
        : warm_up_(warm_up)
        , end_(warm_up + counted)
    {}

    /// Some operations have completed. Returns whether to go on.
    bool go_on(std::int64_t operations = 1)
    {
        std::int64_t const before = operations_.fetch_add(operations);
        std::int64_t const now = before + operations;
        if (before < warm_up_ && warm_up_ <= now)
            heap_.reset();
        if (before < end_ && end_ <= now)
            count_.store(heap_.count());
        return now < end_;
    }

    double per_operation() const
    {
        if (operations_.load() < end_)
            throw std::runtime_error("the pattern ended too early");
        return static_cast<double>(count_.load()) /
               static_cast<double>(end_ - warm_up_);
    }

private:
    std::int64_t const warm_up_;
    std::int64_t const end_;
    std::atomic<std::int64_t> operations_{0};
    std::atomic<std::uint64_t> count_{0};
    opslot::testing::allocation_counter heap_{
        opslot::testing::allocation_counter::scope::process};
};

/// Runs what was started, on some threads, to its end. A meter that is not full
/// by then says so. (`run_for()` would not do: it runs handler by handler,
/// each with a new cache of Asio's.)
inline void run(asio::io_context& io, int threads = 1)
{
    support::countdown running;
    running.start(1);
    support::background const watchdog([&] {
        if (!running.wait())
            io.stop();
    });
    {
        std::list<support::background> others;
        for (int i = 1; i < threads; ++i)
            others.emplace_back([&] { io.run(); });
        io.run();
    }
    running.down();
}

/** Messages that go to and fro between two streams, one at a time.

    Ends the connection when the meter is full.
*/
template<class Stream>
class ping_pong
{
public:
    ping_pong(Stream& client, Stream& server, meter& m)
        : client_(client)
        , server_(server)
        , meter_(m)
    {}

    void start()
    {
        receive();
        send();
    }

private:
    void send()
    {
        client_.async_write_some(
            asio::buffer(message_), [this](error_code error, std::size_t) {
                if (!error)
                    client_.async_read_some(
                        asio::buffer(message_),
                        [this](error_code failed, std::size_t) {
                            if (!failed && meter_.go_on())
                                send();
                            else
                                client_.lowest_layer().close();
                        });
            });
    }

    void receive()
    {
        server_.async_read_some(
            asio::buffer(echo_), [this](error_code error, std::size_t n) {
                if (!error)
                    server_.async_write_some(
                        asio::buffer(echo_, n),
                        [this](error_code failed, std::size_t) {
                            if (!failed)
                                receive();
                        });
            });
    }

    Stream& client_;
    Stream& server_;
    meter& meter_;
    std::array<char, 64> message_{};
    std::array<char, 64> echo_{};
};

} // namespace allocations

#endif
