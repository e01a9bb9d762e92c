#include "administration.h"

#include <catch2/catch.hpp>

#include "fake_host.h"

namespace nsq::http_api::test {

namespace {

using Answer = sdk::HttpResponse (*)(sdk::Host&, const sdk::HttpRequest&);

}  // namespace

TEST_CASE("Topics are changed") {
    FakeHost host;
    host.fakeBroker.topics.push_back(topicNamed("t"));
    for (const Answer answer : {createTopic, deleteTopic, emptyTopic, pauseTopic, unpauseTopic}) {
        CHECK(text(answer(host, request({{"topic", "t"}}))) == "200 ");
        CHECK(text(answer(host, request())) == error(400, "MISSING_ARG_TOPIC"));
        CHECK(text(answer(host, badQuery())) == error(400, "INVALID_REQUEST"));
    }
    CHECK(host.fakeBroker.calls == std::vector<std::string>{"createTopic t", "deleteTopic t", "emptyTopic t",
                                                            "pauseTopic t", "unpauseTopic t"});
}

TEST_CASE("A bad topic name is invalid or just not there, as in nsqd") {
    FakeHost host;
    for (const char* bad : {"", "a b"}) {
        const sdk::HttpRequest asked = request({{"topic", bad}});
        CHECK(text(createTopic(host, asked)) == error(400, "INVALID_TOPIC"));
        CHECK(text(emptyTopic(host, asked)) == error(400, "INVALID_TOPIC"));
        CHECK(text(deleteTopic(host, asked)) == error(404, "TOPIC_NOT_FOUND"));
        CHECK(text(pauseTopic(host, asked)) == error(404, "TOPIC_NOT_FOUND"));
        CHECK(text(unpauseTopic(host, asked)) == error(404, "TOPIC_NOT_FOUND"));
    }
    CHECK(text(emptyTopic(host, request({{"topic", "nosuch"}}))) == error(404, "TOPIC_NOT_FOUND"));
    CHECK(host.fakeBroker.calls.empty());
}

TEST_CASE("Channels are changed") {
    FakeHost host;
    host.fakeBroker.topics.push_back(topicNamed("t"));
    for (const Answer answer : {createChannel, deleteChannel, emptyChannel, pauseChannel, unpauseChannel}) {
        CHECK(text(answer(host, request({{"topic", "t"}, {"channel", "c"}}))) == "200 ");
        CHECK(text(answer(host, badQuery())) == error(400, "INVALID_REQUEST"));
        CHECK(text(answer(host, request({{"channel", "c"}}))) == error(400, "MISSING_ARG_TOPIC"));
        CHECK(text(answer(host, request({{"topic", "a b"}}))) == error(400, "INVALID_ARG_TOPIC"));
        CHECK(text(answer(host, request({{"topic", "t"}}))) == error(400, "MISSING_ARG_CHANNEL"));
        CHECK(text(answer(host, request({{"topic", "t"}, {"channel", ""}}))) ==
              error(400, "INVALID_ARG_CHANNEL"));
        CHECK(text(answer(host, request({{"topic", "u"}, {"channel", "c"}}))) ==
              error(404, "TOPIC_NOT_FOUND"));
    }
    CHECK(host.fakeBroker.calls == std::vector<std::string>{"createChannel t c", "deleteChannel t c",
                                                            "emptyChannel t c", "pauseChannel t c",
                                                            "unpauseChannel t c"});
}

TEST_CASE("A change the broker refuses is an error") {
    FakeHost host;
    host.fakeBroker.topics.push_back(topicNamed("t"));
    host.fakeBroker.failure = sdk::Error{sdk::ErrorCode::kChannelNotFound, "no such channel"};
    CHECK(text(deleteChannel(host, request({{"topic", "t"}, {"channel", "c"}}))) ==
          error(404, "CHANNEL_NOT_FOUND"));
    host.fakeBroker.failure = sdk::Error{sdk::ErrorCode::kTopicNotFound, "no such topic"};
    CHECK(text(deleteTopic(host, request({{"topic", "t"}}))) == error(404, "TOPIC_NOT_FOUND"));
    host.fakeBroker.failure = sdk::Error{sdk::ErrorCode::kStorage, "read-only file system"};
    CHECK(text(createTopic(host, request({{"topic", "t"}}))) == error(500, "read-only file system"));
}

}  // namespace nsq::http_api::test
