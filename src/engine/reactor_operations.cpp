// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_datagrams.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

// How many receives may complete at once in a row, if the socket does not
// say: a socket that has to share the turn gets one, and after it the others
// are served.
constexpr std::uint32_t shared_budget = 1;
constexpr std::uint32_t alone_budget = 16;
constexpr std::uint32_t outside_budget = 32;

/// Gives an error to the connect that is under way, if it is the one that
/// failed: the system tells that once only, and a receive has asked first.
void tell_connect(descriptor& d, boost::system::error_code const& ec) noexcept
{
    operation* const op = d.queues[writing].first();
    if (!op || op->kind != operation_kind::connect || op->error)
    {
        return;
    }
    ::sockaddr_storage address;
    std::size_t size = sizeof(address);
    if (system::remote_address(d.fd, &address, size) < 0)
    {
        op->error = ec;
    }
}

} // namespace

// Starting

/// Whether an operation may be tried in the stack of its caller.
inline bool engine::take_budget(descriptor& d, turn* t) noexcept
{
    std::uint64_t const id = t ? t->id : 0;
    if (d.budget_turn != id)
    {
        d.budget_turn = id;
        d.budget_used = 0;
    }
    std::uint32_t limit = d.sync_budget;
    if (limit == 0)
    {
        bool const is_alone = t && t->is_drained() &&
                              !has_others_.load(std::memory_order_relaxed);
        limit = !t ? outside_budget : is_alone ? alone_budget : shared_budget;
    }
    if (d.budget_used >= limit)
    {
        return limit == ~std::uint32_t(0);
    }
    ++d.budget_used;
    return true;
}

template<typename Threads>
BOOST_NOINLINE start_result
engine::receive(descriptor& d, operation& op) noexcept
{
    transfer_request const& r = transfer_of(op);
    op.is_plain = r.is_plain;
    if (BOOST_UNLIKELY(!r.is_plain || r.one.size() == 0))
    {
        return start_special_receive(d, op);
    }
    turn* const t = current_turn();
    if (BOOST_UNLIKELY(!t || d.is_ready(readiness::read)))
    {
        return receive_in_general(d, op, t);
    }
    if constexpr (Threads::is_alone)
    {
        // What is left to do calls nothing, and so needs no stack.
        if (BOOST_UNLIKELY(
                op.wants_hold || op.has_deadline || !d.is_enrolled || d.via))
        {
            return receive_in_general(d, op, t);
        }
        enter_queue(d, op, reading);
        count(t, counter::queued);
        return pending;
    }
    else
    {
        typename Threads::lock const guard(d.mutex);
        return pend(d, op, reading, t);
    }
}

/** Starts a receive, which nearly always has to wait: the handler of the one
    before it starts it, and that one has drained the socket.
*/
BOOST_FORCEINLINE start_result
engine::start_receive(descriptor& d, operation& op) noexcept
{
    return options_.single_threaded ? receive<one_thread>(d, op)
                                    : receive<many_threads>(d, op);
}

/// Starts a receive on a socket that may have something.
start_result
engine::receive_in_general(descriptor& d, operation& op, turn* t) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    if (d.is_ready(readiness::read) && d.queues[reading].empty() &&
        take_budget(d, t) && receive_plain<many_threads>(d, op, t))
    {
        count(t, counter::synchronous);
        return completed;
    }
    return pend(d, op, reading, t);
}

/// A receive into a list, with flags, or one that waits only.
start_result
engine::start_special_receive(descriptor& d, operation& op) noexcept
{
    transfer_request& r = transfer_of(op);
    if (d.fd < 0)
    {
        return refuse(op);
    }
    if (r.is_some && r.total() == 0)
    {
        count(current_turn(), counter::synchronous);
        return completed;
    }
    r.index = 0;
    r.offset = 0;
    r.flags_out = 0;
    return start(d, op, r.flags & MSG_OOB ? excepting : reading);
}

start_result engine::start_accept(descriptor& d, operation& op) noexcept
{
    return start(d, op, reading);
}

