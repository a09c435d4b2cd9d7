// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/error.hpp>
#include <opslot/open_file.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/error.hpp>

#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

shared_file_ptr shared_file::make(native_file file)
{
    try
    {
        void* const block = operation_memory::process().allocate(
            sizeof(shared_file), alignof(shared_file));
        return shared_file_ptr(::new (block) shared_file(file));
    }
    catch (std::bad_alloc const&)
    {
        close_native_file(file);
        throw;
    }
}

void shared_file::retire() noexcept
{
    close_native_file(file_);
    this->~shared_file();
    operation_memory::process().deallocate(
        this, sizeof(shared_file), alignof(shared_file));
}

} // namespace detail

open_file::open_file(std::filesystem::path const& path)
{
    boost::system::error_code ec;
    *this = open_file(path, ec);
    detail::throw_if(ec);
}

open_file::open_file(
    std::filesystem::path const& path, boost::system::error_code& ec)
{
    detail::native_file const file = detail::open_native_file(path.c_str(), ec);
    if (ec)
    {
        return;
    }
    detail::size_of_native_file(file, ec);
    if (ec)
    {
        detail::close_native_file(file);
        return;
    }
    file_ = detail::shared_file::make(file);
}

std::uint64_t open_file::size() const
{
    boost::system::error_code ec;
    std::uint64_t const n = size(ec);
    detail::throw_if(ec);
    return n;
}

std::uint64_t open_file::size(boost::system::error_code& ec) const noexcept
{
    if (!file_)
    {
        ec = boost::asio::error::bad_descriptor;
        return 0;
    }
    return detail::size_of_native_file(file_->native_handle(), ec);
}

} // namespace OPSLOT_ABI
} // namespace opslot
