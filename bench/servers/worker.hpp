#ifndef OPSLOT_BENCH_SERVERS_WORKER_HPP
#define OPSLOT_BENCH_SERVERS_WORKER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/circular_buffer.hpp>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

namespace bench {

/** A thread that calls `reply()` of one session after the other.

    As `demo::worker`, but a server is killed and never ends, so sessions are
    plain pointers, and the same for servers with and without Asio.
*/
template<typename Session>
class worker
{
public:
    /// @param capacity How many sessions there may be at a time.
    explicit worker(std::size_t capacity)
        : queue_(capacity)
        , thread_([this] { run(); })
    {
        thread_.detach();
    }

    void push(Session& session)
    {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            queue_.push_back(&session);
        }
        condition_.notify_one();
    }

private:
    [[noreturn]] void run()
    {
        for (;;)
        {
            std::unique_lock<std::mutex> lock(mutex_);
            condition_.wait(lock, [this] { return !queue_.empty(); });
            Session& session = *queue_.front();
            queue_.pop_front();
            lock.unlock();
            session.reply();
        }
    }

    std::mutex mutex_;
    std::condition_variable condition_;
    boost::circular_buffer<Session*> queue_;
    std::thread thread_;
};

} // namespace bench

#endif
