// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/datagram_context.hpp>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

packet_information arrival_of(datagram_request const& request) noexcept
{
    namespace ip = boost::asio::ip;
    packet_information result;
    result.interface_index = request.interface_index;
    if (request.arrived_at_size == sizeof(ip::address_v4::bytes_type))
    {
        ip::address_v4::bytes_type bytes;
        std::copy_n(request.arrived_at.begin(), bytes.size(), bytes.begin());
        result.destination = ip::address_v4(bytes);
    }
    else if (request.arrived_at_size == sizeof(ip::address_v6::bytes_type))
    {
        ip::address_v6::bytes_type bytes;
        std::copy_n(request.arrived_at.begin(), bytes.size(), bytes.begin());
        ip::address_v6 address(bytes);
        if (address.is_link_local() || address.is_multicast_link_local())
        {
            address.scope_id(request.interface_index);
        }
        result.destination = address;
    }
    return result;
}

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot
