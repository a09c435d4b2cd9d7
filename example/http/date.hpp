#ifndef OPSLOT_EXAMPLE_DATE_HPP
#define OPSLOT_EXAMPLE_DATE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string_view>

#include <time.h>

namespace http {

/// A time as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
class date
{
public:
    explicit date(std::time_t time)
    {
        std::tm parts{};
        ::gmtime_r(&time, &parts);
        std::strftime(text_.data(), text_.size(), format, &parts);
    }

    std::string_view text() const { return {text_.data(), size}; }

    /// Nothing if it is no such text; the older forms are not read.
    static std::optional<std::time_t> parse(std::string_view text)
    {
        if (text.size() != size)
        {
            return {};
        }
        std::array<char, size + 1> copy{};
        std::copy(text.begin(), text.end(), copy.begin());
        std::tm parts{};
        char const* const end = ::strptime(copy.data(), format, &parts);
        if (end != copy.data() + size)
        {
            return {};
        }
        return ::timegm(&parts);
    }

private:
    static constexpr char const* format = "%a, %d %b %Y %H:%M:%S GMT";
    static constexpr std::size_t size = 29;

    std::array<char, size + 1> text_{};
};

} // namespace http

#endif
