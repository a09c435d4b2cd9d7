#ifndef OPSLOT_ENGINE_LINUX_SYSTEM_CALLS_HPP
#define OPSLOT_ENGINE_LINUX_SYSTEM_CALLS_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    The system calls of the reactor: nothing else in the library names one.

    A call that was interrupted is made again, and a failure is the negated
    number of the error, so that the caller sees result and error in one
    register.
*/

#include <opslot/config.hpp>
#include <opslot/detail/datagram_request.hpp>

#include <boost/system/error_code.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {
namespace system {

/// The error code of a negated error number.
inline boost::system::error_code error_of(ssize_t result) noexcept
{
    return {static_cast<int>(-result), boost::system::system_category()};
}

// Transfers never wait and never raise SIGPIPE.

/// One call, of which -1 says that the error is in errno.
inline ssize_t receive_once(int fd, void* data, std::size_t size) noexcept
{
    return ::recv(fd, data, size, MSG_DONTWAIT);
}

inline ssize_t send_once(int fd, void const* data, std::size_t size) noexcept
{
    return ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Calls until it is not interrupted; the result, or the negated error.

ssize_t receive(int fd, void* data, std::size_t size) noexcept;
ssize_t send(int fd, void const* data, std::size_t size) noexcept;

/// The negated error of the call that has just failed.
inline ssize_t last_error() noexcept
{
    return -errno;
}

ssize_t receive_vector(
    int fd,
    ::iovec* vectors,
    std::size_t count,
    int flags,
    int& flags_out) noexcept;
ssize_t send_vector(
    int fd, ::iovec const* vectors, std::size_t count, int flags) noexcept;

// Sockets are non-blocking and closed on exec.

int open_socket(int family, int type, int protocol) noexcept;
int accept_socket(int fd, void* address, std::size_t& size) noexcept;
int close_socket(int fd) noexcept;
int bind_socket(int fd, void const* address, std::size_t size) noexcept;
int listen_socket(int fd, int backlog) noexcept;
int connect_socket(int fd, void const* address, std::size_t size) noexcept;
int shutdown_socket(int fd, int how) noexcept;
int set_option(
    int fd, int level, int name, void const* data, std::size_t size) noexcept;
int get_option(
    int fd, int level, int name, void* data, std::size_t& size) noexcept;
int local_address(int fd, void* address, std::size_t& size) noexcept;
int remote_address(int fd, void* address, std::size_t& size) noexcept;
int io_control(int fd, unsigned long command, void* argument) noexcept;
int set_non_blocking(int fd, bool on) noexcept;
/// TCP_FASTOPEN_CONNECT, since Linux 4.11: with a cookie of the server's the
/// next connect succeeds at once, and the first send goes out with the SYN.
int enable_fast_open(int fd) noexcept;
/// Whether the next byte is the urgent one: 0 or 1.
int at_mark(int fd) noexcept;

/// The events among `events` that are there; waits for one if `wait`.
int poll_socket(int fd, short events, bool wait) noexcept;

int epoll_open() noexcept;
int epoll_add(
    int epoll, int fd, std::uint32_t events, std::uint64_t data) noexcept;
int epoll_rearm(
    int epoll, int fd, std::uint32_t events, std::uint64_t data) noexcept;
int epoll_remove(int epoll, int fd) noexcept;
int epoll_poll(int epoll, ::epoll_event* events, int capacity) noexcept;

// Files

int open_file(char const* path) noexcept;
int close_file(int fd) noexcept;
/// The type of the file, as in `st_mode`, and its size.
int file_status(int fd, unsigned& type, std::uint64_t& size) noexcept;
ssize_t
read_file(int fd, void* data, std::size_t size, std::uint64_t offset) noexcept;
/// Sends of a file. The socket has to be non-blocking, because this call has
/// no flags; it does not raise SIGPIPE either. 0: the file ends there.
ssize_t
send_file(int fd, int file, std::uint64_t offset, std::size_t size) noexcept;

/// Makes `to` another name of what `from` is; closes what it was before.
int replace_descriptor(int from, int to) noexcept;

/// A descriptor that is readable for ever.
int readable_open() noexcept;

int timer_open() noexcept;
/// Fires once, at this time of the monotonic clock.
int timer_set(int fd, std::uint64_t nanoseconds) noexcept;

/// The monotonic clock as of the system's last tick, in nanoseconds.
std::uint64_t coarse_time() noexcept;
/// The monotonic clock, in nanoseconds.
std::uint64_t exact_time() noexcept;
/// The time between the ticks of `coarse_time`, in nanoseconds. It may be
/// behind by more if the machine is busy.
std::uint64_t coarse_resolution() noexcept;

// Several datagrams by one call. Messages have no flags.

/// What a kernel may lack.
namespace feature {

/// recvmmsg(2), since Linux 2.6.33, and sendmmsg(2), since 3.0, which a
/// filter of system calls may not know.
inline constexpr unsigned several_messages = 1;
/// UDP_SEGMENT, since Linux 4.18.
inline constexpr unsigned merged_sends = 2;
/// UDP_GRO, since Linux 5.0.
inline constexpr unsigned merged_receives = 4;

} // namespace feature

/// The features that this process does without: what was missing when it was
/// tried, and what a test says.
inline std::atomic<unsigned> missing_features{0};

/// The error with which every send of merged datagrams is refused, as a device
/// may do; 0: none is. For tests.
inline std::atomic<int> refusal_of_merged{0};

inline bool has_feature(unsigned which) noexcept
{
    return (missing_features.load(std::memory_order_relaxed) & which) == 0;
}

/// Returns how many messages there were. Less than `count`: there are no more,
/// or the error of the next call is still to come.
int receive_messages(int fd, ::mmsghdr* messages, unsigned count) noexcept;
/// Returns how many messages went. The error of the next one is not always
/// told by the next call, if the socket is connected.
int send_messages(int fd, ::mmsghdr* messages, unsigned count) noexcept;
/// Lets datagrams arrive merged. What waits already is not changed.
int merge_receives(int fd, bool on) noexcept;
/// Whether a send can be of several datagrams: 0, or the negated error.
int find_merged_sends(int fd) noexcept;
/// Room for the control message of a send of merged datagrams.
inline constexpr std::size_t segment_control_size =
    CMSG_SPACE(sizeof(std::uint16_t));
/// Makes a message one of datagrams of this size.
void set_segment_size(
    ::msghdr& message, void* control, std::uint16_t size) noexcept;
/// The size of the datagrams in a message; 0: it is one.
std::size_t segment_size(::msghdr& message) noexcept;

// Datagrams. The portable engine calls these too, where it is on Linux, for
// what Asio does not have.

/// Receives one, and what else is wanted of it. Says what it is by the flags
/// of the message and by the outputs of `datagram`.
ssize_t receive_message(
    int fd,
    ::iovec* vectors,
    std::size_t count,
    int flags,
    int& flags_out,
    datagram_request& datagram) noexcept;
/// Waits for room unless the flags say otherwise, or the socket does.
ssize_t send_message(
    int fd,
    ::iovec const* vectors,
    std::size_t count,
    int flags,
    datagram_request const& datagram) noexcept;
/// Looks in a message for where it arrived.
void take_arrival(datagram_request& datagram, ::msghdr& message) noexcept;
/// Has the system say where datagrams arrive.
int enable_packet_information(int fd) noexcept;

} // namespace system
} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
