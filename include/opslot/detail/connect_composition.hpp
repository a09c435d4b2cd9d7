#ifndef OPSLOT_DETAIL_CONNECT_COMPOSITION_HPP
#define OPSLOT_DETAIL_CONNECT_COMPOSITION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    A connect of several steps: a name is resolved, its addresses are tried,
    the first data are sent.
*/

#include <opslot/detail/composition.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

using connect_endpoint = boost::asio::generic::stream_protocol::endpoint;
using connect_endpoints =
    std::vector<connect_endpoint, operation_memory_allocator<connect_endpoint>>;

inline connect_endpoints no_endpoints() noexcept
{
    return connect_endpoints(operation_memory_allocator<connect_endpoint>(
        operation_memory::process()));
}

/// What a connect of several steps is to do.
struct connect_plan
{
    /// To be tried in this order, unless there is a name.
    connect_endpoints endpoints = no_endpoints();
    std::string host;
    std::string service;
    /// Sent when a connection is there.
    boost::asio::const_buffer data;
    std::chrono::steady_clock::duration head_start =
        std::chrono::milliseconds(250);
    bool is_parallel = false;
    bool uses_fast_open = false;

    bool has_name() const noexcept { return !host.empty(); }
};

/** The steps of a connect.

    @verbatim
      resolve --> attempts: connect --failed--> the next address
        a name       ^        |                     |
                     |        v                     | none left
          head start |      send --------.          v
          is over    '        |          |        finish with
                              v          v        the last error
                     confirm, if it  finish, with the socket
                     was a fast open
    @endverbatim

    Each attempt has a socket of its own, the first of the right family the
    one that the user has opened. The one that succeeds is given to the
    user's socket, the others are closed.
*/
class connect_composition final : public composition
{
public:
    /// @param plan Must stay as it is until the operation is over.
    connect_composition(
        engine& e,
        operation& whole,
        boost::asio::any_io_executor const& executor,
        connect_plan const& plan);

    /// Starts the operation on the user's socket.
    start_result start(socket_handle& socket, operation& whole) noexcept;

    // The result, once it is over.

    connect_endpoint const& peer() const noexcept { return peer_; }

    /// How many bytes were sent.
    std::size_t sent() const noexcept { return sent_; }

private:
    struct attempt;
    class resolve_handler;

    using attempt_hook = boost::intrusive::list_base_hook<
        boost::intrusive::tag<struct attempt_tag>,
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    using attempt_list = boost::intrusive::list<
        attempt,
        boost::intrusive::base_hook<attempt_hook>,
        boost::intrusive::constant_time_size<false>>;

    ~connect_composition() override;

    void on_step(step& s) noexcept override;
    void end_steps() noexcept override;

    void begin() noexcept;
    void resolve();
    void resolved(
        boost::system::error_code const& ec,
        boost::asio::ip::tcp::resolver::results_type const& results) noexcept;
    void
    take_results(boost::asio::ip::tcp::resolver::results_type const& results);
    void interleave_families();

    void go_on() noexcept;
    attempt* next_attempt() noexcept;
    bool prepare(attempt& a) noexcept;
    bool advance(attempt& a) noexcept;
    bool is_connected(attempt& a) noexcept;
    start_result send(attempt& a) noexcept;
    void choose(attempt& a) noexcept;
    bool fail(attempt& a, boost::system::error_code const& ec) noexcept;
    void wait_before_next() noexcept;
    void pause(std::chrono::steady_clock::duration duration) noexcept;
    void paused() noexcept;
    void drop(attempt& a) noexcept;
    void end_others(attempt const* chosen) noexcept;

    boost::asio::any_io_executor executor_;
    connect_plan const& plan_;
    /// The user's native socket, until an attempt takes it, and what was set
    /// of it.
    socket_handle original_;
    int bound_family_ = 0;
    attempt_list attempts_;
    /// The addresses of a name.
    connect_endpoints addresses_ = no_endpoints();
    connect_endpoints const* candidates_;
    std::size_t next_ = 0;
    boost::system::error_code last_error_;

    /// One attempt is connected, and may send.
    bool is_chosen_ = false;

    /// Waits for the head start of an attempt before the next.
    socket_handle clock_;
    step pause_;
    std::chrono::steady_clock::time_point latest_start_;

    /// Belongs to the handler of the resolver, and goes with it.
    std::weak_ptr<boost::asio::ip::tcp::resolver> resolver_;

    connect_endpoint peer_;
    std::size_t sent_ = 0;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
