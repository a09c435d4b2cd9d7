// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/connect.hpp>
#include <opslot/tcp.hpp>

#define BOOST_TEST_MODULE io_connect
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/endpoints.hpp"
#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using support::refusing;
using support::silent;
using tcp = opslot::tcp;
using endpoints = std::vector<tcp::endpoint>;

error_code const success;

auto is(error_code const& ec)
{
    return [ec](system_error const& e) { return e.code() == ec; };
}

struct fixture
{
    support::descriptor_check leaks;
    asio::io_context io;
    tcp::socket socket{io};
    support::listener listener;
    refusing nobody;
    tcp::endpoint const good = listener.endpoint();
    tcp::endpoint const bad = nobody.endpoint();

    void check_connected()
    {
        support::peer other = listener.accept();
        BOOST_TEST(socket.remote_endpoint() == good);
        socket.write_some(asio::buffer("x", 1));
        BOOST_TEST(other.read(1) == "x");
    }
};

// Sees each attempt before it is made.
struct attempts
{
    std::vector<error_code>* errors;
    std::vector<tcp::endpoint>* seen;
    std::function<bool(tcp::endpoint const&)> chooses;

    bool operator()(error_code const& ec, tcp::endpoint const& next) const
    {
        errors->push_back(ec);
        seen->push_back(next);
        return !chooses || chooses(next);
    }
};

} // namespace

// Synchronously

