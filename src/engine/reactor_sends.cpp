// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "engine/linux_system_calls.hpp"
#include "engine/queued_bytes.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

// Lists of buffers

void advance_list(transfer_request& r, std::size_t n) noexcept
{
    while (n != 0)
    {
        std::size_t const left = r.buffers[r.index].size() - r.offset;
        std::size_t const taken = std::min(left, n);
        n -= taken;
        r.offset += taken;
        if (taken == left)
        {
            ++r.index;
            r.offset = 0;
        }
    }
}

std::size_t
gather(transfer_request const& r, ::iovec* vectors, std::size_t& count) noexcept
{
    std::size_t sum = 0;
    std::size_t offset = r.offset;
    count = 0;
    for (std::size_t i = r.index; i != r.count && count != vector_size; ++i)
    {
        auto const& b = r.buffers[i];
        if (std::size_t const size = b.size() - offset)
        {
            vectors[count++] = {static_cast<char*>(b.data()) + offset, size};
            sum += size;
        }
        offset = 0;
    }
    return sum;
}

// Queued sends

void engine::visit_sends(descriptor& d, turn& t, operation_list& done) noexcept
{
    continue_sends(d, t, done);
    end_queue_waits(d);
}

/// Continues the queue of sends as far as it goes.
void engine::continue_sends(
    descriptor& d, turn& t, operation_list& done) noexcept
{
    operation_queue& queue = d.queues[writing];
    while (!queue.empty() && d.is_ready(readiness::write))
    {
        operation& op = *queue.first();
        bool const is_one = op.kind != operation_kind::send || !op.behind ||
                            op.behind->kind != operation_kind::send ||
                            transfer_of(op).total() == 0 ||
                            transfer_of(op).datagram;
        if (!is_one)
        {
            if (!send_together(d, t, done))
            {
                return;
            }
        }
        else if (perform(d, op, &t))
        {
            leave_sends(d, op, done);
        }
        else
        {
            return;
        }
    }
}

namespace {

/** The data of several sends, for one call.

    Small neighbours are copied together, which costs less than a vector of
    them; large ones stay where they are.
*/
class send_batch
{
public:
    static constexpr std::size_t copied_at_most = 1024;

    /// Adds what is left of a send. False: there is no more room, and the
    /// last one may be in the batch in part.
    bool add(operation& op) noexcept
    {
        transfer_request const& r = transfer_of(op);
        std::size_t offset = r.is_plain ? op.bytes_transferred : r.offset;
        for (std::size_t i = r.index; i != r.count; ++i)
        {
            auto const& b = r.buffers[i];
            if (b.size() != offset &&
                !add(static_cast<char*>(b.data()) + offset, b.size() - offset))
            {
                return false;
            }
            offset = 0;
        }
        return true;
    }

    ::iovec const* data() const noexcept { return vectors_.data(); }

    std::size_t size() const noexcept { return count_; }

private:
    bool add(char* data, std::size_t size) noexcept
    {
        bool const copies =
            size <= copied_at_most && size <= staging_.size() - staged_;
        char* const copy = staging_.data() + staged_;
        bool const extends = copies && count_ != 0 && last_is_copied_;
        if (!extends && count_ == vectors_.size())
        {
            return false;
        }
        if (!copies)
        {
            vectors_[count_++] = {data, size};
        }
        else
        {
            std::memcpy(copy, data, size);
            staged_ += size;
            if (extends)
            {
                vectors_[count_ - 1].iov_len += size;
            }
            else
            {
                vectors_[count_++] = {copy, size};
            }
        }
        last_is_copied_ = copies;
        return true;
    }

    std::array<::iovec, vector_size> vectors_;
    std::array<char, 16 * 1024> staging_;
    std::size_t count_ = 0;
    std::size_t staged_ = 0;
    bool last_is_copied_ = false;
};

} // namespace

/// Sends the first operations of the queue with one call. Returns false if
/// the socket took no more.
bool engine::send_together(
    descriptor& d, turn& t, operation_list& done) noexcept
{
    operation_queue& queue = d.queues[writing];
    int const flags = transfer_of(*queue.first()).flags;
    send_batch batch;
    for (operation* op = queue.first();
         op && op->kind == operation_kind::send &&
         transfer_of(*op).flags == flags && batch.add(*op);
         op = op->behind)
    {}
    ssize_t const n =
        system::send_vector(d.fd, batch.data(), batch.size(), flags);
    count(&t, counter::send_calls);
    if (n < 0)
    {
        operation& op = *queue.first();
        what_next const next = sent_nothing(d, op, n);
        if (next == over)
        {
            leave_sends(d, op, done);
        }
        return next != blocked;
    }
    d.stay_writable();
    for (auto left = static_cast<std::size_t>(n); left != 0;)
    {
        operation& op = *queue.first();
        transfer_request& r = transfer_of(op);
        std::size_t const taken =
            std::min(left, r.total() - op.bytes_transferred);
        op.bytes_transferred += taken;
        left -= taken;
        if (!r.is_plain)
        {
            advance_list(r, taken);
        }
        if (is_sent(r, op.bytes_transferred))
        {
            leave_sends(d, op, done);
        }
    }
    return true;
}

/// The first send has its result.
void engine::leave_sends(
    descriptor& d, operation& op, operation_list& done) noexcept
{
    d.queued_bytes -= bytes_to_send(op);
    leave_front(d.queues[writing], op);
    done.push_back(op);
}

// How much is queued

namespace {

/// What is left to send. The first send alone may have gone out in part.
std::size_t bytes_left(descriptor const& d) noexcept
{
    operation const* const first = d.queues[writing].first();
    return first ? d.queued_bytes - bytes_sent(*first) : 0;
}

} // namespace

/// An operation has joined the queue of sends.
void engine::add_queued_bytes(descriptor& d, operation& op) noexcept
{
    d.queued_bytes += bytes_to_send(op);
    d.queued_peak = std::max(d.queued_peak, bytes_left(d));
}

start_result engine::start_queue_wait(descriptor& d, operation& op) noexcept
{
    op.is_plain = false;
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    if (d.fd < 0)
    {
        op.error = boost::asio::error::bad_descriptor;
    }
    if (op.error || is_queue_wait(op, bytes_left(d)))
    {
        count(t, counter::synchronous);
        return completed;
    }
    go_pending(d, op, composed, t);
    return pending;
}

/// Ends the waits for a queue as short as it is now.
void engine::end_queue_waits(descriptor& d) noexcept
{
    std::size_t const left = bytes_left(d);
    for (operation* i = d.queues[composed].first(); i;)
    {
        operation& op = *i;
        i = i->behind;
        if (is_queue_wait(op, left))
        {
            leave_queue(d, op);
            complete_later(op, current_turn());
        }
    }
}

std::size_t engine::queued_bytes(descriptor& d) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    return bytes_left(d);
}

std::size_t engine::queued_bytes_peak(descriptor& d) noexcept
{
    lock const guard(d.mutex, !options_.single_threaded);
    return d.queued_peak;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
