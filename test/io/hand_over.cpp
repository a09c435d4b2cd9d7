// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// precompiled: no

// Moving native sockets between this library and Asio, with every allocation
// of it failing in turn.

#define BOOST_TEST_MODULE io_hand_over
#include <opslot/local.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"

namespace {

// How many allocations of this thread succeed before one fails; less than 0:
// all succeed.
thread_local int allocations_left = -1;

void* allocate(std::size_t size)
{
    if (allocations_left >= 0 && allocations_left-- == 0)
    {
        throw std::bad_alloc();
    }
    if (void* const p = std::malloc(size ? size : 1))
    {
        return p;
    }
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t size)
{
    return allocate(size);
}

void* operator new[](std::size_t size)
{
    return allocate(size);
}

void operator delete(void* p) noexcept
{
    std::free(p);
}

void operator delete[](void* p) noexcept
{
    std::free(p);
}

void operator delete(void* p, std::size_t) noexcept
{
    std::free(p);
}

void operator delete[](void* p, std::size_t) noexcept
{
    std::free(p);
}

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using tcp = opslot::tcp;

tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);

// Calls `attempt` with its first, second, ... allocation failing, until none
// fails. It is given whether that is so.
template<typename Attempt>
void fail_in_turn(Attempt attempt)
{
    bool is_done = false;
    int failures = 0;
    for (int n = 0; !is_done; ++n)
    {
        BOOST_REQUIRE(n < 1000);
        support::descriptor_check const leaks;
        asio::io_context io;
        // The engine is there, and its first descriptors are in use.
        tcp::socket const first(io, tcp::v4());
        is_done = attempt(io, n);
        failures += !is_done;
    }
    BOOST_TEST_MESSAGE(failures << " failures");
}

// Makes a call with a limited number of allocations; whether it succeeded.
template<typename Call>
bool succeeds(int allocations, Call call)
{
    allocations_left = allocations;
    bool result = false;
    try
    {
        call();
        result = true;
    }
    catch (std::bad_alloc const&)
    {}
    catch (system_error const& e)
    {
        result = e.code() != asio::error::no_memory;
    }
    allocations_left = -1;
    return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_socket_that_is_not_taken_over_stays)
{
    fail_in_turn([](asio::io_context& io, int n) {
        // More sockets than the engine has room for without allocating.
        std::vector<tcp::socket> fill;
        for (int i = 0; i != 63; ++i)
        {
            fill.emplace_back(io, tcp::v4());
        }
        asio::ip::tcp::socket source(io, tcp::v4());
        std::optional<tcp::socket> target;
        bool const ok = succeeds(n, [&] { target.emplace(std::move(source)); });
        BOOST_TEST(source.is_open() == !ok);
        return ok;
    });
}

BOOST_AUTO_TEST_CASE(an_acceptor_that_is_not_taken_over_stays)
{
    fail_in_turn([](asio::io_context& io, int n) {
        std::vector<tcp::socket> fill;
        for (int i = 0; i != 63; ++i)
        {
            fill.emplace_back(io, tcp::v4());
        }
        asio::ip::tcp::acceptor source(io, loopback);
        std::optional<tcp::acceptor> target;
        bool const ok = succeeds(n, [&] { target.emplace(std::move(source)); });
        BOOST_TEST(source.is_open() == !ok);
        return ok;
    });
}

BOOST_AUTO_TEST_CASE(a_local_pair_is_made_or_not)
{
    fail_in_turn([](asio::io_context& io, int n) {
        using local = opslot::local::stream_protocol;
        std::vector<tcp::socket> fill;
        for (int i = 0; i != 62; ++i)
        {
            fill.emplace_back(io, tcp::v4());
        }
        {
            // Asio loses the pair where it has no memory for its own state
            // of a descriptor, and keeps that of closed ones.
            asio::ip::tcp::socket const a(io, tcp::v4()), b(io, tcp::v4());
        }
        local::socket first(io), second(io);
        bool const ok =
            succeeds(n, [&] { opslot::local::connect_pair(first, second); });
        BOOST_TEST(first.is_open() == ok);
        BOOST_TEST(second.is_open() == ok);
        return ok;
    });
}

// Asio refuses a native socket that is registered with it already.
BOOST_AUTO_TEST_CASE(a_socket_that_asio_does_not_take_stays)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::socket socket(io);
    support::peer other = support::connect_tcp(socket);
    asio::ip::tcp::socket shadow(io);
    shadow.assign(tcp::v4(), socket.native_handle());
    BOOST_CHECK_THROW(socket.to_asio(), system_error);
    BOOST_REQUIRE(socket.is_open());
    shadow.release();
    other.write("a");
    std::array<char, 1> storage;
    BOOST_TEST(socket.read_some(asio::buffer(storage)) == 1u);
    asio::ip::tcp::socket moved = socket.to_asio();
    BOOST_TEST(moved.is_open());
    BOOST_TEST(!socket.is_open());

    tcp::acceptor acceptor(io, loopback);
    asio::ip::tcp::acceptor twin(io);
    twin.assign(tcp::v4(), acceptor.native_handle());
    BOOST_CHECK_THROW(acceptor.to_asio(), system_error);
    BOOST_TEST(acceptor.is_open());
    twin.release();
}
