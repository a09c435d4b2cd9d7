#ifndef OPSLOT_TEST_CONTRACT_STREAMS_HPP
#define OPSLOT_TEST_CONTRACT_STREAMS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/local.hpp>
#include <opslot/stream_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <sys/mman.h>
#endif

#include "support/open_descriptors.hpp"
#include "support/peer.hpp"
#include "support/run.hpp"

namespace contract {

#if !defined(_WIN32)
/// A connected local socket, its peer, and the context they need.
struct local_connection
{
    support::descriptor_check leaks;
    boost::asio::io_context io;
    opslot::local::stream_protocol::socket socket{io};
    support::peer other = support::connect_local(socket);
};
#endif

/// Receives until there are `n` bytes or an error, the first time with an
/// operation that is under way.
template<typename Connection>
std::string receive(
    Connection& c,
    support::counted<opslot::stream_context>& rx,
    std::size_t n,
    opslot::start_result started,
    char const* storage)
{
    std::string data;
    for (;;)
    {
        support::finish(c.io, rx, started);
        data.append(storage, rx.bytes_transferred());
        if (rx.error() || data.size() >= n)
        {
            return data;
        }
        started = c.socket.start_receive(rx);
    }
}

/// Receives until there are `n` bytes or an error.
template<typename Connection>
std::string receive(
    Connection& c, support::counted<opslot::stream_context>& rx, std::size_t n)
{
    std::array<char, 4096> storage;
    rx.buffer(boost::asio::buffer(storage));
    auto const started = c.socket.start_receive(rx);
    std::string data = receive(c, rx, n, started, storage.data());
    rx.clear_buffers();
    return data;
}

/// A const buffer of each of these sizes, one behind the other.
inline std::vector<boost::asio::const_buffer>
cut(std::string const& data, std::vector<std::size_t> const& sizes)
{
    std::vector<boost::asio::const_buffer> list;
    std::size_t offset = 0;
    for (std::size_t const size : sizes)
    {
        list.emplace_back(data.data() + offset, size);
        offset += size;
    }
    BOOST_REQUIRE(offset == data.size());
    return list;
}

#if !defined(_WIN32)
/// Address space that takes no memory before it is written to.
class address_space
{
public:
    explicit address_space(std::size_t size)
        : size_(size)
        , data_(::mmap(
              nullptr,
              size,
              PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
              -1,
              0))
    {
        support::require(data_ != MAP_FAILED, "mmap");
    }

    address_space(address_space const&) = delete;

    ~address_space() { ::munmap(data_, size_); }

    boost::asio::mutable_buffer buffer() const noexcept
    {
        return {data_, size_};
    }

private:
    std::size_t const size_;
    void* const data_;
};
#endif

} // namespace contract

#endif
