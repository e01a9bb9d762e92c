#include "plugin/plugin_host.h"

#include <catch2/catch.hpp>

#include "nsq/sdk/plugin.h"
#include "unit/plugin/fixture.h"

using namespace nsq;
using plugin::PluginHost;
using plugin::test::FakeServer;
using plugin::test::testPlugin;
using Lines = std::vector<std::string>;

namespace {

/// Only the address is of use here.
class FakeConnection final : public sdk::Connection {
public:
    explicit FakeConnection(std::string address) : address_(std::move(address)) {}
    sdk::Loop& loop() override { throw std::logic_error("no loop"); }
    sdk::Output& output() override { return output_; }
    std::size_t outputRoom() const override { return 0; }
    void resumeInput() override {}
    void close(std::string_view) override {}
    void setTimer(sdk::Clock::time_point) override {}
    void clearTimer() override {}
    sdk::Clock::time_point lastReadAt() const override { return {}; }
    const std::string& remoteAddress() const override { return address_; }
    std::string remoteHost() const override { return address_; }
    void startTls() override {}
    void startSnappy() override {}
    void startDeflate(int) override {}
    bool isTls() const override { return false; }
    std::string peerCommonName() const override { return {}; }
    std::size_t unsent() const override { return output_.size(); }

private:
    std::string address_;
    sdk::Output output_;
};

void loadGoodAndFine(PluginHost& host) {
    REQUIRE(host.load(testPlugin("good")).ok());
    REQUIRE(host.load(testPlugin("fine")).ok());
}

}  // namespace

TEST_CASE("plugins start in order, stop in reverse, and are destroyed after all are stopped") {
    FakeServer server;
    {
        PluginHost host;
        loadGoodAndFine(host);
        REQUIRE(host.start(server.context()).ok());
        CHECK(server.takeLog() == Lines{"good started, greeting none", "fine started, greeting none"});
        host.stop();
        host.stop();
        CHECK(server.takeLog() == Lines{"fine stopped", "good stopped"});
    }
    CHECK(server.takeLog() ==
          Lines{"fine protocol destroyed", "fine destroyed", "good protocol destroyed", "good destroyed"});
}

TEST_CASE("a host that is not stopped stops its plugins itself") {
    FakeServer server;
    {
        PluginHost host;
        loadGoodAndFine(host);
        REQUIRE(host.start(server.context()).ok());
    }
    const Lines log = server.takeLog();
    REQUIRE(log.size() == 8);
    CHECK(log[2] == "fine stopped");
    CHECK(log[3] == "good stopped");
}

TEST_CASE("after a failed start only the started plugins are stopped") {
    FakeServer server;
    PluginHost host;
    loadGoodAndFine(host);
    REQUIRE(host.load(testPlugin("start_error")).ok());
    REQUIRE_FALSE(host.start(server.context()).ok());
    server.takeLog();
    host.stop();
    CHECK(server.takeLog() == Lines{"fine stopped", "good stopped"});
}

TEST_CASE("plugins that are never started can be let go") {
    PluginHost host;
    loadGoodAndFine(host);
    host.stop();
    CHECK(host.list().size() == 2);
}

TEST_CASE("an exception out of stop goes to the log and the others are stopped") {
    FakeServer server;
    PluginHost host;
    REQUIRE(host.load(testPlugin("good")).ok());
    REQUIRE(host.load(testPlugin("stop_throws")).ok());
    REQUIRE(host.start(server.context()).ok());
    server.takeLog();
    host.stop();
    CHECK(server.takeLog() ==
          Lines{"plugin " + testPlugin("stop_throws").string() + ": stop failed: stumbled", "good stopped"});
}

TEST_CASE("the list tells what was loaded and registered") {
    FakeServer server;
    PluginHost host;
    REQUIRE(host.load(testPlugin("good")).ok());
    CHECK(toLine(host.list().at(0)) ==
          "good 1.0 (" + testPlugin("good").string() + "): no protocol, 0 routes");
    REQUIRE(host.start(server.context()).ok());
    const plugin::PluginInfo info = host.list().at(0);
    CHECK(info.name == "good");
    CHECK(info.version == "1.0");
    CHECK(info.file == testPlugin("good"));
    CHECK(info.magics == Lines{"GOOD"});
    CHECK(info.routes == Lines{"GET /good", "POST /good"});
    CHECK(toLine(info) ==
          "good 1.0 (" + testPlugin("good").string() + "): protocol magic \"GOOD\", 2 routes");
}

