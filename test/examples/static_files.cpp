// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include "support.hpp"

#define BOOST_TEST_MODULE examples_static_files
#include <boost/test/unit_test.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "support/files.hpp"
#include "tools.hpp"

#define main static_files_main
#include "../../example/static_files.cpp"
#undef main

namespace {

using examples::child_process;
using examples::client;
using examples::example_process;
using examples::pattern;

std::string const large = pattern(5'000'001);
std::string const small = "0123456789";

void write_file(std::filesystem::path const& path, std::string const& content)
{
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), 0644);
}

// The directory that is served, and one beside it that is not.
struct site
{
    site()
    {
        std::filesystem::create_directories(root() / "sub/.hidden");
        std::filesystem::create_directories(directory.path() / "secret");
        write_file(root() / "index.html", "<p>home</p>");
        write_file(root() / "small.txt", small);
        write_file(root() / "empty", "");
        write_file(root() / "with space.txt", "space");
        write_file(root() / "large.bin", large);
        write_file(root() / ".password", "hidden");
        write_file(root() / "sub/.hidden/x", "hidden");
        write_file(root() / "private", "mine");
        ::chmod((root() / "private").c_str(), 0600);
        write_file(directory.path() / "secret/x", "secret");
        std::filesystem::create_symlink("small.txt", root() / "inside");
        std::filesystem::create_symlink("../secret", root() / "outside");
    }

    std::filesystem::path root() const { return directory.path() / "site"; }

    support::temporary_directory directory;
};

struct running_site : site
{
    explicit running_site(std::vector<std::string> more = {})
        : server("static_files", arguments(std::move(more)))
    {}

    std::string url(std::string const& path) const
    {
        return "http://127.0.0.1:" + std::to_string(server.port()) + path;
    }

    std::vector<std::string> arguments(std::vector<std::string> more) const
    {
        more.push_back(root().string());
        return more;
    }

    example_process server;
};

