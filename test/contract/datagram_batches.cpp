// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What batches receive and send, with all that the system has and without
// parts of it.

#define BOOST_TEST_MODULE contract_datagram_batches
#include "contract/datagram_batches.hpp"

#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/connection.hpp"
#include "support/datagram_peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
using asio::socket_base;
using boost::system::error_code;
using contract::batch_context;
using contract::batch_receiver;
using contract::datagram_receiver;
using contract::datagrams;
using contract::environments;
using contract::forced;
using contract::send_merged;
using contract::split;
using opslot::completed;
using opslot::operation_kind;
using opslot::pending;
using support::finish;
using support::payload;
using udp = opslot::udp;
using strings = std::vector<std::string>;

error_code const success;
auto const families = data::make({AF_INET, AF_INET6});
auto const everywhere = data::make(environments());

// Receives until there are so many.
strings receive_all(datagrams& d, batch_receiver& rx, std::size_t count)
{
    strings result;
    while (result.size() < count)
    {
        finish(d.io, rx, d.socket.start_receive_batch(rx));
        BOOST_REQUIRE(rx.error() == success);
        BOOST_REQUIRE(rx.size() != 0u);
        for (auto const& each : rx.all())
        {
            result.push_back(each);
        }
    }
    return result;
}

} // namespace

// Receiving

BOOST_DATA_TEST_CASE(
    what_is_there_comes_together, everywhere* families, has, family)
{
    forced const system(has);
    datagrams d(family);
    support::datagram_peer third(family);
    batch_receiver rx;
    strings sent;
    for (std::uint32_t i = 0; i != 20; ++i)
    {
        sent.push_back(payload(i * 7, i));
        (i % 3 ? d.other : third).send(sent.back(), d.socket.local_endpoint());
    }
    BOOST_TEST((d.socket.start_receive_batch(rx) == completed));
    BOOST_TEST(rx.error() == success);
    BOOST_TEST((rx.all() == sent));
    std::size_t bytes = 0;
    for (std::size_t i = 0; i != rx.size(); ++i)
    {
        auto const& from = i % 3 ? d.other : third;
        BOOST_TEST(rx[i].endpoint() == from.endpoint());
        BOOST_TEST(!rx[i].is_truncated());
        BOOST_TEST(rx[i].error() == success);
        BOOST_TEST(rx[i].packet_information().interface_index == 0u);
        bytes += sent[i].size();
    }
    BOOST_TEST(rx.bytes_transferred() == bytes);
    BOOST_TEST((rx.last_operation() == operation_kind::receive_batch));
    support::poll(d.io);
    BOOST_TEST(rx.calls == 0);
}

BOOST_DATA_TEST_CASE(the_first_one_is_waited_for, everywhere, has)
{
    forced const system(has);
    datagrams d;
    batch_receiver rx;
    for (int i = 0; i != 3; ++i)
    {
        auto const result = d.socket.start_receive_batch(rx);
        BOOST_TEST((result == pending));
        support::poll(d.io);
        BOOST_TEST(rx.is_pending());
        BOOST_TEST(rx.size() == 0u);
        d.send("abc");
        finish(d.io, rx, result);
        BOOST_TEST((rx.all() == strings{"abc"}));
    }
    d.send("d");
    d.socket.async_receive_batch(rx);
    BOOST_TEST(rx.calls == 3);
    support::run(d.io);
    BOOST_TEST(rx.calls == 4);
    BOOST_TEST((rx.all() == strings{"d"}));
}

BOOST_DATA_TEST_CASE(no_more_come_than_there_is_room_for, everywhere, has)
{
    forced const system(has);
    datagrams d;
    batch_receiver few(4), small(64, 16);
    // A slab with room for two.
    small.slab(asio::buffer(small.storage, 47), 16);
    strings sent;
    for (std::uint32_t i = 0; i != 16; ++i)
    {
        sent.push_back(payload(10, i));
        d.send(sent.back());
    }
    std::size_t done = 0;
    for (batch_receiver* const rx : {&few, &small, &few, &small, &few})
    {
        std::size_t const room = rx == &few ? 4 : 2;
        BOOST_TEST((d.socket.start_receive_batch(*rx) == completed));
        BOOST_TEST(
            (rx->all() == strings(
                              sent.begin() + static_cast<long>(done),
                              sent.begin() + static_cast<long>(done + room))));
        done += room;
    }
    BOOST_TEST(done == sent.size());
    BOOST_TEST((d.socket.start_receive_batch(few) == pending));
    few.cancel();
    support::run(d.io);
}

