// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The load of `wrk`, which looks at the status of answers only: their bytes
// are compared here, before.

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http_text.hpp"
#include "support.hpp"

namespace bench {
namespace {

/// Runs `wrk` for some time, and returns what it says.
std::string
run_wrk(std::vector<std::string> words, std::chrono::nanoseconds time)
{
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe2");
    descriptor const reading(ends[0]);
    descriptor writing(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
    // Ctrl-C is ignored here; `wrk` is to end by it.
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::sigset_t interrupt;
    ::sigemptyset(&interrupt);
    ::sigaddset(&interrupt, SIGINT);
    ::posix_spawnattr_setsigdefault(&attributes, &interrupt);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> pointers;
    for (std::string& word : words)
    {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    ::pid_t child = 0;
    int const error = ::posix_spawnp(
        &child, "wrk", &actions, &attributes, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0)
    {
        throw std::runtime_error("wrk is not installed");
    }
    writing = descriptor(-1);
    std::this_thread::sleep_for(time);
    ::kill(child, SIGINT);
    std::string text;
    std::array<char, 4096> part;
    for (ssize_t n = 1; n > 0;)
    {
        n = ::read(reading.get(), part.data(), part.size());
        text.append(
            part.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return text;
}

/// Microseconds of what `wrk` writes, such as 512.00us, 1.03ms and 2.00s.
double microseconds(std::string const& text)
{
    std::istringstream in(text);
    double number = -1;
    std::string unit;
    in >> number >> unit;
    return unit == "us" ? number : unit == "ms" ? number * 1e3 : number * 1e6;
}

outcome parse(std::string const& text)
{
    outcome result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
    {
        std::istringstream words(line);
        std::string first;
        std::string second;
        words >> first >> second;
        if (first == "50%" || first == "99%")
        {
            result.latency_us[first == "99%"] = microseconds(second);
        }
        else if (second == "requests")
        {
            std::string in;
            std::string seconds;
            words >> in >> seconds;
            result.messages = std::stoull(first);
            result.time = std::chrono::nanoseconds(static_cast<std::int64_t>(
                microseconds(seconds.substr(0, seconds.size() - 1)) * 1e3));
        }
        else if (
            first == "Non-2xx" ||
            (first == "Socket" &&
             line.find("connect 0, read 0, write 0, timeout 0") == line.npos))
        {
            throw std::runtime_error("wrk says: " + line);
        }
    }
    if (result.messages == 0)
    {
        throw std::runtime_error("wrk has no result");
    }
    return result;
}

class wrk_load : public load
{
public:
    wrk_load(cell const& c, std::uint16_t port)
        : words_{
              "wrk",
              "-t1",
              "-c" + std::to_string(c.connections),
              "-d60s",
              "--latency",
              "http://127.0.0.1:" + std::to_string(port) + "/"}
    {
        constexpr int enough = 20;
        auto const socket = connect_to(port, SOCK_STREAM);
        auto const request = demo::http_request;
        for (int i = 0; i != enough; ++i)
        {
            std::string answer(demo::http_response.size(), '\0');
            check(
                ::send(
                    socket.get(), request.data(), request.size(), MSG_NOSIGNAL),
                "send");
            check(
                ::recv(socket.get(), answer.data(), answer.size(), MSG_WAITALL),
                "recv");
            compare(answer, demo::http_response);
        }
    }

    outcome run(order const& o) override
    {
        // It looks for the end ten times a second.
        constexpr std::chrono::nanoseconds least =
            std::chrono::milliseconds(150);
        return parse(run_wrk(words_, std::max(o.time, least)));
    }

private:
    std::vector<std::string> words_;
};

} // namespace

std::unique_ptr<load> make_wrk_load(cell const& c, std::uint16_t port)
{
    return std::make_unique<wrk_load>(c, port);
}

} // namespace bench
