// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Buffers and ranges of files are sent in order, like one send. Numbers are
// those of the cases of the model.

#define BOOST_TEST_MODULE contract_transmitting
#include <opslot/error.hpp>
#include <opslot/local.hpp>
#include <opslot/open_file.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/streams.hpp"
#include "support/connection.hpp"
#include "support/files.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace {

namespace asio = boost::asio;
namespace errc = boost::system::errc;
using boost::system::error_code;
using boost::system::system_error;
using opslot::completed;
using opslot::error;
using opslot::open_file;
using opslot::pending;
using opslot::socket_reuse;
using opslot::stream_context;
using opslot::transmit_context;
using opslot::transmit_element;
using support::connection;
using support::finish;
using support::payload;
using support::temporary_file;
using tcp = opslot::tcp;
using transmission = support::counted<transmit_context>;
using context = support::counted<stream_context>;
using cancel = asio::cancellation_type;

error_code const success;
error_code const aborted = asio::error::operation_aborted;
constexpr std::size_t large = 8 << 20;

// Transmits what is set, reads it meanwhile, and expects all of it.
template<typename Connection>
void expect_sent(Connection& c, transmission& tx, std::string const& expected)
{
    std::string arrived;
    support::background reader(
        [&] { arrived = c.other.read(expected.size()); });
    finish(c.io, tx, c.socket.start_transmit(tx));
    BOOST_TEST(tx.error() == success);
    reader.join();
    BOOST_TEST((arrived == expected));
    BOOST_TEST(tx.bytes_transferred() == expected.size());
    BOOST_TEST(tx.progress() == expected.size());
    BOOST_TEST(tx.element_index() == tx.element_count());
    BOOST_TEST((tx.last_operation() == opslot::operation_kind::transmit));
}

// Expects a context to be as good as new.
void expect_works(connection& c, transmission& tx)
{
    std::string_view const text = "fine";
    tx.elements({asio::buffer(text)});
    expect_sent(c, tx, "fine");
}

// Expects a start to fail at once, for this element, without any effect.
template<typename Error>
void expect_refused(
    connection& c, transmission& tx, Error expected, std::size_t element)
{
    int const calls = tx.calls;
    BOOST_TEST((c.socket.start_transmit(tx) == completed));
    BOOST_TEST(
        (tx.error() == expected), tx.error().message() << " was reported");
    BOOST_TEST(tx.bytes_transferred() == 0u);
    BOOST_TEST(tx.element_index() == element);
    c.socket.async_transmit(tx);
    BOOST_TEST(tx.calls == calls);
    support::run_until(c.io, [&] { return tx.calls != calls; });
    BOOST_TEST((tx.error() == expected));
    int delivered = 0;
    c.socket.async_transmit(tx, [&](error_code ec, std::size_t n) {
        BOOST_TEST((ec == expected));
        BOOST_TEST(n == 0u);
        ++delivered;
    });
    BOOST_TEST(delivered == 0);
    support::run_until(c.io, [&] { return delivered != 0; });
    BOOST_TEST(tx.calls == calls + 1);
    // Nothing came of it, and what follows is all that comes.
    expect_works(c, tx);
}

template<typename Call>
void expect_thrown(error expected, Call call)
{
    BOOST_CHECK_EXCEPTION(call(), system_error, [&](system_error const& e) {
        return e.code() == make_error_code(expected);
    });
}

// A file of which a part was sent and the rest has to wait.
struct stalled : connection
{
    std::string const data = payload(large);
    temporary_file file{data};
    transmission tx;

    stalled()
    {
        shrink_buffers();
        tx.elements({transmit_element::from_path(file.path())});
    }

    void start()
    {
        BOOST_TEST((socket.start_transmit(tx) == pending));
        // As much as goes without a reader.
        std::uint64_t before = 0;
        do
        {
            before = tx.progress();
            support::poll(io);
        } while (tx.progress() == 0 || tx.progress() != before);
        BOOST_TEST(tx.is_pending());
        BOOST_TEST(tx.progress() > 0u);
        BOOST_TEST(tx.progress() < data.size());
    }

    // Expects the socket to refuse what the peer would misread.
    void expect_broken()
    {
        context send;
        send.buffer(asio::buffer(data));
        BOOST_TEST((socket.start_send(send) == completed));
        BOOST_TEST((send.error() == error::send_interrupted));
        std::string_view const text = "more";
        transmission another;
        another.elements({asio::buffer(text)});
        BOOST_TEST((socket.start_transmit(another) == completed));
        BOOST_TEST((another.error() == error::send_interrupted));
        BOOST_TEST(another.bytes_transferred() == 0u);
    }
};

} // namespace

// Elements

