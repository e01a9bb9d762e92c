#include "plugin/hosted.h"

#include <stdexcept>

#include "plugin/exception_text.h"

namespace nsq::plugin {

namespace {

/// Within a catch block: the text for an exception of the host's own, which may leave it.
std::string failureOf(const std::string& plugin) {
    return "plugin " + plugin + ": " + exceptionText();
}

}  // namespace

HostedProtocol::HostedProtocol(std::shared_ptr<sdk::Protocol> protocol, std::string plugin)
    : protocol_(std::move(protocol)), plugin_(std::move(plugin)), name_(protocol_->name()) {}

std::unique_ptr<sdk::Session> HostedProtocol::createSession(sdk::Connection& connection) {
    if (protocol_ == nullptr) return nullptr;
    std::string failure;
    try {
        return protocol_->createSession(connection);
    } catch (...) {
        failure = failureOf(plugin_);
    }
    throw std::runtime_error(failure);
}

HostedHandler::HostedHandler(sdk::HttpHandler handler, std::string plugin)
    : handler_(std::move(handler)), plugin_(std::move(plugin)) {}

sdk::HttpResponse HostedHandler::handle(const sdk::HttpRequest& request) const {
    if (!handler_) return {503, "text/plain; charset=utf-8", "the server is stopping\n", {}};
    std::string failure;
    try {
        return handler_(request);
    } catch (...) {
        failure = failureOf(plugin_);
    }
    throw std::runtime_error(failure);
}

}  // namespace nsq::plugin
