#include "nsq/sdk/blocking.h"

#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "unit/sdk/blocking_fixture.h"

// The adapter with a client and a loop that are the test's, and threads that are real.

using namespace nsq;
using namespace std::chrono_literals;
using sdk::StreamStatus;
using sdk::test::Client;
using sdk::test::Fixture;

namespace {

/// The adapter's room in each direction.
constexpr std::size_t kRoom = 64 * 1024;

/// Text in which no two pieces are alike.
std::string numbers(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

std::string readAll(sdk::BlockingStream& stream) {
    std::string all;
    std::string some;
    while (stream.read(some, 1000) == StreamStatus::kOk) all += some;
    return all;
}

/// Lets go of `gate` as soon as the log says `text`.
class WaitingSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    WaitingSink(std::string text, std::binary_semaphore& gate) : text_(std::move(text)), gate_(gate) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string_view line{message.payload.data(), message.payload.size()};
        if (line.find(text_) != std::string_view::npos) gate_.release();
    }
    void flush_() override {}

    const std::string text_;
    std::binary_semaphore& gate_;
};

}  // namespace

TEST_CASE("blocking: lines are read without magic and ends, in whatever pieces they come") {
    Fixture fixture([](sdk::BlockingStream& stream) {
        std::string line;
        while (stream.readLine(line, 10) == StreamStatus::kOk) stream.write('<' + line + '>');
    });
    fixture.client.send("one\ntwo\r\n\nth");
    CHECK(fixture.client.receive(12) == "<one><two><>");
    fixture.client.send("ree\n");
    CHECK(fixture.client.receive(19) == "<one><two><><three>");
}

TEST_CASE("blocking: a line may be as long as said, and no longer; what is too long stays unread") {
    std::vector<StreamStatus> statuses;
    std::string rest;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string line = "before";
        statuses.push_back(stream.readLine(line, 4));
        statuses.push_back(stream.readLine(line, 4));
        rest = line;
        stream.readExactly(line, 6);
        rest += line;
    });
    fixture.client.send("1234\n12345\n");
    fixture.client.receiveAll();
    fixture.join();
    CHECK(statuses == std::vector{StreamStatus::kOk, StreamStatus::kTooLong});
    CHECK(rest == "123412345\n");
}

TEST_CASE("blocking: a line without an end is too long as soon as it is") {
    Fixture fixture([](sdk::BlockingStream& stream) {
        std::string line;
        if (stream.readLine(line, 4) == StreamStatus::kTooLong) stream.write("too long");
    });
    fixture.client.send("12345");
    CHECK(fixture.client.receiveAll() == "too long");
}

TEST_CASE("blocking: a number of bytes is waited for, beyond the room too") {
    const std::string sent = numbers(3 * kRoom);
    std::string got;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string first;
        stream.readExactly(first, 2 * kRoom);
        got = first + readAll(stream);
    });
    fixture.client.send(sent);
    fixture.client.endInput();
    fixture.client.receiveAll();
    fixture.join();
    CHECK(got == sent);
}

TEST_CASE("blocking: the client is not read faster than the thread does, and nothing is lost") {
    const std::string sent = numbers(5 * kRoom + 7);
    std::binary_semaphore gate(0);
    std::string got;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        gate.acquire();
        got = readAll(stream);
    });
    for (std::size_t i = 0; i < sent.size(); i += 10000) fixture.client.send(sent.substr(i, 10000));
    CHECK(fixture.client.connection.pending() + fixture.client.connection.unread() == sent.size() - kRoom);
    gate.release();
    fixture.client.endInput();
    fixture.client.receiveAll();
    fixture.join();
    CHECK(got == sent);
}

TEST_CASE("blocking: after a timeout everything is still there") {
    std::vector<StreamStatus> statuses;
    std::string line = "before";
    std::binary_semaphore timedOut(0);
    Fixture fixture([&](sdk::BlockingStream& stream) {
        stream.setReadTimeout(1ms);
        statuses.push_back(stream.readLine(line, 100));
        timedOut.release();
        stream.setReadTimeout(sdk::kNoTimeout);
        statuses.push_back(stream.readLine(line, 100));
    });
    fixture.client.send("half ");
    timedOut.acquire();
    fixture.client.send("whole\n");
    fixture.client.receiveAll();
    fixture.join();
    CHECK(statuses == std::vector{StreamStatus::kTimeout, StreamStatus::kOk});
    CHECK(line == "half whole");
}

