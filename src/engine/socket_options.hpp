#ifndef OPSLOT_ENGINE_SOCKET_OPTIONS_HPP
#define OPSLOT_ENGINE_SOCKET_OPTIONS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#include <cstddef>
#include <cstring>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** The options that were set on a socket, for the one that takes its place.

    They are in one block of operation memory; without options there is none.
*/
class socket_options
{
public:
    socket_options() noexcept = default;
    socket_options(socket_options const&) = delete;
    socket_options& operator=(socket_options const&) = delete;

    ~socket_options() { clear(); }

    /// Remembers an option, in place of the value it had. Returns false if
    /// there is no memory.
    bool set(int level, int name, void const* data, std::size_t size) noexcept;

    void clear() noexcept;

    /// Calls `f(level, name, data, size)` for each, in the order in which they
    /// were set last.
    template<typename Function>
    void for_each(Function f) const
    {
        for (std::size_t at = 0; at != used_;)
        {
            entry e;
            std::memcpy(&e, block_ + at, sizeof(e));
            f(e.level, e.name, block_ + at + sizeof(e), e.size);
            at += sizeof(e) + e.size;
        }
    }

private:
    struct entry
    {
        int level;
        int name;
        std::size_t size;
    };

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