// A missing array is misuse.
// Model case 92.
BOOST_FIXTURE_TEST_CASE(without_elements_no_start_is_possible, connection)
{
    transmission tx;
    BOOST_TEST(tx.element_count() == 0u);
    auto const refused = [&] {
        expect_thrown(
            error::no_elements, [&] { (void)socket.start_transmit(tx); });
        expect_thrown(error::no_elements, [&] { socket.async_transmit(tx); });
        int calls = 0;
        socket.async_transmit(tx, [&](error_code ec, std::size_t n) {
            BOOST_TEST((ec == error::no_elements));
            BOOST_TEST(n == 0u);
            ++calls;
        });
        BOOST_TEST(calls == 0);
        support::run(io);
        BOOST_TEST(calls == 1);
        BOOST_TEST(tx.calls == 0);
        BOOST_TEST(!tx.is_pending());
    };
    refused();
    std::string_view const text = "text";
    tx.elements({asio::buffer(text)});
    tx.clear_elements();
    refused();
    expect_works(*this, tx);
}

// Model cases 92 and 93.
BOOST_FIXTURE_TEST_CASE(no_elements_and_empty_ones_send_nothing, connection)
{
    temporary_file const empty("");
    temporary_file const file("content");
    transmission tx;
    tx.elements(std::vector<transmit_element>());
    expect_sent(*this, tx, "");
    tx.elements({asio::const_buffer()});
    expect_sent(*this, tx, "");
    tx.elements(
        {asio::const_buffer(),
         transmit_element::from_path(empty.path()),
         open_file(empty.path()),
         transmit_element::from_path(file.path(), 7),
         asio::mutable_buffer()});
    expect_sent(*this, tx, "");
    // The context is used again after it.
    expect_works(*this, tx);
}

// Model case 92.
BOOST_AUTO_TEST_CASE(a_socket_that_is_not_connected_reports_it)
{
    support::descriptor_check const leaks;
    asio::io_context io;
    temporary_file const file(payload(100000));
    transmission tx;
    tx.elements({transmit_element::from_path(file.path())});
    tcp::socket closed(io);
    BOOST_TEST((closed.start_transmit(tx) == completed));
    BOOST_TEST(tx.error() == asio::error::bad_descriptor);
    tcp::socket open(io, tcp::v4());
    finish(io, tx, open.start_transmit(tx));
    BOOST_TEST(tx.error().failed());
    BOOST_TEST(tx.bytes_transferred() == 0u);
    BOOST_TEST(tx.element_index() == 0u);
}

// Model case 93.
BOOST_FIXTURE_TEST_CASE(buffers_are_sent_whole_and_in_part, connection)
{
    std::string const data = payload(1000);
    transmission tx;
    tx.elements({asio::buffer(data)});
    expect_sent(*this, tx, data);
    tx.elements(
        {asio::buffer(data, 10),
         asio::const_buffer(),
         asio::buffer(data) + 990,
         asio::buffer(data, 0)});
    expect_sent(*this, tx, data.substr(0, 10) + data.substr(990));
    // A hundred, which do not fit into one call.
    std::vector<asio::const_buffer> const many(100, asio::buffer(data, 3));
    tx.elements(many);
    std::string expected;
    for (int i = 0; i != 100; ++i)
    {
        expected += data.substr(0, 3);
    }
    expect_sent(*this, tx, expected);
}

BOOST_FIXTURE_TEST_CASE(a_list_of_elements_is_a_snapshot, connection)
{
    temporary_file const file("content");
    transmission tx;
    std::string_view const text = "ab";
    {
        open_file const opened(file.path());
        std::vector<transmit_element> list{asio::buffer(text), opened};
        tx.elements(list);
        list[0] = transmit_element(asio::const_buffer());
        list.clear();
    }
    // The elements have kept the file open.
    expect_sent(*this, tx, "abcontent");
    tx.clear_elements();
}

// Model case 94.
BOOST_FIXTURE_TEST_CASE(files_are_sent_whole_and_in_part, connection)
{
    for (std::size_t const size : {1000u, 16384u, 16385u, 300000u, 1000000u})
    {
        std::string const data = payload(size);
        temporary_file const file(data);
        open_file const opened(file.path());
        transmission tx;
        tx.elements({opened});
        expect_sent(*this, tx, data);
        tx.elements({transmit_element(opened, 0, size)});
        expect_sent(*this, tx, data);
        tx.elements({transmit_element(opened, 1, size - 2)});
        expect_sent(*this, tx, data.substr(1, size - 2));
        tx.elements({transmit_element(opened, size / 2)});
        expect_sent(*this, tx, data.substr(size / 2));
        tx.elements(
            {transmit_element::from_path(file.path(), 900, 100),
             transmit_element::from_native_handle(file.native_handle(), 0, 10),
             transmit_element(opened, size - 1, 1),
             transmit_element::from_path(file.path(), size)});
        expect_sent(
            *this,
            tx,
            data.substr(900, 100) + data.substr(0, 10) + data.substr(size - 1));
    }
}

