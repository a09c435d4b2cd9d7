// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Files of 2 GiB and more, where the system's default is 32 bits.
#define _FILE_OFFSET_BITS 64

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "engine/linux_system_calls.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace system {
namespace {

/// Calls until it is not interrupted; the result, or the negated error.
template<typename Call>
auto retry(Call call) noexcept -> decltype(call())
{
    for (;;)
    {
        auto const result = call();
        if (result >= 0)
        {
            return result;
        }
        if (errno != EINTR)
        {
            return static_cast<decltype(call())>(-errno);
        }
    }
}

/// The result, or the negated error, of a call that is made once.
int result_of(int result) noexcept
{
    return result >= 0 ? result : -errno;
}

using address_size = ::socklen_t;

int address_of(
    int (*call)(int, ::sockaddr*, ::socklen_t*) noexcept,
    int fd,
    void* address,
    std::size_t& size) noexcept
{
    auto length = static_cast<address_size>(size);
    int const result =
        result_of(call(fd, static_cast<::sockaddr*>(address), &length));
    if (result >= 0)
    {
        size = length;
    }
    return result;
}

} // namespace

ssize_t receive(int fd, void* data, std::size_t size) noexcept
{
    return retry([&] { return receive_once(fd, data, size); });
}

ssize_t send(int fd, void const* data, std::size_t size) noexcept
{
    return retry([&] { return send_once(fd, data, size); });
}

ssize_t receive_vector(
    int fd,
    ::iovec* vectors,
    std::size_t count,
    int flags,
    int& flags_out) noexcept
{
    ::msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = count;
    ssize_t const result =
        retry([&] { return ::recvmsg(fd, &message, flags | MSG_DONTWAIT); });
    flags_out = message.msg_flags;
    return result;
}

ssize_t send_vector(
    int fd, ::iovec const* vectors, std::size_t count, int flags) noexcept
{
    ::msghdr message{};
    message.msg_iov = const_cast<::iovec*>(vectors);
    message.msg_iovlen = count;
    return retry([&] {
        return ::sendmsg(fd, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    });
}

namespace {

/// Whether a call of several messages is there; learns if it is not.
bool is_missing(int result) noexcept
{
    if (result == -ENOSYS)
    {
        missing_features.fetch_or(
            feature::several_messages, std::memory_order_relaxed);
        return true;
    }
    return false;
}

bool is_merged(::mmsghdr const& message) noexcept
{
    return message.msg_hdr.msg_controllen != 0;
}

} // namespace

int receive_messages(int fd, ::mmsghdr* messages, unsigned count) noexcept
{
    if (count > 1)
    {
        int const result = retry([&] {
            return ::recvmmsg(fd, messages, count, MSG_DONTWAIT, nullptr);
        });
        if (!is_missing(result))
        {
            return result;
        }
    }
    ssize_t const size =
        retry([&] { return ::recvmsg(fd, &messages->msg_hdr, MSG_DONTWAIT); });
    messages->msg_len = static_cast<unsigned>(size);
    return size < 0 ? static_cast<int>(size) : 1;
}

int send_messages(int fd, ::mmsghdr* messages, unsigned count) noexcept
{
    constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (int const refusal = refusal_of_merged.load(std::memory_order_relaxed))
    {
        if (is_merged(*messages))
        {
            return -refusal;
        }
        count = static_cast<unsigned>(
            std::find_if(messages, messages + count, is_merged) - messages);
    }
    if (count > 1 && has_feature(feature::several_messages))
    {
        int const result =
            retry([&] { return ::sendmmsg(fd, messages, count, flags); });
        if (!is_missing(result))
        {
            return result;
        }
    }
    ssize_t const size =
        retry([&] { return ::sendmsg(fd, &messages->msg_hdr, flags); });
    return size < 0 ? static_cast<int>(size) : 1;
}

int merge_receives(int fd, bool on) noexcept
{
    int const value = on ? 1 : 0;
    return has_feature(feature::merged_receives)
               ? set_option(fd, IPPROTO_UDP, UDP_GRO, &value, sizeof(value))
               : -ENOPROTOOPT;
}

int find_merged_sends(int fd) noexcept
{
    // A kernel that does not know it takes the control message for none at
    // all, and sends what was to be many datagrams as one.
    int value = 0;
    std::size_t size = sizeof(value);
    return has_feature(feature::merged_sends)
               ? get_option(fd, IPPROTO_UDP, UDP_SEGMENT, &value, size)
               : -ENOPROTOOPT;
}

void set_segment_size(
    ::msghdr& message, void* control, std::uint16_t size) noexcept
{
    message.msg_control = control;
    message.msg_controllen = segment_control_size;
    ::cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof(size));
    std::memcpy(CMSG_DATA(header), &size, sizeof(size));
}

