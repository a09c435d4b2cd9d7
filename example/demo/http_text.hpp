#ifndef OPSLOT_DEMO_HTTP_TEXT_HPP
#define OPSLOT_DEMO_HTTP_TEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace demo {

inline constexpr std::string_view http_request = "GET / HTTP/1.1\r\n"
                                                 "Host: 127.0.0.1\r\n"
                                                 "\r\n";

inline constexpr std::string_view http_response = "HTTP/1.1 200 OK\r\n"
                                                  "Content-Type: text/plain\r\n"
                                                  "Content-Length: 14\r\n"
                                                  "\r\n"
                                                  "Hello, world!\n";

/// One HTTP connection without its socket: bytes in, bytes out. It says the
/// same to every request, none of which may have a body.
class http_conversation
{
public:
    http_conversation()
    {
        for (std::size_t i = 0; i != limit; ++i)
        {
            std::memcpy(
                out_.data() + i * http_response.size(),
                http_response.data(),
                http_response.size());
        }
    }

    /// Where the next bytes go that are received.
    boost::asio::mutable_buffer space()
    {
        return boost::asio::buffer(in_) + in_size_;
    }

    /// The replies to what was received; none if no request is complete.
    boost::asio::const_buffer received(std::size_t bytes)
    {
        std::string_view in(in_.data(), in_size_ + bytes);
        std::size_t requests = 0;
        for (auto end = in.find(end_of_head);
             end != in.npos && requests != limit;
             end = in.find(end_of_head))
        {
            ++requests;
            in.remove_prefix(end + end_of_head.size());
        }
        in_size_ = in.size();
        std::memmove(in_.data(), in.data(), in_size_);
        return boost::asio::buffer(out_, requests * http_response.size());
    }

private:
    static constexpr std::string_view end_of_head = "\r\n\r\n";
    /// How many replies are sent at a time.
    static constexpr std::size_t limit = 16;

    std::array<char, 8192> in_;
    std::size_t in_size_ = 0;
    std::array<char, limit * http_response.size()> out_;
};

} // namespace demo

#endif
