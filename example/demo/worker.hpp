#ifndef OPSLOT_DEMO_WORKER_HPP
#define OPSLOT_DEMO_WORKER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/circular_buffer.hpp>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace demo {

/// A thread that calls `reply()` of one session after the other, as one that
/// computes the answers would.
template<typename Session>
class worker
{
public:
    /// @param capacity How many sessions there may be at a time.
    explicit worker(std::size_t capacity)
        : queue_(capacity)
        , thread_([this] { run(); })
    {}

    ~worker()
    {
        push(nullptr);
        thread_.join();
    }

    void push(std::shared_ptr<Session> session)
    {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            queue_.push_back(std::move(session));
        }
        condition_.notify_one();
    }

private:
    std::shared_ptr<Session> pop()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        condition_.wait(lock, [this] { return !queue_.empty(); });
        auto session = std::move(queue_.front());
        queue_.pop_front();
        return session;
    }

    void run()
    {
        while (auto const session = pop())
        {
            session->reply();
        }
    }

    std::mutex mutex_;
    std::condition_variable condition_;
    boost::circular_buffer<std::shared_ptr<Session>> queue_;
    std::thread thread_;
};

} // namespace demo

#endif
