// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/basic_stream_socket.hpp>
#include <opslot/stream_context.hpp>

#define BOOST_TEST_MODULE io_basic_stream_socket
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;
using opslot::stream_context;
using support::connection;
using support::payload;
using context = support::counted<stream_context>;

using io_executor = asio::io_context::executor_type;
using strand = asio::strand<io_executor>;
using any_socket = opslot::basic_stream_socket<tcp>;
using io_socket = opslot::basic_stream_socket<tcp, io_executor>;
using strand_socket = opslot::basic_stream_socket<tcp, strand>;

error_code const success;
tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

bool is_valid(int fd)
{
    return ::fcntl(fd, F_GETFD) != -1;
}

// Bytes in both directions, through every kind of operation.
template<typename Socket>
void check_transfer(asio::io_context& io, Socket& socket, support::peer& other)
{
    BOOST_REQUIRE(socket.is_open());
    std::array<char, 4> storage;
    other.write("abcd");
    BOOST_TEST(asio::read(socket, asio::buffer(storage)) == 4u);
    BOOST_TEST(asio::write(socket, asio::buffer(storage)) == 4u);
    BOOST_TEST(other.read(4) == "abcd");

    int calls = 0;
    auto const handler = [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 4u);
        ++calls;
    };
    asio::async_read(socket, asio::buffer(storage), handler);
    asio::async_write(socket, asio::buffer("1234", 4), handler);
    other.write("efgh");
    support::run(io);
    BOOST_TEST(calls == 2);
    BOOST_TEST(std::string(storage.data(), 4) == "efgh");
    BOOST_TEST(other.read(4) == "1234");

    context c;
    c.buffer(asio::buffer(storage));
    auto const result = socket.start_receive(c);
    other.write("x");
    support::finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 1u);
}

} // namespace

// Construction

namespace {

// All constructors, for an executor and what leads to it.
template<typename Socket, typename From>
void construct(From&& from)
{
    {
        Socket const closed(from);
        BOOST_TEST(!closed.is_open());
    }
    {
        Socket open(from, tcp::v6());
        BOOST_TEST(open.is_open());
        BOOST_TEST(open.local_endpoint().protocol().family() == AF_INET6);
    }
    {
        Socket bound(from, loopback);
        BOOST_TEST(bound.local_endpoint().port() != 0);
        BOOST_TEST(bound.local_endpoint().address() == loopback.address());
    }
    {
        int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Socket taken(from, tcp::v4(), fd);
        BOOST_TEST(taken.native_handle() == fd);
    }
    BOOST_CHECK_EXCEPTION(
        Socket(from, tcp::v4(), -1),
        system_error,
        is(asio::error::bad_descriptor));
    BOOST_CHECK_EXCEPTION(
        Socket(from, tcp::endpoint(asio::ip::make_address("192.0.2.1"), 0)),
        system_error,
        is(error_code(EADDRNOTAVAIL, boost::system::system_category())));
}

} // namespace

BOOST_AUTO_TEST_CASE(sockets_are_made_from_contexts_and_executors)
{
    asio::io_context io;
    {
        any_socket const warm_up(io, tcp::v4());
    }
    support::descriptor_check const leaks;
    construct<any_socket>(io);
    construct<any_socket>(io.get_executor());
    construct<any_socket>(asio::any_io_executor(io.get_executor()));
    construct<any_socket>(asio::make_strand(io));
    construct<io_socket>(io);
    construct<io_socket>(io.get_executor());
    construct<strand_socket>(asio::make_strand(io));
}

BOOST_AUTO_TEST_CASE(sockets_are_made_as_in_asio_and_from_nothing_else)
{
    // Explicit where Asio is, and never from a bare context.
    static_assert(!std::is_convertible_v<asio::io_context&, any_socket>);
    static_assert(!std::is_convertible_v<asio::any_io_executor, any_socket>);
    static_assert(!std::is_default_constructible_v<any_socket>);
    static_assert(std::is_nothrow_move_constructible_v<any_socket>);
    static_assert(std::is_nothrow_move_assignable_v<any_socket>);
    static_assert(!std::is_copy_constructible_v<any_socket>);
    static_assert(!std::is_copy_assignable_v<any_socket>);
    static_assert(std::is_move_constructible_v<any_socket>);
    static_assert(std::is_move_assignable_v<any_socket>);
    static_assert(std::is_constructible_v<any_socket, io_socket&&>);
    static_assert(!std::is_constructible_v<io_socket, any_socket&&>);
    static_assert(!std::is_constructible_v<any_socket, io_socket&>);
    static_assert(!std::is_constructible_v<any_socket, int>);
    static_assert(!std::is_convertible_v<asio::ip::tcp::socket&&, any_socket>);
}

