// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// expected: make_context makes types that are derived from operation_context

#include <opslot/context_ptr.hpp>

int main()
{
    auto context = opslot::make_context<int>();
}
