#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/memory_stats.h"
#include "nsq/sdk/names.h"
#include "nsq/sdk/plugin.h"

/// A plugin that uses all of SDK 1.0, and is always built with the frozen copy of it. It never changes, but
/// for mistakes: what it does today it must do with every later minor version.
namespace {

using namespace nsq;

/// A client sends lines: `pub TEXT`, `sub`, `timer`, `task`, `fail`, `end`. Each is answered by a line.
class FrozenSession final : public sdk::Session,
                            private sdk::PublishListener,
                            private sdk::SubscriptionListener {
public:
    FrozenSession(sdk::Host& host, sdk::Connection& connection)
        : host_(host), connection_(connection), task_(*this, connection) {}
    ~FrozenSession() override { connection_.loop().cancel(task_); }

    std::size_t onData(sdk::Bytes data) override {
        const std::string_view text = sdk::asText(data);
        std::size_t used = magicSeen_ ? 0 : 4;
        magicSeen_ = true;
        for (;;) {
            const std::size_t end = text.find('\n', used);
            if (end == std::string_view::npos) return used;
            obey(text.substr(used, end - used));
            used = end + 1;
        }
    }

    std::size_t maxPending() const override { return 1000; }
    void onTimer() override { say("timer"); }
    void onOutputDrained() override { deliver(); }
    void describe(sdk::ClientStats& stats) const override {
        stats.clientId = "frozen client";
        stats.protocol = "frozen";
        stats.state = sdk::ClientState::kConnected;
        stats.pubCounts.push_back({"frozen", published_});
    }
    bool onInputEnd() override {
        say("end");
        connection_.close("the client is done");
        return true;
    }

private:
    struct Task final : sdk::LoopTask {
        Task(FrozenSession& itsSession, sdk::Connection& connection)
            : LoopTask(connection), session(itsSession) {}
        void run() override {
            session.say(session.connection_.loop().isCurrentThread() ? "task" : "elsewhere");
        }
        FrozenSession& session;
    };

    void obey(std::string_view line) {
        if (line.starts_with("pub ")) return publish(line.substr(4));
        if (line == "sub") return subscribe();
        if (line == "timer")
            return connection_.setTimer(connection_.loop().now() + std::chrono::milliseconds{1});
        if (line == "task") return connection_.loop().post(task_);
        if (line == "late task") return connection_.loop().afterTurnEnd(task_);
        if (line == "fail") throw std::runtime_error("as it was told");
        say("what?");
    }

    void publish(std::string_view text) {
        if (!publisher_) publisher_ = host_.broker().openPublisher(connection_.loop(), *this);
        const std::array bodies{sdk::asBytes(text)};
        const auto accepted = publisher_->publish({"frozen", bodies}, 7);
        if (!accepted) say("refused " + accepted.error().text);
    }

    void onPublished(std::span<const sdk::PublishOutcome> outcomes) override {
        for (const sdk::PublishOutcome& outcome : outcomes) {
            ++published_;
            say(outcome.error == nullptr ? "published " + std::to_string(outcome.tag) : outcome.error->text);
        }
    }

    void subscribe() {
        auto joined =
            host_.broker().subscribe("frozen", "c", {std::chrono::minutes{1}, 0}, connection_.loop(), *this);
        if (!joined) return say("refused " + joined.error().text);
        subscription_ = std::move(joined).value();
        subscription_->setReady(10);
        say("subscribed " + std::to_string(subscription_->ready()));
    }

    void onMessagesReady() override { deliver(); }
    void onSubscriptionClosed() override { connection_.close("the channel is gone"); }

    /// The first time a message comes it is given back, the second time it is finished.
    void deliver() {
        if (!subscription_) return;
        std::vector<sdk::MessageRun> runs;
        subscription_->take(connection_.outputRoom(), runs);
        for (sdk::MessageRun& run : runs) {
            for (std::uint32_t i = 0; i < run.count; ++i) {
                const sdk::MessageView message = sdk::nextMessage(run.frames);
                say("message " + std::to_string(message.attempts) + ' ' +
                    std::string{sdk::asText(message.body)});
                const std::array ids{message.id};
                const bool done = message.attempts > 1 ? subscription_->finish(ids).empty()
                                                       : subscription_->touch(message.id).ok() &&
                                                             subscription_->requeue(message.id, {}).ok();
                if (!done) say("not in flight");
            }
        }
        if (subscription_->inFlight() != 0) say("in flight");
    }

    void say(const std::string& text) { connection_.output().write(sdk::asBytes(text + '\n')); }

    sdk::Host& host_;
    sdk::Connection& connection_;
    bool magicSeen_ = false;
    std::uint64_t published_ = 0;
    Task task_;
    std::unique_ptr<sdk::Publisher> publisher_;
    std::unique_ptr<sdk::Subscription> subscription_;
};

class FrozenProtocol final : public sdk::Protocol {
public:
    explicit FrozenProtocol(sdk::Host& host) : host_(host) {}
    std::string_view name() const override { return "frozen"; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
        return std::make_unique<FrozenSession>(host_, connection);
    }

private:
    sdk::Host& host_;
};

class Frozen final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        host_ = &host;
        host.logger().info("frozen: built with SDK {}.{}, greeting {}", sdk::kSdkMajor, sdk::kSdkMinor,
                           host.settings()->getString("greeting", "none"));
        if (auto added = registrar.addProtocol({'F', 'R', 'Z', 'N'}, std::make_shared<FrozenProtocol>(host));
            !added)
            return added;
        sdk::HttpRoute route;
        route.method = "POST";
        route.path = "/frozen/:topic";
        route.maxBody = 100;
        route.handler = [&host](const sdk::HttpRequest& request) { return answer(host, request); };
        if (auto added = registrar.addRoute(std::move(route)); !added) return added;
        registrar.setFallback({{404, "text/plain", "frozen", {}}, {}, {}});
        return {};
    }

    void stop() override { host_->logger().info("frozen: stopped"); }

private:
    /// Publishes the body to the topic in the path, and tells one thing of each kind it can ask for.
    static sdk::HttpResponse answer(sdk::Host& host, const sdk::HttpRequest& request) {
        const std::string* delay = request.queryValue("delay");
        const std::array bodies{sdk::asBytes(request.body)};
        const std::chrono::milliseconds ms{delay == nullptr ? 0 : std::stoi(*delay)};
        if (auto published = host.broker().publish({request.pathParameter, bodies, ms}); !published)
            return {400, "text/plain", published.error().text, {}};
        std::string text = host.info().program + ' ' + std::to_string(host.limits().maxDeflateLevel);
        text += ' ' + host.option("mem_queue_size").value().toString();
        text += host.setOption("log_level", "nonsense").error().text;
        for (const sdk::TopicStats& topic : host.broker().stats({request.pathParameter, {}}))
            text += ' ' + topic.name + ' ' + std::to_string(topic.messageCount);
        for (const sdk::ClientStats& client : host.clients()) text += ' ' + client.clientId;
        text += host.authorizer().required() ? " auth" : " open";
        // Of the allocator's numbers only the names: those of a sanitizer's are 0.
        const std::string_view memory = sdk::memoryStats()[2].first;
        text += memory == "heap_in_use_bytes" && sdk::isValidTopicName("t") ? " ok" : " bad";
        return {200, "text/plain", text, {{"X-Frozen", *request.header("x-frozen")}}};
    }

    sdk::Host* host_ = nullptr;
};

}  // namespace

NSQ_SDK_PLUGIN(Frozen, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "frozen", "1.0")
