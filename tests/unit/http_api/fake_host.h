#pragma once

#include <Poco/Util/MapConfiguration.h>
#include <spdlog/sinks/null_sink.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nsq/sdk/host.h"
#include "nsq/sdk/http.h"
#include "nsq/sdk/testing/fake_authorizer.h"

namespace nsq::http_api::test {

/// Notes what it is asked for, and fails when told to.
class FakeBroker final : public sdk::Broker {
public:
    std::vector<std::string> calls;  ///< such as "pub t 0 a b" or "createTopic t"
    std::vector<sdk::TopicStats> topics;
    std::optional<sdk::Error> failure;  ///< of every change
    std::optional<sdk::Error> sickness;

    std::unique_ptr<sdk::Publisher> openPublisher(sdk::Loop&, sdk::PublishListener&) override {
        return nullptr;
    }
    sdk::Result<std::unique_ptr<sdk::Subscription>> subscribe(std::string_view, std::string_view,
                                                              const sdk::SubscribeOptions&, sdk::Loop&,
                                                              sdk::SubscriptionListener&) override {
        throw std::logic_error("nobody subscribes through HTTP");
    }

    bool publishWaits() const override { return false; }
    sdk::Result<void> publish(const sdk::Publication& publication) override {
        std::string call =
            "pub " + std::string{publication.topic} + ' ' + std::to_string(publication.delay.count());
        for (const sdk::Bytes body : publication.bodies) call += ' ' + std::string{sdk::asText(body)};
        return note(call);
    }
    sdk::Result<void> createTopic(std::string_view topic) override { return note("createTopic", topic); }
    sdk::Result<void> deleteTopic(std::string_view topic) override { return note("deleteTopic", topic); }
    sdk::Result<void> emptyTopic(std::string_view topic) override {
        if (!hasTopic(topic)) return sdk::Error{sdk::ErrorCode::kTopicNotFound, "no such topic"};
        return note("emptyTopic", topic);
    }
    sdk::Result<void> pauseTopic(std::string_view topic, bool paused) override {
        return note(paused ? "pauseTopic" : "unpauseTopic", topic);
    }
    sdk::Result<void> createChannel(std::string_view topic, std::string_view channel) override {
        return note("createChannel", topic, channel);
    }
    sdk::Result<void> deleteChannel(std::string_view topic, std::string_view channel) override {
        return note("deleteChannel", topic, channel);
    }
    sdk::Result<void> emptyChannel(std::string_view topic, std::string_view channel) override {
        return note("emptyChannel", topic, channel);
    }
    sdk::Result<void> pauseChannel(std::string_view topic, std::string_view channel, bool paused) override {
        return note(paused ? "pauseChannel" : "unpauseChannel", topic, channel);
    }

    bool hasTopic(std::string_view name) const override {
        for (const sdk::TopicStats& topic : topics) {
            if (topic.name == name) return true;
        }
        return false;
    }

    /// Topics without a channel of the name asked for stay, as the SDK leaves it open.
    std::vector<sdk::TopicStats> stats(const sdk::StatsFilter& filter) const override {
        std::vector<sdk::TopicStats> found;
        for (sdk::TopicStats topic : topics) {
            if (!filter.topic.empty() && topic.name != filter.topic) continue;
            if (!filter.channel.empty()) {
                std::erase_if(topic.channels,
                              [&](const auto& channel) { return channel.name != filter.channel; });
            }
            found.push_back(topic);
        }
        return found;
    }

    sdk::Result<void> health() const override {
        if (sickness) return *sickness;
        return {};
    }

    std::uint64_t damagedBatches() const override {
        std::uint64_t sum = 0;
        for (const sdk::TopicStats& topic : topics) sum += topic.damagedBatches;
        return sum;
    }

private:
    sdk::Result<void> note(const std::string& call) {
        calls.push_back(call);
        if (failure) return *failure;
        return {};
    }
    sdk::Result<void> note(const char* call, std::string_view topic, std::string_view channel = {}) {
        std::string text = std::string{call} + ' ' + std::string{topic};
        if (!channel.empty()) text += ' ' + std::string{channel};
        return note(text);
    }
};

class FakeHost final : public sdk::Host {
public:
    FakeHost() {
        serverInfo.program = "nsqd";
        serverInfo.version = "1.3.0";
        serverInfo.productVersion = "0.1.0";
        serverInfo.hostname = "vm";
        serverInfo.broadcastAddress = "vm.local";
        serverInfo.tcpPort = 4150;
        serverInfo.httpPort = 4151;
        serverInfo.startTime = std::chrono::system_clock::from_time_t(1795381541);
    }

    spdlog::logger& logger() override { return logger_; }
    FakeBroker& broker() override { return fakeBroker; }
    const sdk::Limits& limits() const override { return serverLimits; }
    const sdk::ServerInfo& info() const override { return serverInfo; }
    Poco::AutoPtr<Poco::Util::AbstractConfiguration> settings() override {
        return new Poco::Util::MapConfiguration;
    }
    sdk::Result<Poco::Dynamic::Var> option(std::string_view name) const override {
        const auto found = options.find(std::string{name});
        if (found == options.end()) return sdk::Error{sdk::ErrorCode::kInvalid, "INVALID_OPTION"};
        return found->second;
    }
    sdk::Result<void> setOption(std::string_view name, std::string_view value) override {
        if (name != "log_level") return sdk::Error{sdk::ErrorCode::kInvalid, "INVALID_OPTION"};
        if (value != "debug") return sdk::Error{sdk::ErrorCode::kInvalid, "INVALID_VALUE"};
        options["log_level"] = 1;
        return {};
    }
    std::vector<sdk::ClientStats> clients() override {
        ++clientsAsked;
        return clientList;
    }
    sdk::Authorizer& authorizer() override { return fakeAuthorizer; }
    std::vector<sdk::PluginStats> plugins() override { return pluginList; }

    FakeBroker fakeBroker;
    sdk::testing::FakeAuthorizer fakeAuthorizer;
    sdk::Limits serverLimits;
    sdk::ServerInfo serverInfo;
    std::map<std::string, Poco::Dynamic::Var> options;
    std::vector<sdk::ClientStats> clientList;
    std::vector<sdk::PluginStats> pluginList;
    int clientsAsked = 0;

private:
    spdlog::logger logger_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

inline sdk::TopicStats topicNamed(std::string name) {
    sdk::TopicStats topic;
    topic.name = std::move(name);
    return topic;
}

using Query = std::vector<std::pair<std::string, std::string>>;

inline sdk::HttpRequest request(Query query = {}, std::string body = {}) {
    sdk::HttpRequest made;
    made.query = std::move(query);
    made.body = std::move(body);
    return made;
}

inline sdk::HttpRequest badQuery(std::string body = {}) {
    sdk::HttpRequest made = request({}, std::move(body));
    made.badQuery = true;
    return made;
}

/// `200 OK`, `404 {"message":"TOPIC_NOT_FOUND"}`; the headers of every answer are wrong otherwise.
inline std::string text(const sdk::HttpResponse& response) {
    const bool json = response.body.starts_with('{') || response.body.starts_with('[');
    const std::pair<std::string, std::string> nsqType{"X-NSQ-Content-Type", "nsq; version=1.0"};
    if (response.headers.size() != 1 || response.headers[0] != nsqType) return "wrong headers";
    if (json != (response.contentType == "application/json; charset=utf-8")) return "wrong content type";
    return std::to_string(response.status) + ' ' + response.body;
}

inline std::string error(int status, const std::string& code) {
    return std::to_string(status) + " {\"message\":\"" + code + "\"}";
}

}  // namespace nsq::http_api::test
