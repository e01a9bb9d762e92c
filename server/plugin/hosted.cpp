#include "plugin/hosted.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "faults/calling.h"
#include "faults/exception_text.h"

namespace nsq::plugin {

namespace {

/// The text for an exception of the host's own, which may leave it.
std::string failureOf(const faults::CodeOwner& plugin, const std::string& text) {
    return "plugin " + plugin.name() + ": " + text;
}

/// Such as metrics of all kinds can have.
bool isStatisticName(std::string_view name) {
    const auto isLetter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && isLetter(name.front()) && std::ranges::all_of(name, [&](char c) {
        return isLetter(c) || (c >= '0' && c <= '9') || c == '_';
    });
}

}  // namespace

HostedProtocol::HostedProtocol(std::shared_ptr<sdk::Protocol> protocol, const faults::CodeOwner& owner)
    : protocol_(std::move(protocol)), owner_(owner), name_(protocol_->name()) {}

std::unique_ptr<sdk::Session> HostedProtocol::createSession(sdk::Connection& connection) {
    if (protocol_ == nullptr) return nullptr;
    std::string failure;
    try {
        return protocol_->createSession(connection);
    } catch (...) {
        failure = failureOf(owner_, faults::exceptionText());
    }
    throw std::runtime_error(failure);
}

HostedHandler::HostedHandler(sdk::HttpHandler handler, faults::CodeOwner& owner)
    : handler_(std::move(handler)), owner_(owner) {}

sdk::HttpResponse HostedHandler::handle(const sdk::HttpRequest& request) const {
    if (!handler_) return {503, "text/plain; charset=utf-8", "the server is stopping\n", {}};
    owner_.requestCame();
    std::string failure;
    try {
        const faults::Calling calling(faults::Caller{&owner_});
        return handler_(request);
    } catch (...) {
        failure = faults::exceptionText();
    }
    owner_.failed(failure);
    throw std::runtime_error(failureOf(owner_, failure));
}

HostedStatistics::HostedStatistics(sdk::StatisticsSource source, faults::CodeOwner& owner,
                                   spdlog::logger& logger)
    : source_(std::move(source)), owner_(owner), logger_(logger) {}

void HostedStatistics::append(std::vector<sdk::Statistic>& statistics) const {
    if (!source_) return;
    try {
        const faults::Calling calling(faults::Caller{&owner_});
        for (sdk::Statistic& statistic : source_()) {
            if (isStatisticName(statistic.name)) {
                statistics.push_back(std::move(statistic));
            } else {
                fail(fmt::format(
                    "a statistic has the name \"{}\", needs a lower case letter, then such letters, "
                    "digits or '_'",
                    faults::oneLine(statistic.name)));
            }
        }
    } catch (...) {
        fail("its statistics failed: " + faults::exceptionText());
    }
}

void HostedStatistics::fail(const std::string& text) const {
    logger_.error("plugin {}: {}", owner_.name(), text);
    owner_.failed(text);
}

}  // namespace nsq::plugin
