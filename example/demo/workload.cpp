// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "workload.hpp"

#include <cstdint>

#include "http_text.hpp"

namespace demo {

std::string_view name_of(library l) noexcept
{
    return l == library::asio ? "Asio" : "opslot";
}

std::array<workload, 10> const workloads = {{
    {"echo, 64 peers",
     traffic::echo,
     64,
     1,
     64,
     64,
     4096,
     "Nearly all of the time is spent in the kernel, and Asio recycles the "
     "memory of its operations: do not expect a difference here."},
    {"pipelined, 16 x 64 peers",
     traffic::echo,
     64,
     16,
     64,
     64,
     256,
     "The server receives 256 bytes at a time, so much of what it asks for "
     "is there already."},
    {"a deadline on every read",
     traffic::deadline,
     64,
     1,
     64,
     64,
     4096,
     "The same echo. With Asio a timer is set anew for each read; a context "
     "has a deadline of its own."},
    {"32 replies per request",
     traffic::replies,
     64,
     1,
     64,
     32 * 64,
     4096,
     "A message is all 32 replies, each an operation. With Asio one follows "
     "the other; contexts are started all at once, and what they send leaves "
     "by one call."},
    {"broadcast to 32 peers",
     traffic::broadcast,
     32,
     4,
     64,
     64,
     64,
     "A message is one delivery. A handler that starts many operations needs "
     "more memory than Asio keeps."},
    {"reply from a worker thread",
     traffic::worker,
     64,
     1,
     64,
     64,
     4096,
     "Asio keeps memory for the threads that call run() only. Two threads on "
     "one core: most of the time is theirs, and that of the queue between "
     "them."},
    {"large handlers (1.1 KB)",
     traffic::large_handler,
     64,
     1,
     64,
     64,
     4096,
     "Asio keeps no block for an operation of more than 1020 bytes. A "
     "handler in a context is stored once and stays."},
    {"HTTP keep-alive, 64 peers",
     traffic::http,
     64,
     1,
     http_request.size(),
     http_response.size(),
     8192,
     "The same small server on both, without an HTTP library."},
    {"files of 64 KiB, 8 peers",
     traffic::file,
     8,
     1,
     64,
     65536,
     65536,
     "With Asio the file is read and written; a transmission has the kernel "
     "send it."},
    {"UDP echo, 64 in a packet",
     traffic::datagrams,
     2,
     64,
     64,
     64,
     64,
     "The load sends up to 64 datagrams as one packet. Asio receives and sends "
     "them one by one, a batch takes them as they come."},
}};

std::string noise(std::size_t size)
{
    std::string text(size, '\0');
    std::uint32_t state = 1;
    for (char& c : text)
    {
        state = state * 1664525u + 1013904223u;
        c = static_cast<char>(state >> 24);
    }
    return text;
}

} // namespace demo
