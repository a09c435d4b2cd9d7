#ifndef OPSLOT_DATAGRAM_BATCH_CONTEXT_HPP
#define OPSLOT_DATAGRAM_BATCH_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of operations on many datagrams.
*/

#include <opslot/datagram_context.hpp>
#include <opslot/detail/datagram_batch_request.hpp>
#include <opslot/operation_context.hpp>
#include <opslot/packet_information.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstring>
#include <tuple>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

struct datagram_batch_context_access;

/// What was said of the arrival of a datagram.
packet_information arrival_of(batch_address const& address) noexcept;

} // namespace detail

/** A reusable receive or send of many datagrams.

    The context has a list of datagrams. A receive makes the list: it takes
    what is there, up to the capacity, and completes as soon as that is
    anything. A send sends the list, whoever has made it: the program by
    @ref add, or a receive, whose datagrams then go back to where they came
    from.

    @verbatim
        slab  [ 1st | 2nd | 3rd | ...                                ]
                 ^     ^     ^
        list   [ 0  |  1  |  2 ]   each with its bytes, its endpoint,
                                   and what became of it
    @endverbatim

    @par System calls
    On Linux the reactor receives and sends several datagrams by one call
    (recvmmsg(2), sendmmsg(2)), and the network stack carries those of one size
    to or from one peer as one packet (`UDP_GRO`, `UDP_SEGMENT`), which is
    where the speed comes from. What the system or a device does not have is
    found out at run time, and done without; nothing else differs then. The
    portable engine makes one call for each datagram.

    @par Example
    @snippet example/udp_batch_echo.cpp echo

    @tparam Protocol The protocol of the endpoints, such as `asio::ip::udp`.

    @see operation_context for ownership, state, results and threads.
*/
template<typename Protocol>
class basic_datagram_batch_context : public operation_context
{
public:
    /// The protocol of the endpoints.
    using protocol_type = Protocol;
    /// Where a datagram comes from or goes to.
    using endpoint_type = typename Protocol::endpoint;

    /// The capacity of a context that is made without one.
    static constexpr std::size_t default_capacity = 64;

    /** One datagram of the list.

        It refers to the context, and means what it says until the list
        changes.
    */
    class datagram
    {
    public:
        /// Its bytes. Those of a received one are somewhere in the slab, and
        /// the program's to change.
        boost::asio::mutable_buffer buffer() const noexcept
        {
            return {record().data, record().size};
        }

        /// Where it came from or goes to; a default one if that was not asked
        /// for, if it goes to the peer, or of an unnamed local socket.
        endpoint_type endpoint() const noexcept
        {
            endpoint_type endpoint;
            auto const& r = context_.batch_.request;
            if (detail::has_address(r, record()))
            {
                auto const& a = r.addresses[record().address];
                std::memcpy(endpoint.data(), a.bytes.data(), a.size);
                endpoint.resize(a.size);
            }
            return endpoint;
        }

        /// Whether it had more bytes than the slab has room for one. These
        /// are lost.
        bool is_truncated() const noexcept { return record().is_truncated; }

        /// Where it arrived, if that was asked for.
        opslot::packet_information packet_information() const noexcept
        {
            auto const index = record().address;
            return index == detail::batched_datagram::no_address
                       ? opslot::packet_information()
                       : detail::arrival_of(
                             context_.batch_.request.addresses[index]);
        }

        /// Whether it was sent, after a send; success after a receive. One
        /// that a send did not come to has the error of the operation.
        boost::system::error_code const& error() const noexcept
        {
            return index_ < context_.batch_.request.next ? record().error
                                                         : context_.error();
        }

    private:
        friend class basic_datagram_batch_context;

        datagram(
            basic_datagram_batch_context const& context,
            std::size_t index) noexcept
            : context_(context)
            , index_(index)
        {}

        detail::batched_datagram const& record() const noexcept
        {
            return context_.batch_.request.datagrams[index_];
        }

        basic_datagram_batch_context const& context_;
        std::size_t index_;
    };

    /** Makes the list, with no datagrams.

        @param capacity How many datagrams there is room for.

        @throws std::bad_alloc

        @par Cost
        About 210 bytes of operation memory for each datagram, until the
        context goes. No operation takes any for its list. While a receive
        runs, the reactor takes up to 16 blocks of 64 KiB for datagrams that
        may come as one packet; `operation_memory::reserve(65536, 16)` has them
        from the beginning.
    */
    explicit basic_datagram_batch_context(
        std::size_t capacity = default_capacity)
        : batch_(capacity, endpoint_type().capacity())
    {}

    /// Withdraws a pending operation.
    ~basic_datagram_batch_context() { release(); }

