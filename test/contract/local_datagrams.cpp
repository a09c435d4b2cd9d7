// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Datagrams on local sockets: they are reliable, so a sender may have to wait.

#define BOOST_TEST_MODULE contract_local_datagrams
#include <opslot/error.hpp>
#include <opslot/local.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract/datagrams.hpp"
#include "support/connection.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using contract::local_datagrams;
using opslot::completed;
using opslot::error;
using opslot::pending;
using support::finish;
using support::payload;
using protocol = opslot::local::datagram_protocol;
using context = contract::local_datagram_context;
using receiver = contract::local_datagram_receiver;

error_code const success;

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

    protocol::endpoint address(std::string const& name)
    {
        paths_.push_back(name_ + '/' + name);
        return paths_.back();
    }

private:
    std::string name_ = "/tmp/opslot-XXXXXX";
    std::vector<std::string> paths_;
};

// Two sockets with names, which are not connected.
struct named
{
    folder addresses;
    support::descriptor_check leaks;
    asio::io_context io;
    protocol::socket socket{io, addresses.address("a")};
    protocol::socket other{io, addresses.address("b")};
};

// Sends until an operation is pending. Returns how many were not.
std::size_t
fill(protocol::socket& socket, std::deque<context>& sends, std::size_t pendings)
{
    std::size_t done = 0;
    while (pendings != 0 && sends.size() != 100000)
    {
        static std::string const bytes(200, 'x');
        context& tx = sends.emplace_back();
        tx.buffer(asio::buffer(bytes, 1 + sends.size() % 200));
        if (socket.start_send(tx) == pending)
        {
            --pendings;
        }
        else
        {
            BOOST_REQUIRE(tx.error() == success);
            ++done;
        }
    }
    return done;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_pair_exchanges_datagrams, local_datagrams)
{
    receiver rx;
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    auto const result = other.start_receive_from(rx);
    BOOST_TEST((result == pending));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    support::run(io);
    BOOST_TEST(rx.calls == 1);
    BOOST_TEST(rx.data() == "abc");
    // It has no name.
    BOOST_TEST(rx.sender() == protocol::endpoint());
    tx.buffer(asio::const_buffer());
    finish(io, tx, socket.start_send(tx));
    finish(io, rx, other.start_receive(rx));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST(rx.bytes_transferred() == 0u);
}

BOOST_FIXTURE_TEST_CASE(names_are_told, named)
{
    receiver rx;
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.endpoint(other.local_endpoint());
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
    finish(io, rx, other.start_receive_from(rx));
    BOOST_TEST(rx.data() == "abc");
    BOOST_TEST(rx.sender() == socket.local_endpoint());
    tx.endpoint(rx.sender());
    finish(io, tx, other.start_send_to(tx));
    std::array<char, 8> storage;
    protocol::endpoint sender;
    BOOST_TEST(socket.receive_from(asio::buffer(storage), sender) == 3u);
    BOOST_TEST(sender == other.local_endpoint());
}

BOOST_FIXTURE_TEST_CASE(a_name_of_nobody_is_reported, named)
{
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.endpoint(addresses.address("nobody"));
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == boost::system::errc::no_such_file_or_directory);
    tx.endpoint(other.local_endpoint());
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
}

BOOST_FIXTURE_TEST_CASE(large_datagrams_arrive_whole, local_datagrams)
{
    std::string const sent = payload(100000);
    std::string storage(sent.size(), '.');
    std::vector<asio::const_buffer> from;
    std::vector<asio::mutable_buffer> into;
    for (std::size_t i = 0; i != sent.size(); i += 50)
    {
        from.emplace_back(&sent[i], 50);
        into.emplace_back(&storage[i], 50);
    }
    socket.set_option(asio::socket_base::send_buffer_size(200000));
    context tx, rx;
    tx.buffer_list(from);
    rx.buffer_list(into);
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.bytes_transferred() == sent.size());
    finish(io, rx, other.start_receive(rx));
    BOOST_TEST(rx.bytes_transferred() == sent.size());
    BOOST_TEST(!rx.is_truncated());
    BOOST_TEST((storage == sent));
}

// Waiting senders

BOOST_FIXTURE_TEST_CASE(queued_sends_go_out_in_order, local_datagrams)
{
    std::deque<context> sends;
    std::size_t const done = fill(socket, sends, 5);
    BOOST_TEST(sends.size() == done + 5);
    support::poll(io);
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        std::array<char, 400> storage;
        BOOST_TEST(other.receive(asio::buffer(storage)) == 1 + (i + 1) % 200);
        support::poll(io);
    }
    support::run(io);
    for (std::size_t i = 0; i != sends.size(); ++i)
    {
        BOOST_TEST(sends[i].error() == success);
        BOOST_TEST(sends[i].bytes_transferred() == 1 + (i + 1) % 200);
        BOOST_TEST(sends[i].calls == (i < done ? 0 : 1));
    }
}

