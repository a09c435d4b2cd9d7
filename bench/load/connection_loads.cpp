// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Loads that are about connections: many short ones, and many that say
// nothing.

#include <stdexcept>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "../pattern.hpp"
#include "support.hpp"

namespace bench {
namespace {

/// Sends a message, and compares what comes back.
void echo_once(descriptor const& socket, std::string const& message)
{
    std::string answer(message.size(), '\0');
    check(
        ::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL),
        "send");
    check(
        ::recv(socket.get(), answer.data(), answer.size(), MSG_WAITALL),
        "recv");
    compare(answer, message);
}

/// Connects, sends a message, gets it back and goes away, with so many
/// connections at a time.
class churn_load : public load
{
public:
    churn_load(cell const& c, std::uint16_t port)
        : port_(port)
        , message_(pattern(c.message_bytes))
    {
        for (std::size_t i = 0; i != c.connections; ++i)
        {
            peers_.push_back({descriptor(-1), {}});
        }
    }

    outcome run(order const& o) override
    {
        latencies_.clear();
        outcome result;
        course const course(o);
        std::uint64_t allowed = o.requests * peers_.size();
        for (std::size_t i = 0; i != peers_.size(); ++i)
        {
            start(i);
            allowed -= o.requests != 0;
        }
        for (std::size_t open = peers_.size(); open != 0;)
        {
            ready_.wait([&](std::size_t index, std::uint32_t) {
                finish(index);
                ++result.messages;
                if (o.requests != 0 ? allowed != 0 : course.is_open())
                {
                    allowed -= o.requests != 0;
                    start(index);
                }
                else
                {
                    --open;
                }
            });
            course.check_patience();
        }
        result.time = clock::now() - course.begin();
        result.latency_us = latencies_.percentiles();
        return result;
    }

private:
    struct peer
    {
        descriptor socket;
        clock::time_point begin;
    };

    void start(std::size_t index)
    {
        peer& p = peers_[index];
        p.begin = clock::now();
        p.socket = connect_to(port_, SOCK_STREAM);
        check(
            ::send(
                p.socket.get(), message_.data(), message_.size(), MSG_NOSIGNAL),
            "send");
        ready_.add(p.socket, index);
    }

    void finish(std::size_t index)
    {
        peer& p = peers_[index];
        std::string answer(message_.size(), '\0');
        check(
            ::recv(p.socket.get(), answer.data(), answer.size(), MSG_WAITALL),
            "recv");
        compare(answer, message_);
        latencies_.add(clock::now() - p.begin);
        p.socket = descriptor(-1);
    }

    std::uint16_t const port_;
    std::string const message_;
    readiness ready_;
    std::vector<peer> peers_;
    latencies latencies_;
};

/// Has connections, and asks some of them whether they are alive.
class idle_load : public load
{
public:
    idle_load(cell const& c, std::uint16_t port)
        : message_(pattern(c.message_bytes))
    {
        for (std::size_t i = 0; i != c.connections; ++i)
        {
            sockets_.push_back(connect_to(port, SOCK_STREAM));
        }
    }

    outcome run(order const&) override
    {
        constexpr std::size_t step = 100;
        outcome result;
        auto const begin = clock::now();
        for (std::size_t i = 0; i < sockets_.size(); i += step)
        {
            echo_once(sockets_[i], message_);
            ++result.messages;
        }
        result.time = clock::now() - begin;
        return result;
    }

private:
    std::string const message_;
    std::vector<descriptor> sockets_;
};

} // namespace

std::unique_ptr<load> make_churn_load(cell const& c, std::uint16_t port)
{
    return std::make_unique<churn_load>(c, port);
}

std::unique_ptr<load> make_idle_load(cell const& c, std::uint16_t port)
{
    return std::make_unique<idle_load>(c, port);
}

} // namespace bench
