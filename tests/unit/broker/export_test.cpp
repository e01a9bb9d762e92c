#include <catch2/catch.hpp>

#include "unit/broker/stock_server.h"
#include "unit/storage/file_size_limit.h"

namespace nsq::test {
namespace {

namespace fs = std::filesystem;

/// A message of an exported queue.
struct Exported {
    std::string body;
    std::uint16_t attempts;
    std::int64_t timestampNs;
    std::string id;

    friend bool operator==(const Exported&, const Exported&) = default;
};

using Queues = std::map<std::string, std::vector<Exported>>;

Queues read(const fs::path& directory) {
    Queues queues;
    const auto found = storage::listStockQueues(directory).value();
    for (const storage::StockQueue& queue : found) {
        auto reader = storage::StockQueueReader::open(queue, 1 << 20).value();
        for (auto message = reader.next().value(); message; message = reader.next().value())
            queues[queue.name()].push_back({std::string{sdk::asText(message->body)}, message->attempts,
                                            message->timestampNs, std::string{sdk::asText(message->id)}});
        CHECK(reader.report().warnings.empty());
        CHECK(reader.report().salvaged == 0);
    }
    return queues;
}

Texts bodiesOf(const std::vector<Exported>& messages) {
    Texts bodies;
    for (const Exported& message : messages) bodies.push_back(message.body);
    return bodies;
}

/// Names, sizes and times of all files below a directory.
std::map<fs::path, std::pair<std::uintmax_t, fs::file_time_type>> treeOf(const fs::path& directory) {
    std::map<fs::path, std::pair<std::uintmax_t, fs::file_time_type>> tree;
    for (const auto& entry : fs::recursive_directory_iterator{directory})
        tree[entry.path()] = {entry.is_directory() ? 0 : entry.file_size(), entry.last_write_time()};
    return tree;
}

std::string textOf(std::uint64_t id) {
    char text[32];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id));
    return text;
}

/// Topic t with something of every kind; the channels of it, and what they have to give.
std::map<std::string, Texts> everything(StockServer& server) {
    server.start();
    TestLoop loop;
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "all"));
    REQUIRE(server->createChannel("t", "drained"));
    {
        Consumer consumer{*server, loop, "t", "mixed", 4};
        Consumer gone{*server, loop, "t", "gone#ephemeral", 1};
        server.publish("t", {"flying", "finished", "requeued", "later", "waiting"});
        server.publish("t", {"deferred"}, kLong);
        const auto messages = consumer.take();
        REQUIRE(messages.size() == 4);
        REQUIRE(consumer.finish(messages[1]));
        REQUIRE(consumer->requeue({messages[2].id}, 0ms));
        REQUIRE(consumer->requeue({messages[3].id}, kLong));
    }
    REQUIRE(server->pauseChannel("t", "mixed", true));
    server.drain("t", "drained");
    REQUIRE(server->emptyChannel("t", "drained"));
    REQUIRE(server->pauseTopic("t", true));
    server.publish("t", {"emptied"});
    REQUIRE(server->emptyTopic("t"));
    server.publish("t", {"held"});
    server.publish("t", {"held deferred"}, kLong);
    server.publish("lonely", numbered(3));
    server.publish("short#ephemeral", numbered(3));
    server.stop();
    return {{"t:all", {"flying", "finished", "requeued", "later", "waiting", "deferred"}},
            {"t:mixed", {"flying", "requeued", "waiting", "deferred", "later"}},
            {"t", {"held", "held deferred"}},
            {"lonely", numbered(3)}};
}

TEST_CASE("all there is is exported", "[broker][export]") {
    StockServer server;
    auto expected = everything(server);
    const auto before = treeOf(server.path());
    const TemporaryDirectory directory;
    const auto summary = server.exportTo(directory / "new");
    INFO((summary ? "" : summary.error().text));
    REQUIRE(summary);
    CHECK(summary.value().topics == 2);
    CHECK(summary.value().channels == 3);
    CHECK(summary.value().messages == 16);
    CHECK(summary.value().deferred == 4);
    CHECK(treeOf(server.path()) == before);
    auto queues = read(directory / "new");
    REQUIRE(queues.size() == expected.size());
    for (auto& [name, messages] : queues) {
        CAPTURE(name);
        for (const Exported& message : messages) {
            CAPTURE(message.body);
            const bool wasDelivered =
                name == "t:mixed" &&
                (message.body == "flying" || message.body == "requeued" || message.body == "later");
            CHECK(message.attempts == (wasDelivered ? 1 : 0));
            CHECK(message.timestampNs > 1'700'000'000'000'000'000);
        }
        auto bodies = bodiesOf(messages);
        std::ranges::sort(bodies);
        std::ranges::sort(expected[name]);
        CHECK(bodies == expected[name]);
    }
    std::string warning;
    const auto metadata = storage::readMetadata(directory / "new" / "nsqd.dat", warning).value();
    CHECK_FALSE(metadata.isOurs);
    REQUIRE(metadata.topics.size() == 2);
    CHECK(metadata.topics[0].name == "lonely");
    CHECK(metadata.topics[1].paused);
    REQUIRE(metadata.topics[1].channels.size() == 3);
    CHECK_FALSE(metadata.topics[1].channels[0].paused);
    CHECK(metadata.topics[1].channels[2].paused);
}

