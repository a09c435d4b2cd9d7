#!/usr/bin/env ruby
# frozen_string_literal: true

# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Checks that each link inside of the site leads to a page that is there, and
# to a place on it that is there, and that each page can be reached.
#
#   check_links.rb <site directory>

require 'cgi'
require 'pathname'
require 'set'

site = Pathname.new(ARGV[0]).realpath
ids = Hash.new do |hash, file|
  hash[file] = file.extname == '.html' ? file.read.scan(/\s(?:id|name)="([^"]*)"/).flatten.to_set : Set.new
end
broken = []
count = 0
pages = site.glob('**/*.html')
targets = Hash.new { |hash, page| hash[page] = Set.new }

pages.each do |page|
  page.read.scan(/\s(?:href|src)="([^"]*)"/).flatten.uniq.each do |link|
    link = CGI.unescapeHTML(link)
    next if link.match?(/\A(https?|mailto|data):/)

    count += 1
    path, id = link.split('#', 2)
    path = CGI.unescape(path.to_s)
    target = path.empty? ? page : page.dirname / path
    from = page.relative_path_from(site)
    if !target.file?
      broken << "#{from}: #{link}: there is no such file"
    elsif id && !id.empty? && !ids[target.realpath].include?(CGI.unescape(id))
      broken << "#{from}: #{link}: there is no such place"
    else
      targets[page] << target.realpath
    end
  end
end

reached = Set.new
waiting = [site / 'index.html']
while (page = waiting.pop)
  waiting.concat(targets[page].to_a) if reached.add?(page)
end
(pages - reached.to_a).each { |page| broken << "#{page.relative_path_from(site)} is on no way from index.html" }

puts broken
puts "#{pages.size} pages, #{count} links, #{broken.size} broken"
exit(broken.empty? && pages.size > 1 ? 0 : 1)