BOOST_AUTO_TEST_CASE(a_socket_is_rebound_to_another_executor)
{
    static_assert(std::is_same_v<
                  any_socket::rebind_executor<io_executor>::other,
                  io_socket>);
    static_assert(std::is_same_v<
                  io_socket::rebind_executor<asio::any_io_executor>::other,
                  any_socket>);
    static_assert(
        std::is_same_v<any_socket::executor_type, asio::any_io_executor>);
    static_assert(std::is_same_v<any_socket::protocol_type, tcp>);
    static_assert(std::is_same_v<any_socket::endpoint_type, tcp::endpoint>);
    static_assert(std::is_same_v<any_socket::native_handle_type, int>);
}

BOOST_AUTO_TEST_CASE(sockets_on_every_executor_transfer)
{
    asio::io_context io;
    {
        io_socket socket(io);
        auto other = support::connect_tcp(socket);
        check_transfer(io, socket, other);
    }
    {
        strand_socket socket(asio::make_strand(io));
        auto other = support::connect_tcp(socket);
        check_transfer(io, socket, other);
    }
    {
        any_socket socket(asio::make_strand(io));
        auto other = support::connect_tcp(socket);
        check_transfer(io, socket, other);
    }
}

// Moves

BOOST_FIXTURE_TEST_CASE(a_moved_socket_goes_on, connection)
{
    int const fd = socket.native_handle();
    any_socket moved(std::move(socket));
    BOOST_TEST(moved.native_handle() == fd);
    BOOST_TEST(!socket.is_open());
    BOOST_TEST((moved.get_executor() == io.get_executor()));
    check_transfer(io, moved, other);

    any_socket assigned(io, tcp::v4());
    int const closed = assigned.native_handle();
    assigned = std::move(moved);
    BOOST_TEST(assigned.native_handle() == fd);
    BOOST_TEST(!is_valid(closed));
    BOOST_TEST(!moved.is_open());
    check_transfer(io, assigned, other);
}

BOOST_FIXTURE_TEST_CASE(modes_move_with_the_socket, connection)
{
    socket.non_blocking(true);
    socket.sync_budget(3);
    socket.gather_sends(false);
    any_socket moved(std::move(socket));
    BOOST_TEST(moved.non_blocking());
    BOOST_TEST(moved.sync_budget() == 3u);
    BOOST_TEST(!moved.gather_sends());
    socket = std::move(moved);
    BOOST_TEST(socket.non_blocking());
    BOOST_TEST(socket.sync_budget() == 3u);
    BOOST_TEST(!socket.gather_sends());
}

BOOST_FIXTURE_TEST_CASE(pending_operations_move_with_their_socket, connection)
{
    context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(c) == opslot::pending));
    std::size_t received = 0;
    socket.async_read_some(
        asio::buffer(storage), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            received = n;
        });
    any_socket moved(std::move(socket));
    any_socket again(io);
    again = std::move(moved);
    support::poll(io);
    BOOST_TEST(c.calls == 0);
    other.write("abcdef");
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.bytes_transferred() == 4u);
    BOOST_TEST(received == 2u);
}

BOOST_FIXTURE_TEST_CASE(assigning_closes_what_was_there, connection)
{
    context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(c) == opslot::pending));
    any_socket fresh(io);
    socket = std::move(fresh);
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(c.calls == 0);
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    BOOST_TEST(other.read_all() == "");
}

BOOST_FIXTURE_TEST_CASE(a_moved_from_socket_can_be_used_again, connection)
{
    any_socket const first(std::move(socket));
    BOOST_TEST((socket.get_executor() == io.get_executor()));
    auto peer = support::connect_tcp(socket);
    check_transfer(io, socket, peer);
}

BOOST_FIXTURE_TEST_CASE(a_socket_assigned_from_can_be_used_again, connection)
{
    any_socket first(io);
    first = std::move(socket);
    BOOST_TEST((socket.get_executor() == io.get_executor()));
    auto peer = support::connect_tcp(socket);
    check_transfer(io, socket, peer);
}