TEST_CASE("blocking: after the client's end all it sent is read, answers still go out, then it closes") {
    Fixture fixture([](sdk::BlockingStream& stream) { stream.write("got " + readAll(stream)); });
    fixture.client.send("something");
    CHECK(fixture.client.connection.endInput());
    CHECK(fixture.client.receiveAll() == "got something");
    CHECK(fixture.client.connection.closeReason() == "ioLoop has returned");
}

TEST_CASE("blocking: a writer waits for a client that reads slowly, and all arrives") {
    const std::string sent = numbers(10 * kRoom);
    Fixture fixture([&](sdk::BlockingStream& stream) { stream.write(sent); });
    fixture.client.connection.setRoom(1000);
    fixture.client.connection.holdOutput(true);
    fixture.client.turn();
    CHECK(fixture.client.connection.unsent() == 1000);
    fixture.client.connection.holdOutput(false);
    fixture.client.connection.endTurn();
    CHECK(fixture.client.receiveAll() == sent);
}

TEST_CASE("blocking: what was written before ioLoop returns goes out, whatever the room") {
    const std::string sent = numbers(kRoom);
    Fixture fixture([&](sdk::BlockingStream& stream) { stream.write(sent); });
    fixture.client.connection.setRoom(10);
    CHECK(fixture.client.receiveAll() == sent);
}

TEST_CASE("blocking: a client that does not read for too long is given up") {
    bool written = true;
    bool again = true;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string line;
        stream.readLine(line, 10);
        written = stream.write(numbers(3 * kRoom));
        again = stream.write("more");
    });
    fixture.host.limitValues.clientTimeout = 1ms;
    fixture.client.connection.holdOutput(true);
    fixture.client.connection.setRoom(0);
    fixture.client.send("\n");
    while (!fixture.client.connection.closed()) fixture.client.turn();
    fixture.join();
    CHECK_FALSE(written);
    CHECK_FALSE(again);
    CHECK(fixture.client.connection.closeReason() == "the client does not read");
}

TEST_CASE("blocking: the connection goes while the thread reads") {
    std::vector<StreamStatus> statuses;
    std::binary_semaphore reading(0);
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string bytes;
        reading.release();
        for (int i = 0; i < 2; ++i) statuses.push_back(stream.read(bytes, 10));
    });
    reading.acquire();
    fixture.client.vanish();
    fixture.join();
    CHECK(statuses == std::vector{StreamStatus::kEnd, StreamStatus::kEnd});
}

TEST_CASE("blocking: the connection goes while the thread writes; what is written already goes out") {
    const std::string sent = numbers(10 * kRoom);
    bool written = true;
    Fixture fixture([&](sdk::BlockingStream& stream) { written = stream.write(sent); });
    fixture.client.connection.setRoom(0);
    fixture.client.turn();
    fixture.client.vanish();
    fixture.client.connection.endTurn();
    fixture.join();
    CHECK_FALSE(written);
    const std::string got = fixture.client.connection.sent();
    CHECK(got.size() == kRoom);
    CHECK(sent.starts_with(got));
}

TEST_CASE("blocking: the connection goes while the thread waits for the loop or for messages") {
    StreamStatus received = StreamStatus::kOk;
    std::optional<sdk::Error> finished;
    std::optional<sdk::Error> subscribed;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        const auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        stream.write("subscribed");
        sdk::MessageView message;
        received = subscription->receive(message);
        finished = subscription->finish({1}).error();
        subscribed = stream.subscribe("t", "ch", {1min}).error();
    });
    fixture.client.receive(10);
    fixture.client.vanish();
    CHECK(fixture.host.fakeBroker.channel("t", "ch")->consumers.empty());
    fixture.join();
    CHECK(received == StreamStatus::kEnd);
    CHECK(finished->code == sdk::ErrorCode::kExiting);
    CHECK(subscribed->code == sdk::ErrorCode::kExiting);
}

TEST_CASE("blocking: a call that the loop does not come to any more is broken off") {
    std::optional<sdk::Error> subscribed;
    Fixture fixture(
        [&](sdk::BlockingStream& stream) { subscribed = stream.subscribe("t", "ch", {1min}).error(); });
    fixture.loop.waitForWork();
    fixture.client.vanish();
    fixture.join();
    CHECK(subscribed->code == sdk::ErrorCode::kExiting);
    CHECK(fixture.host.fakeBroker.topic("t") == nullptr);
    CHECK(fixture.loop.idle());
}