BOOST_DATA_TEST_CASE(
    merged_datagrams_are_split, everywhere* families, has, family)
{
    forced const system(has);
    datagrams d(family);
    batch_receiver rx;
    // The first receive asks for them.
    auto const result = d.socket.start_receive_batch(rx);
    BOOST_TEST((result == pending));
    std::string const sent = payload(1040);
    send_merged(d.other, sent, 100, d.socket.local_endpoint());
    finish(d.io, rx, result);
    BOOST_TEST((rx.all() == split(sent, 100)));
    for (std::size_t i = 0; i != rx.size(); ++i)
    {
        BOOST_TEST(rx[i].endpoint() == d.other.endpoint());
        BOOST_TEST(!rx[i].is_truncated());
    }
    BOOST_TEST(rx.bytes_transferred() == sent.size());
}

BOOST_DATA_TEST_CASE(what_is_merged_and_not_taken_is_kept, everywhere, has)
{
    forced const system(has);
    datagrams d;
    support::datagram_peer third;
    batch_receiver few(3), tiny(64, 10), rx;
    auto const target = d.socket.local_endpoint();
    for (batch_receiver* const next : {&few, &rx, &tiny})
    {
        for (int round = 0; round != 2; ++round)
        {
            auto const result = d.socket.start_receive_batch(*next);
            BOOST_TEST((result == pending));
            std::string const first = payload(640, 1), second = payload(70, 2);
            send_merged(d.other, first, 10, target);
            third.send("single", target);
            send_merged(third, second, 8, target);
            finish(d.io, *next, result);
            strings expected = split(first, 10);
            expected.push_back("single");
            for (auto const& each : split(second, 8))
            {
                expected.push_back(each);
            }
            strings received = next->all();
            for (auto const& each :
                 receive_all(d, *next, expected.size() - received.size()))
            {
                received.push_back(each);
            }
            BOOST_TEST((received == expected));
            BOOST_TEST(
                (*next)[next->size() - 1].endpoint() == third.endpoint());
        }
    }
}

BOOST_DATA_TEST_CASE(merged_ones_may_come_among_others, everywhere, has)
{
    forced const system(has);
    for (std::size_t const capacity : {4u, 5u, 64u})
    {
        datagrams d;
        batch_receiver rx(capacity);
        auto const result = d.socket.start_receive_batch(rx);
        BOOST_TEST((result == pending));
        strings expected;
        for (std::uint32_t i = 0; i != 40; ++i)
        {
            // Four at first, which fill a small list.
            bool const is_merged = i % 13 == 0;
            std::string const bytes = payload(is_merged ? 100 : 150, i);
            std::size_t const size = is_merged ? 25 : bytes.size();
            send_merged(d.other, bytes, size, d.socket.local_endpoint());
            for (auto const& each : split(bytes, size))
            {
                expected.push_back(each);
            }
        }
        finish(d.io, rx, result);
        BOOST_TEST(rx.size() <= capacity);
        strings received = rx.all();
        while (received.size() < expected.size())
        {
            finish(d.io, rx, d.socket.start_receive_batch(rx));
            BOOST_TEST(rx.size() <= capacity);
            for (auto const& each : rx.all())
            {
                received.push_back(each);
            }
        }
        BOOST_TEST((received == expected));
    }
}

BOOST_DATA_TEST_CASE(each_datagram_is_cut_for_itself, everywhere, has)
{
    forced const system(has);
    datagrams d;
    batch_receiver rx(8, 3);
    auto const result = d.socket.start_receive_batch(rx);
    BOOST_TEST((result == pending));
    send_merged(d.other, "abcdefghij", 4, d.socket.local_endpoint());
    d.send("1234");
    d.send("567");
    d.send("89");
    finish(d.io, rx, result);
    strings received;
    strings const expected{"abc", "efg", "ij", "123", "567", "89"};
    std::vector<bool> cut;
    for (;;)
    {
        for (std::size_t i = 0; i != rx.size(); ++i)
        {
            received.push_back(rx.data(i));
            cut.push_back(rx[i].is_truncated());
        }
        if (received.size() >= expected.size())
        {
            break;
        }
        finish(d.io, rx, d.socket.start_receive_batch(rx));
    }
    BOOST_TEST((received == expected));
    BOOST_TEST(
        (cut == std::vector<bool>{true, true, false, true, false, false}));
}