// Model case 94.
BOOST_FIXTURE_TEST_CASE(offsets_have_64_bits, connection)
{
    constexpr std::uint64_t far = std::uint64_t(5) << 30;
    std::string const data = payload(100000);
    temporary_file file("");
    file.write(data, far);
    transmission tx;
    tx.elements({transmit_element::from_path(file.path(), far)});
    expect_sent(*this, tx, data);
    tx.elements({transmit_element::from_path(file.path(), far - 1, 3)});
    expect_sent(*this, tx, '\0' + data.substr(0, 2));
}

BOOST_FIXTURE_TEST_CASE(the_position_of_a_file_is_left_alone, connection)
{
    std::string const data = payload(100000);
    temporary_file const file(data);
    ::lseek(file.native_handle(), 17, SEEK_SET);
    transmission tx;
    tx.elements({transmit_element::from_native_handle(file.native_handle())});
    expect_sent(*this, tx, data);
    BOOST_TEST(::lseek(file.native_handle(), 0, SEEK_CUR) == 17);
}

// Model case 98.
BOOST_FIXTURE_TEST_CASE(buffers_and_files_are_sent_in_their_order, connection)
{
    std::string const header = payload(200, 1);
    std::string const trailer = payload(70000, 2);
    std::string const small = payload(3000, 3);
    std::string const big = payload(700001, 4);
    temporary_file const small_file(small);
    temporary_file const big_file(big);
    open_file const opened(big_file.path());
    transmission tx;
    tx.elements(
        {asio::buffer(header),
         transmit_element::from_path(small_file.path()),
         asio::buffer(header),
         opened,
         opened,
         transmit_element::from_path(small_file.path()),
         asio::buffer(trailer),
         transmit_element::from_native_handle(big_file.native_handle()),
         asio::buffer(header)});
    std::string const expected =
        header + small + header + big + big + small + trailer + big + header;
    for (int i = 0; i != 3; ++i)
    {
        expect_sent(*this, tx, expected);
    }
}

BOOST_FIXTURE_TEST_CASE(elements_of_all_sizes_are_sent_in_parts, connection)
{
    shrink_buffers();
    std::string const small = payload(15001, 3);
    std::string const big = payload(150001, 4);
    temporary_file const small_file(small);
    temporary_file const big_file(big);
    open_file const first(small_file.path());
    open_file const second(big_file.path());
    std::vector<transmit_element> list;
    std::string expected;
    for (int i = 0; i != 4; ++i)
    {
        list.insert(
            list.end(),
            {asio::buffer(big), first, second, asio::buffer(small), first});
        expected += big + small + big + small + small;
    }
    transmission tx;
    tx.elements(list);
    expect_sent(*this, tx, expected);
}

BOOST_FIXTURE_TEST_CASE(a_path_is_opened_at_each_start, connection)
{
    temporary_file file("first");
    transmission tx;
    tx.elements({transmit_element::from_path(file.path())});
    expect_sent(*this, tx, "first");
    file.truncate(0);
    file.write("and now another", 0);
    expect_sent(*this, tx, "and now another");
    std::filesystem::remove(file.path());
    BOOST_TEST((socket.start_transmit(tx) == completed));
    BOOST_TEST((tx.error() == errc::no_such_file_or_directory));
}

BOOST_FIXTURE_TEST_CASE(
    files_are_sent_on_local_sockets, contract::local_connection)
{
    std::string const small = payload(3000, 3);
    std::string const big = payload(700001, 4);
    temporary_file const small_file(small);
    temporary_file const big_file(big);
    transmission tx;
    tx.elements(
        {transmit_element::from_path(big_file.path()),
         transmit_element::from_path(small_file.path()),
         asio::buffer(small)});
    expect_sent(*this, tx, big + small + small);
}

// Model case 100.
BOOST_FIXTURE_TEST_CASE(what_fits_is_sent_at_once, connection)
{
    temporary_file const file(payload(50000));
    transmission tx;
    tx.elements({transmit_element::from_path(file.path())});
    bool ok = true;
    for (int i = 0; i != 100; ++i)
    {
        ok &= socket.start_transmit(tx) == completed;
        ok &= other.discard(50000) == 50000u;
    }
    BOOST_TEST(ok);
    BOOST_TEST(tx.calls == 0);
}

// The three forms

