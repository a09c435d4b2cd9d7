#!/bin/bash
# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# A program outside the library that uses it by pkg-config, of a project
# without a build system.
#
#   build.sh <compiler> <expected version> <directory of the .pc files>
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
compiler=$1
version=$2
# These and no others, so that an installed opslot is not taken.
export PKG_CONFIG_LIBDIR=$3

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

pkg-config --exact-version="$version" opslot opslot-testing
read -ra cflags <<<"$(pkg-config --cflags opslot opslot-testing)"
read -ra libs <<<"$(pkg-config --libs opslot opslot-testing)"
"$compiler" -std=c++17 "${cflags[@]}" "-DEXPECTED_VERSION=\"$version\"" \
    ../cmake_consumer/main.cpp "${libs[@]}" -o "$directory/consumer"
"$directory/consumer"
