// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The load generators of the benchmarks, with servers that do what they should
// and with some that do not.

#include "../../bench/load/load.hpp"

#define BOOST_TEST_MODULE bench_loads
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "../../bench/servers/content.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using bench::cell;

auto const loopback = asio::ip::address_v4::loopback();

/// Changes a byte of an answer, or not.
using fault = std::function<void(std::string&)>;

void none(std::string&) {}

void wrong_byte(std::string& answer)
{
    answer[answer.size() / 2] ^= 1;
}

/// Answers one connection after the other, each until it is closed.
class stream_server
{
public:
    /// @param size Of a request.
    /// @param answer What a request is answered with; nothing ends the
    /// connection.
    stream_server(
        std::size_t size,
        std::function<std::string(std::string const&)> answer,
        std::size_t connections)
        : acceptor_(io_, {loopback, 0})
        , thread_([this, size, answer, connections] {
            for (std::size_t i = 0; i != connections; ++i)
            {
                serve(size, answer);
            }
        })
    {}

    ~stream_server() { thread_.join(); }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    void serve(
        std::size_t size,
        std::function<std::string(std::string const&)> const& answer)
    {
        boost::system::error_code ec;
        tcp::socket socket(io_);
        acceptor_.accept(socket, ec);
        std::string request(size, '\0');
        while (!ec)
        {
            asio::read(socket, asio::buffer(request), ec);
            std::string const bytes = ec ? std::string() : answer(request);
            if (bytes.empty())
            {
                return;
            }
            asio::write(socket, asio::buffer(bytes), ec);
        }
    }

    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::thread thread_;
};

/// Sends each of so many datagrams back.
class datagram_server
{
public:
    datagram_server(std::size_t datagrams, fault const& f)
        : socket_(io_, {loopback, 0})
        , thread_([this, datagrams, f] {
            for (std::size_t i = 0; i != datagrams; ++i)
            {
                std::string bytes(2048, '\0');
                udp::endpoint sender;
                bytes.resize(socket_.receive_from(asio::buffer(bytes), sender));
                f(bytes);
                socket_.send_to(asio::buffer(bytes), sender);
            }
        })
    {}

    ~datagram_server() { thread_.join(); }

    std::uint16_t port() const { return socket_.local_endpoint().port(); }

private:
    asio::io_context io_;
    udp::socket socket_;
    std::thread thread_;
};

cell cell_of(char const* suite)
{
    cell c;
    c.suite = suite;
    return c;
}

bench::order requests(std::uint64_t n)
{
    bench::order o;
    o.requests = n;
    return o;
}

bool is_wrong_byte(std::runtime_error const& e)
{
    return std::string(e.what()) == "a wrong byte came back";
}

/// The outcome of ten requests on one connection.
bench::outcome run_stream(
    cell const& c,
    std::size_t request_bytes,
    std::function<std::string(std::string const&)> const& answer)
{
    stream_server server(request_bytes, answer, 1);
    return bench::make_stream_load(c, server.port())->run(requests(10));
}

std::function<std::string(std::string const&)> echo(fault const& f)
{
    return [f](std::string bytes) {
        f(bytes);
        return bytes;
    };
}

BOOST_AUTO_TEST_CASE(every_echoed_message_counts_and_has_a_latency)
{
    cell c = cell_of("echo");
    c.outstanding = 4;
    auto const result = run_stream(c, c.message_bytes, echo(none));
    BOOST_TEST(result.messages == 10u);
    BOOST_TEST(result.latency_us[0] > 0);
    BOOST_TEST(result.latency_us[0] <= result.latency_us[2]);
    BOOST_TEST(result.time.count() > 0);
}

BOOST_AUTO_TEST_CASE(a_wrong_byte_of_an_echo_is_found)
{
    cell const c = cell_of("echo");
    BOOST_CHECK_EXCEPTION(
        run_stream(c, c.message_bytes, echo(wrong_byte)),
        std::runtime_error,
        is_wrong_byte);
}