BOOST_FIXTURE_TEST_CASE(a_waiting_send_is_cancelled_alone, local_datagrams)
{
    std::deque<context> sends;
    std::size_t const done = fill(socket, sends, 3);
    BOOST_TEST(sends[done].cancel());
    support::poll(io);
    BOOST_TEST(sends[done].calls == 1);
    BOOST_TEST(sends[done].error() == asio::error::operation_aborted);
    BOOST_TEST(sends[done].bytes_transferred() == 0u);
    BOOST_TEST(sends[done + 1].is_pending());
    std::array<char, 400> storage;
    for (std::size_t i = 0; i != done + 2; ++i)
    {
        other.receive(asio::buffer(storage));
        support::poll(io);
    }
    support::run(io);
    BOOST_TEST(sends[done + 1].error() == success);
    BOOST_TEST(sends[done + 2].error() == success);
    error_code ec;
    other.non_blocking(true);
    other.receive(asio::buffer(storage), 0, ec);
    BOOST_TEST(ec == asio::error::would_block);
}

BOOST_FIXTURE_TEST_CASE(a_deadline_ends_a_waiting_send, local_datagrams)
{
    std::deque<context> sends;
    fill(socket, sends, 1);
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.timeout(std::chrono::milliseconds(5));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == make_error_code(error::timeout));
    BOOST_TEST(sends.back().is_pending());
    sends.pop_back();
}

// A withdrawn datagram is no gap in a stream: later ones are sent.
BOOST_FIXTURE_TEST_CASE(a_withdrawn_send_breaks_nothing, local_datagrams)
{
    std::deque<context> sends;
    std::size_t const done = fill(socket, sends, 1);
    sends.pop_back();
    std::array<char, 400> storage;
    for (std::size_t i = 0; i != done; ++i)
    {
        other.receive(asio::buffer(storage));
    }
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    finish(io, tx, socket.start_send(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(other.receive(asio::buffer(storage)) == 3u);
}

BOOST_FIXTURE_TEST_CASE(closing_ends_waiting_sends, local_datagrams)
{
    std::deque<context> sends;
    std::size_t const done = fill(socket, sends, 2);
    socket.close();
    support::run(io);
    for (std::size_t i = done; i != sends.size(); ++i)
    {
        BOOST_TEST(sends[i].calls == 1);
        BOOST_TEST(sends[i].error() == asio::error::operation_aborted);
    }
}

// Of a receiver that is not the peer the system does not tell when it has
// room, so the operation does not wait for that.
BOOST_FIXTURE_TEST_CASE(a_full_receiver_is_reported, named)
{
    context tx;
    tx.buffer(asio::buffer("abc", 3));
    tx.endpoint(other.local_endpoint());
    std::size_t sent = 0;
    for (; sent != 100000; ++sent)
    {
        finish(io, tx, socket.start_send_to(tx));
        if (tx.error())
        {
            break;
        }
    }
    BOOST_TEST(tx.error() == asio::error::would_block);
    BOOST_TEST(tx.bytes_transferred() == 0u);
    receiver rx;
    finish(io, rx, other.start_receive(rx));
    finish(io, tx, socket.start_send_to(tx));
    BOOST_TEST(tx.error() == success);
}

BOOST_FIXTURE_TEST_CASE(a_blocking_send_waits_for_the_receiver, named)
{
    socket.non_blocking(true);
    error_code ec;
    std::size_t sent = 0;
    while (!ec && sent != 100000)
    {
        socket.send_to(asio::buffer("abc", 3), other.local_endpoint(), 0, ec);
        ++sent;
    }
    BOOST_TEST(ec == asio::error::would_block);
    socket.non_blocking(false);
    support::background sender([&] {
        socket.send_to(asio::buffer("last", 4), other.local_endpoint());
    });
    std::array<char, 8> storage;
    for (std::size_t i = 0; i != sent; ++i)
    {
        other.receive(asio::buffer(storage));
    }
    sender.join();
    BOOST_TEST(std::string(storage.data(), 4) == "last");
    BOOST_TEST(socket.native_non_blocking());
}

// Descriptors

BOOST_FIXTURE_TEST_CASE(passed_descriptors_are_not_kept, local_datagrams)
{
    int const passed = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    BOOST_REQUIRE(passed >= 0);
    std::string text = "abc";
    ::iovec vector{&text[0], text.size()};
    alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ::cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::copy_n(
        reinterpret_cast<char const*>(&passed),
        sizeof(int),
        reinterpret_cast<char*>(CMSG_DATA(header)));
    BOOST_REQUIRE(::sendmsg(other.native_handle(), &message, 0) == 3);
    ::close(passed);
    receiver rx;
    finish(io, rx, socket.start_receive_from(rx));
    BOOST_TEST(rx.data() == "abc");
    // The fixture sees that none is left open.
}
