#ifndef OPSLOT_TEST_SUPPORT_ASIO_APPLICATION_HPP
#define OPSLOT_TEST_SUPPORT_ASIO_APPLICATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "support/run.hpp"

namespace support {

/** An application as it is written for Asio: a server that echoes lines, and a
    client of it.

    @tparam Tcp What stands for `asio::ip::tcp`.
*/
template<typename Tcp>
class asio_application
{
    using error_code = boost::system::error_code;

    class session : public std::enable_shared_from_this<session>
    {
    public:
        explicit session(typename Tcp::socket socket)
            : socket_(std::move(socket))
        {}

        void start()
        {
            socket_.set_option(typename Tcp::no_delay(true));
            boost::asio::async_read_until(
                socket_,
                boost::asio::dynamic_buffer(data_),
                '\n',
                [self =
                     this->shared_from_this()](error_code ec, std::size_t n) {
                    if (!ec)
                    {
                        self->reply(n);
                    }
                });
        }

    private:
        void reply(std::size_t n)
        {
            boost::asio::async_write(
                socket_,
                boost::asio::buffer(data_, n),
                [self = this->shared_from_this(),
                 n](error_code ec, std::size_t) {
                    self->data_.erase(0, n);
                    if (!ec)
                    {
                        self->start();
                    }
                });
        }

        typename Tcp::socket socket_;
        std::string data_;
    };

public:
    /** Runs it, and returns what the client got for "hello\n".

        @param connect Called as `connect(socket, results, handler)`, starts the
        composed connect of the socket's library.
    */
    template<typename Connect>
    std::string run(Connect connect)
    {
        accept();
        resolver_.async_resolve(
            "127.0.0.1",
            std::to_string(acceptor_.local_endpoint().port()),
            [&](error_code ec, typename Tcp::resolver::results_type results) {
                BOOST_REQUIRE(!ec);
                connect(
                    client_,
                    results,
                    [this](error_code e, typename Tcp::endpoint const&) {
                        BOOST_REQUIRE(!e);
                        ask();
                    });
            });
        support::run(io_);
        return reply_;
    }

private:
    void accept()
    {
        acceptor_.async_accept(
            [this](error_code ec, typename Tcp::socket socket) {
                if (!ec)
                {
                    std::make_shared<session>(std::move(socket))->start();
                    accept();
                }
            });
    }

    void ask()
    {
        boost::asio::async_write(
            client_,
            boost::asio::buffer("hello\n", 6),
            [this](error_code ec, std::size_t) {
                BOOST_REQUIRE(!ec);
                boost::asio::async_read_until(
                    client_,
                    boost::asio::dynamic_buffer(reply_),
                    '\n',
                    [this](error_code e, std::size_t) {
                        BOOST_TEST(!e);
                        client_.close();
                        acceptor_.close();
                    });
            });
    }

    boost::asio::io_context io_;
    typename Tcp::acceptor acceptor_{
        io_,
        typename Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
    typename Tcp::socket client_{io_};
    typename Tcp::resolver resolver_{io_};
    std::string reply_;
};

} // namespace support

#endif