BOOST_DATA_TEST_CASE(the_largest_datagrams_arrive, everywhere, has)
{
    forced const system(has);
    datagrams d;
    std::string const largest = payload(65507);
    for (std::size_t const room : {65507u, 70000u, 1000u})
    {
        batch_receiver rx(2, room);
        auto const result = d.socket.start_receive_batch(rx);
        BOOST_TEST((result == pending));
        d.send(largest);
        finish(d.io, rx, result);
        BOOST_TEST(rx.size() == 1u);
        BOOST_TEST((rx.data(0) == largest.substr(0, room)));
        BOOST_TEST(rx[0].is_truncated() == (room < largest.size()));
        send_merged(d.other, largest, 1100, d.socket.local_endpoint());
        strings expected = split(largest, 1100);
        for (auto& each : expected)
        {
            each.resize(std::min(each.size(), room));
        }
        BOOST_TEST((receive_all(d, rx, expected.size()) == expected));
    }
}

// All that a socket may be asked for gets the datagrams one by one and in
// order, however they arrive.
BOOST_DATA_TEST_CASE(every_kind_of_receive_splits, everywhere, has)
{
    forced const system(has);
    datagrams d;
    d.socket.set_option(socket_base::receive_buffer_size(1 << 20));
    d.socket.non_blocking(true);
    d.socket.sync_budget(udp::socket::unlimited_budget);
    d.socket.enable_packet_information();
    support::datagram_peer third;
    batch_receiver rx, few(3), tiny(100, 1);
    d.send("");
    finish(d.io, rx, d.socket.start_receive_batch(rx));
    std::mt19937 random(1);
    auto const below = [&](unsigned n) { return random() % n; };
    auto const target = d.socket.local_endpoint();

    struct datagram
    {
        std::string bytes;
        udp::endpoint sender;
    };

    std::deque<datagram> expected;
    auto const expect_next = [&](std::string const& bytes,
                                 udp::endpoint const& sender,
                                 std::size_t room) {
        BOOST_REQUIRE(!expected.empty());
        auto const& next = expected.front();
        BOOST_REQUIRE((bytes == next.bytes.substr(0, room)));
        BOOST_REQUIRE((sender == udp::endpoint() || sender == next.sender));
        expected.pop_front();
    };
    for (std::uint32_t i = 0; i != 400; ++i)
    {
        auto& from = below(2) ? d.other : third;
        std::size_t const size = 1 + below(60);
        if (below(2))
        {
            std::string const bytes = payload(below(5) ? size : 0, i);
            expected.push_back({bytes, from.endpoint()});
            from.send(bytes, target);
        }
        else
        {
            std::string const bytes =
                payload(size * (1 + below(60)) - below(2), i);
            for (auto const& each : split(bytes, size))
            {
                expected.push_back({each, from.endpoint()});
            }
            send_merged(from, bytes, size, target);
        }
        for (auto steps = below(20); steps-- != 0 && !expected.empty();)
        {
            datagram_receiver one;
            std::array<char, 100> storage;
            udp::endpoint sender;
            std::size_t n = 0;
            auto& next = below(3) == 0 ? few : below(2) ? rx : tiny;
            switch (below(6))
            {
            case 0:
                finish(d.io, one, d.socket.start_receive_from(one));
                expect_next(one.data(), one.sender(), 100);
                break;
            case 1:
                n = d.socket.receive_from(asio::buffer(storage), sender);
                expect_next({storage.data(), n}, sender, 100);
                break;
            case 2:
                one.message_flags(socket_base::message_peek);
                finish(d.io, one, d.socket.start_receive_from(one));
                BOOST_REQUIRE((one.data() == expected.front().bytes));
                one.message_flags(0);
                one.slice(0, 5);
                finish(d.io, one, d.socket.start_receive_message_from(one));
                BOOST_TEST(
                    one.is_truncated() == (expected.front().bytes.size() > 5));
                BOOST_TEST(
                    one.packet_information().destination == target.address());
                expect_next(one.data(), one.sender(), 5);
                break;
            case 3:
                BOOST_REQUIRE(
                    d.socket.available() == expected.front().bytes.size());
                d.socket.wait(udp::socket::wait_read);
                finish(
                    d.io,
                    one,
                    d.socket.start_wait(one, udp::socket::wait_read));
                BOOST_REQUIRE(one.error() == success);
                break;
            default:
                finish(d.io, next, d.socket.start_receive_batch(next));
                BOOST_REQUIRE(next.error() == success);
                for (std::size_t k = 0; k != next.size(); ++k)
                {
                    expect_next(
                        next.data(k),
                        next[k].endpoint(),
                        &next == &tiny ? 1 : 2048);
                }
            }
        }
    }
    while (!expected.empty())
    {
        finish(d.io, rx, d.socket.start_receive_batch(rx));
        for (std::size_t k = 0; k != rx.size(); ++k)
        {
            expect_next(rx.data(k), rx[k].endpoint(), 2048);
        }
    }
    BOOST_TEST(d.socket.available() == 0u);
    error_code ec;
    d.socket.wait(udp::socket::wait_read, ec);
    BOOST_TEST(ec == asio::error::would_block);
}

