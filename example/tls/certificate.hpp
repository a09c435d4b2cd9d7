#ifndef OPSLOT_EXAMPLE_CERTIFICATE_HPP
#define OPSLOT_EXAMPLE_CERTIFICATE_HPP

// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace tls {

/// A context for servers, with a certificate for `localhost` that is made here
/// and signed by nobody: clients have to be told not to mind.
inline boost::asio::ssl::context make_server_context()
{
    boost::asio::ssl::context context(boost::asio::ssl::context::tls_server);
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(
        EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::unique_ptr<X509, void (*)(X509*)> const certificate(
        X509_new(), X509_free);
    X509* const x = certificate.get();
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 60 * 60);
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
    {
        throw std::runtime_error("cannot make a certificate");
    }
    return context;
}

} // namespace tls

#endif
