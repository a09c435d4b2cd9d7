#ifndef OPSLOT_TEST_FUZZ_WORLD_HPP
#define OPSLOT_TEST_FUZZ_WORLD_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    What bytes make users do, and a model of what must come of it.

    The bytes are a sequence of actions: operations of several sockets and
    contexts are started, cancelled, withdrawn and timed out, sockets and
    contexts are closed, destroyed and made again, peers write, read, end and
    reset, and in between the context runs for a while. After each action the
    model is compared with what the library says.

    The model: each operation ends exactly once, by the report of its start or
    by its handler, or it is withdrawn and its handler is never called. The
    bytes of a direction arrive in the order of the starts, as many of each
    operation as that reports. An error has a reason. Nothing waits for what
    is there. At the end nothing is left.
*/

#include <opslot/diagnostics.hpp>
#include <opslot/error.hpp>
#include <opslot/stream_context.hpp>
#include <opslot/tcp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "support/peer.hpp"

namespace fuzz {

/// The library and the model do not agree.
struct disagreement : std::logic_error
{
    using std::logic_error::logic_error;
};

/// The system has no connection left.
struct no_connection : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

inline void require(bool agrees, std::string const& what)
{
    if (!agrees)
    {
        throw disagreement(what);
    }
}

/// The byte at a place of the stream of a direction.
inline char byte_at(std::uint64_t stream, std::uint64_t place) noexcept
{
    std::uint64_t z = (stream << 40) + place;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return static_cast<char>((z ^ (z >> 27)) >> 11);
}

/// The input, of which there is always more: zeros.
class input
{
public:
    input(std::uint8_t const* data, std::size_t size) noexcept
        : data_(data)
        , size_(size)
    {}

    bool is_over() const noexcept { return place_ >= size_; }

    unsigned byte() noexcept { return is_over() ? 0 : data_[place_++]; }

    /// Less than `limit`.
    std::size_t below(std::size_t limit) noexcept { return byte() % limit; }

private:
    std::uint8_t const* data_;
    std::size_t size_;
    std::size_t place_ = 0;
};

/// What was started.
enum class kind
{
    receive,
    send,
    wait
};

/// One operation, from its start to its end.
struct record
{
    kind what{};
    std::size_t socket = 0;
    /// Which connection of that socket.
    unsigned connection = 0;
    bool was_pending = false;
    bool is_over = false;
    bool was_withdrawn = false;
    /// Somebody has asked for its end, or may have by what he did.
    bool may_be_aborted = false;
    bool has_deadline = false;
    int calls = 0;
    std::size_t size = 0;
    std::size_t at_least = 1;
    std::size_t transferred = 0;
    boost::system::error_code error;
    /// Received, or to be sent.
    std::vector<char> storage;
};

using record_ptr = std::shared_ptr<record>;

/// One direction of a connection, as far as it was checked.
struct direction
{
    /// Distinguishes its bytes.
    std::uint64_t stream = 0;
    std::uint64_t place = 0;
    /// In the order of the starts; those at the front leave when they are
    /// over and were checked.
    std::deque<record_ptr> started;
    /// A withdrawn operation took an unknown number of bytes.
    bool is_unknown = false;
};

class world
{
public:
    world(std::uint8_t const* data, std::size_t size)
        : input_(data, size)
    {
        io_.emplace();
        for (std::size_t i = 0; i != sockets_.size(); ++i)
        {
            connect(i);
        }
        for (std::size_t i = 0; i != contexts_.size(); ++i)
        {
            renew(i);
        }
    }

    /// Does all that the input says, and ends everything.
    void run()
    {
        // Long enough for a case, and short enough for a fuzzer.
        for (int i = 0; i != 400 && !input_.is_over(); ++i)
        {
            act();
            check();
        }
        finish();
    }

private:
    static constexpr std::size_t largest = 300;
    /// So many bytes tell which send they are of.
    static constexpr std::ptrdiff_t smallest_send = 8;

    struct user_context
    {
        opslot::stream_context context;
        record_ptr now;
        /// What the handler does next: an action, or nothing.
        unsigned reaction = 0;
        bool is_disposed = false;
    };

