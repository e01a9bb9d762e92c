#include <unistd.h>

#include <string>

#include "test_plugin.h"

/// A plugin of which one call never returns: the one that its setting `where` names. It says so in the log.
namespace {

using namespace nsq;

class Hanging final : public sdk::Plugin {
public:
    ~Hanging() override { hangIf("destructor"); }

    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        host_ = &host;
        where_ = host.settings()->getString("where", "");
        hangIf("start");
        for (const bool quick : {false, true}) {
            sdk::HttpRoute route;
            route.method = "GET";
            route.path = quick ? "/hanging/quick" : "/hanging/worker";
            route.handler = [this, name = quick ? "quick" : "worker"](const sdk::HttpRequest&) {
                hangIf(name);
                return sdk::HttpResponse{};
            };
            route.isQuick = quick;
            if (auto added = registrar.addRoute(std::move(route)); !added) return added;
        }
        return registrar.addProtocol({'H', 'A', 'N', 'G'}, std::make_shared<Protocol>(*this));
    }

    void stop() override { hangIf("stop"); }

private:
    class Session final : public sdk::Session {
    public:
        Session(Hanging& plugin, sdk::Connection& connection)
            : plugin_(plugin), connection_(connection), task_(plugin) {}
        ~Session() override {
            connection_.loop().cancel(task_);
            plugin_.hangIf("session's destructor");
        }

        std::size_t onData(sdk::Bytes data) override {
            connection_.loop().post(task_);
            plugin_.hangIf("session");
            return data.size();
        }
        std::size_t maxPending() const override { return 1; }

    private:
        struct Task final : sdk::LoopTask {
            explicit Task(Hanging& itsPlugin) : plugin(itsPlugin) {}
            void run() override { plugin.hangIf("task"); }
            Hanging& plugin;
        };

        Hanging& plugin_;
        sdk::Connection& connection_;
        Task task_;
    };

    class Protocol final : public sdk::Protocol {
    public:
        explicit Protocol(Hanging& plugin) : plugin_(plugin) {}
        std::string_view name() const override { return "hanging"; }
        std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
            return std::make_unique<Session>(plugin_, connection);
        }

    private:
        Hanging& plugin_;
    };

    void hangIf(std::string_view where) const {
        if (where_ != where) return;
        host_->logger().info("hanging: here it hangs");
        for (;;) ::pause();
    }

    sdk::Host* host_ = nullptr;
    std::string where_;
};

}  // namespace

NSQ_SDK_PLUGIN(Hanging, nsq::sdk::kProtocolPlugin | nsq::sdk::kHttpPlugin, "hanging", "1.0")
