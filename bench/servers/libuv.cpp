// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The servers with libuv, as its users write fast ones: `uv_try_write` first,
// and `uv_write` for what it leaves.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>
#include <uv.h>

#include "content.hpp"
#include "http_text.hpp"
#include "service.hpp"
#include "worker.hpp"

namespace {

using bench::cell;

void check(int result)
{
    if (result < 0)
    {
        throw std::runtime_error(::uv_strerror(result));
    }
}

uv_buf_t buffer(char const* data, std::size_t size)
{
    return ::uv_buf_init(const_cast<char*>(data), static_cast<unsigned>(size));
}

/// libuv receives so often in a row. Only after that it calls back for what
/// was written meanwhile, so until then requests cannot be used again.
constexpr std::size_t receives_in_a_row = 32;

// ---- Connections -----------------------------------------------------------

/// A connection, which deletes itself at its end.
class connection
{
public:
    explicit connection(uv_loop_t& loop)
    {
        ::uv_tcp_init(&loop, &handle_);
        handle_.data = this;
        rest_.data = this;
    }

    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;

    virtual ~connection() = default;

    void start(uv_stream_t& listener)
    {
        check(::uv_accept(&listener, stream()));
        ::uv_tcp_nodelay(&handle_, 1);
        read();
    }

protected:
    /// Where to receive.
    virtual uv_buf_t space() = 0;
    virtual void received(std::size_t n) = 0;

    /// What was left of a send is sent.
    virtual void sent() {}

    /// The handle is being closed.
    virtual void close()
    {
        ::uv_close(
            reinterpret_cast<uv_handle_t*>(&handle_),
            [](uv_handle_t* h) { delete static_cast<connection*>(h->data); });
    }

    uv_stream_t* stream() noexcept
    {
        return reinterpret_cast<uv_stream_t*>(&handle_);
    }

    /// Sends all. False: what is left is sent later, and stays where it is
    /// until then.
    bool send(char const* data, std::size_t size)
    {
        uv_buf_t all = buffer(data, size);
        int const n = ::uv_try_write(stream(), &all, 1);
        std::size_t const done = n < 0 ? 0 : static_cast<std::size_t>(n);
        if (done == size)
        {
            return true;
        }
        uv_buf_t left = buffer(data + done, size - done);
        ::uv_read_stop(stream());
        ::uv_write(&rest_, stream(), &left, 1, [](uv_write_t* w, int status) {
            auto& self = *static_cast<connection*>(w->data);
            if (status == 0)
            {
                self.read();
                self.sent();
            }
        });
        return false;
    }

private:
    void read()
    {
        ::uv_read_start(
            stream(),
            [](uv_handle_t* h, std::size_t, uv_buf_t* b) {
                *b = static_cast<connection*>(h->data)->space();
            },
            [](uv_stream_t* s, ssize_t n, uv_buf_t const*) {
                auto& self = *static_cast<connection*>(s->data);
                if (n > 0)
                {
                    self.received(static_cast<std::size_t>(n));
                }
                else if (n < 0)
                {
                    self.close();
                }
            });
    }

    uv_tcp_t handle_;
    uv_write_t rest_;
};

class echo_connection : public connection
{
public:
    using shared = cell const;

    echo_connection(uv_loop_t& loop, shared& c)
        : connection(loop)
        , buffer_(c.buffer_bytes)
    {}

protected:
    uv_buf_t space() override { return buffer(buffer_.data(), buffer_.size()); }

    void received(std::size_t n) override { send(buffer_.data(), n); }

private:
    std::vector<char> buffer_;
};

/// A timer of its own, started again with each receive.
class timeout_connection : public echo_connection
{
public:
    timeout_connection(uv_loop_t& loop, shared& c)
        : echo_connection(loop, c)
    {
        ::uv_timer_init(&loop, &timer_);
        timer_.data = this;
        wait();
    }

protected:
    void received(std::size_t n) override
    {
        wait();
        echo_connection::received(n);
    }

    void close() override
    {
        ::uv_close(reinterpret_cast<uv_handle_t*>(&timer_), [](uv_handle_t* h) {
            static_cast<timeout_connection*>(h->data)->connection::close();
        });
    }

private:
    void wait()
    {
        constexpr std::chrono::milliseconds limit = bench::receive_timeout;
        ::uv_timer_start(
            &timer_,
            [](uv_timer_t* t) {
                static_cast<timeout_connection*>(t->data)->close();
            },
            static_cast<std::uint64_t>(limit.count()),
            0);
    }