TEST_CASE("blocking: close ends reading and writing, not what was written") {
    std::vector<StreamStatus> statuses;
    bool written = true;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string line;
        statuses.push_back(stream.readLine(line, 10));
        stream.write("bye");
        stream.close("enough");
        statuses.push_back(stream.readLine(line, 10));
        written = stream.write("more");
    });
    fixture.client.send("one\ntwo\n");
    CHECK(fixture.client.receiveAll() == "bye");
    CHECK(fixture.client.connection.closeReason() == "enough");
    fixture.join();
    CHECK(statuses == std::vector{StreamStatus::kOk, StreamStatus::kEnd});
    CHECK_FALSE(written);
}

TEST_CASE("blocking: an exception is thrown on by the loop's task, behind what was written") {
    Fixture fixture([](sdk::BlockingStream& stream) {
        std::string line;
        while (stream.readLine(line, 10) == StreamStatus::kOk) {
            stream.write(line);
            if (line == "throw") throw std::runtime_error{"stumbled"};
            if (line == "number") throw 7;
        }
    });
    const auto runUntilItThrows = [](Client& client, std::string_view line) {
        client.send(line);
        for (;;) client.turn();
    };
    Client second(fixture.loop, fixture.adapter);
    Client third(fixture.loop, fixture.adapter);
    CHECK_THROWS_WITH(runUntilItThrows(fixture.client, "throw\n"), "stumbled");
    CHECK(fixture.client.connection.sent().size() + fixture.client.connection.unsent() == 5);
    CHECK_THROWS_AS(runUntilItThrows(second, "number\n"), int);
    third.send("fine\n");
    CHECK(third.receive(4) == "fine");
    third.vanish();
    second.vanish();
    fixture.join();
    CHECK(fixture.host.logged().empty());
}

TEST_CASE("blocking: an exception that the connection does not live to see is logged") {
    SECTION("it comes when the connection is gone") {
        Fixture fixture([](sdk::BlockingStream& stream) {
            readAll(stream);
            throw std::runtime_error{"stumbled"};
        });
        fixture.client.vanish();
        fixture.join();
        CHECK(fixture.host.logged() ==
              "error 192.0.2.1:50000: the TEST ioLoop failed, its connection is gone: stumbled\n");
    }
    SECTION("the connection goes before the loop comes to it") {
        Fixture fixture([](sdk::BlockingStream&) { throw 7; });
        fixture.loop.waitForWork();
        fixture.client.vanish();
        CHECK(fixture.host.logged() ==
              "error 192.0.2.1:50000: the TEST ioLoop failed, its connection is gone: an exception of "
              "unknown type\n");
        fixture.join();
    }
}

TEST_CASE("blocking: a connection closes though what was written finds no room") {
    Fixture fixture([](sdk::BlockingStream& stream) {
        stream.write("one");
        readAll(stream);
    });
    fixture.client.connection.setRoom(0);
    fixture.loop.waitForWork();
    fixture.client.connection.output().write(sdk::asBytes("zero"));
    fixture.client.connection.output().limit(1);
    fixture.client.vanish();
    fixture.join();
    fixture.client.connection.endTurn();
    CHECK(fixture.client.connection.sent() == "zero");
}

TEST_CASE("blocking: beyond its threads connections are refused, until one is done") {
    Fixture fixture(
        [](sdk::BlockingStream& stream) {
            std::string line;
            stream.readLine(line, 10);
        },
        2);
    Client second(fixture.loop, fixture.adapter);
    CHECK(second.session != nullptr);
    for (int i = 0; i < 3; ++i) CHECK(Client(fixture.loop, fixture.adapter).session == nullptr);
    CHECK(fixture.host.logged() ==
          "warning TEST: refusing connections, 192.0.2.1:50000 is the first: all 2 threads are in use, 0 of "
          "them for clients that are gone\n");
    second.send("\n");
    second.receiveAll();
    Client fourth(fixture.loop, fixture.adapter);
    CHECK(fourth.session != nullptr);
    fourth.vanish();
    fixture.join();
}

TEST_CASE("blocking: threads that outstay their clients are counted where they are missed") {
    std::binary_semaphore gate(0);
    Fixture fixture([&](sdk::BlockingStream&) { gate.acquire(); }, 1);
    fixture.client.vanish();
    CHECK(Client(fixture.loop, fixture.adapter).session == nullptr);
    gate.release();
    fixture.join();
    CHECK(fixture.host.logged().find("1 of them for clients that are gone") != std::string::npos);
}

