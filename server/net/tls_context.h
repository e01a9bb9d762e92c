#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

#include "nsq/sdk/result.h"

namespace nsq::net {

/// What is asked of a client's certificate.
enum class ClientCertificate {
    kNone,     ///< it is not asked for
    kAny,      ///< there must be one, whoever signed it
    kVerified  ///< there must be one that the root CAs vouch for
};

/// Files in PEM; paths are absolute, or reload() would not find them after a change of directory.
struct TlsSettings {
    std::string certificateFile;  ///< the server's, those of its issuers behind it
    std::string keyFile;          ///< without a passphrase
    std::string rootCaFile;       ///< vouches for clients; empty: those of the system
    ClientCertificate client = ClientCertificate::kNone;
    int minVersion = TLS1_VERSION;  ///< TLS1_VERSION to TLS1_3_VERSION
};

struct SslDeleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

/// The server's side of TLS: its certificate, and what it accepts. THREAD: any.
///
/// Sessions are not resumed: no tickets, no cache; each connection shows that it may connect. There is no
/// renegotiation. The cipher suites of TLS 1.2 and below are those Go has.
class TlsContext {
public:
    /// kInvalid: a file cannot be read or used; the text names the option and the file.
    static sdk::Result<std::unique_ptr<TlsContext>> load(const TlsSettings& settings);

    /// Reads the files again, for connections to come. With an error, see load, all stays as it was.
    sdk::Result<void> reload();

    /// The server's side of one connection. Throws std::bad_alloc.
    SslPtr newSession() const;

private:
    explicit TlsContext(TlsSettings settings) : settings_(std::move(settings)) {}

    const TlsSettings settings_;
    mutable std::mutex mutex_;
    std::shared_ptr<SSL_CTX> current_;  ///< guarded by mutex_
};

/// Whether the certificates of --tls-root-ca-file can be used. kInvalid: as TlsContext::load.
sdk::Result<void> checkRootCas(const std::string& file);

/// The reason of OpenSSL's first error on this thread, and forgets all of them. "" if there is none.
std::string takeTlsError();

}  // namespace nsq::net