    uv_timer_t timer_;
};

/// Sends each message back so many times, by a `uv_write` for each.
class queue_connection : public connection
{
public:
    using shared = cell const;

    queue_connection(uv_loop_t& loop, shared& c)
        : connection(loop)
        , message_(c.message_bytes)
        , fan_out_(c.fan_out)
        , writes_(fan_out_ * (receives_in_a_row + 1))
    {}

protected:
    uv_buf_t space() override
    {
        return buffer(message_.data() + has_, message_.size() - has_);
    }

    void received(std::size_t n) override
    {
        has_ = (has_ + n) % message_.size();
        if (has_ == 0)
        {
            uv_buf_t const reply = buffer(message_.data(), message_.size());
            for (std::size_t i = 0; i != fan_out_; ++i)
            {
                ::uv_write(
                    &writes_[next_++ % writes_.size()],
                    stream(),
                    &reply,
                    1,
                    [](uv_write_t*, int) {});
            }
        }
    }

private:
    std::vector<char> message_;
    std::size_t has_ = 0;
    std::size_t const fan_out_;
    std::size_t next_ = 0;
    std::vector<uv_write_t> writes_;
};

class room_connection : public connection
{
public:
    /// Messages are in a ring: the load has fewer on their way.
    static constexpr std::size_t ring = 8;

    struct shared
    {
        explicit shared(cell const& c)
            : messages(ring, std::vector<char>(c.message_bytes))
        {}

        std::vector<std::vector<char>> messages;
        std::size_t has = 0;
        std::size_t published = 0;
        std::vector<room_connection*> members;
    };

    room_connection(uv_loop_t& loop, shared& s)
        : connection(loop)
        , room_(s)
    {
        room_.members.push_back(this);
    }

    ~room_connection() override
    {
        auto& all = room_.members;
        all.erase(std::remove(all.begin(), all.end(), this), all.end());
    }

protected:
    // Only one of the peers sends.
    uv_buf_t space() override
    {
        auto& message = room_.messages[room_.published % ring];
        return buffer(message.data() + room_.has, message.size() - room_.has);
    }

    void received(std::size_t n) override
    {
        auto const& message = room_.messages[room_.published % ring];
        room_.has = (room_.has + n) % message.size();
        if (room_.has != 0)
        {
            return;
        }
        ++room_.published;
        for (room_connection* const member : room_.members)
        {
            if (member->is_free_)
            {
                member->sent();
            }
        }
    }

    void sent() override
    {
        is_free_ = true;
        while (is_free_ && sent_ != room_.published)
        {
            auto const& message = room_.messages[sent_++ % ring];
            is_free_ = send(message.data(), message.size());
        }
    }

private:
    shared& room_;
    std::size_t sent_ = 0;
    bool is_free_ = true;
};

/// Another thread has the reply; only the loop's thread may send it.
class worker_connection : public connection
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer_bytes(c.buffer_bytes)
            , thread(c.connections)
        {
            replies.reserve(c.connections);
            sending.reserve(c.connections);
        }

        void start(uv_loop_t& loop)
        {
            check(::uv_async_init(&loop, &wake_up, [](uv_async_t* a) {
                static_cast<shared*>(a->data)->send_all();
            }));
            wake_up.data = this;
        }

        void send_all()
        {
            {
                std::lock_guard<std::mutex> lock(mutex);
                sending.swap(replies);
            }
            for (worker_connection* const each : sending)
            {
                each->send(each->buffer_.data(), each->received_);
            }
            sending.clear();
        }

        std::size_t const buffer_bytes;
        std::mutex mutex;
        std::vector<worker_connection*> replies;
        std::vector<worker_connection*> sending;
        uv_async_t wake_up;
        bench::worker<worker_connection> thread;
    };

    worker_connection(uv_loop_t& loop, shared& s)
        : connection(loop)
        , shared_(s)
        , buffer_(s.buffer_bytes)
    {}

    void reply()
    {
        {
            std::lock_guard<std::mutex> lock(shared_.mutex);
            shared_.replies.push_back(this);
        }
        ::uv_async_send(&shared_.wake_up);
    }

