#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/memory_stats.h"
#include "nsq/sdk/stats.h"
#include "stats/line_packets.h"

namespace nsq::stats {

/// Writes statistics as lines for statsd, with the names that nsqd gives them. Counters are told as
/// differences to the report before. What was deleted and made anew counts from 0 once it is seen to have
/// less than before: no difference is negative. THREAD: one.
class StatsdReport {
public:
    /// `prefix` begins every name.
    StatsdReport(std::string prefix, bool excludesEphemeral)
        : prefix_(std::move(prefix)), excludesEphemeral_(excludesEphemeral) {}

    /// `topics` and their channels are sorted by name, as a broker gives them.
    void write(std::vector<sdk::TopicStats> topics, LinePackets& to);
    void write(const sdk::MemoryStats& memory, LinePackets& to) const;

private:
    class Lines;

    void writeTopic(const sdk::TopicStats& topic, LinePackets& to) const;
    void writeChannel(const Lines& ofTopic, const sdk::ChannelStats& channel,
                      const sdk::ChannelStats& last) const;
    bool isLeftOut(std::string_view name) const;

    const std::string prefix_;
    const bool excludesEphemeral_;
    std::vector<sdk::TopicStats> last_;  ///< as reported, sorted by name
};

}  // namespace nsq::stats