BOOST_AUTO_TEST_CASE(a_request_may_have_several_answers)
{
    cell c = cell_of("queued_sends");
    c.fan_out = 3;
    auto const three_times = [](fault const& f) {
        return [f](std::string const& bytes) {
            std::string last = bytes;
            f(last);
            return bytes + bytes + last;
        };
    };
    BOOST_TEST(
        run_stream(c, c.message_bytes, three_times(none)).messages == 30u);
    BOOST_CHECK_EXCEPTION(
        run_stream(c, c.message_bytes, three_times(wrong_byte)),
        std::runtime_error,
        is_wrong_byte);
}

BOOST_AUTO_TEST_CASE(a_file_is_compared)
{
    cell c = cell_of("files");
    c.message_bytes = 5000;
    auto const file = [&c](fault const& f) {
        return [&c, f](std::string const&) {
            std::string bytes = bench::pattern(c.message_bytes);
            f(bytes);
            return bench::file_header() + bytes;
        };
    };
    BOOST_TEST(
        run_stream(c, bench::file_request_bytes, file(none)).messages == 10u);
    BOOST_CHECK_EXCEPTION(
        run_stream(c, bench::file_request_bytes, file(wrong_byte)),
        std::runtime_error,
        is_wrong_byte);
}

BOOST_AUTO_TEST_CASE(a_server_that_goes_away_is_an_error)
{
    cell const c = cell_of("echo");
    BOOST_CHECK_THROW(
        run_stream(
            c,
            c.message_bytes,
            [](std::string const&) -> std::string { return {}; }),
        std::runtime_error);
}

BOOST_AUTO_TEST_CASE(datagrams_are_compared)
{
    cell const c = cell_of("udp_echo");
    datagram_server good(10, none);
    BOOST_TEST(
        bench::make_datagram_load(c, good.port())->run(requests(10)).messages ==
        10u);
    datagram_server bad(1, wrong_byte);
    auto const load = bench::make_datagram_load(c, bad.port());
    BOOST_CHECK_EXCEPTION(
        load->run(requests(1)), std::runtime_error, is_wrong_byte);
}

BOOST_AUTO_TEST_CASE(datagrams_of_one_packet_are_compared_one_by_one)
{
    cell c = cell_of("udp_echo");
    c.merges_datagrams = true;
    c.fan_out = 4;
    // An order is as many requests as are on their way at a time.
    std::size_t const outstanding = 3 * c.fan_out;
    datagram_server good(10 * outstanding, none);
    BOOST_TEST(
        bench::make_datagram_load(c, good.port())->run(requests(10)).messages ==
        10 * outstanding);
    // The last one only.
    std::size_t datagrams = 0;
    datagram_server bad(outstanding, [&](std::string& bytes) {
        if (++datagrams == outstanding)
        {
            wrong_byte(bytes);
        }
    });
    auto const load = bench::make_datagram_load(c, bad.port());
    BOOST_CHECK_EXCEPTION(
        load->run(requests(1)), std::runtime_error, is_wrong_byte);
}

BOOST_AUTO_TEST_CASE(short_connections_are_counted_and_compared)
{
    cell const c = cell_of("accept_churn");
    {
        stream_server good(c.message_bytes, echo(none), 10);
        BOOST_TEST(
            bench::make_churn_load(c, good.port())
                ->run(requests(10))
                .messages == 10u);
    }
    stream_server bad(c.message_bytes, echo(wrong_byte), 1);
    BOOST_CHECK_EXCEPTION(
        bench::make_churn_load(c, bad.port())->run(requests(10)),
        std::runtime_error,
        is_wrong_byte);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_asked)
{
    cell const c = cell_of("idle");
    stream_server bad(c.message_bytes, echo(wrong_byte), 1);
    BOOST_CHECK_EXCEPTION(
        bench::make_idle_load(c, bad.port())->run({}),
        std::runtime_error,
        is_wrong_byte);
}

} // namespace
