// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Connects to a host by its name, sends a line, and prints what comes back
// until the next line ends. One context resolves, tries the addresses, and
// sends; its deadline counts for all of that.
//
//   connect_by_name localhost 7007 hello

#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

#include "support/command_line.hpp"

namespace asio = boost::asio;
using tcp = opslot::tcp;

// True if the line came back.
bool talk(std::string_view host, std::string_view service, std::string line)
{
    asio::io_context io(1);
    tcp::socket socket(io);
    std::array<char, 4096> storage;
    opslot::stream_context rx;
    opslot::connect_context connect;
    bool is_good = false;

    auto const fails = [](opslot::operation_context const& done) {
        if (done.error()) // also at the end of the stream
        {
            std::cerr << done.error().message() << std::endl;
        }
        return done.error().failed();
    };

    rx.buffer(asio::buffer(storage));
    rx.timeout(std::chrono::seconds(10));
    rx.completion_handler([&](auto&) {
        if (!fails(rx))
        {
            std::string_view const part(storage.data(), rx.bytes_transferred());
            std::cout << part << std::flush;
            is_good = part.back() == '\n';
            if (!is_good)
            {
                socket.async_receive(rx);
            }
        }
    });

    //[connect
    connect.name(host, service);
    connect.parallel(true);             // a silent address is no obstacle
    connect.buffer(asio::buffer(line)); // goes out with the connect
    connect.timeout(std::chrono::seconds(10)); // for all steps together
    connect.completion_handler([&](auto&) {
        if (!fails(connect))
        {
            socket.async_receive(rx);
        }
    });
    socket.async_connect(connect);
    //]
    io.run();
    return is_good;
}

int main(int argc, char* argv[])
{
    std::string host, service, line;
    return support::program_main(
        argc,
        argv,
        {{"host", host, "a name or an address"},
         {"service", service, "a port, or its name"},
         {"line", line, "what to send"}},
        [&] { return talk(host, service, line + '\n') ? 0 : 1; });
}
