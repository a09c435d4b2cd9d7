#ifndef OPSLOT_TEST_SUPPORT_CONNECTED_HPP
#define OPSLOT_TEST_SUPPORT_CONNECTED_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <condition_variable>
#include <list>
#include <mutex>

#include "support/peer.hpp"
#include "support/run.hpp"

namespace support {

/// Both ends of a TCP connection, on sockets of a type.
template<typename Socket>
struct connected
{
    Socket first;
    Socket second;

    template<typename Executor>
    explicit connected(Executor const& executor)
        : first(executor)
        , second(executor)
    {
        using tcp = boost::asio::ip::tcp;
        peer other = connect_tcp(first);
        second.assign(tcp::v4(), other.release());
        first.set_option(tcp::no_delay(true));
        second.set_option(tcp::no_delay(true));
    }
};

/// A count that another thread can wait for.
class countdown
{
public:
    void start(int count)
    {
        std::lock_guard const lock(mutex_);
        count_ = count;
    }

    void down()
    {
        std::lock_guard const lock(mutex_);
        if (--count_ == 0)
        {
            zero_.notify_all();
        }
    }

    bool wait()
    {
        std::unique_lock lock(mutex_);
        return zero_.wait_for(lock, patience, [this] { return count_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable zero_;
    int count_ = 0;
};

/// Threads that run a context, to the end of the scope.
class runners
{
public:
    explicit runners(boost::asio::io_context& io, int count)
        : work_(io.get_executor())
    {
        for (int i = 0; i != count; ++i)
        {
            threads_.emplace_back([&io] { io.run(); });
        }
    }

    ~runners() { work_.reset(); }

private:
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
        work_;
    std::list<background> threads_;
};

} // namespace support

#endif