    struct user_socket
    {
        std::optional<opslot::tcp::socket> socket;
        support::peer peer;
        bool peer_is_open = false;
        bool peer_has_ended = false;
        bool peer_has_failed = false;
        bool is_open = false;
        bool receives_are_shut = false;
        bool sends_are_shut = false;
        /// Sends may fail with send_interrupted.
        bool may_be_broken = false;
        /// Sends may be aborted by the deadline of one before them.
        bool has_brief_sends = false;
        unsigned connection = 0;
        direction in, out;
        /// Read by the peer and not checked yet.
        std::vector<char> arrived;
    };

    // Set-up

    void connect(std::size_t i)
    {
        user_socket& s = sockets_[i];
        // By a reset, which keeps no port.
        s.peer.reset();
        s.socket.emplace(*io_);
        try
        {
            s.peer = support::connect_tcp(*s.socket);
        }
        catch (boost::system::system_error const& e)
        {
            throw no_connection(e.what());
        }
        s.peer_is_open = true;
        s.peer_has_ended = false;
        s.peer_has_failed = false;
        s.is_open = true;
        s.receives_are_shut = false;
        s.sends_are_shut = false;
        s.may_be_broken = false;
        s.has_brief_sends = false;
        s.in = direction();
        s.out = direction();
        s.in.stream = ++streams_;
        s.out.stream = ++streams_;
        s.arrived.clear();
        ++s.connection;
        int const small = 4096;
        ::setsockopt(
            s.peer.native_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(int));
        s.socket->set_option(boost::asio::socket_base::send_buffer_size(small));
    }

    void renew(std::size_t i)
    {
        withdraw(i);
        contexts_[i] = std::make_unique<user_context>();
        set_handler(i);
    }

    void set_handler(std::size_t i)
    {
        contexts_[i]->context.completion_handler(
            [this, i](opslot::stream_context&) { handle(i); });
    }

    // The model's view of ends

    void withdraw(std::size_t i)
    {
        if (!contexts_[i] || !contexts_[i]->now)
        {
            return;
        }
        record& r = *contexts_[i]->now;
        r.is_over = true;
        r.was_withdrawn = true;
        --pending_;
        user_socket& s = sockets_[r.socket];
        if (r.connection == s.connection)
        {
            // What it has received is gone with it, even if it was only
            // about to be delivered, and what it has sent in part breaks the
            // stream.
            s.in.is_unknown |= r.what == kind::receive;
            s.may_be_broken |= r.what == kind::send;
            abort_sends(r.socket, r.what == kind::send);
        }
        contexts_[i]->now.reset();
    }

    /// Sends that wait behind one that ends in the middle end too.
    void abort_sends(std::size_t i, bool condition)
    {
        for (record_ptr const& r : sockets_[i].out.started)
        {
            r->may_be_aborted |= condition;
        }
    }

    void abort_all(std::size_t i)
    {
        for (record_ptr const& r : all_)
        {
            if (r->socket == i && r->connection == sockets_[i].connection)
            {
                r->may_be_aborted = true;
            }
        }
    }

    void end(record& r, boost::system::error_code ec, std::size_t n)
    {
        require(!r.is_over, "an operation ended twice");
        r.is_over = true;
        r.error = ec;
        r.transferred = n;
        require(n <= r.size, "more bytes than were asked for");
        user_socket& s = sockets_[r.socket];
        bool const is_now = r.connection == s.connection;
        if (r.what == kind::send && ec && n != 0)
        {
            abort_sends(r.socket, is_now);
        }
        check_error(r, ec, s, is_now);
        if (!ec && r.what == kind::send)
        {
            require(n == r.size, "a send without an error is complete");
        }
        if (!ec && r.what == kind::receive && r.size != 0)
        {
            require(
                n >= std::min(r.at_least, r.size),
                "a receive without an error has what it asked for");
        }
    }

