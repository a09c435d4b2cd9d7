#ifndef OPSLOT_DETAIL_OPERATION_HPP
#define OPSLOT_DETAIL_OPERATION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What an engine executes: the part that contexts and the records of
    token operations have in common.

    An operation is in one *place* at a time, and whoever moves it holds
    the lock of the place that it leaves:

    @verbatim
               start                    result known
    nowhere ----------> queue of a ---------------------> completions of
       ^                descriptor                         the engine
       |                  |                                   |   |
       |     deliver      v            its turn               |   |
       +-------------- running <------------------------------+   |
                          ^                                       v
                          +-------------------------- queue of a dispatcher
    @endverbatim
*/

#include <opslot/operation_kind.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

class engine;
class dispatcher;
using dispatcher_ptr = boost::intrusive_ptr<dispatcher>;

void intrusive_ptr_add_ref(dispatcher*) noexcept;
void intrusive_ptr_release(dispatcher*) noexcept;

/// The engine's state of one open socket; complete only in the engine.
struct descriptor;

struct datagram_request;

/// Links an operation into the one list that its place stands for.
using place_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct place_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Links an operation into the deadline wheel of its engine.
using deadline_hook = boost::intrusive::list_base_hook<
    boost::intrusive::tag<struct deadline_tag>,
    boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Where an operation is.
enum class operation_place : unsigned char
{
    nowhere,
    queue,
    completions,
    dispatcher,
    running
};

class operation : public place_hook, public deadline_hook
{
public:
    /// What the engine asks of the owner of an operation.
    enum class event : unsigned char
    {
        /// It goes pending: take the reference that keeps it alive. Called
        /// under the engine's locks.
        held,
        /// The engine goes: drop handler and reference, call nothing.
        abandon
    };

    /// Answers an event.
    using owner_function = void (*)(operation&, event);

    /** Runs the handler of an operation that has its result.

        `is_alone`: no other thread can touch the operation before the
        handler has returned.
    */
    using deliver_function = void (*)(operation&, bool is_alone);

    operation(deliver_function f, owner_function g) noexcept
        : deliver_(f)
        , owner_(g)
    {}

    operation(operation const&) = delete;
    operation& operator=(operation const&) = delete;

    // At `deliver` and `abandon` the operation is `running`, and its owner
    // says when it is `nowhere` again. The engine does not touch it any more.

    void deliver(bool is_alone) { deliver_(*this, is_alone); }

    void notify(event e) { owner_(*this, e); }

    /// Ends an unfinished operation without its handler; ends the program
    /// if another thread is executing it. Implemented by the engine.
    void withdraw() noexcept;

    /// From a start that reported pending until it is delivered.
    bool is_pending() const noexcept
    {
        return place.load(std::memory_order_acquire) !=
               operation_place::nowhere;
    }

    /// True if an engine or a dispatcher may have the operation in a list:
    /// pending, or still linked in a deadline wheel.
    bool is_known_to_engine() const noexcept
    {
        return is_pending() ||
               deadline_tick.load(std::memory_order_acquire) != 0 ||
               wheel_tick.load(std::memory_order_acquire) != 0;
    }

    // The request: written before the start, read by the engine.

    /// A transfer_request, accept_request, connect_request, wait_request,
    /// transmit_request, disconnect_request or datagram_batch_request, as the
    /// kind tells.
    void* request = nullptr;
    /// The way to the handler's executor. Null: the engine puts in that of
    /// the I/O object, unless `runs_in_turn` is set.
    dispatcher_ptr via;
    /// The owner wants `deliver` straight in the engine's turn.
    bool runs_in_turn = false;
    operation_kind kind = operation_kind::none;
    /// Whether the owner wants `event::held`.
    bool wants_hold = false;
    /// Set by the engine: a receive into one buffer, without flags.
    bool is_plain = false;
    /// Which of the queues of its descriptor it is in; the engine's.
    unsigned char direction = 0;
    /// Whether `timeout` or `expires_at` is set.
    bool has_deadline = false;
    /// Identifies the operation to a cancellation slot; null: to none.
    void const* cancellation_key = nullptr;
    /// How long it may stay pending, from its start; zero: for ever.
    std::chrono::nanoseconds timeout{0};
    /// The time at which it ends; the clock's epoch: none.
    std::chrono::steady_clock::time_point expires_at{};

    // The result: written by the engine, read after completion.

    std::size_t bytes_transferred = 0;
    boost::system::error_code error;

