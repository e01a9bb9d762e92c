#include "auth/server_address.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

namespace nsq::auth {

namespace {

sdk::Error notAnAddress(std::string_view text) {
    return {sdk::ErrorCode::kInvalid,
            '"' + std::string{text} + "\" is not host:port, or a URL of http or https"};
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