TEST_CASE("blocking: stop ends what waits, and there are no connections after it") {
    StreamStatus status = StreamStatus::kOk;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string line;
        status = stream.readLine(line, 10);
    });
    fixture.adapter.stop();
    CHECK(status == StreamStatus::kEnd);
    CHECK(fixture.client.receiveAll().empty());
    CHECK(Client(fixture.loop, fixture.adapter).session == nullptr);
}

TEST_CASE("blocking: stop drops what was not read yet") {
    std::vector<StreamStatus> statuses;
    std::string line;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        stream.readLine(line, 10);
        stream.write("ready");
        while (stream.write("")) std::this_thread::yield();
        std::string bytes;
        statuses = {stream.readLine(bytes, 10), stream.read(bytes, 10), stream.readExactly(bytes, 1)};
    });
    fixture.client.send("one\ntwo\n");
    fixture.client.receive(5);
    fixture.client.send("three\n");
    fixture.adapter.stop();
    CHECK(line == "one");
    CHECK(statuses == std::vector{StreamStatus::kEnd, StreamStatus::kEnd, StreamStatus::kEnd});
}

TEST_CASE("blocking: an ioLoop that does not return is named when it is waited for") {
    std::binary_semaphore named(0);
    Fixture fixture([&](sdk::BlockingStream&) { named.acquire(); });
    fixture.host.logger().sinks().push_back(std::make_shared<WaitingSink>(
        "TEST: waiting for the ioLoop of 192.0.2.1:50000, whose stream has ended", named));
    fixture.join();
    CHECK(fixture.host.logged().starts_with("warning TEST: waiting for the ioLoop"));
}

TEST_CASE("blocking: publishing from ioLoop") {
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string line;
        while (stream.readLine(line, 100) == StreamStatus::kOk) {
            const sdk::Bytes body = sdk::asBytes(line);
            stream.write(fixture.host.broker().publish({"t", {&body, 1}}).ok() ? "ok " : "no ");
        }
    });
    fixture.client.send("one\ntwo\n");
    CHECK(fixture.client.receive(6) == "ok ok ");
    CHECK(fixture.host.fakeBroker.published("t") == std::vector<std::string>{"one", "two"});
}

namespace {

std::string describe(StreamStatus status, const sdk::MessageView& message) {
    if (status == StreamStatus::kOk) {
        return std::string{sdk::asText(message.body)} + '#' + std::to_string(message.attempts) + ' ';
    }
    if (status == StreamStatus::kInput) return "input ";
    return status == StreamStatus::kTimeout ? "timeout " : "end ";
}

void publish(sdk::testing::FakeHost& host, std::vector<std::string_view> texts) {
    for (const std::string_view text : texts) {
        const sdk::Bytes body = sdk::asBytes(text);
        REQUIRE(host.broker().publish({"t", {&body, 1}}).ok());
    }
}

}  // namespace

TEST_CASE("blocking: messages are received, finished, requeued, touched") {
    std::vector<sdk::ErrorCode> errors;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        errors.push_back(stream.subscribe("t", "other", {1min}).error().code);
        stream.write("ready ");
        sdk::MessageView message;
        const auto next = [&] { stream.write(describe(subscription->receive(message), message)); };
        next();
        if (subscription->touch(message.id)) stream.write("touched ");
        if (subscription->finish(message.id)) stream.write("finished ");
        errors.push_back(subscription->finish(message.id).error().code);
        errors.push_back(subscription->touch(message.id).error().code);
        next();
        if (subscription->requeue(message.id, 0ms)) stream.write("requeued ");
        errors.push_back(subscription->requeue(message.id, 0ms).error().code);
        next();
        subscription->finish(message.id).ok();
        stream.write(describe(subscription->receive(message, 1ms), message));
        subscription.reset();
        stream.write("left ");
        if (stream.subscribe("t", "ch", {1min})) stream.write("came again");
    });
    fixture.client.receive(6);
    publish(fixture.host, {"one", "two"});
    CHECK(fixture.client.receiveAll() ==
          "ready one#1 touched finished two#1 requeued two#2 timeout left came again");
    fixture.join();
    using enum sdk::ErrorCode;
    CHECK(errors == std::vector{kInvalid, kNotInFlight, kNotInFlight, kNotInFlight});
    CHECK(fixture.host.fakeBroker.channel("t", "ch")->consumers.empty());
}