BOOST_AUTO_TEST_CASE(a_socket_moves_to_another_io_context)
{
    support::descriptor_check const leaks;
    asio::io_context first, second;
    any_socket a(first), b(second);
    auto other = support::connect_tcp(b);
    a = std::move(b);
    BOOST_TEST((a.get_executor() == second.get_executor()));
    check_transfer(second, a, other);
}

BOOST_FIXTURE_TEST_CASE(sockets_convert_to_wider_executors, connection)
{
    io_socket narrow(io);
    auto peer = support::connect_tcp(narrow);
    int const fd = narrow.native_handle();
    any_socket wide(std::move(narrow));
    BOOST_TEST(wide.native_handle() == fd);
    BOOST_TEST(!narrow.is_open());
    BOOST_TEST((wide.get_executor() == io.get_executor()));
    check_transfer(io, wide, peer);

    strand_socket on_strand(asio::make_strand(io));
    auto peer_of_strand = support::connect_tcp(on_strand);
    wide = any_socket(std::move(on_strand));
    check_transfer(io, wide, peer_of_strand);

    // By assignment too, as in Asio.
    io_socket another(io);
    auto peer_of_another = support::connect_tcp(another);
    wide = std::move(another);
    check_transfer(io, wide, peer_of_another);
}

BOOST_AUTO_TEST_CASE(sockets_convert_to_wider_protocols)
{
    using generic = opslot::basic_stream_socket<asio::generic::stream_protocol>;
    asio::io_context io;
    any_socket socket(io);
    auto other = support::connect_tcp(socket);
    generic converted(std::move(socket));
    check_transfer(io, converted, other);
    BOOST_TEST(converted.local_endpoint().protocol().family() == AF_INET);
}

// Asio's sockets

namespace {

template<typename From, typename To, typename Source>
void take_from_asio(asio::io_context& io, Source&& source)
{
    support::descriptor_check const leaks;
    From theirs(source);
    auto other = support::connect_tcp(theirs);
    theirs.non_blocking(true);
    int const fd = theirs.native_handle();
    bool aborted = false;
    std::array<char, 4> storage;
    theirs.async_read_some(
        asio::buffer(storage), [&](error_code ec, std::size_t) {
            aborted = ec == asio::error::operation_aborted;
        });
    To ours(std::move(theirs));
    BOOST_TEST(!theirs.is_open());
    BOOST_TEST(ours.native_handle() == fd);
    BOOST_TEST(ours.non_blocking());
    ours.non_blocking(false);
    BOOST_TEST((ours.get_executor() == theirs.get_executor()));
    support::run(io);
    BOOST_TEST(aborted);
    check_transfer(io, ours, other);
}

} // namespace

BOOST_AUTO_TEST_CASE(sockets_of_asio_are_taken_over)
{
    using their_io_socket = asio::basic_stream_socket<tcp, io_executor>;
    asio::io_context io;
    {
        any_socket const warm_up(io, tcp::v4());
    }
    take_from_asio<tcp::socket, any_socket>(io, io);
    take_from_asio<their_io_socket, any_socket>(io, io);
    take_from_asio<their_io_socket, io_socket>(io, io);
    take_from_asio<tcp::socket, any_socket>(io, asio::make_strand(io));

    tcp::socket closed(io);
    any_socket const ours(std::move(closed));
    BOOST_TEST(!ours.is_open());
}

BOOST_AUTO_TEST_CASE(the_protocol_is_taken_over_from_asio)
{
    asio::io_context io;
    tcp::socket theirs(io, tcp::v6());
    any_socket ours(std::move(theirs));
    BOOST_TEST(ours.is_open());
    BOOST_TEST(ours.local_endpoint().protocol().family() == AF_INET6);
}

