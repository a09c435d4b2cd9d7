#ifndef OPSLOT_ENGINE_REACTOR_DATAGRAMS_HPP
#define OPSLOT_ENGINE_REACTOR_DATAGRAMS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What a datagram socket is from the first operation on that receives or
    sends many datagrams.
*/

#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/config.hpp>

#include <algorithm>
#include <cstddef>

#include <sys/socket.h>
#include <sys/types.h>

#include "engine/reactor_parts.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/// A block for a message of the system's. No UDP packet is larger, merged or
/// not.
inline constexpr std::size_t message_block_size = 64 * 1024;

/** A message of which the datagrams were not all handed out.

    The system gives a packet of merged datagrams as a whole. What one receive
    does not take stays here for the next, of whatever kind.
*/
struct merged_rest
{
    char* block = nullptr;
    /// Where the next datagram begins, and where the last one ends.
    std::size_t offset = 0;
    std::size_t size = 0;
    /// The size of each datagram but the last; 0: there is one.
    std::size_t segment = 0;
    batch_address address{};
    merged_rest* behind = nullptr;

    std::size_t next_size() const noexcept
    {
        return segment == 0 ? size - offset : std::min(segment, size - offset);
    }
};

/** What a socket has learnt of receiving and sending many datagrams, and what
    it keeps. Guarded by the mutex of the descriptor.

    @verbatim
                          recvmsg(2), recvmmsg(2)
                                |      |
           one datagram, or     |      |  more than the slab takes, or
           merged ones that fit |      |  not where they can be taken apart
                                v      v
          list of a receive <------- rests -------> receive of one datagram
    @endverbatim

    Rests come first, and the system is asked only when there is none.
*/
class datagram_batching
{
public:
    explicit datagram_batching(operation_memory& memory) noexcept
        : memory_(memory)
    {}

    datagram_batching(datagram_batching const&) = delete;
    datagram_batching& operator=(datagram_batching const&) = delete;

    ~datagram_batching();

    bool has_rest() const noexcept { return first_ != nullptr; }

    /// The message to go on with. Precondition: has_rest().
    merged_rest& rest() noexcept { return *first_; }

    /// The next datagram was handed out. Returns true if it was the last one
    /// of its message.
    bool pop_datagram() noexcept;

    /// Keeps the rest of a message, whose block it takes over. Throws
    /// std::bad_alloc.
    merged_rest& push_rest();

    char* new_block()
    {
        return static_cast<char*>(memory_.allocate(message_block_size));
    }

    void delete_block(char* block) noexcept
    {
        memory_.deallocate(block, message_block_size);
    }

    /// Asks the system for a message if there is no rest. Returns 0 or the
    /// negated error.
    int fetch(int fd) noexcept;

    /// Whether it was tried to have datagrams merged, and whether they are.
    bool knows_receives = false;
    bool splits = false;
    /// How many messages in a row, from now on, are expected to be merged
    /// ones.
    unsigned char merges = 0;
    /// How many messages to ask for.
    unsigned char window = 2;
    /// Whether the system was asked if it takes merged datagrams.
    bool knows_sends = false;
    /// The size of datagrams up to which they are sent merged; 0: not at all.
    std::size_t largest_merged = 0;

private:
    operation_memory& memory_;
    merged_rest* first_ = nullptr;
    merged_rest* last_ = nullptr;
};

/// Makes what a socket needs for many datagrams, at the first call. Throws
/// std::bad_alloc.
datagram_batching& batching_of(descriptor& d);

/// A native socket goes: forgets what it keeps.
void forget_batching(descriptor& d) noexcept;

/// Whether datagrams of this socket may be merged, and have to be split. Of
/// those in the queue of errors none is.
inline bool has_split_datagrams(descriptor const& d, int flags) noexcept
{
    return BOOST_UNLIKELY(d.batching != nullptr) && d.batching->splits &&
           (flags & (MSG_ERRQUEUE | MSG_OOB)) == 0;
}

/// Receives one datagram of such a socket, as system::receive_message; the
/// descriptor is locked.
ssize_t receive_split_datagram(descriptor& d, transfer_request& r) noexcept;

/// The size of the next datagram of such a socket; 0: there is none.
std::size_t next_split_datagram(descriptor& d) noexcept;

/// Whether there are datagrams of which the system does not know any more.
inline bool keeps_datagrams(descriptor const& d) noexcept
{
    return BOOST_UNLIKELY(d.batching != nullptr) && d.batching->has_rest();
}

/** Whether a datagram goes to a local address.

    While the receiver has no room the call fails as it does while the sender
    has none, but the system has no event for the former, unless the sender is
    connected: unix(7).
*/
bool is_local_address(void const* address, std::size_t size) noexcept;

/// What a receive asks for besides receiving; the negated error.
int prepare_receive(
    descriptor& d, bool needs_bound, bool wants_arrival) noexcept;

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