start_result engine::start_wait(descriptor& d, operation& op) noexcept
{
    auto const which = static_cast<wait_request*>(op.request)->which;
    return which == wait_request::queued
               ? start_queue_wait(d, op)
               : start(d, op, static_cast<direction>(which));
}

start_result
engine::start(descriptor& d, operation& op, direction where) noexcept
{
    op.is_plain = false;
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    if (d.queues[where].empty() && d.is_ready(bit_of(where)) &&
        take_budget(d, t) && perform(d, op, t))
    {
        count(t, counter::synchronous);
        return completed;
    }
    return pend(d, op, where, t);
}

template<typename Threads>
BOOST_NOINLINE start_result engine::send(descriptor& d, operation& op) noexcept
{
    turn* const t = current_turn();
    transfer_request& r = transfer_of(op);
    std::size_t const size = r.one.size();
    typename Threads::lock const guard(d.mutex);
    if (BOOST_UNLIKELY(
            !t || !r.is_plain || size == 0 || d.waits_otherwise ||
            d.send_turn == t->id || !d.is_ready(readiness::write)))
    {
        return send_in_general(d, op, t);
    }
    d.send_turn = t->id;
    ssize_t const n = system::send_once(d.fd, r.one.data(), size);
    count(t, counter::send_calls);
    if (BOOST_UNLIKELY(n != static_cast<ssize_t>(size)))
    {
        return send_rest(d, op, t, n);
    }
    op.bytes_transferred = size;
    count(t, counter::synchronous);
    return completed;
}

/** Starts a send.

    The first one of a turn goes out at once. Whoever sends more in the same
    turn has more to come.
*/
BOOST_FORCEINLINE start_result
engine::start_send(descriptor& d, operation& op) noexcept
{
    return options_.single_threaded ? send<one_thread>(d, op)
                                    : send<many_threads>(d, op);
}

/// Starts a send that is not the first and only one; the descriptor is
/// locked.
start_result
engine::send_in_general(descriptor& d, operation& op, turn* t) noexcept
{
    if (d.is_broken || d.fd < 0)
    {
        op.error = d.is_broken
                       ? boost::system::error_code(error::send_interrupted)
                       : boost::asio::error::bad_descriptor;
        count(t, counter::synchronous);
        return completed;
    }
    transfer_request& r = transfer_of(op);
    r.index = 0;
    r.offset = 0;
    if (d.is_ready(readiness::write) && d.queues[writing].empty())
    {
        bool const waits = t && d.send_turn == t->id && d.gathers_sends &&
                           !r.is_some && r.total() != 0;
        d.send_turn = t ? t->id : 0;
        if (!waits && perform_send(d, op, t))
        {
            count(t, counter::synchronous);
            return completed;
        }
    }
    return pend(d, op, writing, t);
}

/// The first call for a send did not take all of it; the descriptor is
/// locked.
start_result engine::send_rest(
    descriptor& d, operation& op, turn* t, ssize_t result) noexcept
{
    transfer_request& r = transfer_of(op);
    r.index = 0;
    r.offset = 0;
    what_next next = r.is_some ? over : again;
    if (result < 0)
    {
        next = sent_nothing(d, op, system::last_error());
    }
    else
    {
        op.bytes_transferred = static_cast<std::size_t>(result);
    }
    if (next == over || (next == again && send_plain(d, op, t)))
    {
        count(t, counter::synchronous);
        return completed;
    }
    return pend(d, op, writing, t);
}

start_result socket_handle::start_receive(operation& op) noexcept
{
    return BOOST_LIKELY(descriptor_ != nullptr)
               ? descriptor_->owner->start_receive(*descriptor_, op)
               : engine_->refuse(op);
}

start_result socket_handle::start_send(operation& op) noexcept
{
    return BOOST_LIKELY(descriptor_ != nullptr)
               ? descriptor_->owner->start_send(*descriptor_, op)
               : engine_->refuse(op);
}

start_result engine::start_connect(descriptor& d, operation& op) noexcept
{
    auto const& r = *static_cast<connect_request*>(op.request);
    lock const guard(d.mutex, !options_.single_threaded);
    turn* const t = current_turn();
    count(t, counter::connect_calls);
    d.remove_ready(readiness::write);
    // No call waits here, whatever the user has set.
    bool const waits = !d.is_native_non_blocking;
    if (waits)
    {
        system::set_non_blocking(d.fd, true);
    }
    int const result = system::connect_socket(d.fd, r.address, r.address_size);
    if (waits)
    {
        system::set_non_blocking(d.fd, false);
    }
    if (result == -EINPROGRESS)
    {
        return pend(d, op, writing, t);
    }
    d.add_ready(readiness::read | readiness::write);
    if (result < 0)
    {
        op.error = system::error_of(result);
    }
    count(t, counter::synchronous);
    return completed;
}

/// Registers a socket with the set. Returns false, with the error in the
/// operation, if that fails or the context is gone.
bool engine::prepare_to_pend(descriptor& d, operation& op) noexcept
{
    if (shut_down_)
    {
        op.error = boost::asio::error::operation_aborted;
        return false;
    }
    // What is ready now is reported as an event, so nothing is lost if the
    // socket became ready since the attempt.
    op.error = enroll(d);
    return !op.error;
}

/// What a queued operation waits for is there already: its socket has used
/// up its budget, or others are queued before it.
void engine::continue_later(descriptor& d, direction where, turn* t) noexcept
{
    if (where == writing && t)
    {
        if (d.flush_turn != t->id)
        {
            d.flush_turn = t->id;
            make_flushed(d);
        }
    }
    else
    {
        make_ready(d, t);
    }
}

void engine::make_flushed(descriptor& d) noexcept
{
    lock const guard(mutex_, !options_.single_threaded);
    if (!d.flush_hook::is_linked())
    {
        flushes_.push_back(d);
    }
}

void engine::reject(operation& op, boost::system::error_code ec) noexcept
{
    count(current_turn(), counter::synchronous);
    op.error = ec;
}

start_result engine::refuse(operation& op) noexcept
{
    reject(op, boost::asio::error::bad_descriptor);
    return completed;
}

void engine::deliver_later(operation& op, dispatcher_ptr const& via) noexcept
{
    if (op.wants_hold)
    {
        op.notify(operation::event::held);
    }
    if (via && !op.via && !op.runs_in_turn)
    {
        op.via = via;
    }
    if (shut_down_)
    {
        op.notify(operation::event::abandon);
        return;
    }
    turn* const t = current_turn();
    add_pending(1, t);
    complete_later(op, t);
}

void engine::complete_later(operation& op, turn* t) noexcept
{
    {
        lock const guard(mutex_, !options_.single_threaded);
        op.keeper = this;
        op.place.store(operation_place::completions, std::memory_order_release);
        completions_.push_back(op);
        has_others_.store(true, std::memory_order_relaxed);
    }
    if (!t)
    {
        request_turn();
    }
}

// Performing, see reactor_transfer.hpp

bool engine::perform(descriptor& d, operation& op, turn* t) noexcept
{
    switch (op.kind)
    {
    case operation_kind::receive:
        return transfer_of(op).datagram ? perform_receive_datagram(d, op, t)
               : transfer_of(op).total() == 0 ? perform_wait(d, op, t)
                                              : perform_receive(d, op, t);
    case operation_kind::send:
        return transfer_of(op).datagram ? perform_send_datagram(d, op, t)
                                        : perform_send(d, op, t);
    case operation_kind::accept:
        return perform_accept(d, op, t);
    case operation_kind::connect:
        return perform_connect(d, op, t);
    case operation_kind::receive_from:
    case operation_kind::receive_message_from:
        return perform_receive_datagram(d, op, t);
    case operation_kind::send_to:
        return perform_send_datagram(d, op, t);
    case operation_kind::receive_batch:
        return perform_receive_batch(d, op, t);
    case operation_kind::send_batch:
        return perform_send_batch(d, op, t);
    case operation_kind::transmit:
        return perform_transmit(d, op, t);
    case operation_kind::disconnect:
        return perform_disconnect(d, op);
    case operation_kind::wait:
    case operation_kind::none:
        break;
    }
    return perform_wait(d, op, t);
}

