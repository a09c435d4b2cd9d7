// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// What a transmission asks of the system. The calls for files are counted by
// functions of this program that stand before the system's.

#define BOOST_TEST_MODULE contract_transmit_costs
#include <opslot/diagnostics.hpp>
#include <opslot/open_file.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/tcp.hpp>
#include <opslot/testing/allocation_counter.hpp>
#include <opslot/transmit_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/connection.hpp"
#include "support/files.hpp"
#include "support/heap.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

std::atomic<std::uint64_t> file_calls{0};
std::atomic<std::size_t> largest_file_call{0};
std::atomic<std::uint64_t> file_reads{0};

ssize_t count_sendfile(int out, int in, ::off_t* offset, std::size_t size)
{
    ++file_calls;
    largest_file_call = std::max<std::size_t>(largest_file_call, size);
    return ::syscall(SYS_sendfile, out, in, offset, size);
}

ssize_t count_pread(int fd, void* data, std::size_t size, ::off_t offset)
{
    ++file_reads;
    return ::syscall(SYS_pread64, fd, data, size, offset);
}

} // namespace

extern "C" {

ssize_t sendfile(int out, int in, ::off_t* offset, std::size_t size) noexcept
{
    return count_sendfile(out, in, offset, size);
}

ssize_t
sendfile64(int out, int in, ::off64_t* offset, std::size_t size) noexcept
{
    return count_sendfile(out, in, offset, size);
}

ssize_t pread(int fd, void* data, std::size_t size, ::off_t offset)
{
    return count_pread(fd, data, size, offset);
}

ssize_t pread64(int fd, void* data, std::size_t size, ::off64_t offset)
{
    return count_pread(fd, data, size, offset);
}

} // extern "C"