BOOST_FIXTURE_TEST_CASE(the_handler_runs_after_async_transmit, connection)
{
    temporary_file const file("content");
    transmission tx;
    tx.elements({open_file(file.path())});
    socket.async_transmit(tx);
    BOOST_TEST(tx.calls == 0);
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.bytes_transferred() == 7u);
    int calls = 0;
    socket.async_transmit(tx, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == 7u);
        ++calls;
    });
    BOOST_TEST(calls == 0);
    support::run(io);
    BOOST_TEST(calls == 1);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(other.read(14) == "contentcontent");
}

BOOST_FIXTURE_TEST_CASE(a_pending_transmission_completes_once, stalled)
{
    start();
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST((arrived == data));
}

BOOST_FIXTURE_TEST_CASE(a_token_waits_for_the_whole_of_it, stalled)
{
    int calls = 0;
    socket.async_transmit(tx, [&](error_code ec, std::size_t n) {
        BOOST_TEST(ec == success);
        BOOST_TEST(n == data.size());
        ++calls;
    });
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(calls == 1);
    BOOST_TEST(tx.calls == 0);
    BOOST_TEST((arrived == data));
}

BOOST_FIXTURE_TEST_CASE(a_handler_may_transmit_again, connection)
{
    temporary_file const file("content");
    transmit_context tx;
    tx.elements({open_file(file.path())});
    int rounds = 0;
    tx.completion_handler([&](transmit_context& c) {
        if (++rounds != 5)
        {
            socket.async_transmit(c);
        }
    });
    socket.async_transmit(tx);
    support::run(io);
    BOOST_TEST(rounds == 5);
    BOOST_TEST(other.read(35).size() == 35u);
}

// Order and fairness

BOOST_FIXTURE_TEST_CASE(transmissions_and_sends_keep_their_order, connection)
{
    std::string const text = payload(5000, 1);
    std::string const big = payload(1000003, 2);
    temporary_file const file(big);
    for (bool const is_in_turn : {false, true})
    {
        std::array<context, 3> sends;
        std::array<transmission, 2> files;
        int ended = 0;
        auto const start = [&] {
            for (std::size_t i = 0; i != 3; ++i)
            {
                sends[i].buffer(asio::buffer(text));
                ended += socket.start_send(sends[i]) == completed;
                if (i != 2)
                {
                    files[i].elements(
                        {asio::buffer(text, 10), open_file(file.path())});
                    ended += socket.start_transmit(files[i]) == completed;
                }
            }
        };
        std::string const part = text.substr(0, 10) + big;
        std::string const expected = text + part + text + part + text;
        std::string arrived;
        support::background reader(
            [&] { arrived = other.read(expected.size()); });
        if (is_in_turn)
        {
            context rx;
            std::array<char, 1> byte;
            rx.buffer(asio::buffer(byte));
            rx.completion_handler([&](stream_context&) { start(); });
            BOOST_TEST((socket.start_receive(rx) == pending));
            other.write("!");
            support::run(io);
        }
        else
        {
            start();
            support::run(io);
        }
        reader.join();
        BOOST_TEST((arrived == expected));
        for (auto const& c : sends)
        {
            BOOST_TEST(c.error() == success);
            ended += c.calls;
        }
        for (auto const& c : files)
        {
            BOOST_TEST(c.error() == success);
            ended += c.calls;
        }
        BOOST_TEST(ended == 5);
    }
}

namespace {

// Posts itself for as long as a transmission is pending, and sees how far that
// comes in between.
struct observer
{
    asio::io_context& io;
    transmission const& tx;
    std::uint64_t seen = 0;
    std::uint64_t largest_step = 0;
    int steps = 0;

