// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/connect_context.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <limits>
#include <string>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace {

/// Why a name is no name; success if it may be one.
boost::system::error_code
check_name(std::string_view host, std::string_view service)
{
    if (host.empty() || service.empty())
    {
        return boost::asio::error::invalid_argument;
    }
    boost::system::error_code ec;
    auto const address = boost::asio::ip::make_address(std::string(host), ec);
    if (!ec && address.is_unspecified())
    {
        return boost::asio::error::invalid_argument;
    }
    // The system would take the lower bits of a larger number.
    bool const is_number =
        std::all_of(service.begin(), service.end(), [](char c) {
            return c >= '0' && c <= '9';
        });
    unsigned long port = 0;
    for (std::size_t i = 0; is_number && i != service.size(); ++i)
    {
        port = port * 10 + static_cast<unsigned long>(service[i] - '0');
        if (port > std::numeric_limits<unsigned short>::max())
        {
            return opslot::error::out_of_range;
        }
    }
    return {};
}

} // namespace

void connect_context::set_endpoints(detail::connect_endpoints list)
{
    if (list.empty())
    {
        detail::throw_if(opslot::error::no_endpoint);
    }
    plan_.endpoints = std::move(list);
    plan_.host.clear();
    has_list_ = true;
}

void connect_context::name(std::string_view host, std::string_view service)
{
    check_idle();
    detail::throw_if(check_name(host, service));
    std::string new_host(host);
    std::string new_service(service);
    plan_.host = std::move(new_host);
    plan_.service = std::move(new_service);
    has_list_ = false;
}

void connect_context::parallel(bool on)
{
    check_idle();
    plan_.is_parallel = on;
}

void connect_context::head_start(std::chrono::steady_clock::duration duration)
{
    check_idle();
    if (duration <= duration.zero())
    {
        detail::throw_if(opslot::error::out_of_range);
    }
    plan_.head_start = duration;
}

void connect_context::buffer(boost::asio::const_buffer b)
{
    check_idle();
    plan_.data = b;
}

void connect_context::fast_open(bool on)
{
    check_idle();
    plan_.uses_fast_open = on;
}

detail::connect_composition* connect_context::compose(
    detail::engine& e, boost::asio::any_io_executor const& executor)
{
    if (!has_list_ && !plan_.has_name())
    {
        // One endpoint, and data.
        plan_.endpoints.assign(1, endpoint_);
    }
    boost::intrusive_ptr<detail::connect_composition> const next(
        new detail::connect_composition(e, result(), executor, plan_));
    drop_composition();
    composition_ = next;
    peer_ = {};
    was_composed_ = true;
    was_by_name_ = plan_.has_name();
    conclude_by(&connect_context::conclude);
    return next.get();
}

/// The operation is over: ends its steps, and has the rest of its result.
void connect_context::conclude(operation_context& context, bool)
{
    auto& self = static_cast<connect_context&>(context);
    if (!self.composition_)
    {
        return;
    }
    self.composition_->stop();
    if (self.error())
    {
        // What ended the operation did not know.
        self.result().bytes_transferred = self.composition_->sent();
    }
    else
    {
        self.peer_ = self.composition_->peer();
    }
    self.composition_.reset();
}

} // namespace OPSLOT_ABI
} // namespace opslot
