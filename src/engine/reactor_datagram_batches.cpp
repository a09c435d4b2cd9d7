// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Many datagrams by one operation, several by one call.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/detail/datagram_request.hpp>

#include <boost/asio/error.hpp>
#include <boost/config.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include <poll.h>

#include "engine/linux_system_calls.hpp"
#include "engine/reactor.hpp"
#include "engine/reactor_datagrams.hpp"
#include "engine/reactor_transfer.hpp"
#include "engine/reactor_turn.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

/// How many messages one call takes. What a call costs is then a small part
/// of what they do.
constexpr std::size_t most_messages = 16;

/// For so many merged messages, and then for one that is not, it is expected
/// that the next one is merged.
constexpr unsigned char merged_expected = 8;

// What is sent merged: as many datagrams as every Linux takes, and as many
// bytes as an IPv4 packet has.
constexpr std::size_t most_segments_sent = 64;
constexpr std::size_t most_bytes_sent = 65507;

/// How many buffers one call sends.
constexpr std::size_t most_vectors = 256;

/// Makes the descriptor ready for an operation; the negated error.
template<typename Prepare>
int prepare_batching(descriptor& d, Prepare prepare) noexcept
{
    try
    {
        prepare(batching_of(d));
        return 0;
    }
    catch (std::bad_alloc const&)
    {
        return -ENOMEM;
    }
}

// Receiving

/// Sets of an address what a message tells besides its bytes.
void set_address(
    batch_address& a,
    bool wants_sender,
    bool wants_arrival,
    ::msghdr& message) noexcept
{
    a.size = wants_sender ? message.msg_namelen : 0;
    a.interface_index = 0;
    a.arrived_at_size = 0;
    if (wants_arrival)
    {
        datagram_request arrival;
        system::take_arrival(arrival, message);
        a.interface_index = arrival.interface_index;
        a.arrived_at = arrival.arrived_at;
        a.arrived_at_size = arrival.arrived_at_size;
    }
}

/// The messages of one call, and where it puts them: each into a part of the
/// slab, and what is merged beyond that into a block.
class receive_call
{
public:
    receive_call(
        datagram_batching& b, datagram_batch_request& r, int fd) noexcept
        : b_(b)
        , r_(r)
        , fd_(fd)
    {}

    receive_call(receive_call const&) = delete;
    receive_call& operator=(receive_call const&) = delete;

    ~receive_call()
    {
        for (std::size_t i = 0; i != count_; ++i)
        {
            if (blocks_[i])
            {
                b_.delete_block(blocks_[i]);
            }
        }
    }

    /// Receives several messages, of which none is expected to be merged.
    int receive_several() noexcept
    {
        room_ = r_.slot_size;
        std::size_t const asked = std::min<std::size_t>(
            {r_.limit - r_.count,
             b_.window,
             system::has_feature(system::feature::several_messages)
                 ? most_messages
                 : 1});
        while (count_ != asked && add())
        {}
        int const n = receive();
        for (int i = 0; i < n; ++i)
        {
            take(static_cast<std::size_t>(i));
        }
        if (n > 0)
        {
            is_drained_ = static_cast<std::size_t>(n) < count_;
            b_.window = static_cast<unsigned char>(
                is_drained_ ? std::max(b_.window / 2, 2)
                            : std::min<int>(b_.window * 2, most_messages));
        }
        return n;
    }

    /// Receives one message that is expected to be merged.
    int receive_merged() noexcept
    {
        room_ = std::min(r_.slab_size - r_.used, message_block_size);
        add();
        int const n = receive();
        if (n > 0)
        {
            --b_.merges;
            take(0);
        }
        return n;
    }

    /// There are no more, as far as the system tells by itself.
    bool is_drained() const noexcept { return is_drained_; }

private:
    /// Adds a message. Returns false if there is no memory for its block.
    bool add() noexcept
    {
        std::size_t const i = count_;
        try
        {
            blocks_[i] = b_.splits ? b_.new_block() : nullptr;
        }
        catch (std::bad_alloc const&)
        {
            return false;
        }
        ++count_;
        ::msghdr& m = messages_[i].msg_hdr;
        vectors_[i][0] = {slot(i), room_};
        m.msg_iov = vectors_[i].data();
        m.msg_iovlen = 1;
        if (blocks_[i] && room_ < message_block_size)
        {
            // There each byte has the place that it has in the message.
            vectors_[i][1] = {blocks_[i] + room_, message_block_size - room_};
            m.msg_iovlen = 2;
        }
        // Who receives what is kept may want to know more than this one.
        bool const wants_sender = r_.wants_senders || b_.splits;
        m.msg_name =
            wants_sender ? r_.addresses[addresses_ + i].bytes.data() : nullptr;
        m.msg_namelen =
            static_cast<::socklen_t>(wants_sender ? r_.address_capacity : 0);
        bool const has_control = b_.splits || r_.wants_arrival;
        m.msg_control = has_control ? control_[i].data() : nullptr;
        m.msg_controllen = has_control ? control_[i].size() : 0;
        m.msg_flags = 0;
        return true;
    }

    char* slot(std::size_t i) const noexcept
    {
        return r_.slab + first_ + i * r_.slot_size;
    }

    int receive() noexcept
    {
        return count_ == 0
                   ? -ENOMEM
                   : system::receive_messages(
                         fd_, messages_.data(), static_cast<unsigned>(count_));
    }

    void take(std::size_t i) noexcept
    {
        std::size_t const address = addresses_ + i;
        ::msghdr& m = messages_[i].msg_hdr;
        bool const has_address = r_.wants_senders || r_.wants_arrival;
        if (has_address)
        {
            set_address(
                r_.addresses[address], r_.wants_senders, r_.wants_arrival, m);
        }
        index_ = has_address ? static_cast<std::uint32_t>(address)
                             : batched_datagram::no_address;
        std::size_t const size = messages_[i].msg_len;
        std::size_t const segment = b_.splits ? system::segment_size(m) : 0;
        if (segment != 0)
        {
            b_.merges = merged_expected;
        }
        if (b_.has_rest() || r_.count == r_.limit || segment > r_.slot_size)
        {
            keep(i, 0, size, segment);
        }
        else if (segment == 0)
        {
            take_one(i, size);
        }
        else
        {
            take_segments(i, size, segment);
        }
    }

