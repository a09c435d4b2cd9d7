#ifndef OPSLOT_TEST_CONTRACT_DATAGRAM_BATCHES_HPP
#define OPSLOT_TEST_CONTRACT_DATAGRAM_BATCHES_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/local.hpp>
#include <opslot/udp.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <netinet/udp.h>

#include "contract/datagrams.hpp"
#if !defined(OPSLOT_ENGINE_PORTABLE)
#include "engine/linux_system_calls.hpp"
#endif
#include "support/datagram_peer.hpp"
#include "support/run.hpp"

namespace contract {

using batch_context = support::counted<opslot::udp::datagram_batch_context>;

/// A context that receives into a slab of its own.
struct batch_receiver : batch_context
{
    std::vector<char> storage;

    explicit batch_receiver(
        std::size_t capacity = 64, std::size_t datagram_size = 2048)
        : batch_context(capacity)
        , storage(capacity * datagram_size, '.')
    {
        slab(boost::asio::buffer(storage), datagram_size);
    }

    std::string data(std::size_t index) const
    {
        auto const b = (*this)[index].buffer();
        return {static_cast<char const*>(b.data()), b.size()};
    }

    std::vector<std::string> all() const
    {
        std::vector<std::string> result;
        for (std::size_t i = 0; i != size(); ++i)
        {
            result.push_back(data(i));
        }
        return result;
    }
};

/// What the system does not have, or refuses.
struct environment
{
    char const* name;
    unsigned missing;
    int refusal;

    friend std::ostream& operator<<(std::ostream& s, environment const& e)
    {
        return s << e.name;
    }
};

/// What there is to do without; the portable engine does without all of it.
inline std::vector<environment> environments()
{
#if defined(OPSLOT_ENGINE_PORTABLE)
    return {{"everything", 0, 0}};
#else
    namespace feature = opslot::detail::system::feature;
    return {
        {"everything", 0, 0},
        {"no merged receives", feature::merged_receives, 0},
        {"no merged sends", feature::merged_sends, 0},
        {"one message a call", feature::several_messages, 0},
        {"nothing", ~0u, 0},
        {"merged sends are refused", 0, EIO},
        {"merged sends are too long", 0, EMSGSIZE}};
#endif
}

/// Makes the system one that lacks something, for a scope.
class forced
{
public:
    explicit forced([[maybe_unused]] environment const& e)
    {
#if !defined(OPSLOT_ENGINE_PORTABLE)
        opslot::detail::system::missing_features = e.missing;
        opslot::detail::system::refusal_of_merged = e.refusal;
#endif
    }

    forced(forced const&) = delete;
    forced& operator=(forced const&) = delete;

    ~forced()
    {
#if !defined(OPSLOT_ENGINE_PORTABLE)
        opslot::detail::system::missing_features = 0;
        opslot::detail::system::refusal_of_merged = 0;
#endif
    }
};

/// Sends datagrams of this size by one call, as merged ones; the last one is
/// what is left.
inline void send_merged(
    support::datagram_peer& peer,
    std::string const& data,
    std::size_t size,
    boost::asio::ip::udp::endpoint const& target)
{
    auto const set = [&](std::size_t value) {
        int const v = static_cast<int>(value);
        BOOST_REQUIRE_MESSAGE(
            ::setsockopt(
                peer.native_handle(),
                IPPROTO_UDP,
                UDP_SEGMENT,
                &v,
                sizeof(v)) == 0,
            "this needs UDP_SEGMENT, since Linux 4.18");
    };
    set(size);
    peer.send(data, target);
    set(0);
}

/// The parts of a string, as merged datagrams are.
inline std::vector<std::string> split(std::string const& data, std::size_t size)
{
    std::vector<std::string> result;
    for (std::size_t i = 0; i < data.size(); i += size)
    {
        result.push_back(data.substr(i, size));
    }
    return result;
}

} // namespace contract

#endif
