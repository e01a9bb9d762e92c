#include "stats/statsd_report.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>

#include "nsq/sdk/names.h"

namespace nsq::stats {

/// Lines whose names begin alike.
class StatsdReport::Lines {
public:
    Lines(std::string start, LinePackets& to) : start_(std::move(start)), to_(to) {}

    Lines under(std::string_view name) const { return {fmt::format("{}{}.", start_, name), to_}; }

    void counter(std::string_view name, std::uint64_t value, std::uint64_t last) const {
        add(name, value < last ? value : value - last, 'c');
    }
    template <typename Integer>
    void gauge(std::string_view name, Integer value) const {
        add(name, value, 'g');
    }
    void latency(const sdk::LatencyStats& latency) const {
        for (const auto& [quantile, value] : latency.percentiles) {
            gauge(fmt::format("e2e_processing_latency_{:.0f}", quantile * 100), value.count());
        }
    }

private:
    template <typename Integer>
    void add(std::string_view name, Integer value, char kind) const {
        fmt::memory_buffer line;
        fmt::format_to(std::back_inserter(line), "{}{}:{}|{}\n", start_, name, value, kind);
        to_.add({line.data(), line.size()});
    }

    std::string start_;
    LinePackets& to_;
};

namespace {

/// The one with this name, or one without any numbers.
template <typename Stats>
const Stats& named(const std::vector<Stats>& sorted, const std::string& name) {
    static const Stats kNone{};
    const auto found = std::ranges::lower_bound(sorted, name, {}, &Stats::name);
    return found == sorted.end() || found->name != name ? kNone : *found;
}

}  // namespace

void StatsdReport::write(std::vector<sdk::TopicStats> topics, LinePackets& to) {
    for (const sdk::TopicStats& topic : topics) {
        if (!isLeftOut(topic.name)) writeTopic(topic, to);
    }
    last_ = std::move(topics);
}

void StatsdReport::writeTopic(const sdk::TopicStats& topic, LinePackets& to) const {
    const sdk::TopicStats& last = named(last_, topic.name);
    const Lines lines{fmt::format("{}topic.{}.", prefix_, topic.name), to};
    lines.counter("message_count", topic.messageCount, last.messageCount);
    lines.counter("message_bytes", topic.messageBytes, last.messageBytes);
    lines.gauge("depth", topic.depth);
    lines.gauge("backend_depth", topic.backendDepth);
    lines.latency(topic.latency);
    for (const sdk::ChannelStats& channel : topic.channels) {
        if (!isLeftOut(channel.name)) writeChannel(lines, channel, named(last.channels, channel.name));
    }
}

void StatsdReport::writeChannel(const Lines& ofTopic, const sdk::ChannelStats& channel,
                                const sdk::ChannelStats& last) const {
    const Lines lines = ofTopic.under("channel." + channel.name);
    lines.counter("message_count", channel.messageCount, last.messageCount);
    lines.gauge("depth", channel.depth);
    lines.gauge("backend_depth", channel.backendDepth);
    lines.gauge("in_flight_count", channel.inFlightCount);
    lines.gauge("deferred_count", channel.deferredCount);
    lines.counter("requeue_count", channel.requeueCount, last.requeueCount);
    lines.counter("timeout_count", channel.timeoutCount, last.timeoutCount);
    lines.gauge("clients", channel.clientCount);
    lines.latency(channel.latency);
}

void StatsdReport::write(const sdk::MemoryStats& memory, LinePackets& to) const {
    const Lines lines{prefix_ + "mem.", to};
    for (const auto& [name, value] : memory) {
        // There is no garbage collector whose runs could differ from report to report.
        if (name == std::string_view{"gc_total_runs"}) {
            lines.counter("gc_runs", value, 0);
        } else {
            lines.gauge(name, value);
        }
    }
}

bool StatsdReport::isLeftOut(std::string_view name) const {
    return excludesEphemeral_ && sdk::isEphemeral(name);
}

}  // namespace nsq::stats
