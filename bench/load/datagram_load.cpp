// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Datagrams with numbers. So few are on their way that the system has room
// for all of them, so none may be missing or out of order.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/time.h>

#include "../pattern.hpp"
#include "support.hpp"

namespace bench {
namespace {

/// How many requests get how many answers.
struct exchange
{
    explicit exchange(cell const& c)
    {
        if (c.suite == "udp_receive")
        {
            requests = c.fan_out;
            outstanding = 2 * requests;
        }
        else if (c.suite == "udp_echo")
        {
            outstanding = c.fan_out;
        }
        else
        {
            answers = c.fan_out;
            outstanding = c.suite == "udp_send" ? 2 : 1;
        }
    }

    /// So many requests are answered together,
    std::size_t requests = 1;
    /// by so many datagrams, which repeat the last one.
    std::size_t answers = 1;
    /// Requests that are on their way at a time.
    std::size_t outstanding = 1;
};

class datagram_load : public load
{
public:
    datagram_load(cell const& c, std::uint16_t port)
        : exchange_(c)
        , size_(c.message_bytes)
        , text_(pattern(cycle + size_))
        , socket_(connect_to(port, SOCK_DGRAM))
        , memory_(batch * size_)
        , messages_(batch)
        , parts_(batch)
        , sent_at_(exchange_.outstanding)
    {
        timeval const limit{patience.count(), 0};
        check(
            ::setsockopt(
                socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
            "setsockopt");
        for (std::size_t i = 0; i != batch; ++i)
        {
            parts_[i] = {memory_.data() + i * size_, size_};
            messages_[i].msg_hdr.msg_iov = &parts_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    outcome run(order const& o) override
    {
        latencies_.clear();
        course const course(o);
        std::uint64_t const first = sent_;
        std::uint64_t const last =
            o.requests != 0 ? sent_ + o.requests * exchange_.outstanding
                            : std::numeric_limits<std::uint64_t>::max();
        send(exchange_.outstanding);
        while (answered_requests() != sent_)
        {
            std::size_t const more = receive();
            if (o.requests != 0 ? sent_ != last : course.is_open())
            {
                send(more);
            }
        }
        outcome result;
        result.messages = (sent_ - first) * exchange_.answers;
        result.time = clock::now() - course.begin();
        result.latency_us = latencies_.percentiles();
        return result;
    }

private:
    static constexpr std::size_t batch = 64;
    static constexpr std::size_t cycle = 1024;

    std::uint64_t answered_requests() const noexcept
    {
        return received_ / exchange_.answers * exchange_.requests;
    }

    void write(char* to, std::uint64_t number) const
    {
        std::memcpy(to, text_.data() + number % cycle, size_);
        std::memcpy(to, &number, sizeof(number));
    }

    void send(std::size_t requests)
    {
        auto const now = clock::now();
        while (requests != 0)
        {
            std::size_t const n = std::min(requests, batch);
            for (std::size_t i = 0; i != n; ++i)
            {
                sent_at_[(sent_ + i) % exchange_.outstanding] = now;
                write(memory_.data() + i * size_, sent_ + i);
                parts_[i].iov_len = size_;
            }
            int const done = check(
                ::sendmmsg(
                    socket_.get(),
                    messages_.data(),
                    static_cast<unsigned>(n),
                    0),
                "sendmmsg");
            sent_ += static_cast<std::size_t>(done);
            requests -= static_cast<std::size_t>(done);
        }
    }

    /// Returns how many requests were answered.
    std::size_t receive()
    {
        int const n = ::recvmmsg(
            socket_.get(), messages_.data(), batch, MSG_WAITFORONE, nullptr);
        if (n < 0 && errno == EAGAIN)
        {
            throw std::runtime_error("datagrams were lost");
        }
        std::uint64_t const before = answered_requests();
        auto const now = clock::now();
        for (int i = 0; i < check(n, "recvmmsg"); ++i)
        {
            accept(static_cast<std::size_t>(i), now);
        }
        return static_cast<std::size_t>(answered_requests() - before);
    }

    /// Compares one that was received.
    void accept(std::size_t i, clock::time_point now)
    {
        std::uint64_t const group = received_ / exchange_.answers;
        std::uint64_t const number = (group + 1) * exchange_.requests - 1;
        expected_.resize(size_);
        write(expected_.data(), number);
        compare({memory_.data() + i * size_, messages_[i].msg_len}, expected_);
        if (++received_ % exchange_.answers == 0)
        {
            latencies_.add(now - sent_at_[number % exchange_.outstanding]);
        }
    }

    exchange const exchange_;
    std::size_t const size_;
    std::string const text_;
    descriptor socket_;
    std::vector<char> memory_;
    std::vector<mmsghdr> messages_;
    std::vector<iovec> parts_;
    std::vector<clock::time_point> sent_at_;
    std::string expected_;
    latencies latencies_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
};

} // namespace

std::unique_ptr<load> make_datagram_load(cell const& c, std::uint16_t port)
{
    return std::make_unique<datagram_load>(c, port);
}

} // namespace bench