std::size_t segment_size(::msghdr& message) noexcept
{
    for (::cmsghdr* header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header))
    {
        int size = 0;
        if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO &&
            header->cmsg_len >= CMSG_LEN(sizeof(size)))
        {
            std::memcpy(&size, CMSG_DATA(header), sizeof(size));
            return static_cast<std::size_t>(std::max(size, 0));
        }
    }
    return 0;
}

int open_socket(int family, int type, int protocol) noexcept
{
    return result_of(
        ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int accept_socket(int fd, void* address, std::size_t& size) noexcept
{
    auto length = static_cast<address_size>(size);
    int const result = retry([&] {
        return ::accept4(
            fd,
            static_cast<::sockaddr*>(address),
            address ? &length : nullptr,
            SOCK_NONBLOCK | SOCK_CLOEXEC);
    });
    size = address ? length : 0;
    return result;
}

int close_socket(int fd) noexcept
{
    // Linux has released the descriptor even if close(2) was interrupted.
    int const result = result_of(::close(fd));
    return result == -EINTR ? 0 : result;
}

int bind_socket(int fd, void const* address, std::size_t size) noexcept
{
    return result_of(::bind(
        fd,
        static_cast<::sockaddr const*>(address),
        static_cast<address_size>(size)));
}

int listen_socket(int fd, int backlog) noexcept
{
    return result_of(::listen(fd, backlog));
}

int connect_socket(int fd, void const* address, std::size_t size) noexcept
{
    // An interrupted connect goes on in the background, as EINPROGRESS.
    int const result = result_of(::connect(
        fd,
        static_cast<::sockaddr const*>(address),
        static_cast<address_size>(size)));
    return result == -EINTR ? -EINPROGRESS : result;
}

int shutdown_socket(int fd, int how) noexcept
{
    return result_of(::shutdown(fd, how));
}

int set_option(
    int fd, int level, int name, void const* data, std::size_t size) noexcept
{
    return result_of(
        ::setsockopt(fd, level, name, data, static_cast<address_size>(size)));
}

int get_option(
    int fd, int level, int name, void* data, std::size_t& size) noexcept
{
    auto length = static_cast<address_size>(size);
    int const result = result_of(::getsockopt(fd, level, name, data, &length));
    if (result >= 0)
    {
        size = length;
    }
    return result;
}

int local_address(int fd, void* address, std::size_t& size) noexcept
{
    return address_of(&::getsockname, fd, address, size);
}

int remote_address(int fd, void* address, std::size_t& size) noexcept
{
    return address_of(&::getpeername, fd, address, size);
}

int io_control(int fd, unsigned long command, void* argument) noexcept
{
    return result_of(::ioctl(fd, command, argument));
}

int set_non_blocking(int fd, bool on) noexcept
{
    int value = on ? 1 : 0;
    return result_of(::ioctl(fd, FIONBIO, &value));
}

int enable_fast_open(int fd) noexcept
{
#if defined(TCP_FASTOPEN_CONNECT)
    int const on = 1;
    return set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
#else
    (void)fd;
    return -EOPNOTSUPP;
#endif
}

int at_mark(int fd) noexcept
{
    return result_of(::sockatmark(fd));
}

int poll_socket(int fd, short events, bool wait) noexcept
{
    ::pollfd entry{fd, events, 0};
    int const result = retry([&] { return ::poll(&entry, 1, wait ? -1 : 0); });
    return result > 0 ? entry.revents : result;
}

int epoll_open() noexcept
{
    return result_of(::epoll_create1(EPOLL_CLOEXEC));
}

namespace {

int control(
    int epoll,
    int operation,
    int fd,
    std::uint32_t events,
    std::uint64_t data) noexcept
{
    ::epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    return result_of(::epoll_ctl(epoll, operation, fd, &event));
}

} // namespace

int epoll_add(
    int epoll, int fd, std::uint32_t events, std::uint64_t data) noexcept
{
    return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

int epoll_rearm(
    int epoll, int fd, std::uint32_t events, std::uint64_t data) noexcept
{
    return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

int epoll_remove(int epoll, int fd) noexcept
{
    return control(epoll, EPOLL_CTL_DEL, fd, 0, 0);
}

int epoll_poll(int epoll, ::epoll_event* events, int capacity) noexcept
{
    return retry([=] { return ::epoll_wait(epoll, events, capacity, 0); });
}

int open_file(char const* path) noexcept
{
    // O_NONBLOCK: a pipe without a writer is not waited for, but refused.
    return retry([=] {
        return ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    });
}

int close_file(int fd) noexcept
{
    return close_socket(fd);
}

int file_status(int fd, unsigned& type, std::uint64_t& size) noexcept
{
    struct ::stat status = {};
    int const result = result_of(::fstat(fd, &status));
    type = status.st_mode & S_IFMT;
    size = static_cast<std::uint64_t>(status.st_size);
    return result;
}

ssize_t
read_file(int fd, void* data, std::size_t size, std::uint64_t offset) noexcept
{
    return retry(
        [=] { return ::pread(fd, data, size, static_cast<::off_t>(offset)); });
}

namespace {

/** Keeps SIGPIPE away from the thread.

    sendfile(2) has no MSG_NOSIGNAL. The signal is directed at the thread that
    makes the call, so it is blocked there, and taken if it has come.
*/
class without_sigpipe
{
public:
    without_sigpipe() noexcept
    {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }

    without_sigpipe(without_sigpipe const&) = delete;
    without_sigpipe& operator=(without_sigpipe const&) = delete;

    ~without_sigpipe()
    {
        if (!was_blocked())
        {
            ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        }
    }

    /// The call has failed with EPIPE.
    void take() noexcept
    {
        // Where the program blocks it itself, it is the program's to take.
        if (!was_blocked())
        {
            ::timespec const at_once{};
            ::sigtimedwait(&pipe_, nullptr, &at_once);
        }
    }

private:
    bool was_blocked() const noexcept
    {
        return ::sigismember(&before_, SIGPIPE) == 1;
    }

    ::sigset_t pipe_;
    ::sigset_t before_;
};

} // namespace

ssize_t
send_file(int fd, int file, std::uint64_t offset, std::size_t size) noexcept
{
    without_sigpipe guard;
    ssize_t const result = retry([=] {
        auto position = static_cast<::off_t>(offset);
        return ::sendfile(fd, file, &position, size);
    });
    if (result == -EPIPE)
    {
        guard.take();
    }
    return result;
}

int replace_descriptor(int from, int to) noexcept
{
    return retry([=] { return ::dup3(from, to, O_CLOEXEC); });
}

int readable_open() noexcept
{
    return result_of(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
}

int timer_open() noexcept
{
    return result_of(
        ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

int timer_set(int fd, std::uint64_t nanoseconds) noexcept
{
    ::itimerspec when{};
    when.it_value.tv_sec = static_cast<::time_t>(nanoseconds / 1000000000u);
    when.it_value.tv_nsec = static_cast<long>(nanoseconds % 1000000000u);
    return result_of(::timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr));
}

namespace {

std::uint64_t nanoseconds_of(::timespec const& t) noexcept
{
    return static_cast<std::uint64_t>(t.tv_sec) * 1000000000u +
           static_cast<std::uint64_t>(t.tv_nsec);
}

} // namespace

std::uint64_t coarse_time() noexcept
{
    ::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return nanoseconds_of(now);
}

std::uint64_t exact_time() noexcept
{
    ::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds_of(now);
}

std::uint64_t coarse_resolution() noexcept
{
    ::timespec resolution{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
    return nanoseconds_of(resolution);
}

} // namespace system
} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif

#if defined(__linux__)

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>

#include "engine/linux_system_calls.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace system {
namespace {

/// Calls until it is not interrupted; the result, or the negated error.
template<typename Call>
ssize_t transfer(Call call) noexcept
{
    ssize_t result = 0;
    do
    {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

void take_arrival(
    datagram_request& datagram,
    void const* address,
    std::size_t size,
    unsigned interface_index) noexcept
{
    std::memcpy(datagram.arrived_at.data(), address, size);
    datagram.arrived_at_size = static_cast<unsigned char>(size);
    datagram.interface_index = interface_index;
}

template<typename Information>
bool copy_of(::cmsghdr const& header, Information& information) noexcept
{
    // One that did not fit in the buffer is cut off.
    if (header.cmsg_len < CMSG_LEN(sizeof(information)))
    {
        return false;
    }
    std::memcpy(&information, CMSG_DATA(&header), sizeof(information));
    return true;
}

} // namespace

/// Looks for what ip(7) and ipv6(7) say of the arrival, among whatever else
/// the options of the socket ask for.
void take_arrival(datagram_request& datagram, ::msghdr& message) noexcept
{
    for (::cmsghdr* header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header))
    {
        ::in_pktinfo v4{};
        ::in6_pktinfo v6{};
        if (header->cmsg_level == IPPROTO_IP &&
            header->cmsg_type == IP_PKTINFO && copy_of(*header, v4))
        {
            take_arrival(
                datagram,
                &v4.ipi_addr,
                sizeof(v4.ipi_addr),
                static_cast<unsigned>(v4.ipi_ifindex));
        }
        else if (
            header->cmsg_level == IPPROTO_IPV6 &&
            header->cmsg_type == IPV6_PKTINFO && copy_of(*header, v6))
        {
            take_arrival(
                datagram,
                &v6.ipi6_addr,
                sizeof(v6.ipi6_addr),
                static_cast<unsigned>(v6.ipi6_ifindex));
        }
    }
}

ssize_t receive_message(
    int fd,
    ::iovec* vectors,
    std::size_t count,
    int flags,
    int& flags_out,
    datagram_request& datagram) noexcept
{
    // Room for what is asked for here, and for what others may have asked the
    // socket for. Local sockets are given none: descriptors that somebody
    // passes are then closed by the system.
    alignas(::cmsghdr) std::array<char, 512> control;
    ::msghdr message{};
    ssize_t const result = transfer([&] {
        message.msg_iov = vectors;
        message.msg_iovlen = count;
        message.msg_name = datagram.sender;
        message.msg_namelen =
            static_cast<::socklen_t>(datagram.sender_capacity);
        message.msg_control = datagram.wants_arrival ? control.data() : nullptr;
        message.msg_controllen = datagram.wants_arrival ? control.size() : 0;
        return ::recvmsg(fd, &message, flags | MSG_DONTWAIT);
    });
    if (result >= 0)
    {
        flags_out = message.msg_flags;
        datagram.is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
        datagram.sender_size =
            datagram.sender ? std::min<std::size_t>(
                                  message.msg_namelen, datagram.sender_capacity)
                            : 0;
        if (datagram.wants_arrival)
        {
            take_arrival(datagram, message);
        }
    }
    return result;
}

ssize_t send_message(
    int fd,
    ::iovec const* vectors,
    std::size_t count,
    int flags,
    datagram_request const& datagram) noexcept
{
    ::msghdr message{};
    message.msg_iov = const_cast<::iovec*>(vectors);
    message.msg_iovlen = count;
    message.msg_name = const_cast<void*>(datagram.target);
    message.msg_namelen = static_cast<::socklen_t>(datagram.target_size);
    return transfer(
        [&] { return ::sendmsg(fd, &message, flags | MSG_NOSIGNAL); });
}

int enable_packet_information(int fd) noexcept
{
    int family = 0;
    auto size = static_cast<::socklen_t>(sizeof(family));
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0)
    {
        return -errno;
    }
    if (family != AF_INET && family != AF_INET6)
    {
        return -EOPNOTSUPP;
    }
    bool const is_v4 = family == AF_INET;
    int const on = 1;
    int const result = ::setsockopt(
        fd,
        is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
        is_v4 ? IP_PKTINFO : IPV6_RECVPKTINFO,
        &on,
        sizeof(on));
    return result == 0 ? 0 : -errno;
}

} // namespace system
} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
