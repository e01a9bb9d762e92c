#include "http/http_server.h"

namespace nsq::http {

HttpServer::HttpServer(const Poco::Net::ServerSocket& socket, net::LoopGroup& loops, const Router& router,
                       spdlog::logger& logger, const HttpServerSettings& settings)
    : bodies_(settings.bodyBytes),
      workers_(settings.workers, settings.queueLimit),
      opener_(HttpService{router, workers_, bodies_, logger, settings.access}),
      listener_(socket, loops, opener_, net::ConnectionKind::kHttp, logger, HttpSession::kIdleLimit) {}

HttpServer::~HttpServer() {
    stop();
}

void HttpServer::start() {
    workers_.start();
    listener_.start();
}

void HttpServer::stopAccepting() {
    listener_.stop();
}

void HttpServer::stop() {
    stopAccepting();
    workers_.stop();
}

}  // namespace nsq::http
