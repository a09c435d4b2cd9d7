// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/basic_datagram_socket.hpp>
#include <opslot/datagram_context.hpp>

#define BOOST_TEST_MODULE io_basic_datagram_socket
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sys/socket.h>

#include "support/datagram_peer.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using boost::system::system_error;
using base_context = opslot::basic_datagram_context<udp>;
using context = support::counted<base_context>;

using io_executor = asio::io_context::executor_type;
using strand = asio::strand<io_executor>;
using any_socket = opslot::basic_datagram_socket<udp>;
using io_socket = opslot::basic_datagram_socket<udp, io_executor>;
using strand_socket = opslot::basic_datagram_socket<udp, strand>;

error_code const success;

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

// A bound socket, another one of the system, and the context they need.
struct fixture
{
    support::descriptor_check leaks;
    asio::io_context io;
    any_socket socket{io, support::any_port()};
    support::datagram_peer other;

    void send(std::string_view data)
    {
        other.send(data, socket.local_endpoint());
    }
};

// Datagrams in both directions, through every kind of operation.
template<typename Socket>
void check_transfer(
    asio::io_context& io, Socket& socket, support::datagram_peer& other)
{
    using endpoint_type = typename Socket::endpoint_type;
    BOOST_REQUIRE(socket.is_open());
    udp::endpoint local;
    endpoint_type const own = socket.local_endpoint();
    std::copy_n(
        static_cast<char const*>(static_cast<void const*>(own.data())),
        own.size(),
        static_cast<char*>(static_cast<void*>(local.data())));
    endpoint_type const target(other.endpoint());
    endpoint_type sender;
    std::array<char, 8> storage;
    other.send("abcd", local);
    BOOST_TEST(socket.receive_from(asio::buffer(storage), sender) == 4u);
    BOOST_TEST((sender == target));
    BOOST_TEST(socket.send_to(asio::buffer(storage, 4), target) == 4u);
    BOOST_TEST(other.receive() == "abcd");

    int calls = 0;
    auto const handler = [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 4u);
        ++calls;
    };
    socket.async_receive_from(asio::buffer(storage), sender, handler);
    socket.async_send_to(asio::buffer("1234", 4), target, handler);
    other.send("efgh", local);
    support::run(io);
    BOOST_TEST(calls == 2);
    BOOST_TEST(other.receive() == "1234");

    support::counted<
        opslot::basic_datagram_context<typename Socket::protocol_type>>
        c;
    c.buffer(asio::buffer(storage));
    auto const result = socket.start_receive_from(c);
    other.send("x", local);
    support::finish(io, c, result);
    BOOST_TEST(c.error() == success);
    BOOST_TEST(c.bytes_transferred() == 1u);
    BOOST_TEST((c.sender() == target));
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
        Socket open(from, udp::v6());
        BOOST_TEST(open.is_open());
        BOOST_TEST(open.local_endpoint().protocol().family() == AF_INET6);
    }
    {
        Socket bound(from, support::any_port());
        BOOST_TEST(bound.local_endpoint().port() != 0);
    }
    {
        int const fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        Socket taken(from, udp::v4(), fd);
        BOOST_TEST(taken.native_handle() == fd);
    }
    BOOST_CHECK_EXCEPTION(
        Socket(from, udp::v4(), -1),
        system_error,
        is(asio::error::bad_descriptor));
}

} // namespace

