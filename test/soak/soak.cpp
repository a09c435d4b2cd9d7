// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// soak [connections] [seconds]
//
// An echo server of contexts, and another process with as many connections to
// it at all times, which talk, idle, end their direction, leave or reset, as
// chance has it. Every other while more of them join that send a byte at a
// time, or never read. At the end: each byte came back, nothing is open
// or pending, the memory did not grow, and the peers that misbehave did not
// slow down the others.

#include <opslot/accept_context.hpp>
#include <opslot/diagnostics.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using clock_type = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tcp = opslot::tcp;

bool fails(bool is_good, char const* what)
{
    if (!is_good)
    {
        std::printf("soak: %s\n", what);
    }
    return !is_good;
}

// The server

struct session : std::enable_shared_from_this<session>
{
    explicit session(tcp::socket s, int& count)
        : socket(std::move(s))
        , sessions(count)
    {
        ++sessions;
        rx.buffer(asio::buffer(storage));
        rx.completion_handler([this](auto&) { on_received(); });
        tx.completion_handler([this](auto&) {
            if (!tx.error())
            {
                receive();
            }
        });
        rx.keep_alive(*this);
        tx.keep_alive(*this);
    }

    ~session() { --sessions; }

    void receive()
    {
        while (socket.start_receive(rx) == opslot::completed && sent())
        {}
    }

    void on_received()
    {
        if (sent())
        {
            receive();
        }
    }

    bool sent()
    {
        if (rx.error())
        {
            return false;
        }
        tx.buffer(asio::buffer(storage, rx.bytes_transferred()));
        return socket.start_send(tx) == opslot::completed && !tx.error();
    }

    tcp::socket socket;
    int& sessions;
    opslot::stream_context rx, tx;
    std::array<char, 2048> storage;
};

std::size_t resident_bytes()
{
    std::size_t total = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t open_descriptors()
{
    ::DIR* const folder = ::opendir("/proc/self/fd");
    std::size_t count = 0;
    while (folder && ::readdir(folder))
    {
        ++count;
    }
    ::closedir(folder);
    return count;
}

class server
{
public:
    server()
        : acceptor_(
              io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0), true)
    {
        acceptor_.listen(4096);
        accept_.completion_handler([this](auto&) {
            if (accepted())
            {
                accept();
            }
        });
    }

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

    // Serves until the client process has ended. Returns whether all is well.
    bool run(::pid_t client, seconds duration)
    {
        std::size_t const descriptors = open_descriptors();
        accept();
        watch(client, clock_type::now(), duration);
        io_.run();
        bool failed = fails(
            WIFEXITED(status_) && WEXITSTATUS(status_) == 0,
            "the clients failed");
        failed |= fails(sessions_ == 0, "sessions are left");
        failed |= fails(
            opslot::diagnostics(io_).pending == 0, "operations are pending");
        failed |= fails(
            open_descriptors() == descriptors - 1, "descriptors are open");
        std::printf(
            "soak: %llu connections, peak %d, resident %zu KiB after the "
            "first third and %zu KiB at the end\n",
            static_cast<unsigned long long>(accepted_),
            peak_,
            early_ / 1024,
            late_ / 1024);
        // What the heap has beside the sessions is not the same all the time.
        failed |=
            fails(late_ <= early_ + early_ / 20 + (1 << 20), "the memory grew");
        return !failed;
    }

private:
    void accept()
    {
        while (acceptor_.start_accept(accept_) == opslot::completed &&
               accepted())
        {}
    }

    bool accepted()
    {
        if (accept_.error())
        {
            return false;
        }
        ++accepted_;
        std::make_shared<session>(accept_.take_socket(), sessions_)->receive();
        peak_ = std::max(peak_, sessions_);
        return true;
    }

    void watch(::pid_t client, clock_type::time_point begun, seconds duration)
    {
        timer_.expires_after(milliseconds(100));
        timer_.async_wait([=](auto) {
            auto const now = clock_type::now();
            std::size_t const resident = resident_bytes();
            if (now < begun + duration / 3)
            {
                early_ = std::max(early_, resident);
            }
            else
            {
                late_ = resident;
            }
            bool const is_over = ::waitpid(client, &status_, WNOHANG) == client;
            is_over ? acceptor_.close() : watch(client, begun, duration);
        });
    }

    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    tcp::accept_context accept_;
    asio::steady_timer timer_{io_};
    int status_ = 0;
    int sessions_ = 0;
    int peak_ = 0;
    std::uint64_t accepted_ = 0;
    std::size_t early_ = 0;
    std::size_t late_ = 0;
};

// The clients

