// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if !defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/error.hpp>
#include <opslot/reactor_options.hpp>

#include "engine/find_engine.hpp"
#include "engine/reactor.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

namespace {

/// Keeps the options until there is an engine.
class options_service final : public boost::asio::execution_context::service
{
public:
    using key_type = options_service;

    static inline boost::asio::execution_context::id id;

    explicit options_service(
        boost::asio::execution_context& context,
        reactor_options const& o = reactor_options())
        : service(context)
        , options(o)
    {}

    reactor_options const options;

private:
    void shutdown() noexcept override {}
};

} // namespace

/// Owns the engine of an execution context while the context is there.
class reactor_service final : public boost::asio::execution_context::service
{
public:
    using key_type = reactor_service;

    static inline boost::asio::execution_context::id id;

    explicit reactor_service(boost::asio::execution_context& context)
        : service(context)
        , engine_(new engine(
              context,
              boost::asio::use_service<options_service>(context).options))
    {}

    engine& get() const noexcept { return *engine_; }

private:
    void shutdown() noexcept override { engine_->shutdown(); }

    void notify_fork(boost::asio::execution_context::fork_event e) override
    {
        if (e == boost::asio::execution_context::fork_child)
        {
            engine_->after_fork();
        }
    }

    engine_ptr engine_;
};

engine_ptr engine_of(executor_description const& description)
{
    boost::asio::execution_context& context = description.context;
    if (!boost::asio::has_service<reactor_service>(context))
    {
        // Asio's reactor has to be there first: it is then told of a fork
        // before the engine, which unregisters its set in the child.
        boost::asio::posix::basic_stream_descriptor<
            boost::asio::any_io_executor> const first(description.executor);
    }
    engine& e = boost::asio::use_service<reactor_service>(context).get();
    e.use_executor(description);
    return engine_ptr(&e);
}

engine* find_engine(boost::asio::execution_context& context) noexcept
{
    return boost::asio::has_service<reactor_service>(context)
               ? &boost::asio::use_service<reactor_service>(context).get()
               : nullptr;
}

boost::asio::execution_context& context_of(engine& e) noexcept
{
    return e.context();
}

operation_memory& memory_of(engine& e) noexcept
{
    return e.memory();
}

diagnostics_report report_of(engine& e) noexcept
{
    return e.report();
}

} // namespace detail

void configure(
    boost::asio::execution_context& context, reactor_options const& options)
{
    if (options.handlers_per_turn == 0)
    {
        detail::throw_if(error::out_of_range);
    }
    using detail::options_service;
    if (!boost::asio::has_service<options_service>(context))
    {
        boost::asio::make_service<options_service>(context, options);
        return;
    }
    auto const& used =
        boost::asio::use_service<options_service>(context).options;
    if (used.single_threaded != options.single_threaded ||
        used.handlers_per_turn != options.handlers_per_turn)
    {
        detail::throw_if(error::already_configured);
    }
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
