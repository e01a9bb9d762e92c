#include "cluster/lookupd_peer.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "faults/exception_text.h"

namespace nsq::cluster {

using sdk::Clock;
using sdk::Error;
using sdk::ErrorCode;
using sdk::Result;

namespace {

/// As nsqd.
constexpr std::chrono::seconds kPingEvery{15};

/// From one attempt to connect to the next (chosen): not longer, for without us the lookupd tells clients
/// wrong.
constexpr std::chrono::seconds kRetryAfter{1};

net::Fd makeEvent() {
    const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    return net::Fd{fd};
}

}  // namespace

LookupdPeer::LookupdPeer(std::string address, const broker::Broker& broker, const sdk::ServerInfo& info,
                         spdlog::logger& logger)
    : name_(std::move(address)),
      address_(options::parsePeer(name_).value()),
      broker_(broker),
      info_(info),
      logger_(logger),
      news_(makeEvent()),
      thread_([this] { run(); }) {}

LookupdPeer::~LookupdPeer() {
    stop_.raise();
    thread_.join();
}

void LookupdPeer::onChanged(const std::string& topic) {
    const std::lock_guard lock{mutex_};
    if (!connected_) return;
    if (changed_.empty()) static_cast<void>(::eventfd_write(news_.get(), 1));
    changed_.insert(topic);
}

std::optional<options::HostAndPort> LookupdPeer::httpAddress(Clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    asked_.wait_until(lock, deadline, [this] { return wasAsked_; });
    return httpAddress_;
}

void LookupdPeer::run() {
    while (!stop_.raised()) {
        const Clock::time_point began = Clock::now();
        Result<void> served;
        try {
            served = serve();
        } catch (...) {
            served = Error{ErrorCode::kInternal, faults::exceptionText()};
        }
        noteEnd();
        if (served) return;
        logFailure(served.error());
        stop_.wait(-1, 0, began + kRetryAfter);
    }
}

/// Connects and does what is to be done until it is told to stop, or it fails.
Result<void> LookupdPeer::serve() {
    auto connection = connect();
    if (stop_.raised()) return {};
    if (!connection) return connection.error();
    registerAnew();
    Clock::time_point ping = Clock::now() + kPingEvery;
    for (;;) {
        auto done = tellChanges(connection.value());
        if (done && Clock::now() >= ping) {
            const std::string command{kPing};
            done = connection.value().tell({&command, 1});
            ping = Clock::now() + kPingEvery;
            if (done) isTroubled_ = false;
        }
        if (stop_.raised()) return {};
        if (!done) return done;
        std::array<pollfd, 2> fds{{{news_.get(), POLLIN, 0}, {connection.value().fd(), POLLIN, 0}}};
        if (stop_.wait(fds, ping) == net::Interrupt::Waited::kInterrupted) return {};
        if (fds[1].revents != 0) return connection.value().reasonToRead();
    }
}

Result<LookupdConnection> LookupdPeer::connect() {
    logger_.log(isTroubled_ ? spdlog::level::debug : spdlog::level::info, "LOOKUP connecting to {}", name_);
    auto connection = LookupdConnection::open(address_, stop_);
    const Result<void> done = connection ? identify(connection.value()) : connection.error();
    if (!done) noteUnreachable();
    return done ? std::move(connection) : done.error();
}

Result<void> LookupdPeer::identify(LookupdConnection& connection) {
    const auto answer = connection.ask(identifyCommand(info_));
    if (!answer) return answer.error();
    if (answer.value().starts_with("E_"))
        return Error{ErrorCode::kInvalid, "it answers " + shown(answer.value())};
    const auto info = parseLookupdInfo(answer.value());
    if (!info) return info.error();
    noteInfo(info.value());
    return {};
}

void LookupdPeer::noteInfo(const LookupdInfo& info) {
    // As nsqd writes it.
    logger_.log(newsLevel(),
                "LOOKUPD({}): peer info {{TCPPort:{} HTTPPort:{} Version:{} BroadcastAddress:{}}}", name_,
                info.tcpPort, info.httpPort, shown(info.version), shown(info.broadcastAddress));
    const bool hasHttp = !info.broadcastAddress.empty() && info.httpPort != 0;
    if (!hasHttp) logger_.log(newsLevel(), "LOOKUPD({}): does not tell where its HTTP API is", name_);
    wasLost_ = false;
    const std::lock_guard lock{mutex_};
    wasAsked_ = true;
    if (hasHttp) httpAddress_ = {info.broadcastAddress, static_cast<std::uint16_t>(info.httpPort)};
    asked_.notify_all();
}

/// Nobody is to wait for an HTTP API that is gone as well, for each new topic.
void LookupdPeer::noteUnreachable() {
    wasLost_ = true;
    const std::lock_guard lock{mutex_};
    httpAddress_.reset();
}

void LookupdPeer::noteEnd() {
    const std::lock_guard lock{mutex_};
    connected_ = false;
    changed_.clear();
    wasAsked_ = true;
    asked_.notify_all();
}

void LookupdPeer::registerAnew() {
    told_ = {};
    isAnew_ = true;
    {
        const std::lock_guard lock{mutex_};
        connected_ = true;
    }
    // What changes from now on is noted as well.
    for (const std::string& topic : broker_.topicNames()) onChanged(topic);
}

std::set<std::string> LookupdPeer::takeChanged() {
    const std::lock_guard lock{mutex_};
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(news_.get(), &ignored));
    return std::exchange(changed_, {});
}

Result<void> LookupdPeer::tellChanges(LookupdConnection& connection) {
    const std::set<std::string> topics = takeChanged();
    std::vector<RegistrationChange> changes;
    for (const std::string& topic : topics) {
        std::ranges::move(told_.update(topic, broker_.known(topic)), std::back_inserter(changes));
    }
    logChanges(changes, topics.size());
    std::vector<std::string> commands;
    commands.reserve(changes.size());
    for (const RegistrationChange& change : changes) {
        commands.push_back(topicCommand(change.verb(), change.topic, change.channel));
    }
    return connection.tell(commands);
}

void LookupdPeer::logChanges(const std::vector<RegistrationChange>& changes, std::size_t topics) {
    if (std::exchange(isAnew_, false)) {
        // Not one line each, as nsqd: there may be ten thousand, each time.
        if (topics > 0) logger_.log(newsLevel(), "LOOKUPD({}): REGISTER {} topics anew", name_, topics);
        return;
    }
    for (const RegistrationChange& change : changes) {
        logger_.info("LOOKUPD({}): {} {}", name_, change.channel.empty() ? "topic" : "channel",
                     topicCommand(change.verb(), change.topic, change.channel));
    }
}

/// One line until it has been well for a while, however often it fails.
void LookupdPeer::logFailure(const Error& error) {
    const bool isKnown = std::exchange(isTroubled_, true) || endIsExpected_.load(std::memory_order_relaxed);
    logger_.log(isKnown ? spdlog::level::debug : spdlog::level::err, "LOOKUPD({}): {}", name_, error.text);
}

/// So for what it says when it is reached.
spdlog::level::level_enum LookupdPeer::newsLevel() const {
    return isTroubled_ && !wasLost_ ? spdlog::level::debug : spdlog::level::info;
}

}  // namespace nsq::cluster
