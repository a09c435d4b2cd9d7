#ifndef OPSLOT_ENGINE_REACTOR_HPP
#define OPSLOT_ENGINE_REACTOR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The engine on epoll: what it keeps of a socket, and its turns.
*/

#include <opslot/detail/dispatcher.hpp>
#include <opslot/detail/engine.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/reactor_options.hpp>
#include <opslot/slot.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/deadline_queue.hpp"
#include "engine/reactor_parts.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

struct datagram_batch_request;

/** The reactor of one execution context.

    It has an epoll set of its own, in which every socket is registered once
    for life, edge-triggered. That set is one descriptor to Asio: a *watch*
    waits until it is readable, and then a *turn* is taken in a thread of
    the context:

    @verbatim
      Asio's reactor ---watch---> take_turn:
           ^                        harvest   epoll_wait
           |                        run       sockets with events, the ready
           |                                  list, and in alternation with
           |                                  these completed operations; the
           |                                  handlers run here
           |                        flush     sends gathered in this turn
           '------- arm ----------- finish
    @endverbatim

    The watch is armed while operations are pending, so the context runs out
    of work when the application does. Unless the options say that there is
    one thread, it is armed again before the handlers run. A *kick* (a
    descriptor in the set that is always readable is re-armed) makes the set
    readable when there is something to do that is no event.

    Locks, in the order in which they are taken: a descriptor's, that of the
    deadlines, the engine's own. None is held while a handler runs.
*/
class engine
{
public:
    class turn;

    engine(
        boost::asio::execution_context& context,
        reactor_options const& options);
    ~engine();

    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    // What every I/O object needs

    boost::asio::execution_context& context() const noexcept
    {
        return context_;
    }

    operation_memory& memory() const noexcept { return *memory_; }

    reactor_options const& options() const noexcept { return options_; }

    /// Makes the watch at the first call.
    void use_executor(executor_description const& description);

    diagnostics_report report() noexcept;

    // Descriptors

    /// A descriptor for an open socket. Throws std::bad_alloc.
    descriptor* allocate(int fd, bool is_tcp);

    /// Ends all operations, closes the socket, and frees the descriptor.
    int close(descriptor& d) noexcept;

    /// Ends all operations and frees the descriptor; the socket is the
    /// caller's.
    int release(descriptor& d) noexcept;

    /// Ends all operations with `operation_aborted`.
    void cancel_all(descriptor& d) noexcept;

    // Operations; bodies in reactor_operations.cpp

    start_result start_receive(descriptor& d, operation& op) noexcept;
    start_result start_send(descriptor& d, operation& op) noexcept;
    start_result start_accept(descriptor& d, operation& op) noexcept;
    start_result start_connect(descriptor& d, operation& op) noexcept;
    start_result start_wait(descriptor& d, operation& op) noexcept;

    /// See socket_handle.
    std::size_t queued_bytes(descriptor& d) noexcept;
    std::size_t queued_bytes_peak(descriptor& d) noexcept;

    // Datagrams; bodies in reactor_datagrams.cpp

    start_result start_receive_datagram(descriptor& d, operation& op) noexcept;
    start_result start_send_datagram(descriptor& d, operation& op) noexcept;
    start_result start_receive_batch(descriptor& d, operation& op) noexcept;
    start_result start_send_batch(descriptor& d, operation& op) noexcept;
    int shut_down_datagrams(descriptor& d, int how) noexcept;

    // … and in reactor_transmit.cpp and reactor_disconnect.cpp

    start_result start_transmit(descriptor& d, operation& op) noexcept;
    start_result start_disconnect(descriptor& d, operation& op) noexcept;
    boost::system::error_code
    disconnect(descriptor& d, socket_reuse reuse) noexcept;

    /// Has an operation that is nowhere delivered by a turn.
    void deliver_later(operation& op, dispatcher_ptr const& via) noexcept;

    /// Puts an error into an operation that did not start.
    void reject(operation& op, boost::system::error_code ec) noexcept;

    /// Rejects an operation on a closed socket.
    start_result refuse(operation& op) noexcept;

    // Composed operations; bodies in reactor_compositions.cpp

    bool is_vacant(descriptor& d) noexcept;
    bool lend(descriptor& from, descriptor& to) noexcept;
    start_result
    start_composed(descriptor& d, operation& op, descriptor* taker) noexcept;
    bool finish(
        descriptor& d,
        operation& op,
        boost::system::error_code const& ec,
        std::size_t bytes_transferred,
        descriptor* gift) noexcept;

    // Ending operations; bodies in reactor_cancellation.cpp

    bool cancel(operation& op) noexcept;
    void cancel_by_key(
        descriptor& d, void const* key, bool only_if_untouched) noexcept;
    bool withdraw(operation& op) noexcept;

