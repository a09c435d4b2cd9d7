// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// That doc/saea.adoc is complete, and names tests that exist.

#define BOOST_TEST_MODULE documents_saea
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

fs::path const source = OPSLOT_SOURCE_DIR;

// What must have a row, by the heading of its table.
std::map<std::string, std::vector<std::string>> const required{
    {"Members of SocketAsyncEventArgs",
     {"SocketAsyncEventArgs()",
      "SocketAsyncEventArgs(Boolean)",
      "AcceptSocket",
      "ConnectSocket",
      "Buffer",
      "MemoryBuffer",
      "Offset",
      "Count",
      "SetBuffer(Byte[], Int32, Int32)",
      "SetBuffer(Memory<Byte>)",
      "SetBuffer(Int32, Int32)",
      "BufferList",
      "BytesTransferred",
      "Completed",
      "OnCompleted(SocketAsyncEventArgs)",
      "DisconnectReuseSocket",
      "LastOperation",
      "ReceiveMessageFromPacketInfo",
      "RemoteEndPoint",
      "SendPacketsElements",
      "SendPacketsFlags",
      "SendPacketsSendSize",
      "SocketError",
      "ConnectByNameError",
      "SocketFlags",
      "UserToken",
      "Dispose()",
      "~SocketAsyncEventArgs()"}},
    {"Operations of Socket",
     {"AcceptAsync",
      "ConnectAsync(SocketAsyncEventArgs)",
      "ConnectAsync(SocketType, ProtocolType, SocketAsyncEventArgs)",
      "ConnectAsync(SocketType, ProtocolType, SocketAsyncEventArgs, "
      "ConnectAlgorithm)",
      "CancelConnectAsync",
      "DisconnectAsync",
      "ReceiveAsync",
      "ReceiveFromAsync",
      "ReceiveMessageFromAsync",
      "SendAsync",
      "SendToAsync",
      "SendPacketsAsync"}},
    {"Members of SendPacketsElement",
     {"SendPacketsElement(String, ...)",
      "SendPacketsElement(FileStream, ...)",
      "SendPacketsElement(Byte[], ...)",
      "SendPacketsElement(ReadOnlyMemory<Byte>, ...)",
      "FilePath",
      "FileStream",
      "SendPacketsElement.Buffer",
      "SendPacketsElement.MemoryBuffer",
      "SendPacketsElement.Count",
      "SendPacketsElement.Offset",
      "OffsetLong",
      "EndOfPacket"}},
    {"Rules of all operations",
     {"true: one call, false: none",
      "order of completion",
      "thread of the callback",
      "order of data",
      "many outstanding operations",
      "closing with pending operations",
      "cancellation",
      "blocking mode",
      "exceptions of a callback",
      "bad input"}},
    {"Behavioural cases",
     {"1",  "2",   "3",   "4",   "5",   "6",   "7",   "8",   "9",  "11", "12",
      "14", "15",  "17",  "18",  "19",  "20",  "21",  "22",  "23", "24", "25",
      "26", "27",  "28",  "30",  "31",  "32",  "33",  "34",  "36", "37", "38",
      "39", "40",  "41",  "42",  "43",  "44",  "45",  "46",  "48", "49", "51",
      "53", "56",  "57",  "59",  "61",  "62",  "63",  "64",  "66", "68", "69",
      "70", "71",  "72",  "73",  "74",  "75",  "76",  "78",  "80", "81", "82",
      "84", "85",  "86",  "88",  "89",  "90",  "91",  "92",  "93", "94", "96",
      "98", "100", "101", "102", "103", "104", "105", "107", "108"}}};

std::string const cases_table = "Behavioural cases";