    void take_one(std::size_t i, std::size_t size) noexcept
    {
        std::size_t const taken = std::min(size, r_.slot_size);
        bool const is_truncated =
            taken != size || (messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        add_received(r_, slot(i), taken, index_, is_truncated);
        r_.address_count = addresses_ + i + 1;
        // Several messages have their places, one after the other.
        r_.used += count_ > 1 ? r_.slot_size : taken;
    }

    /// Takes what there is room for of merged datagrams. They are no larger
    /// than the slab has room for one, so it has room for all that the list
    /// has room for, if this message has all of the slab.
    void
    take_segments(std::size_t i, std::size_t size, std::size_t segment) noexcept
    {
        std::size_t offset = 0;
        while (offset != size && r_.count != r_.limit &&
               offset + std::min(segment, size - offset) <= room_)
        {
            std::size_t const n = std::min(segment, size - offset);
            add_received(r_, slot(i) + offset, n, index_, false);
            offset += n;
        }
        r_.used += count_ > 1 ? r_.slot_size : offset;
        if (offset != 0)
        {
            r_.address_count = addresses_ + i + 1;
        }
        if (offset != size)
        {
            keep(i, offset, size, segment);
        }
    }

    /// Keeps what begins at an offset of a message for what comes later.
    void keep(
        std::size_t i,
        std::size_t offset,
        std::size_t size,
        std::size_t segment) noexcept
    {
        try
        {
            merged_rest& rest = b_.push_rest();
            rest.block = blocks_[i];
            rest.offset = offset;
            rest.size = size;
            rest.segment = segment;
            rest.address.bytes = r_.addresses[addresses_ + i].bytes;
            set_address(rest.address, true, true, messages_[i].msg_hdr);
        }
        catch (std::bad_alloc const&)
        {
            // They are lost, as if the system had had no room for them.
            return;
        }
        std::size_t const in_slab = std::min(size, room_);
        if (offset < in_slab)
        {
            std::memcpy(
                blocks_[i] + offset, slot(i) + offset, in_slab - offset);
        }
        blocks_[i] = nullptr;
    }

    datagram_batching& b_;
    datagram_batch_request& r_;
    int const fd_;
    std::size_t count_ = 0;
    /// Of each message in the slab.
    std::size_t room_ = 0;
    /// What the list had before.
    std::size_t const first_ = r_.used;
    std::size_t const addresses_ = r_.address_count;
    /// The address of the message that is being taken.
    std::uint32_t index_ = 0;
    bool is_drained_ = false;
    std::array<::mmsghdr, most_messages> messages_;
    std::array<std::array<::iovec, 2>, most_messages> vectors_;
    std::array<char*, most_messages> blocks_;

    struct alignas(::cmsghdr) control_buffer : std::array<char, 512>
    {};

    std::array<control_buffer, most_messages> control_;
};

/// Takes what the socket keeps.
void take_rests(datagram_batching& b, datagram_batch_request& r) noexcept
{
    bool is_new = true;
    std::uint32_t index = batched_datagram::no_address;
    while (b.has_rest() && r.count != r.limit)
    {
        merged_rest const& rest = b.rest();
        if (is_new && (r.wants_senders || r.wants_arrival))
        {
            index = static_cast<std::uint32_t>(r.address_count++);
            batch_address& a = r.addresses[index];
            a = rest.address;
            a.size = r.wants_senders ? a.size : 0;
            a.arrived_at_size = r.wants_arrival ? a.arrived_at_size : 0;
            a.interface_index = r.wants_arrival ? a.interface_index : 0;
        }
        std::size_t const size = rest.next_size();
        std::size_t const taken = std::min(size, r.slot_size);
        char* const data = r.slab + r.used;
        std::memcpy(data, rest.block + rest.offset, taken);
        add_received(r, data, taken, index, taken != size);
        r.used += taken;
        is_new = b.pop_datagram();
    }
}

// Sending

bool are_same(
    datagram_batch_request const& r,
    batched_datagram const& x,
    batched_datagram const& y) noexcept
{
    if (x.address == y.address)
    {
        return true;
    }
    if (!has_address(r, x) || !has_address(r, y))
    {
        return has_address(r, x) == has_address(r, y);
    }
    batch_address const& a = r.addresses[x.address];
    batch_address const& b = r.addresses[y.address];
    return a.size == b.size &&
           std::memcmp(a.bytes.data(), b.bytes.data(), a.size) == 0;
}

/// How many datagrams, from this one on, go as one message.
std::size_t run_at(
    datagram_batch_request const& r,
    std::size_t index,
    std::size_t largest_merged) noexcept
{
    batched_datagram const& first = r.datagrams[index];
    std::size_t const size = first.size;
    if (index < r.single_before || size == 0 || size > largest_merged)
    {
        return 1;
    }
    std::size_t const end =
        index + std::min(
                    {r.count - index,
                     most_segments_sent,
                     std::max<std::size_t>(most_bytes_sent / size, 1)});
    std::size_t i = index + 1;
    while (i != end && r.datagrams[i].size == size &&
           are_same(r, first, r.datagrams[i]))
    {
        ++i;
    }
    // The last one may be shorter.
    if (i != end && r.datagrams[i].size < size && r.datagrams[i].size != 0 &&
        are_same(r, first, r.datagrams[i]))
    {
        ++i;
    }
    return i - index;
}

/// The messages of one call that sends.
class send_call
{
public:
    send_call(
        datagram_batching const& b, datagram_batch_request const& r) noexcept
        : r_(r)
    {
        for (std::size_t i = r.next; i != r.count && count_ != most_messages;)
        {
            bool const is_to_peer = !has_address(r, r.datagrams[i]);
            std::size_t const run = run_at(r, i, b.largest_merged);
            // The error of a message to the peer is of an earlier one, and
            // sendmmsg(2) would lose it. So these go one by one.
            if (count_ != 0 &&
                (is_to_peer || run > most_vectors - vectors_used_))
            {
                return;
            }
            add(i, run);
            i += run;
            if (is_to_peer)
            {
                return;
            }
        }
    }

