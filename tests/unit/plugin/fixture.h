#pragma once

#include <unistd.h>

#include <Poco/Util/MapConfiguration.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "nsq/sdk/testing/fake_authorizer.h"
#include "plugin/plugin_host.h"

/// What the tests of this folder share.
namespace nsq::plugin::test {

/// A plugin made for the tests, by its name.
inline std::filesystem::path testPlugin(const std::string& name) {
    return std::filesystem::path(NSQ_TEST_PLUGINS) / (name + ".so");
}

/// A directory that goes with the object.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "nsq_plugin_XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = name;
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

    const std::filesystem::path& path() const { return path_; }

    /// Writes a file and returns its path.
    std::filesystem::path write(const std::string& name, const std::string& content) const {
        std::ofstream(path_ / name, std::ios::binary) << content;
        return path_ / name;
    }

private:
    std::filesystem::path path_;
};

inline std::string contentOf(const std::filesystem::path& file) {
    std::ostringstream content;
    content << std::ifstream(file, std::ios::binary).rdbuf();
    return content.str();
}

/// Refuses everything: plugin tests need a broker only to hand on.
class NoBroker : public sdk::Broker {
public:
    std::unique_ptr<sdk::Publisher> openPublisher(sdk::Loop&, sdk::PublishListener&) override {
        return nullptr;
    }
    sdk::Result<void> publish(const sdk::Publication&) override { return no(); }
    bool publishWaits() const override { return false; }
    sdk::Result<std::unique_ptr<sdk::Subscription>> subscribe(std::string_view, std::string_view,
                                                              const sdk::SubscribeOptions&, sdk::Loop&,
                                                              sdk::SubscriptionListener&) override {
        return no();
    }
    sdk::Result<void> createTopic(std::string_view) override { return no(); }
    sdk::Result<void> deleteTopic(std::string_view) override { return no(); }
    sdk::Result<void> emptyTopic(std::string_view) override { return no(); }
    sdk::Result<void> pauseTopic(std::string_view, bool) override { return no(); }
    sdk::Result<void> createChannel(std::string_view, std::string_view) override { return no(); }
    sdk::Result<void> deleteChannel(std::string_view, std::string_view) override { return no(); }
    sdk::Result<void> emptyChannel(std::string_view, std::string_view) override { return no(); }
    sdk::Result<void> pauseChannel(std::string_view, std::string_view, bool) override { return no(); }
    bool hasTopic(std::string_view) const override { return false; }
    std::vector<sdk::TopicStats> stats(const sdk::StatsFilter&) const override { return {}; }
    sdk::Result<void> health() const override { return {}; }
    std::uint64_t damagedBatches() const override { return 0; }

private:
    static sdk::Error no() { return {sdk::ErrorCode::kExiting, "there is no broker"}; }
};

/// A server that keeps what plugins register. It has the protocol "  V2" and the route "GET /ping" already.
class FakeServer {
public:
    HostContext context() { return contextWith(broker); }

    HostContext contextWith(sdk::Broker& other) {
        return {logger,
                owners,
                pluginTimeout,
                other,
                limits,
                info,
                [this](const std::string& plugin) { return settings[plugin]; },
                [](std::string_view name) -> sdk::Result<Poco::Dynamic::Var> {
                    if (name == "mem_queue_size") return Poco::Dynamic::Var(10000);
                    return sdk::Error{sdk::ErrorCode::kInvalid, "INVALID_OPTION"};
                },
                [this](std::string_view name, std::string_view value) -> sdk::Result<void> {
                    changed.emplace_back(name);
                    changed.emplace_back(value);
                    return {};
                },
                [] { return std::vector<sdk::ClientStats>(3); },
                [] { return std::vector<sdk::PluginStats>(2); },
                authorizer,
                [this](sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol,
                       faults::CodeOwner&) -> sdk::Result<void> {
                    const bool added =
                        protocols.emplace(std::string(magic.data(), 4), std::move(protocol)).second;
                    if (added) return {};
                    return sdk::Error{sdk::ErrorCode::kInvalid,
                                      "the magic " + std::string(magic.data(), 4) + " is taken"};
                },
                [this](sdk::HttpRoute route) -> sdk::Result<void> {
                    const std::string key = route.method + ' ' + route.path;
                    if (routes.emplace(key, std::move(route)).second) return {};
                    return sdk::Error{sdk::ErrorCode::kInvalid, "the route " + key + " is taken"};
                },
                [this](sdk::HttpFallback fallback) { fallbacks.push_back(std::move(fallback)); }};
    }

    /// The lines logged since the last call.
    std::vector<std::string> takeLog() {
        std::vector<std::string> lines;
        std::istringstream in(log.str());
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        log.str("");
        return lines;
    }

    std::ostringstream log;
    spdlog::logger logger = [this] {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(log);
        sink->set_pattern("%v");
        return spdlog::logger("test", std::move(sink));
    }();
    faults::CodeOwners owners;
    std::chrono::milliseconds pluginTimeout = faults::kForever;
    NoBroker broker;
    sdk::testing::FakeAuthorizer authorizer;
    sdk::Limits limits;
    sdk::ServerInfo info;
    std::map<std::string, Poco::AutoPtr<Poco::Util::AbstractConfiguration>> settings;
    std::vector<std::string> changed;
    std::map<std::string, std::shared_ptr<sdk::Protocol>> protocols{{"  V2", nullptr}};
    std::map<std::string, sdk::HttpRoute> routes{{"GET /ping", {}}};
    std::vector<sdk::HttpFallback> fallbacks;
};

}  // namespace nsq::plugin::test
