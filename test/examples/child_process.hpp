#ifndef OPSLOT_TEST_EXAMPLES_CHILD_PROCESS_HPP
#define OPSLOT_TEST_EXAMPLES_CHILD_PROCESS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Programs that run as children, and the examples among them.

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptor.hpp"

extern char** environ;

namespace examples {

/// Another program, of which we read the output.
class child_process
{
public:
    /// Looks for the program where the shell would.
    explicit child_process(std::vector<std::string> command)
    {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
        {
            fail("pipe2");
        }
        output_ = descriptor(ends[0]);
        descriptor const writer(ends[1]);

        std::vector<char*> arguments;
        for (std::string& each : command)
        {
            arguments.push_back(each.data());
        }
        arguments.push_back(nullptr);

        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
        start_error_ = ::posix_spawnp(
            &pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (start_error_ != 0)
        {
            pid_ = -1;
        }
    }

    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;

    ~child_process()
    {
        if (pid_ != -1)
        {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    /// False if there is no such program.
    bool is_started() const { return start_error_ == 0; }

    pid_t id() const { return pid_; }

    void signal(int number) const { ::kill(pid_, number); }

    /// The next line of the output; what there is at its end.
    std::string read_line()
    {
        for (;;)
        {
            auto const end = read_.find('\n');
            if (end != read_.npos)
            {
                std::string line = read_.substr(0, end);
                read_.erase(0, end + 1);
                return line;
            }
            std::string const more = read_some(output_.get());
            if (more.empty())
            {
                return std::exchange(read_, {});
            }
            read_ += more;
        }
    }

    /// The rest of the output.
    std::string read_all()
    {
        auto const deadline = steady_clock::now() + patience;
        for (;;)
        {
            std::string const more = read_some(output_.get());
            read_ += more;
            if (more.empty())
            {
                return std::exchange(read_, {});
            }
            if (steady_clock::now() > deadline)
            {
                throw std::runtime_error("the child does not end");
            }
        }
    }

    /// Its exit status once its output has ended; -1 for a signal.
    int wait()
    {
        read_all();
        int status = 0;
        if (::waitpid(std::exchange(pid_, -1), &status, 0) == -1)
        {
            fail("waitpid");
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t pid_ = -1;
    int start_error_ = 0;
    descriptor output_;
    std::string read_;
};

/// An example that listens.
class example_process : public child_process
{
public:
    explicit example_process(
        std::string const& name, std::vector<std::string> more = {})
        : child_process(command(name, std::move(more)))
    {
        std::string const line = read_line();
        std::string_view const start = "listening on 127.0.0.1:";
        if (line.compare(0, start.size(), start) != 0)
        {
            throw std::runtime_error(name + " said: " + line);
        }
        port_ =
            static_cast<unsigned short>(std::stoul(line.substr(start.size())));
    }

    unsigned short port() const { return port_; }

    /// Its exit status after SIGTERM.
    int terminate()
    {
        signal(SIGTERM);
        return wait();
    }

private:
    static std::vector<std::string>
    command(std::string const& name, std::vector<std::string> more)
    {
        std::vector<std::string> all{
            std::string(OPSLOT_EXAMPLE_DIR "/") + name, "--port", "0"};
        // Each test is run again with more than one thread.
        char const* const threads = std::getenv("OPSLOT_EXAMPLE_THREADS");
        bool const has_them =
            std::find(more.begin(), more.end(), "--threads") != more.end();
        if (threads && !has_them)
        {
            all.insert(all.end(), {"--threads", threads});
        }
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    unsigned short port_ = 0;
};

} // namespace examples

#endif
