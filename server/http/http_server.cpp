#include "http/http_server.h"

#include <set>

namespace nsq::http {

HttpServer::Entrance::Entrance(const HttpEntrance& entrance, const HttpService& service,
                               net::LoopGroup& loops)
    : opener(service),
      listener(entrance.socket, loops, opener, net::ConnectionKind::kHttp, service.logger,
               HttpSession::kIdleLimit, nullptr, entrance.transport) {}

HttpServer::HttpServer(const std::vector<HttpEntrance>& entrances, net::LoopGroup& loops,
                       const Router& router, spdlog::logger& logger, const HttpServerSettings& settings)
    : logger_(logger), bodies_(settings.bodyBytes), workers_(settings.workers, settings.queueLimit) {
    for (const HttpEntrance& entrance : entrances) {
        entrances_.emplace_back(
            entrance, HttpService{router, workers_, bodies_, logger, settings.access, entrance.refusal},
            loops);
    }
}

HttpServer::~HttpServer() {
    stop();
}

void HttpServer::start() {
    workers_.start();
    for (Entrance& entrance : entrances_) entrance.listener.start();
}

void HttpServer::stopAccepting() {
    for (Entrance& entrance : entrances_) entrance.listener.stop();
}

void HttpServer::beginStop() {
    stopAccepting();
    workers_.beginStop();
}

bool HttpServer::stop(std::chrono::milliseconds limit) {
    beginStop();
    if (workers_.stop(limit)) return true;
    std::set<faults::CodeOwner*> owners = workers_.busyWith();
    if (owners.empty()) owners.insert(nullptr);
    for (faults::CodeOwner* const owner : owners) {
        faults::reportHang(logger_, owner, "a request is not answered", limit);
    }
    return false;
}

}  // namespace nsq::http
