// plain: yes

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// A room: each line goes to everybody in it, and those who come later read the
// last ones.

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "app.hpp"

namespace {

constexpr std::size_t longest_line = 1000;
constexpr std::size_t remembered = 100;

using message = std::shared_ptr<std::string const>;

class participant
{
public:
    virtual void deliver(message const& line) = 0;

protected:
    ~participant() = default;
};

class room
{
public:
    void join(participant& who)
    {
        everybody_.insert(&who);
        for (message const& each : recent_)
            who.deliver(each);
    }

    void leave(participant& who) { everybody_.erase(&who); }

    void say(message const& line)
    {
        recent_.push_back(line);
        if (recent_.size() > remembered)
            recent_.pop_front();
        for (participant* each : everybody_)
            each->deliver(line);
    }

private:
    std::set<participant*> everybody_;
    std::deque<message> recent_;
};

class session final : public participant,
                      public std::enable_shared_from_this<session>
{
public:
    session(tcp::socket socket, std::shared_ptr<room> where)
        : socket_(std::move(socket))
        , room_(std::move(where))
    {}

    ~session() { room_->leave(*this); }

    void start()
    {
        room_->join(*this);
        receive();
    }

    void deliver(message const& line) override
    {
        outgoing_.push_back(line);
        if (outgoing_.size() == 1)
            send();
    }

private:
    void receive()
    {
        asio::async_read_until(
            socket_,
            asio::dynamic_buffer(incoming_, longest_line),
            '\n',
            [self = shared_from_this()](error_code error, std::size_t n) {
                if (error)
                    return self->room_->leave(*self);
                self->room_->say(std::make_shared<std::string const>(
                    self->incoming_.substr(0, n)));
                self->incoming_.erase(0, n);
                self->receive();
            });
    }

    void send()
    {
        asio::async_write(
            socket_,
            asio::buffer(*outgoing_.front()),
            [self = shared_from_this()](error_code error, std::size_t) {
                if (error)
                    return self->room_->leave(*self);
                self->outgoing_.pop_front();
                if (!self->outgoing_.empty())
                    self->send();
            });
    }

    tcp::socket socket_;
    std::shared_ptr<room> const room_;
    std::string incoming_;
    std::deque<message> outgoing_;
};

class server
{
public:
    server(asio::io_context& io, tcp::endpoint const& endpoint)
        : acceptor_(io, endpoint)
    {
        accept();
    }

    tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    void accept()
    {
        acceptor_.async_accept([this](error_code error, tcp::socket socket) {
            if (!error)
                std::make_shared<session>(std::move(socket), room_)->start();
            accept();
        });
    }

    tcp::acceptor acceptor_;
    std::shared_ptr<room> const room_ = std::make_shared<room>();
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<server>(argc, argv);
}
