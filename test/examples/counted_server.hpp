#ifndef OPSLOT_TEST_EXAMPLES_COUNTED_SERVER_HPP
#define OPSLOT_TEST_EXAMPLES_COUNTED_SERVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The server of an example in this process, of which the allocations are
// counted while another process talks to it.

#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.hpp"
#include "descriptor.hpp"

namespace examples {

/// Two descriptors that are connected.
class pipe_pair
{
public:
    pipe_pair()
    {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        {
            fail("socketpair");
        }
        near = descriptor(ends[0]);
        far = descriptor(ends[1]);
    }

    descriptor near;
    descriptor far;
};

/// A process that makes the traffic of a test. It is forked, so it must be
/// made before the first thread of this one.
class traffic_process
{
public:
    /// @param run Is given the port and a function that waits for the next
    /// `step()`, in the other process.
    using body =
        std::function<void(unsigned short, std::function<void()> const&)>;

    explicit traffic_process(body const& run)
    {
        pid_ = ::fork();
        if (pid_ == -1)
        {
            fail("fork");
        }
        if (pid_ == 0)
        {
            ends_.near.close();
            ::_exit(work(ends_.far.get(), run));
        }
        ends_.far.close();
    }

    traffic_process(traffic_process const&) = delete;
    traffic_process& operator=(traffic_process const&) = delete;

    ~traffic_process()
    {
        if (pid_ != -1)
        {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    /// Lets it go on, and waits until it waits again. Allocates nothing.
    /// False if it has failed.
    bool step(unsigned short port)
    {
        char answer = 0;
        return ::send(ends_.near.get(), &port, sizeof(port), MSG_NOSIGNAL) ==
                   sizeof(port) &&
               is_ready(ends_.near.get(), POLLIN, 3 * patience) &&
               ::read(ends_.near.get(), &answer, 1) == 1 && answer == 'd';
    }

private:
    static int work(int fd, body const& run)
    {
        try
        {
            unsigned short port = 0;
            auto const wait = [&] {
                if (!is_ready(fd, POLLIN, 3 * patience) ||
                    ::read(fd, &port, sizeof(port)) != sizeof(port))
                {
                    throw std::runtime_error("the test has gone");
                }
            };
            wait();
            run(port, [&] {
                char const done = 'd';
                if (::write(fd, &done, 1) == 1)
                {
                    wait();
                }
            });
            char const done = 'd';
            return ::write(fd, &done, 1) == 1 ? 0 : 1;
        }
        catch (std::exception const& e)
        {
            std::string const text = std::string(e.what()) + '\n';
            (void)!::write(STDERR_FILENO, text.data(), text.size());
            return 1;
        }
    }

    pipe_pair ends_;
    pid_t pid_ = -1;
};

/// A server of an example in a thread of its own.
template<typename Server>
class server_thread
{
public:
    /// @param make Makes the server on its thread, from an `io_context` and
    /// an endpoint, as a `unique_ptr`.
    template<typename Make>
    explicit server_thread(Make make)
    {
        std::promise<unsigned short> port;
        auto known = port.get_future();
        thread_ = std::thread([this, &port, make] {
            bool is_up = false;
            try
            {
                boost::asio::ip::tcp::endpoint const any(
                    boost::asio::ip::address_v4::loopback(), 0);
                std::unique_ptr<Server> server = make(io_, any);
                unsigned short const number = server->local_endpoint().port();
                is_up = true;
                port.set_value(number);
                io_.run();
            }
            catch (...)
            {
                if (is_up)
                {
                    std::terminate();
                }
                port.set_exception(std::current_exception());
            }
        });
        try
        {
            port_ = known.get();
        }
        catch (...)
        {
            thread_.join();
            throw;
        }
    }

    ~server_thread()
    {
        io_.stop();
        thread_.join();
    }

    unsigned short port() const { return port_; }

private:
    boost::asio::io_context io_{1};
    std::thread thread_;
    unsigned short port_ = 0;
};

/// What a counted run has shown.
struct counted_run
{
    bool warmed_up = false;
    bool done = false;
    std::uint64_t allocations = 0;
};

/// Counts what a server allocates during the second step of `traffic`; the
/// first one warms it up.
template<typename Server, typename Make>
counted_run count_allocations(traffic_process::body const& traffic, Make make)
{
    traffic_process clients(traffic);
    server_thread<Server> server(make);
    counted_run result;
    result.warmed_up = clients.step(server.port());
    opslot::testing::allocation_counter const heap(
        opslot::testing::allocation_counter::scope::process);
    result.done = clients.step(server.port());
    result.allocations = heap.count();
    return result;
}

/// The traffic of echo servers: ping-pong, bursts on all connections at once,
/// and parts larger than any buffer.
inline void
echo_traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<client> clients;
    for (int i = 0; i != 16; ++i)
    {
        clients.emplace_back(port);
    }
    auto const round = [&](std::size_t size) {
        std::string const bytes = pattern(size);
        for (client& each : clients)
        {
            each.send(bytes);
        }
        for (client& each : clients)
        {
            if (each.receive(size) != bytes)
            {
                throw std::runtime_error("an echo is wrong");
            }
        }
    };
    auto const all = [&] {
        for (int i = 0; i != 200; ++i)
        {
            round(1);
            round(64);
            round(5000);
        }
        std::string const large = pattern(2'000'000);
        if (clients.front().exchange(large) != large)
        {
            throw std::runtime_error("a large echo is wrong");
        }
    };
    all();
    next_step();
    all();
    next_step(); // the end of a connection is not part of it
}

} // namespace examples

#endif
