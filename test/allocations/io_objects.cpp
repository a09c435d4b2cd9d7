// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What I/O objects do with callbacks, on the executor of their io_context.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <memory>
#include <string>

#include <sys/resource.h>

#include "allocations/pattern.hpp"

namespace allocations {
namespace {

using support::connected;

template<int Connections, int Threads>
struct echo
{
    template<class Library>
    static double measure()
    {
        using socket = typename Library::tcp::socket;
        allow_descriptors(2 * Connections + 100);
        asio::io_context io;
        meter m(20 * Connections + 5000, 20 * Connections + 20000);
        std::list<connected<socket>> pairs;
        std::list<ping_pong<socket>> players;
        for (int i = 0; i != Connections; ++i)
        {
            auto& pair = pairs.emplace_back(io.get_executor());
            players.emplace_back(pair.first, pair.second, m).start();
        }
        run(io, Threads);
        return m.per_operation();
    }

    static void allow_descriptors(::rlim_t count)
    {
        ::rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = (std::max)(limit.rlim_cur, count);
        support::require(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    }
};

struct rearmed_timer
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        typename Library::steady_timer timer(io);
        next(timer, m);
        run(io);
        return m.per_operation();
    }

    // Each wait is cancelled by the next one, as a deadline that is put off.
    template<class Timer>
    static void next(Timer& timer, meter& m)
    {
        timer.expires_after(std::chrono::hours(1));
        timer.async_wait([&](error_code) {
            if (m.go_on())
                next(timer, m);
        });
        timer.expires_after(std::chrono::seconds(0));
        timer.async_wait([](error_code) {});
    }
};

// Fifteen accepts outstanding, and clients that connect in turn.
struct accepts
{
    template<class Library>
    class server
    {
        using tcp = typename Library::tcp;

    public:
        explicit server(meter& m)
            : meter_(m)
        {
            for (int i = 0; i != 15; ++i)
                accept();
            connect();
        }

        void run() { allocations::run(io_); }

    private:
        void accept()
        {
            acceptor_.async_accept(
                [this](error_code error, typename tcp::socket) {
                    if (!error)
                    {
                        accept();
                        client_.close();
                        connect();
                    }
                });
        }

        void connect()
        {
            if (!meter_.go_on())
                acceptor_.close();
            else
                client_.async_connect(
                    acceptor_.local_endpoint(), [](error_code) {});
        }

        meter& meter_;
        asio::io_context io_;
        typename tcp::acceptor acceptor_{
            io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
        typename tcp::socket client_{io_};
    };

    template<class Library>
    static double measure()
    {
        meter m(200, 1000);
        server<Library>(m).run();
        return m.per_operation();
    }
};

struct composed
{
    template<class Library>
    class line_echo
    {
    public:
        line_echo(asio::io_context& io, meter& m)
            : meter_(m)
            , pair_(io.get_executor())
        {
            line_.reserve(1000);
            next();
        }

    private:
        void next()
        {
            asio::async_write(
                pair_.first,
                asio::buffer("hello\n", 6),
                [](error_code, std::size_t) {});
            asio::async_read_until(
                pair_.second,
                asio::dynamic_buffer(line_),
                '\n',
                [this](error_code, std::size_t n) {
                    asio::async_write(
                        pair_.second,
                        asio::buffer(line_, n),
                        [this, n](error_code, std::size_t) {
                            line_.erase(0, n);
                        });
                });
            asio::async_read(
                pair_.first,
                asio::buffer(reply_),
                [this](error_code, std::size_t) {
                    if (meter_.go_on())
                        next();
                });
        }

        meter& meter_;
        connected<typename Library::tcp::socket> pair_;
        std::string line_;
        std::array<char, 6> reply_{};
    };

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        line_echo<Library> const echo(io, m);
        run(io);
        return m.per_operation();
    }
};

struct datagrams
{
    template<class Library>
    static double measure()
    {
        using udp = typename Library::udp;
        asio::io_context io;
        meter m;
        udp_echo<typename udp::socket> echo(io, m);
        run(io);
        return m.per_operation();
    }

