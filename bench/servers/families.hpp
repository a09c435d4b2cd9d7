#ifndef OPSLOT_BENCH_SERVERS_FAMILIES_HPP
#define OPSLOT_BENCH_SERVERS_FAMILIES_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The I/O objects that the same program is written for: Asio's with either
    executor, the slotted ones, and those of contexts, which have Asio's forms.
*/

#include <opslot/slotted_tcp.hpp>
#include <opslot/slotted_timer.hpp>
#include <opslot/slotted_udp.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <chrono>

namespace bench {

template<typename Executor>
struct asio_family
{
    using acceptor =
        boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
    using stream =
        boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
    using datagram =
        boost::asio::basic_datagram_socket<boost::asio::ip::udp, Executor>;
    using timer = boost::asio::basic_waitable_timer<
        std::chrono::steady_clock,
        boost::asio::wait_traits<std::chrono::steady_clock>,
        Executor>;
};

using asio_any = asio_family<boost::asio::any_io_executor>;
using asio_concrete = asio_family<boost::asio::io_context::executor_type>;

struct slotted
{
    using acceptor = opslot::slotted_tcp::acceptor;
    using stream = opslot::slotted_tcp::socket;
    using datagram = opslot::slotted_udp::socket;
    using timer = opslot::slotted_steady_timer;
};

/// By Asio's forms; servers/opslot.cpp has those of contexts.
struct opslot_token
{
    using acceptor = opslot::tcp::acceptor;
    using stream = opslot::tcp::socket;
};

} // namespace bench

#endif
