#ifndef OPSLOT_EXAMPLE_MESSAGE_POOL_HPP
#define OPSLOT_EXAMPLE_MESSAGE_POOL_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <string_view>
#include <vector>

namespace support {

class message_pool;

/// A text on its way to any number of clients, on one thread.
struct message
{
    static constexpr std::size_t capacity = 512;

    std::array<char, capacity> text;
    std::size_t size = 0;
    int references = 0;
    message_pool* pool = nullptr;
};

/// The last one gives the message back to its pool.
using message_ptr = boost::intrusive_ptr<message>;

/// The memory of messages. It must outlive them.
class message_pool
{
public:
    /// @param text Not more than `message::capacity` bytes.
    message_ptr make(std::string_view text)
    {
        if (free_.empty())
        {
            all_.emplace_back().pool = this;
            free_.reserve(all_.size());
            free_.push_back(&all_.back());
        }
        message_ptr const m(free_.back());
        free_.pop_back();
        m->size = text.copy(m->text.data(), m->text.size());
        return m;
    }

    void take_back(message& m) { free_.push_back(&m); }

private:
    std::deque<message> all_;
    std::vector<message*> free_;
};

inline void intrusive_ptr_add_ref(message* m)
{
    ++m->references;
}

inline void intrusive_ptr_release(message* m)
{
    if (--m->references == 0)
    {
        m->pool->take_back(*m);
    }
}

} // namespace support

#endif
