#ifndef OPSLOT_ENGINE_REACTOR_PARTS_HPP
#define OPSLOT_ENGINE_REACTOR_PARTS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the reactor is made of: the state of one socket, the counters of a
    turn, and a lock that an option takes away.
*/

#include <opslot/detail/dispatcher.hpp>
#include <opslot/detail/light_mutex.hpp>
#include <opslot/detail/operation.hpp>

#include <boost/config.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sys/epoll.h>

#include "engine/socket_settings.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

using operation_list = dispatcher::operation_list;

class datagram_batching;

/// Holds a mutex, or nothing if the engine is single-threaded.
class optional_lock
{
public:
    BOOST_FORCEINLINE
    optional_lock(light_mutex& mutex, bool needed) noexcept
        : mutex_(needed ? &mutex : nullptr)
    {
        if (mutex_)
        {
            mutex_->lock();
        }
    }

    optional_lock(optional_lock const&) = delete;
    optional_lock& operator=(optional_lock const&) = delete;

    BOOST_FORCEINLINE ~optional_lock() { unlock(); }

    BOOST_FORCEINLINE void unlock() noexcept
    {
        if (mutex_)
        {
            mutex_->unlock();
            mutex_ = nullptr;
        }
    }

private:
    light_mutex* mutex_;
};

/** How the paths that every message takes lock: they are compiled for each.

    The others ask the options at run time, with an `optional_lock`.
*/
struct one_thread
{
    static constexpr bool is_alone = true;

    class lock
    {
    public:
        explicit lock(light_mutex&) noexcept {}

        void unlock() noexcept {}
    };
};

struct many_threads
{
    static constexpr bool is_alone = false;

    class lock : public optional_lock
    {
    public:
        BOOST_FORCEINLINE explicit lock(light_mutex& mutex) noexcept
            : optional_lock(mutex, true)
        {}
    };
};

/// What the engine counts; the order is that of `counters`.
enum class counter : std::size_t
{
    /// Went pending at their start; the others that started are synchronous.
    queued,
    synchronous,
    turns,
    timeouts,
    receive_calls,
    send_calls,
    accept_calls,
    connect_calls,
    poll_calls,
    epoll_wait_calls,
    epoll_ctl_calls,
    timer_calls,
    count
};

struct counters
{
    static constexpr std::size_t size =
        static_cast<std::size_t>(counter::count);

    std::array<std::uint64_t, size> values{};

    std::uint64_t& operator[](counter c) noexcept
    {
        return values[static_cast<std::size_t>(c)];
    }
};

/// The events of every socket: both directions, urgent data, and the end of
/// the stream, without which a short read could not be trusted.
inline constexpr std::uint32_t socket_events =
    EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP |
    static_cast<std::uint32_t>(EPOLLET);

inline constexpr std::uint32_t signal_events =
    EPOLLIN | static_cast<std::uint32_t>(EPOLLET);

// What the set says of its descriptors that are no sockets. Of a socket it
// says the address of what the engine keeps of it.
inline constexpr std::uint64_t rescue_data = 1;
inline constexpr std::uint64_t kick_data = 2;
inline constexpr std::uint64_t timer_data = 3;
inline constexpr std::uint64_t last_signal = timer_data;

inline constexpr std::size_t chunk_size = 64;

/// The queues of a socket. The values are also those of wait_request.
enum direction : unsigned char
{
    reading,
    writing,
    excepting,
    /// Of operations for which no readiness does anything: composed ones, and
    /// waits for the queue of sends.
    composed
};

/// What is known of a socket's readiness, as bits: those of the events that
/// tell it, so that the usual event is taken as it is.
namespace readiness {

inline constexpr unsigned char none = 0;
inline constexpr unsigned char read = EPOLLIN;
inline constexpr unsigned char except = EPOLLPRI;
inline constexpr unsigned char write = EPOLLOUT;

/** A receive that fills less than its buffer does not mean that the socket is
    empty: it is no TCP socket, or urgent data, the end of the stream, or an
    error was seen.

    The event for what is left came together with the one for what was
    received, and does not come again.
*/
inline constexpr unsigned char no_short_reads = EPOLLERR;

} // namespace readiness

/// Of a new socket nothing is known, so the first operation of each kind
/// tries.
inline constexpr unsigned char all_readiness(bool is_tcp) noexcept
{
    return static_cast<unsigned char>(
        readiness::read | readiness::write | readiness::except |
        (is_tcp ? readiness::none : readiness::no_short_reads));
}

using ready_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct ready_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using flush_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct flush_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using turn_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct turn_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

using transmit_hook = boost::intrusive::list_member_hook<
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/** The operations that wait for one thing on one socket.

    They come and go at the ends; one that is cancelled is looked for.
*/
class operation_queue
{
public:
    bool empty() const noexcept { return !first_; }

    /// The first operation, or null; the others follow by `behind`.
    operation* first() const noexcept { return first_; }

    void push_back(operation& op) noexcept
    {
        op.behind = nullptr;
        (first_ ? last_->behind : first_) = &op;
        last_ = &op;
    }

