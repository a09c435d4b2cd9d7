// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/udp.hpp>

#define BOOST_TEST_MODULE io_udp
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "support/datagram_peer.hpp"
#include "support/open_descriptors.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using udp = opslot::udp;

// As it is written for Asio: the time server of its tutorial, with an answer
// that does not change, and a client of it.
template<typename Udp>
class asio_application
{
    using endpoint = typename Udp::endpoint;

public:
    std::string_view run()
    {
        receive();
        typename Udp::resolver resolver(io_);
        auto const found = resolver.resolve(
            Udp::v4(),
            "127.0.0.1",
            std::to_string(server_.local_endpoint().port()));
        client_.open(Udp::v4());
        client_.send_to(asio::buffer("?", 1), *found.begin());
        client_.async_receive_from(
            asio::buffer(answer_), peer_, [this](error_code ec, std::size_t n) {
                BOOST_TEST(!ec);
                size_ = n;
            });
        support::run(io_);
        BOOST_TEST(peer_ == server_.local_endpoint());
        return {answer_.data(), size_};
    }

private:
    void receive()
    {
        server_.async_receive_from(
            asio::buffer(question_),
            remote_,
            [this](error_code ec, std::size_t) {
                BOOST_TEST(!ec);
                server_.async_send_to(
                    asio::buffer("now", 3),
                    remote_,
                    [](error_code e, std::size_t) { BOOST_TEST(!e); });
            });
    }

    asio::io_context io_;
    typename Udp::socket server_{io_, support::any_port()};
    typename Udp::socket client_{io_};
    endpoint remote_, peer_;
    std::array<char, 1> question_{};
    std::array<char, 16> answer_{};
    std::size_t size_ = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(the_types_of_asio_are_there)
{
    using asio_udp = asio::ip::udp;
    static_assert(std::is_same_v<udp::endpoint, asio_udp::endpoint>);
    static_assert(std::is_same_v<udp::resolver, asio_udp::resolver>);
    static_assert(std::is_same_v<decltype(udp::v4()), asio_udp>);
    static_assert(std::is_same_v<udp::socket::protocol_type, asio_udp>);
    static_assert(
        std::is_same_v<udp::socket::executor_type, asio::any_io_executor>);
    static_assert(!std::is_same_v<udp::socket, asio_udp::socket>);
    BOOST_TEST(udp::v4().family() == AF_INET);
    BOOST_TEST(udp::v6().family() == AF_INET6);
}

BOOST_AUTO_TEST_CASE(the_types_of_the_library_belong_together)
{
    static_assert(
        std::is_same_v<udp::socket::context_type, udp::datagram_context>);
    static_assert(
        std::is_same_v<udp::datagram_context::endpoint_type, udp::endpoint>);
    static_assert(!std::is_default_constructible_v<udp>);
}

BOOST_AUTO_TEST_CASE(a_protocol_can_be_kept)
{
    udp protocol = udp::v4();
    BOOST_TEST((protocol == udp::v4()));
    protocol = udp::endpoint(udp::v6(), 0).protocol();
    asio::io_context io;
    udp::socket const socket(io, protocol);
    BOOST_TEST((socket.local_endpoint().protocol() == udp::v6()));
}

BOOST_AUTO_TEST_CASE(an_application_of_asio_runs_on_it)
{
    support::descriptor_check const leaks;
    BOOST_TEST(asio_application<asio::ip::udp>().run() == "now");
    BOOST_TEST(asio_application<udp>().run() == "now");
}

BOOST_AUTO_TEST_CASE(a_range_of_endpoints_is_tried)
{
    asio::io_context io;
    udp::socket socket(io);
    support::datagram_peer const other;
    std::array<udp::endpoint, 1> const range{other.endpoint()};
    BOOST_TEST(opslot::connect(socket, range) == other.endpoint());
    BOOST_TEST(socket.remote_endpoint() == other.endpoint());
}