BOOST_DATA_TEST_CASE(
    a_pending_receive_of_one_goes_on_with_what_is_kept, everywhere, has)
{
    forced const system(has);
    datagrams d;
    batch_receiver few(2);
    std::deque<datagram_receiver> ones(3);
    auto const result = d.socket.start_receive_batch(few);
    for (auto& one : ones)
    {
        BOOST_TEST((d.socket.start_receive_from(one) == pending));
    }
    send_merged(d.other, "abcde", 1, d.socket.local_endpoint());
    finish(d.io, few, result);
    BOOST_TEST((few.all() == strings{"a", "b"}));
    support::run(d.io);
    for (std::size_t i = 0; i != ones.size(); ++i)
    {
        BOOST_TEST(ones[i].calls == 1);
        BOOST_TEST(ones[i].data() == std::string(1, "cde"[i]));
        BOOST_TEST(ones[i].sender() == d.other.endpoint());
    }
}

BOOST_DATA_TEST_CASE(
    where_datagrams_arrive_is_told_if_asked_for,
    everywhere* families,
    has,
    family)
{
    forced const system(has);
    datagrams d(family);
    batch_receiver rx(4);
    rx.wants_packet_information(true);
    rx.wants_senders(false);
    auto const result = d.socket.start_receive_batch(rx);
    BOOST_TEST((result == pending));
    send_merged(d.other, "abcdef", 1, d.socket.local_endpoint());
    finish(d.io, rx, result);
    std::size_t count = 0;
    for (;;)
    {
        for (std::size_t i = 0; i != rx.size(); ++i, ++count)
        {
            BOOST_TEST(
                rx[i].packet_information().destination ==
                d.socket.local_endpoint().address());
            BOOST_TEST(rx[i].packet_information().interface_index != 0u);
            BOOST_TEST(rx[i].endpoint() == udp::endpoint());
        }
        if (count == 6)
        {
            break;
        }
        finish(d.io, rx, d.socket.start_receive_batch(rx));
    }
    // The next one does not ask.
    rx.wants_packet_information(false);
    d.send("g");
    finish(d.io, rx, d.socket.start_receive_batch(rx));
    BOOST_TEST(rx[0].packet_information().destination.is_unspecified());
    BOOST_TEST(rx[0].endpoint() == udp::endpoint());
}