    template<class Socket>
    class udp_echo
    {
    public:
        udp_echo(asio::io_context& io, meter& m)
            : meter_(m)
            , client_(io, any())
            , server_(io, any())
        {
            next();
        }

    private:
        static asio::ip::udp::endpoint any()
        {
            return {asio::ip::address_v4::loopback(), 0};
        }

        void next()
        {
            server_.async_receive_from(
                asio::buffer(storage_),
                sender_,
                [this](error_code, std::size_t n) {
                    server_.async_send_to(
                        asio::buffer(storage_, n),
                        sender_,
                        [](error_code, std::size_t) {});
                });
            client_.async_send_to(
                asio::buffer(reply_),
                server_.local_endpoint(),
                [this](error_code, std::size_t) {
                    client_.async_receive(
                        asio::buffer(reply_), [this](error_code, std::size_t) {
                            if (meter_.go_on())
                                next();
                        });
                });
        }

        meter& meter_;
        Socket client_;
        Socket server_;
        asio::ip::udp::endpoint sender_;
        std::array<char, 64> storage_{};
        std::array<char, 64> reply_{};
    };
};

// A handler starts operations on several connections at once.
template<int Width>
struct fan_out
{
    template<class Library>
    class broadcast
    {
    public:
        broadcast(asio::io_context& io, meter& m)
            : meter_(m)
        {
            for (int i = 0; i != Width; ++i)
                pairs_.emplace_back(io.get_executor());
            next();
        }

    private:
        void next()
        {
            left_ = 2 * Width;
            for (auto& each : pairs_)
            {
                each.first.async_write_some(asio::buffer("x", 1), counter());
                each.second.async_read_some(asio::buffer(byte_), counter());
            }
        }

        auto counter()
        {
            return [this](error_code, std::size_t) {
                if (--left_ == 0 && meter_.go_on(2 * Width))
                    next();
            };
        }

        meter& meter_;
        std::list<connected<typename Library::tcp::socket>> pairs_;
        std::array<char, 1> byte_{};
        int left_ = 0;
    };

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        broadcast<Library> const all(io, m);
        run(io);
        return m.per_operation();
    }
};

// A handler starts a thousand writes.
struct burst_of_writes
{
    static constexpr int size = 1000;

    template<class Library>
    class burst
    {
    public:
        burst(asio::io_context& io, meter& m)
            : meter_(m)
            , pair_(io.get_executor())
        {
            next();
        }

    private:
        void next()
        {
            asio::async_read(
                pair_.second,
                asio::buffer(storage_),
                [this](error_code, std::size_t) { ended(); });
            for (int i = 0; i != size; ++i)
                pair_.first.async_write_some(
                    asio::buffer("x", 1),
                    [this](error_code, std::size_t) { ended(); });
        }

        void ended()
        {
            if (++ended_ == size + 1)
            {
                ended_ = 0;
                if (meter_.go_on(size))
                    next();
            }
        }

        meter& meter_;
        connected<typename Library::tcp::socket> pair_;
        std::array<char, size> storage_{};
        int ended_ = 0;
    };

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        burst<Library> const all(io, m);
        run(io);
        return m.per_operation();
    }
};

struct burst_of_waits
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        typename Library::steady_timer timer(io);
        int left = 0;
        next(timer, m, left);
        run(io);
        return m.per_operation();
    }

    template<class Timer>
    static void next(Timer& timer, meter& m, int& left)
    {
        left = 1000;
        timer.expires_after(std::chrono::hours(1));
        for (int i = 0; i != 1000; ++i)
            timer.async_wait([&](error_code) {
                if (--left == 0 && m.go_on(1000))
                    next(timer, m, left);
            });
        timer.cancel();
    }
};

// Handlers that carry 1100 bytes, more than Asio's cache takes.
struct large_handlers
{
    template<class Library>
    class carrier
    {
    public:
        carrier(asio::io_context& io, meter& m)
            : meter_(m)
            , pair_(io.get_executor())
        {
            next();
        }

