// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#define BOOST_TEST_MODULE io_default_tokens
#include <opslot/tcp.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

using token = asio::use_awaitable_t<>;
using socket_type = token::as_default_on_t<opslot::tcp::socket>;
using acceptor_type = token::as_default_on_t<opslot::tcp::acceptor>;

static_assert(std::is_same_v<
              asio::default_completion_token<socket_type::executor_type>::type,
              token>);

tcp::endpoint const loopback(asio::ip::address_v4::loopback(), 0);

// Runs both to their ends, and reports what they throw.
template<typename... Bodies>
void run(asio::io_context& io, Bodies... bodies)
{
    int ended = 0;
    auto const at_end = [&](std::exception_ptr e) {
        ++ended;
        BOOST_CHECK_NO_THROW(if (e) std::rethrow_exception(e));
    };
    (asio::co_spawn(io, bodies, at_end), ...);
    support::run(io);
    BOOST_TEST(ended == static_cast<int>(sizeof...(bodies)));
}

} // namespace

BOOST_AUTO_TEST_CASE(as_default_on_makes_sockets_and_acceptors)
{
    asio::io_context io;
    opslot::tcp::socket plain(io, tcp::v4());
    socket_type converted = asio::use_awaitable.as_default_on(std::move(plain));
    BOOST_TEST(converted.is_open());
    BOOST_TEST(!plain.is_open());
    auto const deferred =
        asio::deferred_t::as_default_on(opslot::tcp::acceptor(io, loopback));
    BOOST_TEST(deferred.is_open());
}

BOOST_AUTO_TEST_CASE(every_operation_without_a_context_has_a_default_token)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    acceptor_type acceptor(io, loopback);
    auto const endpoint = acceptor.local_endpoint();
    run(
        io,
        [&]() -> asio::awaitable<void> {
            std::array<char, 2> storage;
            auto const buffer = asio::buffer(storage);
            {
                auto socket = co_await acceptor.async_accept();
                co_await socket.async_wait(socket_type::wait_read);
                std::size_t n = co_await socket.async_read_some(buffer);
                BOOST_TEST(n == 2u);
                n = co_await socket.async_receive(buffer);
                BOOST_TEST(n == 2u);
                n = co_await socket.async_receive(buffer, 0);
                BOOST_TEST(n == 2u);
                n = co_await asio::async_read(socket, buffer);
                BOOST_TEST(n == 2u);
                BOOST_TEST(std::string_view(storage.data(), 2) == "dd");
            }
            {
                tcp::endpoint peer;
                auto const socket = co_await acceptor.async_accept(peer);
                BOOST_TEST(socket.remote_endpoint() == peer);
            }
            {
                socket_type socket(io);
                co_await acceptor.async_accept(socket);
                BOOST_TEST(socket.is_open());
            }
            {
                socket_type socket(io);
                tcp::endpoint peer;
                co_await acceptor.async_accept(socket, peer);
                BOOST_TEST(socket.remote_endpoint() == peer);
            }
            {
                auto executor = io.get_executor();
                auto const socket = co_await acceptor.async_accept(executor);
                BOOST_TEST(socket.is_open());
            }
            {
                auto const socket =
                    co_await acceptor.async_accept(io.get_executor());
                BOOST_TEST(socket.is_open());
            }
            {
                auto const socket = co_await acceptor.async_accept(io);
                BOOST_TEST(socket.is_open());
            }
            co_await acceptor.async_wait(acceptor_type::wait_read);
        },
        [&]() -> asio::awaitable<void> {
            socket_type socket(io);
            co_await socket.async_connect(endpoint);
            co_await socket.async_write_some(asio::buffer("aa", 2));
            co_await socket.async_send(asio::buffer("bb", 2));
            co_await socket.async_send(asio::buffer("cc", 2), 0);
            co_await asio::async_write(socket, asio::buffer("dd", 2));
            std::vector<tcp::endpoint> const range{endpoint};
            for (int i = 0; i != 7; ++i)
            {
                socket.close();
                tcp::endpoint const used =
                    co_await opslot::async_connect(socket, range);
                BOOST_TEST(used == endpoint);
            }
        });
}

BOOST_AUTO_TEST_CASE(so_has_every_operation_on_datagrams)
{
    using datagram_socket = token::as_default_on_t<opslot::udp::socket>;
    using asio::ip::udp;
    support::descriptor_check const leaks;
    asio::io_context io;
    udp::endpoint const any(asio::ip::address_v4::loopback(), 0);
    datagram_socket first(io, any), second(io, any);
    run(
        io,
        [&]() -> asio::awaitable<void> {
            auto const text = asio::buffer("abc", 3);
            co_await first.async_connect(second.local_endpoint());
            co_await first.async_send(text);
            co_await first.async_send(text, 0);
            co_await first.async_send_to(text, second.local_endpoint());
            co_await first.async_send_to(text, second.local_endpoint(), 0);
        },
        [&]() -> asio::awaitable<void> {
            std::array<char, 8> storage;
            auto const buffer = asio::buffer(storage);
            udp::endpoint sender;
            co_await second.async_wait(datagram_socket::wait_read);
            std::size_t n = co_await second.async_receive(buffer);
            BOOST_TEST(n == 3u);
            n = co_await second.async_receive(buffer, 0);
            BOOST_TEST(n == 3u);
            n = co_await second.async_receive_from(buffer, sender);
            BOOST_TEST(n == 3u);
            BOOST_TEST(sender == first.local_endpoint());
            sender = {};
            n = co_await second.async_receive_from(buffer, sender, 0);
            BOOST_TEST(n == 3u);
            BOOST_TEST(sender == first.local_endpoint());
        });
}

BOOST_AUTO_TEST_CASE(a_token_may_be_given_beside_the_default)
{
    asio::io_context io;
    acceptor_type acceptor(io, loopback);
    socket_type client(io);
    int calls = 0;
    acceptor.async_accept([&](boost::system::error_code ec, socket_type peer) {
        BOOST_TEST(!ec);
        BOOST_TEST(peer.is_open());
        ++calls;
    });
    client.async_connect(
        acceptor.local_endpoint(), [&](boost::system::error_code ec) {
            BOOST_TEST(!ec);
            ++calls;
        });
    support::run(io);
    BOOST_TEST(calls == 2);
}
