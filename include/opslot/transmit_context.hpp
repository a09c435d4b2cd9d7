#ifndef OPSLOT_TRANSMIT_CONTEXT_HPP
#define OPSLOT_TRANSMIT_CONTEXT_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The context of an operation that sends files.
*/

#include <opslot/detail/transmit_request.hpp>
#include <opslot/operation_context.hpp>
#include <opslot/operation_memory.hpp>
#include <opslot/transmit_element.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

struct transmit_context_access;

} // namespace detail

/** A reusable transmission of buffers and files, on a stream socket.

    It is the model's `SendPacketsAsync`: elements go out in their order, and
    the whole of them like one send. On the reactor a file goes from the
    system's cache to the socket without a copy through the program; small
    ones are read and leave together with the buffers around them.

    @par Files
    All files are opened at the start of an operation, and all ranges
    checked, before the first byte goes out. A file that is missing, or too
    short for its range, is a completion with that error, and nothing was
    sent. If a file becomes shorter meanwhile, the operation ends with
    `error::file_shrunk`; if bytes of it were sent, later sends of the socket
    fail with `error::send_interrupted`, because the peer would take what
    follows for the rest of the file. @ref element_index says which element an
    error is about.

    @par Example
    @snippet example/send_file.cpp client

    @see operation_context for ownership, state, results and threads.
*/
class transmit_context : public operation_context
{
public:
    /// Throws `std::bad_alloc` if it is the first use of operation memory.
    transmit_context();

    /// Withdraws a pending operation.
    ~transmit_context();

    /** Stores the handler of all operations on this context, called as
        `handler(transmit_context&)`.

        @see stream_context::completion_handler
    */
    template<typename Handler>
    void completion_handler(Handler&& handler)
    {
        store_handler<transmit_context>(std::forward<Handler>(handler));
    }

    // The description

    /** Sets what to send. It stays set.

        The elements are copied, so a later change of the range has no
        effect; an empty range sends nothing.

        @param first,last A range of @ref transmit_element, or of what
        converts to it.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`; `std::bad_alloc`. Nothing was changed
        then.

        @par Cost
        Operation memory for the elements. The names of files may take memory
        from the heap.
    */
    template<typename Iterator>
    void elements(Iterator first, Iterator last)
    {
        check_idle();
        part_list parts(parts_.get_allocator());
        parts.reserve(static_cast<std::size_t>(std::distance(first, last)));
        for (; first != last; ++first)
        {
            transmit_element const& element = *first;
            parts.push_back(detail::transmit_element_access::part(element));
        }
        set_parts(parts);
    }

    /// The same for a whole range.
    template<typename Range>
    void elements(Range const& range)
    {
        elements(std::begin(range), std::end(range));
    }

    /// The same for a list.
    void elements(std::initializer_list<transmit_element> list)
    {
        elements(list.begin(), list.end());
    }

    /// Removes the elements. Throws as `elements` does.
    void clear_elements();

    /// How many elements are set.
    std::size_t element_count() const noexcept { return parts_.size(); }

    /** Makes the end of a successful transmission disconnect the socket, as
        `disconnect` does. It stays set.

        @throws boost::system::system_error `error::context_busy`,
        `error::context_disposed`.
    */
    void disconnect_after(socket_reuse reuse);

    /// Ends the effect of the other function: the socket stays connected, as
    /// by default. Throws the same.
    void stay_connected();

    // The result

    /** How many bytes the operation has sent so far.

        @par Thread safety
        May be called from any thread at any time, also while the operation
        is pending.
    */
    std::uint64_t progress() const noexcept
    {
        return request_.progress.load(std::memory_order_relaxed);
    }

    /** Which element the last operation ended at, from 0.

        After an error, the element that the error is about, or that was
        being sent; else @ref element_count. Meaningful after completion.
    */
    std::size_t element_index() const noexcept { return request_.index; }

private:
    friend struct detail::transmit_context_access;

    using part_list = std::vector<
        detail::transmit_part,
        operation_memory_allocator<detail::transmit_part>>;

    void set_parts(part_list& parts) noexcept;
    void set_end(detail::transmit_end end);

    part_list parts_;
    detail::transmit_request request_;
    bool has_elements_ = false;
};

namespace detail {

/// What stream sockets do with their contexts.
struct transmit_context_access
{
    /// The request of the context, or null if it has no elements.
    static transmit_request* request(transmit_context& c) noexcept
    {
        return c.has_elements_ ? &c.request_ : nullptr;
    }
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
