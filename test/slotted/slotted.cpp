// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/slotted.hpp>

#define BOOST_TEST_MODULE slotted_slotted
#include <opslot/operation_memory.hpp>
#include <opslot/slot.hpp>
#include <opslot/slot_allocator.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using opslot::slotted;
using plain_socket = asio::ip::tcp::socket;
using socket_type = slotted<plain_socket>;
using io_executor = asio::io_context::executor_type;
using strand = asio::strand<io_executor>;

// The blocks that the memory of a context has lent out, slots included.
std::size_t blocks_in_use(asio::io_context& io)
{
    return opslot::operation_memory::of(io).statistics().in_use;
}

struct connection
{
    support::descriptor_check leaks;
    asio::io_context io;
    socket_type socket{io};
    support::peer other = support::connect_tcp(socket);
    std::array<char, 16> storage{};

    template<class Token>
    auto receive(Token&& token)
    {
        return socket.async_read_some(
            asio::buffer(storage), std::forward<Token>(token));
    }
};

struct result
{
    error_code error;
    std::size_t bytes = 0;
    int calls = 0;

    auto recorder()
    {
        return [this](error_code e, std::size_t n) {
            error = e;
            bytes = n;
            ++calls;
        };
    }

    bool is(std::size_t expected) const
    {
        return calls == 1 && !error && bytes == expected;
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(the_class_derives_from_that_of_asio)
{
    static_assert(std::is_base_of_v<plain_socket, socket_type>);
    static_assert(std::is_convertible_v<socket_type&, plain_socket&>);
    static_assert(std::is_nothrow_move_constructible_v<socket_type>);
    static_assert(std::is_nothrow_move_constructible_v<plain_socket>);
    static_assert(!std::is_copy_constructible_v<socket_type>);
    static_assert(
        std::
            is_same_v<socket_type::executor_type, plain_socket::executor_type>);
    static_assert(std::is_same_v<
                  socket_type::rebind_executor<io_executor>::other,
                  slotted<plain_socket::rebind_executor<io_executor>::other>>);

    // As the Asio class: from another executor, from the plain object.
    using concrete = socket_type::rebind_executor<io_executor>::other;
    static_assert(std::is_constructible_v<socket_type, concrete&&>);
    static_assert(!std::is_constructible_v<concrete, socket_type&&>);
    static_assert(std::is_convertible_v<plain_socket&&, socket_type>);
    static_assert(std::is_assignable_v<socket_type&, plain_socket&&>);
}

BOOST_FIXTURE_TEST_CASE(an_idle_object_holds_no_memory, connection)
{
    BOOST_TEST(blocks_in_use(io) == 0u);
    result received;
    receive(received.recorder());
    BOOST_TEST(blocks_in_use(io) == 1u);
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));
    {
        socket_type const temporary(std::move(socket));
        BOOST_TEST(blocks_in_use(io) == 1u);
    }
    BOOST_TEST(blocks_in_use(io) == 0u);
}

BOOST_FIXTURE_TEST_CASE(each_kind_of_operation_has_a_slot, connection)
{
    result received;
    receive(received.recorder());
    socket.async_wait(socket.wait_read, [](error_code) {});
    socket.async_write_some(
        asio::buffer("abc", 3), [](error_code, std::size_t) {});
    BOOST_TEST(blocks_in_use(io) == 3u);
    socket.close();
    support::run(io);
    BOOST_TEST(received.error == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_be_large, connection)
{
    std::array<char, 2000> cargo{};
    cargo.back() = 7;
    char seen = 0;
    receive([&seen, cargo](error_code, std::size_t) { seen = cargo.back(); });
    BOOST_TEST(blocks_in_use(io) == 2u);
    other.write("abc");
    support::run(io);
    BOOST_TEST(seen == 7);
    BOOST_TEST(blocks_in_use(io) == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_allocator_of_the_handler_is_respected, connection)
{
    opslot::slot<> own(opslot::overflow::fail);
    result received;
    receive(asio::bind_allocator(
        opslot::slot_allocator<void>(own), received.recorder()));
    BOOST_TEST(own.blocks_in_use() == 1u);
    BOOST_TEST(blocks_in_use(io) == 0u);
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));
}

BOOST_FIXTURE_TEST_CASE(the_standard_allocator_is_none, connection)
{
    result received;
    receive(asio::bind_allocator(std::allocator<int>(), received.recorder()));
    BOOST_TEST(blocks_in_use(io) == 1u);
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));
}

