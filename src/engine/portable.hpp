#ifndef OPSLOT_ENGINE_PORTABLE_HPP
#define OPSLOT_ENGINE_PORTABLE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The engine on Asio's own asynchronous operations. Used within the
    engine only; see detail/engine.hpp for what it offers.
*/

#include <opslot/detail/engine.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/deadline_queue.hpp"
#include "engine/portable_descriptor.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The portable engine of one execution context.

    Asio is asked one thing only: when a socket is ready (and to connect).
    The transfer itself is a synchronous call on a non-blocking socket,
    under the lock of its descriptor. So an operation has happened or has
    not, whenever it is looked at: cancelling one is exact, a cancelled
    receive has consumed nothing, and Asio never holds a buffer.

    @verbatim
      start ----> attempt ----> completed
                   |  would block
                   v
         queue of the direction <------------------.
                   |                               | would block
                   | one wait per direction        |
                   v                               |
         Asio's reactor ---- ready ----> attempts, from the front
                                                   | done
         cancelled, expired, closed                v
         ----------------------------> completions of the descriptor
                                                   |
                      in this turn, or in a posted one: the handler,
                      or the dispatcher of its executor
    @endverbatim

    Handlers of Asio's operations are bound to an inline executor, so a turn
    is taken in any thread of the context, and their memory is operation
    memory.

    Locks, in the order in which they are taken: that of a descriptor, that
    of the deadlines, that of the timer or of the engine. The visit of a
    deadline goes the other way, and only tries. None is held while a
    handler runs.

    @par Lifetime
    Counted: by the service of the context, by I/O objects, by descriptors
    and by the functions that are posted. `shutdown` closes the sockets, so
    that what is left afterwards refers to nothing of Asio's.
*/
class engine
{
public:
    explicit engine(boost::asio::execution_context& context);
    ~engine();

    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    boost::asio::execution_context& context() const noexcept
    {
        return context_;
    }

    operation_memory& memory() const noexcept { return *memory_; }

    /// Learns of a way to the context's threads.
    void use_executor(executor_description const& description);

    diagnostics_report report() noexcept;

    /// The context goes: makes every operation idle, drops its handler, and
    /// closes all sockets.
    void shutdown() noexcept;

    bool is_stopped() const noexcept
    {
        return stopped_.load(std::memory_order_acquire);
    }

    // Descriptors

    /// A descriptor without a socket, which the caller owns. Throws
    /// std::bad_alloc; boost::system::system_error if the context is gone.
    descriptor_ptr make_descriptor(socket_role role);

    /// Ends all operations, closes the socket, and forgets the descriptor.
    void close(descriptor& d, boost::system::error_code& ec) noexcept;

    /// The same, as the destructors of Asio's sockets do it: it does not
    /// wait, whatever the socket says about lingering.
    void destroy(descriptor& d) noexcept;

    /// Ends all operations and forgets the descriptor; the socket is the
    /// caller's. On failure nothing has changed.
    native_socket
    release(descriptor& d, boost::system::error_code& ec) noexcept;

    /// Ends all operations with `operation_aborted`.
    void cancel_all(descriptor& d) noexcept;

    /// A context that never runs, for objects that wait in synchronous calls.
    /// Null, with the error set, if it cannot be made.
    boost::asio::io_context*
    context_for_blocking(boost::system::error_code& ec) noexcept;

    // Operations

    /// Attempts an operation, or queues it.
    start_result
    start(descriptor& d, operation& op, direction_index i) noexcept;

    /// Puts an error into an operation that did not start.
    start_result
    reject(operation& op, boost::system::error_code const& ec) noexcept;

    /// Has an operation that is nowhere delivered by a turn.
    void deliver_later(operation& op) noexcept;

    /// Neither a native socket nor an operation is there.
    bool is_vacant(descriptor& d) noexcept;

    /// See socket_handle.
    bool lend(descriptor& from, descriptor& to) noexcept;
    std::size_t queued_bytes(descriptor& d) noexcept;
    std::size_t queued_bytes_peak(descriptor& d) noexcept;

    /// Makes an operation pending until `finish`; see engine.hpp.
    start_result
    start_composed(descriptor& d, operation& op, descriptor* taker) noexcept;

    bool finish(
        descriptor& d,
        operation& op,
        boost::system::error_code const& ec,
        std::size_t bytes_transferred,
        descriptor* gift) noexcept;

    /// Ends a queued operation; the descriptor is locked.
    void
    end(descriptor& d,
        operation& op,
        boost::system::error_code const& ec) noexcept;

    /// Takes an operation out of the queue, to end it without its handler;
    /// the descriptor is locked.
    void withdraw(descriptor& d, operation& op) noexcept;

