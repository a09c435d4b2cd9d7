#ifndef OPSLOT_ENGINE_SOCKET_SETTINGS_HPP
#define OPSLOT_ENGINE_SOCKET_SETTINGS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#include <cstddef>
#include <cstring>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** What was set of a socket, for the one that takes its place: the options,
    and the address that it was bound to.

    They are in one block of operation memory; where nothing was set there is
    none.
*/
class socket_settings
{
public:
    socket_settings() noexcept = default;
    socket_settings(socket_settings const&) = delete;
    socket_settings& operator=(socket_settings const&) = delete;

    ~socket_settings() { clear(); }

    /// Remembers an option, in place of the value it had. Returns false if
    /// there is no memory.
    bool
    set_option(int level, int name, void const* data, std::size_t size) noexcept
    {
        return set(level, name, data, size);
    }

    /// Remembers an address. Returns false if there is no memory.
    bool bind(int family, void const* address, std::size_t size) noexcept
    {
        forget_address();
        return set(address_level, family, address, size);
    }

    /// The socket is not bound any more.
    void forget_address() noexcept;

    /// The family of the address; 0: there is none.
    int bound_family() const noexcept;

    /// Takes what another socket has. Returns false, and changes nothing, if
    /// there is no memory.
    bool assign(socket_settings const& other) noexcept;

    void clear() noexcept;

    /// Calls `f(level, name, data, size)` for each option, in the order in
    /// which they were set last.
    template<typename Function>
    void for_each_option(Function f) const
    {
        for_each([&](entry const& e, char const* data) {
            if (e.level != address_level)
            {
                f(e.level, e.name, data, e.size);
            }
        });
    }

    /// Calls `f(data, size)` for the address, if there is one.
    template<typename Function>
    void with_address(Function f) const
    {
        for_each([&](entry const& e, char const* data) {
            if (e.level == address_level)
            {
                f(data, e.size);
            }
        });
    }

private:
    struct entry
    {
        int level;
        /// Of an address: its family.
        int name;
        std::size_t size;
    };

    /// No level of the system's.
    static constexpr int address_level = -0x6164;

    template<typename Function>
    void for_each(Function f) const
    {
        for (std::size_t at = 0; at != used_;)
        {
            entry e;
            std::memcpy(&e, block_ + at, sizeof(e));
            f(e, block_ + at + sizeof(e));
            at += sizeof(e) + e.size;
        }
    }

    bool set(int level, int name, void const* data, std::size_t size) noexcept;
    void remove(int level, int name) noexcept;
    bool reserve(std::size_t size) noexcept;

    char* block_ = nullptr;
    std::size_t used_ = 0;
    std::size_t capacity_ = 0;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
