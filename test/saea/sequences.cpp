// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Operations in sequences that nobody thought of: whatever is started,
// cancelled, withdrawn or late, each operation ends once, bytes keep the order
// of the starts, and none is lost or sent twice. The sequence of a seed is
// always the same.

#define BOOST_TEST_MODULE saea_sequences
#include <opslot/accept_context.hpp>
#include <opslot/connect_context.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/socket_base.hpp>
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
#include <type_traits>
#include <utility>

#include <sys/socket.h>

#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
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

template<typename Connection>
class sequence
{
public:
    explicit sequence(std::uint32_t seed)
        : random_(seed)
    {
        c_.socket.set_option(asio::socket_base::send_buffer_size(32768));
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
    Connection c_;
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
            sequence<connection>(seed).run(60);
            sequence<contract::local_connection>(seed).run(60);
        }
    }
}

BOOST_AUTO_TEST_CASE(long_sequences_keep_every_byte_and_every_end)
{
    for (std::uint32_t seed = 1001; seed != 1005; ++seed)
    {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            sequence<connection>(seed).run(20000);
            sequence<contract::local_connection>(seed).run(20000);
        }
    }
}

namespace {

// Sockets that connect, are accepted, moved, shut down, reset and closed while
// operations are pending on them.
class sockets
{
public:
    explicit sockets(std::uint32_t seed)
        : random_(seed)
    {
        for (auto& each : sockets_)
        {
            each = std::make_unique<tcp::socket>(io_);
        }
    }

    void run(int steps)
    {
        while (steps-- != 0)
        {
            step();
        }
        is_ending_ = true;
        acceptor_.close();
        for (auto& each : sockets_)
        {
            each->close();
        }
        support::run(io_);
        BOOST_TEST(started_ == ended_ + withdrawn_);
        BOOST_TEST(opslot::diagnostics(io_).pending == 0u);
    }

    // How many connections were there.
    std::uint64_t taken() const noexcept { return taken_; }

    // Leaves everything as it is, to be destroyed in some order.
    void abandon(int steps)
    {
        while (steps-- != 0)
        {
            step();
        }
        is_ending_ = true;
    }

private:
    template<typename Context>
    struct slot
    {
        Context context;
        std::array<char, 3000> storage{};
    };

    template<typename Context>
    using slots = std::array<std::unique_ptr<slot<Context>>, 6>;

    std::size_t pick(std::size_t n) { return random_() % n; }

    tcp::socket& socket() { return *sockets_[pick(sockets_.size())]; }

    void step()
    {
        error_code ignored;
        switch (pick(16))
        {
        case 0:
            start(accepts_, [this](auto& s, auto... handler) {
                return this->begin(
                    [&](auto... h) {
                        return acceptor_.async_accept(s.context, h...);
                    },
                    [&] { return acceptor_.start_accept(s.context); },
                    handler...);
            });
            break;
        case 1:
        case 2:
            start(connects_, [this](auto& s, auto... handler) {
                tcp::socket& target = socket();
                s.context.endpoint(endpoint_);
                return this->begin(
                    [&](auto... h) {
                        return target.async_connect(s.context, h...);
                    },
                    [&] { return target.start_connect(s.context); },
                    handler...);
            });
            break;
        case 3:
        case 4:
            start_transfer(true);
            break;
        case 5:
        case 6:
            start_transfer(false);
            break;
        case 7:
            start(streams_, [this](auto& s, auto... handler) {
                tcp::socket& target = socket();
                auto const what = static_cast<tcp::socket::wait_type>(pick(3));
                return this->begin(
                    [&](auto... h) {
                        return target.async_wait(s.context, what, h...);
                    },
                    [&] { return target.start_wait(s.context, what); },
                    handler...);
            });
            break;
        case 8:
            take_accepted();
            break;
        case 9:
            socket().close();
            break;
        case 10:
            socket().cancel(ignored);
            break;
        case 11:
            sockets_[pick(sockets_.size())].swap(
                sockets_[pick(sockets_.size())]);
            if (pick(2) == 0)
            {
                *sockets_[0] = std::move(*sockets_[1]);
            }
            break;
        case 12:
            socket().shutdown(
                static_cast<tcp::socket::shutdown_type>(pick(3)), ignored);
            break;
        case 13:
            if (pick(2) == 0)
            {
                withdraw(streams_);
            }
            else
            {
                withdraw(accepts_);
                withdraw(connects_);
            }
            break;
        case 14:
            cancel_one();
            break;
        default:
            restart();
            if (pick(2) == 0)
            {
                io_.poll_one();
            }
            else
            {
                io_.poll();
            }
        }
    }

