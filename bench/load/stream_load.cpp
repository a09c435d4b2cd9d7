// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Requests on TCP connections, each with its answer: the same bytes, the same
// bytes many times, a file, or the same bytes for all.

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "../pattern.hpp"
#include "../servers/content.hpp"
#include "support.hpp"

namespace bench {
namespace {

/// How a suite's requests are answered, and which bytes to expect.
struct protocol
{
    explicit protocol(cell const& c)
        : is_file(c.suite == "files")
        , is_broadcast(c.suite == "broadcast")
        , request_bytes(is_file ? file_request_bytes : c.message_bytes)
        , unit_bytes(
              is_file ? file_header_bytes + c.message_bytes : c.message_bytes)
        , answer_bytes(unit_bytes * c.fan_out)
        , requests(pattern(cycle))
        , file(is_file ? file_header() + pattern(c.message_bytes) : "")
    {
        // Any part that a peer sends or expects is in one piece.
        requests += requests;
    }

    /// What is sent next, at most `bytes` of it.
    std::string_view request(std::uint64_t position, std::size_t bytes) const
    {
        return std::string_view(requests).substr(
            position % cycle, std::min(bytes, cycle));
    }

    /// What is expected next, at most `bytes` of it.
    ///
    /// @param begin Where the requests of the connection began.
    std::string_view
    answer(std::uint64_t begin, std::uint64_t position, std::size_t bytes) const
    {
        if (is_file)
        {
            return std::string_view(file).substr(
                position % answer_bytes, bytes);
        }
        if (answer_bytes == request_bytes)
        {
            return request(begin + position, bytes);
        }
        std::uint64_t const number = position / answer_bytes;
        std::uint64_t const offset = position % request_bytes;
        return request(
            begin + number * request_bytes + offset,
            std::min<std::size_t>(bytes, request_bytes - offset));
    }

    static constexpr std::size_t cycle = 128 * 1024;

    bool const is_file;
    bool const is_broadcast;
    std::size_t const request_bytes;
    /// The bytes of what counts as a message.
    std::size_t const unit_bytes;
    /// The bytes that a request is answered with.
    std::size_t const answer_bytes;
    std::string requests;
    std::string const file;
};

struct peer
{
    peer(descriptor s, std::uint64_t first, std::size_t outstanding)
        : socket(std::move(s))
        , begin(first)
        , sent_at(outstanding)
    {}

    descriptor socket;
    /// Where its requests begin in the text.
    std::uint64_t begin;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    /// Bytes to send.
    std::size_t owed = 0;
    /// Requests that may still be made.
    std::uint64_t allowed = 0;
    std::uint64_t requested = 0;
    bool waits_to_send = false;
    std::vector<clock::time_point> sent_at;
};

class stream_load : public load
{
public:
    stream_load(cell const& c, std::uint16_t port)
        : protocol_(c)
        , outstanding_(c.outstanding)
        , buffer_(256 * 1024)
        , deliveries_(c.outstanding)
    {
        constexpr std::uint64_t distance = 977;
        for (std::size_t i = 0; i != c.connections; ++i)
        {
            peers_.emplace_back(
                connect_to(port, SOCK_STREAM),
                protocol_.is_broadcast ? 0 : i * distance,
                outstanding_);
            ready_.add(peers_.back().socket, i);
        }
    }

    outcome run(order const& o) override
    {
        latencies_.clear();
        messages_ = 0;
        course const course(o);
        std::size_t const first =
            protocol_.is_broadcast ? peers_.size() - 1 : 0;
        for (std::size_t i = first; i != peers_.size(); ++i)
        {
            peers_[i].allowed = o.requests != 0
                                    ? o.requests
                                    : std::numeric_limits<std::uint64_t>::max();
            for (std::size_t n = 0; n != outstanding_; ++n)
            {
                request(i);
            }
            flush(i);
        }
        for (bool is_open = o.requests == 0; is_open || open_ != 0;)
        {
            ready_.wait([this](std::size_t index, std::uint32_t events) {
                handle(index, events);
            });
            if (is_open && !course.is_open())
            {
                is_open = false;
                for (peer& p : peers_)
                {
                    p.allowed = 0;
                }
            }
            course.check_patience();
        }
        outcome result;
        result.messages = messages_;
        result.time = clock::now() - course.begin();
        result.latency_us = latencies_.percentiles();
        return result;
    }

private:
    void handle(std::size_t index, std::uint32_t events)
    {
        if (events & EPOLLOUT)
        {
            flush(index);
        }
        if (events & ~std::uint32_t(EPOLLOUT))
        {
            receive(index);
        }
    }

