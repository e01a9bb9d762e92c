#include <catch2/catch.hpp>

#include "fake_host.h"
#include "server_state.h"

namespace nsq::http_api::test {

namespace {

const std::string kLatency = "\"e2e_processing_latency\":{\"count\":0,\"percentiles\":null}";
const std::string kTls =
    "\"tls\":false,\"tls_cipher_suite\":\"\",\"tls_version\":\"\",\"tls_negotiated_protocol\":\"\","
    "\"tls_negotiated_protocol_is_mutual\":false}";

/// One topic `t` with the channels `a` (one consumer) and `b` (paused), a topic `u`, and a producer.
void fill(FakeHost& host) {
    sdk::ChannelStats a;
    a.name = "a";
    a.depth = 5;
    a.backendDepth = 6;
    a.inFlightCount = 7;
    a.deferredCount = 8;
    a.messageCount = 9;
    a.requeueCount = 10;
    a.timeoutCount = 11;
    a.clientCount = 1;
    sdk::ChannelStats b;
    b.name = "b";
    b.paused = true;
    sdk::TopicStats t = topicNamed("t");
    t.depth = 1;
    t.backendDepth = 2;
    t.messageCount = 3;
    t.messageBytes = 4;
    t.channels = {a, b};
    sdk::TopicStats u = topicNamed("u");
    u.paused = true;
    host.fakeBroker.topics = {t, u};

    sdk::ClientStats consumer;
    consumer.clientId = "id \"c\"";
    consumer.hostname = "host";
    consumer.protocol = "V2";
    consumer.remoteAddress = "127.0.0.1:1234";
    consumer.userAgent = "ua/1";
    consumer.state = sdk::ClientState::kSubscribed;
    consumer.readyCount = 2;
    consumer.inFlightCount = 3;
    consumer.messageCount = 4;
    consumer.finishCount = 5;
    consumer.requeueCount = 6;
    consumer.connectedAt = std::chrono::system_clock::now() - std::chrono::minutes{1};
    consumer.sampleRate = 10;
    consumer.topic = "t";
    consumer.channel = "a";
    sdk::ClientStats producer;
    producer.protocol = "V2";
    producer.remoteAddress = "127.0.0.1:99";
    producer.connectedAt = std::chrono::system_clock::now();
    producer.pubCounts = {{"t", 2}, {"u", 3}};
    host.clientList = {producer, consumer};
}

std::string json(FakeHost& host, Query query) {
    query.emplace_back("format", "json");
    query.emplace_back("include_mem", "false");
    const std::string answer = text(stats(host, request(query)));
    const std::string start = "200 {\"version\":\"1.3.0\",\"health\":\"OK\",\"start_time\":1795381541,";
    if (!answer.starts_with(start)) return answer;
    return answer.substr(start.size());
}

std::string seconds(const sdk::ClientStats& client) {
    return std::to_string(std::chrono::system_clock::to_time_t(client.connectedAt));
}

}  // namespace

TEST_CASE("/stats in JSON has nsqd's fields in nsqd's order") {
    FakeHost host;
    CHECK(json(host, {}) == "\"topics\":[],\"producers\":null}");
    fill(host);
    const std::string connected = seconds(host.clientList[1]);
    const std::string published = seconds(host.clientList[0]);
    CHECK(
        json(host, {}) ==
        "\"topics\":[{\"topic_name\":\"t\",\"channels\":["
        "{\"channel_name\":\"a\",\"depth\":5,\"backend_depth\":6,\"in_flight_count\":7,\"deferred_count\":8,"
        "\"message_count\":9,\"requeue_count\":10,\"timeout_count\":11,\"client_count\":1,\"clients\":["
        "{\"client_id\":\"id \\\"c\\\"\",\"hostname\":\"host\",\"version\":\"V2\","
        "\"remote_address\":\"127.0.0.1:1234\",\"state\":3,\"ready_count\":2,\"in_flight_count\":3,"
        "\"message_count\":4,\"finish_count\":5,\"requeue_count\":6,\"connect_ts\":" +
            connected + ",\"sample_rate\":10,\"deflate\":false,\"snappy\":false,\"user_agent\":\"ua/1\"," +
            kTls + "],\"paused\":false," + kLatency +
            "},{\"channel_name\":\"b\",\"depth\":0,\"backend_depth\":0,\"in_flight_count\":0,\"deferred_"
            "count\":0,"
            "\"message_count\":0,\"requeue_count\":0,\"timeout_count\":0,\"client_count\":0,\"clients\":[],"
            "\"paused\":true," +
            kLatency +
            "}],\"depth\":1,\"backend_depth\":2,\"message_count\":3,\"message_bytes\":4,\"paused\":false," +
            kLatency +
            ",\"damaged_batches\":0},{\"topic_name\":\"u\",\"channels\":[],\"depth\":0,\"backend_depth\":0,"
            "\"message_count\":0,"
            "\"message_bytes\":0,\"paused\":true," +
            kLatency +
            ",\"damaged_batches\":0}],\"producers\":[{\"client_id\":\"\",\"hostname\":\"\",\"version\":"
            "\"V2\","
            "\"remote_address\":\"127.0.0.1:99\",\"state\":0,\"ready_count\":0,\"in_flight_count\":0,"
            "\"message_count\":0,\"finish_count\":0,\"requeue_count\":0,\"connect_ts\":" +
            published +
            ",\"sample_rate\":0,\"deflate\":false,\"snappy\":false,\"user_agent\":\"\",\"pub_counts\":["
            "{\"topic\":\"t\",\"count\":2},{\"topic\":\"u\",\"count\":3}]," +
            kTls + "]}");
}

TEST_CASE("/stats in JSON tells who a client has authenticated as, when it has") {
    FakeHost host;
    fill(host);
    host.clientList[0].authed = true;
    CHECK(json(host, {}).find("\"user_agent\":\"\",\"authed\":true,\"pub_counts\"") != std::string::npos);
    host.clientList[0].authIdentity = "me";
    host.clientList[0].authIdentityUrl = "u";
    CHECK(json(host, {}).find(
              "\"user_agent\":\"\",\"authed\":true,\"auth_identity\":\"me\",\"auth_identity_url\":\"u\","
              "\"pub_counts\"") != std::string::npos);
}

TEST_CASE("/stats tells latencies, in JSON and as a text", "[http_api]") {
    FakeHost host;
    fill(host);
    const auto ns = [](std::int64_t count) { return std::chrono::nanoseconds{count}; };
    sdk::TopicStats& topic = host.fakeBroker.topics.at(0);
    topic.latency = {7, {{1.0, ns(1'550'000'000)}, {0.999, ns(2'000'000)}, {0.5, ns(1'000'001)}}};
    topic.channels.at(0).latency = {7, {{1.0, ns(1'000'000)}, {0.999, ns(12'345)}, {0.5, ns(1'000)}}};
    topic.channels.at(1).latency = {0, {{1.0, ns(0)}, {0.999, ns(0)}, {0.5, ns(0)}}};
    const std::string answer = json(host, {{"topic", "t"}});
    const auto has = [](const std::string& text, const std::string& part) {
        CAPTURE(text, part);
        return text.find(part) != std::string::npos;
    };
    CHECK(has(answer,
              "\"e2e_processing_latency\":{\"count\":7,\"percentiles\":["
              "{\"quantile\":1,\"value\":1550000000},{\"quantile\":0.999,\"value\":2000000},"
              "{\"quantile\":0.5,\"value\":1000001}]}"));
    CHECK(has(answer,
              "{\"count\":0,\"percentiles\":[{\"quantile\":1,\"value\":0},"
              "{\"quantile\":0.999,\"value\":0},{\"quantile\":0.5,\"value\":0}]}"));
    const std::string shown = text(stats(host, request({})));
    CHECK(has(shown, "msgs: 3        e2e%: 1.6s, 2.0ms, 1.0ms\n"));
    CHECK(has(shown, "msgs: 9        e2e%: 1000.0us, 12.3us, 1000.0ns\n"));
    CHECK(has(shown, "msgs: 0        e2e%: 0.0ns, 0.0ns, 0.0ns\n"));
    CHECK(has(shown, "msgs: 0        e2e%: \n"));
}

TEST_CASE("/stats tells of damaged files, whatever topic it is asked about") {
    FakeHost host;
    fill(host);
    host.fakeBroker.topics.at(0).damagedBatches = 3;
    const std::string answer = text(stats(host, request({{"format", "json"}, {"topic", "u"}})));
    CHECK(answer.find("\"health\":\"OK - damaged batches left out: 3\",") != std::string::npos);
    CHECK(text(stats(host, request({{"format", "json"}, {"topic", "t"}}))).find(",\"damaged_batches\":3}") !=
          std::string::npos);
}

TEST_CASE("/stats can be about one topic and one channel") {
    FakeHost host;
    fill(host);
    const std::string one = json(host, {{"topic", "u"}});
    CHECK(one.starts_with("\"topics\":[{\"topic_name\":\"u\","));
    CHECK(one.find("\"topic_name\":\"t\"") == std::string::npos);
    CHECK(one.find("\"pub_counts\":[{\"topic\":\"u\",\"count\":3}],") != std::string::npos);
    const std::string channel = json(host, {{"channel", "b"}});
    CHECK(channel.find("\"channel_name\":\"b\"") != std::string::npos);
    CHECK(channel.find("\"channel_name\":\"a\"") == std::string::npos);
    CHECK(channel.find("\"topic_name\":\"u\"") == std::string::npos);
    CHECK(json(host, {{"topic", "t"}, {"channel", "x"}}).starts_with("\"topics\":[],\"producers\":[{"));
    CHECK(json(host, {{"topic", "nosuch"}}) == "\"topics\":null,\"producers\":null}");
    CHECK(text(stats(host, badQuery())) == error(400, "INVALID_REQUEST"));
}

TEST_CASE("/stats asks for clients only when they are wanted") {
    FakeHost host;
    fill(host);
    for (const char* no : {"false", "0"}) {
        const std::string answer = json(host, {{"include_clients", no}});
        CHECK(answer.find("\"clients\":null") != std::string::npos);
        CHECK(answer.find("\"client_count\":1") != std::string::npos);
        CHECK(answer.ends_with("\"producers\":null}"));
    }
    CHECK(host.clientsAsked == 0);
    CHECK(json(host, {{"include_clients", "nope"}}).find("\"client_id\"") != std::string::npos);
    CHECK(host.clientsAsked == 1);
}

TEST_CASE("/stats shows memory unless told not to") {
    FakeHost host;
    const std::string answer = text(stats(host, request({{"format", "json"}})));
    const std::size_t memory =
        answer.find("\"topics\":[],\"memory\":{\"heap_objects\":0,\"heap_idle_bytes\":");
    CHECK(memory != std::string::npos);
    std::size_t last = 0;
    for (const char* name :
         {"heap_objects", "heap_idle_bytes", "heap_in_use_bytes", "heap_released_bytes", "gc_pause_usec_100",
          "gc_pause_usec_99", "gc_pause_usec_95", "next_gc_bytes", "gc_total_runs\":0},\"producers\""}) {
        const std::size_t at = answer.find(name);
        REQUIRE(at != std::string::npos);
        CHECK(at > last);
        last = at;
    }
}

TEST_CASE("/stats as text reads as nsqd's") {
    FakeHost host;
    fill(host);
    host.fakeBroker.sickness = sdk::Error{sdk::ErrorCode::kStorage, "disk full"};
    const std::string answer = text(stats(host, request({{"include_mem", "0"}})));
    CHECK(answer.starts_with(
        "200 nsqd v1.3.0 (built w/nsqd-cpp 0.1.0)\nstart_time 2026-11-22T21:05:41Z\nuptime "));
    CHECK(answer.substr(answer.find("\n\nHealth")) ==
          "\n\nHealth: NOK - disk full\n\n"
          "Topics:\n"
          "   [t              ] depth: 1     be-depth: 2     msgs: 3        e2e%: \n"
          "      [a                        ] depth: 5     be-depth: 6     inflt: 7    def: 8    re-q: 10    "
          "timeout: 11    msgs: 9        e2e%: \n"
          "        [V2 host:1234 ua/1       ] state: 3 inflt: 3    rdy: 2    fin: 5        re-q: 6        "
          "msgs: 4"
          "        connected: 1m0s\n"
          "   *P [b                        ] depth: 0     be-depth: 0     inflt: 0    def: 0    re-q: 0     "
          "timeout: 0     msgs: 0        e2e%: \n"
          "\n"
          "*P [u              ] depth: 0     be-depth: 0     msgs: 0        e2e%: \n"
          "\n"
          "Producers:\n"
          "   [V2 :99                  ] msgs: 5        topics: t=2,u=3 connected: 0s\n");
    const std::string with = text(stats(host, request({{"topic", "nosuch"}, {"format", "xml"}})));
    CHECK(with.find("\nMemory:\n   heap_objects             \t0\n   heap_idle_bytes          \t") !=
          std::string::npos);
    CHECK(with.ends_with("   gc_total_runs            \t0\n\nTopics: None\n\nProducers: None\n"));
}

TEST_CASE("A consumer that publishes too is shown as a publisher, as in nsqd") {
    FakeHost host;
    fill(host);
    host.clientList[1].pubCounts = {{"t", 1}};
    const std::string answer = text(stats(host, request()));
    CHECK(answer.find("        [V2 host:1234 ua/1       ] msgs: 1        topics: t=1 connected: 1m0s\n") !=
          std::string::npos);
}

}  // namespace nsq::http_api::test