    /// The context goes: makes every operation idle and drops its handler.
    void shutdown() noexcept;

    /// This process is a forked child: makes a set of its own.
    void after_fork();

private:
    friend void intrusive_ptr_add_ref(engine*) noexcept;
    friend void intrusive_ptr_release(engine*) noexcept;

    class watch_handler;
    class next_turn;

    /// What follows a call that transferred nothing.
    enum what_next
    {
        over,
        again,
        blocked
    };

    using lock = optional_lock;
    using descriptor_list = boost::intrusive::list<
        descriptor,
        boost::intrusive::base_hook<ready_hook>,
        boost::intrusive::constant_time_size<false>>;
    using turn_list = boost::intrusive::list<
        turn,
        boost::intrusive::base_hook<turn_hook>,
        boost::intrusive::constant_time_size<false>>;
    using flush_list = boost::intrusive::list<
        descriptor,
        boost::intrusive::base_hook<flush_hook>,
        boost::intrusive::constant_time_size<false>>;

    using transmit_list = boost::intrusive::list<
        descriptor,
        boost::intrusive::
            member_hook<descriptor, transmit_hook, &descriptor::in_transmits>,
        boost::intrusive::constant_time_size<false>>;

    // Turns; bodies in reactor.cpp

    turn* current_turn() noexcept;
    void count(turn* t, counter c) noexcept;
    void count_outside(counter c) noexcept;
    void on_watch(boost::system::error_code const& ec);
    void on_next_turn();
    void take_turn();
    template<typename Threads>
    void take_turn();
    template<typename Threads>
    int harvest(turn& t) noexcept;
    void hand_on(turn const& t);
    void list_rest(turn& t) noexcept;
    void note_others() noexcept;
    bool note_signal(std::uint64_t data) noexcept;
    template<typename Threads>
    bool run_next(turn& t);
    template<typename Threads>
    bool run_other(turn& t);
    bool help_another_turn(turn& t);
    bool is_over(turn const& t) const noexcept;
    template<typename Threads>
    void visit(descriptor& d, turn& t);
    operation* visit_others(descriptor& d, turn& t, operation* ended) noexcept;
    void complete_all(operation_list& done) noexcept;
    bool flush(turn& t) noexcept;
    void finish(turn& t) noexcept;
    bool is_stopped() const noexcept;
    void go_on() noexcept;
    void settle();
    void arm();
    void kick() noexcept;
    void request_turn() noexcept;
    void open_set();
    void close_set() noexcept;
    template<typename Threads>
    void deliver(operation& op, turn& t);
    void deliver_via(operation& op);
    void add_pending(long n, turn* t) noexcept;

    // Descriptors

    boost::system::error_code enroll(descriptor& d) noexcept;
    void make_ready(descriptor& d, turn* t) noexcept;
    void make_flushed(descriptor& d) noexcept;
    void retire(descriptor& d) noexcept;

    // Operations

