// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/config.hpp>

#if defined(OPSLOT_ENGINE_PORTABLE)

#include <opslot/error.hpp>
#include <opslot/reactor_options.hpp>

#include "engine/find_engine.hpp"
#include "engine/portable.hpp"

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

void intrusive_ptr_add_ref(engine* e) noexcept
{
    e->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(engine* e) noexcept
{
    if (e->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    {
        delete e;
    }
}

/// Owns the engine of an execution context while the context is there.
class portable_service final : public boost::asio::execution_context::service
{
public:
    using key_type = portable_service;

    static inline boost::asio::execution_context::id id;

    explicit portable_service(boost::asio::execution_context& context)
        : service(context)
        , engine_(new engine(context))
    {}

    engine& get() const noexcept { return *engine_; }

private:
    void shutdown() noexcept override { engine_->shutdown(); }

    engine_ptr engine_;
};

engine_ptr engine_of(executor_description const& description)
{
    engine& e =
        boost::asio::use_service<portable_service>(description.context).get();
    e.use_executor(description);
    return engine_ptr(&e);
}

engine* find_engine(boost::asio::execution_context& context) noexcept
{
    return boost::asio::has_service<portable_service>(context)
               ? &boost::asio::use_service<portable_service>(context).get()
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

// This engine has nothing to configure, so the options are only checked.
void configure(boost::asio::execution_context&, reactor_options const& options)
{
    if (options.handlers_per_turn == 0)
    {
        detail::throw_if(error::out_of_range);
    }
}

} // namespace OPSLOT_ABI
} // namespace opslot

#endif
