#include <Poco/Exception.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "test_plugin.h"

/// A plugin that fails on demand, once at each place where the server calls it. A client of its protocol
/// sends a line that names the place; any other line comes back.
namespace {

using namespace nsq;

// Of the plugin's own: nothing of it may be left when the library is gone.
class OwnException final : public Poco::RuntimeException {
public:
    using Poco::RuntimeException::RuntimeException;
};

class FaultySession final : public sdk::Session,
                            private sdk::PublishListener,
                            private sdk::SubscriptionListener,
                            private sdk::AuthorizationListener {
public:
    FaultySession(sdk::Host& host, sdk::Connection& connection)
        : host_(host), connection_(connection), task_(connection) {}
    ~FaultySession() override {
        for (Task* task : {&task_, &orphan_}) connection_.loop().cancel(*task);
        connection_.loop().cancel(publishTask_);
        if (place_ == "destructor") fail();
    }

    std::size_t onData(sdk::Bytes data) override {
        if (place_ == "pending") return 0;
        const std::string_view text = sdk::asText(data);
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return 0;
        std::string line{text.substr(0, end)};
        if (line.starts_with("FLTY")) line.erase(0, 4);
        obey(line);
        return end + 1;
    }

    std::size_t maxPending() const override {
        if (place_ == "maxPending") fail();
        return 100;
    }

    void onOutputDrained() override {
        if (place_ == "onOutputDrained") fail();
    }

    void onTimer() override { fail(); }

    void describe(sdk::ClientStats& stats) const override {
        stats.protocol = "faulty";
        if (place_ == "describe") fail();
    }

    bool onInputEnd() override {
        if (place_ == "onInputEnd") fail();
        return false;
    }

private:
    struct PublishTask final : sdk::LoopTask {
        explicit PublishTask(FaultySession& itsSession)
            : LoopTask(itsSession.connection_), session(itsSession) {}
        void run() override { session.publish(); }
        FaultySession& session;
    };

    struct Task final : sdk::LoopTask {
        Task() = default;
        explicit Task(sdk::Connection& connection) : LoopTask(connection) {}
        void run() override { throw OwnException("task"); }
    };

    void obey(const std::string& line) {
        place_ = line;
        if (line == "onData") fail();
        if (line == "number") throw 42;
        if (line == "onTimer") return connection_.setTimer(connection_.loop().now());
        if (line == "task") return connection_.loop().post(task_);
        if (line == "atTurnEnd") return connection_.loop().atTurnEnd(task_);
        if (line == "afterTurnEnd") return connection_.loop().afterTurnEnd(task_);
        if (line == "orphan") connection_.loop().post(orphan_);
        if (line == "onPublished") return publish();
        if (line == "publishInTask") return connection_.loop().post(publishTask_);
        if (line == "onMessagesReady" || line == "onSubscriptionClosed") subscribe();
        if (line == "onAuthorization") {
            request_ = host_.authorizer().authenticate({"here", false, {}, "s"}, connection_.loop(), *this);
            return;
        }
        if (line == "flood") flood();
        if (line == "onOutputDrained") connection_.output().extend(connection_.outputRoom());
        connection_.output().write(sdk::asBytes(line + '\n'));
    }

    void publish() {
        const std::array bodies{sdk::asBytes("body")};
        publisher_ = host_.broker().openPublisher(connection_.loop(), *this);
        if (!publisher_->publish({"faulty", bodies}, 0)) throw std::logic_error("not published");
    }

    void subscribe() {
        auto joined =
            host_.broker().subscribe("faulty_in", "c", {std::chrono::minutes{1}}, connection_.loop(), *this);
        if (!joined) throw std::logic_error(joined.error().text);
        subscription_ = std::move(joined).value();
        subscription_->setReady(1);
    }

    void flood() {
        const std::string line(1000, 'f');
        for (sdk::Output& output = connection_.output();;) output.write(sdk::asBytes(line));
    }

    void onPublished(std::span<const sdk::PublishOutcome>) override { fail(); }
    void onMessagesReady() override {
        if (place_ == "onMessagesReady") fail();
    }
    void onSubscriptionClosed() override { fail(); }
    void onAuthorization(sdk::Result<sdk::AuthorizationPtr>) override { fail(); }

    [[noreturn]] void fail() const { throw OwnException("at\n" + place_); }

    sdk::Host& host_;
    sdk::Connection& connection_;
    std::string place_;
    Task task_;
    Task orphan_;
    PublishTask publishTask_{*this};
    std::unique_ptr<sdk::Publisher> publisher_;
    std::unique_ptr<sdk::Subscription> subscription_;
    std::unique_ptr<sdk::AuthorizationRequest> request_;
};

class FaultyProtocol final : public sdk::Protocol {
public:
    explicit FaultyProtocol(sdk::Host& host) : host_(host) {}
    std::string_view name() const override { return "faulty"; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
        return std::make_unique<FaultySession>(host_, connection);
    }

private:
    sdk::Host& host_;
};

class NoProtocol final : public sdk::Protocol {
public:
    std::string_view name() const override { return "none"; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection&) override {
        throw OwnException("no session");
    }
};

class Faulty final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        std::string seen;
        for (const sdk::PluginStats& plugin : host.plugins()) seen += ' ' + plugin.name;
        host.logger().info("faulty sees{}", seen);
        if (auto added = registrar.addProtocol({'F', 'L', 'T', 'Y'}, std::make_shared<FaultyProtocol>(host));
            !added)
            return added;
        if (auto added = registrar.addProtocol({'N', 'O', 'N', 'E'}, std::make_shared<NoProtocol>()); !added)
            return added;
        for (const bool quick : {false, true}) {
            sdk::HttpRoute route;
            route.method = "GET";
            route.path = quick ? "/faulty/quick" : "/faulty/worker";
            route.handler = [](const sdk::HttpRequest&) -> sdk::HttpResponse {
                throw OwnException("handler");
            };
            route.isQuick = quick;
            if (auto added = registrar.addRoute(std::move(route)); !added) return added;
        }
        if (auto added = registrar.addRoute({"POST", "/faulty/statistics",
                                             [this](const sdk::HttpRequest& request) {
                                                 statistics_ = request.queryValue("how")->front();
                                                 return sdk::HttpResponse{};
                                             }});
            !added)
            return added;
        return registrar.addStatistics([this]() -> std::vector<sdk::Statistic> {
            using Kind = sdk::Statistic::Kind;
            if (statistics_ == 't') throw OwnException("statistics");
            if (statistics_ == 'n')
                return {{"Bad name", "", Kind::kGauge, 1}, {"good_name", "", Kind::kGauge, 1}};
            if (statistics_ == 'v')
                return {{"frames", "frames seen", Kind::kCounter, 3}, {"load", "", Kind::kGauge, 0.5}};
            return {};
        });
    }

private:
    std::atomic<char> statistics_{' '};
};

}  // namespace

NSQ_SDK_PLUGIN(Faulty, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "faulty", "1.0")