BOOST_DATA_TEST_CASE(an_error_of_the_socket_is_told, everywhere, has)
{
    forced const system(has);
    datagrams d;
    batch_receiver rx;
    udp::socket unbound(d.io, udp::v4());
    finish(d.io, rx, unbound.start_receive_batch(rx));
    BOOST_TEST(rx.error() == asio::error::invalid_argument);
    BOOST_TEST(rx.size() == 0u);
    d.socket.connect(d.other.endpoint());
    auto const result = d.socket.start_receive_batch(rx);
    BOOST_TEST((result == pending));
    d.other.close();
    d.socket.send(asio::buffer("abc", 3));
    finish(d.io, rx, result);
    BOOST_TEST(rx.error() == asio::error::connection_refused);
    BOOST_TEST(rx.size() == 0u);
    // The socket goes on, until it is shut down.
    auto const last = d.socket.start_receive_batch(rx);
    BOOST_TEST((last == pending));
    d.socket.shutdown(udp::socket::shutdown_receive);
    finish(d.io, rx, last);
    BOOST_TEST(rx.error() == asio::error::shut_down);
}

BOOST_DATA_TEST_CASE(what_came_before_the_shutdown_is_received, everywhere, has)
{
    forced const system(has);
    datagrams d;
    batch_receiver rx(4);
    d.socket.connect(d.other.endpoint());
    for (int i = 0; i != 6; ++i)
    {
        d.send("abc");
    }
    d.socket.shutdown(udp::socket::shutdown_receive);
    BOOST_TEST(receive_all(d, rx, 6).size() == 6u);
    finish(d.io, rx, d.socket.start_receive_batch(rx));
    BOOST_TEST(rx.error() == asio::error::shut_down);
}

// Sending

BOOST_DATA_TEST_CASE(
    each_datagram_goes_to_its_endpoint, everywhere* families, has, family)
{
    forced const system(has);
    datagrams d(family);
    support::datagram_peer third(family);
    batch_context tx;
    std::vector<std::pair<support::datagram_peer*, std::string>> sent;
    // Runs of one size to one peer, longer ones, shorter ones, and none.
    for (auto const& [first, size] :
         {std::pair(true, 100),
          {true, 100},
          {true, 40},
          {true, 100},
          {false, 100},
          {false, 100},
          {false, 200},
          {true, 0},
          {true, 0},
          {true, 7},
          {true, 8},
          {true, 7},
          {true, 0},
          {false, 1400}})
    {
        auto const seed = static_cast<std::uint32_t>(sent.size());
        sent.emplace_back(
            first ? &d.other : &third,
            payload(static_cast<std::size_t>(size), seed));
    }
    std::size_t bytes = 0;
    for (auto const& [peer, text] : sent)
    {
        tx.add(asio::buffer(text), peer->endpoint());
        bytes += text.size();
    }
    for (int round = 0; round != 2; ++round)
    {
        finish(d.io, tx, d.socket.start_send_batch(tx));
        BOOST_TEST(tx.error() == success);
        BOOST_TEST(tx.sent() == sent.size());
        BOOST_TEST(tx.error_index() == sent.size());
        BOOST_TEST(tx.size() == sent.size());
        BOOST_TEST(tx.bytes_transferred() == bytes);
        BOOST_TEST((tx.last_operation() == operation_kind::send_batch));
        for (std::size_t i = 0; i != sent.size(); ++i)
        {
            BOOST_TEST((sent[i].first->receive() == sent[i].second));
            BOOST_TEST(sent[i].first->sender() == d.socket.local_endpoint());
            BOOST_TEST(tx[i].error() == success);
            BOOST_TEST(tx[i].endpoint() == sent[i].first->endpoint());
        }
    }
}

BOOST_DATA_TEST_CASE(no_run_is_too_long_to_be_sent, everywhere, has)
{
    forced const system(has);
    datagrams d;
    for (std::size_t const size : {1u, 1400u, 9000u, 30000u})
    {
        std::size_t const count = std::min<std::size_t>(150, 90000 / size);
        batch_context tx(count);
        std::string const bytes = payload(count * size);
        strings const sent = split(bytes, size);
        for (std::size_t i = 0; i != count; ++i)
        {
            // Every other one somewhere else in memory.
            auto const b =
                i % 2 ? asio::buffer(sent[i]) : asio::buffer(bytes) + i * size;
            tx.add(asio::buffer(b, size), d.other.endpoint());
        }
        finish(d.io, tx, d.socket.start_send_batch(tx));
        BOOST_TEST(tx.error() == success);
        BOOST_TEST(tx.sent() == count);
        for (auto const& each : sent)
        {
            BOOST_TEST((d.other.receive() == each));
        }
    }
}