    void check_error(
        record const& r,
        boost::system::error_code ec,
        user_socket const& s,
        bool is_now)
    {
        namespace error = boost::asio::error;
        if (!ec)
        {
            return;
        }
        // What arrives at a socket that is shut down altogether resets it.
        bool const has_failed = s.peer_has_failed || !is_now ||
                                (s.receives_are_shut && s.sends_are_shut);
        bool has_reason = false;
        if (ec == error::operation_aborted)
        {
            has_reason = r.may_be_aborted || !is_now || !s.is_open ||
                         (r.what == kind::send && s.has_brief_sends);
        }
        else if (ec == opslot::error::timeout)
        {
            has_reason = r.has_deadline;
        }
        else if (ec == error::eof)
        {
            has_reason = r.what == kind::receive &&
                         (s.peer_has_ended || s.receives_are_shut || !is_now);
        }
        else if (ec == error::connection_reset || ec == error::broken_pipe)
        {
            has_reason =
                has_failed || (s.sends_are_shut && r.what == kind::send);
        }
        else if (ec == opslot::error::send_interrupted)
        {
            has_reason = r.what == kind::send && s.may_be_broken;
        }
        else if (ec == error::bad_descriptor)
        {
            has_reason = !s.is_open || !is_now;
        }
        require(has_reason, "an error without a reason: " + ec.message());
    }

    // Starting

    void start(std::size_t context, unsigned form)
    {
        user_context& c = *contexts_[context];
        std::size_t const i = input_.below(sockets_.size());
        auto const what = static_cast<kind>(input_.below(3));
        auto r = std::make_shared<record>();
        r->what = what;
        r->socket = i;
        r->connection = sockets_[i].connection;
        if (c.now || c.is_disposed)
        {
            start_in_vain(c, i);
            return;
        }
        describe(c, *r);
        user_socket& s = sockets_[i];
        direction& d = what == kind::send ? s.out : s.in;
        if (what != kind::wait)
        {
            d.started.push_back(r);
        }
        all_.push_back(r);
        ++started_;
        c.now = r;
        r->was_pending = true;
        ++pending_;
        opslot::start_result const result = start(*s.socket, c, *r, form);
        if (result == opslot::completed)
        {
            r->was_pending = false;
            --pending_;
            ++synchronous_;
            c.now.reset();
            require(!c.context.is_pending(), "completed, and pending");
            end(*r, c.context.error(), c.context.bytes_transferred());
        }
    }

    void describe(user_context& c, record& r)
    {
        if (r.what == kind::wait)
        {
            return;
        }
        r.size = 1 + input_.below(largest);
        if (r.what == kind::send)
        {
            // Some are more than the system takes at once.
            r.size += smallest_send;
            r.size *= input_.below(4) == 0 ? 200 : 1;
        }
        r.storage.assign(r.size, '\0');
        if (r.what == kind::send)
        {
            direction& out = sockets_[r.socket].out;
            for (char& b : r.storage)
            {
                b = byte_at(out.stream, out.place++);
            }
        }
        else
        {
            r.at_least = 1 + (input_.below(4) == 0 ? input_.below(r.size) : 0);
        }
        c.context.clear_buffers();
        c.context.at_least(r.at_least);
        boost::asio::mutable_buffer const buffer =
            boost::asio::buffer(r.storage);
        if (r.size > 2 && input_.below(3) == 0)
        {
            std::array<boost::asio::mutable_buffer, 2> const list{
                boost::asio::buffer(buffer, r.size / 2), buffer + r.size / 2};
            c.context.buffer_list(list);
        }
        else
        {
            c.context.buffer(buffer);
        }
        bool const is_brief = input_.below(8) == 0;
        r.has_deadline = is_brief;
        sockets_[r.socket].has_brief_sends |= is_brief && r.what == kind::send;
        c.context.timeout(
            is_brief ? std::chrono::milliseconds(1)
                     : std::chrono::milliseconds(0));
    }

    opslot::start_result start(
        opslot::tcp::socket& socket, user_context& c, record& r, unsigned form)
    {
        using socket_type = opslot::tcp::socket;
        auto& x = c.context;
        if (r.what == kind::wait)
        {
            x.timeout(std::chrono::milliseconds(0));
            auto const which = form % 2 == 0 ? socket_type::wait_read
                                             : socket_type::wait_write;
            return socket.start_wait(x, which);
        }
        if (form == 0)
        {
            return r.what == kind::receive ? socket.start_receive(x)
                                           : socket.start_send(x);
        }
        if (form == 1)
        {
            r.what == kind::receive ? socket.async_receive(x)
                                    : socket.async_send(x);
            return opslot::pending;
        }
        auto handler = [this, now = c.now, &c](
                           boost::system::error_code ec, std::size_t n) {
            c.now.reset();
            deliver(*now, ec, n);
        };
        r.what == kind::receive ? socket.async_receive(x, std::move(handler))
                                : socket.async_send(x, std::move(handler));
        return opslot::pending;
    }

