#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "net/tls_context.h"

namespace nsq::net::test {

/// A certificate that signs itself, and its key, in files of a directory that goes with it.
class CertificateFiles {
public:
    explicit CertificateFiles(const std::string& commonName);
    CertificateFiles(const CertificateFiles&) = delete;
    CertificateFiles& operator=(const CertificateFiles&) = delete;
    ~CertificateFiles();

    std::string certificate() const { return directory_ / "certificate.pem"; }
    std::string key() const { return directory_ / "key.pem"; }

    /// Makes both anew.
    void write(const std::string& commonName) const;

private:
    std::filesystem::path directory_;
};

/// A server that has the certificate of `files`.
std::unique_ptr<TlsContext> tlsContext(const CertificateFiles& files,
                                       ClientCertificate client = ClientCertificate::kNone);

/// The client's side of TLS, which trusts anybody, without a socket.
class TlsClient {
public:
    /// With `identity`, shows its certificate.
    explicit TlsClient(const CertificateFiles* identity = nullptr);

    /// What the server sent.
    void receive(std::string_view wire);

    /// What there is to be sent, the handshake's part included.
    std::string takeWire();

    /// To be sent; the handshake must be done.
    void write(std::string_view plain);

    /// What was decoded. Goes on with the handshake first.
    std::string read();

    /// To be sent: new keys of its own, and that it wants the server's anew. The handshake must be done.
    void renewKeys();

    /// Says that it sends no more.
    void end();

    bool established() const { return SSL_is_init_finished(ssl_.get()) == 1; }

    /// The server has said that it sends no more.
    bool serverEnded() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

    std::string serverName() const;

private:
    SslPtr ssl_;
};

}  // namespace nsq::net::test