BOOST_DATA_TEST_CASE(a_connected_socket_needs_no_endpoints, everywhere, has)
{
    forced const system(has);
    datagrams d;
    d.socket.connect(d.other.endpoint());
    batch_context tx;
    for (char const* each : {"ab", "cd", "e", "fghi", ""})
    {
        tx.add(asio::buffer(each, std::strlen(each)));
    }
    tx.add(asio::buffer("last", 4), d.other.endpoint());
    finish(d.io, tx, d.socket.start_send_batch(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.sent() == 6u);
    BOOST_TEST(tx[0].endpoint() == udp::endpoint());
    for (char const* each : {"ab", "cd", "e", "fghi", "", "last"})
    {
        BOOST_TEST(d.other.receive() == each);
    }
}

BOOST_DATA_TEST_CASE(an_error_keeps_no_other_datagram_back, everywhere, has)
{
    forced const system(has);
    datagrams d;
    std::string const too_long(70000, 'x');
    batch_context tx;
    auto const target = d.other.endpoint();
    tx.add(asio::buffer("a", 1), target);
    tx.add(asio::buffer("b", 1), target);
    tx.add(asio::buffer(too_long), target);
    tx.add(asio::buffer("c", 1), target);
    tx.add(asio::buffer("nowhere", 7));
    tx.add(asio::buffer("d", 1), target);
    for (int round = 0; round != 2; ++round)
    {
        finish(d.io, tx, d.socket.start_send_batch(tx));
        BOOST_TEST(tx.error() == asio::error::message_size);
        BOOST_TEST(tx.error_index() == 2u);
        BOOST_TEST(tx.sent() == 4u);
        BOOST_TEST(tx.bytes_transferred() == 4u);
        for (std::size_t i : {0u, 1u, 3u, 5u})
        {
            BOOST_TEST(tx[i].error() == success);
        }
        BOOST_TEST(tx[2].error() == asio::error::message_size);
        BOOST_TEST(
            (tx[4].error() == asio::error::not_connected ||
             tx[4].error().value() == EDESTADDRREQ));
        for (char const* each : {"a", "b", "c", "d"})
        {
            BOOST_TEST(d.other.receive() == each);
        }
    }
    tx.clear();
    tx.add(asio::buffer("fine", 4), target);
    finish(d.io, tx, d.socket.start_send_batch(tx));
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx[0].error() == success);
    BOOST_TEST(d.other.receive() == "fine");
}

BOOST_DATA_TEST_CASE(a_peer_that_is_gone_costs_one_datagram, everywhere, has)
{
    forced const system(has);
    datagrams d;
    d.socket.connect(d.other.endpoint());
    d.other.close();
    batch_context tx;
    for (int i = 0; i != 4; ++i)
    {
        tx.add(asio::buffer("abc", 3));
    }
    d.socket.send(asio::buffer("first", 5));
    finish(d.io, tx, d.socket.start_send_batch(tx));
    BOOST_TEST(tx.error() == asio::error::connection_refused);
    BOOST_TEST(tx.error_index() == 0u);
    BOOST_TEST(tx[0].error() == asio::error::connection_refused);
    // The next one is sent, and has the one after it refused.
    BOOST_TEST(tx[1].error() == success);
}

BOOST_DATA_TEST_CASE(
    what_was_received_can_be_sent_back, everywhere* families, has, family)
{
    forced const system(has);
    datagrams d(family);
    support::datagram_peer third(family);
    batch_receiver c;
    auto const target = d.socket.local_endpoint();
    auto const result = d.socket.start_receive_batch(c);
    BOOST_TEST((result == pending));
    std::string const sent = payload(250);
    send_merged(d.other, sent, 100, target);
    third.send("abc", target);
    d.other.send("def", target);
    finish(d.io, c, result);
    std::size_t count = c.size();
    for (;;)
    {
        for (std::size_t i = 0; i != c.size(); ++i)
        {
            if (c.data(i) == "abc")
            {
                c.buffer(i, asio::buffer("an answer", 9));
            }
        }
        finish(d.io, c, d.socket.start_send_batch(c));
        BOOST_TEST(c.error() == success);
        BOOST_TEST(c.sent() == c.size());
        if (count == 5)
        {
            break;
        }
        finish(d.io, c, d.socket.start_receive_batch(c));
        count += c.size();
    }
    for (auto const& each : split(sent, 100))
    {
        BOOST_TEST((d.other.receive() == each));
        BOOST_TEST(d.other.sender() == target);
    }
    BOOST_TEST(d.other.receive() == "def");
    BOOST_TEST(third.receive() == "an answer");
}

