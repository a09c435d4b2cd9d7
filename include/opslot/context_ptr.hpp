#ifndef OPSLOT_CONTEXT_PTR_HPP
#define OPSLOT_CONTEXT_PTR_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Contexts that are owned by reference count.
*/

#include <opslot/operation_context.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {

/** A counted reference to a context.

    It comes from @ref make_context or a @ref context_pool. A pending
    operation has a reference of its own, from the start that reported
    *pending* until its handler has returned, so the application may drop
    the last of its references right after a start. When the last reference
    goes, the context is destroyed or returns to its pool.

    A context that is a member or a variable must not be given to one.

    @par Thread safety
    Distinct objects: safe, also those that refer to the same context.
    Shared objects: unsafe.
*/
template<typename T>
using context_ptr = boost::intrusive_ptr<T>;

namespace detail {

template<typename T>
void destroy_made_context(operation_context* c) noexcept
{
    T* const context = static_cast<T*>(c);
    context->~T();
    operation_memory::process().deallocate(context, sizeof(T), alignof(T));
}

} // namespace detail

/** Makes a context that is owned by reference count.

    @tparam T A context, or a class derived from one.

    @param arguments Go to the constructor of `T`, which must not start an
    operation on the new context.

    @par Exception safety
    Strong; throws `std::bad_alloc` and what the constructor throws.

    @par Cost
    A block of the process's operation memory, which is kept for later
    contexts when this one is gone.

    @par Example
    @snippet test/operations/context_ptr.cpp make_context
*/
template<typename T, typename... Arguments>
[[nodiscard]] context_ptr<T> make_context(Arguments&&... arguments)
{
    static_assert(
        std::is_convertible_v<T*, operation_context*>,
        "make_context makes types that are derived from operation_context");

    struct memory_guard
    {
        void* block;

        ~memory_guard()
        {
            if (block)
            {
                operation_memory::process().deallocate(
                    block, sizeof(T), alignof(T));
            }
        }
    } memory{operation_memory::process().allocate(sizeof(T), alignof(T))};

    T* const context =
        ::new (memory.block) T(std::forward<Arguments>(arguments)...);
    memory.block = nullptr;
    detail::context_access::own(*context, &detail::destroy_made_context<T>);
    return context_ptr<T>(context);
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