BOOST_FIXTURE_TEST_CASE(every_token_works, connection)
{
    result received;
    auto own = std::make_unique<int>(7);
    receive([&, own = std::move(own)](error_code e, std::size_t n) {
        BOOST_TEST(*own == 7);
        received.recorder()(e, n);
    });
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));

    received = {};
    auto deferred = receive(asio::deferred);
    std::move(deferred)(received.recorder());
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));

    auto future = receive(asio::use_future);
    other.write("abcd");
    support::run(io);
    BOOST_TEST(future.get() == 4u);

    receive(asio::detached);
    other.write("xyz");
    support::run(io);
    BOOST_TEST((std::string_view(storage.data(), 3) == "xyz"));

    received = {};
    receive(asio::as_tuple([&](std::tuple<error_code, std::size_t> both) {
        received.recorder()(std::get<0>(both), std::get<1>(both));
    }));
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));

    error_code error;
    future = receive(asio::redirect_error(asio::use_future, error));
    other.shutdown();
    support::run(io);
    BOOST_TEST(future.get() == 0u);
    BOOST_TEST(error == asio::error::eof);
}

BOOST_FIXTURE_TEST_CASE(a_named_token_is_not_spoiled, connection)
{
    auto const count = std::make_shared<int>(0);
    auto const token = [count](error_code, std::size_t) { ++*count; };
    receive(token);
    other.write("abc");
    support::run(io);
    auto token2 = token;
    receive(token2);
    other.write("abc");
    support::run(io);
    BOOST_TEST(*count == 2);
    BOOST_TEST(count.use_count() == 3);
}

BOOST_FIXTURE_TEST_CASE(an_executor_of_the_handler_is_used, connection)
{
    strand const own = asio::make_strand(io.get_executor());
    int right = 0;
    auto const handler = [&](error_code, std::size_t) {
        right += own.running_in_this_thread() ? 1 : 0;
    };
    other.write("a");
    receive(asio::bind_executor(own, handler));
    support::run(io);
    BOOST_TEST(right == 1);

    other.write("a");
    receive(asio::bind_executor(asio::any_io_executor(own), handler));
    support::run(io);
    BOOST_TEST(right == 2);
}

BOOST_FIXTURE_TEST_CASE(an_executor_of_another_context_is_used, connection)
{
    asio::io_context second;
    auto const on_any =
        asio::make_strand(asio::any_io_executor(second.get_executor()));
    asio::any_io_executor const executors[] = {
        second.get_executor(),
        asio::make_strand(second.get_executor()),
        on_any};
    auto const test = [&](auto const& executor) {
        result received;
        receive(asio::bind_executor(executor, received.recorder()));
        other.write("abc");
        support::run(io);
        BOOST_TEST(received.calls == 0);
        support::run(second);
        BOOST_TEST(received.is(3));
    };
    for (asio::any_io_executor const& executor : executors)
    {
        test(executor);
    }
    test(on_any);
}

BOOST_AUTO_TEST_CASE(the_strand_of_the_object_is_used)
{
    asio::io_context io;
    strand const own = asio::make_strand(io.get_executor());
    socket_type socket{own};
    support::peer other = support::connect_tcp(socket);
    char byte;
    bool right = false;
    other.write("a");
    socket.async_read_some(
        asio::buffer(&byte, 1),
        [&](error_code, std::size_t) { right = own.running_in_this_thread(); });
    support::run(io);
    BOOST_TEST(right);
}

// Which is one, whatever it is made of and carried in.
BOOST_AUTO_TEST_CASE(a_strand_on_any_executor_is_used)
{
    using any_strand = asio::strand<asio::any_io_executor>;
    using socket_on_strand =
        slotted<asio::basic_stream_socket<asio::ip::tcp, any_strand>>;
    asio::io_context io;
    asio::thread_pool pool(1);
    for (bool const is_pool : {false, true})
    {
        asio::any_io_executor inner = io.get_executor();
        if (is_pool)
        {
            inner = pool.get_executor();
        }
        any_strand const own(inner);
        std::atomic<int> right{0};
        char bytes[2];
        auto const test = [&](auto& socket, char& byte) {
            support::peer other = support::connect_tcp(socket);
            other.write("a");
            std::promise<void> done;
            socket.async_read_some(
                asio::buffer(&byte, 1), [&](error_code, std::size_t) {
                    right += own.running_in_this_thread() ? 1 : 0;
                    done.set_value();
                });
            support::run(io);
            done.get_future().wait();
        };
        socket_on_strand first{own};
        test(first, bytes[0]);
        socket_type second{own};
        test(second, bytes[1]);
        BOOST_TEST(right == 2);
    }
}