/// The rest of a receive of which the first call brought some bytes, but
/// not enough.
bool engine::receive_rest(descriptor& d, operation& op, turn* t) noexcept
{
    return d.is_ready(readiness::read) && receive_plain<many_threads>(d, op, t);
}

/// The first call for a receive got nothing.
bool engine::received_nothing(
    descriptor& d, operation& op, turn* t, ssize_t result) noexcept
{
    if (result < 0)
    {
        result = system::last_error();
        if (result == -EINTR)
        {
            d.add_ready(readiness::read);
            return receive_plain<many_threads>(d, op, t);
        }
    }
    return result != -EAGAIN && end_receive(d, op, result, readiness::read);
}

bool engine::perform_receive(descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request& r = transfer_of(op);
    if (r.is_plain)
    {
        return receive_plain<many_threads>(d, op, t);
    }
    unsigned char const bit =
        r.flags & MSG_OOB ? readiness::except : readiness::read;
    for (;;)
    {
        d.remove_ready(bit);
        std::array<::iovec, vector_size> vectors;
        std::size_t used = 0;
        std::size_t const asked = gather(r, vectors.data(), used);
        ssize_t const n = system::receive_vector(
            d.fd, vectors.data(), used, r.flags, r.flags_out);
        count(t, counter::receive_calls);
        if (n <= 0)
        {
            return n != -EAGAIN && end_receive(d, op, n, bit);
        }
        auto const received = static_cast<std::size_t>(n);
        op.bytes_transferred += received;
        advance_list(r, received);
        bool const is_drained = received < asked && r.flags == 0 &&
                                !d.is_ready(readiness::no_short_reads);
        if (!is_drained)
        {
            d.add_ready(bit);
        }
        if (is_received(r, op.bytes_transferred) || r.flags & MSG_PEEK)
        {
            return true;
        }
        if (is_drained)
        {
            return false;
        }
    }
}

bool engine::perform_send(descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request& r = transfer_of(op);
    if (r.is_plain && r.one.size() != 0)
    {
        return send_plain(d, op, t);
    }
    while (op.bytes_transferred != r.total())
    {
        std::array<::iovec, vector_size> vectors;
        std::size_t used = 0;
        gather(r, vectors.data(), used);
        ssize_t const n =
            system::send_vector(d.fd, vectors.data(), used, r.flags);
        count(t, counter::send_calls);
        if (n >= 0)
        {
            d.stay_writable();
            op.bytes_transferred += static_cast<std::size_t>(n);
            advance_list(r, static_cast<std::size_t>(n));
            if (r.is_some)
            {
                return true;
            }
        }
        else if (auto const next = sent_nothing(d, op, n); next != again)
        {
            return next == over;
        }
    }
    return true;
}

/// A send of one buffer, without flags.
bool engine::send_plain(descriptor& d, operation& op, turn* t) noexcept
{
    transfer_request const& r = transfer_of(op);
    for (;;)
    {
        std::size_t const left = r.one.size() - op.bytes_transferred;
        ssize_t const n = system::send(
            d.fd,
            static_cast<char const*>(r.one.data()) + op.bytes_transferred,
            left);
        count(t, counter::send_calls);
        if (n >= 0)
        {
            d.stay_writable();
            op.bytes_transferred += static_cast<std::size_t>(n);
            if (static_cast<std::size_t>(n) == left || r.is_some)
            {
                return true;
            }
        }
        else if (auto const next = sent_nothing(d, op, n); next != again)
        {
            return next == over;
        }
    }
}

