#ifndef OPSLOT_TESTING_ALLOCATION_COUNTER_HPP
#define OPSLOT_TESTING_ALLOCATION_COUNTER_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <cstdint>

/// Support for the tests of programs that use the library: the target
/// `opslot::testing`.
namespace opslot::testing {

namespace detail {
struct allocation_totals;
} // namespace detail

/** Counts the heap allocations made since it was constructed.

    Seen are `malloc`, `calloc`, `realloc`, `aligned_alloc`,
    `posix_memalign` and `memalign`, and therefore every form of
    `operator new` too, each once: the allocation functions of the standard
    library are built on these. Asio takes the memory of its operations from
    `aligned_alloc`, so that counting `operator new` alone would see nothing
    of it. Also seen are the calls that other libraries, including the C
    library, make.

    A call counts when it returns memory, with the number of bytes it asked
    for. `realloc` counts on every such call, whether the block moves or not.
    Freeing memory, taking it from the stack, `mmap`, and the obsolete
    `valloc` and `pvalloc` do not count.

    Counters may be nested and overlap; each counts for itself.

    Linking: the definitions of the functions above stand in the same object
    file as the members of this class. The library is therefore static, and a
    program that names this class gets them linked into itself, where they
    take precedence over those of the C library for the whole process. In a
    shared library that is loaded later they would come too late.

    Availability: with the GNU C library, linked dynamically. The functions
    are not replaced elsewhere, nor under AddressSanitizer, MemorySanitizer
    and ThreadSanitizer, nor where a tool such as Valgrind's memcheck puts its
    own in their place. Ask available(), and skip the assertion visibly.

    Thread safety: Distinct objects: safe. Shared objects: `count()` and
    `bytes()` are safe with each other; `reset()` is not safe with them.

    Cost: an object takes no memory from the heap. In a program that has it
    linked, an allocation costs two atomic additions more, whether an object
    exists or not.

    Example:
    @code
    boost::test_tools::assertion_result
    allocations_are_seen(boost::unit_test::test_unit_id)
    {
        return opslot::testing::allocation_counter::available();
    }

    BOOST_AUTO_TEST_CASE(
        a_vector_allocates_once_when_it_is_reserved,
        *boost::unit_test::precondition(allocations_are_seen))
    {
        std::vector<int> numbers;
        allocation_counter const heap;
        numbers.reserve(100);
        numbers.resize(100);
        BOOST_TEST(heap.count() == 1u);
    }
    @endcode
*/
class allocation_counter
{
public:
    /// Whose allocations count.
    enum class scope
    {
        /// Those of the thread that constructs the object.
        this_thread,

        /// Those of all threads of the process.
        process
    };

    /** Starts to count.

        @param counted Whose allocations count. With `scope::this_thread`,
        the constructing thread must not end before the object's last use.
    */
    explicit allocation_counter(scope counted = scope::this_thread) noexcept;

    allocation_counter(allocation_counter const&) = delete;
    allocation_counter& operator=(allocation_counter const&) = delete;

    /** Whether allocations are seen at all.

        Finds out by allocating one byte on each call, which a counter that
        exists at the time counts.
    */
    [[nodiscard]] static bool available() noexcept;

    /// The allocations since construction or the last `reset()`.
    [[nodiscard]] std::uint64_t count() const noexcept;

    /// The bytes that these allocations asked for.
    [[nodiscard]] std::uint64_t bytes() const noexcept;

    /// Starts again from zero.
    void reset() noexcept;

private:
    detail::allocation_totals const& totals_;
    std::uint64_t count_at_start_;
    std::uint64_t bytes_at_start_;
};

} // namespace opslot::testing

#endif