    /// Ends the sends that are queued behind an operation with this error;
    /// the descriptor is locked.
    void end_sends_behind(
        direction& x,
        descriptor& d,
        operation& op,
        boost::system::error_code const& ec) noexcept;

    /// Sees to it that what was ended is delivered; the descriptor is
    /// locked.
    void schedule(descriptor& d) noexcept;

    /// Lets the context run out of work if no deadline is pending.
    void settle_timer() noexcept;

private:
    friend void intrusive_ptr_add_ref(engine* e) noexcept;
    friend void intrusive_ptr_release(engine* e) noexcept;

    class ready_handler;
    class posted_turn;
    class timer_handler;

    using clock = std::chrono::steady_clock;
    using tick = deadline_queue::tick;
    using descriptor_lock = std::unique_lock<std::mutex>;

    /// Deliveries of one turn; the context's other work comes after them.
    static constexpr int deliveries_per_turn = 64;
    static constexpr tick never = ~tick(0);

    // Queues; the descriptor is locked.

    bool may_attempt(descriptor& d, operation& op, direction_index i) noexcept;
    void enqueue(descriptor& d, operation& op, direction_index i) noexcept;
    void go_pending(operation& op) noexcept;
    boost::system::error_code
    check_composed(descriptor& d, bool takes_socket) noexcept;
    void leave_queue(descriptor& d, operation& op) noexcept;
    void end_queue_waits(descriptor& d) noexcept;
    void go_composed(descriptor& d, operation& op) noexcept;
    start_result start_queue_wait(descriptor& d, operation& op) noexcept;
    void complete(descriptor& d, operation& op) noexcept;
    void end_queue(
        direction_index i,
        descriptor& d,
        boost::system::error_code const& ec) noexcept;
    void end_all(descriptor& d) noexcept;
    void
    make_attempts(descriptor& d, direction_index i, bool is_ready) noexcept;

    // Asio's operations; the descriptor is locked.

    void wait(descriptor& d, direction_index i) noexcept;
    void initiate(descriptor& d, direction_index i);
    void stop_wait(descriptor& d, direction_index i) noexcept;

    // Turns

    void
    on_ready(descriptor& d, direction_index i, boost::system::error_code ec);
    void on_posted();
    void run_ready();
    int deliver_from(descriptor& d, int budget);
    void give_back(descriptor& d) noexcept;
    descriptor_ptr take_ready() noexcept;
    descriptor_ptr take_ready_in_turn(bool is_first) noexcept;
    bool stop_was_asked() noexcept;
    void make_ready(descriptor& d) noexcept;
    void post_turn() noexcept;
    void post_turn_if_ready() noexcept;

    // Shutting down

    void forget(descriptor& d) noexcept;
    descriptor_ptr take_descriptor() noexcept;
    void take_operations(descriptor& d) noexcept;
    void abandon_operations() noexcept;

    // Deadlines

    tick tick_at(clock::time_point time) const noexcept;
    tick deadline_of(operation const& op) const noexcept;
    void set_deadline(operation& op) noexcept;
    bool expire(operation& op, tick now) noexcept;
    void on_timer(std::uint64_t sequence) noexcept;
    void request_timer(tick t) noexcept;
    void arm_timer() noexcept;

    boost::asio::execution_context& context_;
    operation_memory_ptr const memory_;
    std::atomic<std::size_t> references_{0};
    std::atomic<bool> stopped_{false};

    /// Guards the executor, the lists, and what is made when it is needed.
    std::mutex mutex_;
    boost::asio::any_io_executor executor_;
    /// The context, if it is an `io_context` and is known to be one.
    boost::asio::io_context* io_ = nullptr;
    std::unique_ptr<boost::asio::io_context> blocking_;
    descriptor_list descriptors_;
    ready_list ready_;
    /// A turn is posted that will look at the ready list.
    bool posted_ = false;
    /// Has no socket. The completions of what was started on a closed
    /// socket, and in the end everything that is abandoned.
    descriptor_ptr own_;

    clock::time_point const origin_;
    deadline_queue deadlines_;
    std::atomic<std::size_t> pending_deadlines_{0};
    std::mutex timer_mutex_;
    std::optional<boost::asio::steady_timer> timer_;
    /// When the next visit of a deadline is due.
    tick wanted_ = never;
    /// Asio is waiting for the timer, on behalf of the last sequence.
    std::atomic<bool> timer_armed_{false};
    std::uint64_t timer_sequence_ = 0;

    std::atomic<std::uint64_t> started_{0};
    std::atomic<std::uint64_t> completed_synchronously_{0};
    std::atomic<std::uint64_t> pending_{0};
    std::atomic<std::uint64_t> pending_peak_{0};
    std::atomic<std::uint64_t> turns_{0};
    std::atomic<std::uint64_t> timeouts_{0};
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
