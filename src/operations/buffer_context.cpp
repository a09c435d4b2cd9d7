// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/buffer_context.hpp>
#include <opslot/operation_memory.hpp>

#include <new>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace {

boost::asio::mutable_buffer writable(boost::asio::const_buffer b) noexcept
{
    return {const_cast<void*>(b.data()), b.size()};
}

} // namespace

buffer_context::~buffer_context()
{
    release();
    if (list_)
    {
        operation_memory::process().deallocate(
            list_, list_capacity_ * sizeof(*list_), alignof(void*));
    }
}

void buffer_context::buffer(
    boost::asio::mutable_buffer b, std::size_t offset, std::size_t count)
{
    set_part(b, offset, count, buffers::one);
}

void buffer_context::buffer(
    boost::asio::const_buffer b, std::size_t offset, std::size_t count)
{
    set_part(writable(b), offset, count, buffers::one_read_only);
}

void buffer_context::set_part(
    boost::asio::mutable_buffer whole,
    std::size_t offset,
    std::size_t count,
    buffers set_as)
{
    check_idle();
    if (is_list(buffers_))
    {
        detail::throw_if(error::buffer_and_list);
    }
    if (offset > whole.size() || count > whole.size() - offset)
    {
        detail::throw_if(error::out_of_range);
    }
    set({static_cast<char*>(whole.data()) + offset, count},
        offset,
        whole.size(),
        set_as);
}

/// Makes the request one of another kind of buffers.
void buffer_context::change_buffers(buffers set_as)
{
    check_idle();
    if (buffers_ != buffers::none && is_list(set_as) != is_list(buffers_))
    {
        detail::throw_if(error::buffer_and_list);
    }
    buffers_ = set_as;
    if (!is_list(set_as))
    {
        transfer_.buffers = &transfer_.one;
        transfer_.count = 1;
        transfer_.is_plain = transfer_.flags == 0;
    }
}

void buffer_context::slice(std::size_t offset, std::size_t count)
{
    check_idle();
    if (buffers_ == buffers::none || is_list(buffers_))
    {
        detail::throw_if(error::no_buffer);
    }
    set_part(
        {static_cast<char*>(transfer_.one.data()) - lead_, whole_size_},
        offset,
        count,
        buffers_);
}

boost::asio::mutable_buffer*
buffer_context::new_list(std::size_t count, bool is_writable)
{
    buffers const set_as =
        is_writable ? buffers::list : buffers::list_read_only;
    check_idle();
    if (buffers_ != buffers::none && !is_list(buffers_))
    {
        detail::throw_if(error::buffer_and_list);
    }
    if (count > list_capacity_)
    {
        operation_memory& memory = operation_memory::process();
        void* const block =
            memory.allocate(count * sizeof(*list_), alignof(void*));
        if (list_)
        {
            memory.deallocate(
                list_, list_capacity_ * sizeof(*list_), alignof(void*));
        }
        list_ = static_cast<boost::asio::mutable_buffer*>(block);
        list_capacity_ = count;
    }
    for (std::size_t i = 0; i != count; ++i)
    {
        ::new (static_cast<void*>(list_ + i)) boost::asio::mutable_buffer();
    }
    list_size_ = count;
    buffers_ = set_as;
    return list_;
}

void buffer_context::list_is_complete() noexcept
{
    transfer_.buffers = list_;
    transfer_.count = list_size_;
    transfer_.is_plain = false;
    transfer_.list_total = 0;
    for (std::size_t i = 0; i != list_size_; ++i)
    {
        transfer_.list_total += list_[i].size();
    }
}

void buffer_context::clear_buffers()
{
    check_idle();
    buffers_ = buffers::none;
    transfer_.one = {};
    lead_ = 0;
    whole_size_ = 0;
    list_size_ = 0;
}

void buffer_context::message_flags(
    boost::asio::socket_base::message_flags flags)
{
    check_idle();
    transfer_.flags = flags;
    transfer_.is_plain = transfer_.buffers == &transfer_.one && flags == 0;
}

} // namespace OPSLOT_ABI
} // namespace opslot
