#ifndef OPSLOT_DETAIL_OWNERSHIP_HPP
#define OPSLOT_DETAIL_OWNERSHIP_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    How a pending operation keeps a shared object alive.
*/

#include <opslot/config.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

template<typename T, typename = void>
struct is_shared_from_this : std::false_type
{};

template<typename T>
struct is_shared_from_this<
    T,
    std::void_t<decltype(std::declval<T&>().shared_from_this())>>
    : std::true_type
{};

template<typename T, typename = void>
struct is_counted : std::false_type
{};

template<typename T>
struct is_counted<
    T,
    std::void_t<decltype(intrusive_ptr_add_ref(std::declval<T*>()))>>
    : std::true_type
{};

/// One reference to a shared object of any kind, or none.
class held_reference
{
public:
    held_reference() noexcept = default;

    explicit held_reference(std::shared_ptr<void> p) noexcept
        : shared_(std::move(p))
    {}

    held_reference(void* counted, void (*release)(void*) noexcept) noexcept
        : counted_(counted)
        , release_(release)
    {}

    held_reference(held_reference&& other) noexcept
        : shared_(std::move(other.shared_))
        , counted_(std::exchange(other.counted_, nullptr))
        , release_(other.release_)
    {}

    held_reference& operator=(held_reference&& other) noexcept
    {
        held_reference moved(std::move(other));
        std::swap(shared_, moved.shared_);
        std::swap(counted_, moved.counted_);
        std::swap(release_, moved.release_);
        return *this;
    }

    ~held_reference()
    {
        if (counted_)
        {
            release_(counted_);
        }
    }

    explicit operator bool() const noexcept { return shared_ || counted_; }

    /// Makes an empty reference one to the object of another. Returns false
    /// if that is none that is owned by a `std::shared_ptr`.
    bool copy(held_reference const& other) noexcept
    {
        shared_ = other.shared_;
        return shared_ != nullptr;
    }

private:
    std::shared_ptr<void> shared_;
    void* counted_ = nullptr;
    void (*release_)(void*) noexcept = nullptr;
};

/// The address of an object, and how to take references to it.
class owner_reference
{
public:
    owner_reference() noexcept = default;

    template<typename Object>
    explicit owner_reference(Object& object) noexcept
        : object_(std::addressof(object))
        , functions_(&functions_for<Object>)
    {}

    explicit operator bool() const noexcept { return object_ != nullptr; }

    /// True if a pointer owns the object, as far as that can be known.
    bool is_owned() const noexcept { return functions_->owned(object_); }

    /// Takes a reference; an empty one if the object is being destroyed.
    held_reference hold() const noexcept { return functions_->hold(object_); }

private:
    struct functions
    {
        bool (*owned)(void*) noexcept;
        held_reference (*hold)(void*) noexcept;
    };

    template<typename Object>
    static bool owned(void* p) noexcept
    {
        if constexpr (is_shared_from_this<Object>::value)
        {
            return !static_cast<Object*>(p)->weak_from_this().expired();
        }
        else
        {
            return true;
        }
    }

    template<typename Object>
    static held_reference hold_object(void* p) noexcept
    {
        Object* const object = static_cast<Object*>(p);
        if constexpr (is_shared_from_this<Object>::value)
        {
            try
            {
                return held_reference(object->shared_from_this());
            }
            catch (std::bad_weak_ptr const&)
            {
                return held_reference();
            }
        }
        else
        {
            intrusive_ptr_add_ref(object);
            return held_reference(object, [](void* q) noexcept {
                intrusive_ptr_release(static_cast<Object*>(q));
            });
        }
    }

    template<typename Object>
    static constexpr functions functions_for{
        &owner_reference::owned<Object>, &owner_reference::hold_object<Object>};

    void* object_ = nullptr;
    functions const* functions_ = nullptr;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
