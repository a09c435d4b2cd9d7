// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// expected: keep_alive takes an object whose class is derived publicly

#include <opslot/stream_context.hpp>

#include <memory>

class session : std::enable_shared_from_this<session>
{
    opslot::stream_context context_;

public:
    session() { context_.keep_alive(*this); }
};

int main()
{
    session s;
}