    /// Returns how many messages were sent, or the negated error.
    int send(int fd) noexcept
    {
        return system::send_messages(
            fd, messages_.data(), static_cast<unsigned>(count_));
    }

    /// How many datagrams are in a message.
    std::size_t run(std::size_t message) const noexcept
    {
        return runs_[message];
    }

private:
    void add(std::size_t index, std::size_t run) noexcept
    {
        batched_datagram const& first = r_.datagrams[index];
        ::iovec* const vectors = vectors_.data() + vectors_used_;
        std::size_t used = 0;
        for (std::size_t i = index; i != index + run; ++i)
        {
            batched_datagram const& d = r_.datagrams[i];
            if (used != 0 && static_cast<char*>(vectors[used - 1].iov_base) +
                                     vectors[used - 1].iov_len ==
                                 d.data)
            {
                vectors[used - 1].iov_len += d.size;
            }
            else
            {
                vectors[used++] = {d.data, d.size};
            }
        }
        vectors_used_ += used;
        ::msghdr& m = messages_[count_].msg_hdr;
        m = {};
        m.msg_iov = vectors;
        m.msg_iovlen = used;
        if (has_address(r_, first))
        {
            batch_address& a = r_.addresses[first.address];
            m.msg_name = a.bytes.data();
            m.msg_namelen = a.size;
        }
        if (run != 1)
        {
            system::set_segment_size(
                m,
                control_[count_].data(),
                static_cast<std::uint16_t>(first.size));
        }
        runs_[count_++] = run;
    }

    datagram_batch_request const& r_;
    std::size_t count_ = 0;
    std::size_t vectors_used_ = 0;
    std::array<::mmsghdr, most_messages> messages_;
    std::array<std::size_t, most_messages> runs_;
    std::array<::iovec, most_vectors> vectors_;

    struct alignas(::cmsghdr) control_buffer
        : std::array<char, system::segment_control_size>
    {};

    std::array<control_buffer, most_messages> control_;
};

/// The next datagrams were sent, as one message.
void message_was_sent(
    datagram_batching& b,
    datagram_batch_request& r,
    operation& op,
    std::size_t run) noexcept
{
    std::size_t bytes = 0;
    for (std::size_t i = r.next; i != r.next + run; ++i)
    {
        bytes += r.datagrams[i].size;
    }
    if (BOOST_UNLIKELY(r.next < r.single_before && bytes == r.refused_size))
    {
        // So it was for their being merged that they were refused.
        b.largest_merged = std::min(b.largest_merged, bytes - 1);
    }
    were_sent(r, run, bytes, op);
}

/** Whether merged datagrams were refused for being that.

    EIO: the device or the route cannot do it. EINVAL, EMSGSIZE: each is larger
    than what the path takes without fragments. Errors that each of them has
    for itself come again when it is sent alone.
*/
bool is_refused(
    datagram_batching& b,
    datagram_batch_request& r,
    std::size_t run,
    int result) noexcept
{
    if (run == 1 || (result != -EIO && result != -EINVAL &&
                     result != -EMSGSIZE && result != -EOPNOTSUPP))
    {
        return false;
    }
    if (result == -EIO || result == -EOPNOTSUPP)
    {
        b.largest_merged = 0;
    }
    else
    {
        r.single_before = r.next + run;
        r.refused_size = r.datagrams[r.next].size;
    }
    return true;
}

} // namespace

start_result engine::start_receive_batch(descriptor& d, operation& op) noexcept
{
    datagram_batch_request const& r = batch_of(op);
    int result = prepare_receive(d, true, r.wants_arrival);
    if (result == 0)
    {
        lock const guard(d.mutex, !options_.single_threaded);
        result = prepare_batching(d, [&](datagram_batching& b) {
            if (!b.knows_receives)
            {
                b.knows_receives = true;
                b.splits = system::merge_receives(d.fd, true) == 0;
            }
        });
    }
    if (result < 0)
    {
        reject(op, system::error_of(result));
        return completed;
    }
    return start(d, op, reading);
}

