#ifndef OPSLOT_DETAIL_HANDLER_STORAGE_HPP
#define OPSLOT_DETAIL_HANDLER_STORAGE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The handler that a context keeps for all of its operations.
*/

#include <opslot/detail/ownership.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/config.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** Keeps one function object and calls it.

    Objects of up to four pointers whose move does not throw are kept
    inside; larger ones in operation memory. A function object may replace
    itself while it is called: it is destroyed after it has returned.
*/
class handler_storage
{
public:
    static constexpr std::size_t inline_size = 4 * sizeof(void*);

    handler_storage() noexcept = default;
    handler_storage(handler_storage const&) = delete;
    handler_storage& operator=(handler_storage const&) = delete;
    ~handler_storage();

    explicit operator bool() const noexcept { return functions_ != nullptr; }

    /// Replaces the function object by one that is called with the
    /// `Context` whose base subobject `Base` is given to `invoke`.
    template<typename Base, typename Context, typename Handler>
    void store(Handler&& handler)
    {
        using type = std::decay_t<Handler>;
        constexpr functions const* f = &functions_for<Base, Context, type>;
        if constexpr (
            sizeof(type) <= inline_size &&
            alignof(type) <= alignof(std::max_align_t) &&
            std::is_nothrow_move_constructible_v<type>)
        {
            // The object that is inside may be the one that is running.
            if (!is_running(&inline_))
            {
                type copy(std::forward<Handler>(handler));
                clear();
                object_ =
                    ::new (static_cast<void*>(&inline_)) type(std::move(copy));
                functions_ = f;
                return;
            }
        }
        void* const block = make_outside<type>(std::forward<Handler>(handler));
        clear();
        object_ = block;
        functions_ = f;
    }

    class call;

    /// Calls the function object, if there is one. It may destroy this
    /// storage.
    void invoke(void* base);

    /// The function object, which is of this type.
    template<typename Handler>
    Handler& get() const noexcept
    {
        return *static_cast<Handler*>(object_);
    }

    /// The owner changes: starts do not use what a call was lent any more,
    /// and `held` is kept until the innermost call has returned.
    void change_owner(held_reference&& held) noexcept;

    /// Destroys the function object, if it is being called in this thread
    /// and is not kept inside: after it has returned.
    void clear() noexcept;

private:
    struct functions
    {
        void (*invoke)(void* object, void* base);
        void (*destroy)(void* object) noexcept;
        std::size_t size;
        std::size_t alignment;
    };

    template<typename Type, typename Handler>
    static void* make_outside(Handler&& handler)
    {
        operation_memory& memory = operation_memory::process();
        void* const block = memory.allocate(sizeof(Type), alignof(Type));
        try
        {
            return ::new (block) Type(std::forward<Handler>(handler));
        }
        catch (...)
        {
            memory.deallocate(block, sizeof(Type), alignof(Type));
            throw;
        }
    }

    template<typename Base, typename Context, typename Handler>
    static constexpr functions functions_for{
        [](void* object, void* base) {
            (*static_cast<Handler*>(object))(
                *static_cast<Context*>(static_cast<Base*>(base)));
        },
        [](void* object) noexcept {
            static_cast<Handler*>(object)->~Handler();
        },
        sizeof(Handler),
        alignof(Handler)};

    /// True if this thread is inside of a call of this object, which may
    /// have replaced itself meanwhile.
    static bool is_running(void const* object) noexcept;

    functions const* functions_ = nullptr;
    void* object_ = nullptr;
    alignas(std::max_align_t) unsigned char inline_[inline_size];
};

/** A call of a stored function object, on the stack of its thread.

    The storage may be gone, or busy on another thread, when the function
    object returns. It is the storage that looks for the calls of its
    thread, and tells them when it goes.
*/
class handler_storage::call
{
public:
    /// @param lent The reference that keeps the owner of the storage alive
    /// during the call, if there is one.
    explicit call(
        handler_storage& s, held_reference const* lent = nullptr) noexcept
        : outer_(std::exchange(innermost_, this))
        , storage_(&s)
        , object_(s.object_)
        , lent_(lent)
    {}

    BOOST_FORCEINLINE ~call()
    {
        innermost_ = outer_;
        if (BOOST_UNLIKELY(has_aftermath_))
        {
            end();
        }
    }

    call(call const&) = delete;
    call& operator=(call const&) = delete;

    /// True unless the storage has gone.
    bool has_storage() const noexcept { return storage_ != nullptr; }

    /// What the call of this storage in this thread was lent, if it is the
    /// innermost one.
    static held_reference const* lent_to(handler_storage const& s) noexcept
    {
        return innermost_ && innermost_->storage_ == &s ? innermost_->lent_
                                                        : nullptr;
    }

private:
    friend class handler_storage;

    /// The outermost call of this object in this thread, or null.
    static call* find(void const* object) noexcept;

    /// The innermost call of this storage in this thread, or null.
    static call* find(handler_storage const& s) noexcept;

    /// Destroys the function object when the call has ended.
    void retire(functions const* f, bool is_inside) noexcept;

    /// Keeps a reference until the call has ended.
    void keep(held_reference&& reference) noexcept;

    /// A storage goes, and with it the function objects that were retired
    /// inside of it.
    static void evict(handler_storage const& s) noexcept;

    void begin_aftermath() noexcept;
    void end() noexcept;

    static inline thread_local call* innermost_ = nullptr;

    call* outer_;
    handler_storage* storage_;
    void* object_;
    held_reference const* lent_;
    /// One of those below has a value.
    bool has_aftermath_ = false;
    bool has_retired_;
    bool keeps_;
    bool is_inside_;
    functions const* retired_;

    union
    {
        held_reference kept_;
    };
};

inline void handler_storage::invoke(void* base)
{
    if (functions_)
    {
        call const running(*this);
        functions_->invoke(object_, base);
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
