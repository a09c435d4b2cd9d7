// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.
// expected: context_pool has types that are derived from operation_context

#include <opslot/context_pool.hpp>

#include <boost/asio/io_context.hpp>

int main()
{
    boost::asio::io_context io;
    opslot::context_pool<int> pool(io);
}
