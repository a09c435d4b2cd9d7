#!/bin/bash
# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Installs what the builds, tests, demo and benchmarks need and is missing.
# For Debian 12; may be run any number of times.
#
#   ./setup.sh             for everything but the following
#   ./setup.sh doc         and for the site of the documentation, and its plots
#   ./setup.sh coverage    and for the preset of this name
#   ./setup.sh windows     the same
set -euo pipefail

packages=(
    g++ clang libclang-rt-14-dev cmake ninja-build git pkg-config
    libboost1.81-dev libboost1.81-tools-dev libboost-test1.81-dev
    libboost-program-options1.81-dev libboost-json1.81-dev
    libboost-context1.81-dev libssl-dev libwebsocketpp-dev
    libuv1-dev wrk curl openssl redis-tools ldnsutils python3-websockets
    valgrind strace
)

# What comes after the packages.
finish() { :; }

# What only some presets need is asked for by their names.
for preset in "$@"; do
    case $preset in
        doc)
            packages+=(asciidoctor ruby-rouge doxygen chromium gnuplot-nox)
            # A node that is there need not be Debian's.
            command -v npm >/dev/null || packages+=(nodejs npm)
            finish()
            {
                echo "setup: installing what doc/site/package.json names"
                npm ci --silent --no-audit --no-fund \
                    --prefix "$(dirname "${BASH_SOURCE[0]}")/doc/site"
            }
            ;;
        coverage) packages+=(gcovr) ;;
        windows) packages+=(g++-mingw-w64-x86-64-posix wine64) ;;
        *)
            echo "usage: setup.sh [doc] [coverage] [windows]" >&2
            exit 2
            ;;
    esac
done

if ! command -v dpkg-query >/dev/null; then
    echo "setup: no dpkg here; please install the like of: ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    if [[ $status != "install ok installed" ]]; then
        missing+=("$package")
    fi
done

if ((${#missing[@]} == 0)); then
    echo "setup: all ${#packages[@]} packages are installed"
    finish
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "setup: needs root or sudo to install: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
as_root+=(env DEBIAN_FRONTEND=noninteractive)

echo "setup: updating the package lists"
"${as_root[@]}" apt-get -qq update
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get -qq install --yes --no-install-recommends \
    "${missing[@]}"
finish
