// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How many system calls messages take. All calls of the program that matter
// are counted, those of Asio's reactor too, by functions that stand before the
// system's.

#define BOOST_TEST_MODULE contract_system_calls
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

/// While this is on, calls are those of the server.
std::atomic<bool> counts{false};
std::atomic<std::uint64_t> calls{0};

template<typename... Arguments>
long count(long number, Arguments... arguments)
{
    if (counts)
    {
        ++calls;
    }
    return ::syscall(number, arguments...);
}

} // namespace

extern "C" {

ssize_t recv(int fd, void* data, std::size_t size, int flags)
{
    return count(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr);
}

ssize_t send(int fd, void const* data, std::size_t size, int flags)
{
    return count(SYS_sendto, fd, data, size, flags, nullptr, 0);
}

ssize_t recvmsg(int fd, ::msghdr* message, int flags)
{
    return count(SYS_recvmsg, fd, message, flags);
}

ssize_t sendmsg(int fd, ::msghdr const* message, int flags)
{
    return count(SYS_sendmsg, fd, message, flags);
}

ssize_t read(int fd, void* data, std::size_t size)
{
    return count(SYS_read, fd, data, size);
}

ssize_t write(int fd, void const* data, std::size_t size)
{
    return count(SYS_write, fd, data, size);
}

int epoll_wait(int set, ::epoll_event* events, int size, int timeout)
{
    return static_cast<int>(
        count(SYS_epoll_pwait, set, events, size, timeout, nullptr, 8));
}

int epoll_ctl(int set, int what, int fd, ::epoll_event* event) noexcept
{
    return static_cast<int>(count(SYS_epoll_ctl, set, what, fd, event));
}

int timerfd_settime(
    int fd, int flags, ::itimerspec const* next, ::itimerspec* old) noexcept
{
    return static_cast<int>(count(SYS_timerfd_settime, fd, flags, next, old));
}

} // extern "C"

namespace {

namespace asio = boost::asio;
using opslot::pending;
using tcp = opslot::tcp;

/// Sends back what it receives.
struct session
{
    tcp::socket socket;
    support::peer other;
    /// A receive that does not fill it has emptied the socket.
    std::array<char, 256> storage{};
    opslot::stream_context rx;
    opslot::stream_context tx;
    int echoes = 0;

    explicit session(asio::io_context& io)
        : socket(io)
        , other(support::connect_tcp(socket))
    {
        socket.set_option(tcp::no_delay(true));
        rx.buffer(asio::buffer(storage));
        rx.completion_handler([this](auto&) {
            if (received())
            {
                receive();
            }
        });
        tx.completion_handler([this](auto&) { sent(); });
    }

    void receive()
    {
        while (socket.start_receive(rx) != pending)
        {
            if (!received())
            {
                return;
            }
        }
    }

    /// Returns whether the next receive may start.
    bool received()
    {
        if (rx.error())
        {
            return false;
        }
        tx.buffer(asio::buffer(storage, rx.bytes_transferred()));
        if (socket.start_send(tx) == pending)
        {
            return false;
        }
        ++echoes;
        return true;
    }

    void sent()
    {
        ++echoes;
        receive();
    }
};

/// System calls for each echoed message of 64 bytes.
double calls_per_message(std::size_t peers)
{
    asio::io_context io;
    std::deque<session> sessions;
    for (std::size_t i = 0; i != peers; ++i)
    {
        sessions.emplace_back(io).receive();
    }
    support::poll(io);
    std::string const message(64, 'm');
    constexpr int rounds = 50;
    auto const round = [&](int n) {
        for (session& s : sessions)
        {
            s.other.write(message);
        }
        // All are there, as under load.
        for (session& s : sessions)
        {
            support::await(s.socket.native_handle());
        }
        counts = true;
        support::run_until(io, [&] {
            for (session const& s : sessions)
            {
                if (s.echoes != n)
                {
                    return false;
                }
            }
            return true;
        });
        counts = false;
        for (session& s : sessions)
        {
            BOOST_TEST_REQUIRE(s.other.read(64) == message);
        }
    };
    round(1);
    calls = 0;
    for (int n = 2; n != rounds + 2; ++n)
    {
        round(n);
    }
    return static_cast<double>(calls) /
           static_cast<double>(peers * std::size_t(rounds));
}

} // namespace

BOOST_AUTO_TEST_CASE(an_echo_to_many_peers_takes_two_calls_and_little_more)
{
    double const n = calls_per_message(64);
    BOOST_TEST_MESSAGE("system calls per message, 64 peers: " << n);
    // One to receive, one to send.
    BOOST_TEST(n >= 2.0);
#if !defined(OPSLOT_ENGINE_PORTABLE)
    BOOST_TEST(n <= 2.1);
#endif
}

BOOST_AUTO_TEST_CASE(an_echo_to_one_peer_takes_six_calls_at_most)
{
    double const n = calls_per_message(1);
    BOOST_TEST_MESSAGE("system calls per message, one peer: " << n);
    BOOST_TEST(n >= 2.0);
#if !defined(OPSLOT_ENGINE_PORTABLE)
    BOOST_TEST(n <= 6.0);
#endif
}
