#include "fixture.h"

namespace nsq::lookupd::test {

Identity identityOf(const std::string& name, std::int64_t httpPort) {
    Identity identity;
    identity.remoteAddress = "192.0.2.1:" + name;
    identity.hostname = "host-" + name;
    identity.broadcastAddress = name;
    identity.tcpPort = 4150;
    identity.httpPort = httpPort;
    identity.version = "1.3.0";
    return identity;
}

PeerPtr makePeer(const std::string& name, sdk::Clock::time_point lastSeen) {
    return PeerPtr{new Peer{identityOf(name), lastSeen}};
}

std::string identifyCommand(std::string_view body) {
    std::byte size[4];
    sdk::storeBig(size, static_cast<std::int32_t>(body.size()));
    return "IDENTIFY\n" + std::string{sdk::asText(size)} + std::string{body};
}

std::vector<std::string> cut(std::string_view sent) {
    std::vector<std::string> answers;
    while (sent.size() >= 4) {
        const auto size = static_cast<std::size_t>(sdk::loadBig<std::int32_t>(sdk::asBytes(sent).data()));
        answers.emplace_back(sent.substr(4, size));
        sent.remove_prefix(std::min(sent.size(), 4 + size));
    }
    if (!sent.empty()) answers.push_back("half an answer");
    return answers;
}

sdk::HttpRequest request(std::vector<std::pair<std::string, std::string>> query) {
    sdk::HttpRequest request;
    request.query = std::move(query);
    return request;
}

std::string text(const sdk::HttpResponse& response) {
    return std::to_string(response.status) + ' ' + response.body;
}

Server::Server() {
    host.infoValues.tcpPort = 4160;
    host.infoValues.httpPort = 4161;
}

Client::Client(Server& server) : connection(server.loop), session(server.protocol.createSession(connection)) {
    connection.attach(*session);
    connection.exchange("  V1");
}

std::vector<std::string> Client::send(std::string_view bytes) {
    connection.exchange(bytes);
    return cut(connection.sent());
}

}  // namespace nsq::lookupd::test
