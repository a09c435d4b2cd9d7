#ifndef OPSLOT_EXAMPLE_FILE_CONVERSATION_HPP
#define OPSLOT_EXAMPLE_FILE_CONVERSATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "file_reply.hpp"
#include "file_store.hpp"
#include "request_parser.hpp"

namespace http {

/** One connection of a server of files, without its socket.

    @verbatim
      space() -> receive -> received(n) -> next_reply() -> send -.
         ^                                     ^                 |
         '-------- there is none --------------+-----------------'
    @endverbatim

    Requests may come in parts, or many at once. What comes behind the last
    one is thrown away.
*/
class file_conversation
{
public:
    explicit file_conversation(std::shared_ptr<file_store> files)
        : files_(std::move(files))
    {}

    /// Where the next bytes go that are received.
    boost::asio::mutable_buffer space()
    {
        return boost::asio::buffer(in_) + in_size_;
    }

    /// That many bytes are in `space()` now.
    void received(std::size_t count) { in_size_ += is_over_ ? 0 : count; }

    /// The answer to the next request, valid until the next call. Null: there
    /// has to come more first.
    file_reply const* next_reply()
    {
        if (is_over_ || !read_head())
        {
            return nullptr;
        }
        is_over_ = reply_.is_last();
        in_size_ = is_over_ ? 0 : in_size_ - parser_.size();
        std::memmove(in_.data(), in_.data() + parser_.size(), in_size_);
        parser_ = {};
        return &reply_;
    }

    /// True: the last reply was given out.
    bool is_over() const { return is_over_; }

private:
    // False: the head of a request is not complete.
    bool read_head()
    {
        auto const result = parser_.parse({in_.data(), in_size_});
        if (result == request_parser::result::complete)
        {
            reply_.answer(parser_.get(), *files_);
            return true;
        }
        if (result == request_parser::result::refused)
        {
            reply_.refuse(parser_.refusal());
            return true;
        }
        if (in_size_ == in_.size())
        {
            reply_.refuse("431 Request Header Fields Too Large");
            return true;
        }
        return false;
    }

    std::shared_ptr<file_store> files_;
    request_parser parser_;
    file_reply reply_;
    std::array<char, 8192> in_;
    std::size_t in_size_ = 0;
    bool is_over_ = false;
};

} // namespace http

#endif