    void observe()
    {
        std::uint64_t const now = tx.progress();
        largest_step = std::max(largest_step, now - seen);
        steps += now != seen;
        seen = now;
        if (tx.is_pending())
        {
            asio::post(io, [this] { observe(); });
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(other_work_goes_on_between_parts_of_a_file, connection)
{
    // At most 256 KiB go in a turn, of which there are at most two between
    // other handlers: one for an event, one to go on.
    constexpr std::size_t size = 16 << 20;
    constexpr std::size_t share = 256 * 1024;
    std::string const data = payload(size);
    temporary_file const file(data);
    transmission tx;
    tx.elements({open_file(file.path())});
    std::string arrived;
    support::background reader([&] { arrived = other.read(size); });
    auto const result = socket.start_transmit(tx);
    BOOST_TEST((result == pending));
    observer others{io, tx};
    others.observe();
    finish(io, tx, result);
    others.observe();
    reader.join();
    BOOST_TEST((arrived == data));
    BOOST_TEST(others.largest_step <= 2 * share);
    BOOST_TEST(others.steps >= static_cast<int>(size / share / 2));
}

BOOST_AUTO_TEST_CASE(many_sockets_transmit_on_many_threads)
{
    support::descriptor_check const leaks;
    constexpr std::size_t count = 8;
    std::string const data = payload(3 << 20);
    temporary_file const file(data);
    asio::io_context io;

    struct one
    {
        tcp::socket socket;
        support::peer other;
        transmission tx;
        std::string arrived;

        one(asio::io_context& io, open_file const& f)
            : socket(io)
            , other(support::connect_tcp(socket))
        {
            tx.elements({f, transmit_element(f, 1000, 1000), f});
        }
    };

    std::vector<std::unique_ptr<one>> all;
    {
        open_file const opened(file.path());
        for (std::size_t i = 0; i != count; ++i)
        {
            all.push_back(std::make_unique<one>(io, opened));
        }
    }
    std::string const expected = data + data.substr(1000, 1000) + data;
    {
        std::vector<support::background> readers;
        for (auto& c : all)
        {
            c->socket.async_transmit(c->tx);
            readers.emplace_back(
                [&] { c->arrived = c->other.read(expected.size()); });
        }
        support::background const second(
            [&] { io.run_for(support::patience); });
        io.run_for(support::patience);
    }
    for (auto& c : all)
    {
        BOOST_TEST(c->tx.calls == 1);
        BOOST_TEST(c->tx.error() == success);
        BOOST_TEST((c->arrived == expected));
    }
}

BOOST_AUTO_TEST_CASE(an_engine_of_one_thread_transmits_too)
{
    support::descriptor_check const leaks;
    asio::io_context io(1);
    opslot::reactor_options options;
    options.single_threaded = true;
    opslot::configure(io, options);

    struct
    {
        asio::io_context& io;
        tcp::socket socket{io};
        support::peer other = support::connect_tcp(socket);
    } c{io};

    std::string const data = payload(large);
    temporary_file const file(data);
    transmission tx;
    tx.elements({open_file(file.path()), transmit_element(asio::buffer(data))});
    expect_sent(c, tx, data + data);
}

BOOST_AUTO_TEST_CASE(a_thread_pool_transmits_too)
{
    support::descriptor_check const leaks;
    std::string const data = payload(large);
    temporary_file const file(data);
    transmission tx;
    tx.elements({open_file(file.path())});
    asio::thread_pool pool(2);
    tcp::socket socket(pool);
    support::peer other = support::connect_tcp(socket);
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    socket.async_transmit(tx);
    reader.join();
    pool.join();
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST((arrived == data));
}

BOOST_FIXTURE_TEST_CASE(progress_is_seen_by_another_thread, stalled)
{
    start();
    std::uint64_t last = 0;
    bool is_monotonic = true;
    {
        support::background watcher([&] {
            auto const limit =
                std::chrono::steady_clock::now() + support::patience;
            while (last != data.size() &&
                   std::chrono::steady_clock::now() < limit)
            {
                std::uint64_t const now = tx.progress();
                is_monotonic &= now >= last && now <= data.size();
                last = now;
            }
        });
        support::background reader([&] { other.discard(data.size()); });
        support::run(io);
    }
    BOOST_TEST(is_monotonic);
    BOOST_TEST(last == data.size());
    BOOST_TEST(tx.progress() == data.size());
}

// Files that cannot be sent

// Reported, and not thrown: it is no misuse.
// Model case 96.
BOOST_FIXTURE_TEST_CASE(what_is_no_file_is_reported_at_once, connection)
{
    temporary_file const file(payload(100));
    support::temporary_directory const directory;
    auto const pipe = directory.path() / "pipe";
    BOOST_TEST(::mkfifo(pipe.c_str(), 0600) == 0);
    std::string_view const text = "not sent";
    auto const second = [&](transmission& tx, transmit_element const& e) {
        tx.elements({asio::buffer(text), e, open_file(file.path())});
    };
    transmission tx;
    second(tx, transmit_element::from_path(directory.path() / "missing"));
    expect_refused(*this, tx, errc::no_such_file_or_directory, 1);
    second(tx, transmit_element::from_path(""));
    expect_refused(*this, tx, errc::no_such_file_or_directory, 1);
    second(tx, transmit_element::from_path(file.path() / "inside"));
    expect_refused(*this, tx, errc::not_a_directory, 1);
    second(tx, transmit_element::from_path(directory.path()));
    expect_refused(*this, tx, errc::is_a_directory, 1);
    second(tx, transmit_element::from_path(pipe));
    expect_refused(*this, tx, errc::invalid_argument, 1);
    second(tx, open_file());
    expect_refused(*this, tx, errc::bad_file_descriptor, 1);
    second(tx, transmit_element::from_native_handle(-1));
    expect_refused(*this, tx, errc::bad_file_descriptor, 1);
}

BOOST_FIXTURE_TEST_CASE(a_range_has_to_lie_within_its_file, connection)
{
    temporary_file const file(payload(100));
    transmission tx;
    constexpr auto most = ~std::uint64_t(0);
    auto const range = [&](std::uint64_t offset, std::uint64_t count) {
        auto const e = transmit_element::from_path(file.path(), offset, count);
        tx.elements({e});
        expect_refused(*this, tx, error::out_of_range, 0);
    };
    range(0, 101);
    range(100, 1);
    range(101, 0);
    range(50, most);
    range(most, 1);
    range(most, most);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_shrinks_ends_the_transmission, stalled)
{
    context behind;
    behind.buffer(asio::buffer(data));
    std::string_view const text = "header";
    tx.elements({asio::buffer(text), transmit_element::from_path(file.path())});
    start();
    BOOST_TEST((socket.start_send(behind) == pending));
    // Half of what is left is gone.
    std::uint64_t const size = (tx.progress() + data.size()) / 2;
    file.truncate(size);
    std::string arrived;
    support::background reader([&] { arrived = other.read_all(); });
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST((tx.error() == error::file_shrunk));
    BOOST_TEST((tx.error() == errc::io_error));
    BOOST_TEST(tx.element_index() == 1u);
    BOOST_TEST(tx.bytes_transferred() == text.size() + size);
    // What would be taken for the rest of the file is not sent.
    BOOST_TEST(behind.calls == 1);
    BOOST_TEST(behind.error() == aborted);
    expect_broken();
    socket.close();
    reader.join();
    BOOST_TEST((arrived == std::string(text) + data.substr(0, size)));
}

BOOST_FIXTURE_TEST_CASE(
    a_file_that_has_shrunk_before_its_turn_harms_nobody, stalled)
{
    start();
    std::string const content = payload(100000);
    temporary_file second(content);
    std::string_view const text = "next";
    transmission queued;
    queued.elements({open_file(second.path())});
    BOOST_TEST((socket.start_transmit(queued) == pending));
    context behind;
    behind.buffer(asio::buffer(text));
    BOOST_TEST((socket.start_send(behind) == pending));
    second.truncate(0);
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size() + 4); });
    support::run(io);
    reader.join();
    BOOST_TEST((queued.error() == error::file_shrunk));
    BOOST_TEST(queued.bytes_transferred() == 0u);
    BOOST_TEST(behind.error() == success);
    BOOST_TEST((arrived == data + "next"));
}

BOOST_FIXTURE_TEST_CASE(a_small_file_that_shrinks_is_noticed_too, stalled)
{
    std::string const content = payload(10000);
    temporary_file second(content);
    tx.elements(
        {transmit_element::from_path(file.path()), open_file(second.path())});
    start();
    second.truncate(10);
    std::string arrived;
    support::background reader([&] { arrived = other.read_all(); });
    support::run(io);
    BOOST_TEST((tx.error() == error::file_shrunk));
    BOOST_TEST(tx.element_index() == 1u);
    BOOST_TEST(tx.bytes_transferred() == data.size() + 10);
    expect_broken();
    socket.close();
    reader.join();
    BOOST_TEST((arrived == data + content.substr(0, 10)));
}

// Ending early

BOOST_FIXTURE_TEST_CASE(a_cancelled_transmission_ends_those_behind_it, stalled)
{
    start();
    transmission second;
    second.elements({open_file(file.path())});
    BOOST_TEST((socket.start_transmit(second) == pending));
    context third;
    third.buffer(asio::buffer(data));
    BOOST_TEST((socket.start_send(third) == pending));
    BOOST_TEST(tx.cancel());
    BOOST_TEST(!tx.cancel());
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == aborted);
    BOOST_TEST(tx.bytes_transferred() == tx.progress());
    BOOST_TEST(tx.element_index() == 0u);
    BOOST_TEST(second.error() == aborted);
    BOOST_TEST(second.bytes_transferred() == 0u);
    BOOST_TEST(third.error() == aborted);
}