BOOST_FIXTURE_TEST_CASE(the_first_endpoint_that_answers_is_taken, fixture)
{
    error_code ec = asio::error::fault;
    BOOST_TEST(opslot::connect(socket, endpoints{bad, good, bad}, ec) == good);
    BOOST_TEST(ec == success);
    check_connected();
    BOOST_TEST(opslot::connect(socket, endpoints{bad, good}) == good);
    check_connected();
    BOOST_TEST(opslot::connect(socket, endpoints{good, bad}) == good);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(ranges_of_every_kind_are_taken, fixture)
{
    BOOST_TEST(
        opslot::connect(socket, std::array<tcp::endpoint, 2>{bad, good}) ==
        good);
    check_connected();
    BOOST_TEST(
        opslot::connect(socket, std::list<tcp::endpoint>{bad, good}) == good);
    check_connected();
    auto const results = tcp::resolver(io).resolve(
        good.address().to_string(),
        std::to_string(good.port()),
        tcp::resolver::numeric_host | tcp::resolver::numeric_service);
    BOOST_TEST(opslot::connect(socket, results) == good);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(where_no_endpoint_answers_the_last_tells_why, fixture)
{
    error_code ec;
    BOOST_TEST(
        opslot::connect(socket, endpoints{bad, bad}, ec) == tcp::endpoint());
    BOOST_TEST(ec == asio::error::connection_refused);
    BOOST_CHECK_EXCEPTION(
        opslot::connect(socket, endpoints{bad}),
        system_error,
        is(asio::error::connection_refused));
}

BOOST_FIXTURE_TEST_CASE(where_there_is_no_endpoint_none_is_found, fixture)
{
    error_code ec;
    BOOST_TEST(opslot::connect(socket, endpoints(), ec) == tcp::endpoint());
    BOOST_TEST(ec == asio::error::not_found);
    BOOST_CHECK_EXCEPTION(
        opslot::connect(socket, endpoints()),
        system_error,
        is(asio::error::not_found));
    BOOST_TEST(
        opslot::connect(
            socket,
            endpoints{good},
            [](error_code const&, tcp::endpoint const&) { return false; },
            ec) == tcp::endpoint());
    BOOST_TEST(ec == asio::error::not_found);
    BOOST_TEST(!socket.is_open());
}

BOOST_FIXTURE_TEST_CASE(a_condition_chooses_among_the_endpoints, fixture)
{
    support::listener skipped;
    std::vector<error_code> errors;
    std::vector<tcp::endpoint> seen;
    attempts const condition{&errors, &seen, [&](tcp::endpoint const& e) {
                                 return e != skipped.endpoint();
                             }};
    endpoints const all{bad, skipped.endpoint(), good, bad};
    error_code ec = asio::error::fault;
    BOOST_TEST(opslot::connect(socket, all, condition, ec) == good);
    BOOST_TEST(ec == success);
    BOOST_TEST((seen == endpoints(all.begin(), all.begin() + 3)));
    BOOST_REQUIRE(errors.size() == 3u);
    BOOST_TEST(errors[0] == success);
    BOOST_TEST(errors[1] == asio::error::connection_refused);
    BOOST_TEST(errors[2] == asio::error::connection_refused);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(a_condition_and_an_exception_go_together, fixture)
{
    auto const is_good = [&](error_code const&, tcp::endpoint const& e) {
        return e == good;
    };
    BOOST_TEST(opslot::connect(socket, endpoints{bad, good}, is_good) == good);
    check_connected();
    BOOST_CHECK_EXCEPTION(
        opslot::connect(socket, endpoints{bad}, is_good),
        system_error,
        is(asio::error::not_found));
}

BOOST_FIXTURE_TEST_CASE(each_attempt_has_a_fresh_socket, fixture)
{
    support::listener v6(AF_INET6);
    auto const old = support::connect_tcp(socket);
    BOOST_TEST(
        opslot::connect(socket, endpoints{bad, v6.endpoint()}) ==
        v6.endpoint());
    BOOST_TEST(socket.remote_endpoint() == v6.endpoint());
}

// Asynchronously

namespace {

struct outcome
{
    int calls = 0;
    error_code error = asio::error::fault;
    tcp::endpoint endpoint;

    auto handler()
    {
        return [this](error_code ec, tcp::endpoint const& e) {
            ++calls;
            error = ec;
            endpoint = e;
        };
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_async_connect_takes_the_first_that_answers, fixture)
{
    for (auto const& all :
         {endpoints{bad, good, bad},
          endpoints{good},
          endpoints{bad, bad, good}})
    {
        outcome o;
        opslot::async_connect(socket, all, o.handler());
        BOOST_TEST(o.calls == 0);
        support::run(io);
        BOOST_TEST(o.calls == 1);
        BOOST_TEST(o.error == success);
        BOOST_TEST(o.endpoint == good);
        check_connected();
    }
}

BOOST_FIXTURE_TEST_CASE(an_async_connect_takes_resolver_results, fixture)
{
    outcome o;
    tcp::resolver resolver(io);
    resolver.async_resolve(
        good.address().to_string(),
        std::to_string(good.port()),
        tcp::resolver::numeric_host | tcp::resolver::numeric_service,
        [&](error_code ec, tcp::resolver::results_type const& results) {
            BOOST_TEST(ec == success);
            opslot::async_connect(socket, results, o.handler());
        });
    support::run(io);
    BOOST_TEST(o.calls == 1);
    BOOST_TEST(o.error == success);
    BOOST_TEST(o.endpoint == good);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(the_endpoints_are_copied, fixture)
{
    outcome o;
    {
        std::list<tcp::endpoint> all{bad, good};
        opslot::async_connect(socket, all, o.handler());
        all.clear();
    }
    support::run(io);
    BOOST_TEST(o.endpoint == good);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(an_async_connect_that_fails_tells_why, fixture)
{
    outcome o;
    opslot::async_connect(socket, endpoints{bad, bad}, o.handler());
    support::run(io);
    BOOST_TEST(o.calls == 1);
    BOOST_TEST(o.error == asio::error::connection_refused);
    BOOST_TEST(o.endpoint == tcp::endpoint());

    outcome none;
    opslot::async_connect(socket, endpoints(), none.handler());
    BOOST_TEST(none.calls == 0);
    support::run(io);
    BOOST_TEST(none.calls == 1);
    BOOST_TEST(none.error == asio::error::not_found);
}

BOOST_FIXTURE_TEST_CASE(an_async_condition_chooses, fixture)
{
    support::listener skipped;
    std::vector<error_code> errors;
    std::vector<tcp::endpoint> seen;
    endpoints const all{bad, skipped.endpoint(), good, bad};
    outcome o;
    opslot::async_connect(
        socket,
        all,
        attempts{
            &errors,
            &seen,
            [&](tcp::endpoint const& e) { return e != skipped.endpoint(); }},
        o.handler());
    support::run(io);
    BOOST_TEST(o.error == success);
    BOOST_TEST(o.endpoint == good);
    BOOST_TEST((seen == endpoints(all.begin(), all.begin() + 3)));
    BOOST_REQUIRE(errors.size() == 3u);
    BOOST_TEST(errors[0] == success);
    BOOST_TEST(errors[1] == asio::error::connection_refused);
    BOOST_TEST(errors[2] == asio::error::connection_refused);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(an_async_condition_may_refuse_all, fixture)
{
    outcome o;
    opslot::async_connect(
        socket,
        endpoints{good, good},
        [](error_code const&, tcp::endpoint const&) { return false; },
        o.handler());
    support::run(io);
    BOOST_TEST(o.calls == 1);
    BOOST_TEST(o.error == asio::error::not_found);
    BOOST_TEST(!socket.is_open());

    // After a failed attempt it is that which counts.
    outcome after;
    opslot::async_connect(
        socket,
        endpoints{bad, good},
        [&](error_code const&, tcp::endpoint const& e) { return e == bad; },
        after.handler());
    support::run(io);
    BOOST_TEST(after.error == asio::error::connection_refused);
}

BOOST_FIXTURE_TEST_CASE(the_handlers_executor_is_used, fixture)
{
    auto const strand = asio::make_strand(io);
    int calls = 0;
    opslot::async_connect(
        socket,
        endpoints{bad, good},
        asio::bind_executor(strand, [&](error_code ec, tcp::endpoint const&) {
            BOOST_TEST(ec == success);
            BOOST_TEST(strand.running_in_this_thread());
            ++calls;
        }));
    support::run(io);
    BOOST_TEST(calls == 1);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(futures_are_tokens_too, fixture)
{
    auto connected =
        opslot::async_connect(socket, endpoints{bad, good}, asio::use_future);
    support::run(io);
    BOOST_TEST(connected.get() == good);
    auto refused =
        opslot::async_connect(socket, endpoints{bad}, asio::use_future);
    support::run(io);
    BOOST_CHECK_EXCEPTION(
        refused.get(), system_error, is(asio::error::connection_refused));
}

namespace {

// The cancellation of an attempt at an address that answers nobody.
void cancel_attempt(fixture& f, asio::cancellation_type type)
{
    silent const nobody_answers;
    outcome o;
    asio::cancellation_signal signal;
    opslot::async_connect(
        f.socket,
        endpoints{nobody_answers.endpoint(), f.good},
        asio::bind_cancellation_slot(signal.slot(), o.handler()));
    support::poll(f.io);
    BOOST_TEST(o.calls == 0);
    signal.emit(type);
    f.io.run_for(std::chrono::seconds(2));
    BOOST_TEST(o.calls == 1);
    f.socket.close();
    support::run(f.io);
    BOOST_TEST(o.error == asio::error::operation_aborted);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(an_attempt_can_be_cancelled, fixture)
{
    cancel_attempt(*this, asio::cancellation_type::terminal);
}

BOOST_FIXTURE_TEST_CASE(an_attempt_can_be_cancelled_partially, fixture)
{
    cancel_attempt(*this, asio::cancellation_type::partial);
}

BOOST_FIXTURE_TEST_CASE(closing_the_socket_ends_the_attempts, fixture)
{
    silent const nobody_answers;
    outcome o;
    opslot::async_connect(
        socket, endpoints{nobody_answers.endpoint(), good}, o.handler());
    support::poll(io);
    BOOST_TEST(o.calls == 0);
    socket.close();
    support::run(io);
    BOOST_TEST(o.calls == 1);
    BOOST_TEST(o.error == asio::error::operation_aborted);
    BOOST_TEST(!socket.is_open());
}

BOOST_AUTO_TEST_CASE(a_connect_goes_with_its_io_context)
{
    support::descriptor_check const leaks;
    silent const nobody_answers;
    auto const held = std::make_shared<int>(0);
    {
        asio::io_context io;
        tcp::socket socket(io);
        opslot::async_connect(
            socket,
            endpoints{nobody_answers.endpoint()},
            [held](error_code, tcp::endpoint const&) {
                BOOST_ERROR("called");
            });
        support::poll(io);
        BOOST_TEST(held.use_count() == 2);
    }
    BOOST_TEST(held.use_count() == 1);
}

// Iterators

BOOST_FIXTURE_TEST_CASE(the_place_in_a_range_is_the_result, fixture)
{
    endpoints const all{bad, good, bad};
    error_code ec = asio::error::fault;
    BOOST_TEST(
        (opslot::connect(socket, all.begin(), all.end(), ec) ==
         all.begin() + 1));
    BOOST_TEST(ec == success);
    check_connected();
    BOOST_TEST(
        (opslot::connect(socket, all.begin(), all.end()) == all.begin() + 1));
    check_connected();
    // Nobody answers, nobody is there.
    BOOST_TEST(
        (opslot::connect(socket, all.begin(), all.begin() + 1, ec) ==
         all.begin() + 1));
    BOOST_TEST(ec == asio::error::connection_refused);
    BOOST_TEST(
        (opslot::connect(socket, all.end(), all.end(), ec) == all.end()));
    BOOST_TEST(ec == asio::error::not_found);
    BOOST_CHECK_EXCEPTION(
        opslot::connect(socket, all.begin(), all.begin() + 1),
        system_error,
        is(asio::error::connection_refused));
    // With a condition.
    std::vector<error_code> errors;
    endpoints seen;
    attempts const none{&errors, &seen, [](auto const&) { return false; }};
    attempts const every{&errors, &seen, nullptr};
    BOOST_TEST(
        (opslot::connect(socket, all.begin(), all.end(), none, ec) ==
         all.end()));
    BOOST_TEST(ec == asio::error::not_found);
    BOOST_TEST(
        (opslot::connect(socket, all.begin(), all.end(), every) ==
         all.begin() + 1));
    BOOST_TEST(seen.size() == 5u);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(an_async_connect_takes_iterators, fixture)
{
    std::list<tcp::endpoint> const all{bad, good, bad};
    auto const second = std::next(all.begin());
    std::vector<error_code> errors;
    endpoints seen;
    int calls = 0;
    auto const expect = [&](error_code const& expected, auto where) {
        return [&, expected, where](
                   error_code ec, std::list<tcp::endpoint>::const_iterator i) {
            BOOST_TEST(ec == expected);
            BOOST_TEST((i == where));
            ++calls;
        };
    };
    opslot::async_connect(
        socket, all.begin(), all.end(), expect(success, second));
    support::run(io);
    check_connected();
    opslot::async_connect(
        socket,
        all.begin(),
        all.end(),
        attempts{&errors, &seen, nullptr},
        expect(success, second));
    support::run(io);
    check_connected();
    BOOST_TEST(seen.size() == 2u);
    opslot::async_connect(
        socket,
        all.begin(),
        second,
        expect(asio::error::connection_refused, second));
    support::run(io);
    opslot::async_connect(
        socket,
        all.end(),
        all.end(),
        expect(asio::error::not_found, all.end()));
    support::run(io);
    BOOST_TEST(calls == 4);
    auto const results = tcp::resolver(io).resolve(
        good.address().to_string(), std::to_string(good.port()));
    opslot::connect(socket, results.begin(), results.end());
    check_connected();
}

// Names

BOOST_FIXTURE_TEST_CASE(an_async_connect_takes_a_name, fixture)
{
    std::string const port = std::to_string(good.port());
    int calls = 0;
    auto const connected = [&](error_code ec, tcp::endpoint const& where) {
        BOOST_TEST(ec == success);
        BOOST_TEST(where == good);
        ++calls;
    };
    opslot::async_connect(socket, "localhost", port, connected);
    BOOST_TEST(calls == 0);
    support::run(io);
    check_connected();
    socket.close();
    opslot::async_connect(socket, std::string("127.0.0.1"), port, connected);
    support::run(io);
    check_connected();
    // The socket has to be closed, or not connected.
    error_code already;
    opslot::async_connect(
        socket, "localhost", port, [&](error_code ec, tcp::endpoint where) {
            BOOST_TEST(where == tcp::endpoint());
            already = ec;
        });
    support::run(io);
    BOOST_TEST(already == asio::error::already_connected);
    BOOST_TEST(calls == 2);
}

BOOST_FIXTURE_TEST_CASE(a_name_that_is_no_good_is_reported, fixture)
{
    auto const expect = [this](
                            error_code const& expected,
                            std::string_view host,
                            std::string_view service) {
        int calls = 0;
        bool inside = true;
        opslot::async_connect(
            socket, host, service, [&](error_code ec, tcp::endpoint where) {
                BOOST_TEST(!inside);
                BOOST_TEST(ec == expected);
                BOOST_TEST(where == tcp::endpoint());
                ++calls;
            });
        inside = false;
        support::run(io);
        BOOST_TEST(calls == 1);
    };
    expect(asio::error::host_not_found, "not a host", "80");
    expect(asio::error::invalid_argument, "", "80");
    expect(opslot::error::out_of_range, "localhost", "65536");
    expect(
        asio::error::connection_refused,
        "127.0.0.1",
        std::to_string(bad.port()));
}

BOOST_FIXTURE_TEST_CASE(a_connect_by_name_is_a_future, fixture)
{
    auto result = opslot::async_connect(
        socket, "127.0.0.1", std::to_string(good.port()), asio::use_future);
    support::run(io);
    BOOST_TEST(result.get() == good);
    check_connected();
}

BOOST_FIXTURE_TEST_CASE(a_connect_by_name_is_cancelled, fixture)
{
    silent const nobody_answers;
    for (auto const type :
         {asio::cancellation_type::terminal,
          asio::cancellation_type::partial,
          asio::cancellation_type::total})
    {
        asio::cancellation_signal signal;
        error_code result;
        opslot::async_connect(
            socket,
            "127.0.0.1",
            std::to_string(nobody_answers.endpoint().port()),
            asio::bind_cancellation_slot(
                signal.slot(),
                [&](error_code ec, tcp::endpoint) { result = ec; }));
        support::poll(io);
        signal.emit(type);
        support::run(io);
        BOOST_TEST(result == asio::error::operation_aborted);
        BOOST_TEST(!socket.is_open());
    }
}