TEST_CASE("each plugin gets its own settings, and the first fallback wins") {
    FakeServer server;
    server.settings["fine"] = new Poco::Util::MapConfiguration;
    server.settings["fine"]->setString("greeting", "hello");
    PluginHost host;
    loadGoodAndFine(host);
    REQUIRE(host.start(server.context()).ok());
    CHECK(server.takeLog() == Lines{"good started, greeting none", "fine started, greeting hello"});
    REQUIRE(server.fallbacks.size() == 1);
    CHECK(server.fallbacks[0].notFound.body == "good");
}

TEST_CASE("the facade hands on what the server has") {
    FakeServer server;
    server.info.tcpPort = 4150;
    const plugin::HostContext context = server.context();
    plugin::HostFacade facade(context, "anything");
    CHECK(&facade.logger() == &server.logger);
    CHECK(&facade.broker() == &server.broker);
    CHECK(&facade.limits() == &server.limits);
    CHECK(facade.info().tcpPort == 4150);
    CHECK_FALSE(facade.settings()->has("greeting"));
    CHECK(facade.option("mem_queue_size").value() == 10000);
    CHECK(facade.option("nothing").error().text == "INVALID_OPTION");
    CHECK(facade.setOption("log_level", "debug").ok());
    CHECK(server.changed == Lines{"log_level", "debug"});
    CHECK(facade.clients().size() == 3);
    CHECK(facade.plugins().size() == 2);
}

TEST_CASE("what plugins registered works while they live and is harmless after") {
    FakeServer server;
    FakeConnection connection("here");
    FakeConnection refused("throw");
    {
        PluginHost host;
        loadGoodAndFine(host);
        REQUIRE(host.start(server.context()).ok());
        CHECK(server.protocols.at("FINE")->name() == "fine");
        CHECK(server.protocols.at("GOOD")->createSession(connection) != nullptr);
        CHECK(server.routes.at("GET /fine").handler({}).body == "fine");
        CHECK_THROWS_WITH(server.protocols.at("GOOD")->createSession(refused),
                          "plugin good: no session today");
        CHECK_THROWS_WITH(server.routes.at("POST /fine").handler({}), "plugin fine: no answer today");
    }
    CHECK(server.protocols.at("FINE")->name() == "fine");
    CHECK(server.protocols.at("FINE")->createSession(connection) == nullptr);
    CHECK(server.routes.at("GET /fine").handler({}).status == 503);
}

TEST_CASE("the list with numbers tells what plugins did, and has their own statistics") {
    FakeServer server;
    PluginHost host;
    REQUIRE(host.load(testPlugin("good")).ok());
    REQUIRE(host.load(testPlugin("faulty")).ok());
    REQUIRE(host.start(server.context()).ok());
    sdk::HttpRequest request;
    request.query = {{"how", "values"}};
    CHECK(server.routes.at("POST /faulty/statistics").handler(request).status == 200);
    CHECK_THROWS(server.routes.at("GET /faulty/worker").handler({}));

    const std::vector<sdk::PluginStats> all = host.stats();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "good");
    CHECK(all[0].statistics.empty());
    const sdk::PluginStats& faulty = all[1];
    CHECK(faulty.name == "faulty");
    CHECK(faulty.version == "1.0");
    CHECK_FALSE(faulty.builtIn);
    CHECK(faulty.file == testPlugin("faulty"));
    CHECK(faulty.sdkMajor == sdk::kSdkMajor);
    CHECK(faulty.sdkMinor == sdk::kSdkMinor);
    CHECK(faulty.kind == (sdk::kProtocolPlugin | sdk::kHttpPlugin));
    CHECK(faulty.magics == Lines{"FLTY", "NONE"});
    CHECK(faulty.routes.size() == 3);
    CHECK(faulty.requests == 2);
    CHECK(faulty.errors == 1);
    CHECK(faulty.lastError == "Runtime exception: handler");
    REQUIRE(faulty.statistics.size() == 2);
    CHECK(faulty.statistics[0].name == "frames");
    CHECK(faulty.statistics[0].value == 3);
}

TEST_CASE("statistics that fail are logged, counted and left out") {
    FakeServer server;
    PluginHost host;
    REQUIRE(host.load(testPlugin("faulty")).ok());
    REQUIRE(host.start(server.context()).ok());
    server.takeLog();  // of the start
    sdk::HttpRequest request;
    request.query = {{"how", "throw"}};
    server.routes.at("POST /faulty/statistics").handler(request);
    const sdk::PluginStats stats = host.stats().at(0);
    CHECK(stats.statistics.empty());
    CHECK(stats.errors == 1);
    CHECK(server.takeLog().at(0) == "plugin faulty: its statistics failed: Runtime exception: statistics");
}
