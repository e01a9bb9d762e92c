#include "cluster/lookup_loop.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace nsq::cluster {

LookupLoop::Lookupd::Lookupd(std::string address, LookupLoop& loop)
    : peer(std::move(address), loop.broker_, loop.info_, loop.logger_),
      finder(peer, loop.timeouts_, loop.logger_,
             [&starting = loop.starting_](std::uint64_t number, const std::vector<std::string>& channels) {
                 starting.answer(number, channels);
             }) {}

LookupLoop::LookupLoop(broker::Broker& broker, const sdk::ServerInfo& info, HttpTimeouts timeouts,
                       spdlog::logger& logger)
    : broker_(broker),
      info_(info),
      timeouts_(timeouts),
      logger_(logger),
      starting_([this](const std::string& topic, const broker::Identity& identity,
                       const std::set<std::string>& channels) {
          broker_.startTopic(topic, identity, std::vector<std::string>{channels.begin(), channels.end()});
      }) {}

LookupLoop::~LookupLoop() {
    stop();
}

void LookupLoop::expectEnd() {
    const std::shared_lock lock{mutex_};
    for (const auto& lookupd : lookupds_) lookupd->peer.expectEnd();
}

void LookupLoop::stop() {
    starting_.stop();
    setPeers({});
}

void LookupLoop::setPeers(const std::vector<std::string>& addresses) {
    Lookupds lookupds;
    for (const std::string& address : addresses) {
        const auto has = [&](const auto& lookupd) { return lookupd->peer.address() == address; };
        if (std::ranges::any_of(lookupds, has)) continue;  // it stands there twice
        if (const auto known = std::ranges::find_if(lookupds_, has); known != lookupds_.end()) {
            lookupds.push_back(*known);
            continue;
        }
        logger_.info("LOOKUP({}): adding peer", address);
        lookupds.push_back(std::make_shared<Lookupd>(address, *this));
    }
    {
        const std::lock_guard lock{mutex_};
        lookupds_.swap(lookupds);
    }
    for (const auto& lookupd : lookupds) {
        if (std::ranges::find(lookupds_, lookupd) == lookupds_.end())
            logger_.info("LOOKUP({}): removing peer", lookupd->peer.address());
    }
}

bool LookupLoop::onNewTopic(const std::string& topic, const broker::Identity& identity) {
    const std::shared_lock lock{mutex_};
    if (lookupds_.empty()) return false;
    const std::uint64_t number = starting_.add(topic, identity, lookupds_.size());
    for (const auto& lookupd : lookupds_) lookupd->finder.ask(number, topic);
    return true;
}

void LookupLoop::onChanged(const std::string& topic) {
    const std::shared_lock lock{mutex_};
    for (const auto& lookupd : lookupds_) lookupd->peer.onChanged(topic);
}

}  // namespace nsq::cluster
