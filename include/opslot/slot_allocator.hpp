#ifndef OPSLOT_SLOT_ALLOCATOR_HPP
#define OPSLOT_SLOT_ALLOCATOR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>
#include <opslot/slot.hpp>

#include <cstddef>
#include <limits>
#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {

/** An allocator on a slot.

    @tparam T The type of the objects to make room for; may be `void`.

    It meets the requirements of Allocator, so that a handler can return it
    from `get_allocator()`. bind_slot() does that for any handler or completion
    token. Copies, also of other types, compare equal if they use the same slot.

    It keeps a plain pointer: the slot must outlive it and what it allocated.

    Thread safety: as slot_base.

    Cost: one pointer.

    Example:
    @code
    struct receive_handler
    {
        using allocator_type = opslot::slot_allocator<void>;
        allocator_type get_allocator() const noexcept { return allocator; }
        void operator()(boost::system::error_code error, std::size_t bytes);

        allocator_type allocator;
    };
    socket.async_read_some(
        buffer, receive_handler{opslot::slot_allocator<void>(slot)});
    @endcode
*/
template<class T>
class slot_allocator
{
public:
    /// The type of the objects.
    using value_type = T;

    /// Makes an allocator on `slot`, which it refers to.
    explicit slot_allocator(slot_base& slot) noexcept
        : slot_(&slot)
    {}

    /// Makes an allocator on the same slot for another type.
    template<class U>
    slot_allocator(slot_allocator<U> const& other) noexcept
        : slot_(&other.slot())
    {}

    /** Lends out memory for `count` objects.

        Exception safety: strong; throws as slot_base::allocate().
    */
    [[nodiscard]] T* allocate(std::size_t count)
    {
        if (count > (std::numeric_limits<std::size_t>::max)() / sizeof(T))
            throw std::bad_array_new_length();
        return static_cast<T*>(slot_->allocate(count * sizeof(T), alignof(T)));
    }

    /// Takes back memory for `count` objects.
    void deallocate(T* memory, std::size_t count) noexcept
    {
        slot_->deallocate(memory, count * sizeof(T), alignof(T));
    }

    /// The slot in use.
    slot_base& slot() const noexcept { return *slot_; }

private:
    slot_base* slot_;
};

/// Whether two allocators use the same slot.
template<class T, class U>
bool operator==(
    slot_allocator<T> const& left, slot_allocator<U> const& right) noexcept
{
    return &left.slot() == &right.slot();
}

/// Whether two allocators use different slots.
template<class T, class U>
bool operator!=(
    slot_allocator<T> const& left, slot_allocator<U> const& right) noexcept
{
    return !(left == right);
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