    // The engine's own.

    std::atomic<operation_place> place{operation_place::nowhere};
    /// The socket it was started on; null while it is nowhere.
    std::atomic<descriptor*> target{nullptr};
    /// When it ends, in ticks of the deadline wheel; 0: never.
    std::atomic<std::uint64_t> deadline_tick{0};
    /// The tick of the wheel's bucket that it is linked in; 0: in none.
    std::atomic<std::uint64_t> wheel_tick{0};
    /// The engine whose wheel that is.
    void* wheel_owner = nullptr;
    /// The engine that has it among its completions.
    engine* keeper = nullptr;
    /// The next in the queue of its descriptor.
    operation* behind = nullptr;

    /// Sends bytes in the order of the stream.
    bool is_sending() const noexcept
    {
        return kind == operation_kind::send || kind == operation_kind::transmit;
    }

    /// May have had a part of its effect while it is pending.
    bool is_done_in_parts() const noexcept
    {
        return is_sending() || kind == operation_kind::send_batch;
    }

protected:
    ~operation() = default;

    /// What `deliver` does, from here on.
    void deliver_by(deliver_function f) noexcept { deliver_ = f; }

private:
    deliver_function deliver_;
    owner_function owner_;
};

/** Bytes to receive into or to send, as a flat list of buffers.

    A send completes when all bytes are written, and a receive when
    `at_least` bytes are there or the buffers are full; with `is_some`, both
    complete with the first bytes. `buffers` stays valid until then.

    Of one buffer, `operation::bytes_transferred` is all of the progress.
*/
struct transfer_request
{
    /// The buffer, if there is one; `buffers` points here then.
    boost::asio::mutable_buffer one;
    boost::asio::mutable_buffer const* buffers = nullptr;
    std::size_t count = 0;
    std::size_t at_least = 1;
    /// Flags of the system's call.
    int flags = 0;
    /// Flags of the received message.
    int flags_out = 0;
    /// One buffer and no flags.
    bool is_plain = false;
    /// It was asked for some bytes of a sequence: no bytes is a transfer
    /// that is done, and not a wait.
    bool is_some = false;
    /// The progress in a list: the first buffer that is not done, and how
    /// many of its bytes are.
    std::size_t index = 0;
    std::size_t offset = 0;
    /// The sum of the sizes of a list.
    std::size_t list_total = 0;
    /// What more there is to say if the bytes are a datagram's, and null if
    /// they are those of a stream.
    datagram_request* datagram = nullptr;

    std::size_t total() const noexcept
    {
        return count == 1 ? buffers->size() : list_total;
    }
};

/// Whether so many bytes end a receive, of which not all fit in one call.
inline bool
is_received(transfer_request const& r, std::size_t transferred) noexcept
{
    return transferred >= r.at_least || transferred == r.total();
}

/// Whether so many bytes end a send.
inline bool is_sent(transfer_request const& r, std::size_t transferred) noexcept
{
    return r.is_some || transferred == r.total();
}

/// What to wait for: as in `socket_base::wait_type`, or until the sends that
/// are pending have at most `mark` bytes left.
struct wait_request
{
    enum what : unsigned char
    {
        read,
        write,
        except,
        queued
    };

    what which = read;
    std::size_t mark = 0;
};

using engine_ptr = boost::intrusive_ptr<engine>;

/// A connection to accept.
struct accept_request
{
    /// The engine that the peer is to belong to.
    engine* peer_engine = nullptr;
    /// Out: the accepted socket, owned by whoever reads it. Null if none.
    descriptor* peer = nullptr;
    /// Out: the peer's address and its size; null: not wanted.
    void* address = nullptr;
    std::size_t address_size = 0;
    std::size_t address_capacity = 0;
};

/// Where to connect to.
struct connect_request
{
    void const* address = nullptr;
    std::size_t address_size = 0;
    /// The family and protocol to open the socket with if it is closed.
    int family = 0;
    int type = 0;
    int protocol = 0;
};

/// How to end a connection.
struct disconnect_request
{
    socket_reuse reuse = socket_reuse::no;
};

/// The request of every disconnect of its kind; nobody writes to it.
inline disconnect_request* disconnect_request_for(socket_reuse reuse) noexcept
{
    static disconnect_request final_one{socket_reuse::no};
    static disconnect_request reusing_one{socket_reuse::yes};
    return reuse == socket_reuse::yes ? &reusing_one : &final_one;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
