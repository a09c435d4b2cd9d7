// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/handler_storage.hpp>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

void destroy(
    void (*destructor)(void*) noexcept,
    void* object,
    std::size_t size,
    std::size_t alignment,
    bool is_inside) noexcept
{
    destructor(object);
    if (!is_inside)
    {
        operation_memory::process().deallocate(object, size, alignment);
    }
}

} // namespace

void handler_storage::invocation::destroy_retired() noexcept
{
    destroy(
        retired_->destroy,
        object_,
        retired_->size,
        retired_->alignment,
        is_inside_);
}

handler_storage::invocation*
handler_storage::invocation::find(void const* object) noexcept
{
    invocation* outermost = nullptr;
    for (invocation* i = innermost_; i; i = i->outer_)
    {
        if (i->object_ == object)
        {
            outermost = i;
        }
    }
    return outermost;
}

handler_storage::invocation*
handler_storage::invocation::find(handler_storage const& s) noexcept
{
    invocation* i = innermost_;
    while (i && i->storage_ != &s)
    {
        i = i->outer_;
    }
    return i;
}

void handler_storage::invocation::retire(
    functions const* f, bool is_inside) noexcept
{
    retired_ = f;
    is_inside_ = is_inside;
}

void handler_storage::invocation::evict(handler_storage const& s) noexcept
{
    for (invocation* i = innermost_; i; i = i->outer_)
    {
        if (i->storage_ == &s)
        {
            i->storage_ = nullptr;
            if (i->retired_ && i->is_inside_)
            {
                std::exchange(i->retired_, nullptr)->destroy(i->object_);
            }
        }
    }
}

handler_storage::~handler_storage()
{
    // A handler kept inside of a context that it destroys is destroyed
    // under its own feet, as an object that says `delete this`.
    if (object_ == &inline_)
    {
        std::exchange(functions_, nullptr)->destroy(object_);
    }
    else
    {
        clear();
    }
    invocation::evict(*this);
}

void handler_storage::keep_until_return(held_reference reference)
{
    if (invocation* const call = invocation::find(*this))
    {
        call->keep(std::move(reference));
    }
}

bool handler_storage::is_running(void const* object) noexcept
{
    return invocation::find(object) != nullptr;
}

void handler_storage::clear() noexcept
{
    if (!functions_)
    {
        return;
    }
    functions const* const f = std::exchange(functions_, nullptr);
    void* const object = std::exchange(object_, nullptr);
    bool const is_inside = object == &inline_;
    if (invocation* const call = invocation::find(object))
    {
        call->retire(f, is_inside);
    }
    else
    {
        destroy(f->destroy, object, f->size, f->alignment, is_inside);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
