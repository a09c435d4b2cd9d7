// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/error.hpp>

#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

#include <string>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace {

class category final : public boost::system::error_category
{
public:
    char const* name() const noexcept override { return "opslot"; }

    std::string message(int value) const override
    {
        switch (static_cast<error>(value))
        {
        case error::timeout:
            return "The operation's deadline passed";
        case error::context_busy:
            return "The context has an operation pending";
        case error::context_disposed:
            return "The context was disposed";
        case error::no_buffer:
            return "The context has no buffer";
        case error::buffer_and_list:
            return "The context has both a buffer and a buffer list";
        case error::out_of_range:
            return "The offset or count is not within the buffer";
        case error::not_owned:
            return "The object to keep alive is owned by no pointer";
        case error::no_execution_context:
            return "The executor leads to no execution context";
        case error::send_interrupted:
            return "A partly written send was withdrawn";
        case error::no_endpoint:
            return "The context has no endpoint";
        case error::already_configured:
            return "The engine is already in use with other options";
        case error::no_elements:
            return "The context has no elements to transmit";
        case error::file_shrunk:
            return "A file became shorter while it was transmitted";
        }
        return "Unknown error " + std::to_string(value);
    }

    boost::system::error_condition
    default_error_condition(int value) const noexcept override
    {
        namespace errc = boost::system::errc;
        switch (static_cast<error>(value))
        {
        case error::timeout:
            return errc::make_error_condition(errc::timed_out);
        case error::context_busy:
            return errc::make_error_condition(errc::operation_in_progress);
        case error::context_disposed:
        case error::no_buffer:
        case error::buffer_and_list:
        case error::out_of_range:
        case error::not_owned:
        case error::no_execution_context:
        case error::no_endpoint:
        case error::already_configured:
        case error::no_elements:
            return errc::make_error_condition(errc::invalid_argument);
        case error::file_shrunk:
            return errc::make_error_condition(errc::io_error);
        case error::send_interrupted:
            return errc::make_error_condition(errc::broken_pipe);
        }
        return {value, *this};
    }
};

} // namespace

boost::system::error_category const& error_category() noexcept
{
    static category const instance;
    return instance;
}

void detail::throw_error(error e)
{
    throw_error(make_error_code(e));
}

void detail::throw_error(boost::system::error_code const& ec)
{
    boost::throw_exception(
        boost::system::system_error(ec), BOOST_CURRENT_LOCATION);
}

} // namespace OPSLOT_ABI
} // namespace opslot