start_result engine::start_send_batch(descriptor& d, operation& op) noexcept
{
    op.is_plain = false;
    turn* const t = current_turn();
    lock const guard(d.mutex, !options_.single_threaded);
    int const result = prepare_batching(d, [&](datagram_batching& b) {
        if (!b.knows_sends)
        {
            b.knows_sends = true;
            b.largest_merged =
                system::find_merged_sends(d.fd) == 0 ? most_bytes_sent : 0;
        }
    });
    if (result < 0)
    {
        op.error = system::error_of(result);
        count(t, counter::synchronous);
        return completed;
    }
    if (d.queues[writing].empty() && d.is_ready(readiness::write) &&
        perform_send_batch(d, op, t))
    {
        count(t, counter::synchronous);
        return completed;
    }
    return pend(d, op, writing, t);
}

/// Fills the list as far as it goes. Returns false if there is nothing.
BOOST_NOINLINE bool
engine::perform_receive_batch(descriptor& d, operation& op, turn* t) noexcept
{
    datagram_batch_request& r = batch_of(op);
    datagram_batching& b = *d.batching;
    bool is_drained = false;
    int result = 0;
    d.remove_ready(readiness::read);
    for (;;)
    {
        take_rests(b, r);
        if (r.count == r.limit || is_drained)
        {
            break;
        }
        receive_call call(b, r, d.fd);
        result = b.splits && b.merges != 0 ? call.receive_merged()
                                           : call.receive_several();
        count(t, counter::receive_calls);
        is_drained = result == -EAGAIN || call.is_drained();
        if (result < 0)
        {
            break;
        }
    }
    bool const ends = result == -EAGAIN && d.ends_receives && r.count == 0;
    if (!is_drained || ends || b.has_rest())
    {
        d.add_ready(readiness::read);
    }
    if (ends)
    {
        op.error = boost::asio::error::shut_down;
    }
    else if (result < 0 && result != -EAGAIN)
    {
        op.error = system::error_of(result);
    }
    for (std::size_t i = 0; i != r.count; ++i)
    {
        op.bytes_transferred += r.datagrams[i].size;
    }
    return r.count != 0 || op.error;
}

/// Sends what is left of the list. Returns false if the system takes no more.
BOOST_NOINLINE bool
engine::perform_send_batch(descriptor& d, operation& op, turn* t) noexcept
{
    datagram_batch_request& r = batch_of(op);
    datagram_batching& b = *d.batching;
    while (r.next != r.count)
    {
        send_call call(b, r);
        int const n = call.send(d.fd);
        count(t, counter::send_calls);
        for (int i = 0; i < n; ++i)
        {
            message_was_sent(b, r, op, call.run(static_cast<std::size_t>(i)));
        }
        if (n >= 0 || is_refused(b, r, call.run(0), n))
        {
            continue;
        }
        if (n != -EAGAIN)
        {
            was_not_sent(r, system::error_of(n));
        }
        else if (has_no_event(d, r, t))
        {
            was_not_sent(r, boost::asio::error::would_block);
        }
        // An event may have come between the refusal and the bit's going, so
        // it is tried once more.
        else if (!d.remove_ready(readiness::write))
        {
            return false;
        }
    }
    end_send(r, op);
    return true;
}

/// Whether nobody tells when the next datagram can be sent.
bool engine::has_no_event(
    descriptor& d, datagram_batch_request const& r, turn* t) noexcept
{
    batched_datagram const& next = r.datagrams[r.next];
    if (!has_address(r, next))
    {
        return false;
    }
    batch_address const& a = r.addresses[next.address];
    if (!is_local_address(a.bytes.data(), a.size))
    {
        return false;
    }
    count(t, counter::poll_calls);
    return system::poll_socket(d.fd, POLLOUT, false) != 0;
}

start_result socket_handle::start_receive_batch(operation& op) noexcept
{
    return descriptor_
               ? descriptor_->owner->start_receive_batch(*descriptor_, op)
               : engine_->refuse(op);
}

start_result socket_handle::start_send_batch(operation& op) noexcept
{
    return descriptor_ ? descriptor_->owner->start_send_batch(*descriptor_, op)
                       : engine_->refuse(op);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
