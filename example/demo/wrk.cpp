// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "wrk.hpp"

#include <boost/algorithm/string/predicate.hpp>

#include <csignal>
#include <cstdlib>
#include <sstream>

#include <unistd.h>

#include "load.hpp"
#include "process.hpp"

namespace demo {

std::string find_wrk()
{
    char const* const variable = std::getenv("PATH");
    std::istringstream path(variable ? variable : "");
    for (std::string directory; std::getline(path, directory, ':');)
    {
        std::string file = directory + "/wrk";
        if (::access(file.c_str(), X_OK) == 0)
        {
            return file;
        }
    }
    return {};
}

void put_load_with_wrk(
    std::string const& path,
    workload const& w,
    unsigned short port,
    int control)
{
    check_server(w, port);
    load_report const connected;
    if (::write(control, &connected, sizeof(connected)) < 0 ||
        ::dup2(control, STDOUT_FILENO) < 0)
    {
        throw_errno("write");
    }
    std::string const connections = "-c" + std::to_string(w.peers);
    std::string const url = "http://127.0.0.1:" + std::to_string(port) + "/";
    std::signal(SIGINT, SIG_DFL);
    ::execl(
        path.c_str(),
        "wrk",
        "-t1",
        connections.c_str(),
        "-d60s",
        url.c_str(),
        static_cast<char*>(nullptr));
    throw_errno("execl");
}

std::string wrk_problem(std::string const& output)
{
    std::istringstream lines(output);
    bool has_result = false;
    for (std::string line; std::getline(lines, line);)
    {
        has_result = has_result || boost::contains(line, "Requests/sec");
        if (boost::contains(line, "Non-2xx") ||
            (boost::contains(line, "Socket errors") &&
             !boost::contains(line, "connect 0, read 0, write 0, timeout 0")))
        {
            return line;
        }
    }
    return has_result ? "" : "it has no result";
}

} // namespace demo
