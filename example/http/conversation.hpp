#ifndef OPSLOT_EXAMPLE_CONVERSATION_HPP
#define OPSLOT_EXAMPLE_CONVERSATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "request_parser.hpp"

namespace http {

/// What a server says to a request. The text must outlive the conversation.
struct response
{
    std::string_view status;
    std::string_view body;
};

/** One connection, without its socket: bytes in, bytes out.

    @verbatim
      space() -> receive -> received(n) -> replies() -> send -.
         ^                                     ^              |
         '-------- there are none -------------+--------------'
    @endverbatim

    Requests may come in parts, or many at once, and are answered in their
    order. Bodies are skipped. What cannot be understood is refused, and is
    the end of the conversation.
*/
class conversation
{
public:
    /// @param answer Called when the head of a request was read.
    explicit conversation(response (*answer)(request const&))
        : answer_(answer)
    {
        out_.reserve(out_limit + 512);
    }

    /// Where the next bytes go that are received.
    boost::asio::mutable_buffer space()
    {
        return boost::asio::buffer(in_) + in_size_;
    }

    /// That many bytes are in `space()` now.
    void received(std::size_t count) { in_size_ += count; }

    /// The next replies to what was received, valid until the next call. None:
    /// there has to come more first.
    boost::asio::const_buffer replies()
    {
        out_.clear();
        std::string_view in(in_.data(), in_size_);
        while (!is_over_ && out_.size() < out_limit && reply_to_next(in))
        {}
        in_size_ = is_over_ ? 0 : in.size();
        std::memmove(in_.data(), in.data(), in_size_);
        return boost::asio::buffer(out_);
    }

    /// True: what comes now is not read any more.
    bool is_over() const { return is_over_; }

private:
    static constexpr std::size_t out_limit = 4096;

    // Takes a request off `in`. False: it is not complete.
    bool reply_to_next(std::string_view& in)
    {
        if (!body_left_ && !read_head(in))
        {
            return is_over_;
        }
        auto const skipped = std::min<std::uint64_t>(*body_left_, in.size());
        in.remove_prefix(static_cast<std::size_t>(skipped));
        *body_left_ -= skipped;
        if (*body_left_ != 0)
        {
            return false;
        }
        is_over_ = !parser_.get().keeps_alive;
        write(response_);
        parser_ = {};
        body_left_.reset();
        return true;
    }

    // False: the head is not complete, or was refused.
    bool read_head(std::string_view& in)
    {
        auto const result = parser_.parse(in);
        if (result == request_parser::result::refused)
        {
            refuse(parser_.refusal());
            return false;
        }
        if (result == request_parser::result::incomplete)
        {
            if (in.size() == in_.size())
            {
                refuse("431 Request Header Fields Too Large");
            }
            return false;
        }
        request const& head = parser_.get();
        response_ = answer_(head);
        in.remove_prefix(parser_.size());
        body_left_ = head.body_size;
        if (head.expects_continue && in.size() < head.body_size)
        {
            out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        }
        return true;
    }

    void refuse(std::string_view status)
    {
        is_over_ = true;
        write({status, status});
    }

    void write(response const& r)
    {
        out_.append("HTTP/1.1 ").append(r.status);
        out_ += "\r\nContent-Type: text/plain\r\nContent-Length: ";
        out_ += std::to_string(r.body.size());
        out_ += is_over_               ? "\r\nConnection: close\r\n\r\n"
                : parser_.get().is_1_0 ? "\r\nConnection: keep-alive\r\n\r\n"
                                       : "\r\n\r\n";
        out_ += parser_.get().is_head ? "" : r.body;
    }

    response (*answer_)(request const&);
    std::array<char, 8192> in_;
    std::size_t in_size_ = 0;
    std::string out_;
    request_parser parser_;
    response response_;
    // Set while a body is being skipped.
    std::optional<std::uint64_t> body_left_;
    bool is_over_ = false;
};

} // namespace http

#endif
