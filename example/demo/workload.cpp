// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "workload.hpp"

#include "http_text.hpp"

namespace demo {

std::string_view name_of(library l) noexcept
{
    return l == library::asio ? "Asio" : "opslot";
}

std::array<workload, 6> const workloads = {{
    {"echo, 64 peers",
     traffic::echo,
     64,
     1,
     64,
     4096,
     "Nearly all of the time is spent in the kernel, and Asio recycles the "
     "memory of its operations: do not expect a difference here."},
    {"pipelined, 16 x 64 peers",
     traffic::echo,
     64,
     16,
     64,
     256,
     "The server receives 256 bytes at a time, so much of what it asks for "
     "is there already."},
    {"broadcast to 32 peers",
     traffic::broadcast,
     32,
     4,
     64,
     64,
     "A message is one delivery. A handler that starts many operations needs "
     "more memory than Asio keeps."},
    {"reply from a worker thread",
     traffic::worker,
     64,
     1,
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
     4096,
     "Asio keeps no block for an operation of more than 1020 bytes. A "
     "handler in a context is stored once and stays."},
    {"HTTP keep-alive, 64 peers",
     traffic::http,
     64,
     1,
     http_response.size(),
     8192,
     "The same small server on both, without an HTTP library."},
}};

} // namespace demo
