#ifndef OPSLOT_DEMO_SERVER_HPP
#define OPSLOT_DEMO_SERVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "measure.hpp"
#include "process.hpp"
#include "workload.hpp"

namespace demo {

/// Serves until the other end of `control` is closed; see `meter`.
void serve_with_asio(workload const& w, int control);
void serve_with_opslot(workload const& w, int control);

/// What the sessions of one server have in common.
struct environment
{
    explicit environment(workload const& w)
        : load(w)
    {}

    workload const& load;
    work_done work;
};

/// How long a peer may say nothing, where there is a deadline: longer than the
/// demo lasts.
constexpr std::chrono::minutes silence_limit{2};

/// A file of so many bytes of noise. It has no name and no place on a disk: it
/// is in memory, as a file that is asked for often.
class served_file
{
public:
    explicit served_file(std::size_t bytes)
        : fd_(::memfd_create("demo", MFD_CLOEXEC))
    {
        std::string const text = noise(bytes);
        if (fd_ < 0 || ::write(fd_, text.data(), text.size()) !=
                           static_cast<ssize_t>(text.size()))
        {
            throw_errno("memfd_create");
        }
    }

    served_file(served_file const&) = delete;
    served_file& operator=(served_file const&) = delete;

    ~served_file() { ::close(fd_); }

    int native_handle() const noexcept { return fd_; }

private:
    int fd_;
};

/// State of more bytes than Asio keeps blocks for, such as a handler has
/// that carries a request through its stages.
struct large_state
{
    std::size_t requests = 0;
    std::array<char, 1100> text{};

    void note(char first) noexcept { text[requests++ % text.size()] = first; }
};

} // namespace demo

#endif
