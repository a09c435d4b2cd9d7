// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/buffer_slab.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/core/bit.hpp>
#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

#include <algorithm>
#include <functional>
#include <limits>
#include <mutex>
#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace {

// In the list of free buffers: its end, and the mark of those not in it.
constexpr std::size_t end_of_list = static_cast<std::size_t>(-1);
constexpr std::size_t lent_out = static_cast<std::size_t>(-2);

// No heap has more, and libstdc++ (12) rounds a size near the maximum up to
// the alignment without looking.
constexpr std::size_t largest_object_bytes =
    static_cast<std::size_t>((std::numeric_limits<std::ptrdiff_t>::max)());

[[noreturn]] void fail(boost::system::error_code ec, char const* what)
{
    boost::throw_exception(
        boost::system::system_error(ec, what), BOOST_CURRENT_LOCATION);
}

std::size_t checked_stride(std::size_t buffer_size, std::size_t alignment)
{
    if (buffer_size == 0)
    {
        fail(
            boost::asio::error::invalid_argument,
            "opslot::buffer_slab: a buffer has no size");
    }
    if (!boost::core::has_single_bit(alignment))
    {
        fail(
            boost::asio::error::invalid_argument,
            "opslot::buffer_slab: the alignment is not a power of two");
    }
    if (buffer_size > largest_object_bytes - (alignment - 1))
    {
        boost::throw_exception(std::bad_alloc());
    }
    return (buffer_size + alignment - 1) / alignment * alignment;
}

std::unique_ptr<std::size_t[]> make_list(std::size_t count, std::size_t stride)
{
    if (count > largest_object_bytes / (std::max)(stride, sizeof(std::size_t)))
    {
        boost::throw_exception(std::bad_alloc());
    }
    std::unique_ptr<std::size_t[]> next(new std::size_t[count]);
    for (std::size_t i = 0; i != count; ++i)
    {
        next[i] = i + 1 == count ? end_of_list : i + 1;
    }
    return next;
}

} // namespace

buffer_slab::buffer_slab(
    std::size_t buffer_size, std::size_t count, std::size_t alignment)
    : buffer_size_(buffer_size)
    , count_(count)
    , alignment_(alignment)
    , stride_(checked_stride(buffer_size, alignment))
    , next_(make_list(count, stride_))
    , memory_(static_cast<char*>(
          ::operator new(stride_* count, std::align_val_t(alignment))))
    , first_free_(count == 0 ? end_of_list : 0)
{}

buffer_slab::~buffer_slab()
{
    ::operator delete(memory_, std::align_val_t(alignment_));
}

boost::asio::mutable_buffer buffer_slab::at(std::size_t index) const noexcept
{
    return {memory_ + index * stride_, buffer_size_};
}

boost::asio::mutable_buffer buffer_slab::try_acquire() noexcept
{
    std::lock_guard<detail::light_mutex> lock(mutex_);
    if (first_free_ == end_of_list)
    {
        ++statistics_.refusals;
        return {};
    }
    std::size_t const index = first_free_;
    first_free_ = next_[index];
    next_[index] = lent_out;
    statistics_.peak = (std::max)(statistics_.peak, ++statistics_.in_use);
    return at(index);
}

boost::asio::mutable_buffer buffer_slab::acquire()
{
    boost::asio::mutable_buffer const buffer = try_acquire();
    if (!buffer.data())
    {
        fail(
            boost::asio::error::no_buffer_space,
            "opslot::buffer_slab: no buffer is left");
    }
    return buffer;
}

void buffer_slab::release(
    boost::asio::mutable_buffer const& buffer,
    boost::system::error_code& ec) noexcept
{
    auto const* const begin = static_cast<char const*>(buffer.data());
    std::less<char const*> const before;
    if (before(begin, memory_) || !before(begin, memory_ + count_ * stride_) ||
        buffer.size() > buffer_size_)
    {
        ec = boost::asio::error::fault;
        return;
    }
    std::size_t const distance = static_cast<std::size_t>(begin - memory_);
    std::size_t const index = distance / stride_;
    if (distance % stride_ != 0)
    {
        ec = boost::asio::error::fault;
        return;
    }
    std::lock_guard<detail::light_mutex> lock(mutex_);
    if (next_[index] != lent_out)
    {
        ec = boost::asio::error::invalid_argument;
        return;
    }
    next_[index] = first_free_;
    first_free_ = index;
    --statistics_.in_use;
    ec.clear();
}

void buffer_slab::release(boost::asio::mutable_buffer const& buffer)
{
    boost::system::error_code ec;
    release(buffer, ec);
    if (ec == boost::asio::error::fault)
    {
        fail(ec, "opslot::buffer_slab: the buffer is not one of this slab");
    }
    if (ec)
    {
        fail(ec, "opslot::buffer_slab: the buffer is not lent out");
    }
}

boost::asio::mutable_buffer buffer_slab::operator[](std::size_t index) const
{
    if (index >= count_)
    {
        fail(error::out_of_range, "opslot::buffer_slab: no such buffer");
    }
    return at(index);
}

buffer_slab_statistics buffer_slab::statistics() const noexcept
{
    std::lock_guard<detail::light_mutex> lock(mutex_);
    return statistics_;
}

} // namespace OPSLOT_ABI
} // namespace opslot
