#ifndef OPSLOT_EXAMPLE_FILE_REPLY_HPP
#define OPSLOT_EXAMPLE_FILE_REPLY_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/open_file.hpp>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "byte_range.hpp"
#include "date.hpp"
#include "file_store.hpp"
#include "request_parser.hpp"

namespace http {

/// What is sent for one request: a head, and then a part of a file. Use one
/// for all requests of a connection: it keeps the memory of its text.
class file_reply
{
public:
    file_reply() { head_.reserve(512); }

    std::string const& head() const { return head_; }

    opslot::open_file const& file() const { return file_; }

    /// The part of the file; of no bytes if only the head is sent.
    byte_range part() const { return part_; }

    /// The connection ends after it.
    bool is_last() const { return is_last_; }

    void answer(request const& r, file_store& files)
    {
        // A body is not read, and what comes behind it is not either.
        is_last_ = !r.keeps_alive || r.body_size != 0;
        if (!r.is_get && !r.is_head)
        {
            return say(r, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
        }
        auto const found = files.find(r.target);
        if (!found)
        {
            return say(r, "404 Not Found");
        }
        auto const since = date::parse(r.if_modified_since);
        if (since && found->modified <= *since)
        {
            begin(r, "304 Not Modified");
            return end(*found);
        }
        send(r, *found);
    }

    /// For what could not be understood.
    void refuse(std::string_view status)
    {
        is_last_ = true;
        say({}, status);
    }

private:
    void send(request const& r, stored_file const& f)
    {
        // A part of another version of the file is of no use.
        bool const is_same =
            r.if_range.empty() || r.if_range == date(f.modified).text();
        auto const range =
            r.is_get && is_same ? parse_range(r.range, f.size) : std::nullopt;
        if (range && !range->is_satisfiable())
        {
            return say(
                r,
                "416 Range Not Satisfiable",
                "Content-Range: bytes */",
                f.size,
                "\r\n");
        }
        auto const part = range.value_or(byte_range{0, f.size});
        begin(r, range ? "206 Partial Content" : "200 OK");
        if (range)
        {
            append("Content-Range: bytes ", part.begin, "-");
            append("", part.begin + part.count - 1, "/");
            append("", f.size, "\r\n");
        }
        head_.append("Content-Type: ").append(f.type).append("\r\n");
        append("Content-Length: ", part.count, "\r\n");
        end(f);
        if (r.is_get)
        {
            file_ = f.file;
            part_ = part;
        }
    }

    // The status in words, with a field more.
    template<typename... Field>
    void say(request const& r, std::string_view status, Field... field)
    {
        begin(r, status);
        append(field...);
        append("Content-Length: ", status.size(), "\r\n");
        head_ += "Content-Type: text/plain\r\n\r\n";
        head_ += r.is_head ? "" : status;
    }

    void begin(request const& r, std::string_view status)
    {
        file_ = {};
        part_ = {};
        head_.assign("HTTP/1.1 ").append(status);
        head_.append("\r\nDate: ").append(date(std::time(nullptr)).text());
        head_ += is_last_   ? "\r\nConnection: close\r\n"
                 : r.is_1_0 ? "\r\nConnection: keep-alive\r\n"
                            : "\r\n";
    }

    void end(stored_file const& f)
    {
        head_.append("Last-Modified: ").append(date(f.modified).text());
        head_ += "\r\nAccept-Ranges: bytes\r\n\r\n";
    }

    void append(std::string_view text = {}) { head_ += text; }

    void append(
        std::string_view before, std::uint64_t number, std::string_view behind)
    {
        head_.append(before).append(std::to_string(number)).append(behind);
    }

    std::string head_;
    opslot::open_file file_;
    byte_range part_;
    bool is_last_ = false;
};

} // namespace http

#endif