    /// Misuse: it throws, and nothing changes.
    void start_in_vain(user_context& c, std::size_t i)
    {
        bool const was_pending = c.context.is_pending();
        try
        {
            (void)sockets_[i].socket->start_receive(c.context);
            require(false, "a start that must be refused was not");
        }
        catch (boost::system::system_error const& e)
        {
            require(
                e.code() == opslot::error::context_busy ||
                    e.code() == opslot::error::context_disposed,
                "a start was refused for another reason");
        }
        require(
            c.context.is_pending() == was_pending,
            "a refused start changed the context");
    }

    // Handlers

    void deliver(record& r, boost::system::error_code ec, std::size_t n)
    {
        require(r.was_pending, "a handler for what was reported as completed");
        require(!r.was_withdrawn, "a handler for what was withdrawn");
        require(++r.calls == 1, "a handler was called twice");
        --pending_;
        end(r, ec, n);
    }

    void handle(std::size_t i)
    {
        user_context& c = *contexts_[i];
        require(c.now != nullptr, "a handler without an operation");
        require(!c.context.is_pending(), "pending in the handler");
        record_ptr const r = std::exchange(c.now, nullptr);
        deliver(*r, c.context.error(), c.context.bytes_transferred());
        unsigned const reaction = std::exchange(c.reaction, 0);
        switch (reaction % 6)
        {
        case 1:
            start(i, 0);
            break;
        case 2:
            start(i, 1);
            break;
        case 3:
            close(r->socket);
            break;
        case 4:
            // Its own context, too.
            renew(input_.below(contexts_.size()));
            break;
        case 5:
            cancel(input_.below(contexts_.size()));
            break;
        default:
            break;
        }
    }

    // Actions

    void act()
    {
        std::size_t const action = input_.below(20);
        std::size_t const context = input_.below(contexts_.size());
        std::size_t const socket = input_.below(sockets_.size());
        user_socket& s = sockets_[socket];
        switch (action)
        {
        case 0:
        case 1:
        case 2:
            start(context, static_cast<unsigned>(action));
            break;
        case 3:
            contexts_[context]->reaction = input_.byte();
            break;
        case 4:
            cancel(context);
            break;
        case 5:
            contexts_[context]->context.dispose();
            contexts_[context]->is_disposed = true;
            break;
        case 6:
            renew(context);
            break;
        case 7:
            close(socket);
            break;
        case 8:
            shut_down(s);
            break;
        case 9:
            abort_all(socket);
            if (s.is_open)
            {
                s.socket->cancel();
            }
            break;
        case 10:
            abort_all(socket);
            s.is_open = false;
            s.socket.reset();
            connect(socket);
            break;
        case 11:
            write(s, input_.byte());
            break;
        case 12:
            read(s, 1 + 100 * input_.byte());
            break;
        case 13:
            if (s.peer_is_open)
            {
                s.peer.shutdown();
                s.peer_has_ended = true;
            }
            break;
        case 14:
            end_peer(s);
            break;
        case 15:
            restart();
            io_->poll_one();
            break;
        case 16:
            settle();
            break;
        case 17:
            restart();
            io_->run_for(std::chrono::milliseconds(2));
            break;
        case 18:
            if (input_.below(8) == 0)
            {
                replace_everything();
            }
            break;
        default:
            if (s.is_open)
            {
                s.socket->sync_budget(input_.below(3));
                s.socket->gather_sends(input_.below(2) == 0);
            }
        }
    }

    void restart()
    {
        if (io_->stopped())
        {
            io_->restart();
        }
    }

    void cancel(std::size_t i)
    {
        user_context& c = *contexts_[i];
        if (c.now)
        {
            c.now->may_be_aborted = true;
            abort_sends(c.now->socket, c.now->what == kind::send);
        }
        bool const was_pending = c.context.is_pending();
        bool const is_cancelled = c.context.cancel();
        require(was_pending || !is_cancelled, "cancelled what was not pending");
    }

    void close(std::size_t i)
    {
        abort_all(i);
        sockets_[i].is_open = false;
        boost::system::error_code ignored;
        sockets_[i].socket->close(ignored);
    }

