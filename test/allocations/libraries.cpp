// cxxstd: 20

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Resolver, TLS, Boost.Beast.

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <memory>
#include <optional>
#include <string>

#include <openssl/ssl.h>

#include "allocations/pattern.hpp"

namespace allocations {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using support::connected;

struct resolving
{
    template<class Library>
    static void next(typename Library::tcp::resolver& resolver, meter& m)
    {
        resolver.async_resolve(
            "127.0.0.1",
            "80",
            asio::ip::resolver_base::numeric_host |
                asio::ip::resolver_base::numeric_service,
            [&](error_code, auto const&) {
                if (m.go_on())
                    next<Library>(resolver, m);
            });
    }

    template<class Library>
    static double measure()
    {
        asio::io_context io;
        meter m(100, 1000);
        typename Library::tcp::resolver resolver(io);
        next<Library>(resolver, m);
        run(io);
        return m.per_operation();
    }
};

// Neither side has a certificate, which a test of memory does not need.
ssl::context anonymous()
{
    ssl::context context(ssl::context::tlsv12);
    SSL_CTX* const c = context.native_handle();
    SSL_CTX_set_cipher_list(c, "ADH-AES128-GCM-SHA256:@SECLEVEL=0");
    SSL_CTX_set_dh_auto(c, 1);
    return context;
}

template<bool KeepsBuffers>
struct tls
{
    template<class Library>
    static double measure()
    {
        using socket = typename Library::tcp::socket;
        using stream = ssl::stream<socket>;
        asio::io_context io;
        ssl::context context = anonymous();
        connected<socket> pair(io.get_executor());
        stream client(std::move(pair.first), context);
        stream server(std::move(pair.second), context);
        if (KeepsBuffers)
            for (stream* const each : {&client, &server})
                SSL_clear_mode(each->native_handle(), SSL_MODE_RELEASE_BUFFERS);
        meter m(500, 3000);
        ping_pong<stream> player(client, server, m);
        int shaken = 0;
        auto const start = [&](error_code error) {
            shaken += error ? 0 : 1;
            if (shaken == 2)
                player.start();
        };
        client.async_handshake(ssl::stream_base::client, start);
        server.async_handshake(ssl::stream_base::server, start);
        run(io);
        return m.per_operation();
    }
};

/// Requests and responses between two streams, with an allocator for the
/// fields.
///
/// @tparam Bind Binds memory to a handler; an operation of Beast keeps state in
/// it.
template<class Stream, class Allocator, class Bind>
class http_exchange
{
public:
    http_exchange(
        Stream& client,
        Stream& server,
        Allocator const& allocator,
        Bind bind,
        meter& m)
        : client_(client)
        , server_(server)
        , allocator_(allocator)
        , bind_(bind)
        , meter_(m)
    {
        next();
    }

private:
    using fields = http::basic_fields<Allocator>;

    void next()
    {
        request_.emplace(
            http::verb::get,
            "/",
            11,
            http::empty_body::value_type(),
            fields(allocator_));
        request_->set(http::field::host, "localhost");
        http::async_write(
            client_, *request_, bind_(0, [](error_code, std::size_t) {}));
        parser_.emplace(
            std::piecewise_construct,
            std::make_tuple(),
            std::make_tuple(allocator_));
        http::async_read(
            server_,
            server_buffer_,
            *parser_,
            bind_(1, [this](error_code, std::size_t) { respond(); }));
    }

    void respond()
    {
        response_.emplace(
            http::status::ok, 11, std::string("hello"), fields(allocator_));
        response_->set(http::field::content_type, "text/plain");
        response_->prepare_payload();
        http::async_write(
            server_, *response_, bind_(2, [](error_code, std::size_t) {}));
        response_parser_.emplace(
            std::piecewise_construct,
            std::make_tuple(),
            std::make_tuple(allocator_));
        http::async_read(
            client_,
            client_buffer_,
            *response_parser_,
            bind_(3, [this](error_code, std::size_t) {
                if (meter_.go_on())
                    next();
            }));
    }

    Stream& client_;
    Stream& server_;
    Allocator allocator_;
    Bind bind_;
    meter& meter_;
    beast::flat_buffer client_buffer_;
    beast::flat_buffer server_buffer_;
    std::optional<http::request<http::empty_body, fields>> request_;
    std::optional<http::response<http::string_body, fields>> response_;
    std::optional<http::request_parser<http::empty_body, Allocator>> parser_;
    std::optional<http::response_parser<http::string_body, Allocator>>
        response_parser_;
};

struct http_on_sockets
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        connected<typename Library::tcp::socket> pair(io.get_executor());
        meter m(500, 3000);
        http_exchange const exchange(
            pair.first,
            pair.second,
            std::allocator<char>(),
            [](std::size_t, auto handler) { return handler; },
            m);
        run(io);
        return m.per_operation();
    }
};

struct http_with_memory
{
    template<class Library>
    static double measure()
    {
        asio::io_context io;
        opslot::operation_memory_allocator<char> const allocator(
            opslot::operation_memory::of(io));
        connected<typename Library::tcp::socket> pair(io.get_executor());
        meter m(500, 3000);
        http_exchange const exchange(
            pair.first,
            pair.second,
            allocator,
            [allocator](std::size_t, auto handler) {
                return asio::bind_allocator(allocator, std::move(handler));
            },
            m);
        run(io);
        return m.per_operation();
    }
};

// Its socket and its timers are Asio's: slotted is the handler.
struct http_on_tcp_streams
{
    template<class Library>
    static double measure()
    {
        std::array<typename Library::memory, 4> memory;
        asio::io_context io;
        opslot::operation_memory_allocator<char> const allocator(
            opslot::operation_memory::of(io));
        connected<asio::ip::tcp::socket> pair(io.get_executor());
        beast::tcp_stream client(std::move(pair.first));
        beast::tcp_stream server(std::move(pair.second));
        meter m(500, 3000);
        http_exchange const exchange(
            client,
            server,
            allocator,
            [&memory](std::size_t which, auto handler) {
                return Library::bind(memory[which], std::move(handler));
            },
            m);
        run(io);
        return m.per_operation();
    }
};

} // namespace

std::vector<pattern> library_patterns()
{
    using enum promise;
    return {
        row<resolving>(
            "`async_resolve` of a number",
            no_more,
            no_more,
            "The query, the results and the C library: keep the results."),
        row<tls<false>>(
            "TLS echo",
            no_more,
            no_more,
            "OpenSSL gives its buffers back after each record, since Asio sets "
            "`SSL_MODE_RELEASE_BUFFERS`: clear it (next row)."),
        row<tls<true>>(
            "TLS echo, `SSL_MODE_RELEASE_BUFFERS` cleared",
            no_more,
            no_more,
            "What OpenSSL takes for a record is its own."),
        row<http_on_sockets>(
            "Beast HTTP on `tcp::socket`",
            no_more,
            no_more,
            "The fields and the state of Beast's operations have allocators of "
            "their own: give them one (next row)."),
        row<http_with_memory>(
            "the same, fields and handlers with `operation_memory_allocator`",
            none,
            no_more),
        row<http_on_tcp_streams>(
            "Beast HTTP on `beast::tcp_stream`, `bind_slot`, such fields",
            none,
            no_more),
    };
}

} // namespace allocations
