// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/accept_composition.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

accept_composition::accept_composition(
    engine& e,
    operation& whole,
    engine& peer_engine,
    boost::asio::mutable_buffer buffer,
    std::chrono::steady_clock::duration patience) noexcept
    : composition(e, whole)
    , accept_(*this)
    , receive_(*this)
{
    peer_.emplace(engine_ptr(&peer_engine), nullptr, socket_role::stream);
    request_.peer_engine = &peer_engine;
    request_.address = address_.data();
    request_.address_capacity = address_.capacity();
    data_.one = buffer;
    data_.buffers = &data_.one;
    data_.count = 1;
    data_.is_plain = true;
    receive_.timeout = patience;
}

accept_composition::~accept_composition()
{
    drop_peer();
}

start_result
accept_composition::start(socket_handle& acceptor, operation& whole) noexcept
{
    // The operation may end, and its context go, before this returns.
    composition_ptr const self(this);
    std::lock_guard<light_mutex> const lock(mutex_);
    if (acceptor.start_composed(whole, nullptr) == completed)
    {
        return completed;
    }
    if (start_step(
            accept_,
            operation_kind::accept,
            &request_,
            acceptor,
            &socket_handle::start_accept) == completed)
    {
        accepted();
    }
    return pending;
}

/// The accept has its result.
void accept_composition::accepted() noexcept
{
    if (accept_.error)
    {
        finish(accept_.error, 0);
        return;
    }
    boost::system::error_code ec;
    peer_->adopt(std::exchange(request_.peer, nullptr), ec);
    if (start_step(
            receive_,
            operation_kind::receive,
            &data_,
            *peer_,
            &socket_handle::start_receive) == completed)
    {
        received();
    }
}

/// The receive has its result.
void accept_composition::received() noexcept
{
    // Silence, and the end of the stream, are not the accept's matter.
    bool const is_good = !receive_.error || receive_.error == error::timeout ||
                         receive_.error == boost::asio::error::eof;
    has_result_ = is_good;
    finish(
        is_good ? boost::system::error_code() : receive_.error,
        receive_.bytes_transferred);
}

void accept_composition::on_step(step& s) noexcept
{
    if (is_over())
    {
        if (&s == &accept_)
        {
            drop_peer();
        }
    }
    else if (&s == &accept_)
    {
        accepted();
    }
    else
    {
        received();
    }
}

void accept_composition::end_steps() noexcept
{
    detail::cancel(accept_);
    // An accept that is pending still may just have got a connection, which
    // is seen when it is delivered.
    if (!has_result_ && !accept_.is_under_way())
    {
        drop_peer();
    }
}

/// Closes a connection that nobody gets, which ends the receive.
void accept_composition::drop_peer() noexcept
{
    if (request_.peer)
    {
        discard(std::exchange(request_.peer, nullptr));
    }
    boost::system::error_code ignored;
    peer_->close(ignored);
}

void accept_composition::give_result(accept_request& request) noexcept
{
    std::lock_guard<light_mutex> const lock(mutex_);
    if (!has_result_)
    {
        return;
    }
    request.peer = peer_->detach();
    request.address_size = request_.address_size;
    std::memcpy(
        request.address,
        address_.data(),
        std::min(request.address_capacity, request_.address_size));
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