TEST_CASE("what an export gives comes back as it was", "[broker][export]") {
    broker::BrokerConfig config;
    config.maxBytesPerFile = 2'000;
    StockServer server{config};
    std::map<std::string, std::vector<ReadMessage>> given;
    server.queue("t", "a", numbered(100, 1'000), 7);
    server.queue("t", "b", numbered(30, 2'000), 1);
    server.queue("t", {}, numbered(50));
    server.start();
    server.restart();
    server.stop();
    const TemporaryDirectory directory;
    REQUIRE(server.exportTo(directory / "stock"));
    const auto first = read(directory / "stock");
    REQUIRE(first.size() == 2);
    CHECK(bodiesOf(first.at("t:a")) == numbered(100, 1'000) + numbered(50));
    CHECK(bodiesOf(first.at("t:b")) == numbered(30, 2'000) + numbered(50));
    CHECK(first.at("t:a").front().attempts == 7);
    CHECK(first.at("t:a").back().attempts == 0);
    CHECK(first.at("t:a").front().timestampNs == 1'001);
    CHECK(storage::listStockQueues(directory / "stock").value()[0].files.size() > 2);

    // Over into another server, and out of it again. Ids are given anew.
    StockServer other{config};
    fs::copy(directory / "stock", other.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    other.start();
    CHECK(other.channel("t", "a").depth == 150);
    other.stop();
    REQUIRE(other.exportTo(directory / "again"));
    const auto second = read(directory / "again");
    const auto withoutIds = [](Queues queues) {
        for (auto& [name, messages] : queues)
            for (Exported& message : messages) message.id.clear();
        return queues;
    };
    CHECK(withoutIds(second) == withoutIds(first));
}

TEST_CASE("exported ids are those of the messages", "[broker][export]") {
    StockServer server;
    server.start();
    TestLoop loop;
    std::map<std::string, std::string> ids;
    {
        Consumer consumer{*server, loop, "t", "c"};
        server.publish("t", numbered(5));
        for (const ReadMessage& message : consumer.take()) ids[message.body] = textOf(message.id);
    }
    server.stop();
    const TemporaryDirectory directory;
    REQUIRE(server.exportTo(directory.path()));
    const auto queues = read(directory.path());
    REQUIRE(queues.at("t:c").size() == 5);
    for (const Exported& message : queues.at("t:c")) CHECK(message.id == ids.at(message.body));
}

TEST_CASE("a directory that is not empty, or within the data directory, is refused", "[broker][export]") {
    StockServer server;
    everything(server);
    const TemporaryDirectory directory;
    writeFile(directory / "file", {});
    const auto notEmpty = server.exportTo(directory.path());
    REQUIRE_FALSE(notEmpty);
    CHECK(notEmpty.error().code == sdk::ErrorCode::kInvalid);
    CHECK(notEmpty.error().text == directory.path().string() + ": not empty");
    const auto before = treeOf(server.path());
    for (const fs::path& inside : {server.path(), server.path() / "new", server.path() / "topics" / "u"}) {
        const auto within = server.exportTo(inside);
        REQUIRE_FALSE(within);
        CHECK(within.error().code == sdk::ErrorCode::kInvalid);
    }
    CHECK(treeOf(server.path()) == before);
    CHECK_FALSE(server.exportTo(directory / "missing" / "new"));
    CHECK_FALSE(server.exportTo(directory / "file"));
}

TEST_CASE("what a start would take over is not passed over by an export", "[broker][export]") {
    StockServer server;
    everything(server);
    const TemporaryDirectory directory;
    SECTION("queues") {
        server.queue("t", "all", {"stock"});
    }
    SECTION("topics") {
        server.metadata(R"({"topics":[{"name":"u","paused":false,"channels":[]}],"version":"1.3.0"})");
    }
    const auto before = treeOf(server.path());
    const auto refused = server.exportTo(directory / "new");
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().text, Catch::Contains("start the server once"));
    CHECK(treeOf(server.path()) == before);
    CHECK_FALSE(fs::exists(directory / "new"));
}

TEST_CASE("an incomplete export is none a stock nsqd starts with", "[broker][export]") {
    StockServer server;
    server.start();
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "a"));
    REQUIRE(server->createChannel("t", "b"));
    server.publish("t", {"small"});
    REQUIRE(server->emptyChannel("t", "b"));
    server.publish("t", Texts(20, std::string(100'000, 'x')));
    server.stop();
    const TemporaryDirectory directory;
    {
        const FileSizeLimit limit{1'000'000};
        const auto failed = server.exportTo(directory / "new");
        REQUIRE_FALSE(failed);
        CHECK(failed.error().code == sdk::ErrorCode::kStorage);
    }
    std::ifstream metadata{directory / "new" / "nsqd.dat"};
    CHECK(metadata.peek() == 'a');
    CHECK_FALSE(server.exportTo(directory / "new"));
    REQUIRE(server.exportTo(directory / "other"));
    CHECK(read(directory / "other").at("t:b").size() == 20);
}

TEST_CASE("what is damaged is left out of an export", "[broker][export]") {
    StockServer server;
    server.start();
    REQUIRE(server->createTopic("t"));
    REQUIRE(server->createChannel("t", "c"));
    for (const std::string& text : numbered(5)) server.publish("t", {text});
    server.stop();
    fs::path segment;
    for (const auto& entry : fs::directory_iterator{storage::topicDirectory(server.path(), "t")})
        if (entry.path().extension() == ".log") segment = entry.path();
    std::fstream file{segment, std::ios::binary | std::ios::in | std::ios::out};
    file.seekp(static_cast<std::streamoff>(fs::file_size(segment) / 2));
    file << "#####";
    file.close();
    const TemporaryDirectory directory;
    REQUIRE(server.exportTo(directory / "new"));
    CHECK(bodiesOf(read(directory / "new").at("t:c")) == Texts{"0", "1", "3", "4"});
}

}  // namespace
}  // namespace nsq::test