protected:
    uv_buf_t space() override { return buffer(buffer_.data(), buffer_.size()); }

    void received(std::size_t n) override
    {
        received_ = n;
        shared_.thread.push(*this);
    }

private:
    shared& shared_;
    std::vector<char> buffer_;
    std::size_t received_ = 0;
};

/// Has no buffer of its own.
class idle_connection : public connection
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : bytes(c.buffer_bytes)
        {}

        std::vector<char> bytes;
    };

    idle_connection(uv_loop_t& loop, shared& s)
        : connection(loop)
        , shared_(s)
    {}

protected:
    uv_buf_t space() override
    {
        return buffer(shared_.bytes.data(), shared_.bytes.size());
    }

    void received(std::size_t n) override { send(shared_.bytes.data(), n); }

private:
    shared& shared_;
};

/// Sends a header and a file, read part by part: `uv_fs_sendfile` would wait
/// for the socket in a thread.
class file_connection : public connection
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : size(c.message_bytes)
            , file(size)
            , header(bench::file_header())
        {}

        std::size_t const size;
        bench::content_file const file;
        std::string const header;
    };

    file_connection(uv_loop_t& loop, shared& s)
        : connection(loop)
        , shared_(s)
        , part_(s.header.size() + std::min(s.size, bench::file_part_bytes))
    {}

protected:
    uv_buf_t space() override
    {
        return buffer(request_.data() + has_, request_.size() - has_);
    }

    void received(std::size_t n) override
    {
        has_ = (has_ + n) % request_.size();
        if (has_ == 0)
        {
            read_ = 0;
            sent();
        }
    }

    void sent() override
    {
        while (read_ != shared_.size)
        {
            std::size_t const head =
                read_ == 0
                    ? shared_.header.copy(part_.data(), shared_.header.size())
                    : 0;
            ssize_t const n = ::pread(
                shared_.file.native_handle(),
                part_.data() + head,
                part_.size() - shared_.header.size(),
                static_cast<::off_t>(read_));
            if (n <= 0)
            {
                return;
            }
            read_ += static_cast<std::size_t>(n);
            if (!send(part_.data(), head + static_cast<std::size_t>(n)))
            {
                return;
            }
        }
    }

private:
    shared& shared_;
    std::array<char, bench::file_request_bytes> request_;
    std::size_t has_ = 0;
    std::vector<char> part_;
    std::size_t read_ = 0;
};

class http_connection : public connection
{
public:
    using shared = cell const;

    http_connection(uv_loop_t& loop, shared&)
        : connection(loop)
    {}

protected:
    uv_buf_t space() override
    {
        auto const free = conversation_.space();
        return buffer(static_cast<char const*>(free.data()), free.size());
    }

    void received(std::size_t n) override { reply(n); }

    void sent() override { reply(0); }

private:
    void reply(std::size_t n)
    {
        auto replies = conversation_.received(n);
        while (replies.size() != 0 &&
               send(static_cast<char const*>(replies.data()), replies.size()))
        {
            replies = conversation_.received(0);
        }
    }

    demo::http_conversation conversation_;
};

sockaddr_in loopback()
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

template<typename Connection>
class server
{
public:
    server(uv_loop_t& loop, typename Connection::shared& s)
        : shared_(s)
    {
        check(::uv_tcp_init(&loop, &listener_));
        listener_.data = this;
        auto const at = loopback();
        check(::uv_tcp_bind(
            &listener_, reinterpret_cast<sockaddr const*>(&at), 0));
        check(::uv_listen(
            reinterpret_cast<uv_stream_t*>(&listener_),
            SOMAXCONN,
            [](uv_stream_t* listener, int status) {
                if (status == 0)
                {
                    auto& self = *static_cast<server*>(listener->data);
                    auto* const c =
                        new Connection(*listener->loop, self.shared_);
                    c->start(*listener);
                }
            }));
    }

    std::uint16_t port() const
    {
        sockaddr_in at{};
        int size = sizeof(at);
        check(::uv_tcp_getsockname(
            &listener_, reinterpret_cast<sockaddr*>(&at), &size));
        return ntohs(at.sin_port);
    }

private:
    typename Connection::shared& shared_;
    uv_tcp_t listener_;
};

