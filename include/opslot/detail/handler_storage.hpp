#ifndef OPSLOT_DETAIL_HANDLER_STORAGE_HPP
#define OPSLOT_DETAIL_HANDLER_STORAGE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The handler that a context keeps for all of its operations.
*/

#include <opslot/detail/ownership.hpp>
#include <opslot/operation_memory.hpp>

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

    /// Calls the function object, if there is one. It may destroy this
    /// storage.
    void invoke(void* base)
    {
        if (functions_)
        {
            invocation const call(*this);
            functions_->invoke(object_, base);
        }
    }

    /// The same, and calls `after` when the function object has returned or
    /// thrown, unless it has destroyed this storage.
    template<typename After>
    void invoke(void* base, After after)
    {
        if (!functions_)
        {
            after();
            return;
        }
        invocation const call(*this);

        struct on_return
        {
            invocation const& call;
            After& after;

            ~on_return()
            {
                if (call.storage())
                {
                    after();
                }
            }
        } const guard{call, after};

        functions_->invoke(object_, base);
    }

    /// Keeps a reference until the innermost call has returned.
    void keep_until_return(held_reference reference);

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

    /** A call of a stored function object, on the stack of its thread.

        The storage may be gone, or busy on another thread, when the function
        object returns. It is the storage that looks for the calls of its
        thread, and tells them when it goes.
    */
    class invocation
    {
    public:
        explicit invocation(handler_storage& s) noexcept
            : outer_(std::exchange(innermost_, this))
            , storage_(&s)
            , object_(s.object_)
        {}

        ~invocation()
        {
            innermost_ = outer_;
            if (retired_)
            {
                destroy_retired();
            }
        }

        invocation(invocation const&) = delete;
        invocation& operator=(invocation const&) = delete;

        handler_storage* storage() const noexcept { return storage_; }

        /// The outermost call of this object in this thread, or null.
        static invocation* find(void const* object) noexcept;

        /// Destroys the function object when the call has ended.
        void retire(functions const* f, bool is_inside) noexcept;

        /// The innermost call of this storage in this thread, or null.
        static invocation* find(handler_storage const& s) noexcept;

        void keep(held_reference reference)
        {
            kept_ = std::make_unique<held_reference>(std::move(reference));
        }

        /// A storage goes, and with it the function objects that were
        /// retired inside of it.
        static void evict(handler_storage const& s) noexcept;

    private:
        void destroy_retired() noexcept;

        static inline thread_local invocation* innermost_ = nullptr;

        invocation* outer_;
        handler_storage* storage_;
        void* object_;
        functions const* retired_ = nullptr;
        std::unique_ptr<held_reference> kept_;
        bool is_inside_ = false;
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

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
