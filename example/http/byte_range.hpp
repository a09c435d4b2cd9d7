#ifndef OPSLOT_EXAMPLE_BYTE_RANGE_HPP
#define OPSLOT_EXAMPLE_BYTE_RANGE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace http {

/// A part of a file; of no bytes if the client asked for what is not there.
struct byte_range
{
    std::uint64_t begin = 0;
    std::uint64_t count = 0;

    bool is_satisfiable() const { return count != 0; }
};

/// A number of any length, cut to the largest one; nothing if it is none.
inline std::optional<std::uint64_t> parse_position(std::string_view text)
{
    std::uint64_t number = 0;
    auto const end = text.data() + text.size();
    auto const parsed = std::from_chars(text.data(), end, number);
    if (text.empty() || parsed.ptr != end)
    {
        return {};
    }
    return parsed.ec == std::errc() ? number
                                    : std::numeric_limits<std::uint64_t>::max();
}

/** What a field `Range` asks for (RFC 9110, 14.1.2).

    @param size That of the file.

    @return Nothing if the field is to be ignored: it is none, or asks for
    several ranges.
*/
inline std::optional<byte_range>
parse_range(std::string_view field, std::uint64_t size)
{
    std::string_view const unit = "bytes=";
    auto const dash = field.find('-');
    if (field.substr(0, unit.size()) != unit || dash == field.npos)
    {
        return {};
    }
    auto const text = field.substr(unit.size(), dash - unit.size());
    auto const first = parse_position(text);
    auto const last = parse_position(field.substr(dash + 1));
    if (text.empty() && last) // the last bytes
    {
        auto const count = std::min(*last, size);
        return byte_range{size - count, count};
    }
    bool const is_open = dash + 1 == field.size();
    if (!first || (!last && !is_open) || (last && *last < *first))
    {
        return {};
    }
    if (*first >= size)
    {
        return byte_range{};
    }
    auto const end = last ? std::min(*last, size - 1) : size - 1;
    return byte_range{*first, end - *first + 1};
}

} // namespace http

#endif
