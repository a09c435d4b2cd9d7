// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The faults, see layer.hpp. A fault never tells what the system could not:
//
// EINTR            the call was not made; of close(2) and connect(2) it was,
//                  as Linux does it.
// EAGAIN, nothing  the call was not made. What it would have got is announced
// ready, few       by a new edge right behind it: the registration of the
// bytes            socket is modified to what it is already, which has the
//                  system report whatever is there as new. So it is as if the
//                  event had come, or the other bytes had arrived, just after
//                  the call.
// a spurious       an event of those that a registration asks for, without
// wake-up          anything being there.
// a late event     is taken out of the result of epoll_wait(2) and announced
//                  again in the same way.
// another order    of the events of one call.
// ECONNABORTED     of accept4(2), before the connection that is there.

#include "faults/layer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "support/sanitizers.hpp"

// A program that it is linked into; elsewhere memory is not its own.
#if defined(OPSLOT_FAULTS_PRELOADED) || OPSLOT_TEST_ADDRESS_SANITIZER ||       \
    OPSLOT_TEST_THREAD_SANITIZER
#define OPSLOT_FAULTS_HEAP 0
#else
#define OPSLOT_FAULTS_HEAP 1
#endif

namespace faults {
namespace {

/// The function of this name that would have been called without this file.
template<typename Function>
Function* next(char const* name) noexcept
{
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

#define OPSLOT_FAULTS_NEXT(name)                                               \
    static auto* const real = ::faults::next<decltype(::name)>(#name)

constexpr auto kinds = static_cast<std::size_t>(call::count);

// Chance

std::atomic<unsigned> rate{0};
std::atomic<std::uint64_t> seed{0};
std::atomic<std::uint64_t> draws{0};
/// No transfer is cut.
std::atomic<bool> is_whole{false};
std::array<std::atomic<std::uint64_t>, kinds> storm_hits{};

/// The next of a row of numbers that the seed determines (SplitMix64).
std::uint64_t draw() noexcept
{
    std::uint64_t z = seed.load(std::memory_order_relaxed) +
                      0x9e3779b97f4a7c15u *
                          (1 + draws.fetch_add(1, std::memory_order_relaxed));
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/// Whether the storm hits a call; which way is drawn then.
bool strikes() noexcept
{
    unsigned const one_in = rate.load(std::memory_order_relaxed);
    return one_in != 0 && draw() % one_in == 0;
}

void note(call which) noexcept
{
    storm_hits[static_cast<std::size_t>(which)].fetch_add(
        1, std::memory_order_relaxed);
}

/// The call fails with this error.
int fail(call which, int error) noexcept
{
    note(which);
    errno = error;
    return -1;
}

// Force

std::atomic<call> forced_call{call::count};
std::atomic<unsigned> forced_skip{0};
std::atomic<unsigned> forced_times{0};
std::atomic<unsigned> forced_hits{0};
std::atomic<int> forced_error{0};

/// Whether this call is to fail; with errno set then.
bool is_forced(call which) noexcept
{
    if (forced_call.load(std::memory_order_acquire) != which)
    {
        return false;
    }
    if (forced_skip != 0)
    {
        --forced_skip;
        return false;
    }
    if (forced_times == 0)
    {
        return false;
    }
    --forced_times;
    ++forced_hits;
    errno = forced_error;
    return true;
}

// Descriptors

bool does_not_wait(int fd) noexcept
{
    int const before = errno;
    int const flags = ::fcntl(fd, F_GETFL);
    errno = before;
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

bool does_not_wait(int fd, int flags) noexcept
{
    return (flags & MSG_DONTWAIT) != 0 || does_not_wait(fd);
}

/// A socket of which a part of what is there, or has room, may be
/// transferred.
bool is_stream(int fd) noexcept
{
    int const before = errno;
    int type = 0;
    ::socklen_t size = sizeof(type);
    bool const is_known =
        ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    errno = before;
    return is_known && type == SOCK_STREAM;
}

/// What a set was told of a descriptor.
struct registration
{
    int set = -1;
    ::epoll_event event{};
    /// In several sets: left alone.
    bool is_shared = false;
};

/// All that is registered, by descriptor.
class registrations
{
public:
    static registrations& instance() noexcept
    {
        static registrations all;
        return all;
    }

    int control(int set, int operation, int fd, ::epoll_event* event) noexcept
    {
        OPSLOT_FAULTS_NEXT(epoll_ctl);
        std::lock_guard const lock(mutex_);
        int const result = real(set, operation, fd, event);
        if (result == 0 && is_known(fd))
        {
            registration& r = all_[static_cast<std::size_t>(fd)];
            most_ = std::max(most_, fd + 1);
            if (operation == EPOLL_CTL_DEL)
            {
                r = registration();
            }
            else
            {
                r.is_shared |= r.set >= 0 && r.set != set;
                r.set = set;
                r.event = *event;
            }
        }
        return result;
    }

    /// Has the system report anew what is there. False: it cannot be asked.
    bool announce(int fd) noexcept
    {
        OPSLOT_FAULTS_NEXT(epoll_ctl);
        int const before = errno;
        std::lock_guard const lock(mutex_);
        bool done = false;
        if (is_known(fd) && !all_[static_cast<std::size_t>(fd)].is_shared)
        {
            registration& r = all_[static_cast<std::size_t>(fd)];
            // One that is not registered is asked when it will be.
            done = r.set < 0 || real(r.set, EPOLL_CTL_MOD, fd, &r.event) == 0;
        }
        errno = before;
        return done;
    }

    /// Finds the descriptor of an event, and that it can be announced.
    int find(int set, ::epoll_event const& event) noexcept
    {
        std::lock_guard const lock(mutex_);
        for (int fd = 0; fd != most_; ++fd)
        {
            registration const& r = all_[static_cast<std::size_t>(fd)];
            if (r.set == set && !r.is_shared &&
                r.event.data.u64 == event.data.u64)
            {
                return fd;
            }
        }
        return -1;
    }

    /// An event of a set that somebody asked for, from a place by chance.
    bool invent(int set, std::uint64_t where, ::epoll_event& event) noexcept
    {
        std::lock_guard const lock(mutex_);
        for (int i = 0; i != most_; ++i)
        {
            auto const fd = static_cast<std::size_t>(
                (where + static_cast<std::uint64_t>(i)) %
                static_cast<std::uint64_t>(most_));
            registration const& r = all_[fd];
            std::uint32_t const asked = r.event.events & (EPOLLIN | EPOLLOUT);
            if (r.set == set && !r.is_shared && asked != 0 &&
                (r.event.events & EPOLLONESHOT) == 0)
            {
                event.data = r.event.data;
                event.events = asked;
                return true;
            }
        }
        return false;
    }

    void forget(int fd) noexcept
    {
        std::lock_guard const lock(mutex_);
        if (is_known(fd))
        {
            all_[static_cast<std::size_t>(fd)] = registration();
            for (int i = 0; i != most_; ++i)
            {
                registration& r = all_[static_cast<std::size_t>(i)];
                if (r.set == fd)
                {
                    r = registration();
                }
            }
        }
    }

private:
    static constexpr std::size_t capacity = 65536;

    static bool is_known(int fd) noexcept
    {
        return fd >= 0 && static_cast<std::size_t>(fd) < capacity;
    }

    std::mutex mutex_;
    int most_ = 0;
    std::array<registration, capacity> all_;
};

// Faults of transfers

enum class fault
{
    none,
    interrupted,
    nothing,
    few
};

/// What happens to a transfer that does not wait.
fault fault_of(bool can_be_short) noexcept
{
    if (!strikes())
    {
        return fault::none;
    }
    switch (draw() % 3)
    {
    case 0:
        return fault::interrupted;
    case 1:
        return fault::nothing;
    default:
        return can_be_short && !is_whole ? fault::few : fault::none;
    }
}

/// At least one, and fewer than there are.
std::size_t fewer(std::size_t size) noexcept
{
    return draw() % 2 == 0 ? 1 : 1 + draw() % (size - 1);
}

/// The first bytes of a list.
struct shorter_list
{
    std::array<::iovec, 64> vectors{};
    std::size_t count = 0;

    shorter_list(::iovec const* list, std::size_t size, std::size_t left)
    {
        for (; count != size && count != vectors.size() && left != 0; ++count)
        {
            vectors[count] = list[count];
            vectors[count].iov_len = std::min(list[count].iov_len, left);
            left -= vectors[count].iov_len;
        }
    }
};

std::size_t size_of(::msghdr const& message) noexcept
{
    std::size_t sum = 0;
    for (std::size_t i = 0; i != message.msg_iovlen; ++i)
    {
        sum += message.msg_iov[i].iov_len;
    }
    return sum;
}

/// What all transfers have in common. `make` is called with the number of
/// bytes that may be transferred at most, 0 for all.
template<typename Make>
ssize_t transfer(
    call which,
    int fd,
    int flags,
    std::size_t size,
    Make make,
    bool has_event = true) noexcept
{
    if (!does_not_wait(fd, flags))
    {
        return make(0);
    }
    if (is_forced(which))
    {
        return -1;
    }
    bool const can_be_short =
        size > 1 && (flags & (MSG_OOB | MSG_PEEK | MSG_TRUNC)) == 0;
    switch (fault_of(can_be_short))
    {
    case fault::interrupted:
        return fail(which, EINTR);
    case fault::nothing:
        if (has_event && registrations::instance().announce(fd))
        {
            return fail(which, EAGAIN);
        }
        break;
    case fault::few:
        if (is_stream(fd))
        {
            note(which);
            ssize_t const result = make(fewer(size));
            registrations::instance().announce(fd);
            return result;
        }
        break;
    case fault::none:
        break;
    }
    return make(0);
}

/// The same of several messages. `make` is called with the number of messages
/// that may be transferred at most.
template<typename Make>
int transfer_messages(
    call which,
    int fd,
    int flags,
    unsigned count,
    Make make,
    bool has_event = true) noexcept
{
    if (!does_not_wait(fd, flags))
    {
        return make(count);
    }
    if (is_forced(which))
    {
        return -1;
    }
    switch (fault_of(count > 1))
    {
    case fault::interrupted:
        return fail(which, EINTR);
    case fault::nothing:
        if (has_event && registrations::instance().announce(fd))
        {
            return fail(which, EAGAIN);
        }
        break;
    case fault::few: {
        note(which);
        int const result = make(static_cast<unsigned>(fewer(count)));
        registrations::instance().announce(fd);
        return result;
    }
    case fault::none:
        break;
    }
    return make(count);
}

/// A local address without room is no event to who sends, unix(7).
bool has_event(::msghdr const& message) noexcept
{
    auto const* const target = static_cast<::sockaddr const*>(message.msg_name);
    return !target || target->sa_family != AF_UNIX;
}

// The storm of a program that knows nothing of it

unsigned long number_of(char const* options, char const* name)
{
    char const* const found = std::strstr(options, name);
    return found ? std::strtoul(found + std::strlen(name), nullptr, 10) : 0;
}

/// Fails the program if nothing was hit: it would have proved nothing.
class weather
{
public:
    weather()
    {
        if (char const* const options = std::getenv("OPSLOT_FAULTS"))
        {
            seed = number_of(options, "seed=");
            rate = static_cast<unsigned>(number_of(options, "rate="));
            is_whole = std::strstr(options, "whole") != nullptr;
        }
    }

    ~weather()
    {
        if (std::getenv("OPSLOT_FAULTS") == nullptr)
        {
            return;
        }
        rate = 0;
        std::uint64_t sum = 0;
        for (auto const& n : storm_hits)
        {
            sum += n;
        }
        std::fprintf(
            stderr, "faults: %llu\n", static_cast<unsigned long long>(sum));
        if (sum == 0)
        {
            std::fflush(nullptr);
            ::_exit(1);
        }
    }
};

weather const of_the_program;

} // namespace

forced::forced(call which, int error, unsigned skip, unsigned times)
{
    forced_error = error;
    forced_skip = skip;
    forced_times = times;
    forced_hits = 0;
    forced_call.store(which, std::memory_order_release);
}

forced::~forced()
{
    forced_call = call::count;
}

unsigned forced::hits() const noexcept
{
    return forced_hits;
}

bool reaches_the_heap() noexcept
{
    return OPSLOT_FAULTS_HEAP != 0;
}

storm::storm(std::uint64_t with_seed, unsigned with_rate)
{
    for (auto& n : storm_hits)
    {
        n = 0;
    }
    seed = with_seed;
    draws = 0;
    rate = with_rate;
}

storm::~storm()
{
    rate = 0;
}

std::uint64_t storm::hits(call which) const noexcept
{
    return storm_hits[static_cast<std::size_t>(which)];
}

} // namespace faults

// What the program calls

extern "C" {

ssize_t recv(int fd, void* data, size_t size, int flags)
{
    OPSLOT_FAULTS_NEXT(recv);
    return faults::transfer(
        faults::call::recv, fd, flags, size, [=](std::size_t at_most) {
            return real(fd, data, at_most ? at_most : size, flags);
        });
}

ssize_t send(int fd, void const* data, size_t size, int flags)
{
    OPSLOT_FAULTS_NEXT(send);
    return faults::transfer(
        faults::call::send, fd, flags, size, [=](std::size_t at_most) {
            return real(fd, data, at_most ? at_most : size, flags);
        });
}

ssize_t recvmsg(int fd, ::msghdr* message, int flags)
{
    OPSLOT_FAULTS_NEXT(recvmsg);
    std::size_t const size = faults::size_of(*message);
    return faults::transfer(
        faults::call::recvmsg, fd, flags, size, [=](std::size_t at_most) {
            if (at_most == 0)
            {
                return real(fd, message, flags);
            }
            faults::shorter_list list(
                message->msg_iov, message->msg_iovlen, at_most);
            ::msghdr part = *message;
            part.msg_iov = list.vectors.data();
            part.msg_iovlen = list.count;
            ssize_t const result = real(fd, &part, flags);
            message->msg_flags = part.msg_flags;
            message->msg_namelen = part.msg_namelen;
            message->msg_controllen = part.msg_controllen;
            return result;
        });
}

ssize_t sendmsg(int fd, ::msghdr const* message, int flags)
{
    OPSLOT_FAULTS_NEXT(sendmsg);
    auto const make = [=](std::size_t at_most) {
        if (at_most == 0)
        {
            return real(fd, message, flags);
        }
        faults::shorter_list list(
            message->msg_iov, message->msg_iovlen, at_most);
        ::msghdr part = *message;
        part.msg_iov = list.vectors.data();
        part.msg_iovlen = list.count;
        return real(fd, &part, flags);
    };
    return faults::transfer(
        faults::call::sendmsg,
        fd,
        flags,
        faults::size_of(*message),
        make,
        faults::has_event(*message));
}

int recvmmsg(
    int fd, ::mmsghdr* messages, unsigned count, int flags, ::timespec* timeout)
{
    OPSLOT_FAULTS_NEXT(recvmmsg);
    return faults::transfer_messages(
        faults::call::recvmmsg, fd, flags, count, [=](unsigned at_most) {
            return real(fd, messages, at_most, flags, timeout);
        });
}

int sendmmsg(int fd, ::mmsghdr* messages, unsigned count, int flags)
{
    OPSLOT_FAULTS_NEXT(sendmmsg);
    return faults::transfer_messages(
        faults::call::sendmmsg,
        fd,
        flags,
        count,
        [=](unsigned at_most) { return real(fd, messages, at_most, flags); },
        faults::has_event(messages->msg_hdr));
}

ssize_t sendfile(int fd, int file, ::off_t* offset, size_t size) noexcept
{
    OPSLOT_FAULTS_NEXT(sendfile);
    return faults::transfer(
        faults::call::sendfile, fd, 0, size, [=](std::size_t at_most) {
            return real(fd, file, offset, at_most ? at_most : size);
        });
}

ssize_t sendfile64(int fd, int file, ::off64_t* offset, size_t size) noexcept
{
    return ::sendfile(fd, file, offset, size);
}

ssize_t pread(int fd, void* data, size_t size, ::off_t offset)
{
    OPSLOT_FAULTS_NEXT(pread);
    if (faults::is_forced(faults::call::pread))
    {
        return -1;
    }
    if (faults::does_not_wait(fd) && faults::strikes())
    {
        if (size < 2 || faults::draw() % 2 == 0)
        {
            return faults::fail(faults::call::pread, EINTR);
        }
        faults::note(faults::call::pread);
        return real(fd, data, faults::fewer(size), offset);
    }
    return real(fd, data, size, offset);
}

ssize_t pread64(int fd, void* data, size_t size, ::off64_t offset)
{
    return ::pread(fd, data, size, offset);
}

int accept4(int fd, ::sockaddr* address, ::socklen_t* size, int flags)
{
    OPSLOT_FAULTS_NEXT(accept4);
    if (faults::does_not_wait(fd) && (flags & SOCK_NONBLOCK) != 0)
    {
        if (faults::is_forced(faults::call::accept4))
        {
            return -1;
        }
        if (faults::strikes())
        {
            switch (faults::draw() % 3)
            {
            case 0:
                return faults::fail(faults::call::accept4, EINTR);
            case 1:
                return faults::fail(faults::call::accept4, ECONNABORTED);
            default:
                if (faults::registrations::instance().announce(fd))
                {
                    return faults::fail(faults::call::accept4, EAGAIN);
                }
            }
        }
    }
    return real(fd, address, size, flags);
}

int connect(int fd, ::sockaddr const* address, ::socklen_t size)
{
    OPSLOT_FAULTS_NEXT(connect);
    if (!faults::does_not_wait(fd))
    {
        return real(fd, address, size);
    }
    if (faults::is_forced(faults::call::connect))
    {
        return -1;
    }
    int const result = real(fd, address, size);
    if (result < 0 && errno == EINPROGRESS && faults::strikes())
    {
        // It goes on all the same.
        return faults::fail(faults::call::connect, EINTR);
    }
    return result;
}

int close(int fd)
{
    OPSLOT_FAULTS_NEXT(close);
    bool const is_hit = faults::is_stream(fd) && faults::does_not_wait(fd);
    faults::registrations::instance().forget(fd);
    int const result = real(fd);
    if (is_hit && faults::is_forced(faults::call::close))
    {
        return -1;
    }
    return result == 0 && is_hit && faults::strikes()
               ? faults::fail(faults::call::close, EINTR)
               : result;
}

int dup3(int from, int to, int flags) noexcept
{
    OPSLOT_FAULTS_NEXT(dup3);
    if (faults::is_forced(faults::call::dup3))
    {
        return -1;
    }
    if (faults::strikes())
    {
        return faults::fail(faults::call::dup3, EINTR);
    }
    faults::registrations::instance().forget(to);
    return real(from, to, flags);
}

int poll(::pollfd* entries, ::nfds_t count, int timeout)
{
    OPSLOT_FAULTS_NEXT(poll);
    if (timeout == 0 && count == 1)
    {
        if (faults::is_forced(faults::call::poll))
        {
            return -1;
        }
        if (faults::strikes())
        {
            if (faults::draw() % 2 == 0)
            {
                return faults::fail(faults::call::poll, EINTR);
            }
            if (faults::registrations::instance().announce(entries->fd))
            {
                faults::note(faults::call::poll);
                entries->revents = 0;
                return 0;
            }
        }
    }
    return real(entries, count, timeout);
}

int epoll_ctl(int set, int operation, int fd, ::epoll_event* event) noexcept
{
    if (faults::is_forced(faults::call::epoll_ctl))
    {
        return -1;
    }
    return faults::registrations::instance().control(set, operation, fd, event);
}

int epoll_wait(int set, ::epoll_event* events, int capacity, int timeout)
{
    OPSLOT_FAULTS_NEXT(epoll_wait);
    if (faults::is_forced(faults::call::epoll_wait))
    {
        return -1;
    }
    if (!faults::strikes())
    {
        return real(set, events, capacity, timeout);
    }
    auto& all = faults::registrations::instance();
    std::uint64_t const way = faults::draw() % 4;
    if (way == 0)
    {
        return faults::fail(faults::call::epoll_wait, EINTR);
    }
    ::epoll_event invented;
    if (way == 1 && all.invent(set, faults::draw(), invented))
    {
        faults::note(faults::call::epoll_wait);
        int const n = real(set, events, capacity, 0);
        if (n < 0)
        {
            return n;
        }
        if (n == 0 ||
            (n < capacity &&
             !std::any_of(events, events + n, [&](::epoll_event const& e) {
                 return e.data.u64 == invented.data.u64;
             })))
        {
            events[n] = invented;
            return n + 1;
        }
        return n;
    }
    int n = real(set, events, capacity, timeout);
    if (n <= 0)
    {
        return n;
    }
    faults::note(faults::call::epoll_wait);
    if (way == 2)
    {
        // Of two registrations with the same data either is right.
        int const late =
            static_cast<int>(faults::draw() % static_cast<std::uint64_t>(n));
        int const fd = all.find(set, events[late]);
        if (fd >= 0 && all.announce(fd))
        {
            events[late] = events[--n];
        }
    }
    for (int i = n; i > 1; --i)
    {
        std::swap(
            events[i - 1],
            events[faults::draw() % static_cast<std::uint64_t>(i)]);
    }
    return n;
}

int epoll_create1(int flags) noexcept
{
    OPSLOT_FAULTS_NEXT(epoll_create1);
    return faults::is_forced(faults::call::epoll_create1) ? -1 : real(flags);
}

int eventfd(unsigned value, int flags) noexcept
{
    OPSLOT_FAULTS_NEXT(eventfd);
    return faults::is_forced(faults::call::eventfd) ? -1 : real(value, flags);
}

int timerfd_create(::clockid_t clock, int flags) noexcept
{
    OPSLOT_FAULTS_NEXT(timerfd_create);
    return faults::is_forced(faults::call::timerfd_create) ? -1
                                                           : real(clock, flags);
}

int socket(int family, int type, int protocol) noexcept
{
    OPSLOT_FAULTS_NEXT(socket);
    return (type & SOCK_NONBLOCK) != 0 &&
                   faults::is_forced(faults::call::socket)
               ? -1
               : real(family, type, protocol);
}

int setsockopt(
    int fd, int level, int name, void const* data, ::socklen_t size) noexcept
{
    OPSLOT_FAULTS_NEXT(setsockopt);
    return faults::is_forced(faults::call::setsockopt)
               ? -1
               : real(fd, level, name, data, size);
}

int shutdown(int fd, int how) noexcept
{
    OPSLOT_FAULTS_NEXT(shutdown);
    return faults::is_forced(faults::call::shutdown) ? -1 : real(fd, how);
}

int getaddrinfo(
    char const* node,
    char const* service,
    ::addrinfo const* hints,
    ::addrinfo** results)
{
    OPSLOT_FAULTS_NEXT(getaddrinfo);
    return faults::is_forced(faults::call::getaddrinfo)
               ? errno
               : real(node, service, hints, results);
}

int open(char const* path, int flags, ...)
{
    OPSLOT_FAULTS_NEXT(open);
    ::mode_t mode = 0;
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)
    {
        std::va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, ::mode_t);
        va_end(rest);
    }
    if ((flags & O_NONBLOCK) != 0)
    {
        if (faults::is_forced(faults::call::open))
        {
            return -1;
        }
        if (faults::strikes())
        {
            return faults::fail(faults::call::open, EINTR);
        }
    }
    return real(path, flags, mode);
}

int open64(char const* path, int flags, ...)
{
    ::mode_t mode = 0;
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)
    {
        std::va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, ::mode_t);
        va_end(rest);
    }
    return ::open(path, flags, mode);
}

#if OPSLOT_FAULTS_HEAP

// Those of the C library, whose own name `malloc` is defined here.
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;

void* malloc(std::size_t size) noexcept
{
    return faults::is_forced(faults::call::malloc) ? nullptr
                                                   : __libc_malloc(size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    return faults::is_forced(faults::call::malloc)
               ? nullptr
               : __libc_memalign(alignment, size);
}

#endif

} // extern "C"
