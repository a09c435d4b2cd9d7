// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Datagrams with numbers. So few are on their way that the system has room
// for all of them, so none may be missing or out of order. Several go and come
// by one call, and where the cell wants it as one packet, which the system
// splits for a server that takes single datagrams.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/udp.h>
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
        // Of packets, one is with the server, one with the load, and one waits,
        // so that neither has to.
        std::size_t const groups = c.merges_datagrams ? 3 : 2;
        if (c.suite == "udp_receive")
        {
            requests = c.fan_out;
            outstanding = groups * requests;
        }
        else if (c.suite == "udp_echo")
        {
            outstanding = c.merges_datagrams ? groups * c.fan_out : c.fan_out;
        }
        else
        {
            answers = c.fan_out;
            outstanding = c.suite == "udp_send" ? groups : 1;
        }
    }

    /// So many requests are answered together,
    std::size_t requests = 1;
    /// by so many datagrams, which repeat the last one.
    std::size_t answers = 1;
    /// Requests that are on their way at a time.
    std::size_t outstanding = 1;
};

/// Where it says of a merged message how many bytes each datagram has.
struct segment_control
{
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

class datagram_load : public load
{
public:
    datagram_load(cell const& c, std::uint16_t port)
        : exchange_(c)
        , size_(c.message_bytes)
        , text_(pattern(cycle + size_))
        , socket_(connect_to(port, SOCK_DGRAM))
        , is_merged_(c.merges_datagrams)
        , run_(is_merged_ ? std::min(most_merged, most_bytes / size_) : 1)
        , room_(is_merged_ ? most_bytes : size_)
        , memory_(batch * room_)
        , controls_(batch)
        , messages_(batch)
        , parts_(batch)
        , sent_at_(exchange_.outstanding)
    {
        timeval const limit{patience.count(), 0};
        set_option(SOL_SOCKET, SO_RCVTIMEO, limit);
        if (is_merged_)
        {
            set_option(SOL_UDP, UDP_SEGMENT, static_cast<int>(size_));
            set_option(SOL_UDP, UDP_GRO, 1);
        }
        for (std::size_t i = 0; i != batch; ++i)
        {
            parts_[i].iov_base = memory_.data() + i * room_;
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
            if (o.requests != 0 || course.is_open())
            {
                send(std::min<std::uint64_t>(more, last - sent_));
            }
        }
        outcome result;
        result.messages = (sent_ - first) * exchange_.answers;
        result.time = clock::now() - course.begin();
        result.latency_us = latencies_.percentiles();
        return result;
    }

private:
    /// Messages of one call.
    static constexpr std::size_t batch = 64;
    // What one message has at most: as many datagrams as every Linux takes, and
    // as many bytes as a packet of IPv4.
    static constexpr std::size_t most_merged = 64;
    static constexpr std::size_t most_bytes = 65507;
    static constexpr std::size_t cycle = 1024;

    template<typename T>
    void set_option(int level, int name, T const& value)
    {
        check(
            ::setsockopt(socket_.get(), level, name, &value, sizeof(value)),
            "setsockopt");
    }

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
            std::size_t n = 0;
            unsigned count = 0;
            for (; n != requests && count != batch; ++count)
            {
                std::size_t const run = std::min(requests - n, run_);
                fill(count, sent_ + n, run, now);
                n += run;
            }
            int const done = check(
                ::sendmmsg(socket_.get(), messages_.data(), count, 0),
                "sendmmsg");
            for (std::size_t i = 0; i != static_cast<std::size_t>(done); ++i)
            {
                std::size_t const run = parts_[i].iov_len / size_;
                sent_ += run;
                requests -= run;
            }
        }
    }

    /// Makes a message of the requests from this number on.
    void fill(
        std::size_t message,
        std::uint64_t number,
        std::size_t run,
        clock::time_point now)
    {
        for (std::size_t i = 0; i != run; ++i)
        {
            sent_at_[(number + i) % exchange_.outstanding] = now;
            write(memory_.data() + message * room_ + i * size_, number + i);
        }
        parts_[message].iov_len = run * size_;
        messages_[message].msg_hdr.msg_control = nullptr;
        messages_[message].msg_hdr.msg_controllen = 0;
    }

    /// Returns how many requests were answered.
    std::size_t receive()
    {
        for (std::size_t i = 0; i != batch; ++i)
        {
            parts_[i].iov_len = room_;
            messages_[i].msg_hdr.msg_control = controls_[i].bytes.data();
            messages_[i].msg_hdr.msg_controllen = controls_[i].bytes.size();
        }
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
            split(static_cast<std::size_t>(i), now);
        }
        return static_cast<std::size_t>(answered_requests() - before);
    }

    /// Compares the datagrams of a message that was received.
    void split(std::size_t message, clock::time_point now)
    {
        std::string_view bytes(
            memory_.data() + message * room_, messages_[message].msg_len);
        std::size_t const each = segment_bytes(messages_[message]);
        while (bytes.size() > each)
        {
            accept(bytes.substr(0, each), now);
            bytes.remove_prefix(each);
        }
        accept(bytes, now);
    }

    /// How many bytes each datagram of a message has; the last one may have
    /// less.
    static std::size_t segment_bytes(mmsghdr& message)
    {
        int bytes = 0;
        cmsghdr const* const control = CMSG_FIRSTHDR(&message.msg_hdr);
        if (!control || control->cmsg_level != SOL_UDP ||
            control->cmsg_type != UDP_GRO)
        {
            return message.msg_len;
        }
        std::memcpy(&bytes, CMSG_DATA(control), sizeof(bytes));
        return static_cast<std::size_t>(bytes);
    }

    /// Compares one that was received.
    void accept(std::string_view datagram, clock::time_point now)
    {
        std::uint64_t const group = received_ / exchange_.answers;
        std::uint64_t const number = (group + 1) * exchange_.requests - 1;
        expected_.resize(size_);
        write(expected_.data(), number);
        compare(datagram, expected_);
        if (++received_ % exchange_.answers == 0)
        {
            latencies_.add(now - sent_at_[number % exchange_.outstanding]);
        }
    }

    exchange const exchange_;
    std::size_t const size_;
    std::string const text_;
    descriptor socket_;
    bool const is_merged_;
    /// Datagrams that are sent as one message.
    std::size_t const run_;
    /// Bytes that there are for a message.
    std::size_t const room_;
    std::vector<char> memory_;
    std::vector<segment_control> controls_;
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