std::string get(std::string const& path, std::string const& fields = "")
{
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

// A reply, without the field that changes with the time.
struct reply
{
    std::string status;
    std::string fields;
    std::string body;

    std::string field(std::string const& name) const
    {
        auto const begin = fields.find("\r\n" + name + ": ");
        if (begin == fields.npos)
        {
            return "";
        }
        auto const value = begin + name.size() + 4;
        return fields.substr(value, fields.find('\r', value) - value);
    }
};

reply receive_reply(client& c, bool has_body = true)
{
    std::string head;
    while (head.size() < 4 || head.compare(head.size() - 4, 4, "\r\n\r\n") != 0)
    {
        std::string const byte = c.receive(1);
        if (byte.empty())
        {
            break;
        }
        head += byte;
    }
    reply r;
    r.fields = head.substr(head.find('\r'));
    r.status = head.substr(0, head.find('\r'));
    std::string const size = r.field("Content-Length");
    r.body = c.receive(has_body && !size.empty() ? std::stoul(size) : 0);
    return r;
}

// The status of a reply of a conversation without a socket.
std::string status_of(std::filesystem::path const& root, std::string bytes)
{
    http::file_conversation c(std::make_shared<http::file_store>(root));
    std::memcpy(c.space().data(), bytes.data(), bytes.size());
    c.received(bytes.size());
    auto const* const r = c.next_reply();
    return r ? r->head().substr(9, 3) : "";
}

BOOST_AUTO_TEST_CASE(a_range_is_read_as_the_rfc_says)
{
    auto const is =
        [](std::string_view field, std::uint64_t begin, auto count) {
            auto const r = http::parse_range(field, 10);
            return r && r->begin == begin && r->count == std::uint64_t(count);
        };
    BOOST_TEST(is("bytes=0-0", 0, 1));
    BOOST_TEST(is("bytes=2-4", 2, 3));
    BOOST_TEST(is("bytes=2-", 2, 8));
    BOOST_TEST(is("bytes=9-99999999999999999999999", 9, 1));
    BOOST_TEST(is("bytes=-3", 7, 3));
    BOOST_TEST(is("bytes=-30", 0, 10));
    for (char const* unsatisfiable :
         {"bytes=10-", "bytes=10-11", "bytes=99999999999999999999999-"})
    {
        auto const r = http::parse_range(unsatisfiable, 10);
        BOOST_TEST((r && !r->is_satisfiable()));
    }
    BOOST_TEST(!http::parse_range("bytes=-0", 10)->is_satisfiable());
    BOOST_TEST(!http::parse_range("bytes=-5", 0)->is_satisfiable());
    for (char const* ignored :
         {"",
          "bytes",
          "bytes=",
          "bytes=-",
          "bytes=a-b",
          "bytes=3-1",
          "bytes=1-2x",
          "bytes=0-1,3-4",
          "lines=0-1"})
    {
        BOOST_TEST(!http::parse_range(ignored, 10));
    }
}

BOOST_AUTO_TEST_CASE(a_date_is_written_and_read)
{
    std::string const text = "Sun, 06 Nov 1994 08:49:37 GMT";
    BOOST_TEST(http::date(784111777).text() == text);
    BOOST_TEST(http::date::parse(text).value() == 784111777);
    for (std::string const& each :
         {std::string(),
          text + " ",
          std::string("Sun, 06 Nov 1994 08:49:37 CET"),
          std::string("Sunday, 06-Nov-94 08:49:37 GMT")})
    {
        BOOST_TEST(!http::date::parse(each));
    }
}

BOOST_AUTO_TEST_CASE(only_what_is_for_everybody_is_found)
{
    site s;
    for (char const* found :
         {"/",
          "/?query",
          "//small.txt",
          "/small.txt",
          "/small%2Etxt",
          "/with%20space.txt",
          "/empty",
          "/inside"})
    {
        BOOST_TEST_CONTEXT(found)
        {
            BOOST_TEST(status_of(s.root(), get(found)) == "200");
        }
    }
    for (char const* not_found :
         {"/none",
          "/sub",
          "/sub/",
          "/small.txt/",
          "/../secret/x",
          "/sub/../small.txt",
          "/sub/../../secret/x",
          "/%2e%2e/secret/x",
          "/..%2fsecret/x",
          "/sub/%2e%2e%2f%2e%2e%2fsecret/x",
          "/..\\secret\\x",
          "/./small.txt",
          "/.password",
          "/%2Epassword",
          "/sub/.hidden/x",
          "/private",
          "/outside/x",
          "/small.txt%00.html",
          "/small.txt%",
          "/small.txt%2",
          "/%zz",
          "small.txt",
          "*",
          "/etc/passwd"})
    {
        BOOST_TEST_CONTEXT(not_found)
        {
            BOOST_TEST(status_of(s.root(), get(not_found)) == "404");
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_get_is_refused)
{
    site s;
    std::string const post =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    BOOST_TEST(status_of(s.root(), post) == "405");
    BOOST_TEST(status_of(s.root(), "nonsense\r\n") == "400");
    BOOST_TEST(status_of(s.root(), std::string(8192, 'x')) == "431");
    BOOST_TEST(status_of(s.root(), get("/").substr(0, 20)) == "");
}

// The program, from here on.

BOOST_AUTO_TEST_CASE(files_arrive_as_they_are)
{
    running_site s;
    client c(s.server.port());
    for (int i = 0; i != 2; ++i)
    {
        c.send(get("/small.txt") + get("/large.bin") + get("/empty"));
        c.send("HEAD /large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
        reply const first = receive_reply(c);
        BOOST_TEST(first.status == "HTTP/1.1 200 OK");
        BOOST_TEST(first.body == small);
        BOOST_TEST(first.field("Content-Type") == "text/plain; charset=utf-8");
        BOOST_TEST((receive_reply(c).body == large));
        reply const empty = receive_reply(c);
        BOOST_TEST(empty.field("Content-Length") == "0");
        reply const head = receive_reply(c, false);
        BOOST_TEST(head.field("Content-Length") == "5000001");
    }
    c.send(get("/small.txt", "Connection: close\r\n") + get("/small.txt"));
    reply const last = receive_reply(c);
    BOOST_TEST(last.field("Connection") == "close");
    BOOST_TEST(c.receive_all() == "");
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(parts_of_files_arrive)
{
    running_site s;
    client c(s.server.port());
    c.send(get("/small.txt", "Range: bytes=2-4\r\n"));
    reply const part = receive_reply(c);
    BOOST_TEST(part.status == "HTTP/1.1 206 Partial Content");
    BOOST_TEST(part.field("Content-Range") == "bytes 2-4/10");
    BOOST_TEST(part.body == "234");
    c.send(get("/large.bin", "Range: bytes=1000000-\r\n"));
    BOOST_TEST((receive_reply(c).body == large.substr(1'000'000)));
    c.send(get("/small.txt", "Range: bytes=10-\r\n"));
    reply const beyond = receive_reply(c);
    BOOST_TEST(beyond.status == "HTTP/1.1 416 Range Not Satisfiable");
    BOOST_TEST(beyond.field("Content-Range") == "bytes */10");
    c.send(get("/empty", "Range: bytes=0-\r\n"));
    BOOST_TEST(receive_reply(c).field("Content-Range") == "bytes */0");
    std::string const same =
        "If-Range: " + part.field("Last-Modified") + "\r\n";
    c.send(get("/small.txt", "Range: bytes=2-4\r\n" + same));
    BOOST_TEST(receive_reply(c).body == "234");
    c.send(get("/small.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n"));
    BOOST_TEST(receive_reply(c).body == small);
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(what_has_not_changed_is_not_sent)
{
    running_site s;
    client c(s.server.port());
    c.send(get("/small.txt"));
    std::string const date = receive_reply(c).field("Last-Modified");
    c.send(get("/small.txt", "If-Modified-Since: " + date + "\r\n"));
    reply const unchanged = receive_reply(c);
    BOOST_TEST(unchanged.status == "HTTP/1.1 304 Not Modified");
    BOOST_TEST(unchanged.field("Last-Modified") == date);
    c.send(get(
        "/small.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    BOOST_TEST(receive_reply(c).body == small);
    c.send(get("/small.txt", "If-Modified-Since: yesterday\r\n"));
    BOOST_TEST(receive_reply(c).body == small);
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(another_file_of_that_name_is_noticed)
{
    running_site s;
    client c(s.server.port());
    c.send(get("/small.txt"));
    BOOST_TEST(receive_reply(c).body == small);
    write_file(s.root() / "new", "another");
    std::filesystem::rename(s.root() / "new", s.root() / "small.txt");
    auto const deadline = examples::steady_clock::now() + examples::patience;
    std::string body = small;
    while (body == small && examples::steady_clock::now() < deadline)
    {
        c.send(get("/small.txt"));
        body = receive_reply(c).body;
    }
    BOOST_TEST(body == "another");
    std::filesystem::remove(s.root() / "small.txt");
    while (body == "another" && examples::steady_clock::now() < deadline)
    {
        c.send(get("/small.txt"));
        body = receive_reply(c).body;
    }
    BOOST_TEST(body == "404 Not Found");
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_refusal_arrives_in_spite_of_unread_bytes)
{
    running_site s;
    client c(s.server.port());
    c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
    c.send(std::string(200'000, 'x'));
    reply const r = receive_reply(c);
    BOOST_TEST(r.status == "HTTP/1.1 405 Method Not Allowed");
    BOOST_TEST(r.field("Allow") == "GET, HEAD");
    BOOST_TEST(c.receive_all() == "");
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(who_goes_or_stalls_harms_no_other)
{
    running_site s;
    client stalls(s.server.port(), 4096);
    stalls.send(get("/large.bin"));
    for (int i = 0; i != 20; ++i)
    {
        client goes(s.server.port(), 4096);
        goes.send(get("/large.bin") + get("/small.txt").substr(0, 10));
        goes.receive(10);
        goes.reset();
    }
    client c(s.server.port());
    c.send(get("/large.bin"));
    BOOST_TEST((receive_reply(c).body == large));
    BOOST_TEST((receive_reply(stalls).body == large));
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(a_signal_lets_a_file_arrive)
{
    running_site s;
    client c(s.server.port());
    c.send(get("/large.bin"));
    std::string const begin = c.receive(1000);
    s.server.signal(SIGTERM);
    std::string const all = begin + c.receive_all();
    BOOST_TEST((all.substr(all.find("\r\n\r\n") + 4) == large));
    BOOST_TEST(s.server.wait() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_directory_ends_the_program_with_a_message)
{
    site s;
    std::string const program = OPSLOT_EXAMPLE_DIR "/static_files";
    child_process missing({program, "--port", "0", "/nowhere/at/all"});
    BOOST_TEST(missing.wait() == 1);
    child_process file(
        {program, "--port", "0", (s.root() / "small.txt").string()});
    BOOST_TEST(file.wait() == 1);
    child_process none({program, "--port", "0"});
    BOOST_TEST(none.wait() == 2);
}

BOOST_AUTO_TEST_CASE(curl_is_content)
{
    running_site s;
    std::string const format = "%{http_code} %{num_connects}\n";
    std::string output;
    auto const run = [&](std::vector<std::string> const& arguments) {
        return examples::run_curl(format, arguments, output);
    };
    std::string const url = s.url("/small.txt");
    if (!run({url, url}))
    {
        return;
    }
    BOOST_TEST(output == small + "200 1\n" + small + "200 0\n");
    run({"-r", "2-4", url});
    BOOST_TEST(output == "234206 1\n");
    run({"-r", "-3", url});
    BOOST_TEST(output == "789206 1\n");
    std::string const copy = (s.directory.path() / "copy").string();
    run({"-o", copy, s.url("/large.bin")});
    std::filesystem::resize_file(copy, 1'000'000);
    run({"-C", "-", "-o", copy, s.url("/large.bin")}); // goes on from there
    BOOST_TEST(output == "206 1\n");
    std::ifstream in(copy, std::ios::binary);
    std::string const read(std::istreambuf_iterator<char>(in), {});
    BOOST_TEST((read == large));
    run({"-z", (s.root() / "small.txt").string(), url}); // if it is newer
    BOOST_TEST(output == "304 1\n");
    run({"-I", "-o", "/dev/null", url});
    BOOST_TEST(output == "200 1\n");
    run({"--path-as-is", s.url("/../secret/x")});
    BOOST_TEST(output == "404 Not Found404 1\n");
    run({s.url("/.password")});
    BOOST_TEST(output == "404 Not Found404 1\n");
    run({"-d", "x", url});
    BOOST_TEST(output == "405 Method Not Allowed405 1\n");
    run({"-0", url});
    BOOST_TEST(output == small + "200 1\n");
    BOOST_TEST(s.server.terminate() == 0);
}

BOOST_AUTO_TEST_CASE(wrk_is_content_with_both_kinds_of_threads)
{
    for (std::string const kind : {"", "--shared"})
    {
        std::vector<std::string> options{"--threads", "2"};
        if (!kind.empty())
        {
            options.push_back(kind);
        }
        running_site s(options);
        std::string output;
        BOOST_TEST(
            examples::wrk_is_content(s.url("/small.txt"), output), output);
        BOOST_TEST(s.server.terminate() == 0);
    }
}

// The server in this process.

void file_traffic(unsigned short port, std::function<void()> const& next_step)
{
    std::vector<client> clients;
    for (int i = 0; i != 8; ++i)
    {
        clients.emplace_back(port);
    }
    auto const ask = [&](std::string const& request, std::string_view body) {
        for (client& each : clients)
        {
            each.send(request);
        }
        for (client& each : clients)
        {
            reply const r = receive_reply(each);
            if (r.body != body || r.status.find("HTTP/1.1 ") != 0)
            {
                throw std::runtime_error("a reply is wrong");
            }
        }
    };
    auto const all = [&] {
        for (int i = 0; i != 20; ++i)
        {
            ask(get("/small.txt"), small);
            ask(get("/small.txt", "Range: bytes=2-4\r\n"), "234");
            ask(get("/small.txt",
                    "If-Modified-Since: Fri, 06 Nov 2099 08:49:37 GMT\r\n"),
                "");
            ask(get("/large.bin", "Range: bytes=-100000\r\n"),
                std::string_view(large).substr(large.size() - 100'000));
        }
    };
    all();
    next_step();
    all();
    next_step();
}

BOOST_AUTO_TEST_CASE(
    no_request_allocates, *examples::where_allocations_are_seen())
{
    site s;
    using server = support::session_server<session>;
    auto const files = std::make_shared<http::file_store>(s.root());
    auto const run = examples::count_allocations<server>(
        file_traffic, [files](auto& io, auto const& endpoint) {
            return std::make_unique<server>(
                tcp::acceptor(io, endpoint), [files](tcp::socket socket) {
                    return std::make_shared<session>(std::move(socket), files);
                });
        });
    BOOST_TEST(run.warmed_up);
    BOOST_TEST(run.done);
    BOOST_TEST(run.allocations == 0u);
}

} // namespace