std::string read(fs::path const& file)
{
    std::ifstream in(file);
    BOOST_REQUIRE_MESSAGE(in, file.string() << " cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}

// The document

struct row
{
    std::string table;
    std::string name;
    std::string ours;
    std::string difference;
    std::string test;
};

// Without line breaks, and without the marks of code around all of it.
std::string plain(std::string text)
{
    text = std::regex_replace(text, std::regex("\\s+"), " ");
    text = std::regex_replace(text, std::regex("^ | $"), "");
    return std::regex_replace(text, std::regex("^`([^`]*)`$"), "$1");
}

std::vector<row> rows_of(std::string const& document)
{
    std::vector<row> rows;
    std::string heading, table;
    bool in_table = false;
    std::size_t begin = 0;
    while (begin < document.size())
    {
        std::size_t const end = document.find('\n', begin);
        std::string const line = document.substr(begin, end - begin);
        begin = end == std::string::npos ? document.size() : end + 1;
        if (line == "|===")
        {
            in_table = !in_table;
            if (in_table)
            {
                table.clear();
                continue;
            }
            std::vector<std::string> cells;
            std::size_t at = table.find('|');
            while (at != std::string::npos)
            {
                std::size_t const next = table.find('|', at + 1);
                cells.push_back(plain(table.substr(at + 1, next - at - 1)));
                at = next;
            }
            BOOST_REQUIRE_MESSAGE(
                cells.size() % 4 == 0,
                "a row of \"" << heading
                              << "\" has "
                                 "not four cells");
            // The first row is the head of the table.
            for (std::size_t i = 4; i < cells.size(); i += 4)
            {
                rows.push_back(
                    {heading,
                     cells[i],
                     cells[i + 1],
                     cells[i + 2],
                     cells[i + 3]});
            }
        }
        else if (in_table)
        {
            table += line + '\n';
        }
        else if (line.compare(0, 3, "== ") == 0)
        {
            heading = line.substr(3);
        }
    }
    return rows;
}

// The tests

struct tests
{
    // As `folder/file: case`.
    std::set<std::string> names;
    // Which of the model's cases they say they are.
    std::set<std::pair<std::string, std::string>> cases;

    void add(std::string const& program, std::string const& text)
    {
        static std::regex const test_case(
            "((?:// Model cases? [^\n]*\n)?)"
            "BOOST_(?:AUTO|DATA|FIXTURE)_TEST_CASE\\(\\s*(\\w+)");
        static std::regex const number("[0-9]+");
        std::sregex_iterator const last;
        for (std::sregex_iterator i(text.begin(), text.end(), test_case);
             i != last;
             ++i)
        {
            std::string const name = program + ": " + i->str(2);
            names.insert(name);
            std::string const marker = i->str(1);
            for (std::sregex_iterator n(marker.begin(), marker.end(), number);
                 n != last;
                 ++n)
            {
                cases.insert({n->str(), name});
            }
        }
    }
};

tests tests_of(fs::path const& folder)
{
    tests result;
    for (auto const& entry : fs::recursive_directory_iterator(folder))
    {
        fs::path const file = entry.path();
        if (file.extension() == ".cpp")
        {
            result.add(
                (file.parent_path().filename() / file.stem()).generic_string(),
                read(file));
        }
    }
    return result;
}

// The check

// The tests that a cell names; none if it says something else.
std::vector<std::string> tests_in(std::string const& cell)
{
    static std::regex const list("`[^`]*`(?:, `[^`]*`)*");
    static std::regex const one("[^`,]+: \\w+");
    std::vector<std::string> result;
    std::string const quoted =
        cell.find('`') == std::string::npos ? '`' + cell + '`' : cell;
    if (std::regex_match(quoted, list))
    {
        std::sregex_iterator const last;
        for (std::sregex_iterator i(quoted.begin(), quoted.end(), one);
             i != last;
             ++i)
        {
            result.push_back(
                std::regex_replace(i->str(), std::regex("^ "), ""));
        }
    }
    return result;
}

// Whether the tests of a program run on every engine.
bool is_on_every_engine(std::string const& test)
{
    return test.compare(0, 9, "contract/") == 0 ||
           test.compare(0, 5, "saea/") == 0;
}

bool is_excused(row const& r)
{
    if (r.table == cases_table)
    {
        return r.test == "does not apply" && !r.difference.empty();
    }
    return r.test == "nothing to test" && r.ours == "none" &&
           !r.difference.empty();
}

void check_row(
    row const& r, tests const& existing, std::vector<std::string>& defects)
{
    std::string const what = r.table + ", " + r.name + ": ";
    auto const named = tests_in(r.test);
    if (named.empty() && !is_excused(r))
    {
        defects.push_back(what + "no test");
    }
    bool everywhere = named.empty();
    for (std::string const& test : named)
    {
        everywhere = everywhere || is_on_every_engine(test);
        if (existing.names.count(test) == 0)
        {
            defects.push_back(what + "there is no test " + test);
        }
        else if (
            r.table == cases_table && existing.cases.count({r.name, test}) == 0)
        {
            defects.push_back(what + "not said to be that of " + test);
        }
    }
    if (!everywhere)
    {
        defects.push_back(what + "on one engine only");
    }
}

std::vector<std::string>
defects_of(std::string const& document, tests const& existing)
{
    std::vector<std::string> defects;
    std::vector<row> const rows = rows_of(document);
    std::set<std::pair<std::string, std::string>> seen, cases;
    for (row const& r : rows)
    {
        if (!seen.insert({r.table, r.name}).second)
        {
            defects.push_back(r.table + ", " + r.name + ": a second row");
        }
        check_row(r, existing, defects);
        for (std::string const& test : tests_in(r.test))
        {
            if (r.table == cases_table)
            {
                cases.insert({r.name, test});
            }
        }
    }
    for (auto const& [table, names] : required)
    {
        for (std::string const& name : names)
        {
            if (seen.erase({table, name}) == 0)
            {
                defects.push_back(table + ", " + name + ": no row");
            }
        }
    }
    for (auto const& [table, name] : seen)
    {
        defects.push_back(table + ", " + name + ": of no use");
    }
    for (auto const& each : existing.cases)
    {
        if (cases.count(each) == 0)
        {
            defects.push_back(
                each.second + " says it is case " + each.first +
                ", which does not name it");
        }
    }
    return defects;
}

struct the_document
{
    std::string text = read(source / "doc/saea.adoc");
    tests existing = tests_of(source / "test");

    // Changes the first place that has this text.
    void replace(std::string const& what, std::string const& by)
    {
        std::size_t const at = text.find(what);
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, what << " not found");
        text.replace(at, what.size(), by);
    }

    // Expects these defects and no others.
    void expect(std::vector<std::string> const& expected)
    {
        auto const found = defects_of(text, existing);
        BOOST_TEST(found == expected, boost::test_tools::per_element());
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(
    the_document_is_complete_and_names_tests_that_exist, the_document)
{
    for (std::string const& defect : defects_of(text, existing))
    {
        BOOST_ERROR(defect);
    }
}

// That the check finds what it is for

BOOST_FIXTURE_TEST_CASE(a_test_that_does_not_exist_is_found, the_document)
{
    replace(
        "`contract/stream_sends: a_list_is_a_snapshot`",
        "`contract/stream_sends: a_list_is_a_photograph`");
    replace(
        "`contract/ownership: a_pending_operation_holds_a_counted_context`",
        "`contract/streams: a_pending_operation_holds_a_counted_context`");
    expect(
        {"Members of SocketAsyncEventArgs, BufferList: there is no test "
         "contract/stream_sends: a_list_is_a_photograph",
         "Members of SocketAsyncEventArgs, ~SocketAsyncEventArgs(): there is "
         "no test contract/streams: "
         "a_pending_operation_holds_a_counted_context"});
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_missing_is_found, the_document)
{
    replace("| `UserToken`", "| `UserTicket`");
    replace("| 108 |", "| 109 |");
    expect(
        {"Behavioural cases, 108: no row",
         "Members of SocketAsyncEventArgs, UserToken: no row",
         "Behavioural cases, 109: of no use",
         "Members of SocketAsyncEventArgs, UserTicket: of no use"});
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_there_twice_is_found, the_document)
{
    replace("| `EndOfPacket`", "| `FilePath`");
    expect(
        {"Members of SendPacketsElement, FilePath: a second row",
         "Members of SendPacketsElement, EndOfPacket: no row"});
}

BOOST_FIXTURE_TEST_CASE(a_row_without_a_test_is_found, the_document)
{
    replace("`saea/args: what_is_set_is_read_back_after_operations`", "");
    expect({"Members of SocketAsyncEventArgs, UserToken: no test"});
    replace(
        "`saea/connect: a_connect_makes_the_socket_a_connected_one`",
        "nothing to test");
    expect(
        {"Members of SocketAsyncEventArgs, ConnectSocket: no test",
         "Members of SocketAsyncEventArgs, UserToken: no test"});
}

BOOST_FIXTURE_TEST_CASE(
    a_test_that_does_not_know_its_case_is_found, the_document)
{
    // Not that of the first table, but of the last one.
    text = std::regex_replace(
        text,
        std::regex("(\\| 14 [^`]*)`[^`]*`"),
        "$1`saea/args: disposing_more_than_once_does_no_harm`");
    std::string const list =
        "saea/args: a_list_gives_way_to_itself_to_another_and_to_none";
    expect(
        {"Behavioural cases, 14: not said to be that of saea/args: "
         "disposing_more_than_once_does_no_harm",
         list + " says it is case 14, which does not name it"});
}

BOOST_FIXTURE_TEST_CASE(a_test_for_one_engine_only_is_found, the_document)
{
    replace(
        "`contract/ownership: destroying_a_pending_context_withdraws_its_"
        "receive`,\n`contract/ownership: "
        "a_pending_operation_holds_a_counted_context`",
        "`operations/context_ptr: "
        "a_pending_operation_has_a_reference_of_its_own`");
    expect({"Members of SocketAsyncEventArgs, ~SocketAsyncEventArgs(): on one "
            "engine only"});
}