    void shut_down(user_socket& s)
    {
        if (!s.is_open)
        {
            return;
        }
        bool const sends = input_.below(2) == 0;
        (sends ? s.sends_are_shut : s.receives_are_shut) = true;
        boost::system::error_code ignored;
        s.socket->shutdown(
            sends ? opslot::tcp::socket::shutdown_send
                  : opslot::tcp::socket::shutdown_receive,
            ignored);
    }

    void write(user_socket& s, std::size_t n)
    {
        if (!s.peer_is_open || s.peer_has_ended)
        {
            return;
        }
        std::vector<char> data(n + 1);
        for (std::size_t i = 0; i != data.size(); ++i)
        {
            data[i] = byte_at(s.in.stream, s.in.place + i);
        }
        ssize_t const written = ::send(
            s.peer.native_handle(),
            data.data(),
            data.size(),
            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written > 0)
        {
            s.in.place += static_cast<std::uint64_t>(written);
        }
        else if (written < 0 && errno != EAGAIN)
        {
            s.peer_has_failed = true;
        }
    }

    void read(user_socket& s, std::size_t n)
    {
        if (!s.peer_is_open)
        {
            return;
        }
        std::size_t const before = s.arrived.size();
        s.arrived.resize(before + n);
        ssize_t const got =
            ::recv(s.peer.native_handle(), &s.arrived[before], n, MSG_DONTWAIT);
        s.arrived.resize(
            before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }

    void end_peer(user_socket& s)
    {
        // One with unread bytes resets the connection by this.
        s.peer_has_ended = true;
        s.peer_has_failed = true;
        if (s.peer_is_open)
        {
            input_.below(2) == 0 ? s.peer.close() : s.peer.reset();
        }
        s.peer_is_open = false;
    }

    void settle()
    {
        restart();
        int rounds = 0;
        while (io_->poll() != 0)
        {
            restart();
            require(++rounds != 1000, "there is always something to do");
        }
        // The system may take a while to pass something on.
        for (int i = 0; i != 100 && is_any_forgotten(); ++i)
        {
            restart();
            io_->run_for(std::chrono::milliseconds(5));
        }
        require(!is_any_forgotten(), "an operation waits for what is there");
    }

    bool is_any_forgotten()
    {
        return std::any_of(
            all_.begin(), all_.end(), [this](record_ptr const& r) {
                return is_forgotten(*r);
            });
    }

    /// Whether an operation waits for what is there.
    bool is_forgotten(record const& r)
    {
        user_socket& s = sockets_[r.socket];
        if (r.is_over || r.what == kind::wait || !s.is_open ||
            r.connection != s.connection)
        {
            return false;
        }
        short const event = r.what == kind::receive ? POLLIN : POLLOUT;
        ::pollfd p{s.socket->native_handle(), event, 0};
        return ::poll(&p, 1, 0) == 1;
    }

    void replace_everything()
    {
        // The io_context first: pending operations end without handlers.
        for (std::size_t i = 0; i != contexts_.size(); ++i)
        {
            if (contexts_[i]->now)
            {
                contexts_[i]->now->is_over = true;
                contexts_[i]->now->was_withdrawn = true;
                contexts_[i]->now.reset();
            }
        }
        io_.reset();
        for (std::size_t i = 0; i != contexts_.size(); ++i)
        {
            opslot::stream_context& c = contexts_[i]->context;
            require(!c.is_pending(), "pending without an io_context");
            // The handlers of what was pending went too.
            if (!contexts_[i]->is_disposed)
            {
                set_handler(i);
            }
        }
        pending_ = started_ = synchronous_ = 0;
        all_.clear();
        for (user_socket& s : sockets_)
        {
            s.socket.reset();
        }
        io_.emplace();
        for (std::size_t i = 0; i != sockets_.size(); ++i)
        {
            connect(i);
        }
    }

    // Checking

    void check()
    {
        opslot::diagnostics_report const report = opslot::diagnostics(*io_);
#if defined(OPSLOT_ENGINE_PORTABLE)
        // That engine does not count what has its result and is about to be
        // delivered.
        bool const is_right = report.pending <= pending_;
#else
        bool const is_right = report.pending == pending_;
#endif
        require(
            is_right,
            "pending: " + std::to_string(report.pending) + ", and not " +
                std::to_string(pending_));
        require(
            report.started == started_,
            "started: " + std::to_string(report.started) + ", and not " +
                std::to_string(started_));
        for (auto const& c : contexts_)
        {
            require(
                c->context.is_pending() == (c->now != nullptr),
                "a context is pending, or is not");
            require(
                c->context.is_disposed() == (c->is_disposed && !c->now),
                "a context is disposed, or is not");
        }
        for (user_socket& s : sockets_)
        {
            check_received(s);
            check_sent(s);
        }
    }

    void check_received(user_socket& s)
    {
        direction& in = s.in;
        while (!in.started.empty() && in.started.front()->is_over)
        {
            record const& r = *in.started.front();
            for (std::size_t i = 0; i != r.transferred && !in.is_unknown; ++i)
            {
                require(
                    r.storage[i] == byte_at(in.stream, received_[&s]++),
                    "received other bytes");
            }
            in.started.pop_front();
        }
    }

    /// What arrived are the first bytes of each send, in their order.
    void check_sent(user_socket& s)
    {
        while (!s.arrived.empty() && !s.out.started.empty())
        {
            record const& r = *s.out.started.front();
            std::size_t& checked = checked_[&s];
            if (r.was_withdrawn && checked == 0)
            {
                // Nobody says how much of it was sent, so the bytes do.
                if (s.arrived.size() < std::size_t(smallest_send))
                {
                    return;
                }
                if (!std::equal(
                        s.arrived.begin(),
                        s.arrived.begin() + smallest_send,
                        r.storage.begin()))
                {
                    next_send(s);
                    continue;
                }
            }
            std::size_t const most =
                r.is_over && !r.was_withdrawn ? r.transferred : r.size;
            std::size_t const n = std::min(most - checked, s.arrived.size());
            require(
                std::equal(
                    s.arrived.begin(),
                    s.arrived.begin() + static_cast<std::ptrdiff_t>(n),
                    r.storage.begin() + static_cast<std::ptrdiff_t>(checked)),
                "sent other bytes");
            s.arrived.erase(
                s.arrived.begin(),
                s.arrived.begin() + static_cast<std::ptrdiff_t>(n));
            checked += n;
            if (checked == most && r.is_over)
            {
                next_send(s);
            }
            else if (n == 0)
            {
                return;
            }
        }
        require(
            s.arrived.empty() || !s.out.started.empty(),
            "sent more than was reported");
    }

    void next_send(user_socket& s)
    {
        s.out.started.pop_front();
        checked_[&s] = 0;
    }

    void finish()
    {
        for (auto const& c : contexts_)
        {
            c->reaction = 0;
        }
        for (std::size_t i = 0; i != sockets_.size(); ++i)
        {
            close(i);
            sockets_[i].peer.reset();
        }
        for (int i = 0; i != 1000 && pending_ != 0; ++i)
        {
            restart();
            io_->poll();
        }
        require(pending_ == 0, "something is pending on closed sockets");
        restart();
        require(io_->run() == 0 || io_->stopped(), "run() does not end");
        for (record_ptr const& r : all_)
        {
            require(r->is_over, "an operation never ended");
            require(
                r->calls == (r->was_pending && !r->was_withdrawn ? 1 : 0),
                "a handler was not called exactly once");
        }
        check();
    }

    /// By socket, since its connection.
    class counts
    {
    public:
        std::size_t& operator[](user_socket* s)
        {
            for (auto& e : entries_)
            {
                if (e.first == s && e.second.first == s->connection)
                {
                    return e.second.second;
                }
                if (e.first == s)
                {
                    e.second = {s->connection, 0};
                    return e.second.second;
                }
            }
            entries_.push_back({s, {s->connection, 0}});
            return entries_.back().second.second;
        }

    private:
        std::vector<std::pair<user_socket*, std::pair<unsigned, std::size_t>>>
            entries_;
    };

    input input_;
    std::optional<boost::asio::io_context> io_;
    std::array<user_socket, 3> sockets_;
    std::array<std::unique_ptr<user_context>, 6> contexts_;
    std::vector<record_ptr> all_;
    std::uint64_t streams_ = 0;
    std::uint64_t pending_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t synchronous_ = 0;
    counts received_;
    counts checked_;
};

} // namespace fuzz

#endif