BOOST_FIXTURE_TEST_CASE(an_untouched_transmission_is_cancelled_alone, stalled)
{
    start();
    transmission second;
    second.elements({open_file(file.path())});
    BOOST_TEST((socket.start_transmit(second) == pending));
    std::string_view const text = "next";
    context third;
    third.buffer(asio::buffer(text));
    BOOST_TEST((socket.start_send(third) == pending));
    BOOST_TEST(second.cancel());
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size() + 4); });
    support::run(io);
    reader.join();
    BOOST_TEST(second.error() == aborted);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST((arrived == data + "next"));
}

BOOST_FIXTURE_TEST_CASE(a_slot_cancels_in_total_only_what_is_untouched, stalled)
{
    for (auto const type : {cancel::total, cancel::partial})
    {
        asio::cancellation_signal first_signal, second_signal;
        error_code first, second;
        int calls = 0;
        transmission queued;
        queued.elements({open_file(file.path())});
        auto const started = [&](auto& signal, error_code& out) {
            return asio::bind_cancellation_slot(
                signal.slot(), [&](error_code ec, std::size_t) {
                    out = ec;
                    ++calls;
                });
        };
        socket.async_transmit(tx, started(first_signal, first));
        socket.async_transmit(queued, started(second_signal, second));
        support::poll(io);
        BOOST_TEST(tx.progress() > 0u);
        second_signal.emit(cancel::total);
        first_signal.emit(type);
        if (type == cancel::total)
        {
            // It goes on.
            std::string arrived;
            support::background reader(
                [&] { arrived = other.read(data.size()); });
            support::run(io);
            reader.join();
            BOOST_TEST(first == success);
            BOOST_TEST((arrived == data));
        }
        else
        {
            support::run(io);
            BOOST_TEST(first == aborted);
        }
        BOOST_TEST(second == aborted);
        BOOST_TEST(calls == 2);
    }
}

