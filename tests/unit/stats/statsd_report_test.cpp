#include "stats/statsd_report.h"

#include <catch2/catch.hpp>

namespace nsq::test {
namespace {

using stats::LinePackets;
using stats::StatsdReport;

using Topics = std::vector<sdk::TopicStats>;

sdk::ChannelStats channel(const std::string& name, std::uint64_t messages = 0) {
    sdk::ChannelStats stats;
    stats.name = name;
    stats.messageCount = messages;
    return stats;
}

sdk::TopicStats topic(const std::string& name, std::uint64_t messages = 0,
                      std::vector<sdk::ChannelStats> channels = {}) {
    sdk::TopicStats stats;
    stats.name = name;
    stats.messageCount = messages;
    stats.messageBytes = messages * 10;
    stats.channels = std::move(channels);
    return stats;
}

std::string linesOf(StatsdReport& report, const Topics& topics) {
    LinePackets packets{100'000};
    report.write(topics, packets);
    const auto all = packets.take();
    return all.empty() ? std::string{} : all.front();
}

/// The value of one line, or "none".
std::string valueOf(const std::string& lines, const std::string& name) {
    const std::size_t at = ("\n" + lines).find("\n" + name + ":");
    if (at == std::string::npos) return "none";
    const std::size_t begin = at + name.size() + 1;
    return lines.substr(begin, lines.find('\n', begin) - begin);
}

TEST_CASE("topics and channels are told in nsqd's words", "[stats]") {
    sdk::TopicStats t = topic("t", 3);
    t.depth = 1;
    t.backendDepth = 2;
    t.latency = {9, {{1.0, std::chrono::nanoseconds{1500}}, {0.95, std::chrono::nanoseconds{40}}}};
    sdk::ChannelStats c = channel("c", 11);
    c.depth = 12;
    c.backendDepth = 13;
    c.inFlightCount = 14;
    c.deferredCount = 15;
    c.requeueCount = 16;
    c.timeoutCount = 17;
    c.clientCount = 18;
    c.latency = {9, {{0.5, std::chrono::nanoseconds{7}}}};
    t.channels = {c, channel("d")};
    StatsdReport report{"nsq.h_1.", false};
    CHECK(linesOf(report, {t, topic("u")}) ==
          "nsq.h_1.topic.t.message_count:3|c\n"
          "nsq.h_1.topic.t.message_bytes:30|c\n"
          "nsq.h_1.topic.t.depth:1|g\n"
          "nsq.h_1.topic.t.backend_depth:2|g\n"
          "nsq.h_1.topic.t.e2e_processing_latency_100:1500|g\n"
          "nsq.h_1.topic.t.e2e_processing_latency_95:40|g\n"
          "nsq.h_1.topic.t.channel.c.message_count:11|c\n"
          "nsq.h_1.topic.t.channel.c.depth:12|g\n"
          "nsq.h_1.topic.t.channel.c.backend_depth:13|g\n"
          "nsq.h_1.topic.t.channel.c.in_flight_count:14|g\n"
          "nsq.h_1.topic.t.channel.c.deferred_count:15|g\n"
          "nsq.h_1.topic.t.channel.c.requeue_count:16|c\n"
          "nsq.h_1.topic.t.channel.c.timeout_count:17|c\n"
          "nsq.h_1.topic.t.channel.c.clients:18|g\n"
          "nsq.h_1.topic.t.channel.c.e2e_processing_latency_50:7|g\n"
          "nsq.h_1.topic.t.channel.d.message_count:0|c\n"
          "nsq.h_1.topic.t.channel.d.depth:0|g\n"
          "nsq.h_1.topic.t.channel.d.backend_depth:0|g\n"
          "nsq.h_1.topic.t.channel.d.in_flight_count:0|g\n"
          "nsq.h_1.topic.t.channel.d.deferred_count:0|g\n"
          "nsq.h_1.topic.t.channel.d.requeue_count:0|c\n"
          "nsq.h_1.topic.t.channel.d.timeout_count:0|c\n"
          "nsq.h_1.topic.t.channel.d.clients:0|g\n"
          "nsq.h_1.topic.u.message_count:0|c\n"
          "nsq.h_1.topic.u.message_bytes:0|c\n"
          "nsq.h_1.topic.u.depth:0|g\n"
          "nsq.h_1.topic.u.backend_depth:0|g\n");
}

TEST_CASE("counters are the difference to the last report, gauges are not", "[stats]") {
    StatsdReport report{"", false};
    sdk::ChannelStats c = channel("c", 5);
    c.requeueCount = 2;
    c.timeoutCount = 3;
    c.depth = 4;
    linesOf(report, {topic("a", 7), topic("t", 5, {channel("b"), c})});
    c.messageCount += 10;
    c.requeueCount += 20;
    c.timeoutCount += 30;
    const std::string lines = linesOf(report, {topic("a", 7), topic("t", 15, {channel("b", 1), c})});
    CHECK(valueOf(lines, "topic.a.message_count") == "0|c");
    CHECK(valueOf(lines, "topic.t.message_count") == "10|c");
    CHECK(valueOf(lines, "topic.t.message_bytes") == "100|c");
    CHECK(valueOf(lines, "topic.t.channel.b.message_count") == "1|c");
    CHECK(valueOf(lines, "topic.t.channel.c.message_count") == "10|c");
    CHECK(valueOf(lines, "topic.t.channel.c.requeue_count") == "20|c");
    CHECK(valueOf(lines, "topic.t.channel.c.timeout_count") == "30|c");
    CHECK(valueOf(lines, "topic.t.channel.c.depth") == "4|g");
}

TEST_CASE("what was deleted and made anew is counted from 0", "[stats]") {
    StatsdReport report{"", false};
    linesOf(report, {topic("t", 100, {channel("c", 100)})});
    std::string lines = linesOf(report, {topic("t", 30, {channel("c", 20)})});
    CHECK(valueOf(lines, "topic.t.message_count") == "30|c");
    CHECK(valueOf(lines, "topic.t.channel.c.message_count") == "20|c");
    linesOf(report, {});
    lines = linesOf(report, {topic("t", 40, {channel("c", 40)})});
    CHECK(valueOf(lines, "topic.t.message_count") == "40|c");
    CHECK(valueOf(lines, "topic.t.channel.c.message_count") == "40|c");
    lines = linesOf(report, {topic("t", 45)});
    CHECK(valueOf(lines, "topic.t.message_count") == "5|c");
    lines = linesOf(report, {topic("t", 45, {channel("c", 3)})});
    CHECK(valueOf(lines, "topic.t.channel.c.message_count") == "3|c");
}

TEST_CASE("ephemeral topics and channels can be left out", "[stats]") {
    const Topics topics{topic("t", 1, {channel("c"), channel("e#ephemeral")}),
                        topic("u#ephemeral", 1, {channel("c")})};
    StatsdReport all{"", false};
    const std::string lines = linesOf(all, topics);
    CHECK(valueOf(lines, "topic.t.channel.e#ephemeral.depth") == "0|g");
    CHECK(valueOf(lines, "topic.u#ephemeral.depth") == "0|g");
    CHECK(valueOf(lines, "topic.u#ephemeral.channel.c.depth") == "0|g");
    StatsdReport some{"", true};
    const std::string fewer = linesOf(some, topics);
    CHECK(valueOf(fewer, "topic.t.channel.c.depth") == "0|g");
    CHECK(fewer.find("ephemeral") == std::string::npos);
}

TEST_CASE("memory is told under its own name", "[stats]") {
    const sdk::MemoryStats memory{{{"heap_objects", 1},
                                   {"heap_idle_bytes", 2},
                                   {"heap_in_use_bytes", 3},
                                   {"heap_released_bytes", 4},
                                   {"gc_pause_usec_100", 5},
                                   {"gc_pause_usec_99", 6},
                                   {"gc_pause_usec_95", 7},
                                   {"next_gc_bytes", 8},
                                   {"gc_total_runs", 0}}};
    LinePackets packets{1000};
    StatsdReport{"p.", false}.write(memory, packets);
    CHECK(packets.take().at(0) ==
          "p.mem.heap_objects:1|g\np.mem.heap_idle_bytes:2|g\np.mem.heap_in_use_bytes:3|g\n"
          "p.mem.heap_released_bytes:4|g\np.mem.gc_pause_usec_100:5|g\np.mem.gc_pause_usec_99:6|g\n"
          "p.mem.gc_pause_usec_95:7|g\np.mem.next_gc_bytes:8|g\np.mem.gc_runs:0|c\n");
}

}  // namespace
}  // namespace nsq::test