    void pop_front() noexcept { first_ = first_->behind; }

    void remove(operation& op) noexcept
    {
        if (first_ == &op)
        {
            pop_front();
            return;
        }
        operation* before = first_;
        while (before->behind != &op)
        {
            before = before->behind;
        }
        before->behind = op.behind;
        if (last_ == &op)
        {
            last_ = before;
        }
    }

private:
    operation* first_ = nullptr;
    /// Means nothing while there is no first.
    operation* last_ = nullptr;
};

/** The state of one open socket.

    Descriptors live as long as their engine, so the epoll set may say their
    addresses. With it goes a generation, by which an event is known that is
    too late, because a duplicate of a closed socket is alive. One that comes
    so late that the generation is the same again does no harm: readiness is
    what to try, and the call tells.

    The mutex guards everything but `ready`, which is atomic, and the hooks,
    `generation` and `next_free`, which belong to the engine's mutex.
*/
struct alignas(64) descriptor : ready_hook, flush_hook
{
    /// The bits of an address that are free for the generation.
    static constexpr std::uintptr_t generations = 63;

    light_mutex mutex;
    std::atomic<unsigned char> ready{0};
    bool is_enrolled = false;
    /// Something may be queued to write or for urgent data, or the socket is
    /// broken.
    bool waits_otherwise = false;
    bool is_tcp = false;
    bool gathers_sends = true;
    bool is_non_blocking = false;
    bool is_native_non_blocking = true;
    bool has_linger = false;
    /// A partly written send was withdrawn.
    bool is_broken = false;
    /// A composed operation has given it its socket.
    bool was_given = false;
    /// Less than 0: closed, or there for a composed operation only.
    int fd = -1;
    unsigned char generation = 0;
    std::uint32_t sync_budget = 0;
    /// Receives completed at once in the turn `budget_turn`.
    std::uint32_t budget_used = 0;
    std::uint64_t budget_turn = 0;
    /// The turn in which a send went out at once.
    std::uint64_t send_turn = 0;
    /// The turn that sends what is queued at its end.
    std::uint64_t flush_turn = 0;
    /// What the queued sends were to send, the first one's progress included.
    std::size_t queued_bytes = 0;
    /// The most that was left to send.
    std::size_t queued_peak = 0;
    engine* owner = nullptr;
    descriptor* next_free = nullptr;
    dispatcher_ptr via;
    std::array<operation_queue, 4> queues;
    /// Of a datagram socket: what is known of it by now.
    bool is_bound = false;
    bool says_arrival = false;
    bool ends_receives = false;
    /// What it needs for many datagrams; null before.
    datagram_batching* batching = nullptr;
    /// What is left of the bytes of files for the turn `file_turn`.
    std::size_t file_budget = 0;
    std::uint64_t file_turn = 0;
    /// Its transmission goes on in another turn.
    transmit_hook in_transmits;
    socket_settings settings;

    /// What the epoll set says of this socket.
    std::uint64_t data() const noexcept
    {
        return reinterpret_cast<std::uintptr_t>(this) | generation;
    }

    /// The descriptor that was meant.
    static descriptor* of(std::uint64_t data) noexcept
    {
        return reinterpret_cast<descriptor*>(data & ~generations);
    }

    /// Whether it is still the one that was meant.
    bool is_meant_by(std::uint64_t data) const noexcept
    {
        return (data & generations) == generation;
    }

    template<typename Threads>
    void add_ready(unsigned char bits) noexcept
    {
        if constexpr (Threads::is_alone)
        {
            ready.store(
                static_cast<unsigned char>(
                    ready.load(std::memory_order_relaxed) | bits),
                std::memory_order_relaxed);
        }
        else
        {
            ready.fetch_or(bits, std::memory_order_acq_rel);
        }
    }

    template<typename Threads>
    void remove_ready(unsigned char bit) noexcept
    {
        auto const others = static_cast<unsigned char>(~bit);
        if constexpr (Threads::is_alone)
        {
            ready.store(
                static_cast<unsigned char>(
                    ready.load(std::memory_order_relaxed) & others),
                std::memory_order_relaxed);
        }
        else
        {
            ready.fetch_and(others, std::memory_order_acq_rel);
        }
    }

    // Where it does not matter how fast it is.

    void add_ready(unsigned char bits) noexcept
    {
        add_ready<many_threads>(bits);
    }

    /// Returns whether the bit was set. One step: a bit that another thread
    /// sets is either seen or stays.
    bool remove_ready(unsigned char bit) noexcept
    {
        auto const others = static_cast<unsigned char>(~bit);
        return (ready.fetch_and(others, std::memory_order_acq_rel) & bit) != 0;
    }

    /// A call has found room for a send, or an error, so there will be no
    /// event. A refusal before it may have taken the bit.
    void stay_writable() noexcept
    {
        if (!is_ready(readiness::write))
        {
            add_ready(readiness::write);
        }
    }

    bool is_ready(unsigned char bit) const noexcept
    {
        return (ready.load(std::memory_order_acquire) & bit) != 0;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