    private:
        void next()
        {
            std::array<char, 1100> cargo{};
            cargo.back() = 1;
            pair_.first.async_write_some(
                asio::buffer("x", 1),
                [this, cargo](error_code, std::size_t) { ended(cargo); });
            pair_.second.async_read_some(
                asio::buffer(byte_),
                [this, cargo](error_code, std::size_t) { ended(cargo); });
        }

        void ended(std::array<char, 1100> const& cargo)
        {
            ended_ += cargo.back();
            if (ended_ % 2 == 0 && meter_.go_on(2))
                next();
        }

        meter& meter_;
        connected<typename Library::tcp::socket> pair_;
        std::array<char, 1> byte_{};
        int ended_ = 0;
    };

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        carrier<Library> const one(io, m);
        run(io);
        return m.per_operation();
    }
};

// A sequence of buffers that owns nothing.
struct buffers_view
{
    using value_type = asio::const_buffer;
    using const_iterator = asio::const_buffer const*;

    explicit buffers_view(std::vector<asio::const_buffer> const& buffers)
        : first(buffers.data())
        , last(first + buffers.size())
    {}

    const_iterator begin() const { return first; }

    const_iterator end() const { return last; }

    const_iterator first;
    const_iterator last;
};

template<class Sequence>
struct gather
{
    template<class Library>
    class writer
    {
    public:
        writer(asio::io_context& io, meter& m)
            : meter_(m)
            , pair_(io.get_executor())
            , buffers_(64, asio::const_buffer("x", 1))
        {
            next();
        }

    private:
        void next()
        {
            asio::async_write(
                pair_.first, Sequence(buffers_), [](error_code, std::size_t) {
                });
            asio::async_read(
                pair_.second,
                asio::buffer(storage_),
                [this](error_code, std::size_t) {
                    if (meter_.go_on())
                        next();
                });
        }

        meter& meter_;
        connected<typename Library::tcp::socket> pair_;
        std::vector<asio::const_buffer> buffers_;
        std::array<char, 64> storage_{};
    };

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m;
        writer<Library> const one(io, m);
        run(io);
        return m.per_operation();
    }
};

// A thread that does not run the context starts the operations.
struct foreign_starts
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        connected<typename Library::tcp::socket> pair(io.get_executor());
        typename Library::steady_timer timer(io);
        std::array<char, 1> byte{};
        support::countdown done;
        meter m(300, 3000);
        support::runners const thread(io, 1);
        do
        {
            done.start(3);
            pair.second.async_read_some(
                asio::buffer(byte),
                [&](error_code, std::size_t) { done.down(); });
            pair.first.async_write_some(
                asio::buffer("x", 1),
                [&](error_code, std::size_t) { done.down(); });
            timer.expires_after(std::chrono::seconds(0));
            timer.async_wait([&](error_code) { done.down(); });
        } while (done.wait() && m.go_on(3));
        return m.per_operation();
    }
};

} // namespace

std::vector<pattern> io_object_patterns()
{
    using enum promise;
    return {
        row<echo<1, 1>>("echo, 1 connection"),
        row<echo<64, 1>>("echo, 64 connections"),
        row<echo<1000, 1>>("echo, 1000 connections"),
        row<echo<64, 4>>("echo, 64 connections, 4 threads"),
        row<rearmed_timer>("a timer that is set again"),
        row<accepts>("15 accepts outstanding, and a connect"),
        row<composed>("`async_write`, `async_read_until`, `async_read`"),
        row<datagrams>("UDP echo"),
        row<foreign_starts>("started by a thread outside of `run()`"),
        row<fan_out<3>>("3 connections served by one handler"),
        row<fan_out<8>>("8 connections served by one handler"),
        row<fan_out<32>>("32 connections served by one handler"),
        row<burst_of_writes>("1000 writes from one handler"),
        row<burst_of_waits>("1000 waits from one handler"),
        row<large_handlers>("handlers of 1.1 KB"),
        row<gather<std::vector<asio::const_buffer>>>(
            "64 buffers gathered, in a `vector`",
            no_more,
            no_more,
            "Asio copies the sequence, and with it the vector: give it a "
            "sequence that refers to one (next row)."),
        row<gather<buffers_view>>("64 buffers gathered, in a view"),
    };
}

} // namespace allocations
