#include "unit/net/tls_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace nsq::net::test {

namespace {

void check(bool good) {
    if (!good) throw std::runtime_error("OpenSSL: " + takeTlsError());
}

template <typename Write>
void writeFile(const std::string& path, Write write) {
    std::unique_ptr<BIO, decltype(&BIO_free)> file{BIO_new_file(path.c_str(), "w"), BIO_free};
    check(file != nullptr && write(file.get()) == 1);
}

}  // namespace

CertificateFiles::CertificateFiles(const std::string& commonName) {
    std::string pattern = std::filesystem::temp_directory_path() / "nsqd-tls-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    write(commonName);
}

CertificateFiles::~CertificateFiles() {
    std::filesystem::remove_all(directory_);
}

void CertificateFiles::write(const std::string& commonName) const {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), X509_free};
    check(key && certificate);
    constexpr long kDay = 24 * 60 * 60;
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kDay);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(commonName.data()),
                               static_cast<int>(commonName.size()), -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    writeFile(this->certificate(), [&](BIO* file) { return PEM_write_bio_X509(file, certificate.get()); });
    writeFile(this->key(), [&](BIO* file) {
        return PEM_write_bio_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
}

std::unique_ptr<TlsContext> tlsContext(const CertificateFiles& files, ClientCertificate client) {
    auto context = TlsContext::load(
        {.certificateFile = files.certificate(), .keyFile = files.key(), .rootCaFile = {}, .client = client});
    if (!context) throw std::runtime_error(context.error().text);
    return std::move(context).value();
}

TlsClient::TlsClient(const CertificateFiles* identity) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()),
                                                                    SSL_CTX_free};
    check(context != nullptr);
    if (identity != nullptr) {
        check(SSL_CTX_use_certificate_file(context.get(), identity->certificate().c_str(),
                                           SSL_FILETYPE_PEM) == 1);
        check(SSL_CTX_use_PrivateKey_file(context.get(), identity->key().c_str(), SSL_FILETYPE_PEM) == 1);
    }
    ssl_.reset(SSL_new(context.get()));
    check(ssl_ != nullptr);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
}

void TlsClient::receive(std::string_view wire) {
    BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
}

std::string TlsClient::takeWire() {
    if (!established()) SSL_do_handshake(ssl_.get());
    BIO* const out = SSL_get_wbio(ssl_.get());
    std::string wire(BIO_pending(out), '\0');
    BIO_read(out, wire.data(), static_cast<int>(wire.size()));
    return wire;
}

void TlsClient::write(std::string_view plain) {
    if (!plain.empty()) check(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) > 0);
}

std::string TlsClient::read() {
    std::string plain;
    char buffer[16384];
    for (;;) {
        const int count = SSL_read(ssl_.get(), buffer, sizeof buffer);
        if (count <= 0) return plain;
        plain.append(buffer, static_cast<std::size_t>(count));
    }
}

void TlsClient::renewKeys() {
    check(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl_.get()) == 1);
}

void TlsClient::end() {
    SSL_shutdown(ssl_.get());
}

std::string TlsClient::serverName() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{SSL_get1_peer_certificate(ssl_.get()),
                                                                  X509_free};
    if (!certificate) return {};
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
    return name;
}

}  // namespace nsq::net::test