namespace {

namespace asio = boost::asio;
using opslot::completed;
using opslot::open_file;
using opslot::transmit_context;
using opslot::transmit_element;
using opslot::testing::allocation_counter;
using support::connection;
using support::finish;
using support::payload;
using support::temporary_file;
using transmission = support::counted<transmit_context>;

#if defined(OPSLOT_ENGINE_PORTABLE)
constexpr bool is_portable = true;
#else
constexpr bool is_portable = false;
#endif

struct counted_connection : connection
{
    counted_connection()
    {
        file_calls = 0;
        largest_file_call = 0;
        file_reads = 0;
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(
    a_large_file_is_not_copied_through_the_program, counted_connection)
{
    constexpr std::size_t size = 16 << 20;
    std::string const data = payload(size);
    temporary_file const file(data);
    transmission tx;
    tx.elements({open_file(file.path())});
    std::string arrived;
    support::background reader([&] { arrived = other.read(size); });
    auto const& memory = opslot::operation_memory::process();
    auto const before = memory.statistics().allocations;
    std::uint64_t allocations = 0;
    {
        allocation_counter const heap;
        auto const result = socket.start_transmit(tx);
        support::run_quietly(io);
        allocations = heap.count();
        BOOST_TEST((result == completed) == (tx.calls == 0));
    }
    reader.join();
    BOOST_TEST((arrived == data));
    BOOST_TEST(!tx.error());
    if constexpr (is_portable)
    {
        // A block of operation memory at a time.
        BOOST_TEST(file_calls == 0u);
        BOOST_TEST(file_reads >= size / 65536);
        BOOST_TEST(opslot::diagnostics(io).file_calls == 0u);
    }
    else
    {
        BOOST_TEST(file_reads == 0u);
        BOOST_TEST(file_calls >= size / (256 * 1024));
        BOOST_TEST(largest_file_call == 256u * 1024);
        BOOST_TEST(opslot::diagnostics(io).file_calls == file_calls);
        BOOST_TEST(opslot::diagnostics(io).send_calls == 0u);
        BOOST_TEST(memory.statistics().allocations == before);
        // Asio's own, for its thread.
        BOOST_TEST(allocations <= 4u);
    }
}

BOOST_FIXTURE_TEST_CASE(
    small_files_leave_with_what_is_around_them, counted_connection)
{
    std::string const content = payload(4096);
    std::string const text = payload(100, 2);
    temporary_file const file(content);
    open_file const opened(file.path());
    transmission tx;
    tx.elements(
        {asio::buffer(text), opened, asio::buffer(text), opened, opened});
    BOOST_TEST((socket.start_transmit(tx) == completed));
    BOOST_TEST(
        (other.read(tx.bytes_transferred()) ==
         text + content + text + content + content));
    BOOST_TEST(file_calls == 0u);
    BOOST_TEST(file_reads == 3u);
    if constexpr (!is_portable)
    {
        BOOST_TEST(opslot::diagnostics(io).send_calls == 1u);
    }
}

#if !defined(OPSLOT_ENGINE_PORTABLE)

BOOST_FIXTURE_TEST_CASE(
    a_header_a_file_and_a_trailer_share_segments, counted_connection)
{
    // With TCP_NODELAY each call would make a segment of its own.
    socket.set_option(asio::ip::tcp::no_delay(true));
    auto const info = [&] {
        // The C library has the beginning of it only: linux/tcp.h.
        struct
        {
            ::tcp_info base;
            std::uint64_t rates_and_bytes[4];
            std::uint32_t segments_out;
        } result{};
        ::socklen_t size = sizeof(result);
        ::getsockopt(
            socket.native_handle(), IPPROTO_TCP, TCP_INFO, &result, &size);
        BOOST_REQUIRE(size == sizeof(result));
        return result;
    };
    std::string const content = payload(20000);
    std::string const text = payload(100, 2);
    BOOST_REQUIRE(info().base.tcpi_snd_mss > content.size() + 2 * text.size());
    temporary_file const file(content);
    transmission tx;
    tx.elements(
        {asio::buffer(text), open_file(file.path()), asio::buffer(text)});
    auto const before = info().segments_out;
    BOOST_TEST((socket.start_transmit(tx) == completed));
    BOOST_TEST((other.read(20200) == text + content + text));
    BOOST_TEST(info().segments_out == before + 1);
    BOOST_TEST(file_calls == 1u);
    // It was uncorked for what follows, and a cork of the program's own is
    // left where it is.
    int cork = 0;
    ::socklen_t size = sizeof(cork);
    auto const get_cork = [&] {
        ::getsockopt(
            socket.native_handle(), IPPROTO_TCP, TCP_CORK, &cork, &size);
        return cork;
    };
    BOOST_TEST(get_cork() == 0);
    int const on = 1;
    ::setsockopt(
        socket.native_handle(), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
    BOOST_TEST((socket.start_transmit(tx) == completed));
    BOOST_TEST(get_cork() == 1);
    BOOST_TEST(other.read(20200).size() == 20200u);
}

#endif

BOOST_AUTO_TEST_CASE(
    transmissions_do_not_allocate, *support::where_allocations_are_seen())
{
    asio::io_context io;
    support::socket_pair pair(io.get_executor());
    std::string const small = payload(3000);
    std::string const large = payload(300000);
    temporary_file const small_file(small);
    temporary_file const large_file(large);
    open_file const first(small_file.path());
    open_file const second(large_file.path());
    std::array<transmit_element, 4> const list{
        asio::buffer(small), first, second, asio::buffer(small)};
    std::size_t const size = 3 * small.size() + large.size();
    std::string storage(size, '\0');
    opslot::stream_context rx;
    rx.buffer(asio::buffer(storage));
    rx.at_least(size);
    transmit_context tx;
    int ended = 0;
    rx.completion_handler([&](auto&) { ++ended; });
    tx.completion_handler([&](auto&) { ++ended; });
    bool has_token = false;
    support::expect_no_allocations([&] {
        ended = 0;
        tx.elements(list);
        pair.second.async_receive(rx);
        if (has_token)
        {
            pair.first.async_transmit(
                tx, [&](boost::system::error_code, std::size_t) { ++ended; });
        }
        else
        {
            ended += pair.first.start_transmit(tx) == completed;
        }
        has_token = !has_token;
        return support::run_quietly(io) && ended == 2 && !tx.error() &&
               tx.bytes_transferred() == size;
    });
    BOOST_TEST((storage == small + small + large + small));
}

BOOST_AUTO_TEST_CASE(
    disconnects_do_not_allocate, *support::where_allocations_are_seen())
{
    asio::io_context io;
    opslot::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    opslot::tcp::socket socket(io);
    opslot::tcp::socket peer(io);
    socket.connect(acceptor.local_endpoint());
    acceptor.accept(peer);
    socket.set_option(asio::ip::tcp::no_delay(true));
    opslot::stream_context end;
    auto const to = acceptor.local_endpoint();
    support::expect_no_allocations([&] {
        boost::system::error_code ec;
        bool const ok = socket.start_disconnect(
                            end, opslot::socket_reuse::yes) == completed &&
                        !end.error();
        peer.close();
        socket.connect(to, ec);
        acceptor.accept(peer, ec);
        return ok && !ec;
    });
}
