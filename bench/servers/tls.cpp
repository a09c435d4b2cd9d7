// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// An echo over TLS, the same for all sockets with Asio's forms.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "asio_server.hpp"
#include "families.hpp"
#include "service.hpp"

namespace {

namespace asio = boost::asio;
using bench::cell;
using boost::system::error_code;

/// With a certificate that is made here and that nobody knows.
asio::ssl::context make_context()
{
    asio::ssl::context context(asio::ssl::context::tls_server);
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(
        ::EVP_EC_gen("P-256"), &::EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const certificate(
        ::X509_new(), &::X509_free);
    X509* const x = certificate.get();
    ::X509_gmtime_adj(X509_getm_notBefore(x), 0);
    ::X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    ::X509_set_pubkey(x, key.get());
    if (::X509_sign(x, key.get(), ::EVP_sha256()) == 0 ||
        ::SSL_CTX_use_certificate(context.native_handle(), x) != 1 ||
        ::SSL_CTX_use_PrivateKey(context.native_handle(), key.get()) != 1)
    {
        throw std::runtime_error("cannot make a certificate");
    }
    // Else OpenSSL gives its buffers back after each record, and allocates
    // them again.
    ::SSL_CTX_clear_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
    return context;
}

template<typename Family>
class tls_session : public std::enable_shared_from_this<tls_session<Family>>
{
public:
    struct shared
    {
        explicit shared(cell const& c)
            : buffer_bytes(c.buffer_bytes)
            , context(make_context())
        {}

        std::size_t const buffer_bytes;
        asio::ssl::context context;
    };

    tls_session(typename Family::stream socket, shared& s)
        : stream_(std::move(socket), s.context)
        , buffer_(s.buffer_bytes)
    {}

    void start()
    {
        stream_.async_handshake(
            asio::ssl::stream_base::server,
            [self = this->shared_from_this()](error_code ec) {
                if (!ec)
                {
                    self->receive();
                }
            });
    }

private:
    void receive()
    {
        stream_.async_read_some(
            asio::buffer(buffer_),
            [self = this->shared_from_this()](error_code ec, std::size_t n) {
                if (!ec)
                {
                    self->echo(n);
                }
            });
    }

    void echo(std::size_t n)
    {
        asio::async_write(
            stream_,
            asio::buffer(buffer_, n),
            [self = this->shared_from_this()](error_code ec, std::size_t) {
                if (!ec)
                {
                    self->receive();
                }
            });
    }

    asio::ssl::stream<typename Family::stream> stream_;
    std::vector<char> buffer_;
};

template<typename Family>
void serve(cell const& c)
{
    bench::serve<Family, tls_session>(c, 1);
}

} // namespace

int main(int argc, char* argv[])
{
    return bench::serve_main(
        argc,
        argv,
        {
            {"asio tls", &serve<bench::asio_any>},
            {"asio_concrete tls", &serve<bench::asio_concrete>},
            {"slotted tls", &serve<bench::slotted>},
            {"opslot tls", &serve<bench::opslot_token>},
        });
}
