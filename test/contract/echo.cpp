// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#define BOOST_TEST_MODULE contract_echo
#include <opslot/diagnostics.hpp>
#include <opslot/local.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::completed;

struct figures
{
    std::atomic<int> sessions{0};
    std::atomic<std::size_t> bytes{0};
};

// Echoes until the peer ends the stream: receive and send take turns on two
// contexts that are members of the session, which nobody but the operations
// keeps alive.
template<typename Socket>
class session : public std::enable_shared_from_this<session<Socket>>
{
public:
    session(Socket socket, figures& f)
        : socket_(std::move(socket))
        , figures_(f)
    {
        ++figures_.sessions;
        rx_.keep_alive(*this);
        tx_.keep_alive(*this);
        rx_.completion_handler([this](auto&) {
            if (received() && sent())
            {
                receive();
            }
        });
        tx_.completion_handler([this](auto&) {
            if (!tx_.error())
            {
                receive();
            }
        });
    }

    ~session() { --figures_.sessions; }

    void start() { receive(); }

private:
    void receive()
    {
        do
        {
            rx_.buffer(asio::buffer(storage_));
        } while (socket_.start_receive(rx_) == completed && received() &&
                 sent());
    }

    bool received() const { return !rx_.error(); }

    // True if the send is over and went well.
    bool sent()
    {
        figures_.bytes += rx_.bytes_transferred();
        tx_.buffer(asio::buffer(storage_, rx_.bytes_transferred()));
        return socket_.start_send(tx_) == completed && !tx_.error();
    }

    Socket socket_;
    figures& figures_;
    opslot::stream_context rx_, tx_;
    std::array<char, 4096> storage_;
};

// Accepts until the acceptor is closed, which needs an operation that is
// pending.
template<typename Acceptor>
class server
{
    using socket = typename Acceptor::socket_type;

public:
    template<typename Executor, typename Endpoint>
    server(Executor const& executor, Endpoint const& endpoint, figures& f)
        : acceptor(executor, endpoint)
        , figures_(f)
    {
        context_.completion_handler([this](auto&) {
            if (accepted())
            {
                accept();
            }
        });
    }

    void accept()
    {
        while (acceptor.start_accept(context_) == completed && accepted())
        {}
    }

    Acceptor acceptor;
    error_code error;

private:
    bool accepted()
    {
        error = context_.error();
        if (error)
        {
            return false;
        }
        std::make_shared<session<socket>>(context_.take_socket(), figures_)
            ->start();
        return true;
    }

    figures& figures_;
    typename Acceptor::context_type context_;
};

// A blocking client of plain Asio: what it sends comes back.
template<typename Protocol>
void exchange(typename Protocol::endpoint const& endpoint)
{
    asio::io_context io;
    typename Protocol::socket client(io);
    client.connect(endpoint);
    for (std::size_t const size : {1u, 7u, 4096u, 10000u})
    {
        std::string const out(size, static_cast<char>('a' + size % 26));
        std::string in(size, '\0');
        asio::write(client, asio::buffer(out));
        asio::read(client, asio::buffer(in));
        BOOST_CHECK(in == out);
    }
    client.shutdown(Protocol::socket::shutdown_send);
    char c;
    error_code ec;
    BOOST_CHECK(asio::read(client, asio::buffer(&c, 1), ec) == 0);
    BOOST_CHECK(ec == asio::error::eof);
}

constexpr std::size_t bytes_per_client = 1 + 7 + 4096 + 10000;
constexpr int client_count = 3;

// Clients in a thread of their own, then the end of the server, which leaves
// the context nothing to do.
template<typename Protocol, typename Acceptor, typename Executor>
void serve(
    asio::io_context& io,
    Executor const& executor,
    typename Protocol::endpoint const& endpoint)
{
    figures f;
    server<Acceptor> s(executor, endpoint, f);
    s.accept();
    auto const address = s.acceptor.local_endpoint();
    support::background clients([&] {
        for (int i = 0; i != client_count; ++i)
        {
            exchange<Protocol>(address);
        }
        asio::post(executor, [&s] { s.acceptor.close(); });
    });
    support::run(io);
    clients.join();
    BOOST_TEST(s.error == asio::error::operation_aborted);
    BOOST_TEST(f.sessions == 0);
    BOOST_TEST(f.bytes == bytes_per_client * client_count);
    auto const report = opslot::diagnostics(io);
    BOOST_TEST(report.pending == 0u);
    BOOST_TEST(report.started > 0u);
}

asio::ip::tcp::endpoint any_port()
{
    return {asio::ip::address_v4::loopback(), 0};
}

// A path for a local socket, free when made and when it goes.
struct local_path
{
    local_path()
    {
        char pattern[] = "/tmp/opslot_echo_XXXXXX";
        BOOST_REQUIRE(::mkdtemp(pattern));
        folder = pattern;
    }

    ~local_path()
    {
        ::unlink(name().c_str());
        ::rmdir(folder.c_str());
    }

    std::string name() const { return folder + "/socket"; }

    std::string folder;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_session_of_contexts_echoes_on_tcp)
{
    asio::io_context io;
    serve<asio::ip::tcp, opslot::tcp::acceptor>(
        io, io.get_executor(), any_port());
}

BOOST_AUTO_TEST_CASE(a_session_of_contexts_echoes_on_local_sockets)
{
    asio::io_context io;
    local_path const path;
    serve<
        asio::local::stream_protocol,
        opslot::local::stream_protocol::acceptor>(
        io,
        io.get_executor(),
        asio::local::stream_protocol::endpoint(path.name()));
}

BOOST_AUTO_TEST_CASE(a_session_of_contexts_echoes_on_a_strand)
{
    asio::io_context io;
    serve<asio::ip::tcp, opslot::tcp::acceptor>(
        io, asio::make_strand(io), any_port());
}

BOOST_AUTO_TEST_CASE(a_session_of_contexts_echoes_on_a_concrete_executor)
{
    asio::io_context io;
    using executor = asio::io_context::executor_type;
    serve<asio::ip::tcp, opslot::basic_acceptor<asio::ip::tcp, executor>>(
        io, io.get_executor(), any_port());
}

BOOST_AUTO_TEST_CASE(a_thread_pool_serves_as_well)
{
    figures f;
    asio::thread_pool pool(2);
    server<opslot::tcp::acceptor> s(asio::make_strand(pool), any_port(), f);
    auto const address = s.acceptor.local_endpoint();
    asio::post(s.acceptor.get_executor(), [&s] { s.accept(); });
    for (int i = 0; i != client_count; ++i)
    {
        exchange<asio::ip::tcp>(address);
    }
    asio::post(s.acceptor.get_executor(), [&s] { s.acceptor.close(); });
    pool.join();
    // The last connection may be reported behind the close.
    BOOST_TEST(
        (s.error == asio::error::operation_aborted ||
         s.error == asio::error::bad_descriptor));
    BOOST_TEST(f.sessions == 0);
    BOOST_TEST(f.bytes == bytes_per_client * client_count);
}

BOOST_AUTO_TEST_CASE(sessions_of_a_destroyed_context_are_gone)
{
    figures f;
    {
        asio::io_context io;
        server<opslot::tcp::acceptor> s(io.get_executor(), any_port(), f);
        s.accept();
        asio::ip::tcp::socket client(io);
        client.connect(s.acceptor.local_endpoint());
        support::run_until(io, [&] { return f.sessions == 1; });
    }
    BOOST_TEST(f.sessions == 0);
}
