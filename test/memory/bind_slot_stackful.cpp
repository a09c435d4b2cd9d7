// needs: context

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/bind_slot.hpp>

#define BOOST_TEST_MODULE memory_bind_slot_stackful
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <tuple>
#include <utility>

#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::bind_slot;
using opslot::overflow;
using opslot::slot;

// A slot that fails where it does not serve, and a connection.
struct connection
{
    slot<512> memory{overflow::fail};
    asio::io_context io;
    asio::local::stream_protocol::socket near{io};
    asio::local::stream_protocol::socket far{io};
    std::array<char, 4> storage{};

    connection() { asio::local::connect_pair(near, far); }

    void peer_sends() { asio::write(far, asio::buffer("abcd", 4)); }

    // On a new connection: Asio does not report the end of one again and again.
    void peer_goes()
    {
        near.close();
        far.close();
        asio::local::connect_pair(near, far);
        far.close();
    }

    template<class Token>
    auto receive(Token&& token)
    {
        return near.async_read_some(
            asio::buffer(storage), std::forward<Token>(token));
    }

    template<class Body>
    void run(Body body)
    {
        bool ended = false;
        std::exception_ptr thrown;
        asio::spawn(
            asio::make_strand(io), body, [&](std::exception_ptr exception) {
                ended = true;
                thrown = exception;
            });
        support::run(io);
        if (thrown)
            std::rethrow_exception(thrown);
        BOOST_TEST(ended);
        BOOST_TEST(memory.high_water_bytes() > 0u);
        BOOST_TEST(memory.blocks_in_use() == 0u);
        BOOST_TEST(memory.misses() == 0u);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_yield_context_can_be_bound, connection)
{
    run([&](asio::yield_context yield) {
        for (int i = 0; i != 3; ++i)
        {
            peer_sends();
            BOOST_TEST(receive(bind_slot(memory, yield)) == 4u);
            auto const bound = bind_slot(memory, yield);
            peer_sends();
            BOOST_TEST(
                asio::async_read(near, asio::buffer(storage), bound) == 4u);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(errors_are_thrown_or_stored, connection)
{
    run([&](asio::yield_context yield) {
        error_code error;
        peer_goes();
        BOOST_TEST(receive(bind_slot(memory, yield[error])) == 0u);
        BOOST_TEST(error == asio::error::eof);
        peer_goes();
        BOOST_CHECK_THROW(
            receive(bind_slot(memory, yield)), boost::system::system_error);

        error = {};
        peer_goes();
        receive(bind_slot(memory, asio::redirect_error(yield, error)));
        BOOST_TEST(error == asio::error::eof);
        error = {};
        peer_goes();
        receive(asio::redirect_error(bind_slot(memory, yield), error));
        BOOST_TEST(error == asio::error::eof);
    });
}

BOOST_FIXTURE_TEST_CASE(adaptors_may_stand_inside_and_outside, connection)
{
    run([&](asio::yield_context yield) {
        peer_sends();
        auto const inside = receive(bind_slot(memory, asio::as_tuple(yield)));
        BOOST_TEST(std::get<1>(inside) == 4u);
        peer_sends();
        auto const outside = receive(asio::as_tuple(bind_slot(memory, yield)));
        BOOST_TEST(std::get<1>(outside) == 4u);
        peer_sends();
        BOOST_TEST(
            receive(asio::bind_executor(
                near.get_executor(), bind_slot(memory, yield))) == 4u);
        peer_sends();
        BOOST_TEST(
            receive(bind_slot(
                memory, asio::bind_executor(near.get_executor(), yield))) ==
            4u);
    });
}

BOOST_AUTO_TEST_CASE(the_context_may_end_with_a_coroutine_waiting)
{
    auto const alive = std::make_shared<int>();
    {
        connection c;
        asio::spawn(
            c.io,
            [&c, alive](asio::yield_context yield) {
                c.receive(bind_slot(c.memory, yield));
            },
            asio::detached);
        support::poll(c.io);
        BOOST_TEST(c.memory.blocks_in_use() != 0u);
        BOOST_TEST(alive.use_count() > 1);
    }
    BOOST_TEST(alive.use_count() == 1);
}
