#include "answers.h"

#include <Poco/JSON/Parser.h>
#include <catch2/catch.hpp>

#include "fixture.h"

namespace nsq::lookupd::test {

namespace {

using Answer = sdk::HttpResponse (*)(Lookupd&, const sdk::HttpRequest&);
using Query = std::vector<std::pair<std::string, std::string>>;

std::string error(int status, const std::string& code) {
    return std::to_string(status) + R"( {"message":")" + code + R"("})";
}

/// A producer as /lookup and /nodes show it, without the last brace.
std::string shown(const std::string& name) {
    return R"({"remote_address":"192.0.2.1:)" + name + R"(","hostname":"host-)" + name +
           R"(","broadcast_address":")" + name + R"(","tcp_port":4150,"http_port":4151,"version":"1.3.0")";
}

PeerPtr addPeer(Server& server, const std::string& name, const std::vector<std::string>& topics) {
    PeerPtr peer = makePeer(name);
    server.db.add(peer);
    for (const std::string& topic : topics) server.db.addRegistration(*peer, topic, "");
    return peer;
}

}  // namespace

TEST_CASE("Answers have nsqlookupd's shapes") {
    Server server;
    Lookupd& lookupd = server.lookupd;
    CHECK(text(ping(lookupd, request())) == "200 OK");
    CHECK(text(info(lookupd, request())) == R"(200 {"version":"1.3.0"})");
    CHECK(text(topics(lookupd, request())) == R"(200 {"topics":[]})");
    CHECK(text(nodes(lookupd, request())) == R"(200 {"producers":[]})");
    CHECK(text(debug(lookupd, request())) == "200 {}");
    CHECK(text(channels(lookupd, request({{"topic", "nosuch"}}))) == R"(200 {"channels":[]})");
    CHECK(text(lookup(lookupd, request({{"topic", "nosuch"}}))) == error(404, "TOPIC_NOT_FOUND"));

    const PeerPtr peer = addPeer(server, "n1", {"t", "a"});
    server.db.addRegistration(*peer, "t", "d");
    server.db.addRegistration(*peer, "t", "c");
    CHECK(text(topics(lookupd, request())) == R"(200 {"topics":["a","t"]})");
    CHECK(text(channels(lookupd, request({{"topic", "t"}}))) == R"(200 {"channels":["c","d"]})");
    CHECK(text(lookup(lookupd, request({{"topic", "t"}}))) ==
          R"(200 {"channels":["c","d"],"producers":[)" + shown("n1") + "}]}");
    CHECK(text(nodes(lookupd, request())) ==
          R"(200 {"producers":[)" + shown("n1") + R"(,"tombstones":[false,false],"topics":["t","a"]}]})");
    CHECK(topics(lookupd, request()).contentType == "application/json; charset=utf-8");
}

TEST_CASE("Texts of an nsqd are escaped") {
    Server server;
    Identity identity = identityOf("x");
    identity.hostname = "a\"b\\c\n\xc3\xa9";
    const PeerPtr peer{new Peer{identity, sdk::Clock::now()}};
    server.db.add(peer);
    server.db.addRegistration(*peer, "t", "");
    for (const Answer answer : {nodes, debug}) {
        const auto parsed = Poco::JSON::Parser{}.parse(answer(server.lookupd, request()).body);
        const auto object = parsed.extract<Poco::JSON::Object::Ptr>();
        const auto producers = object->getArray(answer == nodes ? "producers" : "topic:t:");
        CHECK(producers->getObject(0)->getValue<std::string>("hostname") == identity.hostname);
    }
}

TEST_CASE("Silent producers are left out") {
    Server server;
    server.lookupd.inactiveProducerTimeout = std::chrono::seconds{300};
    const auto now = sdk::Clock::now();
    const PeerPtr silent = makePeer("silent", now - std::chrono::seconds{301});
    const PeerPtr heard = makePeer("heard", now - std::chrono::seconds{290});
    for (const PeerPtr& peer : {silent, heard}) {
        server.db.add(peer);
        server.db.addRegistration(*peer, "t", "");
    }
    CHECK(text(lookup(server.lookupd, request({{"topic", "t"}}))) ==
          R"(200 {"channels":[],"producers":[)" + shown("heard") + "}]}");
    CHECK(text(nodes(server.lookupd, request())).find("silent") == std::string::npos);
    silent->ping(now);
    CHECK(text(lookup(server.lookupd, request({{"topic", "t"}}))).find("silent") != std::string::npos);
}

TEST_CASE("Tombstoned producers are left out for a while, and shown as such") {
    Server server;
    addPeer(server, "n1", {"t", "u"});
    const Query tombstone{{"topic", "t"}, {"node", "n1:4151"}};
    CHECK(text(tombstoneTopic(server.lookupd, request(tombstone))) == "200 ");
    CHECK(text(lookup(server.lookupd, request({{"topic", "t"}}))) == R"(200 {"channels":[],"producers":[]})");
    CHECK(text(lookup(server.lookupd, request({{"topic", "u"}}))).find("n1") != std::string::npos);
    CHECK(text(nodes(server.lookupd, request())).find(R"("tombstones":[true,false],"topics":["t","u"])") !=
          std::string::npos);
    server.lookupd.tombstoneLifetime = std::chrono::seconds{0};
    CHECK(text(lookup(server.lookupd, request({{"topic", "t"}}))).find("n1") != std::string::npos);
    CHECK(text(nodes(server.lookupd, request())).find("true") == std::string::npos);
}

