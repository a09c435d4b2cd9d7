// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/light_mutex.hpp>

#define BOOST_TEST_MODULE memory_light_mutex
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#if defined(__linux__)
#include <time.h>
#endif

namespace {

using opslot::detail::light_mutex;

// A static one is ready before any constructor runs.
light_mutex global;

static_assert(sizeof(light_mutex) == 4);
static_assert(std::is_trivially_destructible_v<light_mutex>);
static_assert(!std::is_copy_constructible_v<light_mutex>);
constexpr light_mutex constant;

#if defined(__linux__)
// The processor time of the calling thread, in milliseconds.
long processor_time()
{
    ::timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}
#endif

} // namespace

BOOST_AUTO_TEST_CASE(a_held_mutex_is_not_taken_again)
{
    static_cast<void>(constant);
    BOOST_TEST(global.try_lock());
    BOOST_TEST(!global.try_lock());
    global.unlock();
    global.lock();
    BOOST_TEST(!global.try_lock());
    BOOST_TEST(!global.release());
    BOOST_TEST(global.try_lock());
    global.unlock();
}

BOOST_AUTO_TEST_CASE(one_thread_at_a_time_is_inside)
{
    constexpr int thread_count = 4;
    constexpr int rounds = 50000;
    light_mutex mutex;
    long counter = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread != thread_count; ++thread)
        threads.emplace_back([&] {
            for (int round = 0; round != rounds; ++round)
            {
                std::lock_guard const lock(mutex);
                long const before = counter;
                if (round % 512 == 0)
                    std::this_thread::yield();
                counter = before + 1;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    BOOST_TEST(counter == long{thread_count} * rounds);
    BOOST_TEST(mutex.try_lock());
    mutex.unlock();
}

BOOST_AUTO_TEST_CASE(every_thread_that_waits_gets_the_mutex)
{
    for (int round = 0; round != 200; ++round)
    {
        light_mutex mutex;
        std::atomic<int> about_to_wait{0};
        int inside = 0;
        mutex.lock();
        std::array<std::thread, 3> threads;
        for (std::thread& thread : threads)
            thread = std::thread([&] {
                ++about_to_wait;
                std::lock_guard const lock(mutex);
                ++inside;
            });
        while (about_to_wait != 3)
            std::this_thread::yield();
        mutex.unlock();
        for (std::thread& thread : threads)
            thread.join();
        BOOST_REQUIRE(inside == 3);
    }
}

#if defined(__linux__)
BOOST_AUTO_TEST_CASE(a_waiting_thread_sleeps_and_keeps_errno)
{
    light_mutex mutex;
    std::atomic<bool> waiting{false};
    long used = -1;
    int error = 0;
    mutex.lock();
    std::thread waiter([&] {
        long const before = processor_time();
        errno = ENOTTY;
        waiting = true;
        mutex.lock();
        error = errno;
        mutex.unlock();
        used = processor_time() - before;
    });
    while (!waiting)
        std::this_thread::yield();

    // Half a second of processor time of this thread, in which a waiter that
    // spins would use as much.
    long const start = processor_time();
    while (processor_time() - start < 500)
        std::this_thread::yield();
    mutex.unlock();
    waiter.join();
    BOOST_TEST(used < 100);
    BOOST_TEST(error == ENOTTY);
}
#endif
