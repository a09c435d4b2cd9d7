// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace demo {
namespace {

using clock = child_process::clock;

/// How long a child may take to answer or to end.
constexpr std::chrono::seconds patience{10};

/// What ends a child whatever happens, in seconds.
constexpr unsigned longest_life = 120;

volatile std::sig_atomic_t caught_signal = 0;

void on_signal(int number)
{
    caught_signal = number;
}

void check_signals()
{
    if (caught_signal != 0)
    {
        throw interrupted{caught_signal};
    }
}

/// Waits for one of them. Signals are looked for every now and then, so that
/// none is missed.
bool poll_until(std::vector<pollfd>& entries, clock::time_point limit)
{
    constexpr std::chrono::milliseconds step{50};
    for (;;)
    {
        check_signals();
        auto const left =
            std::chrono::ceil<std::chrono::milliseconds>(limit - clock::now());
        if (left.count() <= 0)
        {
            return false;
        }
        int const n = ::poll(
            entries.data(),
            entries.size(),
            static_cast<int>(std::min(left, step).count()));
        if (n < 0 && errno != EINTR)
        {
            throw_errno("poll");
        }
        if (n > 0)
        {
            return true;
        }
    }
}

/// Closes what the parent has open, the ends of other sockets among them.
void close_all_but(int kept)
{
    std::vector<int> open;
    if (DIR* const directory = ::opendir("/proc/self/fd"))
    {
        while (dirent const* const entry = ::readdir(directory))
        {
            open.push_back(std::atoi(entry->d_name));
        }
        ::closedir(directory);
    }
    for (int const fd : open)
    {
        if (fd > STDERR_FILENO && fd != kept)
        {
            ::close(fd);
        }
    }
}

void run_on(int processor) noexcept
{
    if (processor >= 0)
    {
        ::cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<std::size_t>(processor), &set);
        ::sched_setaffinity(0, sizeof(set), &set);
    }
}

/// In the child. Does not return.
[[noreturn]] void run_child(
    std::string const& name,
    ::pid_t parent,
    int processor,
    std::function<void(int)> const& body,
    int socket)
{
    // The terminal sends ctrl-C to all; the parent decides what happens.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(longest_life);
    if (::getppid() != parent)
    {
        ::_exit(1);
    }
    close_all_but(socket);
    run_on(processor);
    int result = 0;
    try
    {
        body(socket);
    }
    catch (std::exception const& e)
    {
        std::cerr << program_invocation_short_name << ": " << name << ": "
                  << e.what() << std::endl;
        result = 1;
    }
    ::_exit(result);
}

} // namespace

void catch_signals()
{
    struct sigaction action = {};
    action.sa_handler = &on_signal;
    for (int const number : {SIGINT, SIGTERM, SIGHUP})
    {
        ::sigaction(number, &action, nullptr);
    }
    std::signal(SIGPIPE, SIG_IGN);
}

processors find_processors() noexcept
{
    ::cpu_set_t set;
    processors found;
    if (::sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 2)
    {
        return found;
    }
    for (int i = 0; i != CPU_SETSIZE && found.load < 0; ++i)
    {
        if (CPU_ISSET(static_cast<std::size_t>(i), &set))
        {
            (found.server < 0 ? found.server : found.load) = i;
        }
    }
    return found;
}

void throw_errno(char const* call)
{
    throw std::system_error(errno, std::generic_category(), call);
}

child_process::child_process(
    std::string name, int processor, std::function<void(int)> const& body)
    : name_(std::move(name))
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
    {
        throw_errno("socketpair");
    }
    std::cout.flush();
    std::fflush(nullptr);
    ::pid_t const parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0)
    {
        ::close(ends[0]);
        ::close(ends[1]);
        throw_errno("fork");
    }
    if (pid_ == 0)
    {
        run_child(name_, parent, processor, body, ends[1]);
    }
    ::close(ends[1]);
    socket_ = ends[0];
}

child_process::~child_process()
{
    close();
    if (pid_ > 0)
    {
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR)
        {}
    }
}

void child_process::close() noexcept
{
    if (socket_ >= 0)
    {
        ::close(std::exchange(socket_, -1));
    }
}

void child_process::fail(std::string const& what)
{
    throw std::runtime_error(name_ + " " + what);
}

/// The socket was closed at its other end.
void child_process::fail_as_ended()
{
    finish();
    fail("ended too early");
}

void child_process::send(char command)
{
    send(&command, 1);
}

void child_process::send(void const* data, std::size_t size)
{
    if (::send(socket_, data, size, MSG_NOSIGNAL) < 0)
    {
        if (errno == EPIPE || errno == ECONNRESET)
        {
            fail_as_ended();
        }
        throw_errno("send");
    }
}

std::size_t child_process::receive(void* data, std::size_t size)
{
    std::vector<pollfd> entries{{socket_, POLLIN, 0}};
    if (!poll_until(entries, clock::now() + patience))
    {
        fail("does not answer");
    }
    ssize_t const n = ::recv(socket_, data, size, 0);
    if (n < 0 && errno != ECONNRESET)
    {
        throw_errno("recv");
    }
    if (n <= 0)
    {
        fail_as_ended();
    }
    return static_cast<std::size_t>(n);
}

void child_process::signal(int number) noexcept
{
    if (pid_ > 0)
    {
        ::kill(pid_, number);
    }
}

std::string child_process::receive_all()
{
    std::string all;
    std::array<char, 4096> part;
    auto const limit = clock::now() + patience;
    std::vector<pollfd> entries{{socket_, POLLIN, 0}};
    while (poll_until(entries, limit))
    {
        ssize_t const n = ::recv(socket_, part.data(), part.size(), 0);
        if (n <= 0)
        {
            return all;
        }
        all.append(part.data(), static_cast<std::size_t>(n));
    }
    fail("does not end");
}

/// Whether the child has ended by then.
bool child_process::wait_until(clock::time_point limit)
{
    constexpr std::chrono::milliseconds step{2};
    for (;;)
    {
        ::pid_t const ended = ::waitpid(pid_, &status_, WNOHANG);
        if (ended == pid_)
        {
            pid_ = -1;
            return true;
        }
        if (ended < 0 && errno != EINTR)
        {
            throw_errno("waitpid");
        }
        if (clock::now() >= limit)
        {
            return false;
        }
        check_signals();
        ::poll(nullptr, 0, static_cast<int>(step.count()));
    }
}

void child_process::finish()
{
    close();
    if (!wait_until(clock::now() + patience))
    {
        fail("does not end");
    }
    if (WIFSIGNALED(status_))
    {
        int const number = WTERMSIG(status_);
        fail(
            "was ended by signal " + std::to_string(number) + " (" +
            ::strsignal(number) + ")");
    }
    if (int const result = WEXITSTATUS(status_))
    {
        fail("failed with exit status " + std::to_string(result));
    }
}

bool child_process::watch(
    std::initializer_list<child_process*> children, clock::duration time)
{
    std::vector<pollfd> entries;
    for (child_process const* const child : children)
    {
        entries.push_back({child->socket_, POLLIN, 0});
    }
    if (!poll_until(entries, clock::now() + time))
    {
        return true;
    }
    for (child_process* const child : children)
    {
        char first;
        ssize_t const n =
            ::recv(child->socket_, &first, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
        {
            child->fail_as_ended();
        }
    }
    return false;
}

} // namespace demo
