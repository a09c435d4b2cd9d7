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

void handler_storage::call::begin_aftermath() noexcept
{
    if (!has_aftermath_)
    {
        has_aftermath_ = true;
        has_retired_ = false;
        keeps_ = false;
    }
}

void handler_storage::call::end() noexcept
{
    if (has_retired_)
    {
        destroy(
            retired_->destroy,
            object_,
            retired_->size,
            retired_->alignment,
            is_inside_);
    }
    if (keeps_)
    {
        kept_.~held_reference();
    }
}

handler_storage::call* handler_storage::call::find(void const* object) noexcept
{
    call* outermost = nullptr;
    for (call* c = innermost_; c; c = c->outer_)
    {
        if (c->object_ == object)
        {
            outermost = c;
        }
    }
    return outermost;
}

handler_storage::call*
handler_storage::call::find(handler_storage const& s) noexcept
{
    call* c = innermost_;
    while (c && c->storage_ != &s)
    {
        c = c->outer_;
    }
    return c;
}

void handler_storage::call::retire(functions const* f, bool is_inside) noexcept
{
    begin_aftermath();
    has_retired_ = true;
    retired_ = f;
    is_inside_ = is_inside;
}

void handler_storage::call::keep(held_reference&& reference) noexcept
{
    begin_aftermath();
    if (!keeps_)
    {
        keeps_ = true;
        ::new (static_cast<void*>(&kept_)) held_reference(std::move(reference));
    }
}

void handler_storage::call::evict(handler_storage const& s) noexcept
{
    for (call* c = innermost_; c; c = c->outer_)
    {
        if (c->storage_ == &s)
        {
            c->storage_ = nullptr;
            if (c->has_aftermath_ && c->has_retired_ && c->is_inside_)
            {
                c->has_retired_ = false;
                c->retired_->destroy(c->object_);
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
    call::evict(*this);
}

void handler_storage::change_owner(held_reference&& held) noexcept
{
    if (call* const running = call::find(*this))
    {
        running->lent_ = nullptr;
        if (held)
        {
            running->keep(std::move(held));
        }
    }
}

bool handler_storage::is_running(void const* object) noexcept
{
    return call::find(object) != nullptr;
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
    if (call* const running = call::find(object))
    {
        running->retire(f, is_inside);
    }
    else
    {
        destroy(f->destroy, object, f->size, f->alignment, is_inside);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