BOOST_FIXTURE_TEST_CASE(a_socket_goes_back_to_asio, connection)
{
    socket.non_blocking(true);
    int const fd = socket.native_handle();
    context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive(c) == opslot::pending));
    tcp::socket theirs = socket.to_asio();
    BOOST_TEST(!socket.is_open());
    BOOST_TEST(theirs.native_handle() == fd);
    BOOST_TEST(theirs.non_blocking());
    BOOST_TEST((theirs.get_executor() == io.get_executor()));
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.error() == asio::error::operation_aborted);

    theirs.non_blocking(false);
    other.write("abcd");
    BOOST_TEST(asio::read(theirs, asio::buffer(storage)) == 4u);
    int calls = 0;
    asio::async_read(
        theirs, asio::buffer(storage), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == 4u);
            ++calls;
        });
    other.write("efgh");
    support::run(io);
    BOOST_TEST(calls == 1);

    // There and back again.
    any_socket ours(std::move(theirs));
    check_transfer(io, ours, other);
}

BOOST_AUTO_TEST_CASE(a_closed_socket_goes_back_closed)
{
    asio::io_context io;
    any_socket socket(io);
    BOOST_TEST(!socket.to_asio().is_open());
    io_socket concrete(io);
    static_assert(std::is_same_v<
                  decltype(concrete.to_asio()),
                  asio::basic_stream_socket<tcp, io_executor>>);
    BOOST_TEST(!concrete.to_asio().is_open());
}

// Synchronous transfers

