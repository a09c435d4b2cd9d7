#ifndef OPSLOT_EXAMPLE_SEND_QUEUE_HPP
#define OPSLOT_EXAMPLE_SEND_QUEUE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace support {

/** What is to be sent on a connection.

    While a part of it is being sent the rest gathers, and leaves with the next
    send. The memory of both is used again, so nothing is allocated once it is
    large enough. How much may gather is for its user to say: a client that
    does not read must cost no more than that.
*/
class send_queue
{
public:
    /// How many bytes wait for the next send.
    std::size_t size() const { return waiting_.size(); }

    void append(std::string_view bytes) { waiting_ += bytes; }

    /// The next bytes to send, valid until the next call.
    boost::asio::const_buffer next()
    {
        sending_.clear();
        sending_.swap(waiting_);
        return boost::asio::buffer(sending_);
    }

private:
    std::string waiting_;
    std::string sending_;
};

} // namespace support

#endif
