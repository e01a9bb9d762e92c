#include "stats/statsd_loop.h"

#include <algorithm>
#include <utility>

#include "net/blocked_signals.h"
#include "stats/statsd_socket.h"

namespace nsq::stats {

using sdk::Clock;

StatsdLoop::StatsdLoop(StatsdSettings settings, const sdk::Broker& broker, spdlog::logger& logger)
    : settings_(std::move(settings)),
      address_(options::parsePeer(settings_.address).value()),
      broker_(broker),
      logger_(logger),
      report_(settings_.prefix, settings_.excludesEphemeral) {
    const net::BlockedSignals blocked;
    thread_ = std::thread{[this] { run(); }};
}

StatsdLoop::~StatsdLoop() {
    stop();
}

void StatsdLoop::stop() {
    stop_.raise();
    if (thread_.joinable()) thread_.join();
}

void StatsdLoop::run() {
    const auto interval = std::chrono::duration_cast<Clock::duration>(settings_.interval);
    for (auto next = Clock::now() + interval; sleepUntil(next);) {
        push(next);
        next = std::max(next + interval, Clock::now());
    }
}

/// Sends what there is now, over the interval that began at `begin`.
void StatsdLoop::push(Clock::time_point begin) {
    auto socket = StatsdSocket::open(address_, stop_);
    if (stop_.raised()) return;
    if (!socket) return note(socket.error());
    bool allSent = true;
    const std::vector<std::string> all = packets();
    const auto step = settings_.interval / std::max<std::size_t>(all.size(), 1);
    for (const std::string& packet : all) {
        if (!sleepUntil(begin)) return;
        begin += step;
        const auto sent = socket.value().send(packet);
        if (!sent) note(sent);
        allSent = allSent && sent.ok();
    }
    if (allSent) note({});
}

std::vector<std::string> StatsdLoop::packets() {
    LinePackets packets{settings_.packetSize};
    report_.write(broker_.stats({}), packets);
    if (settings_.withMemory) report_.write(sdk::memoryStats(), packets);
    return packets.take();
}

void StatsdLoop::note(const sdk::Result<void>& sent) {
    const bool failed = !sent;
    if (std::exchange(failing_, failed) == failed) return;
    if (failed) {
        logger_.error("STATSD: cannot send to {}: {}", settings_.address, sent.error().text);
    } else {
        logger_.info("STATSD: can send to {} again", settings_.address);
    }
}

/// False: it is to stop.
bool StatsdLoop::sleepUntil(Clock::time_point when) const {
    return stop_.wait(-1, 0, when) != net::Interrupt::Waited::kInterrupted;
}

}  // namespace nsq::stats
