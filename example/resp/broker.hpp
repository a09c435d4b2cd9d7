#ifndef OPSLOT_EXAMPLE_BROKER_HPP
#define OPSLOT_EXAMPLE_BROKER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../support/send_queue.hpp"
#include "writer.hpp"

namespace resp {

class subscriber;

/// The subscribers of each channel, by its name.
using channel_map =
    std::map<std::string, std::vector<subscriber*>, std::less<>>;

/// Who gets messages, and all else that is sent to one client.
class subscriber
{
public:
    /// Sends what is in `out()`, or makes sure that it will be.
    virtual void flush() = 0;

    /// Ends the connection: it has not read for too long.
    virtual void drop() = 0;

    support::send_queue& out() { return out_; }

    std::size_t channel_count() const { return channels_.size(); }

    std::string_view last_channel() const { return channels_.back()->first; }

protected:
    ~subscriber() = default;

private:
    friend class broker;

    support::send_queue out_;
    std::vector<channel_map::iterator> channels_;
    bool is_touched_ = false;
};

/** Who has subscribed to what, and the values.

    A message is copied into the queue of each subscriber. They are flushed
    when all that a client had to say has been read: messages that come
    together leave together.
*/
class broker
{
public:
    /// How many bytes may wait for a subscriber before it is dropped.
    static constexpr std::size_t limit = 1024 * 1024;

    void subscribe(subscriber& who, std::string_view name)
    {
        auto channel = channels_.find(name);
        if (channel == channels_.end())
        {
            channel = channels_.emplace(name, channel_map::mapped_type()).first;
        }
        auto& members = channel->second;
        if (std::find(members.begin(), members.end(), &who) == members.end())
        {
            members.push_back(&who);
            who.channels_.push_back(channel);
        }
    }

    void unsubscribe(subscriber& who, std::string_view name)
    {
        auto const channel = channels_.find(name);
        if (channel != channels_.end() && remove(channel->second, &who))
        {
            remove(who.channels_, channel);
            if (channel->second.empty())
            {
                channels_.erase(channel);
            }
        }
    }

    /// A client has gone.
    void forget(subscriber& who)
    {
        while (!who.channels_.empty())
        {
            unsubscribe(who, who.channels_.back()->first);
        }
        remove(touched_, &who);
    }

    /// Returns how many get the message.
    std::size_t publish(std::string_view name, std::string_view message)
    {
        auto const channel = channels_.find(name);
        if (channel == channels_.end())
        {
            return 0;
        }
        text_.clear();
        writer out(text_);
        out.array(3);
        out.string("message");
        out.string(name);
        out.string(message);
        for (subscriber* each : channel->second)
        {
            if (each->out().size() > limit)
            {
                each->drop();
                continue;
            }
            each->out().append(text_);
            touch(*each);
        }
        return channel->second.size();
    }

    /// Has `who` flushed by the next `flush`.
    void touch(subscriber& who)
    {
        if (!who.is_touched_)
        {
            who.is_touched_ = true;
            touched_.push_back(&who);
        }
    }

    void flush()
    {
        for (subscriber* each : touched_)
        {
            each->is_touched_ = false;
            each->flush();
        }
        touched_.clear();
    }

    void set(std::string_view key, std::string_view value)
    {
        auto const found = values_.find(key);
        found == values_.end() ? void(values_.emplace(key, value))
                               : void(found->second.assign(value));
    }

    /// Null if there is no such key.
    std::string const* get(std::string_view key) const
    {
        auto const found = values_.find(key);
        return found == values_.end() ? nullptr : &found->second;
    }

private:
    template<typename T>
    static bool remove(std::vector<T>& from, T const& what)
    {
        auto const found = std::find(from.begin(), from.end(), what);
        if (found == from.end())
        {
            return false;
        }
        *found = from.back();
        from.pop_back();
        return true;
    }

    channel_map channels_;
    std::map<std::string, std::string, std::less<>> values_;
    std::vector<subscriber*> touched_;
    std::string text_;
};

} // namespace resp

#endif
