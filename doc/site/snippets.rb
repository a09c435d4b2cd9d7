#!/usr/bin/env ruby
# frozen_string_literal: true

# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Copies the sources that the reference shows parts of, with the marks of the
# parts, `//[name` and `//]`, in the form that Doxygen knows.
#
#   snippets.rb <source directory> <directory of the copies>

require 'fileutils'
require 'pathname'

source, copies = ARGV.map { |path| Pathname.new(path) }
shown = source.glob('include/opslot/**/*.hpp').flat_map { |file| file.read.scan(/@snippet (\S+)/).flatten }
shown.uniq.each do |path|
  part = nil
  lines = (source / path).readlines.map do |line|
    if (mark = line.match(%r{\A\s*//\[(\w+)$}))
      part = mark[1]
      "//! [#{part}]\n"
    else
      line.match?(%r{\A\s*//\]$}) ? "//! [#{part}]\n" : line
    end
  end
  FileUtils.mkpath((copies / path).dirname)
  (copies / path).write(lines.join)
end
