// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/connect_composition.hpp>
#include <opslot/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

using boost::asio::ip::tcp;
using boost::system::error_code;

/// One address that is tried, or was found good.
struct connect_composition::attempt : step, attempt_hook
{
    enum stage : unsigned char
    {
        connecting,
        sending,
        /// What was sent has gone out, and nobody has answered yet.
        confirming
    };

    attempt(composition& c, engine& e, connect_endpoint const& to)
        : step(c)
        , socket(engine_ptr(&e), nullptr, socket_role::stream)
        , endpoint(to)
    {}

    socket_handle socket;
    connect_endpoint const endpoint;
    connect_request where;
    transfer_request data;
    wait_request writable{wait_request::write};
    stage at = connecting;
};

connect_composition::connect_composition(
    engine& e,
    operation& whole,
    boost::asio::any_io_executor const& executor,
    connect_plan const& plan)
    : composition(e, whole)
    , executor_(executor)
    , plan_(plan)
    , original_(engine_ptr(&e), nullptr, socket_role::stream)
    , candidates_(plan.has_name() ? &addresses_ : &plan.endpoints)
    , last_error_(
          plan.has_name()
              ? error_code(boost::asio::error::host_not_found)
              : error_code(boost::asio::error::address_family_not_supported))
    , clock_(engine_ptr(&e), nullptr, socket_role::stream)
    , pause_(*this)
{}

// The attempts have gone: each was over, or has held a reference.
connect_composition::~connect_composition() = default;

start_result
connect_composition::start(socket_handle& socket, operation& whole) noexcept
{
    // The operation may end, and its context go, before this returns.
    composition_ptr const self(this);
    std::lock_guard<light_mutex> const lock(mutex_);
    if (socket.start_composed(whole, &original_) == completed)
    {
        return completed;
    }
    bound_family_ = original_.bound_family();
    begin();
    return pending;
}

void connect_composition::begin() noexcept
{
    try
    {
        if (plan_.has_name())
        {
            resolve();
        }
        else
        {
            go_on();
        }
    }
    catch (boost::system::system_error const& e)
    {
        finish(e.code(), 0);
    }
    catch (std::bad_alloc const&)
    {
        finish(boost::asio::error::no_memory, 0);
    }
}

// Names

namespace {

/// True for a port that is a number.
bool read_port(std::string const& text, unsigned short& port) noexcept
{
    auto const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, port);
    return result.ec == std::errc() && result.ptr == end;
}

} // namespace

/// Passes the addresses on, and keeps composition and resolver until then.
class connect_composition::resolve_handler
{
public:
    resolve_handler(
        connect_composition& c, std::shared_ptr<tcp::resolver> resolver)
        : composition_(&c)
        , resolver_(std::move(resolver))
    {}

    void operator()(error_code const& ec, tcp::resolver::results_type results)
    {
        static_cast<connect_composition&>(*composition_).resolved(ec, results);
    }

private:
    composition_ptr composition_;
    std::shared_ptr<tcp::resolver> resolver_;
};

void connect_composition::resolve()
{
    error_code ec;
    unsigned short port = 0;
    auto const address = boost::asio::ip::make_address(plan_.host, ec);
    if (!ec && read_port(plan_.service, port))
    {
        addresses_.push_back(tcp::endpoint(address, port));
        go_on();
        return;
    }
    auto resolver = std::make_shared<tcp::resolver>(executor_);
    resolver_ = resolver;
    resolver->async_resolve(
        plan_.host, plan_.service, resolve_handler(*this, resolver));
}

void connect_composition::resolved(
    error_code const& ec, tcp::resolver::results_type const& results) noexcept
{
    std::lock_guard<light_mutex> const lock(mutex_);
    if (is_over())
    {
        return;
    }
    try
    {
        last_error_ = ec ? ec : last_error_;
        take_results(results);
        go_on();
    }
    catch (std::bad_alloc const&)
    {
        finish(boost::asio::error::no_memory, 0);
    }
}

void connect_composition::take_results(
    tcp::resolver::results_type const& results)
{
    addresses_.reserve(results.size());
    for (auto const& each : results)
    {
        addresses_.push_back(each.endpoint());
    }
    if (plan_.is_parallel)
    {
        interleave_families();
    }
}

