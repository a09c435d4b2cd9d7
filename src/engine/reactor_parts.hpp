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

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

using operation_list = dispatcher::operation_list;

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

/// What the engine counts; the order is that of `counters`.
enum class counter : std::size_t
{
    started,
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

inline constexpr std::uint32_t signal_events =
    EPOLLIN | static_cast<std::uint32_t>(EPOLLET);

// What the set says of its descriptors that are no sockets. No socket has
// such an index.
inline constexpr std::uint32_t first_signal = 0xfffffffdu;
inline constexpr std::uint64_t rescue_data = 0xfffffffdu;
inline constexpr std::uint64_t kick_data = 0xfffffffeu;
inline constexpr std::uint64_t timer_data = 0xffffffffu;

inline constexpr std::size_t chunk_size = 64;

/// The queues of a socket. The values are also those of wait_request.
enum direction : unsigned char
{
    reading,
    writing,
    excepting
};

/// What is known of a socket's readiness, as bits.
namespace readiness {

inline constexpr unsigned char none = 0;
inline constexpr unsigned char read = 1u << reading;
inline constexpr unsigned char write = 1u << writing;
inline constexpr unsigned char except = 1u << excepting;

/** Urgent data, the end of the stream, or an error was seen: a receive that
    fills less than its buffer does not mean any more that the socket is
    empty.

    The event for what is left came together with the one for what was
    received, and does not come again.
*/
inline constexpr unsigned char no_short_reads = 1u << 3;

} // namespace readiness

using ready_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct ready_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using flush_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct flush_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/** The state of one open socket.

    Descriptors live as long as their engine. One that is freed is used
    again with another generation, so an event, a key or a pointer that is
    too late finds nothing of its own and does no harm.

    The mutex guards everything but `ready`, which is atomic, and the hooks,
    `index` and `next_free`, which belong to the engine's mutex.
*/
struct descriptor : ready_hook, flush_hook
{
    light_mutex mutex;
    std::atomic<unsigned char> ready{0};
    bool is_enrolled = false;
    /// Something may be queued to write, or for urgent data.
    bool waits_otherwise = false;
    bool is_tcp = false;
    bool gathers_sends = true;
    bool is_non_blocking = false;
    bool is_native_non_blocking = true;
    bool has_linger = false;
    /// A partly written send was withdrawn.
    bool is_broken = false;
    int fd = -1;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    std::uint32_t sync_budget = 0;
    /// Receives completed at once in the turn `budget_turn`.
    std::uint32_t budget_used = 0;
    std::uint64_t budget_turn = 0;
    /// The turn in which a send went out at once.
    std::uint64_t send_turn = 0;
    engine* owner = nullptr;
    descriptor* next_free = nullptr;
    dispatcher_ptr via;
    std::array<operation_list, 3> queues;

    /// What the epoll set says of this socket.
    std::uint64_t data() const noexcept
    {
        return (std::uint64_t(generation) << 32) | index;
    }

    void add_ready(unsigned char bits) noexcept
    {
        ready.fetch_or(bits, std::memory_order_acq_rel);
    }

    /// Returns whether the bit was set.
    bool remove_ready(unsigned char bit) noexcept
    {
        bool const was_ready = is_ready(bit);
        ready.fetch_and(
            static_cast<unsigned char>(~bit), std::memory_order_acq_rel);
        return was_ready;
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