    /// Makes a request, if one is allowed. What is to be sent leaves with the
    /// next flush.
    void request(std::size_t index)
    {
        peer& p = peers_[index];
        if (p.allowed == 0)
        {
            return;
        }
        --p.allowed;
        open_ += protocol_.is_broadcast ? peers_.size() : 1;
        p.sent_at[p.requested++ % outstanding_] = clock::now();
        p.owed += protocol_.request_bytes;
    }

    void flush(std::size_t index)
    {
        peer& p = peers_[index];
        while (p.owed != 0)
        {
            auto const part = protocol_.request(p.begin + p.sent, p.owed);
            ssize_t const n = ::send(
                p.socket.get(),
                part.data(),
                part.size(),
                MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0)
            {
                if (errno == EAGAIN)
                {
                    break;
                }
                check(n, "send");
            }
            p.sent += static_cast<std::size_t>(n);
            p.owed -= static_cast<std::size_t>(n);
        }
        if (p.waits_to_send != (p.owed != 0))
        {
            p.waits_to_send = p.owed != 0;
            ready_.change(p.socket, index, p.waits_to_send);
        }
    }

    void receive(std::size_t index)
    {
        peer& p = peers_[index];
        ssize_t const n = ::recv(
            p.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
        {
            return;
        }
        if (check(n, "recv") == 0)
        {
            throw std::runtime_error("the server closed a connection");
        }
        std::uint64_t const before = p.received;
        compare_all(p, {buffer_.data(), static_cast<std::size_t>(n)});
        messages_ +=
            p.received / protocol_.unit_bytes - before / protocol_.unit_bytes;
        answered(
            index,
            before / protocol_.answer_bytes,
            p.received / protocol_.answer_bytes);
    }

    void compare_all(peer& p, std::string_view bytes)
    {
        while (!bytes.empty())
        {
            auto const expected =
                protocol_.answer(p.begin, p.received, bytes.size());
            compare(bytes.substr(0, expected.size()), expected);
            bytes.remove_prefix(expected.size());
            p.received += expected.size();
        }
    }

    /// The answers with these numbers are complete.
    void answered(std::size_t index, std::uint64_t first, std::uint64_t last)
    {
        if (first == last)
        {
            return;
        }
        auto const now = clock::now();
        std::size_t const asking =
            protocol_.is_broadcast ? peers_.size() - 1 : index;
        for (std::uint64_t i = first; i != last; ++i)
        {
            --open_;
            std::size_t const place = i % outstanding_;
            // A broadcast is over when all have it.
            if (!protocol_.is_broadcast ||
                ++deliveries_[place] == peers_.size())
            {
                deliveries_[place] = 0;
                latencies_.add(now - peers_[asking].sent_at[place]);
                request(asking);
            }
        }
        flush(asking);
    }

    protocol const protocol_;
    std::size_t const outstanding_;
    readiness ready_;
    std::vector<char> buffer_;
    std::vector<peer> peers_;
    latencies latencies_;
    std::uint64_t messages_ = 0;
    /// Answers that are to come.
    std::uint64_t open_ = 0;
    /// Broadcast: how many have the message.
    std::vector<std::size_t> deliveries_;
};

} // namespace

std::unique_ptr<load> make_stream_load(cell const& c, std::uint16_t port)
{
    return std::make_unique<stream_load>(c, port);
}

} // namespace bench
