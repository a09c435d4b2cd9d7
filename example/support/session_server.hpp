#ifndef OPSLOT_EXAMPLE_SESSION_SERVER_HPP
#define OPSLOT_EXAMPLE_SESSION_SERVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>

#include "server_program.hpp"

namespace support {

/** Accepts connections and gives each to a session of its own.

    @tparam Session Made by `std::make_shared` from a socket, then started.
    It keeps itself alive by what it has pending.
*/
template<typename Session>
class session_server
{
    using tcp = opslot::tcp;

public:
    session_server(boost::asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
    {
        acceptor_.set_option(tcp::no_delay(true)); // for what is accepted
        context_.completion_handler(
            [this](tcp::accept_context&) { go_on(accepted()); });
        go_on(true);
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    void go_on(bool more)
    {
        while (more && acceptor_.start_accept(context_) == opslot::completed)
        {
            more = accepted();
        }
    }

    // True: accept the next one now.
    bool accepted()
    {
        if (context_.error())
        {
            retry_later(acceptor_, context_.error(), [this] { go_on(true); });
            return false;
        }
        std::make_shared<Session>(context_.take_socket())->start();
        return true;
    }

    tcp::acceptor acceptor_;
    tcp::accept_context context_;
};

} // namespace support

#endif
