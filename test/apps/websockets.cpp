// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The WebSocket servers, with a client in Python.

#include "support.hpp"

#define BOOST_TEST_MODULE apps_websockets
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

using apps::app_process;

auto const plain_servers = boost::unit_test::data::make(
    std::vector<std::string>{"beast_websocket", "websocketpp_echo"});
auto const servers = boost::unit_test::data::make(std::vector<std::string>{
    "beast_websocket", "beast_secure_websocket", "websocketpp_echo"});

// Says so if it lacks the module.
char const* const client = R"(
import asyncio, ssl, sys
try:
    import websockets
except ImportError:
    print("skipped")
    sys.exit(0)

async def exchange(url):
    tls = None
    if url.startswith("wss"):
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    async with websockets.connect(url, ssl=tls, max_size=None) as socket:
        for message in ["hello", "x" * 100000, "", bytes(range(256)) * 100]:
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping())
        for i in range(100):
            await socket.send(str(i))
        assert [await socket.recv() for i in range(100)] \
            == [str(i) for i in range(100)]
    assert socket.close_code == 1000, socket.close_code

async def main(url):
    await asyncio.gather(*(exchange(url) for i in range(10)))
    print("done")

asyncio.run(asyncio.wait_for(main(sys.argv[1]), 15))
)";

BOOST_DATA_TEST_CASE(messages_come_back, servers, program)
{
    bool const is_secure = program.find("secure") != program.npos;
    app_process server(program);
    std::string output;
    if (!apps::run_tool(
            {OPSLOT_PYTHON,
             "-c",
             client,
             (is_secure ? "wss" : "ws") + std::string("://127.0.0.1:") +
                 std::to_string(server.port())},
            output))
    {
        return;
    }
    if (output == "skipped\n")
    {
        BOOST_TEST_MESSAGE("skipped: there is no module websockets");
        return;
    }
    BOOST_TEST(output == "done\n");
    BOOST_TEST(server.terminate() == 0);
}

BOOST_DATA_TEST_CASE(who_asks_for_a_page_is_refused, plain_servers, program)
{
    app_process server(program);
    examples::client plain(server.port());
    plain.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::string const answer = plain.receive(12);
    BOOST_TEST((answer == "HTTP/1.1 400" || answer == "HTTP/1.1 426"), answer);
    BOOST_TEST(server.terminate() == 0);
}

} // namespace
