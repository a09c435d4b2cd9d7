// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    An echo server of a chosen kind under a fixed load, to be run under a
    profiler or a tracer: bench/instructions.sh does that.

    The load is the same program started again as a child, so what is counted
    of this process is the server's, and a profiler that does not follow
    children leaves the load at its full speed.
*/

#include <opslot/diagnostics.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio.hpp>
#include <boost/program_options.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo_load.hpp"

namespace {

namespace asio = boost::asio;
using error_code = boost::system::error_code;

/// What a server receives at a time: four messages of the usual size, so
/// that a peer with more of them outstanding leaves some for the next time.
constexpr std::size_t receive_size = 256;

/// Receives and sends by contexts that the session owns.
template<typename Socket>
class context_session
    : public std::enable_shared_from_this<context_session<Socket>>
{
public:
    explicit context_session(Socket socket)
        : socket_(std::move(socket))
    {
        receiving_.completion_handler([this](auto&) {
            if (echo())
            {
                receive();
            }
        });
        sending_.completion_handler([this](auto& sent) {
            if (!sent.error())
            {
                receive();
            }
        });
        receiving_.buffer(asio::buffer(storage_));
        receiving_.keep_alive(*this);
        sending_.keep_alive(*this);
    }

    void start() { receive(); }

private:
    void receive()
    {
        while (socket_.start_receive(receiving_) == opslot::completed && echo())
        {}
    }

    /// Returns true if the message was sent at once.
    bool echo()
    {
        if (receiving_.error())
        {
            return false;
        }
        sending_.buffer(asio::buffer(storage_, receiving_.bytes_transferred()));
        return socket_.start_send(sending_) == opslot::completed &&
               !sending_.error();
    }

    Socket socket_;
    opslot::stream_context receiving_;
    opslot::stream_context sending_;
    std::array<char, receive_size> storage_;
};

/// Receives and sends by handlers, as on Asio's sockets.
template<typename Socket>
class handler_session
    : public std::enable_shared_from_this<handler_session<Socket>>
{
public:
    explicit handler_session(Socket socket)
        : socket_(std::move(socket))
    {}

    void start()
    {
        socket_.async_read_some(
            asio::buffer(storage_),
            [self = this->shared_from_this()](
                error_code const& ec, std::size_t n) {
                if (!ec)
                {
                    self->echo(n);
                }
            });
    }

private:
    void echo(std::size_t n)
    {
        asio::async_write(
            socket_,
            asio::buffer(storage_, n),
            [self =
                 this->shared_from_this()](error_code const& ec, std::size_t) {
                if (!ec)
                {
                    self->start();
                }
            });
    }

    Socket socket_;
    std::array<char, receive_size> storage_;
};

struct arguments
{
    std::string server;
    bench::echo_load load;
    /// This program, to be started again as the load.
    std::string program;
};

/// Starts the load in a process of its own.
::pid_t start_load(arguments const& a)
{
    std::vector<std::string> words{
        a.program,
        "--load=" + std::to_string(a.load.port),
        "--peers=" + std::to_string(a.load.peers),
        "--messages=" + std::to_string(a.load.messages),
        "--size=" + std::to_string(a.load.size),
        "--outstanding=" + std::to_string(a.load.outstanding)};
    std::vector<char*> pointers;
    for (std::string& word : words)
    {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    ::pid_t child = 0;
    int const error = ::posix_spawn(
        &child, a.program.c_str(), nullptr, nullptr, pointers.data(), environ);
    if (error != 0)
    {
        throw std::system_error(error, std::generic_category(), a.program);
    }
    return child;
}

void report(asio::io_context& context, arguments const& a, double seconds)
{
    double const messages = static_cast<double>(a.load.peers * a.load.messages);
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    double const cpu =
        static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
            1e6 +
        static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    std::cout << a.server << ": " << messages / seconds << " messages/s, "
              << cpu / messages << " us CPU per message\n";
    auto const d = opslot::diagnostics(context);
    if (d.started != 0)
    {
        std::cout << "  calls of the engine per message: receive "
                  << static_cast<double>(d.receive_calls) / messages
                  << ", send " << static_cast<double>(d.send_calls) / messages
                  << ", epoll_wait "
                  << static_cast<double>(d.epoll_wait_calls) / messages
                  << ", epoll_ctl "
                  << static_cast<double>(d.epoll_ctl_calls) / messages << "\n";
    }
}

template<typename Acceptor, template<typename> class Session>
int serve(asio::io_context& context, arguments a)
{
    using socket = decltype(std::declval<Acceptor&>().accept());
    asio::ip::tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);
    Acceptor acceptor(context, loopback);
    a.load.port = acceptor.local_endpoint().port();
    ::pid_t const child = start_load(a);
    std::size_t accepted = 0;
    std::function<void()> accept = [&] {
        acceptor.async_accept([&](error_code const& ec, socket peer) {
            if (!ec)
            {
                std::make_shared<Session<socket>>(std::move(peer))->start();
            }
            if (++accepted != a.load.peers)
            {
                accept();
            }
        });
    };
    accept();
    auto const begin = std::chrono::steady_clock::now();
    context.run();
    std::chrono::duration<double> const time =
        std::chrono::steady_clock::now() - begin;
    int status = 0;
    ::waitpid(child, &status, 0);
    report(context, a, time.count());
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

using executor = asio::io_context::executor_type;
using concrete_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using opslot_acceptor = opslot::basic_acceptor<asio::ip::tcp, executor>;

int single_threaded(arguments const& a)
{
    asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    opslot::reactor_options options;
    options.single_threaded = true;
    opslot::configure(context, options);
    return serve<opslot_acceptor, context_session>(context, a);
}

template<typename Acceptor, template<typename> class Session>
int on_default_context(arguments const& a)
{
    asio::io_context context;
    return serve<Acceptor, Session>(context, a);
}

std::map<std::string, int (*)(arguments const&)> const servers{
    {"asio", &on_default_context<asio::ip::tcp::acceptor, handler_session>},
    {"asio_concrete", &on_default_context<concrete_acceptor, handler_session>},
    {"opslot", &on_default_context<opslot::tcp::acceptor, context_session>},
    {"opslot_single", &single_threaded},
    {"opslot_token",
     &on_default_context<opslot::tcp::acceptor, handler_session>},
};

} // namespace

int main(int argc, char* argv[])
{
    namespace options = boost::program_options;
    arguments a;
    a.program = std::filesystem::canonical(argv[0]).string();
    options::options_description description("Usage: bench_echo [options]");
    std::string names;
    for (auto const& s : servers)
    {
        names += (names.empty() ? "" : ", ") + s.first;
    }
    description.add_options()("help", "this text")(
        "server",
        options::value(&a.server)->default_value("opslot"),
        names.c_str())(
        "peers",
        options::value(&a.load.peers)->default_value(64),
        "connections")(
        "messages",
        options::value(&a.load.messages)->default_value(2000),
        "messages of each connection")(
        "size",
        options::value(&a.load.size)->default_value(64),
        "bytes of a message")(
        "outstanding",
        options::value(&a.load.outstanding)->default_value(1),
        "messages of each connection on their way at a time")(
        "load",
        options::value(&a.load.port)->default_value(0),
        "be the load of the server at this port of the loopback, instead of "
        "a server with a load of its own");
    try
    {
        options::variables_map values;
        options::store(
            options::parse_command_line(argc, argv, description), values);
        options::notify(values);
        if (values.count("help") != 0)
        {
            std::cout << description;
            return EXIT_SUCCESS;
        }
        auto const found = servers.find(a.server);
        if (found == servers.end() || a.load.peers == 0 ||
            a.load.messages == 0 || a.load.size == 0)
        {
            throw options::error("no such server, or a number is zero");
        }
        if (a.load.port != 0)
        {
            return bench::run(a.load) ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        return found->second(a);
    }
    catch (std::exception const& e)
    {
        std::cerr << "bench_echo: " << e.what() << "\n" << description;
        return EXIT_FAILURE;
    }
}