TEST_CASE("blocking: as many messages as asked for are in flight, and each is given out once") {
    std::string got;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        const auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        subscription->setReady(3);
        stream.write("ready ");
        std::string line;
        stream.readLine(line, 10);
        sdk::MessageView message;
        for (int i = 0; i < 3; ++i) got += describe(subscription->receive(message), message);
        got += describe(subscription->receive(message, 1ms), message);
        subscription->finish(message.id).ok();
        got += describe(subscription->receive(message), message);
    });
    fixture.client.receive(6);
    publish(fixture.host, {"1", "2", "3", "4", "5"});
    fixture.client.send("\n");
    fixture.client.receiveAll();
    fixture.join();
    CHECK(got == "1#1 2#1 3#1 timeout 4#1 ");
}

TEST_CASE("blocking: messages that were fetched and not received are requeued at once") {
    bool unsubscribes = false;
    SECTION("when it unsubscribes") {
        unsubscribes = true;
    }
    SECTION("when the connection goes") {}
    Fixture fixture([&](sdk::BlockingStream& stream) {
        auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        subscription->setReady(5);
        stream.write("ready ");
        std::string line;
        stream.readLine(line, 10);
        sdk::MessageView message;
        for (int i = 0; i < 2; ++i) stream.write(describe(subscription->receive(message), message));
        if (unsubscribes) subscription.reset();
        stream.write("waiting");
        stream.readLine(line, 10);
    });
    fixture.client.receive(6);
    publish(fixture.host, {"1", "2", "3", "4", "5", "6"});
    fixture.client.send("\n");
    CHECK(fixture.client.receive(21) == "ready 1#1 2#1 waiting");
    const auto& channel = *fixture.host.fakeBroker.channel("t", "ch");
    if (!unsubscribes) {
        CHECK(channel.inFlight.size() == 5);
        fixture.client.vanish();
    }
    CHECK(channel.inFlight.size() == 2);
    CHECK(channel.waiting.size() == 4);
    CHECK(channel.consumers.empty());
    fixture.join();
}

TEST_CASE("blocking: input goes before messages where it is asked for") {
    Fixture fixture([&](sdk::BlockingStream& stream) {
        const auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        subscription->setReady(10);
        stream.write("ready ");
        sdk::MessageView message;
        std::string line;
        while (true) {
            const StreamStatus status = subscription->receiveOrInput(message);
            stream.write(describe(status, message));
            if (status != StreamStatus::kInput) continue;
            if (stream.readLine(line, 100) != StreamStatus::kOk) return;
            stream.write(line + ' ');
        }
    });
    fixture.client.receive(6);
    publish(fixture.host, {"one"});
    fixture.client.receive(12);
    fixture.client.send("two\nthree\n");
    fixture.client.receive(34);
    publish(fixture.host, {"four"});
    fixture.client.receive(41);
    fixture.client.connection.endInput();
    CHECK(fixture.client.receiveAll() == "ready one#1 input two input three four#1 input ");
}

TEST_CASE("blocking: a subscription ends when its channel is deleted; the stream goes on") {
    Fixture fixture([&](sdk::BlockingStream& stream) {
        const auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        stream.write("ready ");
        sdk::MessageView message;
        stream.write(describe(subscription->receive(message), message));
    });
    fixture.client.receive(6);
    REQUIRE(fixture.host.fakeBroker.deleteChannel("t", "ch").ok());
    CHECK(fixture.client.receiveAll() == "ready end ");
}

TEST_CASE("blocking: an error of the broker's comes from subscribe") {
    std::string failed;
    Fixture fixture([&](sdk::BlockingStream& stream) {
        failed = stream.subscribe("bad topic", "ch", {1min}).error().text;
    });
    fixture.client.receiveAll();
    fixture.join();
    CHECK(failed == "bad topic name");
}

TEST_CASE("blocking: the session describes itself") {
    Fixture fixture([&](sdk::BlockingStream& stream) {
        std::string line;
        stream.readLine(line, 10);
        const auto subscription = std::move(stream.subscribe("t", "ch", {1min})).value();
        sdk::MessageView message;
        subscription->receive(message);
        stream.write("ready ");
        stream.readLine(line, 10);
    });
    sdk::ClientStats before;
    fixture.client.session->describe(before);
    CHECK(before.protocol == "TEST");
    CHECK(before.state == sdk::ClientState::kConnected);
    publish(fixture.host, {"one"});
    fixture.client.send("\n");
    fixture.client.receive(6);
    sdk::ClientStats stats;
    fixture.client.session->describe(stats);
    CHECK(stats.state == sdk::ClientState::kSubscribed);
    CHECK(stats.topic == "t");
    CHECK(stats.channel == "ch");
    CHECK(stats.messageCount == 1);
    CHECK(stats.inFlightCount == 1);
    CHECK(stats.readyCount == 1);
}
