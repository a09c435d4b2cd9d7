#!/usr/bin/env ruby
# frozen_string_literal: true

# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.

# Makes the site of the pages in doc/, around the reference that Doxygen has
# made before. What a page names becomes a link: a public entity to its
# reference, a test or a source to a page with that source.
#
#   build.rb <source directory> <site directory> <Doxygen's tag file> <version>

require 'asciidoctor'
require 'erb'
require 'fileutils'
require 'pathname'
require 'rexml/document'
require 'rouge'

SOURCE, SITE, TAGS = ARGV[0, 3].map { |path| Pathname.new(path) }
VERSION = ARGV[3]
HERE = Pathname.new(__dir__)
DOC = SOURCE / 'doc'

# A page of the site. `name` is its path without an ending.
Page = Struct.new(:name, :title, :body, :outline)

def warn_and_count(message)
  warn "doc: #{message}"
  $problems = $problems.to_i + 1
end

# --- What is named, and where that is

# The public entities by the names that pages use: `stream_context`,
# `stream_context::at_least`, `at_least()`. An ambiguous short name is none.
def entities
  return {} unless TAGS.exist?

  found = Hash.new { |hash, key| hash[key] = [] }
  REXML::Document.new(TAGS.read).elements.each('tagfile/compound') do |compound|
    next unless %w[class struct namespace].include?(compound.attributes['kind'])

    owner = compound.text('name').delete_prefix('opslot').delete_prefix('::')
    found[owner] << compound.text('filename') unless owner.empty?
    compound.elements.each('member') do |member|
      name = member.text('name')
      next if name.start_with?('operator', '~')

      where = "#{member.text('anchorfile')}##{member.text('anchor')}"
      found[[owner, name].reject(&:empty?).join('::')] << where
      found["#{name}()"] << where
    end
  end
  unique = {}
  found.each do |name, where|
    short = name.end_with?('()')
    unique[name] = where.first unless short && where.map { |w| w[/[^#]*/] }.uniq.size > 1
  end
  aliases(unique)
end

# What the bundles of types are called by.
def aliases(entities)
  %w[tcp udp].each do |protocol|
    { 'socket' => protocol == 'tcp' ? 'stream_socket' : 'datagram_socket',
      'acceptor' => 'acceptor' }.each do |short, long|
      entities["#{protocol}::#{short}"] = entities["basic_#{long}"]
    end
  end
  entities['tcp::accept_context'] = entities['accept_context'] = entities['basic_accept_context']
  entities['udp::datagram_context'] = entities['datagram_context'] = entities['basic_datagram_context']
  entities['slotted<>'] = entities['slotted']
  entities.compact
end

ENTITIES = entities
SOURCES = {} # the sources that pages name: path => its lines

def lines_of(path)
  SOURCES[path] ||= (SOURCE / path).readlines(chomp: true)
end

# Where a test case begins: `contract/fairness: a_case`.
def test_link(folder_and_file, name)
  path = "test/#{folder_and_file}.cpp"
  return unless (SOURCE / path).file?

  line = lines_of(path).index { |text| text.match?(/\b#{name}\b/) }
  line && "source/#{path}.html#L#{line + 1}"
end

def source_link(path)
  return unless path.match?(%r{\A(bench|cmake|example|include|src|test)/[\w./-]+\z}) && (SOURCE / path).file?

  lines_of(path)
  "source/#{path}.html"
end

def link_of(code)
  if (test = code.match(%r{\A(\w+/\w+): (\w+)\z}))
    test_link(test[1], test[2])
  elsif (link = source_link(code))
    link
  else
    name = code.delete_prefix('opslot::').sub(/\(.*\)\z/, code.include?('::') ? '' : '()')
    where = ENTITIES[name] || ENTITIES[name.delete_suffix('()')]
    where && "reference/#{where}"
  end
end

# Links what is set as code and stands in no link and no listing.
def link_names(html, up)
  html.gsub(%r{<a\b.*?</a>|<pre\b.*?</pre>|<code>([^<]+)</code>}m) do |whole|
    code = Regexp.last_match(1)
    link = code && link_of(code.gsub(/\s+/, ' ').gsub('&lt;', '<').gsub('&gt;', '>'))
    kind = link&.include?('#L') ? 'name test' : 'name'
    link ? "<a class=\"#{kind}\" href=\"#{up}#{link}\">#{whole}</a>" : whole
  end
end

# --- Pages

# A block of code says in a comment before it where it is compiled. The reader
# gets that as its title.
def with_origins(text, up)
  text.gsub(%r{^// ([\w./-]+): \w+\n(?=\[source)}) do
    path = Regexp.last_match(1)
    link = source_link(path)
    warn_and_count("#{path} does not exist") unless link
    ".link:#{up}#{link}[`#{path}`]\n"
  end
end

def outline_of(document)
  document.sections.select { |section| section.level == 1 }
          .map { |section| [section.id, section.title] }
end

def convert(name)
  up = '../' * name.count('/')
  file = DOC / "#{name}.adoc"
  document = Asciidoctor.load(
    with_origins(file.read, up),
    safe: :unsafe, base_dir: file.dirname.to_s,
    attributes: {
      'source-highlighter' => 'rouge', 'rouge-css' => 'class', 'icons' => 'font',
      'relfilesuffix' => '.html', 'sectanchors' => '', 'toc!' => '', 'showtitle' => '',
      'version' => VERSION
    }
  )
  html = document.convert
  html.gsub!('<table class="tableblock', '<div class="scroll"><table class="tableblock')
  html.gsub!('</table>', '</table></div>')
  Page.new(name, document.doctitle(sanitize: true), link_names(html, up), outline_of(document))
end

# The headings with their pages, as navigation.txt has them.
def navigation(names)
  headings = []
  folders = {}
  (HERE / 'navigation.txt').each_line(chomp: true) do |line|
    next if line.empty? || line.start_with?('#')

    if (heading = line.match(/\A([A-Z][^(]*?)(?: \((.*)\))?\z/))
      headings << [heading[1], []]
      folders[heading[2]] = headings.last if heading[2]
    else
      headings.last[1] << line
    end
  end
  listed = headings.flat_map(&:last)
  (names - listed).each { |name| folders.fetch(File.dirname(name), folders['.'])[1] << name }
  headings.each { |heading| heading[1].select! { |name| names.include?(name) || name == 'reference/index' } }
end

def render(layout, page, headings, titles)
  up = '../' * page.name.count('/')
  order = headings.flat_map(&:last).reject { |name| name == 'reference/index' }
  here = order.index(page.name)
  before = here&.positive? ? order[here - 1] : nil
  after = here && order[here + 1]
  layout.result_with_hash(page: page, up: up, headings: headings, titles: titles, before: before, after: after)
end

def write(name, text)
  file = SITE / "#{name}.html"
  file.dirname.mkpath
  file.write(text)
end

# A source with a number, and a target, for each line.
def source_page(path, lines)
  lexer = Rouge::Lexer.guess(filename: path, source: lines.join("\n")) { Rouge::Lexers::PlainText }
  html = Rouge::Formatters::HTML.new.format(lexer.lex(lines.join("\n")))
  # Tokens may span lines: each line closes and opens again what is open.
  open = []
  numbered = html.split("\n", -1).map.with_index(1) do |line, number|
    start = open.join
    line.scan(%r{<span[^>]*>|</span>}) { |tag| tag.start_with?('</') ? open.pop : open.push(tag) }
    "<span class=\"line\" id=\"L#{number}\">#{start}#{line}#{'</span>' * open.size}</span>"
  end
  body = "<h1>#{path}</h1><div class=\"listingblock whole\"><div class=\"content\">" \
         "<pre class=\"rouge highlight\"><code>#{numbered.join("\n")}</code></pre></div></div>"
  Page.new("source/#{path}", path, body, [])
end

# --- Everything

Asciidoctor::LoggerManager.logger = Asciidoctor::MemoryLogger.new
layout = ERB.new((HERE / 'layout.html.erb').read, trim_mode: '-')
names = DOC.glob('{*,guide/*}.adoc').map { |file| file.relative_path_from(DOC).sub_ext('').to_s }.sort
pages = names.map { |name| convert(name) }
Asciidoctor::LoggerManager.logger.messages.each do |message|
  warn_and_count("#{message[:severity]}: #{message[:message].is_a?(Hash) ? message[:message].values.join(' ') : message[:message]}")
end

headings = navigation(names)
titles = pages.to_h { |page| [page.name, page.title.delete_prefix('opslot: ').sub(/\A\w/, &:upcase)] }
titles.merge!('index' => 'Overview', 'reference/index' => 'Reference')
SOURCES.each { |path, lines| pages << source_page(path, lines) }
pages.each { |page| write(page.name, render(layout, page, headings, titles)) }

# Doxygen's pages have a place for the navigation. Some are on no way, and some
# links lead to what is left out because it is private.
FileUtils.rm(SITE.glob('reference/{annotated,classes,dir_*,functions*,hierarchy,namespacemembers*,namespaces}.html'))
places = SITE.glob('reference/*.html').to_h { |file| [file.basename.to_s, file.read.scan(/\s(?:id|name)="([^"]*)"/).flatten] }
SITE.glob('reference/*.html') do |file|
  text = file.read
  next unless text.include?('<!-- navigation -->')

  page = Page.new("reference/#{file.basename('.html')}", '', '', [])
  frame = render(layout, page, headings, titles)
  text.gsub!(%r{<a [^>]*href="([\w.]*)#([^"]*)"[^>]*>(.*?)</a>}) do |link|
    known = places[$1.empty? ? file.basename.to_s : $1]
    known.nil? || known.include?($2) ? link : $3
  end
  file.write(text.sub('<!-- navigation -->') { frame[%r{<header.*</nav>}m] })
end

FileUtils.cp(HERE / 'style.css', SITE)
DOC.glob('**/*.{svg,png}') do |image|
  next if image.to_s.include?('/node_modules/')

  copy = SITE / image.relative_path_from(DOC)
  FileUtils.mkpath(copy.dirname)
  FileUtils.cp(image, copy)
end
puts "doc: #{names.size} pages, #{SOURCES.size} sources, in #{SITE}"
exit($problems ? 1 : 0)
