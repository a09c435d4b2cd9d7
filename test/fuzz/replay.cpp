// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// The corpus of the fuzzer, and inputs that are as good as random, played
// without it: see world.hpp.

#define BOOST_TEST_MODULE fuzz_replay
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/world.hpp"
#include "support/open_descriptors.hpp"

namespace {

using bytes = std::vector<std::uint8_t>;

void play(bytes const& data)
{
    support::descriptor_check const leaks;
    try
    {
        fuzz::world(data.data(), data.size()).run();
    }
    catch (fuzz::disagreement const& e)
    {
        BOOST_ERROR(e.what());
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(the_corpus_agrees_with_the_model)
{
    int files = 0;
    for (auto const& entry : std::filesystem::directory_iterator(
             OPSLOT_SOURCE_DIR "/test/fuzz/corpus"))
    {
        BOOST_TEST_CONTEXT(entry.path().filename().string())
        {
            std::ifstream file(entry.path(), std::ios::binary);
            play(bytes(
                std::istreambuf_iterator<char>(file),
                std::istreambuf_iterator<char>()));
            ++files;
        }
    }
    BOOST_TEST(files > 0);
}

BOOST_AUTO_TEST_CASE(any_input_agrees_with_the_model)
{
    for (std::uint32_t seed = 0; seed != 300; ++seed)
    {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            std::mt19937 random(seed);
            bytes data(900);
            for (std::uint8_t& b : data)
            {
                b = static_cast<std::uint8_t>(random());
            }
            play(data);
        }
    }
}
