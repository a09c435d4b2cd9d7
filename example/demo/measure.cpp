// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "measure.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <sys/resource.h>

#include "system_calls.hpp"

namespace demo {
namespace {

std::chrono::nanoseconds duration_of(timeval const& t) noexcept
{
    return std::chrono::seconds(t.tv_sec) +
           std::chrono::microseconds(t.tv_usec);
}

std::chrono::nanoseconds processor_time() noexcept
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
}

} // namespace

meter::meter(
    boost::asio::io_context& io,
    int control,
    work_done const& work,
    std::size_t message_bytes)
    : io_(io)
    , control_(io, control)
    , work_(work)
    , message_bytes_(message_bytes)
    , sees_allocations_(opslot::testing::allocation_counter::available())
    , heap_(opslot::testing::allocation_counter::scope::process)
{}

void meter::start(unsigned short port)
{
    boost::asio::write(control_, boost::asio::buffer(&port, sizeof(port)));
    receive_command();
}

void meter::receive_command()
{
    control_.async_read_some(
        boost::asio::buffer(&command_, 1),
        [this](boost::system::error_code ec, std::size_t) {
            if (ec)
            {
                io_.stop();
                return;
            }
            // What the meter itself needs stays outside of what it measures.
            char const command = command_;
            if (command == command_end)
            {
                end();
            }
            receive_command();
            if (command == command_begin)
            {
                begin();
            }
        });
}

measurement meter::now() const noexcept
{
    measurement m;
    m.time = std::chrono::steady_clock::now().time_since_epoch();
    m.processor_time = processor_time();
    m.messages = work_.bytes() / message_bytes_;
    m.operations = work_.operations();
    m.system_calls = system_calls();
    m.allocations = heap_.count();
    m.sees_allocations = sees_allocations_;
    return m;
}

void meter::begin() noexcept
{
    begin_ = now();
}

void meter::end()
{
    measurement m = now();
    m.time -= begin_.time;
    m.processor_time -= begin_.processor_time;
    m.messages -= begin_.messages;
    m.operations -= begin_.operations;
    m.system_calls -= begin_.system_calls;
    m.allocations -= begin_.allocations;
    boost::asio::write(control_, boost::asio::buffer(&m, sizeof(m)));
}

} // namespace demo
