#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

namespace nsq::net {

using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// Those of Go, in its order. TLS 1.3 has suites of its own.
constexpr const char* kCipherSuites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA";

using Context = std::shared_ptr<SSL_CTX>;

/// After a call of OpenSSL that failed.
Error unusable(std::string_view option, const std::string& file) {
    return {ErrorCode::kInvalid,
            fmt::format("option --{}: {} cannot be used: {}", option, file, takeTlsError())};
}

Result<void> checkReadable(std::string_view option, const std::string& file) {
    if (::access(file.c_str(), R_OK) == 0) return {};
    return Error{ErrorCode::kInvalid, fmt::format("option --{}: {} cannot be read: {}", option, file,
                                                  std::generic_category().message(errno))};
}

/// OpenSSL would ask for it on the terminal.
int noPassphrase(char*, int, int, void*) {
    return -1;
}

int acceptAny(int, X509_STORE_CTX*) {
    return 1;
}

Result<void> useFiles(SSL_CTX* context, const TlsSettings& settings) {
    for (const auto& [option, file] :
         {std::pair{"tls-cert", settings.certificateFile}, std::pair{"tls-key", settings.keyFile}}) {
        if (auto readable = checkReadable(option, file); !readable) return readable;
    }
    if (SSL_CTX_use_certificate_chain_file(context, settings.certificateFile.c_str()) != 1) {
        return unusable("tls-cert", settings.certificateFile);
    }
    SSL_CTX_set_default_passwd_cb(context, noPassphrase);
    if (SSL_CTX_use_PrivateKey_file(context, settings.keyFile.c_str(), SSL_FILETYPE_PEM) != 1) {
        return unusable("tls-key", settings.keyFile);
    }
    // A key of another kind than the certificate's is taken until here.
    if (SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        return Error{ErrorCode::kInvalid, fmt::format("option --tls-key: {} is not the key of {}",
                                                      settings.keyFile, settings.certificateFile)};
    }
    return {};
}

Result<void> askForCertificate(SSL_CTX* context, const TlsSettings& settings) {
    if (!settings.rootCaFile.empty()) {
        if (auto good = checkRootCas(settings.rootCaFile); !good) return good;
        if (SSL_CTX_load_verify_file(context, settings.rootCaFile.c_str()) != 1) {
            return unusable("tls-root-ca-file", settings.rootCaFile);
        }
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(settings.rootCaFile.c_str()));
    } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
        return unusable("tls-root-ca-file", "the system's root certificates");
    }
    if (settings.client == ClientCertificate::kNone) return {};
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       settings.client == ClientCertificate::kAny ? acceptAny : nullptr);
    return {};
}

Result<Context> makeContext(const TlsSettings& settings) {
    ERR_clear_error();
    Context context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    if (!context) throw std::bad_alloc();
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_min_proto_version(raw, settings.minVersion);
    SSL_CTX_set_max_proto_version(raw, 0);
    SSL_CTX_set_cipher_list(raw, kCipherSuites);
    // OpenSSL 3 has TLS 1.0 and 1.1 on this level only, for their signatures are of SHA-1.
    if (settings.minVersion < TLS1_2_VERSION) SSL_CTX_set_security_level(raw, 0);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 0);
    // An idle connection then keeps no buffers.
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    if (const auto used = useFiles(raw, settings); !used) return used.error();
    if (const auto asks = askForCertificate(raw, settings); !asks) return asks.error();
    return context;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::load(const TlsSettings& settings) {
    std::unique_ptr<TlsContext> context{new TlsContext{settings}};
    if (const auto loaded = context->reload(); !loaded) return loaded.error();
    return context;
}

Result<void> TlsContext::reload() {
    Result<Context> fresh = makeContext(settings_);
    if (!fresh) return fresh.error();
    const std::lock_guard lock(mutex_);
    current_ = std::move(fresh).value();
    return {};
}

SslPtr TlsContext::newSession() const {
    Context context;
    {
        const std::lock_guard lock(mutex_);
        context = current_;
    }
    SslPtr ssl{SSL_new(context.get())};
    if (!ssl) throw std::bad_alloc();
    SSL_set_accept_state(ssl.get());
    return ssl;
}

Result<void> checkRootCas(const std::string& file) {
    constexpr std::string_view kOption = "tls-root-ca-file";
    if (auto readable = checkReadable(kOption, file); !readable) return readable;
    ERR_clear_error();
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store{X509_STORE_new(), X509_STORE_free};
    if (!store) throw std::bad_alloc();
    if (X509_STORE_load_file(store.get(), file.c_str()) != 1) return unusable(kOption, file);
    return {};
}

std::string takeTlsError() {
    const unsigned long code = ERR_peek_error();
    const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    std::string text;
    if (reason != nullptr) {
        text = reason;
    } else if (code != 0) {
        text = fmt::format("error {:x}", code);
    }
    ERR_clear_error();
    return text;
}

}  // namespace nsq::net
