#include <catch2/catch.hpp>

#include <algorithm>

#include "storage/file_io.h"
#include "storage/topic_directory.h"
#include "unit/broker/fixture.h"

namespace nsq::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a damaged channel state doubles nothing that the log has for another channel",
          "[broker][restart]") {
    Server server;
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "idle"));
    {
        Consumer consumer{*server, loop, "t", "c", 3};
        server.publish("t", numbered(8));
        REQUIRE(consumer.take().size() == 3);
    }
    server.stop();
    writeFile(storage::channelStateFile(storage::topicDirectory(server.path(), "t"), "c"),
              sdk::asBytes("garbage"));
    server.start();
    Consumer consumer{*server, loop, "t", "c"};
    CHECK(bodiesOf(consumer.take()) == numbered(8));
}

TEST_CASE("states older than the messages beside them lose nothing and double nothing", "[broker][restart]") {
    Server server;
    TestLoop loop;
    const fs::path directory = storage::topicDirectory(server.path(), "t");
    const TemporaryDirectory kept;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    const bool hadSaved = GENERATE(true, false);
    const bool idle = GENERATE(true, false);  // a channel that keeps everything in the log
    CAPTURE(hadSaved, idle);
    if (idle) REQUIRE(server->createChannel("t", "idle"));
    if (hadSaved) server.publish("t", {"old"});
    server.stop();
    fs::copy(server.path() / "topics", kept / "older", fs::copy_options::recursive);
    server.start();
    {
        Consumer consumer{*server, loop, "t", "c", 3};
        server.publish("t", numbered(8));
        REQUIRE(consumer.take().size() == 3);
    }
    server.stop();
    // The disk was full when the save had come to the states.
    for (const char* name : {"c.channel", "idle.channel", "topic.state"}) fs::remove(directory / name);
    if (hadSaved) {
        fs::copy(kept / "older/t", directory, fs::copy_options::skip_existing);
    }
    server.start();
    Consumer consumer{*server, loop, "t", "c"};
    auto got = bodiesOf(consumer.take());
    std::ranges::sort(got);
    auto expected = numbered(8);
    if (hadSaved) expected.emplace_back("old");
    CHECK(got == expected);
}

TEST_CASE("a start that fails half-way leaves the metadata as it is", "[broker][restart]") {
    Server server;
    for (const char* name : {"a", "b", "c"}) server.publish(name, {"x"});
    server.stop();
    const auto metadata = storage::readFile(server.path() / "nsqd.dat").value();
    const fs::path inTheWay = storage::topicDirectory(server.path(), "b");
    fs::rename(inTheWay, server.path() / "aside");
    writeFile(inTheWay, sdk::asBytes("no directory"));
    {
        spdlog::logger logger{"silent"};
        broker::Broker broker{server.config(), logger};
        const auto started = broker.start();
        REQUIRE_FALSE(started);
        CHECK(started.error().code == sdk::ErrorCode::kStorage);
        CHECK(started.error().text.find(inTheWay.string()) != std::string::npos);
    }
    CHECK(storage::readFile(server.path() / "nsqd.dat").value() == metadata);
    fs::remove(inTheWay);
    fs::rename(server.path() / "aside", inTheWay);
    server.start();
    for (const char* name : {"a", "b", "c"}) CHECK(server.topic(name).depth == 1);
}

TEST_CASE("a topic with nothing to keep leaves no files", "[broker][restart]") {
    Server server;
    TestLoop loop;
    server.publish("t", numbered(3));
    server.restart();
    CHECK(fs::exists(storage::topicDirectory(server.path(), "t")));
    {
        Consumer consumer{*server, loop, "t", "c"};
        for (const ReadMessage& message : consumer.take()) REQUIRE(consumer.finish(message));
    }
    server.restart();
    CHECK(fs::is_empty(server.path() / "topics"));
    CHECK(server.channel("t", "c").depth == 0);
}

}  // namespace
}  // namespace nsq::test
