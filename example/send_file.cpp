// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends one file to whoever connects, behind a line with its size. The file is
// opened once; it goes from the system's cache to the sockets.
//
//   send_file photo.jpg
//   nc 127.0.0.1 7008 | tail -n +2 >copy.jpg

#include <opslot/open_file.hpp>
#include <opslot/tcp.hpp>
#include <opslot/transmit_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "support/server_program.hpp"

namespace asio = boost::asio;
using tcp = opslot::tcp;

//[client
class client : public std::enable_shared_from_this<client>
{
    tcp::socket socket_;
    std::string header_;
    opslot::transmit_context tx_;

public:
    client(tcp::socket socket, opslot::open_file const& file)
        : socket_(std::move(socket))
        , header_(std::to_string(file.size()) + '\n')
    {
        tx_.elements({asio::buffer(header_), file});
        tx_.disconnect_after(opslot::socket_reuse::no);
        tx_.timeout(std::chrono::minutes(10)); // for clients that do not read
        tx_.completion_handler([](auto& tx) {
            std::cout << tx.progress() << " bytes: " << tx.error().message()
                      << std::endl;
        });
        tx_.keep_alive(*this); // until it has ended
    }

    void start() { socket_.async_transmit(tx_); }
};

//]

class server
{
    tcp::acceptor acceptor_;
    opslot::open_file file_;

public:
    server(
        asio::io_context& io, tcp::endpoint const& at, std::string const& file)
        : acceptor_(io, at)
        , file_(file)
    {
        accept();
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

    void stop() { acceptor_.close(); } // and what is being sent goes on

private:
    void accept()
    {
        acceptor_.async_accept([this](auto ec, tcp::socket socket) {
            if (ec)
            {
                return support::retry_later(
                    acceptor_, ec, [this] { accept(); });
            }
            std::make_shared<client>(std::move(socket), file_)->start();
            accept();
        });
    }
};

int main(int argc, char* argv[])
{
    std::string file;
    return support::server_main(
        argc,
        argv,
        {7008},
        {{"file", file, "what each client gets"}},
        [&](auto const& options) {
            asio::io_context io(1);
            server files(io, options.endpoint(), file);
            support::run(io, files);
        });
}