/// The families take turns, and the order within each stays: RFC 8305,
/// section 4.
void connect_composition::interleave_families()
{
    connect_endpoints const all = addresses_;
    if (all.empty())
    {
        return;
    }
    int const first = all.front().protocol().family();
    auto const is_first = [first](connect_endpoint const& e) {
        return e.protocol().family() == first;
    };
    auto a = all.begin();
    auto b = all.begin();
    addresses_.clear();
    while (addresses_.size() != all.size())
    {
        a = std::find_if(a, all.end(), is_first);
        if (a != all.end())
        {
            addresses_.push_back(*a++);
        }
        b = std::find_if_not(b, all.end(), is_first);
        if (b != all.end())
        {
            addresses_.push_back(*b++);
        }
    }
}

// Attempts

/// Tries addresses until an attempt has to wait.
void connect_composition::go_on() noexcept
{
    while (!is_over())
    {
        attempt* const a = next_attempt();
        if (!a)
        {
            if (attempts_.empty())
            {
                finish(last_error_, 0);
            }
            return;
        }
        if (prepare(*a) && start_step(
                               *a,
                               operation_kind::connect,
                               &a->where,
                               a->socket,
                               &socket_handle::start_connect) == pending)
        {
            wait_before_next();
            return;
        }
        if (advance(*a))
        {
            return;
        }
    }
}

/// An attempt at the next address that can be tried; null if there is none.
connect_composition::attempt* connect_composition::next_attempt() noexcept
{
    while (next_ != candidates_->size())
    {
        connect_endpoint const& e = (*candidates_)[next_++];
        if (bound_family_ != 0 && e.protocol().family() != bound_family_)
        {
            continue;
        }
        try
        {
            attempt* const a = new attempt(*this, owner(), e);
            attempts_.push_back(*a);
            return a;
        }
        catch (std::bad_alloc const&)
        {
            last_error_ = boost::asio::error::no_memory;
        }
    }
    return nullptr;
}

namespace {

/// The family of an open socket, bound or not.
int family_of(socket_handle const& socket) noexcept
{
    connect_endpoint e;
    std::size_t size = e.capacity();
    error_code ec;
    socket.local_endpoint(e.data(), size, ec);
    return ec ? 0 : e.protocol().family();
}

} // namespace

/// Gives an attempt a native socket. False: there is an error in it.
bool connect_composition::prepare(attempt& a) noexcept
{
    auto const protocol = a.endpoint.protocol();
    a.where = {
        a.endpoint.data(),
        a.endpoint.size(),
        protocol.family(),
        protocol.type(),
        protocol.protocol()};
    if (original_.is_open() && family_of(original_) == protocol.family())
    {
        original_.lend(a.socket, a.error);
    }
    else
    {
        a.socket.open(
            protocol.family(), protocol.type(), protocol.protocol(), a.error);
        if (!a.error)
        {
            a.socket.set_again(original_, a.error);
        }
    }
    if (!a.error && plan_.uses_fast_open && plan_.data.size() != 0)
    {
        // Where the system has none, the data go after the handshake.
        error_code ignored;
        a.socket.fast_open(ignored);
    }
    return !a.error;
}

/** A step of an attempt has its result.

    Returns false if that was the end of this attempt, and others are to be
    made.
*/
bool connect_composition::advance(attempt& a) noexcept
{
    for (;;)
    {
        switch (a.at)
        {
        case attempt::connecting:
            if (a.error)
            {
                return fail(a, a.error);
            }
            choose(a);
            if (plan_.data.size() == 0)
            {
                finish({}, 0, &a.socket);
                return true;
            }
            if (send(a) == pending)
            {
                return true;
            }
            break;
        case attempt::sending:
            sent_ += a.bytes_transferred;
            if (!a.error && is_connected(a))
            {
                finish({}, sent_, &a.socket);
                return true;
            }
            if (a.error && a.error != boost::asio::error::in_progress)
            {
                // Only a handshake is refused, though data may have gone out
                // with its first packet.
                bool const was_refused =
                    a.error == boost::asio::error::connection_refused;
                if ((sent_ == 0 || was_refused) && !is_connected(a))
                {
                    sent_ = 0;
                    return fail(a, a.error);
                }
                finish(a.error, sent_);
                return true;
            }
            a.at = attempt::confirming;
            if (start_step(
                    a,
                    operation_kind::wait,
                    &a.writable,
                    a.socket,
                    &socket_handle::start_wait) == pending)
            {
                return true;
            }
            break;
        case attempt::confirming:
            if (!is_connected(a))
            {
                int value = 0;
                std::size_t size = sizeof(value);
                a.socket.get_option(
                    SOL_SOCKET, SO_ERROR, &value, size, a.error);
                sent_ = 0;
                return fail(
                    a,
                    value == 0
                        ? error_code(boost::asio::error::connection_refused)
                        : error_code(value, boost::system::system_category()));
            }
            if (sent_ == plan_.data.size())
            {
                finish({}, sent_, &a.socket);
                return true;
            }
            if (send(a) == pending)
            {
                return true;
            }
            break;
        }
    }
}

