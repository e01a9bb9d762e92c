#include "server_state.h"

#include <catch2/catch.hpp>

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

}  // namespace nsq::http_api::test