BOOST_FIXTURE_TEST_CASE(an_operation_can_be_cancelled, connection)
{
    asio::cancellation_signal signal;
    result received;
    receive(asio::bind_cancellation_slot(signal.slot(), received.recorder()));
    signal.emit(asio::cancellation_type::total);
    support::run(io);
    BOOST_TEST(received.error == asio::error::operation_aborted);

    received = {};
    receive(received.recorder());
    socket.cancel();
    support::run(io);
    BOOST_TEST(received.error == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(composed_operations_use_the_slots, connection)
{
    result done;
    std::string line;
    asio::async_read_until(
        socket, asio::dynamic_buffer(line), '\n', done.recorder());
    BOOST_TEST(blocks_in_use(io) == 1u);
    other.write("ab");
    support::poll(io);
    other.write("c\n");
    support::run(io);
    BOOST_TEST(done.is(4));

    done = {};
    asio::async_read(socket, asio::buffer(storage, 5), done.recorder());
    BOOST_TEST(blocks_in_use(io) == 1u);
    other.write("hello");
    support::run(io);
    BOOST_TEST(done.is(5));

    done = {};
    asio::async_write(socket, asio::buffer(storage, 5), done.recorder());
    BOOST_TEST(blocks_in_use(io) == 2u);
    support::run(io);
    BOOST_TEST(done.is(5));
    BOOST_TEST(other.read(5) == "hello");
}

BOOST_AUTO_TEST_CASE(a_composed_connect_uses_the_slot)
{
    support::descriptor_check const leaks;
    support::listener listener;
    std::vector<asio::ip::tcp::endpoint> const endpoints = {
        listener.endpoint()};
    asio::io_context io;
    for (int form = 0; form != 3; ++form)
    {
        socket_type socket{io};
        int connected = 0;
        auto const handler = [&](error_code error, auto const&) {
            connected += error ? 0 : 1;
        };
        if (form == 0)
            asio::async_connect(socket, endpoints, handler);
        else if (form == 1)
            async_connect(socket, endpoints.begin(), endpoints.end(), handler);
        else
            asio::async_connect(
                socket,
                endpoints,
                [](error_code, auto const&) { return true; },
                handler);
        BOOST_TEST(blocks_in_use(io) == 1u);
        support::run(io);
        BOOST_TEST(connected == 1);
        listener.accept();
    }
}

BOOST_FIXTURE_TEST_CASE(a_socket_may_be_destroyed_in_its_handler, connection)
{
    struct session
    {
        socket_type socket;
        std::array<char, 16> storage;
    };

    // Over a strand too, where the handler asks for memory once more.
    for (bool const hop : {false, true})
    {
        asio::any_io_executor executor = io.get_executor();
        if (hop)
            executor = asio::make_strand(io.get_executor());
        auto owner =
            std::make_unique<session>(session{socket_type(executor), {}});
        support::peer peer = support::connect_tcp(owner->socket);
        session& s = *owner;
        s.socket.async_read_some(
            asio::buffer(s.storage),
            [owner = std::move(owner)](error_code, std::size_t) mutable {
                owner.reset();
            });
        peer.write("abc");
        support::run(io);
        BOOST_TEST(blocks_in_use(io) == 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_socket_may_end_with_operations_pending, connection)
{
    for (bool const hop : {false, true})
    {
        asio::any_io_executor executor = io.get_executor();
        if (hop)
            executor = asio::make_strand(io.get_executor());
        result received;
        {
            socket_type shortlived{executor};
            support::peer const peer = support::connect_tcp(shortlived);
            shortlived.async_read_some(
                asio::buffer(storage), received.recorder());
        }
        BOOST_TEST(blocks_in_use(io) == 1u);
        support::run(io);
        BOOST_TEST(received.error == asio::error::operation_aborted);
        BOOST_TEST(blocks_in_use(io) == 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_socket_may_be_moved_with_operations, connection)
{
    result received;
    receive(received.recorder());
    socket_type second(std::move(socket));
    socket_type third{io};
    third = std::move(second);
    other.write("abc");
    support::run(io);
    BOOST_TEST(received.is(3));
    third.close();

    // The operations of the object that is moved to are cancelled.
    socket_type fourth{io};
    support::peer const peer = support::connect_tcp(fourth);
    received = {};
    fourth.async_read_some(asio::buffer(storage), received.recorder());
    fourth = socket_type{io};
    support::run(io);
    BOOST_TEST(received.error == asio::error::operation_aborted);
}

BOOST_FIXTURE_TEST_CASE(a_socket_may_be_sliced_with_operations, connection)
{
    result first;
    result second;
    std::optional<socket_type> from(std::move(socket));
    from->async_read_some(asio::buffer(storage), first.recorder());
    plain_socket plain(std::move(*from));
    from.reset();
    BOOST_TEST(blocks_in_use(io) == 1u);
    other.write("abc");
    support::run(io);
    BOOST_TEST(first.is(3));
    BOOST_TEST(blocks_in_use(io) == 0u);

    // And back, with an operation that has no slot.
    plain.async_read_some(asio::buffer(storage), second.recorder());
    socket_type again(std::move(plain));
    other.write("ab");
    support::run(io);
    BOOST_TEST(second.is(2));
    again.async_wait(again.wait_write, [](error_code) {});
    BOOST_TEST(blocks_in_use(io) == 1u);
    plain = std::move(again);
    support::run(io);
}

BOOST_AUTO_TEST_CASE(the_context_may_end_with_operations_pending)
{
    support::descriptor_check const leaks;

    struct session
    {
        socket_type socket;
        std::array<char, 16> storage;
    };

    // The last owner of a socket is the handler of its own operation.
    support::peer peers[2];
    bool called = false;
    auto const alive = std::make_shared<int>();
    {
        asio::io_context io;
        for (int i = 0; i != 2; ++i)
        {
            asio::any_io_executor executor = io.get_executor();
            if (i == 1)
                executor = asio::make_strand(io.get_executor());
            auto const owner =
                std::make_shared<session>(session{socket_type(executor), {}});
            peers[i] = support::connect_tcp(owner->socket);
            owner->socket.async_read_some(
                asio::buffer(owner->storage),
                [&called, owner, alive](error_code, std::size_t) {
                    called = true;
                });
        }
        BOOST_TEST(alive.use_count() == 3);
    }
    BOOST_TEST(!called);
    BOOST_TEST(alive.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(the_context_may_end_with_a_handler_on_its_way)
{
    asio::io_context io2;
    auto const alive = std::make_shared<int>();
    {
        asio::io_context io;
        socket_type socket{io};
        support::peer other = support::connect_tcp(socket);
        char byte = 0;
        other.write("a");
        socket.async_read_some(
            asio::buffer(&byte, 1),
            asio::bind_executor(
                io2.get_executor(), [alive](error_code, std::size_t) {}));
        support::run_until(io, [&] { return byte == 'a'; });
        BOOST_TEST(alive.use_count() == 2);
    }
    // The memory is held by the handler, which the other context runs now.
    support::run(io2);
    BOOST_TEST(alive.use_count() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_throw, connection)
{
    for (bool const hop : {false, true})
    {
        asio::any_io_executor executor = io.get_executor();
        if (hop)
            executor = asio::make_strand(io.get_executor());
        socket_type each{executor};
        support::peer peer = support::connect_tcp(each);
        for (int round = 0; round != 3; ++round)
        {
            each.async_read_some(
                asio::buffer(storage), [](error_code, std::size_t) {
                    throw std::runtime_error("handler");
                });
            peer.write("a");
            io.restart();
            BOOST_CHECK_THROW(io.run(), std::runtime_error);
            io.restart();
            io.run();
        }
        BOOST_TEST(blocks_in_use(io) == 1u);
    }
}

BOOST_FIXTURE_TEST_CASE(many_operations_may_be_pending, connection)
{
    std::array<result, 20> received;
    for (result& each : received)
        socket.async_wait(socket.wait_read, [&each](error_code e) {
            each.error = e;
            ++each.calls;
        });
    other.write("a");
    support::run(io);
    for (result const& each : received)
        BOOST_TEST(each.is(0));
    BOOST_TEST(blocks_in_use(io) == 1u);
}

BOOST_AUTO_TEST_CASE(a_socket_may_end_while_its_handler_is_on_the_way)
{
    // One thread gives the memory of the operation back and asks for that of
    // the strand, while the other destroys the socket on the strand.
    support::descriptor_check const leaks;
    asio::io_context io;
    strand const own = asio::make_strand(io.get_executor());
    constexpr int rounds = 500;
    std::atomic<int> calls{0};
    char byte;
    std::vector<support::peer> peers;
    for (int i = 0; i != rounds; ++i)
    {
        auto socket = std::make_unique<socket_type>(own);
        peers.push_back(support::connect_tcp(*socket));
        socket->async_read_some(
            asio::buffer(&byte, 1),
            [&calls](error_code, std::size_t) { ++calls; });
        peers.back().write("a");
        asio::post(own, [socket = std::move(socket)] {});
    }
    {
        support::background const first([&] { io.run(); });
        support::background const second([&] { io.run(); });
    }
    BOOST_TEST(calls == rounds);
    BOOST_TEST(blocks_in_use(io) == 0u);
}
