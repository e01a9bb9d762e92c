#include "auth/server_address.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

namespace nsq::auth {

namespace {

/// Behind what there is of a scheme.
std::size_t beginOfHost(std::string_view text) {
    const std::size_t scheme = text.find("://");
    return scheme == std::string_view::npos ? 0 : scheme + 3;
}

sdk::Error notAnAddress(std::string_view text) {
    // Where a password or a token begins and ends in it nobody knows.
    const bool maySayMore = text.find_first_of("@?") == std::string_view::npos;
    const std::string shown =
        maySayMore ? std::string{text} : std::string{text.substr(0, beginOfHost(text))} + "...";
    return {sdk::ErrorCode::kInvalid, '"' + shown + "\" is not host:port, or a URL of http or https"};
}

/// Of an address that is one.
std::string withoutSecrets(std::string_view text) {
    text = text.substr(0, text.find_first_of("?#"));
    const std::size_t host = beginOfHost(text);
    const std::size_t at = text.substr(0, text.find('/', host)).rfind('@');
    if (at == std::string_view::npos) return std::string{text};
    return std::string{text.substr(0, host)}.append(text.substr(at + 1));
}

std::string parameter(const char* name, const std::string& value) {
    std::string text = name;
    text += '=';
    Poco::URI::encode(value, ":/?#[]@!$&'()*+,;=", text);
    return text;
}

}  // namespace

sdk::Result<ServerAddress> ServerAddress::parse(std::string_view text) {
    const bool isUrl = text.find("://") != std::string_view::npos;
    std::string url{text};
    if (!isUrl) url = "http://" + url + "/auth";
    ServerAddress address;
    address.shown_ = withoutSecrets(text);
    try {
        const Poco::URI uri{url};
        // Poco takes a port it cannot read for none.
        if (uri.getHost().empty() || uri.getPort() == 0) return notAnAddress(text);
        if (uri.getScheme() != "http" && uri.getScheme() != "https") return notAnAddress(text);
        if (!isUrl && uri.getPath() != "/auth") return notAnAddress(text);
        address.host_ = uri.getHost();
        address.port_ = uri.getPort();
        address.isHttps_ = uri.getScheme() == "https";
        address.userInfo_ = uri.getUserInfo();
        address.path_ = uri.getPathAndQuery();
        if (!address.path_.starts_with('/')) address.path_.insert(0, 1, '/');
    } catch (const Poco::Exception&) {
        return notAnAddress(text);
    }
    return address;
}

std::string ServerAddress::name() const {
    const bool isIpv6 = host_.find(':') != std::string::npos;
    return (isHttps_ ? "https://" : "http://") + (isIpv6 ? '[' + host_ + ']' : host_) + ':' +
           std::to_string(port_);
}

std::string ServerAddress::target(const sdk::Credentials& credentials) const {
    std::string target = path_;
    target += path_.find('?') == std::string::npos ? '?' : '&';
    target += parameter("common_name", credentials.commonName);
    target += '&' + parameter("remote_ip", credentials.remoteHost);
    target += '&' + parameter("secret", credentials.secret);
    target += credentials.tls ? "&tls=true" : "&tls=false";
    return target;
}

}  // namespace nsq::auth
