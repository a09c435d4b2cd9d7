// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What holds for every page of doc/, and for README.md: each block of code is a
// part of a source that is compiled and run, and each test that is named
// exists.
//
// A block says in the line before it which part it shows, `// path: part`, and
// the part stands in the source between `//[part` and `//]`. To write the
// blocks anew from their sources: the target code_blocks, or
//   test_documents_pages -- --write

#define BOOST_TEST_MODULE documents_pages
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using lines = std::vector<std::string>;

fs::path const root = OPSLOT_SOURCE_DIR;

lines read_lines(fs::path const& path)
{
    lines result;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
    {
        result.push_back(line);
    }
    BOOST_REQUIRE_MESSAGE(!result.empty(), "cannot read " << path);
    return result;
}

bool is_page(fs::path const& path)
{
    return path.extension() == ".adoc";
}

bool is_source(fs::path const& path)
{
    return path.extension() == ".cpp" || path.extension() == ".hpp" ||
           path.filename() == "CMakeLists.txt" || path.filename() == "Jamroot";
}

template<typename Predicate>
std::vector<fs::path> files_in(fs::path const& folder, Predicate is_wanted)
{
    std::vector<fs::path> files;
    for (auto const& entry : fs::recursive_directory_iterator(folder))
    {
        if (entry.is_regular_file() && is_wanted(entry.path()))
        {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    BOOST_REQUIRE(!files.empty());
    return files;
}

/// The parts of the sources that are compiled and run, each moved to the left
/// and by its name, which is `path: part`.
class part_list
{
public:
    part_list()
    {
        for (char const* folder : {"example", "test"})
        {
            for (fs::path const& path : files_in(root / folder, is_source))
            {
                read(path);
            }
        }
    }

    lines const* find(std::string const& name) const
    {
        auto const i = parts_.find(name);
        return i == parts_.end() ? nullptr : &i->second;
    }

    std::map<std::string, lines> const& all() const { return parts_; }

private:
    void read(fs::path const& path)
    {
        static std::regex const mark(R"(( *)(?://|#)\[(\w+))");
        std::string const prefix =
            path.lexically_relative(root).generic_string() + ": ";
        lines* part = nullptr;
        std::size_t indent = 0;
        for (std::string const& line : read_lines(path))
        {
            std::smatch match;
            std::string_view const text = std::string_view(line).substr(
                std::min(line.find_first_not_of(' '), line.size()));
            if (text == "//]" || text == "#]")
            {
                BOOST_TEST(part, prefix << "a part ends that has not begun");
                while (part && !part->empty() && part->back().empty())
                {
                    part->pop_back();
                }
                part = nullptr;
            }
            else if (std::regex_match(line, match, mark))
            {
                auto const made =
                    parts_.emplace(prefix + match[2].str(), lines());
                BOOST_TEST(made.second, prefix << match[2] << " stands twice");
                BOOST_TEST(!part, prefix << match[2] << " is inside another");
                part = &made.first->second;
                indent = match[1].str().size();
            }
            else if (part)
            {
                part->push_back(text.empty() ? "" : line.substr(indent));
            }
        }
        BOOST_TEST(!part, prefix << "a part does not end");
    }

    std::map<std::string, lines> parts_;
};

part_list const& parts()
{
    static part_list const instance;
    return instance;
}

/// How a format of pages writes a block of code.
struct format
{
    std::regex begin;        // the line before the code, or two before it
    std::string fence;       // the other one; empty if there is none
    std::string end;         // the line after the code
    std::string before_name; // of the part, in the line before
    std::string after_name;
};

/// AsciiDoc. What is shown of a terminal is no code.
format const asciidoc{
    std::regex(R"(\[source,(?!(console|text|json)\]).*)"),
    "----",
    "----",
    "// ",
    ""};

/// Markdown, where only C++ is looked at.
format const markdown{std::regex("```cpp"), "", "```", "<!-- ", " -->"};

/// The name of the part that a line says is shown, or nothing.
std::string name_in(std::string const& line, format const& f)
{
    std::size_t const around = f.before_name.size() + f.after_name.size();
    return line.size() > around &&
                   line.compare(0, f.before_name.size(), f.before_name) == 0
               ? line.substr(f.before_name.size(), line.size() - around)
               : "";
}

/// The page with each block of code as its part is, and in `shown` the names
/// of the parts.
lines with_parts(
    lines const& page, format const& f, std::set<std::string>& shown)
{
    lines result;
    for (std::size_t i = 0; i != page.size(); ++i)
    {
        result.push_back(page[i]);
        if (!std::regex_match(page[i], f.begin))
        {
            continue;
        }
        std::string const where = "line " + std::to_string(i + 1) + ": ";
        std::string const name = i == 0 ? "" : name_in(page[i - 1], f);
        lines const* const part = parts().find(name);
        BOOST_TEST(part, where << "\"" << name << "\" is no part");
        if (!f.fence.empty())
        {
            ++i;
            BOOST_REQUIRE_MESSAGE(
                i != page.size() && page[i] == f.fence,
                where << "no " << f.fence << " follows");
            result.push_back(f.fence);
        }
        auto const code = page.begin() + static_cast<std::ptrdiff_t>(i) + 1;
        auto const end = std::find(code, page.end(), f.end);
        BOOST_REQUIRE_MESSAGE(end != page.end(), where << "it does not end");
        if (part)
        {
            shown.insert(name);
            result.insert(result.end(), part->begin(), part->end());
            i = static_cast<std::size_t>(end - page.begin()) - 1;
        }
    }
    return result;
}

bool writes()
{
    auto const& suite = boost::unit_test::framework::master_test_suite();
    return suite.argc > 1 && std::string_view(suite.argv[1]) == "--write";
}

} // namespace

BOOST_AUTO_TEST_CASE(every_code_block_is_a_part_of_a_compiled_source)
{
    std::set<std::string> shown;
    std::vector<fs::path> pages = files_in(root / "doc", is_page);
    pages.push_back(root / "README.md");
    for (fs::path const& path : pages)
    {
        BOOST_TEST_CONTEXT(path)
        {
            lines const page = read_lines(path);
            lines const right =
                with_parts(page, is_page(path) ? asciidoc : markdown, shown);
            if (writes() && page != right)
            {
                std::ofstream file(path);
                for (std::string const& line : right)
                {
                    file << line << '\n';
                }
            }
            else
            {
                BOOST_TEST(page == right, boost::test_tools::per_element());
            }
        }
    }
    // What is marked in the sources of the pages is there to be shown.
    for (auto const& part : parts().all())
    {
        bool const is_for_pages = part.first.rfind("test/documents/", 0) == 0;
        BOOST_TEST(
            (!is_for_pages || shown.count(part.first) == 1),
            part.first << " is on no page");
    }
}

BOOST_AUTO_TEST_CASE(every_test_that_is_named_exists)
{
    // `folder/file: case`, as doc/saea.adoc explains.
    static std::regex const name(R"(`(\w+/\w+):\s+(\w+)`)");
    std::size_t count = 0;
    for (fs::path const& path : files_in(root / "doc", is_page))
    {
        std::string text;
        for (std::string const& line : read_lines(path))
        {
            text += line + '\n';
        }
        for (std::sregex_iterator i(text.begin(), text.end(), name), end;
             i != end;
             ++i)
        {
            if ((*i)[1] == "folder/file") // the notation itself
            {
                continue;
            }
            fs::path const program = root / "test" / ((*i)[1].str() + ".cpp");
            lines const source =
                fs::exists(program) ? read_lines(program) : lines();
            std::regex const word("\\b" + (*i)[2].str() + "\\b");
            BOOST_TEST(
                std::any_of(
                    source.begin(),
                    source.end(),
                    [&](std::string const& line) {
                        return std::regex_search(line, word);
                    }),
                path << ": there is no test " << (*i)[0]);
            ++count;
        }
    }
    BOOST_TEST(count > 100u);
}
