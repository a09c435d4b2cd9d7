#ifndef OPSLOT_BUFFER_CONTEXT_HPP
#define OPSLOT_BUFFER_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What the contexts of transfers have: their buffers.
*/

#include <opslot/operation_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/socket_base.hpp>

#include <cstddef>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

struct datagram_context_access;

} // namespace detail

/** The buffers and flags of receives and sends.

    Base of @ref stream_context and @ref basic_datagram_context; not used by
    itself. What an empty buffer means is theirs to say.

    @see operation_context for ownership, state, results and threads.
*/
class buffer_context : public operation_context
{
public:
    // Buffers

    /** Sets the one buffer of the next operations.

        It stays set and an operation does not change it. The memory must
        stay valid while an operation is pending.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::buffer_and_list` if a buffer list
        is set.
    */
    void buffer(boost::asio::mutable_buffer b)
    {
        set(b, 0, b.size(), buffers::one);
    }

    /// Sets a buffer that is only sent from. A receive into it fails with
    /// `error::no_buffer`.
    void buffer(boost::asio::const_buffer b)
    {
        boost::asio::mutable_buffer const w(
            const_cast<void*>(b.data()), b.size());
        set(w, 0, w.size(), buffers::one_read_only);
    }

    /** Sets a part of a buffer: `count` bytes from `offset`.

        @throws boost::system::system_error as for one argument, and
        `error::out_of_range` if the part does not lie within the buffer.
    */
    void buffer(
        boost::asio::mutable_buffer b, std::size_t offset, std::size_t count);

    /// Sets a part of a buffer that is only sent from. Throws the same.
    void
    buffer(boost::asio::const_buffer b, std::size_t offset, std::size_t count);

    /** Chooses another part of the buffer that is set.

        Offsets count from the beginning of the memory that was given to
        `buffer`, not of the part that is chosen now.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::no_buffer`,
        `error::out_of_range`.
    */
    void slice(std::size_t offset, std::size_t count);

    /** Chooses the whole buffer again.

        For a context that receives into a buffer and sends a part of it, in
        turn. Throws as the other overload does, except that the whole is
        always in range.
    */
    void slice() { slice(0, whole_size_); }

    /** Sets a list of buffers.

        The list is copied, so a later change of `list` has no effect. An
        operation fills or sends the buffers one after the other.

        @param list A mutable or const buffer sequence of any length.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`, `error::buffer_and_list` if a buffer is
        set; `std::bad_alloc`.

        @par Cost
        A list takes operation memory, which is kept for later lists.
    */
    template<typename BufferSequence>
    void buffer_list(BufferSequence const& list)
    {
        static_assert(
            boost::asio::is_const_buffer_sequence<BufferSequence>::value,
            "The buffer list must be a buffer sequence");
        constexpr bool is_mutable =
            boost::asio::is_mutable_buffer_sequence<BufferSequence>::value;
        std::size_t count = 0;
        auto const last = boost::asio::buffer_sequence_end(list);
        for (auto i = boost::asio::buffer_sequence_begin(list); i != last; ++i)
        {
            ++count;
        }
        boost::asio::mutable_buffer* out = new_list(count, is_mutable);
        for (auto i = boost::asio::buffer_sequence_begin(list); i != last; ++i)
        {
            boost::asio::const_buffer const b(*i);
            *out++ = {const_cast<void*>(b.data()), b.size()};
        }
        list_is_complete();
    }

    /// Removes the buffer or the buffer list. Throws as `buffer` does.
    void clear_buffers();

    /// The chosen part of the buffer; empty if there is none or a list.
    boost::asio::mutable_buffer buffer() const noexcept
    {
        return transfer_.one;
    }

    /// Where the chosen part begins in the buffer, in bytes.
    std::size_t offset() const noexcept { return lead_; }

    /// Sets the flags of the system's call for the next operations. Throws
    /// as `buffer` does.
    void message_flags(boost::asio::socket_base::message_flags flags);

    /// The flags that were set.
    boost::asio::socket_base::message_flags message_flags() const noexcept
    {
        return transfer_.flags;
    }

    /// The flags that came with the last received bytes.
    boost::asio::socket_base::message_flags received_flags() const noexcept
    {
        return transfer_.flags_out;
    }

    /// @cond

protected:
    buffer_context() noexcept = default;

    /// Withdraws a pending operation.
    ~buffer_context();

    /// What the engine is asked for.
    detail::transfer_request transfer_;

    /// @endcond

private:
    friend struct detail::stream_context_access;
    friend struct detail::datagram_context_access;

    enum class buffers : unsigned char
    {
        none,
        one,
        one_read_only,
        list,
        list_read_only
    };

    static bool is_list(buffers b) noexcept { return b >= buffers::list; }

    boost::asio::mutable_buffer* new_list(std::size_t count, bool writable);
    void list_is_complete() noexcept;
    void set_part(
        boost::asio::mutable_buffer whole,
        std::size_t offset,
        std::size_t count,
        buffers set_as);
    void change_buffers(buffers set_as);

    void
    set(boost::asio::mutable_buffer part,
        std::size_t lead,
        std::size_t whole_size,
        buffers set_as)
    {
        if (!is_idle() || buffers_ != set_as)
        {
            change_buffers(set_as);
        }
        transfer_.one = part;
        lead_ = lead;
        whole_size_ = whole_size;
    }

    /// Whether the buffers are fit for an operation.
    bool has_buffers_for(operation_kind k) const noexcept
    {
        return buffers_ == buffers::one || buffers_ == buffers::list ||
               (buffers_ != buffers::none && k == operation_kind::send);
    }

    /// Where the part begins in the buffer, and the size of that.
    std::size_t lead_ = 0;
    std::size_t whole_size_ = 0;
    buffers buffers_ = buffers::none;
    boost::asio::mutable_buffer* list_ = nullptr;
    std::size_t list_capacity_ = 0;
    std::size_t list_size_ = 0;
};

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
