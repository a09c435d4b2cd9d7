// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/local.hpp>

#define BOOST_TEST_MODULE io_local
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using stream_protocol = opslot::local::stream_protocol;
using endpoint_type = stream_protocol::endpoint;
using accept_context = support::counted<stream_protocol::accept_context>;
using connect_context = support::counted<opslot::connect_context>;

error_code const success;

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

// A folder of its own for the addresses of a test.
class folder
{
public:
    folder() { support::require(::mkdtemp(&name_[0]) != nullptr, "mkdtemp"); }

    folder(folder const&) = delete;

    ~folder()
    {
        for (std::string const& path : paths_)
        {
            ::unlink(path.c_str());
        }
        ::rmdir(name_.c_str());
    }

    endpoint_type address(std::string const& name)
    {
        paths_.push_back(name_ + '/' + name);
        return paths_.back();
    }

private:
    std::string name_ = "/tmp/opslot-XXXXXX";
    std::vector<std::string> paths_;
};

struct fixture
{
    folder addresses;
    support::descriptor_check leaks;
    asio::io_context io;
    endpoint_type const address = addresses.address("socket");
};

template<typename A, typename B>
void check_transfer(asio::io_context& io, A& a, B& b)
{
    std::array<char, 4> storage;
    asio::write(a, asio::buffer("abcd", 4));
    BOOST_TEST(asio::read(b, asio::buffer(storage)) == 4u);
    support::counted<opslot::stream_context> c;
    c.buffer(asio::buffer(storage));
    auto const result = a.start_receive(c);
    asio::write(b, asio::buffer("xyz", 3));
    support::finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(std::string_view(storage.data(), 3) == "xyz");
}

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using theirs = asio::local::stream_protocol;
    static_assert(std::is_same_v<endpoint_type, theirs::endpoint>);
    static_assert(
        std::is_same_v<stream_protocol::socket::protocol_type, theirs>);
    static_assert(!std::is_same_v<stream_protocol::socket, theirs::socket>);
    static_assert(std::is_same_v<
                  stream_protocol::acceptor::socket_type,
                  stream_protocol::socket>);
    static_assert(std::is_same_v<
                  stream_protocol::accept_context::socket_type,
                  stream_protocol::socket>);
    BOOST_TEST(stream_protocol().family() == AF_UNIX);
}

BOOST_AUTO_TEST_CASE(a_pair_is_connected)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    stream_protocol::socket a(io), b(io);
    opslot::local::connect_pair(a, b);
    check_transfer(io, a, b);
    check_transfer(io, b, a);
    a.close();
    error_code ec;
    std::array<char, 4> storage;
    b.read_some(asio::buffer(storage), ec);
    BOOST_TEST(ec == asio::error::eof);
}

BOOST_AUTO_TEST_CASE(a_pair_may_be_on_two_executors)
{
    using io_socket = opslot::basic_stream_socket<
        asio::local::stream_protocol,
        asio::io_context::executor_type>;
    asio::io_context io, other;
    stream_protocol::socket a(io);
    io_socket b(other);
    opslot::local::connect_pair(a, b);
    check_transfer(io, a, b);
    check_transfer(other, b, a);
}

BOOST_AUTO_TEST_CASE(open_sockets_make_no_pair)
{
    asio::io_context io;
    stream_protocol::socket a(io), b(io, stream_protocol());
    int const fd = b.native_handle();
    support::descriptor_check const leaks;
    auto const open = is(asio::error::already_open);
    BOOST_CHECK_EXCEPTION(
        opslot::local::connect_pair(a, b), system_error, open);
    BOOST_CHECK_EXCEPTION(
        opslot::local::connect_pair(b, a), system_error, open);
    BOOST_TEST(!a.is_open());
    BOOST_TEST(b.native_handle() == fd);
}

BOOST_AUTO_TEST_CASE(how_making_a_pair_went_may_be_a_result)
{
    asio::io_context io;
    stream_protocol::socket a(io), b(io);
    error_code ec = asio::error::fault;
    BOOST_TEST(opslot::local::connect_pair(a, b, ec) == success);
    BOOST_TEST(ec == success);
    check_transfer(io, a, b);
    BOOST_TEST(
        opslot::local::connect_pair(a, b, ec) == asio::error::already_open);
    BOOST_TEST(ec == asio::error::already_open);
    check_transfer(io, b, a);
}

BOOST_AUTO_TEST_CASE(a_protocol_can_be_kept)
{
    stream_protocol protocol = endpoint_type("x").protocol();
    protocol = stream_protocol::socket::protocol_type();
    BOOST_TEST(protocol.family() == AF_UNIX);
}

BOOST_FIXTURE_TEST_CASE(connections_are_accepted, fixture)
{
    stream_protocol::acceptor acceptor(io, address);
    BOOST_TEST(acceptor.local_endpoint() == address);
    accept_context accepted;
    auto const result = acceptor.start_accept(accepted);
    stream_protocol::socket client(io);
    client.connect(address);
    BOOST_TEST(client.remote_endpoint() == address);
    support::finish(io, accepted, result);
    BOOST_TEST(accepted.error() == success);
    stream_protocol::socket server = accepted.take_socket();
    BOOST_TEST(server.local_endpoint() == address);
    check_transfer(io, client, server);
    check_transfer(io, server, client);
}

BOOST_FIXTURE_TEST_CASE(the_address_of_a_bound_peer_is_told, fixture)
{
    stream_protocol::acceptor acceptor(io, address);
    endpoint_type const own = addresses.address("client");
    stream_protocol::socket client(io, own);
    client.connect(address);
    accept_context accepted;
    support::finish(io, accepted, acceptor.start_accept(accepted));
    BOOST_TEST(accepted.error() == success);
    BOOST_TEST(accepted.peer_endpoint() == own);

    stream_protocol::socket second(io);
    second.connect(address);
    endpoint_type seen;
    stream_protocol::socket const server = acceptor.accept(seen);
    BOOST_TEST(seen.path() == "");
}

