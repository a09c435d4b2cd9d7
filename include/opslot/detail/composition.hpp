#ifndef OPSLOT_DETAIL_COMPOSITION_HPP
#define OPSLOT_DETAIL_COMPOSITION_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

/** @file
    Operations of a context that consist of several operations of an engine.

    @verbatim
      context ----- pending on its socket ----------------> conclude
                       |             ^     cancelled, expired,  |
                 start |             |     socket closed        | stop
                       v      finish |                          v
      composition: step ---> step ---'             its sockets are closed
    @endverbatim

    The operation of the context waits on its socket without doing anything,
    so that all that ends an operation ends this one. Its steps are other
    operations, on sockets that the composition owns. Whichever is first
    decides: `finish`, or what ends the operation without it.
*/

#include <opslot/detail/engine.hpp>
#include <opslot/detail/light_mutex.hpp>
#include <opslot/detail/operation.hpp>
#include <opslot/operation_memory.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstddef>

namespace opslot {
inline namespace OPSLOT_ABI {
namespace detail {

class composition;
using composition_ptr = boost::intrusive_ptr<composition>;

void intrusive_ptr_add_ref(composition*) noexcept;
void intrusive_ptr_release(composition*) noexcept;

/** The steps of one operation of a context.

    Counted: by its context, and by each step that is pending. So it outlives
    its context until the engine has let go of its steps.

    Its mutex comes before those of the engine, and is not held while a
    handler runs.
*/
class composition
{
public:
    composition(composition const&) = delete;
    composition& operator=(composition const&) = delete;

    /// Ends the steps. The operation is over, or its context goes.
    void stop() noexcept;

    static void* operator new(std::size_t size)
    {
        return operation_memory::process().allocate(size);
    }

    static void operator delete(void* p, std::size_t size) noexcept
    {
        operation_memory::process().deallocate(p, size);
    }

protected:
    /// An operation that is a step.
    class step : public operation
    {
    public:
        explicit step(composition& c) noexcept
            : operation(&step::on_deliver, &step::on_event)
            , composition_(c)
        {
            runs_in_turn = true;
        }

        ~step();

        /// From a start that reports pending until `on_step`. The engine may
        /// take it for over before.
        bool is_under_way() const noexcept { return is_under_way_; }

        static void* operator new(std::size_t size)
        {
            return composition::operator new(size);
        }

        static void operator delete(void* p, std::size_t size) noexcept
        {
            composition::operator delete(p, size);
        }

    private:
        friend class composition;

        static void on_deliver(operation& op, bool is_alone);
        static void on_event(operation& op, event e);

        composition& composition_;
        bool is_under_way_ = false;
    };

    using start_function = start_result (socket_handle::*)(operation&) noexcept;

    composition(engine& e, operation& whole) noexcept
        : engine_(&e)
        , whole_(&whole)
    {}

    virtual ~composition() = default;

    engine& owner() const noexcept { return *engine_; }

    // The mutex is locked, in all that follows.

    /// Whether it has ended, by `finish` or otherwise: no step is wanted.
    bool is_over() const noexcept
    {
        return !whole_ || whole_->place.load(std::memory_order_acquire) !=
                              operation_place::queue;
    }

    /// Starts a step. Its result is there if this returns `completed`, else
    /// `on_step` is called later.
    start_result start_step(
        step& s,
        operation_kind kind,
        void* request,
        socket_handle& socket,
        start_function function) noexcept;

    /// Ends the operation, if nothing has ended it before, and the steps.
    void finish(
        boost::system::error_code const& ec,
        std::size_t bytes_transferred,
        socket_handle* gift = nullptr) noexcept;

    /// A step that was pending has its result.
    virtual void on_step(step& s) noexcept = 0;

    /// Ends all steps, and gives back what does not belong to one that is
    /// pending.
    virtual void end_steps() noexcept = 0;

    light_mutex mutex_;

private:
    friend void intrusive_ptr_add_ref(composition*) noexcept;
    friend void intrusive_ptr_release(composition*) noexcept;

    std::atomic<std::size_t> references_{0};
    engine_ptr engine_;
    /// Null: it is over.
    operation* whole_;
};

} // namespace detail
} // namespace OPSLOT_ABI
} // namespace opslot

#endif