BOOST_AUTO_TEST_CASE(sockets_are_made_from_contexts_and_executors)
{
    asio::io_context io;
    {
        any_socket const warm_up(io, udp::v4());
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
    static_assert(!std::is_convertible_v<asio::io_context&, any_socket>);
    static_assert(!std::is_convertible_v<asio::any_io_executor, any_socket>);
    static_assert(!std::is_default_constructible_v<any_socket>);
    static_assert(std::is_nothrow_move_constructible_v<any_socket>);
    static_assert(std::is_nothrow_move_assignable_v<any_socket>);
    static_assert(!std::is_copy_constructible_v<any_socket>);
    static_assert(!std::is_copy_assignable_v<any_socket>);
    static_assert(std::is_constructible_v<any_socket, io_socket&&>);
    static_assert(!std::is_constructible_v<io_socket, any_socket&&>);
    static_assert(!std::is_convertible_v<udp::socket&&, any_socket>);
    static_assert(std::is_same_v<
                  any_socket::rebind_executor<io_executor>::other,
                  io_socket>);
    static_assert(std::is_same_v<any_socket::endpoint_type, udp::endpoint>);
    static_assert(std::is_same_v<any_socket::context_type, base_context>);
}

BOOST_AUTO_TEST_CASE(sockets_on_every_executor_transfer)
{
    asio::io_context io;
    support::datagram_peer other;
    io_socket concrete(io, support::any_port());
    check_transfer(io, concrete, other);
    strand_socket on_strand(asio::make_strand(io), support::any_port());
    check_transfer(io, on_strand, other);
    any_socket any(asio::make_strand(io), support::any_port());
    check_transfer(io, any, other);
}

// Moves

BOOST_FIXTURE_TEST_CASE(a_moved_socket_goes_on, fixture)
{
    int const fd = socket.native_handle();
    any_socket moved(std::move(socket));
    BOOST_TEST(moved.native_handle() == fd);
    BOOST_TEST(!socket.is_open());
    check_transfer(io, moved, other);
    any_socket assigned(io, udp::v4());
    assigned = std::move(moved);
    BOOST_TEST(assigned.native_handle() == fd);
    check_transfer(io, assigned, other);
    socket.open(udp::v4());
    socket.bind(support::any_port());
    check_transfer(io, socket, other);
}

BOOST_FIXTURE_TEST_CASE(pending_operations_move_with_their_socket, fixture)
{
    context c;
    std::array<char, 4> storage;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((socket.start_receive_from(c) == opslot::pending));
    any_socket moved(std::move(socket));
    any_socket again(io);
    again = std::move(moved);
    other.send("abc", again.local_endpoint());
    support::run(io);
    BOOST_TEST(c.calls == 1);
    BOOST_TEST(c.bytes_transferred() == 3u);
}

BOOST_FIXTURE_TEST_CASE(sockets_convert_to_wider_executors, fixture)
{
    io_socket narrow(io, support::any_port());
    any_socket wide(std::move(narrow));
    BOOST_TEST(!narrow.is_open());
    check_transfer(io, wide, other);
    wide = io_socket(io, support::any_port());
    check_transfer(io, wide, other);
}

BOOST_FIXTURE_TEST_CASE(sockets_convert_to_wider_protocols, fixture)
{
    using generic =
        opslot::basic_datagram_socket<asio::generic::datagram_protocol>;
    generic converted(std::move(socket));
    check_transfer(io, converted, other);
    BOOST_TEST(converted.local_endpoint().protocol().family() == AF_INET);
}

// Asio's sockets

BOOST_AUTO_TEST_CASE(sockets_go_to_asio_and_back)
{
    asio::io_context io;
    {
        any_socket const warm_up(io, udp::v4());
    }
    support::descriptor_check const leaks;
    support::datagram_peer other;
    udp::socket theirs(io, support::any_port());
    theirs.non_blocking(true);
    int const fd = theirs.native_handle();
    bool aborted = false;
    std::array<char, 4> storage;
    theirs.async_receive(
        asio::buffer(storage), [&](error_code ec, std::size_t) {
            aborted = ec == asio::error::operation_aborted;
        });
    any_socket ours(std::move(theirs));
    BOOST_TEST(!theirs.is_open());
    BOOST_TEST(ours.native_handle() == fd);
    BOOST_TEST(ours.non_blocking());
    ours.non_blocking(false);
    support::run(io);
    BOOST_TEST(aborted);
    check_transfer(io, ours, other);

    context c;
    c.buffer(asio::buffer(storage));
    BOOST_TEST((ours.start_receive(c) == opslot::pending));
    theirs = ours.to_asio();
    BOOST_TEST(!ours.is_open());
    BOOST_TEST(theirs.native_handle() == fd);
    support::run(io);
    BOOST_TEST(c.error() == asio::error::operation_aborted);
    other.send("abc", theirs.local_endpoint());
    theirs.async_receive(
        asio::buffer(storage), [&](error_code ec, std::size_t n) {
            BOOST_TEST(ec == success);
            BOOST_TEST(n == 3u);
        });
    support::run(io);

    io_socket concrete(io);
    static_assert(std::is_same_v<
                  decltype(concrete.to_asio()),
                  asio::basic_datagram_socket<udp, io_executor>>);
    BOOST_TEST(!concrete.to_asio().is_open());
}

// Synchronous calls

BOOST_AUTO_TEST_CASE(a_closed_socket_transfers_nothing)
{
    asio::io_context io;
    any_socket socket(io);
    std::array<char, 4> storage;
    auto const buffer = asio::buffer(storage);
    udp::endpoint peer(asio::ip::address_v4::loopback(), 9);
    auto const refused = is(asio::error::bad_descriptor);
    error_code ec;
    BOOST_TEST(socket.receive(buffer, 0, ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec.clear();
    BOOST_TEST(socket.receive_from(buffer, peer, 0, ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec.clear();
    BOOST_TEST(socket.send(buffer, 0, ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    ec.clear();
    BOOST_TEST(socket.send_to(buffer, peer, 0, ec) == 0u);
    BOOST_TEST(ec == asio::error::bad_descriptor);
    BOOST_CHECK_EXCEPTION(socket.receive(buffer), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.receive(buffer, 0), system_error, refused);
    BOOST_CHECK_EXCEPTION(
        socket.receive_from(buffer, peer), system_error, refused);
    BOOST_CHECK_EXCEPTION(
        socket.receive_from(buffer, peer, 0), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.send(buffer), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.send(buffer, 0), system_error, refused);
    BOOST_CHECK_EXCEPTION(socket.send_to(buffer, peer), system_error, refused);
    BOOST_CHECK_EXCEPTION(
        socket.send_to(buffer, peer, 0), system_error, refused);

    int calls = 0;
    auto const handler = [&](error_code e, std::size_t n) {
        BOOST_TEST(e == asio::error::bad_descriptor);
        BOOST_TEST(n == 0u);
        ++calls;
    };
    socket.async_receive(buffer, handler);
    socket.async_receive(buffer, 0, handler);
    socket.async_receive_from(buffer, peer, handler);
    socket.async_receive_from(buffer, peer, 0, handler);
    socket.async_send(buffer, handler);
    socket.async_send(buffer, 0, handler);
    socket.async_send_to(buffer, peer, handler);
    socket.async_send_to(buffer, peer, 0, handler);
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 8);
}

BOOST_FIXTURE_TEST_CASE(every_synchronous_call_transfers, fixture)
{
    std::array<char, 8> storage;
    auto const buffer = asio::buffer(storage);
    udp::endpoint const target = other.endpoint();
    udp::endpoint sender;
    error_code ec;
    auto const peek = asio::socket_base::message_peek;
    send("abc");
    BOOST_TEST(socket.receive_from(buffer, sender, peek) == 3u);
    BOOST_TEST(sender == target);
    sender = {};
    BOOST_TEST(socket.receive_from(buffer, sender, peek, ec) == 3u);
    BOOST_TEST(sender == target);
    BOOST_TEST(socket.receive(buffer, peek) == 3u);
    BOOST_TEST(socket.receive(buffer, peek, ec) == 3u);
    BOOST_TEST(ec == success);
    BOOST_TEST(socket.receive(buffer) == 3u);
    BOOST_TEST(std::string_view(storage.data(), 3) == "abc");

    auto const text = asio::buffer("de", 2);
    BOOST_TEST(socket.send_to(text, target) == 2u);
    BOOST_TEST(socket.send_to(text, target, 0) == 2u);
    BOOST_TEST(socket.send_to(text, target, 0, ec) == 2u);
    socket.connect(target);
    BOOST_TEST(socket.send(text) == 2u);
    BOOST_TEST(socket.send(text, 0) == 2u);
    BOOST_TEST(socket.send(text, 0, ec) == 2u);
    BOOST_TEST(ec == success);
    for (int i = 0; i != 6; ++i)
    {
        BOOST_TEST(other.receive() == "de");
        BOOST_TEST(other.sender() == socket.local_endpoint());
    }
}

BOOST_FIXTURE_TEST_CASE(buffer_sequences_are_one_datagram, fixture)
{
    std::array<asio::const_buffer, 3> const from{
        asio::buffer("ab", 2), asio::const_buffer(), asio::buffer("c", 1)};
    BOOST_TEST(socket.send_to(from, other.endpoint()) == 3u);
    BOOST_TEST(other.receive() == "abc");
    std::string a(2, '.'), b(4, '.');
    std::array<asio::mutable_buffer, 2> const into{
        asio::buffer(a), asio::buffer(b)};
    send("defgh");
    BOOST_TEST(socket.receive(into) == 5u);
    BOOST_TEST(a + b == "defgh.");
}

BOOST_FIXTURE_TEST_CASE(a_datagram_of_no_bytes_is_transferred, fixture)
{
    std::array<char, 8> storage;
    BOOST_TEST(socket.send_to(asio::const_buffer(), other.endpoint()) == 0u);
    BOOST_TEST(other.receive() == "");
    send("");
    send("abc");
    BOOST_TEST(socket.receive(asio::buffer(storage)) == 0u);
    BOOST_TEST(socket.receive(asio::buffer(storage)) == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_receive_waits_unless_it_must_not, fixture)
{
    std::array<char, 8> storage;
    udp::endpoint sender = other.endpoint();
    error_code ec;
    socket.non_blocking(true);
    socket.receive_from(asio::buffer(storage), sender, 0, ec);
    BOOST_TEST(ec == asio::error::would_block);
    BOOST_TEST(sender == other.endpoint());
    socket.non_blocking(false);
    support::background peer([this] { send("abc"); });
    BOOST_TEST(socket.receive(asio::buffer(storage)) == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_receive_after_shutdown_does_not_wait, fixture)
{
    std::array<char, 8> storage;
    error_code ec;
    socket.connect(other.endpoint());
    socket.shutdown(any_socket::shutdown_receive);
    socket.receive(asio::buffer(storage), 0, ec);
    BOOST_TEST(ec == asio::error::shut_down);
}

BOOST_FIXTURE_TEST_CASE(the_size_of_what_is_there_is_told, fixture)
{
    BOOST_TEST(socket.available() == 0u);
    send("abc");
    BOOST_TEST(socket.available() == 3u);
    socket.wait(any_socket::wait_read);
    asio::socket_base::receive_buffer_size size(50000);
    socket.set_option(size);
    socket.get_option(size);
    BOOST_TEST(size.value() == 50000);
}

// Overloads

namespace {

// A context that is a buffer sequence, too.
struct buffered_context : base_context
{
    asio::mutable_buffer single;

    using value_type = asio::mutable_buffer;
    using const_iterator = asio::mutable_buffer const*;

    const_iterator begin() const { return &single; }

    const_iterator end() const { return &single + 1; }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_context_never_lands_in_a_buffer_overload, fixture)
{
    static_assert(asio::is_mutable_buffer_sequence<buffered_context>::value);
    buffered_context c;
    std::array<char, 4> wrong{}, right{};
    c.single = asio::buffer(wrong);
    c.buffer(asio::buffer(right));
    c.endpoint(other.endpoint());
    int calls = 0;
    auto const handler = [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 4u);
        ++calls;
    };
    socket.async_receive(c, handler);
    send("abcd");
    support::run(io);
    socket.async_receive_from(c, handler);
    send("abcd");
    support::run(io);
    socket.async_send_to(c, handler);
    support::run(io);
    socket.connect(other.endpoint());
    socket.async_send(c, handler);
    support::run(io);
    BOOST_TEST(calls == 4);
    BOOST_TEST(other.receive() == "abcd");
    BOOST_TEST(other.receive() == "abcd");
    BOOST_TEST(wrong[0] == '\0');
}

BOOST_FIXTURE_TEST_CASE(handlers_that_only_move_are_called, fixture)
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
    udp::endpoint sender;
    c.buffer(asio::buffer(storage));
    send("a");
    send("b");
    socket.async_receive_from(
        asio::buffer(storage),
        sender,
        only_moves{std::make_unique<int>(1), &sum});
    support::run(io);
    socket.async_receive_from(c, only_moves{std::make_unique<int>(2), &sum});
    socket.async_send_to(
        asio::buffer(storage),
        other.endpoint(),
        only_moves{std::make_unique<int>(4), &sum});
    support::run(io);
    BOOST_TEST(sum == 7);
}
