// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// How many user instructions a message costs, against plain Asio in the same
// place. Counted and not timed, so it does not depend on how busy the machine
// is. bench/instructions.sh prints the figures.

#define BOOST_TEST_MODULE bench_instructions
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

struct pipe_closer
{
    void operator()(std::FILE* file) const { ::pclose(file); }
};

/// What a command prints.
std::string output_of(std::string const& command)
{
    std::unique_ptr<std::FILE, pipe_closer> const pipe(
        ::popen(command.c_str(), "r"));
    if (!pipe)
    {
        throw std::runtime_error("popen: " + command);
    }
    std::string text;
    char line[1024];
    while (std::fgets(line, sizeof(line), pipe.get()))
    {
        text += line;
    }
    return text;
}

/// All instructions of a server that echoes so many messages of each of its
/// 64 peers, whose instructions are not counted.
double instructions(std::string const& server, int messages)
{
    std::string const text = output_of(
        "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
        "--trace-children=no " OPSLOT_BENCH_ECHO " --peers 64 --server " +
        server + " --messages " + std::to_string(messages) + " 2>&1");
    std::string_view const label = "Collected : ";
    auto const found = text.find(label);
    if (found == text.npos)
    {
        throw std::runtime_error("no instructions in: " + text);
    }
    return std::atof(text.c_str() + found + label.size());
}

/// Those of one message, without start and end.
double per_message(std::string const& server)
{
    return (instructions(server, 150) - instructions(server, 50)) / (64 * 100);
}

/// The cases are skipped without valgrind.
boost::test_tools::assertion_result
there_is_valgrind(boost::unit_test::test_unit_id)
{
    return std::system("valgrind --version >/dev/null 2>&1") == 0;
}

} // namespace

BOOST_AUTO_TEST_CASE(
    an_echo_takes_a_part_of_asios_instructions,
    *boost::unit_test::precondition(there_is_valgrind))
{
    double const asio = per_message("asio");
    BOOST_TEST(asio > 500);
    BOOST_TEST_MESSAGE("asio: " << asio);

    // Measured: 0.33, 0.20 and 0.73.
    struct
    {
        char const* server;
        double at_most;
    } const limits[] = {
        {"opslot", 0.38}, {"opslot_single", 0.24}, {"opslot_token", 0.82}};

    for (auto const& each : limits)
    {
        double const ratio = per_message(each.server) / asio;
        BOOST_TEST_MESSAGE(each.server << ": " << ratio << " of that");
        BOOST_TEST(ratio < each.at_most);
    }
}
