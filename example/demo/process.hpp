#ifndef OPSLOT_DEMO_PROCESS_HPP
#define OPSLOT_DEMO_PROCESS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>

#include <sys/types.h>

namespace demo {

/// Thrown after ctrl-C or a request to terminate.
struct interrupted
{
    int signal;
};

/// From here on these signals only end waits, with `interrupted`.
void catch_signals();

/// Two processors of this machine, or -1 where there is one only.
struct processors
{
    int server = -1;
    int load = -1;
};

processors find_processors() noexcept;

/// Throws what `errno` says about the system call of this name.
[[noreturn]] void throw_errno(char const* call);

/** A process that runs a function, and a packet socket to talk to it.

    It never outlives this object: the destructor kills it.
*/
class child_process
{
public:
    using clock = std::chrono::steady_clock;

    /** Forks. There must be no other thread.

        @param name What error messages call it.
        @param processor Where it runs; -1: anywhere.
        @param body Runs in the child, with the child's end of the socket.
        The process ends when it returns, and fails when it throws.
    */
    child_process(
        std::string name, int processor, std::function<void(int)> const& body);

    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;

    ~child_process();

    std::string const& name() const noexcept { return name_; }

    ::pid_t id() const noexcept { return pid_; }

    void send(char command);

    /// The same, with any packet.
    void send(void const* data, std::size_t size);

    /// Waits for a packet. Throws if the child ends before or does not
    /// answer in time.
    std::size_t receive(void* data, std::size_t size);

    /// The same, with an object as the packet.
    template<typename T>
    T receive()
    {
        T packet;
        if (receive(&packet, sizeof(packet)) != sizeof(packet))
        {
            fail("sent something strange");
        }
        return packet;
    }

    /// Sends the signal to the child.
    void signal(int number) noexcept;

    /// Closes the socket, waits, and throws if the child did not succeed.
    void finish();

    /// All that the child writes until it ends.
    std::string receive_all();

    /// Waits so long. Throws if one of the children ends. False: one has
    /// something to say.
    static bool
    watch(std::initializer_list<child_process*> children, clock::duration time);

private:
    [[noreturn]] void fail(std::string const& what);
    [[noreturn]] void fail_as_ended();
    bool wait_until(clock::time_point limit);
    void close() noexcept;

    std::string name_;
    ::pid_t pid_ = -1;
    int socket_ = -1;
    int status_ = 0;
};

} // namespace demo

#endif