BOOST_FIXTURE_TEST_CASE(a_deadline_ends_a_transmission, stalled)
{
    tx.timeout(std::chrono::milliseconds(30));
    start();
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST((tx.error() == error::timeout));
    BOOST_TEST(tx.bytes_transferred() > 0u);
}

BOOST_FIXTURE_TEST_CASE(closing_the_socket_ends_a_transmission, stalled)
{
    start();
    std::size_t const open = support::open_descriptors();
    socket.close();
    // The file of the path is closed as well.
    BOOST_TEST(support::open_descriptors() == open - 2);
    BOOST_TEST(tx.calls == 0);
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == aborted);
}

BOOST_FIXTURE_TEST_CASE(a_withdrawn_transmission_breaks_the_stream, stalled)
{
    std::optional<transmission> withdrawn(std::in_place);
    withdrawn->elements({transmit_element::from_path(file.path())});
    std::size_t const open = support::open_descriptors();
    BOOST_TEST((socket.start_transmit(*withdrawn) == pending));
    BOOST_TEST(support::open_descriptors() >= open + 1);
    withdrawn.reset();
    support::run(io);
    expect_broken();
}

BOOST_FIXTURE_TEST_CASE(a_disposed_transmission_goes_on_to_its_end, stalled)
{
    start();
    tx.dispose();
    support::background const reader([&] { other.discard(data.size()); });
    support::run(io);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST(tx.is_disposed());
    expect_thrown(
        error::context_disposed, [&] { (void)socket.start_transmit(tx); });
    expect_thrown(error::context_disposed, [&] { tx.clear_elements(); });
}

// Model case 5.
BOOST_FIXTURE_TEST_CASE(a_busy_transmission_cannot_be_changed, stalled)
{
    start();
    auto const busy = [&](auto call) {
        expect_thrown(error::context_busy, call);
    };
    busy([&] { tx.elements({asio::buffer(data)}); });
    busy([&] { tx.elements(std::vector<transmit_element>()); });
    busy([&] { tx.clear_elements(); });
    busy([&] { tx.disconnect_after(socket_reuse::no); });
    busy([&] { tx.stay_connected(); });
    busy([&] { (void)socket.start_transmit(tx); });
    busy([&] { socket.async_transmit(tx); });
    busy([&] { (void)socket.start_disconnect(tx); });
    int calls = 0;
    socket.async_transmit(tx, [&](error_code ec, std::size_t) {
        BOOST_TEST((ec == error::context_busy));
        ++calls;
    });
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST(calls == 1);
    BOOST_TEST(tx.calls == 1);
    BOOST_TEST(tx.error() == success);
    BOOST_TEST((arrived == data));
}

BOOST_FIXTURE_TEST_CASE(a_pending_transmission_keeps_its_owner, stalled)
{
    struct owner : std::enable_shared_from_this<owner>
    {
        transmission tx;
    };

    auto object = std::make_shared<owner>();
    std::weak_ptr<owner> const watch = object;
    object->tx.keep_alive(*object);
    object->tx.elements({open_file(file.path())});
    BOOST_TEST((socket.start_transmit(object->tx) == pending));
    object.reset();
    BOOST_TEST(!watch.expired());
    support::background const reader([&] { other.discard(data.size()); });
    support::run(io);
    BOOST_TEST(watch.expired());
}