BOOST_AUTO_TEST_CASE(a_closed_socket_transfers_nothing)
{
    asio::io_context io;
    any_socket socket(io);
    std::array<char, 4> storage;
    error_code ec;
    auto const refused = is(asio::error::bad_descriptor);
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec.clear();
    BOOST_TEST(socket.receive(asio::buffer(storage), 0, ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec.clear();
    BOOST_TEST(socket.write_some(asio::buffer(storage), ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec.clear();
    BOOST_TEST(socket.send(asio::buffer(storage), 0, ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    auto const buffer = asio::buffer(storage);
    BOOST_CHECK_EXCEPTION(socket.read_some(buffer), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.receive(buffer), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.receive(buffer, 0), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.write_some(buffer), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.send(buffer), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.send(buffer, 0), system_error, refused);

    int calls = 0;
    auto const handler = [&](error_code e, std::size_t n) {
        BOOST_TEST(e == asio::error::bad_descriptor);
        BOOST_TEST(n == 0u);
        ++calls;
    };
    socket.async_read_some(buffer, handler);
    socket.async_receive(buffer, handler);
    socket.async_receive(buffer, 0, handler);
    socket.async_write_some(buffer, handler);
    socket.async_send(buffer, handler);
    socket.async_send(buffer, 0, handler);
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 6);
}

BOOST_FIXTURE_TEST_CASE(every_synchronous_call_transfers, connection)
{
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.write_some(asio::buffer("ab", 2)) == 2u);
    BOOST_TEST(socket.write_some(asio::buffer("cd", 2), ec) == 2u);
    BOOST_TEST(ec == success);
    BOOST_TEST(socket.send(asio::buffer("ef", 2)) == 2u);
    BOOST_TEST(socket.send(asio::buffer("gh", 2), 0) == 2u);
    ec = asio::error::fault;
    BOOST_TEST(socket.send(asio::buffer("ij", 2), 0, ec) == 2u);
    BOOST_TEST(ec == success);
    BOOST_TEST(other.read(10) == "abcdefghij");

    std::array<char, 2> storage;
    auto const text = [&] { return std::string(storage.data(), 2); };
    other.write("0123456789");
    support::await(socket.native_handle());
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 2u);
    BOOST_TEST(text() == "01");
    ec = asio::error::fault;
    BOOST_TEST(socket.read_some(asio::buffer(storage), ec) == 2u);
    BOOST_TEST(ec == success);
    BOOST_TEST(text() == "23");
    BOOST_TEST(socket.receive(asio::buffer(storage)) == 2u);
    BOOST_TEST(text() == "45");
    BOOST_TEST(
        socket.receive(
            asio::buffer(storage), asio::socket_base::message_peek) == 2u);
    BOOST_TEST(text() == "67");
    BOOST_TEST(socket.receive(asio::buffer(storage), 0) == 2u);
    BOOST_TEST(text() == "67");
    ec = asio::error::fault;
    BOOST_TEST(socket.receive(asio::buffer(storage), 0, ec) == 2u);
    BOOST_TEST(ec == success);
    BOOST_TEST(text() == "89");
}

BOOST_FIXTURE_TEST_CASE(buffer_sequences_are_transferred_in_order, connection)
{
    std::string const data = payload(3000);
    std::vector<asio::const_buffer> out;
    for (std::size_t i = 0; i != 300; ++i)
    {
        out.push_back(asio::buffer(data.data() + 10 * i, 10));
    }
    BOOST_TEST(asio::write(socket, out) == 3000u);
    BOOST_TEST((other.read(3000) == data));

    std::string got(3000, '.');
    std::vector<asio::mutable_buffer> in;
    for (std::size_t i = 0; i != 300; ++i)
    {
        in.push_back(asio::buffer(&got[10 * i], 10));
    }
    other.write(data);
    BOOST_TEST(asio::read(socket, in) == 3000u);
    BOOST_TEST((got == data));

    // A sequence of one, and the empty ones.
    std::array<asio::const_buffer, 3> const gaps{
        asio::buffer(data, 0), asio::buffer(data, 5), asio::const_buffer()};
    BOOST_TEST(socket.write_some(gaps) == 5u);
    BOOST_TEST(other.read(5) == data.substr(0, 5));
}

BOOST_FIXTURE_TEST_CASE(a_transfer_of_nothing_does_not_wait, connection)
{
    error_code ec = asio::error::fault;
    BOOST_TEST(socket.read_some(asio::mutable_buffer(), ec) == 0u);
    BOOST_TEST(ec == success);
    ec = asio::error::fault;
    BOOST_TEST(socket.write_some(asio::const_buffer(), ec) == 0u);
    BOOST_TEST(ec == success);
    BOOST_TEST(socket.read_some(std::vector<asio::mutable_buffer>()) == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_blocking_write_waits_for_room, connection)
{
    shrink_buffers();
    std::string const data = payload(1 << 20);
    std::string got;
    support::background reader([&] { got = other.read(data.size()); });
    BOOST_TEST(asio::write(socket, asio::buffer(data)) == data.size());
    reader.join();
    BOOST_TEST((got == data));
}

BOOST_FIXTURE_TEST_CASE(a_non_blocking_write_stops_when_it_is_full, connection)
{
    shrink_buffers();
    socket.non_blocking(true);
    std::string const data = payload(1 << 20);
    std::size_t sent = 0;
    error_code ec;
    while (!ec)
    {
        sent += socket.write_some(asio::buffer(data), ec);
        BOOST_REQUIRE(sent < (64u << 20));
    }
    BOOST_TEST(ec == asio::error::would_block);
    BOOST_TEST(other.discard(sent) == sent);
}

BOOST_FIXTURE_TEST_CASE(a_write_to_a_gone_peer_raises_no_signal, connection)
{
    other.reset();
    error_code ec;
    std::size_t attempts = 0;
    while (!ec)
    {
        socket.write_some(asio::buffer("x", 1), ec);
        BOOST_REQUIRE(++attempts < 100000);
    }
    BOOST_TEST((
        ec == asio::error::broken_pipe || ec == asio::error::connection_reset));
}

BOOST_FIXTURE_TEST_CASE(gathering_is_on_until_it_is_switched_off, connection)
{
    BOOST_TEST(socket.gather_sends());
    socket.gather_sends(false);
    BOOST_TEST(!socket.gather_sends());
    check_transfer(io, socket, other);
    socket.gather_sends(true);
    BOOST_TEST(socket.gather_sends());
}

// Token forms

BOOST_FIXTURE_TEST_CASE(every_token_form_transfers, connection)
{
    int calls = 0;
    auto const handler = [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 2u);
        ++calls;
    };
    std::array<char, 2> a, b, c, d, e;
    other.write("aabbccdd");
    support::await(socket.native_handle());
    socket.async_receive(
        asio::buffer(e), asio::socket_base::message_peek, handler);
    support::run(io);
    socket.async_read_some(asio::buffer(a), handler);
    socket.async_receive(asio::buffer(b), handler);
    socket.async_receive(asio::buffer(c), 0, handler);
    socket.async_read_some(
        std::array<asio::mutable_buffer, 2>{
            asio::buffer(d, 1), asio::buffer(d) + 1},
        handler);
    support::run(io);
    BOOST_TEST(calls == 5);
    BOOST_TEST(e[0] == 'a');
    BOOST_TEST(a[0] == 'a');
    BOOST_TEST(b[0] == 'b');
    BOOST_TEST(c[1] == 'c');
    BOOST_TEST(d[1] == 'd');

    socket.async_write_some(asio::buffer(a), handler);
    socket.async_send(asio::buffer(b), handler);
    socket.async_send(asio::buffer(c), 0, handler);
    BOOST_TEST(calls == 5);
    support::run(io);
    BOOST_TEST(calls == 8);
    BOOST_TEST(other.read(6) == "aabbcc");
}

BOOST_FIXTURE_TEST_CASE(a_token_write_writes_some_and_no_more, connection)
{
    shrink_buffers();
    std::string const data = payload(8 << 20);
    std::size_t sent = 0;
    socket.async_write_some(
        asio::buffer(data), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            sent = n;
        });
    support::run(io);
    BOOST_TEST(sent > 0u);
    BOOST_TEST(sent < data.size());
    BOOST_TEST((other.read(sent) == data.substr(0, sent)));
}

// Overloads

namespace {

// A context that could be taken for a buffer sequence.
struct buffered_context : stream_context
{
    using value_type = asio::mutable_buffer;
    using const_iterator = asio::mutable_buffer const*;

    asio::mutable_buffer single;

    const_iterator begin() const { return &single; }

    const_iterator end() const { return &single + 1; }
};

struct callback
{
    int* calls;

    void operator()(error_code ec, std::size_t n) const
    {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 4u);
        ++*calls;
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_context_never_lands_in_a_buffer_overload, connection)
{
    static_assert(asio::is_mutable_buffer_sequence<buffered_context>::value);
    buffered_context rx, tx;
    std::array<char, 4> wrong{}, right{};
    rx.single = asio::buffer(wrong);
    tx.single = asio::buffer(wrong);
    rx.buffer(asio::buffer(right));
    tx.buffer(asio::buffer(std::string_view("good")));
    int calls = 0, stored = 0;
    rx.completion_handler([&](stream_context&) { ++stored; });
    tx.completion_handler([&](stream_context&) { ++stored; });
    other.write("abcdefgh");
    support::await(socket.native_handle());
    socket.async_receive(rx, callback{&calls});
    socket.async_send(tx, callback{&calls});
    support::run(io);
    BOOST_TEST(calls == 2);
    socket.async_receive(rx);
    socket.async_send(tx);
    support::run(io);
    BOOST_TEST(stored == 2);
    BOOST_TEST(std::string(right.data(), 4) == "efgh");
    BOOST_TEST(other.read(8) == "goodgood");
    BOOST_TEST(wrong[0] == '\0');
}

BOOST_FIXTURE_TEST_CASE(derived_contexts_are_contexts, connection)
{
    struct derived : stream_context
    {
        int tag = 42;
    };

    derived c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    int calls = 0;
    socket.async_receive(c, callback{&calls});
    other.write("abcd");
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(c.tag == 42);
}

BOOST_FIXTURE_TEST_CASE(tokens_may_be_names_and_constants, connection)
{
    int calls = 0;
    callback named{&calls};
    callback const constant{&calls};
    std::array<char, 4> storage;
    asio::mutable_buffer const const_name = asio::buffer(storage);
    asio::mutable_buffer name = asio::buffer(storage);
    other.write("aaaabbbbcccc");
    support::await(socket.native_handle());
    socket.async_read_some(const_name, named);
    socket.async_receive(name, constant);
    socket.async_receive(asio::mutable_buffer(name), 0, callback{&calls});
    support::run(io);
    BOOST_TEST(calls == 3);
}

BOOST_FIXTURE_TEST_CASE(handlers_that_only_move_are_called, connection)
{
    struct only_moves
    {
        std::unique_ptr<int> number;
        int* sum;

        void operator()(error_code ec, std::size_t) const
        {
            BOOST_TEST(ec == success);
            *sum += *number;
        }
    };

    int sum = 0;
    context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    other.write("abcd");
    support::await(socket.native_handle());
    socket.async_read_some(
        asio::buffer(storage, 2), only_moves{std::make_unique<int>(1), &sum});
    support::run(io);
    socket.async_receive(c, only_moves{std::make_unique<int>(2), &sum});
    socket.async_send(
        asio::buffer(storage, 2), only_moves{std::make_unique<int>(4), &sum});
    support::run(io);
    BOOST_TEST(sum == 7);
}
