// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Operations in sequences that nobody thought of: whatever is started,
// cancelled, withdrawn or late, each operation ends once, bytes keep the order
// of the starts, and none is lost or sent twice. The sequence of a seed is
// always the same.

#define BOOST_TEST_MODULE saea_sequences
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "support/connection.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;
using opslot::stream_context;
using support::connection;
using support::payload;
using tcp = opslot::tcp;

error_code const aborted = asio::error::operation_aborted;
error_code const late = make_error_code(opslot::error::timeout);

// What is known of one operation, in the order of the starts.
struct record
{
    std::string bytes;
    std::size_t at_least = 0;
    int ends = 0;
};

class sequence
{
public:
    explicit sequence(std::uint32_t seed)
        : random_(seed)
    {
        c_.shrink_buffers();
        for (auto& each : receives_)
        {
            each = std::make_unique<slot>();
        }
        for (auto& each : sends_)
        {
            each = std::make_unique<slot>();
        }
    }

    void run(int steps)
    {
        while (steps-- != 0)
        {
            step();
        }
        finish();
    }

private:
    struct slot
    {
        stream_context context;
        std::string storage;
        record* now = nullptr;
    };

    using slots = std::array<std::unique_ptr<slot>, 8>;

    std::size_t pick(std::size_t n) { return random_() % n; }

    void step()
    {
        switch (pick(14))
        {
        case 0:
        case 1:
        case 2:
            start_receive();
            break;
        case 3:
        case 4:
        case 5:
            start_send();
            break;
        case 6:
        case 7:
            peer_writes();
            break;
        case 8:
            peer_reads();
            break;
        case 9:
            receives_[pick(receives_.size())]->context.cancel();
            break;
        case 10:
            sends_[pick(sends_.size())]->context.cancel();
            break;
        case 11:
            withdraw_receive();
            break;
        case 12:
            restart();
            c_.io.poll_one();
            break;
        default:
            restart();
            c_.io.poll();
        }
    }

    void restart()
    {
        if (c_.io.stopped())
        {
            c_.io.restart();
        }
    }

    // Describes

    void describe(slot& s)
    {
        asio::mutable_buffer const b = asio::buffer(s.storage);
        std::size_t const cut = b.size() == 0 ? 0 : pick(b.size());
        s.context.clear_buffers();
        switch (pick(3))
        {
        case 0:
            s.context.buffer(b);
            break;
        case 1:
            s.context.buffer_list(std::array<asio::mutable_buffer, 4>{
                asio::buffer(b, cut), {}, b + cut, {}});
            break;
        default:
            s.context.buffer_list(b);
        }
        if (pick(10) == 0)
        {
            s.context.expires_at(std::chrono::steady_clock::now());
        }
    }

    void start_receive()
    {
        constexpr std::array<std::size_t, 6> sizes{0, 1, 2, 5, 64, 1000};
        slot& s = *receives_[pick(receives_.size())];
        if (s.context.is_pending())
        {
            return;
        }
        s.storage.assign(sizes[pick(sizes.size())], '.');
        std::size_t const at_least = pick(4) == 0 ? 1 + pick(70) : 1;
        s.context.at_least(at_least);
        describe(s);
        received_.emplace_back();
        s.now = &received_.back();
        s.now->at_least = std::min(at_least, s.storage.size());
        start(
            s,
            [this](slot& each) {
                return c_.socket.start_receive(each.context);
            },
            [this](slot& each) { c_.socket.async_receive(each.context); },
            [this](slot& each, auto handler) {
                c_.socket.async_receive(each.context, handler);
            });
    }

    void start_send()
    {
        constexpr std::array<std::size_t, 6> sizes{0, 1, 10, 600, 1500, 20000};
        slot& s = *sends_[pick(sends_.size())];
        if (s.context.is_pending())
        {
            return;
        }
        s.storage = payload(sizes[pick(sizes.size())], number_++);
        describe(s);
        sent_.emplace_back();
        s.now = &sent_.back();
        s.now->at_least = s.storage.size();
        start(
            s,
            [this](slot& each) { return c_.socket.start_send(each.context); },
            [this](slot& each) { c_.socket.async_send(each.context); },
            [this](slot& each, auto handler) {
                c_.socket.async_send(each.context, handler);
            });
    }