enum class manner
{
    usual,
    /// Sends a byte now and then.
    slow,
    /// Sends as much as goes, and never reads.
    deaf
};

struct peer
{
    int fd = -1;
    manner is = manner::usual;
    bool has_ended = false;
    std::uint64_t seed = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    /// When what was sent last went out.
    clock_type::time_point asked{};
};

char byte_of(peer const& p, std::uint64_t place) noexcept
{
    return static_cast<char>((p.seed + place) * 0x9e3779b97f4a7c15u >> 56);
}

class clients
{
public:
    clients(unsigned short port, std::size_t count)
        : port_(port)
        , peers_(count + count / 20)
        , usual_(count)
        , set_(::epoll_create1(EPOLL_CLOEXEC))
    {}

    bool run(seconds duration)
    {
        auto const begin = clock_type::now();
        bool failed = false;
        for (std::size_t i = 0; i != usual_; ++i)
        {
            failed |= !join(i, manner::usual);
        }
        std::printf(
            "soak: %zu connected in %lld ms\n",
            usual_,
            static_cast<long long>(std::chrono::duration_cast<milliseconds>(
                                       clock_type::now() - begin)
                                       .count()));
        // With them and without by turns, since what else the machine does
        // changes the figures as well.
        std::array<std::vector<long long>, 2> latencies;
        for (unsigned round = 0; round != rounds; ++round)
        {
            bool const is_ill = round % 2 == 1;
            for (std::size_t i = usual_; i != peers_.size(); ++i)
            {
                if (is_ill)
                {
                    failed |=
                        !join(i, i % 4 == 0 ? manner::deaf : manner::slow);
                }
                else if (round != 0)
                {
                    leave(i, true);
                }
            }
            latencies[round % 2].push_back(
                serve(begin + duration * (round + 1) / rounds));
        }
        long long const well = median(latencies[0]);
        long long const ill = median(latencies[1]);
        failed |= fails(finish(), "bytes are missing");
        failed |= fails(is_good_, "other bytes came back");
        std::printf(
            "soak: %llu messages, %llu left; p99 %lld us, and %lld us with "
            "%zu peers that misbehave\n",
            static_cast<unsigned long long>(messages_),
            static_cast<unsigned long long>(left_),
            well,
            ill,
            peers_.size() - usual_);
        // Below a millisecond, or in a short time, it is the machine that is
        // measured.
        failed |= fails(
            duration < seconds(60) ||
                ill <= 2 * std::max<long long>(well, 1000),
            "peers that misbehave slow the others");
        return !failed;
    }

private:
    static constexpr unsigned rounds = 10;

    static long long median(std::vector<long long>& values)
    {
        auto const middle =
            values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        return *middle;
    }

    bool join(std::size_t i, manner m)
    {
        peer& p = peers_[i];
        p = peer();
        p.is = m;
        p.seed = random_();
        p.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        // Several sources, or the ports of those that left would run out.
        ::sockaddr_in source{};
        source.sin_family = AF_INET;
        source.sin_addr.s_addr =
            htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(i % 8));
        int const on = 1;
        ::setsockopt(
            p.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        ::setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        ::bind(p.fd, reinterpret_cast<::sockaddr*>(&source), sizeof(source));
        ::sockaddr_in target = source;
        target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        target.sin_port = htons(port_);
        if (fails(
                ::connect(
                    p.fd,
                    reinterpret_cast<::sockaddr*>(&target),
                    sizeof(target)) == 0,
                "cannot connect"))
        {
            return false;
        }
        if (m != manner::deaf)
        {
            ::epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            ::epoll_ctl(set_, EPOLL_CTL_ADD, p.fd, &event);
        }
        return true;
    }