BOOST_FIXTURE_TEST_CASE(sockets_connect_without_waiting, fixture)
{
    stream_protocol::acceptor acceptor(io, address);
    stream_protocol::socket client(io);
    connect_context c;
    c.endpoint(address);
    support::finish(io, c, client.start_connect(c));
    BOOST_TEST(c.error() == success);
    auto server = acceptor.accept();
    check_transfer(io, client, server);
    client.close();
    int calls = 0;
    client.async_connect(address, [&](error_code ec) {
        BOOST_TEST(ec == success);
        ++calls;
    });
    support::run(io);
    BOOST_TEST(calls == 1);
    auto second = acceptor.accept();
    check_transfer(io, client, second);
}

BOOST_FIXTURE_TEST_CASE(an_address_of_nobody_is_reported, fixture)
{
    stream_protocol::socket client(io);
    error_code ec;
    client.connect(address, ec);
    BOOST_TEST(
        (ec == boost::system::errc::make_error_condition(
                   boost::system::errc::no_such_file_or_directory)));
    client.close();
    connect_context c;
    c.endpoint(address);
    support::finish(io, c, client.start_connect(c));
    BOOST_TEST(c.error() == ec);
    client.close();
    {
        stream_protocol::acceptor const gone(io, address);
    }
    support::finish(io, c, client.start_connect(c));
    BOOST_TEST(c.error() == asio::error::connection_refused);
}

BOOST_FIXTURE_TEST_CASE(a_range_of_addresses_is_tried, fixture)
{
    stream_protocol::acceptor acceptor(io, address);
    stream_protocol::socket client(io);
    std::vector<endpoint_type> const all{addresses.address("nobody"), address};
    BOOST_TEST(opslot::connect(client, all) == address);
    int calls = 0;
    opslot::async_connect(
        client, all, [&](error_code ec, endpoint_type const& e) {
            BOOST_TEST(ec == success);
            BOOST_TEST(e == address);
            ++calls;
        });
    support::run(io);
    BOOST_TEST(calls == 1);
}

namespace {

// A local address whose backlog is full.
struct full : fixture
{
    stream_protocol::acceptor acceptor{io, stream_protocol()};
    support::peer first;

    full()
    {
        acceptor.bind(address);
        acceptor.listen(0);
        first = support::connect_to(address);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_connect_to_a_full_backlog_waits, full)
{
    // The system says EAGAIN to a socket that does not block: unix(7).
    stream_protocol::socket client(io), taken(io), second(io);
    {
        support::background const server([&] { acceptor.accept(taken); });
        error_code ec = asio::error::fault;
        client.connect(address, ec);
        BOOST_TEST(ec == success);
    }
    if (client.is_open())
    {
        acceptor.non_blocking(true);
        error_code ec;
        acceptor.accept(second, ec);
        BOOST_TEST(ec == success);
    }
}

BOOST_FIXTURE_TEST_CASE(a_full_backlog_is_not_reported_as_success, full)
{
    stream_protocol::socket client(io);
    connect_context c;
    c.endpoint(address);
    support::finish(io, c, client.start_connect(c));
    error_code ec;
    client.remote_endpoint(ec);
    BOOST_TEST((c.error() == success) == (ec == success));
    BOOST_TEST(
        (c.error() == asio::error::try_again ||
         c.error() == asio::error::would_block));
}

BOOST_AUTO_TEST_CASE(local_sockets_go_to_asio_and_back)
{
    asio::io_context io;
    stream_protocol::socket a(io), b(io);
    opslot::local::connect_pair(a, b);
    asio::local::stream_protocol::socket theirs = a.to_asio();
    BOOST_TEST(!a.is_open());
    stream_protocol::socket back(std::move(theirs));
    check_transfer(io, back, b);
}

// Datagrams

BOOST_AUTO_TEST_CASE(the_types_for_datagrams_are_there)
{
    using theirs = asio::local::datagram_protocol;
    using ours = opslot::local::datagram_protocol;
    static_assert(std::is_same_v<ours::endpoint, theirs::endpoint>);
    static_assert(std::is_same_v<ours::socket::protocol_type, theirs>);
    static_assert(
        std::is_same_v<ours::socket::context_type, ours::datagram_context>);
    static_assert(std::is_default_constructible_v<ours>);
    ours const protocol = theirs::endpoint("/nowhere").protocol();
    BOOST_TEST(protocol.family() == AF_UNIX);
    BOOST_TEST(protocol.type() == SOCK_DGRAM);
}

BOOST_AUTO_TEST_CASE(a_pair_of_datagram_sockets_is_connected)
{
    using socket_type = opslot::local::datagram_protocol::socket;
    support::descriptor_check const leaks;
    asio::io_context io;
    socket_type a(io), b(io);
    opslot::local::connect_pair(a, b);
    a.send(asio::buffer("abc", 3));
    std::array<char, 8> storage;
    BOOST_TEST(b.receive(asio::buffer(storage)) == 3u);
    error_code ec;
    socket_type c(io);
    opslot::local::connect_pair(a, c, ec);
    BOOST_TEST(ec == asio::error::already_open);
    BOOST_TEST(!c.is_open());
    asio::local::datagram_protocol::socket theirs = a.to_asio();
    socket_type back(std::move(theirs));
    back.send(asio::buffer("de", 2));
    BOOST_TEST(b.receive(asio::buffer(storage)) == 2u);
}