    template<typename Start, typename Async, typename Token>
    void start(slot& s, Start start, Async async, Token token)
    {
        s.context.completion_handler([this, &s](stream_context&) {
            end(s);
            go_on();
        });
        switch (pick(3))
        {
        case 0:
            if (start(s) == completed)
            {
                end(s);
            }
            break;
        case 1:
            async(s);
            break;
        default:
            token(s, [this, &s](error_code ec, std::size_t n) {
                BOOST_TEST(ec == s.context.error());
                BOOST_TEST(n == s.context.bytes_transferred());
                end(s);
                go_on();
            });
        }
    }

    // A handler may start more, now and then many.
    void go_on()
    {
        if (is_ending_)
        {
            return;
        }
        for (std::size_t n = pick(6); n > 2; --n)
        {
            start_send();
        }
        if (pick(3) == 0)
        {
            start_receive();
        }
    }

    void end(slot& s)
    {
        error_code const ec = s.context.error();
        std::size_t const n = s.context.bytes_transferred();
        ++s.now->ends;
        s.now->bytes = s.storage.substr(0, n);
        BOOST_TEST(n <= s.storage.size());
        BOOST_TEST((ec == aborted || ec == late || !ec));
        BOOST_TEST((ec || n >= s.now->at_least));
        BOOST_TEST(!s.context.is_pending());
    }

    void withdraw_receive()
    {
        auto& s = receives_[pick(receives_.size())];
        if (s->context.is_pending() && s->context.at_least() == 1)
        {
            // It may have its bytes already, and lack the call only.
            ++s->now->ends;
            s->now->bytes =
                s->storage.substr(0, s->context.bytes_transferred());
            s = std::make_unique<slot>();
        }
    }

    // The peer

    void peer_writes()
    {
        std::string const data = payload(1 + pick(200), number_++);
        ssize_t const n = ::send(
            c_.other.native_handle(),
            data.data(),
            data.size(),
            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
        {
            to_be_received_.append(data, 0, static_cast<std::size_t>(n));
        }
    }

    void peer_reads()
    {
        std::array<char, 8192> storage;
        ssize_t const n = ::recv(
            c_.other.native_handle(),
            storage.data(),
            1 + pick(storage.size()),
            MSG_DONTWAIT);
        if (n > 0)
        {
            arrived_.append(storage.data(), static_cast<std::size_t>(n));
        }
    }

    // The end

    void finish()
    {
        is_ending_ = true;
        for (auto& each : receives_)
        {
            each->context.cancel();
        }
        auto const limit = std::chrono::steady_clock::now() + support::patience;
        while (std::any_of(sends_.begin(), sends_.end(), [](auto const& s) {
            return s->context.is_pending();
        }))
        {
            BOOST_REQUIRE(std::chrono::steady_clock::now() < limit);
            peer_reads();
            restart();
            c_.io.poll();
        }
        support::run(c_.io);
        c_.socket.shutdown(tcp::socket::shutdown_send);
        arrived_ += c_.other.read_all();
        c_.other.shutdown();
        check("received", received_, to_be_received_, left_in_socket());
        check("sent", sent_, arrived_, {});
    }

    std::string left_in_socket()
    {
        std::string rest;
        std::array<char, 8192> storage;
        for (error_code ec; !ec;)
        {
            std::size_t const n =
                c_.socket.read_some(asio::buffer(storage), ec);
            rest.append(storage.data(), n);
        }
        return rest;
    }

    static void check(
        char const* what,
        std::deque<record> const& records,
        std::string const& expected,
        std::string const& rest)
    {
        std::string all;
        for (record const& r : records)
        {
            BOOST_TEST(r.ends == 1);
            all += r.bytes;
        }
        all += rest;
        BOOST_TEST(
            (all == expected),
            what << " " << all.size() << " bytes instead of "
                 << expected.size());
    }

    std::mt19937 random_;
    connection c_;
    std::deque<record> received_, sent_;
    std::string to_be_received_, arrived_;
    std::uint32_t number_ = 0;
    bool is_ending_ = false;
    slots receives_, sends_;
};

} // namespace

BOOST_AUTO_TEST_CASE(short_sequences_keep_every_byte_and_every_end)
{
    for (std::uint32_t seed = 1; seed != 400; ++seed)
    {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            sequence(seed).run(60);
        }
    }
}

BOOST_AUTO_TEST_CASE(long_sequences_keep_every_byte_and_every_end)
{
    for (std::uint32_t seed = 1001; seed != 1005; ++seed)
    {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            sequence(seed).run(20000);
        }
    }
}