template<typename Connection>
void serve(cell const& c)
{
    uv_loop_t loop;
    check(::uv_loop_init(&loop));
    typename Connection::shared shared(c);
    if constexpr (std::is_same_v<Connection, worker_connection>)
    {
        shared.start(loop);
    }
    server<Connection> s(loop, shared);
    bench::announce(s.port());
    ::uv_run(&loop, UV_RUN_DEFAULT);
}

// ---- UDP -------------------------------------------------------------------

/// Sends the datagrams back that the suite wants: one at a time and at once,
/// or by as many operations.
class datagram_server
{
public:
    datagram_server(uv_loop_t& loop, cell const& c)
        : receives_(c.suite == "udp_receive" ? c.fan_out : 1)
        , sends_(c.suite == "udp_send" || c.suite == "bursts" ? c.fan_out : 1)
        , is_burst_(c.suite == "bursts")
        , bytes_(c.message_bytes)
        , requests_(c.fan_out * (receives_in_a_row + 1))
    {
        check(::uv_udp_init(&loop, &handle_));
        handle_.data = this;
        auto const at = loopback();
        check(
            ::uv_udp_bind(&handle_, reinterpret_cast<sockaddr const*>(&at), 0));
        int room = bench::datagram_buffer_bytes;
        check(::uv_recv_buffer_size(
            reinterpret_cast<uv_handle_t*>(&handle_), &room));
        check(::uv_udp_recv_start(
            &handle_,
            [](uv_handle_t* h, std::size_t, uv_buf_t* b) {
                auto& bytes = static_cast<datagram_server*>(h->data)->bytes_;
                *b = buffer(bytes.data(), bytes.size());
            },
            [](uv_udp_t* h,
               ssize_t n,
               uv_buf_t const*,
               sockaddr const* sender,
               unsigned) {
                if (n >= 0 && sender)
                {
                    static_cast<datagram_server*>(h->data)->received(
                        static_cast<std::size_t>(n), sender);
                }
            }));
    }

    std::uint16_t port() const
    {
        sockaddr_in at{};
        int size = sizeof(at);
        check(::uv_udp_getsockname(
            &handle_, reinterpret_cast<sockaddr*>(&at), &size));
        return ntohs(at.sin_port);
    }

private:
    void received(std::size_t n, sockaddr const* sender)
    {
        if (++received_ % receives_ != 0)
        {
            return;
        }
        uv_buf_t const b = buffer(bytes_.data(), n);
        for (std::size_t i = 0; i != sends_; ++i)
        {
            if (is_burst_)
            {
                ::uv_udp_send(
                    &requests_[next_++ % requests_.size()],
                    &handle_,
                    &b,
                    1,
                    sender,
                    [](uv_udp_send_t*, int) {});
            }
            else
            {
                ::uv_udp_try_send(&handle_, &b, 1, sender);
            }
        }
    }

    std::size_t const receives_;
    std::size_t const sends_;
    bool const is_burst_;
    std::size_t received_ = 0;
    std::vector<char> bytes_;
    std::size_t next_ = 0;
    std::vector<uv_udp_send_t> requests_;
    uv_udp_t handle_;
};

void serve_datagrams(cell const& c)
{
    uv_loop_t loop;
    check(::uv_loop_init(&loop));
    datagram_server s(loop, c);
    bench::announce(s.port());
    ::uv_run(&loop, UV_RUN_DEFAULT);
}

} // namespace

int main(int argc, char* argv[])
{
    return bench::serve_main(
        argc,
        argv,
        {
            {"libuv echo", &serve<echo_connection>},
            {"libuv pipelined", &serve<echo_connection>},
            {"libuv accept_churn", &serve<echo_connection>},
            {"libuv timeouts", &serve<timeout_connection>},
            {"libuv queued_sends", &serve<queue_connection>},
            {"libuv broadcast", &serve<room_connection>},
            {"libuv foreign_thread", &serve<worker_connection>},
            {"libuv idle", &serve<idle_connection>},
            {"libuv files", &serve<file_connection>},
            {"libuv http", &serve<http_connection>},
            {"libuv udp_receive", &serve_datagrams},
            {"libuv udp_send", &serve_datagrams},
            {"libuv udp_echo", &serve_datagrams},
            {"libuv bursts", &serve_datagrams},
        });
}
