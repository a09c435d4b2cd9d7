// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// TLS, with a certificate that is made at the start and that nobody knows.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "app.hpp"

namespace {

namespace ssl = asio::ssl;

ssl::context make_context()
{
    ssl::context context(ssl::context::tls_server);
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(
        EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const certificate(
        X509_new(), X509_free);
    X509* const x = certificate.get();
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(x),
        "CN",
        MBSTRING_ASC,
        reinterpret_cast<unsigned char const*>("localhost"),
        -1,
        -1,
        0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key.get());
    if (X509_sign(x, key.get(), EVP_sha256()) == 0 ||
        SSL_CTX_use_certificate(context.native_handle(), x) != 1 ||
        SSL_CTX_use_PrivateKey(context.native_handle(), key.get()) != 1)
        throw std::runtime_error("cannot make a certificate");
    return context;
}

class session : public std::enable_shared_from_this<session>
{
public:
    explicit session(tcp::socket socket)
        : stream_(std::move(socket), context())
    {}

    void start()
    {
        stream_.async_handshake(
            ssl::stream_base::server,
            [self = shared_from_this()](error_code error) {
                if (!error)
                    self->receive();
            });
    }

private:
    static ssl::context& context()
    {
        static ssl::context one = make_context();
        return one;
    }

    void receive()
    {
        stream_.async_read_some(
            asio::buffer(storage_),
            [self = shared_from_this()](error_code error, std::size_t n) {
                if (error)
                    self->close();
                else
                    self->reply(n);
            });
    }

    void reply(std::size_t bytes)
    {
        asio::async_write(
            stream_,
            asio::buffer(storage_, bytes),
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error)
                    self->receive();
            });
    }

    void close()
    {
        stream_.async_shutdown([self = shared_from_this()](error_code) {});
    }

    ssl::stream<tcp::socket> stream_;
    std::array<char, 4096> storage_;
};

} // namespace

int main(int argc, char* argv[])
{
    return app_main<session_server<session>>(argc, argv);
}
