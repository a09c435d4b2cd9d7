// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <opslot/detail/slotted_memory.hpp>

#define BOOST_TEST_MODULE slotted_slotted_memory
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string>

#include "support/last_words.hpp"

namespace {

namespace asio = boost::asio;
using opslot::detail::slotted_memory;
using opslot::detail::slotted_memory_ptr;
using support::last_words;

constexpr std::size_t alignment = alignof(std::max_align_t);

std::size_t blocks_in_use(asio::io_context& io)
{
    return opslot::operation_memory::of(io).statistics().in_use;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_smallest_free_block_serves)
{
    asio::io_context io;
    slotted_memory_ptr const memory = slotted_memory::make(io);
    void* const small = memory->allocate(100, alignment);
    void* const large = memory->allocate(100, alignment);
    BOOST_TEST(small != large);
    BOOST_TEST(blocks_in_use(io) == 1u);
    void* const more = memory->allocate(100, alignment);
    BOOST_TEST(blocks_in_use(io) == 2u);
    memory->deallocate(small, 100, alignment);
    BOOST_TEST(memory->allocate(100, alignment) == small);
    memory->deallocate(more, 100, alignment);
    memory->deallocate(small, 100, alignment);
    memory->deallocate(large, 100, alignment);
    BOOST_TEST(memory->allocate(300, alignment) == large);
    memory->deallocate(large, 300, alignment);
    BOOST_TEST(blocks_in_use(io) == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_lent_out_holds_the_memory)
{
    asio::io_context io;
    for (std::size_t const bytes : {100u, 300u, 1000u})
    {
        slotted_memory_ptr owner = slotted_memory::make(io);
        slotted_memory& memory = *owner;
        void* const block = memory.allocate(bytes, alignment);
        owner.reset();
        BOOST_TEST(blocks_in_use(io) != 0u);
        memory.deallocate(block, bytes, alignment);
        BOOST_TEST(blocks_in_use(io) == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_second_return_ends_the_program)
{
    for (std::size_t const bytes : {100u, 300u})
    {
        std::string const words = last_words([bytes] {
            asio::io_context io;
            slotted_memory_ptr const memory = slotted_memory::make(io);
            void* const block = memory->allocate(bytes, alignment);
            memory->deallocate(block, bytes, alignment);
            memory->deallocate(block, bytes, alignment);
        });
        BOOST_TEST(
            words.find("has back already") != words.npos, words << bytes);
    }
}

BOOST_AUTO_TEST_CASE(a_second_return_after_the_end_ends_the_program)
{
    for (std::size_t const bytes : {100u, 300u})
    {
        std::string const words = last_words([bytes] {
            asio::io_context io;
            slotted_memory_ptr owner = slotted_memory::make(io);
            slotted_memory* volatile memory = owner.get();
            void* const block = memory->allocate(bytes, alignment);
            owner.reset();
            memory->deallocate(block, bytes, alignment);
            memory->deallocate(block, bytes, alignment);
        });
        BOOST_TEST(
            words.find("has back already") != words.npos, words << bytes);
    }
}
