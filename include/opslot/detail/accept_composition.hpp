#ifndef OPSLOT_DETAIL_ACCEPT_COMPOSITION_HPP
#define OPSLOT_DETAIL_ACCEPT_COMPOSITION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    An accept that receives the first data as well.
*/

#include <opslot/detail/composition.hpp>
#include <opslot/detail/engine.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <chrono>
#include <cstddef>
#include <optional>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

/** Accepts a connection, and then receives from it for a limited time.

    The acceptor is free for other accepts as soon as the connection is there.
*/
class accept_composition final : public composition
{
public:
    accept_composition(
        engine& e,
        operation& whole,
        engine& peer_engine,
        boost::asio::mutable_buffer buffer,
        std::chrono::steady_clock::duration patience) noexcept;

    /// Starts the operation on the acceptor.
    start_result start(socket_handle& acceptor, operation& whole) noexcept;

    /// Puts the connection, if there is one, into the request of the
    /// context; once, when it is over.
    void give_result(accept_request& request) noexcept;

private:
    ~accept_composition() override;

    void on_step(step& s) noexcept override;
    void end_steps() noexcept override;

    void accepted() noexcept;
    void received() noexcept;
    void drop_peer() noexcept;

    step accept_;
    accept_request request_;
    boost::asio::generic::stream_protocol::endpoint address_;
    step receive_;
    transfer_request data_;
    /// The connection, while it is received from, and until it is given.
    std::optional<socket_handle> peer_;
    bool has_result_ = false;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
