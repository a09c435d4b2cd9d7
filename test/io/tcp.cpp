// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_tcp
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = opslot::tcp;

// As an application for Asio has it.
class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : socket_(std::move(socket))
    {}

    void start()
    {
        socket_.set_option(tcp::no_delay(true));
        asio::async_read_until(
            socket_,
            asio::dynamic_buffer(data_),
            '\n',
            [self = shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->reply(n);
                }
            });
    }

private:
    void reply(std::size_t n)
    {
        asio::async_write(
            socket_,
            asio::buffer(data_, n),
            [self = shared_from_this(), n](error_code ec, std::size_t) {
                self->data_.erase(0, n);
                if (!ec)
                {
                    self->start();
                }
            });
    }

    tcp::socket socket_;
    std::string data_;
};

void accept(tcp::acceptor& acceptor)
{
    acceptor.async_accept([&](error_code ec, tcp::socket socket) {
        if (!ec)
        {
            std::make_shared<session>(std::move(socket))->start();
            accept(acceptor);
        }
    });
}

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using asio_tcp = asio::ip::tcp;
    static_assert(std::is_same_v<tcp::endpoint, asio_tcp::endpoint>);
    static_assert(std::is_same_v<tcp::resolver, asio_tcp::resolver>);
    static_assert(std::is_same_v<tcp::no_delay, asio_tcp::no_delay>);
    static_assert(std::is_same_v<decltype(tcp::v4()), asio_tcp>);
    static_assert(std::is_same_v<tcp::socket::protocol_type, asio_tcp>);
    static_assert(std::is_same_v<tcp::acceptor::protocol_type, asio_tcp>);
    static_assert(
        std::is_same_v<tcp::socket::executor_type, asio::any_io_executor>);
    static_assert(!std::is_same_v<tcp::socket, asio_tcp::socket>);
    static_assert(!std::is_same_v<tcp::acceptor, asio_tcp::acceptor>);
    BOOST_TEST(tcp::v4().family() == AF_INET);
    BOOST_TEST(tcp::v6().family() == AF_INET6);
}

BOOST_AUTO_TEST_CASE(the_types_of_the_library_belong_together)
{
    static_assert(std::is_same_v<tcp::acceptor::socket_type, tcp::socket>);
    static_assert(
        std::is_same_v<tcp::acceptor::context_type, tcp::accept_context>);
    static_assert(
        std::is_same_v<tcp::accept_context::socket_type, tcp::socket>);
    static_assert(!std::is_default_constructible_v<tcp>);
}

BOOST_AUTO_TEST_CASE(an_application_of_asio_runs_on_it)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(tcp::v4(), 0));
    accept(acceptor);

    tcp::socket client(io);
    tcp::resolver resolver(io);
    std::string reply;
    bool ended = false;
    resolver.async_resolve(
        "127.0.0.1",
        std::to_string(acceptor.local_endpoint().port()),
        [&](error_code ec, tcp::resolver::results_type const& results) {
            BOOST_REQUIRE(!ec);
            opslot::async_connect(
                client, results, [&](error_code ec1, tcp::endpoint const&) {
                    BOOST_REQUIRE(!ec1);
                    asio::async_write(
                        client,
                        asio::buffer("hello\n", 6),
                        [&](error_code ec2, std::size_t) {
                            BOOST_REQUIRE(!ec2);
                            asio::async_read_until(
                                client,
                                asio::dynamic_buffer(reply),
                                '\n',
                                [&](error_code ec3, std::size_t) {
                                    BOOST_TEST(!ec3);
                                    ended = true;
                                    client.close();
                                    acceptor.close();
                                });
                        });
                });
        });
    support::run(io);
    BOOST_TEST(ended);
    BOOST_TEST(reply == "hello\n");
}

BOOST_AUTO_TEST_CASE(both_families_work)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    for (auto const& address :
         {asio::ip::make_address("127.0.0.1"), asio::ip::make_address("::1")})
    {
        tcp::acceptor acceptor(io, tcp::endpoint(address, 0));
        tcp::socket client(io);
        opslot::connect_context to;
        to.endpoint(acceptor.local_endpoint());
        client.async_connect(to);
        tcp::socket server = acceptor.accept();
        support::run(io);
        BOOST_TEST(!to.error());
        BOOST_TEST(client.remote_endpoint() == server.local_endpoint());
        BOOST_TEST(server.remote_endpoint() == client.local_endpoint());
    }
}