/// Whether the peer has answered. With a fast open, the system says that a
/// socket is connected before it is.
bool connect_composition::is_connected(attempt& a) noexcept
{
    connect_endpoint e;
    std::size_t size = e.capacity();
    error_code ec;
    a.socket.remote_endpoint(e.data(), size, ec);
    return !ec;
}

/// Starts to send what is left of the data.
start_result connect_composition::send(attempt& a) noexcept
{
    a.at = attempt::sending;
    auto const rest = plan_.data + sent_;
    a.data = transfer_request();
    a.data.one = {const_cast<void*>(rest.data()), rest.size()};
    a.data.buffers = &a.data.one;
    a.data.count = 1;
    a.data.is_plain = true;
    return start_step(
        a, operation_kind::send, &a.data, a.socket, &socket_handle::start_send);
}

/// An attempt has succeeded, and the others end.
void connect_composition::choose(attempt& a) noexcept
{
    peer_ = a.endpoint;
    is_chosen_ = true;
    end_others(&a);
}

bool connect_composition::fail(attempt& a, error_code const& ec) noexcept
{
    is_chosen_ = false;
    last_error_ = ec;
    drop(a);
    return false;
}

/// Starts the head start of an attempt, if another one would follow.
void connect_composition::wait_before_next() noexcept
{
    latest_start_ = std::chrono::steady_clock::now();
    if (plan_.is_parallel && bound_family_ == 0 && !pause_.is_under_way() &&
        next_ != candidates_->size())
    {
        pause(plan_.head_start);
    }
}

void connect_composition::pause(
    std::chrono::steady_clock::duration duration) noexcept
{
    // Where there is no memory for a clock, each attempt waits for the end of
    // the last.
    pause_.timeout = std::max(duration, std::chrono::steady_clock::duration(1));
    static_cast<void>(start_step(
        pause_,
        operation_kind::wait,
        nullptr,
        clock_,
        &socket_handle::start_pause));
}

/// A head start is over; maybe that of an attempt that has failed since.
void connect_composition::paused() noexcept
{
    auto const left =
        latest_start_ + plan_.head_start - std::chrono::steady_clock::now();
    if (left.count() > 0 && !attempts_.empty())
    {
        pause(left);
    }
    else
    {
        go_on();
    }
}

void connect_composition::on_step(step& s) noexcept
{
    if (&s == &pause_)
    {
        if (!is_over() && !is_chosen_)
        {
            paused();
        }
        return;
    }
    auto& a = static_cast<attempt&>(s);
    if (is_over() || !a.attempt_hook::is_linked())
    {
        delete &a;
    }
    else if (!advance(a))
    {
        go_on();
    }
}

/// An attempt ends; the engine may have its step for a while.
void connect_composition::drop(attempt& a) noexcept
{
    a.attempt_hook::unlink();
    error_code ignored;
    a.socket.close(ignored);
    if (!a.is_under_way())
    {
        delete &a;
    }
    else if (a.at == attempt::sending)
    {
        sent_ += a.bytes_transferred;
    }
}

void connect_composition::end_others(attempt const* chosen) noexcept
{
    detail::cancel(pause_);
    for (auto i = attempts_.begin(); i != attempts_.end();)
    {
        attempt& a = *i++;
        if (&a != chosen)
        {
            drop(a);
        }
    }
}

void connect_composition::end_steps() noexcept
{
    if (auto const resolver = resolver_.lock())
    {
        resolver->cancel();
    }
    end_others(nullptr);
    error_code ignored;
    original_.close(ignored);
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
