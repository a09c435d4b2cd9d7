// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Sends each line to everybody else. A message is there once, however many get
// it, and each client has a queue of sends that is as long as its contexts are
// many: who does not read is dropped when they are all pending.
//
//   chat
//   nc 127.0.0.1 7011

#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "support/message_pool.hpp"
#include "support/server_program.hpp"
#include "support/session_server.hpp"
#include "support/threads.hpp"

namespace asio = boost::asio;
using tcp = opslot::tcp;
using support::threading;

class session;

struct room
{
    support::message_pool messages;
    std::vector<session*> members;
};

class session : public std::enable_shared_from_this<session>
{
    struct sending
    {
        support::message_ptr what;
        opslot::stream_context context;
    };

    std::shared_ptr<room> room_;
    tcp::socket socket_;
    std::array<char, support::message::capacity> lines_;
    std::size_t size_ = 0;
    opslot::stream_context rx_;
    std::array<sending, 64> sendings_;

public:
    session(tcp::socket socket, std::shared_ptr<room> r)
        : room_(std::move(r))
        , socket_(std::move(socket))
    {
        // Each goes out at once, and not with others at the end of a turn: a
        // context is pending only if the client does not read.
        socket_.gather_sends(false);
        rx_.completion_handler([this](auto&) { go_on(received()); });
        rx_.keep_alive(*this);
        for (sending& s : sendings_)
        {
            s.context.completion_handler([this, &s](auto&) { sent(s); });
            s.context.keep_alive(*this);
        }
        room_->members.push_back(this);
    }

    ~session() { leave(); }

    void start() { go_on(true); }

    void stop() { support::end_receiving(socket_); }

private:
    void go_on(bool more)
    {
        while (more)
        {
            rx_.buffer(asio::buffer(lines_) + size_);
            more =
                socket_.start_receive(rx_) == opslot::completed && received();
        }
    }

    bool received()
    {
        if (rx_.error())
        {
            leave(); // what is pending still goes out
            return false;
        }
        size_ += rx_.bytes_transferred();
        std::string_view const text(lines_.data(), size_);
        // All lines that are complete; one that is too long goes in pieces.
        std::size_t told = text.rfind('\n') + 1; // 0 if there is none
        if (told == 0 && size_ == lines_.size())
        {
            told = size_;
        }
        if (told != 0)
        {
            tell(text.substr(0, told));
        }
        size_ -= told;
        std::memmove(lines_.data(), lines_.data() + told, size_);
        return true;
    }

    void tell(std::string_view lines)
    {
        auto const m = room_->messages.make(lines);
        for (session* each : room_->members)
        {
            each == this ? void() : each->send(m);
        }
    }

    void send(support::message_ptr const& m)
    {
        auto const idle = std::find_if(
            sendings_.begin(), sendings_.end(), [](sending const& s) {
                return !s.context.is_pending();
            });
        if (idle == sendings_.end())
        {
            return drop();
        }
        idle->what = m;
        idle->context.buffer(asio::buffer(m->text.data(), m->size));
        if (socket_.start_send(idle->context) == opslot::completed)
        {
            sent(*idle);
        }
    }

    void sent(sending& s)
    {
        s.what.reset();
        s.context.error() ? drop() : void();
    }

    void drop()
    {
        boost::system::error_code ignored;
        socket_.close(ignored); // what is pending ends, and so does this
    }

    void leave()
    {
        auto& all = room_->members;
        all.erase(std::remove(all.begin(), all.end(), this), all.end());
    }
};

int main(int argc, char* argv[])
{
    return support::server_main(
        argc, argv, {7011, threading::shared}, [](auto const& options) {
            auto const all = std::make_shared<room>();
            support::serve_on_strand(options, [&](tcp::acceptor acceptor) {
                return support::session_server<session>(
                    std::move(acceptor), [&](tcp::socket socket) {
                        return std::make_shared<session>(
                            std::move(socket), all);
                    });
            });
        });
}
