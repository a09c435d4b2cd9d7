// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Operations that send files, and that end a connection.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/detail/transmit_request.hpp>
#include <opslot/error.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <new>
#include <utility>

#include "engine/portable.hpp"
#include "engine/transmit_batch.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace {

using boost::asio::socket_base;
using error_code = boost::system::error_code;
using batch = transmit_batch<boost::asio::const_buffer>;

/// How many bytes of files one attempt sends. Without a limit a fast peer
/// would have a thread for itself.
constexpr std::size_t file_bytes_per_attempt = 256 * 1024;

/// Memory to read files into, for the time of an attempt.
class staging_block
{
public:
    static constexpr std::size_t size = operation_memory::largest_block_bytes;

    explicit staging_block(bool is_needed)
    {
        if (is_needed)
        {
            data_ = operation_memory::process().allocate(size);
        }
    }

    staging_block(staging_block const&) = delete;
    staging_block& operator=(staging_block const&) = delete;

    ~staging_block()
    {
        if (data_)
        {
            operation_memory::process().deallocate(data_, size);
        }
    }

    void* data() const noexcept { return data_; }

private:
    void* data_ = nullptr;
};

transmit_request& request_of(operation& op) noexcept
{
    return *static_cast<transmit_request*>(op.request);
}

bool has_files(transmit_request const& r) noexcept
{
    return std::any_of(
        r.parts + r.index, r.parts + r.count, [](transmit_part const& p) {
            return p.is_file();
        });
}

/// Sends what is left, until it would block or the limit is reached.
void send_parts(descriptor& d, operation& op)
{
    transmit_request& r = request_of(op);
    auto& s = std::get<stream_socket>(d.socket);
    staging_block const block(has_files(r));
    for (std::size_t file_bytes = 0; r.index != r.count;)
    {
        if (file_bytes >= file_bytes_per_attempt)
        {
            op.error = boost::asio::error::would_block;
            return;
        }
        batch const next(r, block.data(), block.size, ~std::uint64_t(0));
        if (next.size() == 0)
        {
            op.error = next.error();
            return;
        }
        std::size_t const n = s.send(next, 0, op.error);
        if (op.error)
        {
            return;
        }
        file_bytes += next.file_bytes();
        op.bytes_transferred += n;
        r.progress.store(op.bytes_transferred, std::memory_order_relaxed);
        advance_parts(r, n);
    }
}

/// What comes behind a transmission that has failed would be misread.
void break_stream(descriptor& d, operation& op) noexcept
{
    if (op.bytes_transferred == 0)
    {
        return;
    }
    d.is_interrupted = true;
    if (op.place.load(std::memory_order_relaxed) == operation_place::queue)
    {
        d.owner->end_sends_behind(
            d.directions[op.direction],
            d,
            op,
            boost::asio::error::operation_aborted);
    }
}

/// Ends everything that waits for the socket, but `self`.
void end_others(descriptor& d, operation const* self) noexcept
{
    for (direction& x : d.directions)
    {
        for (;;)
        {
            auto const i = std::find_if(
                x.queue.begin(), x.queue.end(), [=](operation const& op) {
                    return &op != self;
                });
            if (i == x.queue.end())
            {
                break;
            }
            d.owner->end(d, *i, boost::asio::error::operation_aborted);
        }
    }
    d.owner->schedule(d);
}

/// Sets the options that a socket has as well.
void set_options_again(
    socket_settings const& settings, stream_socket& s, error_code& ec)
{
    settings.for_each_option([&](int level,
                                 int name,
                                 void const* data,
                                 std::size_t size) {
        if (!ec)
        {
            s.set_option(raw_option<void const>{level, name, data, size}, ec);
            if (ec == boost::asio::error::no_protocol_option)
            {
                // Of another family than this socket.
                ec.clear();
            }
        }
    });
}

/// A socket that is as `s` was before it was connected.
stream_socket
open_another(stream_socket& s, socket_settings const& settings, error_code& ec)
{
    stream_socket fresh(s.get_executor());
    auto const protocol = s.local_endpoint(ec).protocol();
    if (!ec)
    {
        fresh.open(protocol, ec);
    }
    if (!ec)
    {
        fresh.non_blocking(true, ec);
    }
    if (!ec)
    {
        set_options_again(settings, fresh, ec);
    }
    return fresh;
}

} // namespace

bool attempt_transmit(descriptor& d, operation& op) noexcept
{
    if (!std::holds_alternative<stream_socket>(d.socket))
    {
        op.error = boost::asio::error::operation_not_supported;
        return true;
    }
    try
    {
        send_parts(d, op);
    }
    catch (std::bad_alloc const&)
    {
        op.error = boost::asio::error::no_memory;
    }
    if (is_would_block(op.error))
    {
        op.error.clear();
        return false;
    }
    transmit_request& r = request_of(op);
    close_parts(r);
    if (op.error)
    {
        break_stream(d, op);
    }
    else if (r.end != transmit_end::stay_connected)
    {
        disconnect(
            d,
            r.end == transmit_end::disconnect ? socket_reuse::no
                                              : socket_reuse::yes,
            &op,
            op.error);
    }
    return true;
}

namespace {

/// Puts another socket in the place of the connected one.
void renew(
    descriptor& d, stream_socket& s, operation const* self, error_code& ec)
{
    stream_socket fresh = open_another(s, d.settings, ec);
    if (!ec)
    {
        s.shutdown(socket_base::shutdown_both, ec);
    }
    if (!ec)
    {
        end_others(d, self);
        // Closes as destructors do it: nobody waits.
        s = std::move(fresh);
        d.native_non_blocking = true;
        d.is_interrupted = false;
        d.settings.forget_address();
    }
}

} // namespace

void disconnect(
    descriptor& d,
    socket_reuse reuse,
    operation const* self,
    error_code& ec) noexcept
{
    auto* const s = std::get_if<stream_socket>(&d.socket);
    if (!s)
    {
        ec = boost::asio::error::operation_not_supported;
        return;
    }
    // Local sockets can be shut down without being connected.
    s->remote_endpoint(ec);
    if (ec)
    {
        return;
    }
    if (reuse == socket_reuse::no)
    {
        s->shutdown(socket_base::shutdown_both, ec);
        return;
    }
    try
    {
        renew(d, *s, self, ec);
    }
    catch (std::bad_alloc const&)
    {
        ec = boost::asio::error::no_memory;
    }
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
