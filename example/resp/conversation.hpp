#ifndef OPSLOT_EXAMPLE_RESP_CONVERSATION_HPP
#define OPSLOT_EXAMPLE_RESP_CONVERSATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "broker.hpp"
#include "command_parser.hpp"
#include "writer.hpp"

namespace resp {

/// One client, without its socket: commands in, replies into the queue of a
/// subscriber.
class conversation
{
    using words = std::vector<std::string_view>;

public:
    conversation(broker& b, subscriber& s)
        : broker_(b)
        , subscriber_(s)
        , reply_(s.out())
    {}

    /// Where the next bytes go that are received.
    boost::asio::mutable_buffer space()
    {
        return boost::asio::buffer(in_) + in_size_;
    }

    /// That many bytes are in `space()` now.
    void received(std::size_t count) { in_size_ += count; }

    /// Obeys the commands there are, until there are replies enough to send.
    /// True: all of them were obeyed; there has to come more.
    bool obey()
    {
        std::string_view in(in_.data(), in_size_);
        bool goes_on = true;
        while (goes_on && !is_over_ && !has_enough())
        {
            goes_on = obey_next(in);
        }
        in_size_ = is_over_ ? 0 : in.size();
        std::memmove(in_.data(), in.data(), in_size_);
        broker_.touch(subscriber_);
        broker_.flush();
        return !goes_on;
    }

    /// So many replies wait that nothing more should be received.
    bool has_enough() const
    {
        return subscriber_.out().size() >= in_size_limit;
    }

    /// True: there will be no more replies.
    bool is_over() const { return is_over_; }

private:
    static constexpr std::size_t in_size_limit = 16 * 1024;

    // Takes a command off `in`. False: it is not complete.
    bool obey_next(std::string_view& in)
    {
        auto const result = parser_.parse(in);
        if (result == command_parser::result::incomplete &&
            in.size() < in_.size())
        {
            return false;
        }
        if (result != command_parser::result::complete)
        {
            is_over_ = true;
            reply_.error(
                result == command_parser::result::refused
                    ? "ERR Protocol error"
                    : "ERR Protocol error: too large a command");
            return false;
        }
        words const& command = parser_.words();
        if (!command.empty())
        {
            obey(command);
        }
        in.remove_prefix(parser_.size());
        return true;
    }

    struct known_command
    {
        std::string_view name;
        std::size_t least_words;
        std::size_t most_words;
        bool while_subscribed;
        void (conversation::*obey)(words const&);
    };

    void obey(words const& command)
    {
        constexpr auto any = static_cast<std::size_t>(-1);
        using self = conversation;
        static constexpr known_command all[] = {
            {"get", 2, 2, false, &self::get},
            {"ping", 1, 2, true, &self::ping},
            {"publish", 3, 3, false, &self::publish},
            {"quit", 1, 1, true, &self::quit},
            {"set", 3, 3, false, &self::set},
            {"subscribe", 2, any, true, &self::subscribe},
            {"unsubscribe", 1, any, true, &self::unsubscribe},
        };
        for (known_command const& each : all)
        {
            if (!is_name(command[0], each.name))
            {
                continue;
            }
            if (command.size() < each.least_words ||
                command.size() > each.most_words)
            {
                return reply_.error("ERR wrong number of arguments");
            }
            if (subscriber_.channel_count() != 0 && !each.while_subscribed)
            {
                return reply_.error("ERR not while subscribed to a channel");
            }
            return (this->*each.obey)(command);
        }
        reply_.error("ERR unknown command");
    }

    void ping(words const& command)
    {
        bool const has_text = command.size() == 2;
        if (subscriber_.channel_count() != 0)
        {
            reply_.array(2);
            reply_.string("pong");
            reply_.string(has_text ? command[1] : "");
        }
        else
        {
            has_text ? reply_.string(command[1]) : reply_.simple("PONG");
        }
    }

    void quit(words const&)
    {
        reply_.simple("OK");
        is_over_ = true;
    }

    void set(words const& command)
    {
        broker_.set(command[1], command[2]);
        reply_.simple("OK");
    }

    void get(words const& command)
    {
        auto const* const value = broker_.get(command[1]);
        value ? reply_.string(*value) : reply_.nothing();
    }

    void publish(words const& command)
    {
        reply_.integer(broker_.publish(command[1], command[2]));
    }

    void subscribe(words const& command)
    {
        std::for_each(command.begin() + 1, command.end(), [&](auto name) {
            broker_.subscribe(subscriber_, name);
            confirm("subscribe", name);
        });
    }

    void unsubscribe(words const& command)
    {
        std::for_each(command.begin() + 1, command.end(), [&](auto name) {
            broker_.unsubscribe(subscriber_, name);
            confirm("unsubscribe", name);
        });
        if (command.size() != 1)
        {
            return;
        }
        if (subscriber_.channel_count() == 0)
        {
            reply_.array(3);
            reply_.string("unsubscribe");
            reply_.nothing();
            reply_.integer(0);
        }
        while (subscriber_.channel_count() != 0)
        {
            std::string const name(subscriber_.last_channel());
            broker_.unsubscribe(subscriber_, name);
            confirm("unsubscribe", name);
        }
    }

    void confirm(std::string_view what, std::string_view name)
    {
        reply_.array(3);
        reply_.string(what);
        reply_.string(name);
        reply_.integer(subscriber_.channel_count());
    }

    // Compares with a name in small letters.
    static bool is_name(std::string_view word, std::string_view name)
    {
        return std::equal(
            word.begin(),
            word.end(),
            name.begin(),
            name.end(),
            [](char a, char b) { return a == b || (a | 0x20) == b; });
    }

    broker& broker_;
    subscriber& subscriber_;
    writer<support::send_queue> reply_;
    command_parser parser_;
    std::array<char, in_size_limit> in_;
    std::size_t in_size_ = 0;
    bool is_over_ = false;
};

} // namespace resp

#endif
