#ifndef OPSLOT_EXAMPLE_COMMAND_PARSER_HPP
#define OPSLOT_EXAMPLE_COMMAND_PARSER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <vector>

namespace resp {

/** Reads a command: an array of strings, as all clients send it.

    @verbatim
      *2 CR LF  $3 CR LF GET CR LF  $5 CR LF hello CR LF
    @endverbatim

    It begins at the front again if there has to come more, which costs little
    because it steps over the strings by their sizes.
*/
class command_parser
{
public:
    enum class result
    {
        incomplete,
        complete,
        refused
    };

    /// @param in What has arrived, from the first byte of the command on.
    result parse(std::string_view in)
    {
        words_.clear();
        size_ = 0;
        std::size_t count = 0;
        if (auto const r = read_number(in, '*', count); r != result::complete)
        {
            return r;
        }
        if (count > most)
        {
            return result::refused;
        }
        while (words_.size() != count)
        {
            std::size_t length = 0;
            if (auto const r = read_number(in, '$', length);
                r != result::complete)
            {
                return r;
            }
            if (in.size() - size_ < 2 || in.size() - size_ - 2 < length)
            {
                return result::incomplete;
            }
            if (in.substr(size_ + length, 2) != "\r\n")
            {
                return result::refused;
            }
            words_.push_back(in.substr(size_, length));
            size_ += length + 2;
        }
        return result::complete;
    }

    /// The strings of a complete command, parts of what was parsed. There may
    /// be none.
    std::vector<std::string_view> const& words() const { return words_; }

    /// How many bytes a complete command has.
    std::size_t size() const { return size_; }

private:
    static constexpr std::size_t most = 1024;

    result read_number(std::string_view in, char mark, std::size_t& number)
    {
        auto const rest = in.substr(size_);
        if (!rest.empty() && rest.front() != mark)
        {
            return result::refused;
        }
        auto const end = rest.find("\r\n");
        if (end == rest.npos)
        {
            return rest.size() > 32 ? result::refused : result::incomplete;
        }
        auto const last = rest.data() + end;
        auto const parsed = std::from_chars(rest.data() + 1, last, number);
        size_ += end + 2;
        return parsed.ec == std::errc() && parsed.ptr == last ? result::complete
                                                              : result::refused;
    }

    std::vector<std::string_view> words_;
    std::size_t size_ = 0;
};

} // namespace resp

#endif