    start_result start(descriptor& d, operation& op, direction where) noexcept;
    start_result start_special_receive(descriptor& d, operation& op) noexcept;
    template<typename Threads>
    start_result receive(descriptor& d, operation& op) noexcept;
    start_result
    receive_in_general(descriptor& d, operation& op, turn* t) noexcept;
    template<typename Threads>
    start_result send(descriptor& d, operation& op) noexcept;
    start_result
    send_in_general(descriptor& d, operation& op, turn* t) noexcept;
    start_result
    send_rest(descriptor& d, operation& op, turn* t, ssize_t result) noexcept;
    start_result
    pend(descriptor& d, operation& op, direction where, turn* t) noexcept;
    bool prepare_to_pend(descriptor& d, operation& op) noexcept;
    void continue_later(descriptor& d, direction where, turn* t) noexcept;
    bool take_budget(descriptor& d, turn* t) noexcept;
    bool perform(descriptor& d, operation& op, turn* t) noexcept;
    template<typename Threads>
    bool receive_plain(descriptor& d, operation& op, turn* t) noexcept;
    bool receive_rest(descriptor& d, operation& op, turn* t) noexcept;
    bool received_nothing(
        descriptor& d, operation& op, turn* t, ssize_t result) noexcept;
    bool perform_receive(descriptor& d, operation& op, turn* t) noexcept;
    bool send_plain(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_send(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_accept(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_connect(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_wait(descriptor& d, operation& op, turn* t) noexcept;
    bool
    perform_receive_datagram(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_send_datagram(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_receive_batch(descriptor& d, operation& op, turn* t) noexcept;
    bool perform_send_batch(descriptor& d, operation& op, turn* t) noexcept;
    bool has_no_event(
        descriptor& d, datagram_batch_request const& r, turn* t) noexcept;
    bool end_receive(
        descriptor& d,
        operation& op,
        ssize_t result,
        unsigned char bit) noexcept;
    what_next
    sent_nothing(descriptor& d, operation& op, ssize_t result) noexcept;
    void visit_sends(descriptor& d, turn& t, operation_list& done) noexcept;
    void continue_sends(descriptor& d, turn& t, operation_list& done) noexcept;
    bool send_together(descriptor& d, turn& t, operation_list& done) noexcept;
    void
    leave_sends(descriptor& d, operation& op, operation_list& done) noexcept;
    start_result start_queue_wait(descriptor& d, operation& op) noexcept;
    static void add_queued_bytes(descriptor& d, operation& op) noexcept;
    void end_queue_waits(descriptor& d) noexcept;
    void enter_queue(descriptor& d, operation& op, direction where) noexcept;
    void
    go_pending(descriptor& d, operation& op, direction where, turn* t) noexcept;
    void leave_front(operation_queue& queue, operation& op) noexcept;
    void leave_queue(descriptor& d, operation& op) noexcept;
    void complete_later(operation& op, turn* t) noexcept;

    // Files

    bool perform_transmit(descriptor& d, operation& op, turn* t) noexcept;
    what_next transmit_some(descriptor& d, operation& op, turn* t) noexcept;
    what_next send_batch_of(descriptor& d, operation& op, turn* t) noexcept;
    what_next send_file_of(descriptor& d, operation& op) noexcept;
    what_next
    transmitted(descriptor& d, operation& op, ssize_t result) noexcept;
    void break_stream(descriptor& d, operation& op) noexcept;
    void cork(descriptor& d, operation& op) noexcept;
    void leave_files(descriptor& d, operation& op) noexcept;
    void transmit_later(descriptor& d) noexcept;
    void resume_transmits() noexcept;

    // Disconnecting

    bool perform_disconnect(descriptor& d, operation& op) noexcept;
    boost::system::error_code disconnect(
        descriptor& d, socket_reuse reuse, operation const* self) noexcept;
    boost::system::error_code open_another(descriptor& d, int& fd) noexcept;
    int renew(descriptor& d, int fd, operation const* self) noexcept;
    void continue_disconnect(descriptor& d) noexcept;

    // Composed operations

    boost::system::error_code
    check_composed(descriptor& d, bool takes_socket) noexcept;
    void move_native(descriptor& from, descriptor& to, turn* t) noexcept;
    bool lend(descriptor& from, descriptor& to, turn* t) noexcept;

    // Ending

    void end_queued(
        descriptor& d, operation& op, boost::system::error_code ec) noexcept;
    void end_sends_behind(descriptor& d, operation& op) noexcept;
    void end_all(descriptor& d, boost::system::error_code const& ec) noexcept;
    void forget(operation& op) noexcept;
    void set_deadline(operation& op) noexcept;
    void check_deadlines() noexcept;
    void expire(operation& op) noexcept;
    deadline_queue::tick
    tick_of(std::uint64_t nanoseconds, bool rounds_up) const noexcept;
    void arm_timer(deadline_queue::tick t) noexcept;

    boost::asio::execution_context& context_;
    operation_memory_ptr memory_;
    reactor_options options_;
    std::atomic<std::size_t> references_{0};

    light_mutex mutex_;
    bool armed_ = false;
    bool kicked_ = false;
    bool next_turn_is_queued_ = false;
    slot<> next_turn_memory_;
    std::atomic<bool> shut_down_{false};
    std::uint64_t turns_ = 0;
    turn_list running_turns_;
    descriptor_list ready_;
    flush_list flushes_;
    operation_list completions_;
    /// One of `ready_` and `completions_` is not empty.
    std::atomic<bool> has_others_{false};
    std::atomic<long> pending_{0};
    counters totals_;
    std::array<std::atomic<std::uint64_t>, counters::size> outside_{};
    std::uint64_t pending_peak_ = 0;

    std::vector<std::unique_ptr<descriptor[]>> chunks_;
    descriptor* free_ = nullptr;

    int set_ = -1;
    int always_readable_ = -1;
    int timer_ = -1;
    /// A timer that wakes another thread for what this one has fetched.
    int rescue_ = -1;
    bool rescue_is_set_ = false;
    /// The last turn took long.
    bool is_slow_ = false;
    std::optional<boost::asio::posix::basic_stream_descriptor<
        boost::asio::any_io_executor>>
        watch_;
    boost::asio::io_context* io_ = nullptr;

    std::uint64_t origin_;
    std::uint64_t clock_resolution_;
    deadline_queue deadlines_;

    /// Sockets that have sent their share of a file in this turn.
    transmit_list transmits_;
    std::atomic<std::uint64_t> file_calls_{0};
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
