// cxxstd: 20
// precompiled: no

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Measures the patterns, and keeps doc/allocations.adoc. Built twice: as it is,
// and with Asio's recycling cache compiled out, which shows the real demand.
//
//     allocations                     the tests
//     allocations --rows FILE         writes the figures
//     allocations --page FILE OTHER   writes the table of the page, with the
//                                     figures that the other one wrote

// Asio itself sets a default later.
#if defined(BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE)
#define OPSLOT_TEST_HAS_CACHE (BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE != 0)
#else
#define OPSLOT_TEST_HAS_CACHE 1
#endif

#include "allocations/pattern.hpp"

#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_ALTERNATIVE_INIT_API
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace allocations {

constexpr bool has_cache = OPSLOT_TEST_HAS_CACHE;
constexpr char const* page = OPSLOT_SOURCE_DIR "/doc/allocations.adoc";

std::ostream& operator<<(std::ostream& stream, pattern const& p)
{
    return stream << p.name;
}

namespace {

std::vector<pattern> all_patterns()
{
    std::vector<pattern> all = io_object_patterns();
    for (auto const& more :
         {executor_patterns(), coroutine_patterns(), library_patterns()})
        all.insert(all.end(), more.begin(), more.end());
    return all;
}

// As many digits as say something, in rounds of thousands of operations.
std::string figure(double (*measure)())
{
    if (!measure)
        return "–";
    double const value = measure();
    if (value == 0)
        return "0";
    if (value < 0.01)
        return "< 0.01";
    char text[32];
    std::snprintf(text, sizeof(text), value < 0.995 ? "%.2f" : "%.1f", value);
    return text;
}

struct row_text
{
    std::string name;
    std::string plain;
    std::string slotted;
};

std::vector<row_text> measure_all()
{
    std::vector<row_text> rows;
    for (pattern const& each : all_patterns())
    {
        rows.push_back(
            {std::string(each.name), figure(each.plain), figure(each.slotted)});
        std::cout << rows.back().plain << '\t' << rows.back().slotted << '\t'
                  << rows.back().name << std::endl;
    }
    return rows;
}

std::vector<row_text> read_rows(char const* path)
{
    std::vector<row_text> rows;
    std::ifstream file(path);
    row_text next;
    while (std::getline(file, next.plain, '\t') &&
           std::getline(file, next.slotted, '\t') &&
           std::getline(file, next.name))
        rows.push_back(next);
    return rows;
}

void write_rows(char const* path)
{
    std::ofstream file(path);
    for (row_text const& each : measure_all())
        file << each.plain << '\t' << each.slotted << '\t' << each.name << '\n';
    if (!file.flush())
        throw std::runtime_error(std::string("cannot write ") + path);
}

std::vector<std::string> read_lines(char const* path)
{
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    if (lines.empty())
        throw std::runtime_error(std::string("cannot read ") + path);
    return lines;
}

constexpr std::string_view table_begins = "// The table is written by";
constexpr std::string_view table_ends = "// The end of the table.";

bool starts_with(std::string_view line, std::string_view start)
{
    return line.substr(0, start.size()) == start;
}

// Replaces what stands between the two comments.
void write_page(char const* path, char const* other_rows)
{
    std::vector<row_text> const rows = measure_all();
    std::vector<row_text> const others = read_rows(other_rows);
    if (others.size() != rows.size())
        throw std::runtime_error("the other program has other rows");
    std::vector<pattern> const patterns = all_patterns();
    std::vector<std::string> const lines = read_lines(path);
    std::ofstream file(path);
    bool copies = true;
    for (std::string const& line : lines)
    {
        if (starts_with(line, table_ends))
        {
            file << "|===\n";
            copies = true;
        }
        if (copies)
            file << line << '\n';
        if (!starts_with(line, table_begins))
            continue;
        copies = false;
        file << "[cols=\"5,1,1,1,1,6\"]\n|===\n| pattern | Asio | slotted | "
                "Asio, no cache | slotted, no cache | why, and what to do\n";
        for (std::size_t i = 0; i != rows.size(); ++i)
        {
            std::string_view const remark = patterns[i].remark;
            file << "\n| " << rows[i].name << "\n| " << rows[i].plain << " | "
                 << rows[i].slotted << " | " << others[i].plain << " | "
                 << others[i].slotted << (remark.empty() ? "\n|" : "\n| ")
                 << remark << '\n';
        }
    }
    if (!file.flush())
        throw std::runtime_error(std::string("cannot write ") + path);
}

std::vector<std::string> names_on_the_page()
{
    std::vector<std::string> names;
    bool in_table = false;
    std::string before = "|";
    for (std::string const& line : read_lines(page))
    {
        if (starts_with(line, table_begins))
            in_table = true;
        if (starts_with(line, table_ends))
            in_table = false;
        if (in_table && before.empty() && starts_with(line, "| "))
            names.push_back(line.substr(2));
        before = line;
    }
    return names;
}

} // namespace

BOOST_DATA_TEST_CASE(
    a_pattern_keeps_its_promise,
    boost::unit_test::data::make(all_patterns()),
    each)
{
    if (!opslot::testing::allocation_counter::available() || !each.slotted)
    {
        BOOST_TEST_MESSAGE("skipped: " << each.name);
        return;
    }
    auto const promised = has_cache ? each.with_cache : each.without_cache;
    double plain = 0;
    double slotted = 0;
    auto const is_kept = [&] {
        switch (promised)
        {
        case promise::none:
            return slotted == 0;
        case promise::hardly_any:
            return slotted < 0.1;
        case promise::no_more:
            return slotted <= plain * 1.03 + 0.05;
        case promise::no_more_asked:
            break;
        }
        return slotted <= plain + 1.05;
    };
    // Which thread serves an operation is up to chance, and so is what is in
    // that thread's cache, and how often a strand is taken: of these one run in
    // a few is to show that the promise is kept.
    bool const has_chance =
        promised == promise::hardly_any || promised == promise::no_more;
    for (int attempt = 0;
         attempt == 0 || (has_chance && !is_kept() && attempt != 5);
         ++attempt)
    {
        plain = each.plain();
        slotted = each.slotted();
        BOOST_TEST_MESSAGE(plain << " " << slotted << " " << each.name);
    }
    BOOST_TEST(is_kept(), slotted << " of " << plain);
}

BOOST_AUTO_TEST_CASE(what_is_not_zero_has_a_reason)
{
    for (pattern const& each : all_patterns())
        BOOST_TEST(
            (each.with_cache >= promise::no_more) == !each.remark.empty(),
            each.name);
}

BOOST_AUTO_TEST_CASE(the_page_has_the_rows_of_the_program)
{
    std::vector<std::string> names;
    for (pattern const& each : all_patterns())
        names.emplace_back(each.name);
    BOOST_TEST(names_on_the_page() == names, boost::test_tools::per_element());
}

} // namespace allocations

int main(int argc, char* argv[])
{
    try
    {
        std::string_view const mode = argc > 1 ? argv[1] : "";
        if (mode == "--rows" && argc == 3)
            allocations::write_rows(argv[2]);
        else if (mode == "--page" && argc == 4)
            allocations::write_page(argv[2], argv[3]);
        else
            return boost::unit_test::unit_test_main(
                [] { return true; }, argc, argv);
        return 0;
    }
    catch (std::exception const& e)
    {
        std::cerr << argv[0] << ": " << e.what() << std::endl;
        return 1;
    }
}