// What it costs

#if !defined(OPSLOT_ENGINE_PORTABLE)

namespace {

constexpr std::size_t count = 64;

// How many calls it takes to send some datagrams to one peer, and to receive
// them.
struct calls
{
    std::uint64_t to_send;
    std::uint64_t to_receive;
};

calls count_calls(datagrams& d, udp::socket& sender, std::size_t size)
{
    batch_receiver rx, tx;
    for (std::size_t i = 0; i != count; ++i)
    {
        tx.add(
            asio::buffer(&tx.storage[i * size], size),
            d.socket.local_endpoint());
    }
    auto const before = opslot::diagnostics(d.io);
    finish(d.io, tx, sender.start_send_batch(tx));
    BOOST_TEST(tx.sent() == count);
    BOOST_TEST(receive_all(d, rx, count).size() == count);
    auto const after = opslot::diagnostics(d.io);
    return {
        after.send_calls - before.send_calls,
        after.receive_calls - before.receive_calls};
}

} // namespace

BOOST_DATA_TEST_CASE(
    one_call_does_for_many, everywhere* data::make({100, 1400}), has, size)
{
    forced const system(has);
    datagrams d;
    udp::socket sender(d.io, support::any_port());
    calls c{};
    // The first rounds learn.
    for (int round = 0; round != 4; ++round)
    {
        c = count_calls(d, sender, static_cast<std::size_t>(size));
    }
    namespace feature = opslot::detail::system::feature;
    bool const has_several = (has.missing & feature::several_messages) == 0;
    bool const sends_merged =
        (has.missing & feature::merged_sends) == 0 && has.refusal == 0;
    bool const receives_merged =
        sends_merged && (has.missing & feature::merged_receives) == 0;
    // Of the larger ones not all are in one message.
    std::uint64_t const messages = size == 100 ? 1 : 2;
    BOOST_TEST(
        c.to_send == (sends_merged  ? has_several ? 1u : messages
                      : has_several ? 4u
                                    : count));
    BOOST_TEST(
        (receives_merged ? c.to_receive == messages
         : has_several   ? c.to_receive >= 4 && c.to_receive <= 8
                         : c.to_receive == count),
        c.to_receive << " calls");
}

BOOST_AUTO_TEST_CASE(what_a_device_refuses_is_tried_once)
{
    for (int const error : {EIO, EINVAL, EMSGSIZE})
    {
        forced const system({"refused", 0, error});
        datagrams d;
        udp::socket sender(d.io, support::any_port());
        BOOST_TEST(count_calls(d, sender, 100).to_send == 5u);
        BOOST_TEST(count_calls(d, sender, 100).to_send == 4u);
    }
    // Other sockets are not concerned.
    datagrams d;
    udp::socket sender(d.io, support::any_port());
    BOOST_TEST(count_calls(d, sender, 100).to_send == 1u);
}

// sendmmsg(2) would forget errors of the peer.
BOOST_AUTO_TEST_CASE(to_the_peer_there_is_a_call_for_each_message)
{
    datagrams d;
    d.socket.connect(d.other.endpoint());
    batch_context tx;
    std::string const bytes(64, 'x');
    for (std::size_t i = 0; i != 20; ++i)
    {
        auto const b = asio::buffer(bytes, i + 1);
        i % 3 ? tx.add(b) : tx.add(b, d.other.endpoint());
    }
    auto const before = opslot::diagnostics(d.io).send_calls;
    finish(d.io, tx, d.socket.start_send_batch(tx));
    BOOST_TEST(tx.sent() == 20u);
    BOOST_TEST(opslot::diagnostics(d.io).send_calls - before == 20u);
}

#endif
