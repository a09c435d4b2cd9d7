#ifndef OPSLOT_TEST_EXAMPLES_SUPPORT_HPP
#define OPSLOT_TEST_EXAMPLES_SUPPORT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What the tests of the examples share: programs that run as children,
// clients that know nothing of Asio, and a server that is counted. No wait is
// longer than `patience`.

#include <opslot/testing/allocation_counter.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace examples {

using namespace std::chrono_literals;
using steady_clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{20};

[[noreturn]] inline void fail(char const* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

/// A descriptor, closed at the end.
class descriptor
{
public:
    explicit descriptor(int fd = -1)
        : fd_(fd)
    {}

    descriptor(descriptor&& other) noexcept
        : fd_(std::exchange(other.fd_, -1))
    {}

    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        other.close();
        return *this;
    }

    ~descriptor() { close(); }

    int get() const { return fd_; }

    void close()
    {
        if (fd_ != -1)
        {
            ::close(std::exchange(fd_, -1));
        }
    }

private:
    int fd_;
};

/// Waits until a descriptor is ready; false if it is not in time.
inline bool
is_ready(int fd, short events, std::chrono::milliseconds time = patience)
{
    auto const deadline = steady_clock::now() + time;
    for (;;)
    {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - steady_clock::now());
        pollfd p{fd, events, 0};
        int const n = ::poll(
            &p, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (n >= 0)
        {
            return n == 1;
        }
        if (errno != EINTR)
        {
            fail("poll");
        }
    }
}

/// Reads some bytes; none at the end of the stream.
inline std::string read_some(int fd, std::size_t limit = 65536)
{
    if (!is_ready(fd, POLLIN))
    {
        throw std::runtime_error("nothing came in time");
    }
    std::string bytes(limit, '\0');
    ssize_t const n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0)
    {
        fail("read");
    }
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
}

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
            std::string(OPSLOT_EXAMPLE_DIR "/") + name, "0"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    unsigned short port_ = 0;
};

/// A client on a plain socket.
class client
{
public:
    /// @param receive_buffer The size of its receive buffer in the system; 0
    /// for the default.
    explicit client(unsigned short port, int receive_buffer = 0)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        if (receive_buffer != 0)
        {
            set(SOL_SOCKET, SO_RCVBUF, receive_buffer);
        }
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(
                socket_.get(),
                reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) != 0)
        {
            fail("connect");
        }
    }

    /// Sends what the system takes at once; returns how much.
    std::size_t send_some(std::string_view bytes)
    {
        ssize_t const n = ::send(
            socket_.get(),
            bytes.data(),
            bytes.size(),
            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
        {
            fail("send");
        }
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }

    void send(std::string_view bytes)
    {
        while (!bytes.empty())
        {
            if (!is_ready(socket_.get(), POLLOUT))
            {
                throw std::runtime_error("the server does not read");
            }
            bytes.remove_prefix(send_some(bytes));
        }
    }

    /// Receives some bytes; none at the end of the stream.
    std::string receive_some() { return read_some(socket_.get()); }

    /// Receives `n` bytes, fewer at the end of the stream.
    std::string receive(std::size_t n)
    {
        std::string bytes;
        while (bytes.size() < n)
        {
            std::string const more = read_some(
                socket_.get(), std::min<std::size_t>(n - bytes.size(), 65536));
            if (more.empty())
            {
                break;
            }
            bytes += more;
        }
        return bytes;
    }

    /// Receives until the end of the stream.
    std::string receive_all()
    {
        return receive(static_cast<std::size_t>(-1) / 2);
    }

    /// Sends and receives at the same time, as much as is sent.
    std::string exchange(std::string_view bytes)
    {
        std::string received;
        std::size_t const size = bytes.size();
        while (received.size() < size)
        {
            short const out = bytes.empty() ? short(0) : short(POLLOUT);
            if (!is_ready(socket_.get(), static_cast<short>(POLLIN | out)))
            {
                throw std::runtime_error("the server has stopped");
            }
            bytes.remove_prefix(bytes.empty() ? 0 : send_some(bytes));
            if (is_ready(socket_.get(), POLLIN, 0ms))
            {
                std::string const more = receive_some();
                if (more.empty())
                {
                    break;
                }
                received += more;
            }
        }
        return received;
    }

    /// True if something came, or the end of the stream, before `time`.
    bool has_input(std::chrono::milliseconds time) const
    {
        return is_ready(socket_.get(), POLLIN, time);
    }

    void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }

    /// Closes the connection by a reset.
    void reset()
    {
        linger const hard{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        socket_.close();
    }

    void close() { socket_.close(); }

private:
    void set(int level, int name, int value)
    {
        if (::setsockopt(socket_.get(), level, name, &value, sizeof(value)) !=
            0)
        {
            fail("setsockopt");
        }
    }

    descriptor socket_;
};

/// Bytes in which a displaced part shows.
inline std::string pattern(std::size_t size, unsigned seed = 1)
{
    std::string bytes(size, '\0');
    for (char& each : bytes)
    {
        seed = seed * 1664525u + 1013904223u;
        each = static_cast<char>(seed >> 24);
    }
    return bytes;
}

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
