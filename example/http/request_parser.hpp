#ifndef OPSLOT_EXAMPLE_REQUEST_PARSER_HPP
#define OPSLOT_EXAMPLE_REQUEST_PARSER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace http {

/// What the head of a request says. The texts are parts of what was parsed
/// last, and valid as long as that is; a field that is not there is empty.
struct request
{
    std::string_view target;
    std::string_view range;
    std::string_view if_range;
    std::string_view if_modified_since;
    bool is_get = false;
    bool is_head = false;
    bool is_1_0 = false;
    bool expects_continue = false;
    /// The client wants to send more requests on this connection.
    bool keeps_alive = false;
    std::uint64_t body_size = 0;
};

/// Reads the head of one request, line by line as it arrives (RFC 9112).
class request_parser
{
public:
    enum class result
    {
        incomplete,
        complete,
        refused
    };

    /** Goes on reading.

        @param in What has arrived, from the first byte of the request on. It
        may have moved since the last call. No line is read twice.
    */
    result parse(std::string_view in)
    {
        for (bool is_last = false; !is_last && refusal_.empty();)
        {
            auto const end = in.find('\n', size_);
            if (end == in.npos)
            {
                return result::incomplete;
            }
            is_last = parse_line(in.substr(size_, end - size_));
            size_ = end + 1;
        }
        request_.target = target_.of(in);
        request_.range = range_.of(in);
        request_.if_range = if_range_.of(in);
        request_.if_modified_since = if_modified_since_.of(in);
        return refusal_.empty() ? result::complete : result::refused;
    }

    /// The status to refuse the request with.
    std::string_view refusal() const { return refusal_; }

    /// What was read; all there is once the head is complete.
    request const& get() const { return request_; }

    /// How many bytes were read.
    std::size_t size() const { return size_; }

private:
    // Where something stands in what has arrived, which may move.
    struct part
    {
        std::size_t begin = 0;
        std::size_t size = 0;

        std::string_view of(std::string_view in) const
        {
            return in.substr(begin, size);
        }
    };

    // Where a piece of the line stands that begins at `size_`.
    part part_of(std::string_view line, std::string_view piece) const
    {
        return {
            size_ + static_cast<std::size_t>(piece.data() - line.data()),
            piece.size()};
    }

    // True: it was the last line.
    bool parse_line(std::string_view line)
    {
        if (line.empty() || line.find('\r') != line.size() - 1)
        {
            refuse("400 Bad Request");
            return false;
        }
        line.remove_suffix(1);
        if (line.empty()) // the end, unless it is in front of the request
        {
            return has_request_line() && finish();
        }
        has_request_line() ? parse_field(line) : parse_request_line(line);
        return false;
    }

    bool has_request_line() const { return target_.size != 0; }

    void parse_request_line(std::string_view line)
    {
        auto const first = line.find(' ');
        auto const last = line.rfind(' ');
        if (first == last || !is_token(line.substr(0, first)))
        {
            return refuse("400 Bad Request");
        }
        auto const version = line.substr(last + 1);
        auto const target = line.substr(first + 1, last - first - 1);
        if (version != "HTTP/1.1" && version != "HTTP/1.0")
        {
            return refuse("400 Bad Request");
        }
        request_.is_1_0 = version == "HTTP/1.0";
        request_.is_get = line.substr(0, first) == "GET";
        request_.is_head = line.substr(0, first) == "HEAD";
        if (target.empty() || target.find_first_of(" \t") != target.npos)
        {
            return refuse("400 Bad Request");
        }
        target_ = part_of(line, target);
    }

    void parse_field(std::string_view line)
    {
        auto const colon = line.find(':');
        auto const name = line.substr(0, colon);
        if (colon == line.npos || !is_token(name))
        {
            return refuse("400 Bad Request");
        }
        auto const value = trim(line.substr(colon + 1));
        if (same(name, "Host"))
        {
            parse_host();
        }
        else if (same(name, "Connection"))
        {
            parse_connection(value);
        }
        else if (same(name, "Content-Length"))
        {
            parse_body_size(value);
        }
        else if (same(name, "Range"))
        {
            range_ = part_of(line, value);
        }
        else if (same(name, "If-Range"))
        {
            if_range_ = part_of(line, value);
        }
        else if (same(name, "If-Modified-Since"))
        {
            if_modified_since_ = part_of(line, value);
        }
        else if (same(name, "Transfer-Encoding"))
        {
            refuse("501 Not Implemented");
        }
        else if (same(name, "Expect"))
        {
            request_.expects_continue =
                same(value, "100-continue") && !request_.is_1_0;
        }
    }

    void parse_host()
    {
        if (has_host_)
        {
            refuse("400 Bad Request");
        }
        has_host_ = true;
    }

    void parse_connection(std::string_view list)
    {
        while (!list.empty())
        {
            auto const end = std::min(list.find(','), list.size());
            auto const option = trim(list.substr(0, end));
            wants_close_ = wants_close_ || same(option, "close");
            wants_more_ = wants_more_ || same(option, "keep-alive");
            list.remove_prefix(std::min(end + 1, list.size()));
        }
    }

    void parse_body_size(std::string_view value)
    {
        std::uint64_t number = 0;
        auto const end = value.data() + value.size();
        auto const parsed = std::from_chars(value.data(), end, number);
        if (value.empty() || parsed.ptr != end ||
            body_size_.value_or(number) != number)
        {
            refuse("400 Bad Request");
        }
        else if (parsed.ec != std::errc())
        {
            refuse("413 Content Too Large");
        }
        body_size_ = number;
    }

    bool finish()
    {
        if (!has_host_ && !request_.is_1_0)
        {
            refuse("400 Bad Request");
        }
        request_.keeps_alive =
            !wants_close_ && (wants_more_ || !request_.is_1_0);
        request_.body_size = body_size_.value_or(0);
        return true;
    }

    void refuse(std::string_view status) { refusal_ = status; }

    // A name of a method or of a field (RFC 9110, 5.6.2).
    static bool is_token(std::string_view s)
    {
        return !s.empty() &&
               s.find_first_not_of("!#$%&'*+-.^_`|~0123456789"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz") == s.npos;
    }

    static std::string_view trim(std::string_view s)
    {
        s.remove_prefix(std::min(s.find_first_not_of(" \t"), s.size()));
        return s.substr(0, s.find_last_not_of(" \t") + 1);
    }

    // Compares without regard to the case of ASCII letters.
    static bool same(std::string_view a, std::string_view b)
    {
        auto const lower = [](char c) {
            return 'A' <= c && c <= 'Z' ? static_cast<char>(c + ('a' - 'A'))
                                        : c;
        };
        return std::equal(
            a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) {
                return lower(x) == lower(y);
            });
    }

    request request_;
    std::string_view refusal_;
    // How much was read: where the next line begins.
    std::size_t size_ = 0;
    part target_;
    part range_;
    part if_range_;
    part if_modified_since_;
    std::optional<std::uint64_t> body_size_;
    bool has_host_ = false;
    bool wants_close_ = false;
    bool wants_more_ = false;
};

} // namespace http

#endif
