#ifndef OPSLOT_EXAMPLE_SESSION_SERVER_HPP
#define OPSLOT_EXAMPLE_SESSION_SERVER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/tcp.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "server_program.hpp"

namespace support {

/** Accepts connections and gives each to a session of its own.

    @tparam Session Made from a socket, then started. It keeps itself alive by
    what it has pending. `stop` makes it receive the end of its stream, after
    what has arrived.
*/
template<typename Session>
class session_server
{
    using tcp = opslot::tcp;
    using make_session = std::function<std::shared_ptr<Session>(tcp::socket)>;

public:
    /// @param make How a session is made from a socket.
    explicit session_server(
        tcp::acceptor acceptor,
        make_session make =
            [](tcp::socket s) {
                return std::make_shared<Session>(std::move(s));
            })
        : acceptor_(std::move(acceptor))
        , make_(std::move(make))
    {
        acceptor_.set_option(tcp::no_delay(true)); // for what is accepted
        context_.completion_handler(
            [this](tcp::accept_context&) { go_on(accepted()); });
        go_on(true);
    }

    session_server(boost::asio::io_context& io, tcp::endpoint const& endpoint)
        : session_server(tcp::acceptor(io, endpoint))
    {}

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

    /// Accepts nothing more, and ends the sessions.
    void stop()
    {
        acceptor_.close();
        for (std::weak_ptr<Session> const& each : sessions_)
        {
            if (auto const session = each.lock())
            {
                session->stop();
            }
        }
    }

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
        auto const session = make_(context_.take_socket());
        remember(session);
        session->start();
        return true;
    }

    // Those that have gone are forgotten whenever the list has doubled.
    void remember(std::shared_ptr<Session> const& session)
    {
        if (sessions_.size() >= limit_)
        {
            auto const gone = std::remove_if(
                sessions_.begin(), sessions_.end(), [](auto const& each) {
                    return each.expired();
                });
            sessions_.erase(gone, sessions_.end());
            limit_ = std::max<std::size_t>(64, 2 * sessions_.size());
        }
        sessions_.push_back(session);
    }

    tcp::acceptor acceptor_;
    make_session make_;
    tcp::accept_context context_;
    std::vector<std::weak_ptr<Session>> sessions_;
    std::size_t limit_ = 64;
};

} // namespace support

#endif
