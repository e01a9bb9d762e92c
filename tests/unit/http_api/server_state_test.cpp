#include "server_state.h"

#include <catch2/catch.hpp>
#include <limits>

#include "fake_host.h"

namespace nsq::http_api::test {

TEST_CASE("/ping tells how the server is, without NSQ's header") {
    FakeHost host;
    const sdk::HttpResponse well = ping(host, request());
    CHECK(well.status == 200);
    CHECK(well.body == "OK");
    CHECK(well.contentType == "text/plain; charset=utf-8");
    CHECK(well.headers.empty());
    host.fakeBroker.sickness = sdk::Error{sdk::ErrorCode::kStorage, "disk full"};
    const sdk::HttpResponse sick = ping(host, request());
    CHECK(sick.status == 500);
    CHECK(sick.body == "NOK - disk full");
}

TEST_CASE("/info has nsqd's fields in nsqd's order") {
    FakeHost host;
    CHECK(text(info(host, badQuery())) ==
          "200 "
          "{\"version\":\"1.3.0\",\"broadcast_address\":\"vm.local\",\"hostname\":\"vm\",\"http_port\":4151,"
          "\"tcp_port\":4150,\"start_time\":1795381541,\"max_heartbeat_interval\":60000000000,"
          "\"max_output_buffer_size\":65536,\"max_output_buffer_timeout\":30000000000,\"max_deflate_level\":"
          "6}");
    host.serverInfo.httpPort = -1;
    CHECK(info(host, request()).body.find("\"http_port\":-1,") != std::string::npos);
}

TEST_CASE("/plugins has each plugin with all that is known of it") {
    FakeHost host;
    CHECK(text(plugins(host, request())) == "200 {\"plugins\":[]}");
    sdk::PluginStats& plugin = host.pluginList.emplace_back();
    plugin.name = "mine";
    plugin.version = "2.1";
    plugin.file = "/lib/mine.so";
    plugin.sdkMajor = 1;
    plugin.sdkMinor = 3;
    plugin.kind = 3;
    plugin.magics = {"MINE"};
    plugin.routes = {"GET /mine"};
    plugin.connections = 4;
    plugin.connectionsTotal = 5;
    plugin.requests = 6;
    plugin.errors = 7;
    plugin.lastError = "no \"luck\"";
    plugin.statistics = {{"frames", "seen", sdk::Statistic::Kind::kCounter, 3e15},
                         {"load", "", sdk::Statistic::Kind::kGauge, 0.25},
                         {"none", "", sdk::Statistic::Kind::kGauge, std::numeric_limits<double>::infinity()}};
    CHECK(text(plugins(host, request())) ==
          "200 {\"plugins\":[{\"name\":\"mine\",\"version\":\"2.1\",\"sdk_version\":\"1.3\","
          "\"kinds\":[\"protocol\",\"http\"],\"built_in\":false,\"file\":\"mine.so\","
          "\"magics\":[\"MINE\"],\"routes\":[\"GET /mine\"],\"connection_count\":4,\"connection_total\":5,"
          "\"request_count\":6,\"error_count\":7,\"last_error\":\"no \\\"luck\\\"\",\"statistics\":["
          "{\"name\":\"frames\",\"help\":\"seen\",\"type\":\"counter\",\"value\":3000000000000000},"
          "{\"name\":\"load\",\"help\":\"\",\"type\":\"gauge\",\"value\":0.25},"
          "{\"name\":\"none\",\"help\":\"\",\"type\":\"gauge\",\"value\":null}]}]}");
}

}  // namespace nsq::http_api::test
