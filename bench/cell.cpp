// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "cell.hpp"

#include <initializer_list>

namespace bench {
namespace {

using names = std::vector<std::string_view>;

/// Those that have Asio's forms.
names const asio_like{"asio", "asio_concrete", "slotted", "opslot"};

std::string text_of(std::size_t bytes)
{
    constexpr std::size_t kib = 1024;
    if (bytes >= kib * kib && bytes % (kib * kib) == 0)
    {
        return std::to_string(bytes / (kib * kib)) + " MiB";
    }
    return bytes >= kib && bytes % kib == 0
               ? std::to_string(bytes / kib) + " KiB"
               : std::to_string(bytes) + " B";
}

cell stream_cell(
    char const* suite,
    std::size_t connections,
    std::size_t outstanding,
    std::size_t bytes)
{
    cell c;
    c.suite = suite;
    c.name = "C=" + std::to_string(connections) +
             " P=" + std::to_string(outstanding) + " " + text_of(bytes);
    c.connections = connections;
    c.outstanding = outstanding;
    c.message_bytes = bytes;
    return c;
}

cell fan_out_cell(char const* suite, std::size_t connections, std::size_t n)
{
    cell c;
    c.suite = suite;
    c.name = "C=" + std::to_string(connections) + " N=" + std::to_string(n);
    c.connections = connections;
    c.fan_out = n;
    return c;
}

void add_echo(std::vector<cell>& cells)
{
    constexpr std::size_t page = 4096;
    for (std::size_t const bytes : {std::size_t{64}, page})
    {
        for (std::size_t const outstanding : {1u, 16u})
        {
            for (std::size_t const peers : {1u, 8u, 64u, 1000u, 5000u})
            {
                cell c = stream_cell("echo", peers, outstanding, bytes);
                c.counts_instructions =
                    peers == 64 && outstanding == 1 && bytes == 64;
                cells.push_back(c);
            }
        }
    }
}

/// The same echo in other forms, of the servers that have them.
void add_forms(std::vector<cell>& cells)
{
    for (char const* const form : {"single_threaded", "token"})
    {
        cell c = stream_cell("forms", 64, 1, 64);
        c.name = form;
        c.variant = form;
        c.servers = {"asio", "asio_concrete", "opslot"};
        c.counts_instructions = true;
        cells.push_back(c);
    }
}

void add_streams(std::vector<cell>& cells)
{
    for (std::size_t const peers : {1u, 64u})
    {
        cell c = stream_cell("pipelined", peers, 16, 64);
        c.buffer_bytes = 256;
        cells.push_back(c);
    }
    for (std::size_t const n : {8u, 32u, 128u})
    {
        cells.push_back(fan_out_cell("queued_sends", 64, n));
        cells.back().counts_instructions = n == 32;
    }
    for (std::size_t const peers : {32u, 1000u})
    {
        cell c = stream_cell("broadcast", peers, 4, 64);
        cells.push_back(c);
    }
    cells.push_back(stream_cell("foreign_thread", 64, 1, 64));
    for (std::size_t const n : {8u, 32u, 128u})
    {
        cells.push_back(fan_out_cell("bursts", 1, n));
    }
    cells.push_back(stream_cell("timeouts", 64, 1, 64));
    cells.back().counts_instructions = true;
    cells.push_back(stream_cell("accept_churn", 64, 1, 64));
    for (std::size_t const peers : {1u, 5000u})
    {
        cells.push_back(stream_cell("idle", peers, 1, 64));
    }
}

void add_datagrams(std::vector<cell>& cells)
{
    for (char const* const suite : {"udp_receive", "udp_send", "udp_echo"})
    {
        for (bool const merges : {false, true})
        {
            for (std::size_t const bytes : {64u, 1200u})
            {
                cell c;
                c.suite = suite;
                c.name = text_of(bytes) + (merges ? ", GSO and GRO" : "");
                c.message_bytes = bytes;
                // As many small ones as a packet may have. The system has no
                // room for so many large ones, if nobody takes them merged.
                c.fan_out = !merges ? 32 : bytes == 64 ? 64 : 20;
                c.merges_datagrams = merges;
                cells.push_back(c);
            }
        }
    }
}

void add_files(std::vector<cell>& cells)
{
    constexpr std::size_t kib = 1024;
    for (std::size_t const bytes :
         {4 * kib, 64 * kib, 1024 * kib, 16 * 1024 * kib})
    {
        cell c;
        c.suite = "files";
        c.name = text_of(bytes);
        c.connections = 8;
        c.message_bytes = bytes;
        cells.push_back(c);
    }
}

void add_applications(std::vector<cell>& cells)
{
    cells.push_back(stream_cell("http", 64, 1, 64));
    cells.back().name = "C=64 wrk";
    cells.push_back(stream_cell("tls", 64, 1, 64));
    cells.back().servers = asio_like;
    cells.push_back(stream_cell("coroutines", 64, 1, 64));
    cells.back().servers = asio_like;
    for (char const* const shape : {"reuse_port", "one_context"})
    {
        cell c = stream_cell("two_threads", 64, 1, 64);
        c.name = shape;
        c.variant = shape;
        c.servers = asio_like;
        cells.push_back(c);
    }
}

} // namespace

std::vector<cell> all_cells()
{
    std::vector<cell> cells;
    add_echo(cells);
    add_forms(cells);
    add_streams(cells);
    add_datagrams(cells);
    add_files(cells);
    add_applications(cells);
    return cells;
}

std::vector<std::string> server_arguments(cell const& c, std::string_view name)
{
    std::vector<std::string> words{
        "--server=" + std::string(name),
        "--suite=" + c.suite,
        "--connections=" + std::to_string(c.connections),
        "--message-bytes=" + std::to_string(c.message_bytes),
        "--buffer-bytes=" + std::to_string(c.buffer_bytes),
        "--fan-out=" + std::to_string(c.fan_out)};
    if (!c.variant.empty())
    {
        words.push_back("--variant=" + c.variant);
    }
    return words;
}

} // namespace bench