    void leave(std::size_t i, bool resets)
    {
        if (resets)
        {
            ::linger const at_once{1, 0};
            ::setsockopt(
                peers_[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        ::close(std::exchange(peers_[i].fd, -1));
        ++left_;
    }

    void talk(peer& p, std::size_t most)
    {
        std::array<char, 1024> data;
        std::size_t const n = 1 + random_() % std::min(most, data.size());
        for (std::size_t k = 0; k != n; ++k)
        {
            data[k] = byte_of(p, p.sent + k);
        }
        p.asked = clock_type::now();
        ssize_t const went =
            ::send(p.fd, data.data(), n, MSG_DONTWAIT | MSG_NOSIGNAL);
        p.sent += static_cast<std::uint64_t>(std::max<ssize_t>(went, 0));
        ++messages_;
    }

    // What one of them does next.
    void act(std::size_t i)
    {
        peer& p = peers_[i];
        if (p.is == manner::deaf)
        {
            talk(p, 1024);
            return;
        }
        if (p.is == manner::slow)
        {
            talk(p, 1);
            return;
        }
        if (p.has_ended || p.sent != p.received)
        {
            return;
        }
        switch (random_() % 64)
        {
        case 0:
            leave(i, random_() % 2 == 0);
            join(i, manner::usual);
            break;
        case 1:
            // Ends while the answer is still on its way.
            talk(p, 1024);
            ::shutdown(p.fd, SHUT_WR);
            p.has_ended = true;
            break;
        default:
            talk(p, 1024);
        }
    }

    // What has come for one of them; false: its stream has ended.
    bool hear(std::size_t i, std::vector<long long>* latencies)
    {
        peer& p = peers_[i];
        std::array<char, 4096> data;
        ssize_t const n = ::recv(p.fd, data.data(), data.size(), MSG_DONTWAIT);
        for (ssize_t k = 0; k < n; ++k)
        {
            is_good_ &=
                data[static_cast<std::size_t>(k)] == byte_of(p, p.received++);
        }
        if (n > 0 && latencies && p.received == p.sent && p.is == manner::usual)
        {
            latencies->push_back(
                std::chrono::duration_cast<std::chrono::microseconds>(
                    clock_type::now() - p.asked)
                    .count());
        }
        return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
    }

    // Returns the 99th percentile of the time to an answer, in microseconds.
    long long serve(clock_type::time_point until)
    {
        std::vector<long long> latencies;
        std::array<::epoll_event, 256> events;
        while (clock_type::now() < until && is_good_)
        {
            for (int k = 0; k != 32; ++k)
            {
                std::size_t const i = random_() % peers_.size();
                if (peers_[i].fd >= 0)
                {
                    act(i);
                }
            }
            int const n = ::epoll_wait(
                set_, events.data(), static_cast<int>(events.size()), 1);
            for (int k = 0; k < n; ++k)
            {
                std::size_t const i =
                    events[static_cast<std::size_t>(k)].data.u64;
                if (!hear(i, &latencies))
                {
                    // All that was sent before the end has come back.
                    is_good_ &= peers_[i].has_ended &&
                                peers_[i].sent == peers_[i].received;
                    leave(i, false);
                    join(i, peers_[i].is);
                }
            }
        }
        if (latencies.empty())
        {
            return 0;
        }
        auto const at = latencies.begin() + static_cast<std::ptrdiff_t>(
                                                latencies.size() * 99 / 100);
        std::nth_element(latencies.begin(), at, latencies.end());
        return *at;
    }

    // Everything that is on its way comes back, and the server ends too.
    bool finish()
    {
        bool all = true;
        for (std::size_t i = 0; i != peers_.size(); ++i)
        {
            peer& p = peers_[i];
            if (p.fd < 0)
            {
                continue;
            }
            if (p.is != manner::deaf)
            {
                ::timeval const limit{30, 0};
                ::setsockopt(
                    p.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
                ::shutdown(p.fd, SHUT_WR);
                std::array<char, 4096> data;
                ssize_t n = 0;
                while ((n = ::recv(p.fd, data.data(), data.size(), 0)) > 0)
                {
                    for (ssize_t k = 0; k != n; ++k)
                    {
                        is_good_ &= data[static_cast<std::size_t>(k)] ==
                                    byte_of(p, p.received++);
                    }
                }
                all &= n == 0 && p.sent == p.received;
            }
            leave(i, p.is == manner::deaf);
        }
        return all;
    }

    unsigned short port_;
    std::vector<peer> peers_;
    std::size_t usual_;
    int set_;
    std::mt19937_64 random_{1};
    bool is_good_ = true;
    std::uint64_t messages_ = 0;
    std::uint64_t left_ = 0;
};

} // namespace

int main(int argc, char** argv)
{
    auto const number = [&](int i, long otherwise) {
        return argc > i ? std::strtol(argv[i], nullptr, 10) : otherwise;
    };
    auto const connections = static_cast<std::size_t>(number(1, 9000));
    seconds const duration(number(2, 60));

    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < connections + connections / 20 + 100)
    {
        std::printf(
            "soak: skipped, the limit of %llu descriptors is too low\n",
            static_cast<unsigned long long>(limit.rlim_cur));
        return 77;
    }

    server s;
    unsigned short const port = s.port();
    std::fflush(nullptr);
    ::pid_t const client = ::fork();
    if (client == 0)
    {
        bool const is_good = clients(port, connections).run(duration);
        std::fflush(nullptr);
        ::_exit(is_good ? 0 : 1);
    }
    return client > 0 && s.run(client, duration) ? 0 : 1;
}
