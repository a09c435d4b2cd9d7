#!/usr/bin/env bash
# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.
#
# User instructions (callgrind) and system calls (strace) of an echo server
# per message: the difference of two runs with different numbers of messages,
# so that start and end do not count.
#
# Usage: bench/instructions.sh [BUILD_DIR]
#   BUILD_DIR has the release build, build/release by default:
#   cmake --preset release && cmake --build --preset release --target bench_echo
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-build/release}/bench/bench_echo
[ -x "$program" ] || { echo "no $program: see the head of $0" >&2; exit 2; }
for tool in valgrind strace; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The server is the process that is started. Its load is a child, which
# neither callgrind nor strace follows, so it keeps the server busy.
instructions() # server peers messages
{
    valgrind --tool=callgrind --trace-children=no \
        --callgrind-out-file="$scratch/out" \
        "$program" --server "$1" --peers "$2" --messages "$3" \
        >/dev/null 2>"$scratch/log"
    sed -n "s/^==[0-9]*== Collected : //p" "$scratch/log"
}

calls() # server peers messages
{
    strace -c -o "$scratch/calls" \
        "$program" --server "$1" --peers "$2" --messages "$3" >/dev/null
    awk '$NF == "total" { print $4 }' "$scratch/calls"
}

per_message() # low high peers low_messages high_messages
{
    awk -v a="$1" -v b="$2" -v n="$(($3 * ($5 - $4)))" \
        'BEGIN { printf "%.2f", (b - a) / n }'
}

printf '%-14s %18s %18s %18s\n' server 'instructions C=64' \
    'calls C=64' 'calls C=1'
for server in asio asio_concrete opslot opslot_token opslot_single; do
    i=$(per_message "$(instructions $server 64 100)" \
        "$(instructions $server 64 300)" 64 100 300)
    many=$(per_message "$(calls $server 64 200)" \
        "$(calls $server 64 600)" 64 200 600)
    one=$(per_message "$(calls $server 1 500)" \
        "$(calls $server 1 1500)" 1 500 1500)
    printf '%-14s %18.0f %18s %18s\n' "$server" "$i" "$many" "$one"
done