BOOST_AUTO_TEST_CASE(the_end_of_the_io_context_ends_a_transmission)
{
    support::descriptor_check const leaks;
    temporary_file const file(payload(large));
    transmission tx;
    {
        asio::io_context io;
        tcp::socket socket(io);
        auto const other = support::connect_tcp(socket);
        tx.elements({transmit_element::from_path(file.path())});
        BOOST_TEST((socket.start_transmit(tx) == pending));
        io.poll();
    }
    BOOST_TEST(tx.calls == 0);
    BOOST_TEST(!tx.is_pending());
}

BOOST_FIXTURE_TEST_CASE(a_reset_raises_no_signal, connection)
{
    struct default_action
    {
        struct ::sigaction before;

        default_action()
        {
            struct ::sigaction plain = {};
            plain.sa_handler = SIG_DFL;
            ::sigaction(SIGPIPE, &plain, &before);
        }

        ~default_action() { ::sigaction(SIGPIPE, &before, nullptr); }
    } const kills;

    temporary_file const file(payload(large));
    transmission tx;
    tx.elements({open_file(file.path())});
    shrink_buffers();
    BOOST_TEST((socket.start_transmit(tx) == pending));
    other.reset();
    support::run(io);
    BOOST_TEST(tx.error().failed());
    BOOST_TEST(tx.error() != aborted);
    // The first call has taken the error of the reset; the next one finds the
    // stream closed.
    tcp::socket second(io);
    auto gone = support::connect_tcp(second);
    error_code ec;
    second.shutdown(tcp::socket::shutdown_send, ec);
    finish(io, tx, second.start_transmit(tx));
    BOOST_TEST((tx.error() == errc::broken_pipe));
    ::sigset_t waiting;
    ::sigpending(&waiting);
    BOOST_TEST(!::sigismember(&waiting, SIGPIPE));
}

BOOST_FIXTURE_TEST_CASE(a_blocking_native_socket_blocks_nobody, stalled)
{
    socket.native_non_blocking(false);
    start();
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    support::run(io);
    reader.join();
    BOOST_TEST((arrived == data));
}

// Disconnecting at the end

BOOST_FIXTURE_TEST_CASE(a_transmission_may_disconnect_at_its_end, connection)
{
    std::string const data = payload(100000);
    temporary_file const file(data);
    transmission tx;
    tx.elements({open_file(file.path())});
    tx.disconnect_after(socket_reuse::no);
    std::string arrived;
    support::background reader([&] { arrived = other.read_all(); });
    finish(io, tx, socket.start_transmit(tx));
    BOOST_TEST(tx.error() == success);
    reader.join();
    BOOST_TEST((arrived == data));
    BOOST_TEST(socket.is_open());
    support::listener l;
    error_code ec;
    socket.connect(l.endpoint(), ec);
    BOOST_TEST(ec == asio::error::already_connected);
}

BOOST_FIXTURE_TEST_CASE(a_transmission_may_free_its_socket, connection)
{
    std::string const data = payload(large);
    temporary_file const file(data);
    transmission tx;
    tx.elements({open_file(file.path())});
    tx.disconnect_after(socket_reuse::yes);
    for (int i = 0; i != 3; ++i)
    {
        context rx;
        std::array<char, 16> storage;
        rx.buffer(asio::buffer(storage));
        BOOST_TEST((socket.start_receive(rx) == pending));
        std::string arrived;
        support::background reader([&] { arrived = other.read_all(); });
        finish(io, tx, socket.start_transmit(tx));
        BOOST_TEST(tx.error() == success);
        reader.join();
        support::run(io);
        BOOST_TEST((arrived == data));
        BOOST_TEST(rx.calls == 1);
        BOOST_TEST(rx.error() == aborted);
        error_code ec;
        socket.remote_endpoint(ec);
        BOOST_TEST(ec == asio::error::not_connected);
        support::listener l;
        socket.connect(l.endpoint());
        other = l.accept();
    }
    tx.stay_connected();
    std::string arrived;
    support::background reader([&] { arrived = other.read(data.size()); });
    finish(io, tx, socket.start_transmit(tx));
    reader.join();
    BOOST_TEST((arrived == data));
    BOOST_TEST((socket.remote_endpoint().port() != 0));
}

BOOST_FIXTURE_TEST_CASE(a_failed_transmission_does_not_disconnect, connection)
{
    transmission tx;
    tx.disconnect_after(socket_reuse::yes);
    tx.elements({transmit_element::from_path("")});
    BOOST_TEST((socket.start_transmit(tx) == completed));
    BOOST_TEST(tx.error().failed());
    tx.stay_connected();
    expect_works(*this, tx);
}
