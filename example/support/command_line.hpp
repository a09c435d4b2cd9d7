#ifndef OPSLOT_EXAMPLE_COMMAND_LINE_HPP
#define OPSLOT_EXAMPLE_COMMAND_LINE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <charconv>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace support {

/// Reads an argument. Throws `std::invalid_argument`.
template<typename Number>
Number read_number(std::string const& name, std::string_view text, Number least)
{
    Number number = 0;
    auto const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, number);
    if (result.ec != std::errc() || result.ptr != end || number < least)
    {
        auto const most = std::numeric_limits<Number>::max();
        throw std::invalid_argument(
            name + " must be a number from " + std::to_string(least) + " to " +
            std::to_string(most) + ", not \"" + std::string(text) + '"');
    }
    return number;
}

/// Something that a command line may say. It is read into a variable, of which
/// the value is the default.
class option
{
public:
    /// `--name N`, at least `least`.
    template<
        typename Number,
        std::enable_if_t<
            std::is_integral_v<Number> && !std::is_same_v<Number, bool>,
            int> = 0>
    option(
        std::string name,
        Number& value,
        std::string const& help,
        Number least = 0)
        : name_(std::move(name))
        , usage_('[' + name_ + " N]")
        , help_(help + " (" + std::to_string(value) + ')')
        , read_([n = name_, &value, least](std::string_view text) {
            value = read_number(n, text, least);
        })
    {}

    /// `--name`
    option(std::string name, bool& value, std::string help)
        : name_(std::move(name))
        , usage_('[' + name_ + ']')
        , help_(std::move(help))
        , is_flag_(true)
        , read_([&value](std::string_view) { value = true; })
    {}

    /// What stands there without a name, and must.
    option(std::string name, std::string& value, std::string help)
        : name_(std::move(name))
        , usage_(name_)
        , help_(std::move(help))
        , read_([&value](std::string_view text) { value = text; })
    {}

    std::string const& name() const { return name_; }

    std::string const& usage() const { return usage_; }

    std::string const& help() const { return help_; }

    bool has_name() const { return name_.front() == '-'; }

    bool is_flag() const { return is_flag_; }

    void read(std::string_view text) const { read_(text); }

private:
    std::string name_;
    std::string usage_;
    std::string help_;
    bool is_flag_ = false;
    std::function<void(std::string_view)> read_;
};

/// Reads a command line. Throws `std::invalid_argument`.
inline void read_command_line(
    int argc, char const* const argv[], std::vector<option> const& options)
{
    std::vector<option const*> unnamed;
    for (option const& each : options)
    {
        if (!each.has_name())
        {
            unnamed.push_back(&each);
        }
    }
    std::size_t arguments = 0;
    for (int i = 1; i != argc; ++i)
    {
        std::string const word = argv[i];
        if (word.compare(0, 2, "--") != 0)
        {
            if (arguments == unnamed.size())
            {
                throw std::invalid_argument(
                    '"' + word + "\" is one argument too many");
            }
            unnamed[arguments++]->read(word);
            continue;
        }
        option const* found = nullptr;
        for (option const& each : options)
        {
            found = each.name() == word ? &each : found;
        }
        if (!found)
        {
            throw std::invalid_argument("there is no option " + word);
        }
        if (!found->is_flag() && ++i == argc)
        {
            throw std::invalid_argument(word + " needs a value");
        }
        found->read(argv[i]);
    }
    if (arguments != unnamed.size())
    {
        throw std::invalid_argument(
            "the " + unnamed[arguments]->name() + " is missing");
    }
}

/// What `--help` prints.
inline std::string
describe(std::string const& program, std::vector<option> const& options)
{
    std::string usage = "usage: " + program;
    std::string lines;
    for (option const& each : options)
    {
        usage += ' ' + each.usage();
        std::string name = "  " + each.name();
        name.resize(name.size() < 18 ? 18 : name.size() + 1, ' ');
        lines += '\n' + name + each.help();
    }
    return usage + lines;
}

/** The `main` of a program.

    @param options What its command line may say, besides `--help`.

    @param body Called when all of it was read. It returns the exit status; an
    exception ends the program with a message.

    @return The exit status: that of `body`, 1 after an exception, 2 for a
    command line that makes no sense.
*/
template<typename Body>
int program_main(
    int argc,
    char const* const argv[],
    std::vector<option> const& options,
    Body body)
{
    auto const name = std::filesystem::path(argv[0]).filename().string();
    for (int i = 1; i < argc; ++i)
    {
        if (argv[i] == std::string_view("--help"))
        {
            std::cout << describe(name, options) << std::endl;
            return 0;
        }
    }
    try
    {
        read_command_line(argc, argv, options);
    }
    catch (std::invalid_argument const& e)
    {
        std::cerr << name << ": " << e.what() << '\n'
                  << describe(name, options) << std::endl;
        return 2;
    }
    try
    {
        return body();
    }
    catch (std::exception const& e)
    {
        std::cerr << name << ": " << e.what() << std::endl;
        return 1;
    }
}

} // namespace support

#endif