TEST_CASE("Every registration that has producers is in /debug") {
    Server server;
    const PeerPtr peer = addPeer(server, "n1", {"t"});
    server.db.addRegistration(*peer, "t", "c");
    server.db.createChannel("t", "nobody");
    server.db.createTopic("empty");
    server.db.tombstone("t", "n1:4151", sdk::Clock::now());
    const auto parsed = Poco::JSON::Parser{}.parse(debug(server.lookupd, request()).body);
    const auto map = parsed.extract<Poco::JSON::Object::Ptr>();
    CHECK(map->getNames() == std::vector<std::string>{"channel:t:c", "client::", "topic:t:"});
    for (const std::string& key : map->getNames()) {
        CAPTURE(key);
        const auto producer = map->getArray(key)->getObject(0);
        const bool tombstoned = key == "topic:t:";
        CHECK(producer->getValue<std::string>("id") == "192.0.2.1:n1");
        CHECK(producer->getValue<bool>("tombstoned") == tombstoned);
        const std::int64_t now =
            std::chrono::nanoseconds{std::chrono::system_clock::now().time_since_epoch()}.count();
        const std::int64_t minuteAgo = now - std::chrono::nanoseconds{std::chrono::minutes{1}}.count();
        CHECK(producer->getValue<std::int64_t>("last_update") > minuteAgo);
        CHECK(producer->getValue<std::int64_t>("last_update") <= now);
        const auto tombstonedAt = producer->getValue<std::int64_t>("tombstoned_at");
        CHECK((tombstoned ? tombstonedAt > minuteAgo : tombstonedAt == -6795364578871345152));
    }
}

TEST_CASE("/debug is refused when it would be too large") {
    Server server;
    addPeer(server, "n1", {});
    const std::size_t size = debug(server.lookupd, request()).body.size();
    server.lookupd.mostDebugBytes = size;
    CHECK(debug(server.lookupd, request()).status == 200);
    SECTION("with its clients") {
        server.lookupd.mostDebugBytes = size / 2;
    }
    SECTION("with its topics") {
        addPeer(server, "n2", {"t", "u"});
    }
    CHECK(text(debug(server.lookupd, request())) == error(503, "TOO_MANY_REGISTRATIONS"));
}

TEST_CASE("Topics and channels are created and deleted") {
    Server server;
    Lookupd& lookupd = server.lookupd;
    const Query channel{{"topic", "u"}, {"channel", "c"}};
    CHECK(text(createTopic(lookupd, request({{"topic", "t"}}))) == "200 ");
    CHECK(text(createChannel(lookupd, request(channel))) == "200 ");
    CHECK(text(topics(lookupd, request())) == R"(200 {"topics":["t","u"]})");
    CHECK(text(deleteChannel(lookupd, request(channel))) == "200 ");
    CHECK(text(deleteChannel(lookupd, request(channel))) == error(404, "CHANNEL_NOT_FOUND"));
    CHECK(text(deleteTopic(lookupd, request({{"topic", "t"}}))) == "200 ");
    CHECK(text(deleteTopic(lookupd, request({{"topic", "t"}}))) == "200 ");
    CHECK(text(topics(lookupd, request())) == R"(200 {"topics":["u"]})");
}

TEST_CASE("Bad arguments are refused as nsqlookupd does it") {
    Server server;
    Lookupd& lookupd = server.lookupd;
    for (const Answer answer :
         {channels, lookup, createTopic, deleteTopic, tombstoneTopic, createChannel, deleteChannel}) {
        sdk::HttpRequest bad;
        bad.badQuery = true;
        CHECK(text(answer(lookupd, bad)) == error(400, "INVALID_REQUEST"));
        CHECK(text(answer(lookupd, request())) == error(400, "MISSING_ARG_TOPIC"));
    }
    const sdk::HttpRequest badTopic = request({{"topic", "b$d"}, {"channel", "c"}, {"node", "n"}});
    CHECK(text(lookup(lookupd, badTopic)) == error(404, "TOPIC_NOT_FOUND"));
    CHECK(text(createTopic(lookupd, badTopic)) == error(400, "INVALID_ARG_TOPIC"));
    CHECK(text(deleteTopic(lookupd, badTopic)) == "200 ");
    CHECK(text(tombstoneTopic(lookupd, badTopic)) == "200 ");
    CHECK(text(tombstoneTopic(lookupd, request({{"topic", "t"}}))) == error(400, "MISSING_ARG_NODE"));
    for (const Answer answer : {createChannel, deleteChannel}) {
        CHECK(text(answer(lookupd, badTopic)) == error(400, "INVALID_ARG_TOPIC"));
        CHECK(text(answer(lookupd, request({{"topic", "t"}}))) == error(400, "MISSING_ARG_CHANNEL"));
        CHECK(text(answer(lookupd, request({{"topic", "t"}, {"channel", "b$d"}}))) ==
              error(400, "INVALID_ARG_CHANNEL"));
    }
}

}  // namespace nsq::lookupd::test
