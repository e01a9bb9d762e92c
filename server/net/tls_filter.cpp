#include "net/tls_filter.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace nsq::net {

namespace {

/// Messages of the handshake's kind that one decode() takes (chosen): a handshake has five at most, and then
/// a client renews its keys once in many megabytes. Each costs tens of microseconds, and an answer.
constexpr int kMaxMessages = 32;

/// Bytes that wait to be sent, from which on the peer is one that lets TLS's own answers pile up (chosen).
/// What the session sends is one piece at a time, a quarter of this.
constexpr std::size_t kMaxWaiting = 256 * 1024;

struct X509Deleter {
    void operator()(X509* certificate) const { X509_free(certificate); }
};

/// As nsqd writes it.
std::string_view versionName(int version) {
    switch (version) {
        case TLS1_VERSION:
            return "TLS1.0";
        case TLS1_1_VERSION:
            return "TLS1.1";
        case TLS1_2_VERSION:
            return "TLS1.2";
        default:
            return "TLS1.3";
    }
}

std::string utf8(const ASN1_STRING* text) {
    unsigned char* bytes = nullptr;
    const int size = ASN1_STRING_to_UTF8(&bytes, text);
    if (size < 0) return {};
    std::string result(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return result;
}

}  // namespace

TlsFilter::TlsFilter(const TlsContext& context, sdk::Output& wire) : wire_(wire), ssl_(context.newSession()) {
    BIO* const bio = BIO_new(ends());
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_msg_callback(ssl_.get(), &TlsFilter::onMessage);
    SSL_set_msg_callback_arg(ssl_.get(), this);
}

const BIO_METHOD* TlsFilter::ends() {
    static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
        std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made{
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nsqd"), BIO_meth_free};
        if (!made) throw std::bad_alloc();
        BIO_meth_set_read_ex(made.get(), &TlsFilter::read);
        BIO_meth_set_write_ex(made.get(), &TlsFilter::write);
        BIO_meth_set_ctrl(made.get(), &TlsFilter::control);
        return made;
    }();
    return method.get();
}

int TlsFilter::read(BIO* bio, char* to, std::size_t size, std::size_t* count) {
    auto& filter = *static_cast<TlsFilter*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *count = std::min(size, filter.received_.size());
    if (*count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    std::memcpy(to, filter.received_.data(), *count);
    filter.received_ = filter.received_.subspan(*count);
    return 1;
}

int TlsFilter::write(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
    BIO_clear_retry_flags(bio);
    *count = 0;
    try {
        static_cast<TlsFilter*>(BIO_get_data(bio))->wire_.write(sdk::asBytes({from, size}));
    } catch (const std::bad_alloc&) {
        return 0;  // not through OpenSSL's frames, which know of no exceptions: to it the socket is broken
    }
    *count = size;
    return 1;
}

long TlsFilter::control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

Codec::Step TlsFilter::decode(sdk::Bytes wire, std::span<std::byte> plain) {
    if (failed()) throw CodecError(failure_);
    if (inputEnded_) return {wire.size(), 0};
    received_ = wire;
    messages_ = 0;
    std::size_t produced = 0;
    while (produced < plain.size()) {
        ERR_clear_error();
        std::size_t count = 0;
        if (SSL_read_ex(ssl_.get(), plain.data() + produced, plain.size() - produced, &count) == 1) {
            produced += count;
            continue;
        }
        const int error = SSL_get_error(ssl_.get(), 0);
        if (error == SSL_ERROR_ZERO_RETURN) {
            inputEnded_ = true;
            received_ = {};
        } else if (error != SSL_ERROR_WANT_READ) {
            fail(takeTlsError());
        }
        break;
    }
    established_ = established_ || SSL_is_init_finished(ssl_.get()) == 1;
    if (!failed() && isAbused()) fail("too many messages that are not data");
    if (failed() && produced == 0) throw CodecError(failure_);
    const std::size_t left = received_.size();
    received_ = {};
    return {wire.size() - left, produced};
}

void TlsFilter::encode(sdk::Bytes plain) {
    if (plain.empty()) return;
    ERR_clear_error();
    std::size_t count = 0;
    if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count) == 1) return;
    fail(takeTlsError());
    throw CodecError(failure_);
}

void TlsFilter::end() {
    outputEnded_ = true;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

void TlsFilter::onMessage(int isSent, int, int type, const void*, std::size_t, SSL*, void* filter) {
    if (isSent != 0 || type != SSL3_RT_HANDSHAKE) return;
    auto& self = *static_cast<TlsFilter*>(filter);
    // SSL_read would go on until there is data: it finds nothing more to read instead.
    if (++self.messages_ > kMaxMessages) self.received_ = {};
}

/// During the handshake what was written before TLS may wait in front, however much it is.
bool TlsFilter::isAbused() const {
    return messages_ > kMaxMessages || (established_ && wire_.size() >= kMaxWaiting);
}

void TlsFilter::fail(std::string reason) {
    received_ = {};
    failure_ = "tls: " + (reason.empty() ? "protocol error" : std::move(reason));
}

void TlsFilter::describe(sdk::ClientStats& stats) const {
    stats.tls = true;
    stats.tlsVersion = versionName(SSL_version(ssl_.get()));
    if (const char* name = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_.get()))) {
        stats.tlsCipherSuite = name;
    }
}

std::string TlsFilter::peerCommonName() const {
    const std::unique_ptr<X509, X509Deleter> certificate{SSL_get1_peer_certificate(ssl_.get())};
    if (!certificate) return {};
    const X509_NAME* const subject = X509_get_subject_name(certificate.get());
    // The last one counts, as in Go.
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
    if (last < 0) return {};
    return utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
}

}  // namespace nsq::net
