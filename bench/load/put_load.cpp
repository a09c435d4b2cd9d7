// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <string>

#include <sys/resource.h>
#include <sys/socket.h>

#include "load.hpp"
#include "support.hpp"

namespace bench {
namespace {

using make_function =
    std::unique_ptr<load> (*)(cell const& c, std::uint16_t port);

make_function maker_for(std::string const& suite)
{
    static std::map<std::string, make_function> const special{
        {"udp_receive", &make_datagram_load},
        {"udp_send", &make_datagram_load},
        {"udp_echo", &make_datagram_load},
        {"bursts", &make_datagram_load},
        {"accept_churn", &make_churn_load},
        {"idle", &make_idle_load},
        {"tls", &make_tls_load},
        {"http", &make_wrk_load},
    };
    auto const found = special.find(suite);
    return found == special.end() ? &make_stream_load : found->second;
}

} // namespace

void put_load(cell const& c, std::uint16_t port, int control)
{
    outcome result;
    try
    {
        auto const generator = maker_for(c.suite)(c, port);
        check(::send(control, &result, sizeof(result), MSG_NOSIGNAL), "send");
        order o;
        while (::recv(control, &o, sizeof(o), 0) == sizeof(o))
        {
            result = generator->run(o);
            check(
                ::send(control, &result, sizeof(result), MSG_NOSIGNAL), "send");
        }
    }
    catch (std::exception const& e)
    {
        std::strncpy(
            result.problem.data(), e.what(), result.problem.size() - 1);
        ::send(control, &result, sizeof(result), MSG_NOSIGNAL);
        // A socket that is closed with something unread loses what it sent.
        order ignored;
        while (::recv(control, &ignored, sizeof(ignored), 0) > 0)
        {}
    }
}

} // namespace bench
