#include "application/auth_config.h"

#include "application/start_error.h"

namespace nsq::app {

using std::chrono::ceil;
using std::chrono::milliseconds;

auth::AuthSettings authSettings(const options::Options& options) {
    auth::AuthSettings settings;
    for (const std::string& text : options.authHttpAddresses) {
        auto server = auth::ServerAddress::parse(text);
        if (!server)
            throw StartError(ExitStatus::kBadOption, "option --auth-http-address: " + server.error().text);
        settings.servers.push_back(std::move(server).value());
    }
    settings.connectTimeout = ceil<milliseconds>(options.httpClientConnectTimeout);
    settings.requestTimeout = ceil<milliseconds>(options.httpClientRequestTimeout);
    settings.rootCaFile = options.tlsRootCaFile;
    return settings;
}

}  // namespace nsq::app
