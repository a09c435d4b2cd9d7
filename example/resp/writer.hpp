#ifndef OPSLOT_EXAMPLE_WRITER_HPP
#define OPSLOT_EXAMPLE_WRITER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace resp {

/// Writes replies behind each other into what has `append`.
template<typename Out>
class writer
{
public:
    explicit writer(Out& out)
        : out_(out)
    {}

    void simple(std::string_view text) { line('+', text); }

    void error(std::string_view text) { line('-', text); }

    void integer(std::size_t number) { line(':', std::to_string(number)); }

    void array(std::size_t size) { line('*', std::to_string(size)); }

    void nothing() { line('$', "-1"); }

    void string(std::string_view bytes)
    {
        line('$', std::to_string(bytes.size()));
        out_.append(bytes);
        out_.append("\r\n");
    }

private:
    void line(char mark, std::string_view text)
    {
        out_.append(std::string_view(&mark, 1));
        out_.append(text);
        out_.append("\r\n");
    }

    Out& out_;
};

} // namespace resp

#endif