/// A call of a send failed.
engine::what_next
engine::sent_nothing(descriptor& d, operation& op, ssize_t result) noexcept
{
    if (result == -EINTR)
    {
        return again;
    }
    if (result == -EAGAIN)
    {
        // An event may have come between the refusal and the bit's going, so
        // it is tried once more.
        return d.remove_ready(readiness::write) ? again : blocked;
    }
    d.stay_writable();
    op.error = system::error_of(result);
    return over;
}

/// The result of a receive that got nothing. Returns false if it has to wait
/// still.
bool engine::end_receive(
    descriptor& d, operation& op, ssize_t result, unsigned char bit) noexcept
{
    if (bit == readiness::except && result == -EINVAL &&
        system::poll_socket(d.fd, POLLPRI, false) == 0)
    {
        // What recv(2) says while there are no urgent data. With a socket
        // that has failed it is final.
        return false;
    }
    d.add_ready(bit);
    if (result == 0)
    {
        op.error = boost::asio::error::eof;
    }
    else
    {
        op.error = system::error_of(result);
        tell_connect(d, op.error);
    }
    return true;
}

bool engine::perform_accept(descriptor& d, operation& op, turn* t) noexcept
{
    auto& r = *static_cast<accept_request*>(op.request);
    d.remove_ready(readiness::read);
    if (!d.is_native_non_blocking)
    {
        // accept(2) has no flag for one call; Asio does the same.
        system::set_non_blocking(d.fd, true);
        d.is_native_non_blocking = true;
    }
    int fd = 0;
    do
    {
        r.address_size = r.address_capacity;
        fd = system::accept_socket(d.fd, r.address, r.address_size);
        count(t, counter::accept_calls);
        // A connection that went while it waited is not this one's matter.
    } while (fd == -ECONNABORTED || fd == -EPROTO);
    if (fd == -EAGAIN)
    {
        return false;
    }
    d.add_ready(readiness::read);
    if (fd < 0)
    {
        op.error = system::error_of(fd);
        return true;
    }
    try
    {
        r.peer = r.peer_engine->allocate(fd, d.is_tcp);
    }
    catch (std::bad_alloc const&)
    {
        system::close_socket(fd);
        op.error = boost::asio::error::no_memory;
    }
    return true;
}

bool engine::perform_connect(descriptor& d, operation& op, turn* t) noexcept
{
    // A socket that failed to connect before still has the event of that.
    d.remove_ready(readiness::write);
    count(t, counter::poll_calls);
    if (system::poll_socket(d.fd, POLLOUT, false) == 0)
    {
        return false;
    }
    int value = 0;
    std::size_t size = sizeof(value);
    int const result =
        system::get_option(d.fd, SOL_SOCKET, SO_ERROR, &value, size);
    if (result < 0)
    {
        value = -result;
    }
    if (value == 0)
    {
        // Unless a receive was told why it failed.
        value = op.error.value();
    }
    if (value == 0)
    {
        // Takes note of the connection: a later connect is told so.
        auto const& r = *static_cast<connect_request*>(op.request);
        count(t, counter::connect_calls);
        system::connect_socket(d.fd, r.address, r.address_size);
    }
    op.error = {value, boost::system::system_category()};
    d.add_ready(readiness::read | readiness::write);
    return true;
}

bool engine::perform_wait(descriptor& d, operation& op, turn* t) noexcept
{
    direction where = reading;
    if (op.kind == operation_kind::wait)
    {
        where = static_cast<direction>(
            static_cast<wait_request*>(op.request)->which);
    }
    if (where == reading && keeps_datagrams(d))
    {
        return true;
    }
    constexpr std::array<short, 3> events{POLLIN, POLLOUT, POLLPRI};
    d.remove_ready(bit_of(where));
    count(t, counter::poll_calls);
    int const found = system::poll_socket(d.fd, events[where], false);
    if (found == 0)
    {
        return false;
    }
    d.add_ready(bit_of(where));
    if (found < 0)
    {
        op.error = system::error_of(found);
    }
    return true;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