    /** Stores the handler of all operations on this context, called as
        `handler(basic_datagram_batch_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        this->template store_handler<basic_datagram_batch_context>(
            std::forward<Handler>(handler));
    }

    /// How many datagrams there is room for in the list.
    std::size_t capacity() const noexcept { return batch_.request.capacity; }

    // To receive

    /** Sets the memory that receives put datagrams in, and clears the list.

        @param memory The slab. It must stay valid while an operation is
        pending, and as long as the datagrams in it are used. One receive
        takes at most `memory.size() / datagram_size` datagrams, and no more
        than the capacity. From 64 KiB on, datagrams that arrive as one packet
        need not be copied.
        @param datagram_size The bytes of one datagram. What it has more is
        lost, and it is marked as truncated.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::out_of_range` if there is not even
        room for one datagram, or the size is 0.
    */
    void slab(boost::asio::mutable_buffer memory, std::size_t datagram_size)
    {
        check_idle();
        batch_.slab(memory, datagram_size);
    }

    /** Whether receives ask where datagrams come from; by default they do.

        Without, the datagrams of a list have no endpoint. If they are sent
        they go to the peer of the socket.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void wants_senders(bool on)
    {
        check_idle();
        batch_.request.wants_senders = on;
    }

    /** Whether receives ask where datagrams arrive; by default they do not.

        As for a single datagram, such a receive fails with
        `asio::error::operation_not_supported` where that cannot be told.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.

        @see basic_datagram_socket::enable_packet_information
    */
    void wants_packet_information(bool on)
    {
        check_idle();
        batch_.request.wants_arrival = on;
    }

    // The list

    /// Removes all datagrams from the list. Throws as @ref wants_senders.
    void clear()
    {
        check_idle();
        batch_.clear();
    }

    /** Adds a datagram to send to the peer of a connected socket.

        @param bytes One without bytes is a datagram too. The memory must stay
        valid while a send is pending.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::out_of_range` if there is no room.
    */
    void add(boost::asio::const_buffer bytes)
    {
        check_idle();
        batch_.add(bytes, nullptr, 0);
    }

    /** Adds a datagram to send to an endpoint.

        Throws as for one argument. Neighbours of the same size to the same
        endpoint cost least, if their bytes are neighbours as well; the last of
        them may be shorter.
    */
    void add(boost::asio::const_buffer bytes, endpoint_type const& endpoint)
    {
        check_idle();
        batch_.add(bytes, endpoint.data(), endpoint.size());
    }

    /** Gives a datagram of the list other bytes, for instance the answer to
        what was received.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::out_of_range` if there is no such
        datagram.
    */
    void buffer(std::size_t index, boost::asio::const_buffer bytes)
    {
        check_idle();
        batch_.replace(index, bytes);
    }

    /// How many datagrams are in the list.
    std::size_t size() const noexcept { return batch_.request.count; }

    /// A datagram of the list. Precondition: `index` is less than `size()`.
    datagram operator[](std::size_t index) const noexcept
    {
        return datagram(*this, index);
    }

    // The result of a send

    /// How many datagrams of the list were sent.
    std::size_t sent() const noexcept { return batch_.request.sent; }

    /// The first datagram of the list that was not sent; `size()` if all
    /// were.
    std::size_t error_index() const noexcept { return batch_.first_unsent(); }

private:
    friend struct detail::datagram_batch_context_access;

    detail::datagram_batch batch_;
};

namespace detail {

/// What datagram sockets do with their contexts.
struct datagram_batch_context_access
{
    /// What is missing for an operation of this kind.
    template<typename Context>
    static boost::system::error_code
    check(Context const& c, operation_kind k) noexcept
    {
        if (k == operation_kind::send_batch)
        {
            return c.size() == 0 ? make_error_code(error::no_elements)
                                 : boost::system::error_code();
        }
        return c.batch_.request.limit == 0 ? make_error_code(error::no_buffer)
                                           : boost::system::error_code();
    }

    /// The request of the context, for an operation of this kind.
    template<typename Context>
    static datagram_batch_request*
    prepare(Context& c, operation_kind k) noexcept
    {
        if (k == operation_kind::send_batch)
        {
            c.batch_.prepare_send();
        }
        else
        {
            c.batch_.prepare_receive();
        }
        return &c.batch_.request;
    }
};

/// The arguments of a handler that learns how many datagrams went.
template<typename Context>
struct datagram_batch_result
{
    std::tuple<boost::system::error_code, std::size_t>
    operator()(operation_context const& c) const
    {
        auto const& context = static_cast<Context const&>(c);
        bool const is_send = c.last_operation() == operation_kind::send_batch;
        return {c.error(), is_send ? context.sent() : context.size()};
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