    void restart()
    {
        if (io_.stopped())
        {
            io_.restart();
        }
    }

    void start_transfer(bool receives)
    {
        start(streams_, [this, receives](auto& s, auto... handler) {
            tcp::socket& target = socket();
            s.context.clear_buffers();
            s.context.buffer(asio::buffer(s.storage, pick(s.storage.size())));
            s.context.at_least(1 + pick(3) * 100);
            return this->begin(
                [&](auto... h) {
                    return receives ? target.async_receive(s.context, h...)
                                    : target.async_send(s.context, h...);
                },
                [&] {
                    return receives ? target.start_receive(s.context)
                                    : target.start_send(s.context);
                },
                handler...);
        });
    }

    // One of the forms. Returns whether it completed at once.
    template<typename Async, typename Start, typename Handler>
    bool begin(Async async, Start start, Handler handler)
    {
        switch (pick(3))
        {
        case 0:
            return start() == completed;
        case 1:
            async();
            return false;
        default:
            async(handler);
            return false;
        }
    }

    template<typename Slots, typename Begin>
    void start(Slots& all, Begin begin_one)
    {
        auto& s = all[pick(all.size())];
        if (s && s->context.is_pending())
        {
            return;
        }
        using slot_type = std::decay_t<decltype(*s)>;
        if (!s || pick(20) == 0)
        {
            s = std::make_unique<slot_type>();
            s->context.completion_handler([this](auto&) { end(); });
        }
        if (pick(8) == 0)
        {
            s->context.expires_at(std::chrono::steady_clock::now());
        }
        ++started_;
        if (begin_one(*s, [this](error_code, auto...) { end(); }))
        {
            ++ended_;
        }
    }

    void end()
    {
        ++ended_;
        if (!is_ending_ && pick(3) == 0)
        {
            step_in_handler();
        }
    }

    // Anything but to run inside of a handler.
    void step_in_handler()
    {
        switch (pick(5))
        {
        case 0:
            socket().close();
            break;
        case 1:
            take_accepted();
            break;
        case 2:
            cancel_one();
            break;
        default:
            start_transfer(pick(2) == 0);
        }
    }

    void take_accepted()
    {
        auto& s = accepts_[pick(accepts_.size())];
        if (s && s->context.has_socket())
        {
            socket() = s->context.take_socket();
            ++taken_;
        }
    }

    template<typename Slots>
    void withdraw(Slots& all)
    {
        auto& s = all[pick(all.size())];
        if (s && s->context.is_pending())
        {
            ++withdrawn_;
            s.reset();
        }
    }

    template<typename Slots>
    void cancel_in(Slots& all)
    {
        if (auto& s = all[pick(all.size())])
        {
            s->context.cancel();
        }
    }

    void cancel_one()
    {
        cancel_in(streams_);
        cancel_in(accepts_);
        cancel_in(connects_);
    }

    std::mt19937 random_;
    support::descriptor_check leaks_;
    asio::io_context io_;
    tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    tcp::endpoint const endpoint_ = acceptor_.local_endpoint();
    slots<tcp::accept_context> accepts_;
    std::array<std::unique_ptr<tcp::socket>, 5> sockets_;
    slots<stream_context> streams_;
    slots<opslot::connect_context> connects_;
    std::uint64_t started_ = 0, ended_ = 0, withdrawn_ = 0, taken_ = 0;
    bool is_ending_ = false;
};

} // namespace

BOOST_AUTO_TEST_CASE(sockets_may_come_and_go_at_any_time)
{
    std::uint64_t taken = 0;
    for (std::uint32_t seed = 1; seed != 300; ++seed)
    {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            sockets ends(seed);
            ends.run(200);
            taken += ends.taken();
            sockets(seed + 1000).abandon(200);
        }
    }
    BOOST_TEST(taken > 300u);
}
