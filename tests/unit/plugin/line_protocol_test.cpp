#include <catch2/catch.hpp>
#include <deque>

#include "unit/plugin/fixture.h"

// The SDK's example, loaded, with a broker that commits when the test says so.

using namespace nsq;
using plugin::test::FakeServer;
using plugin::test::testPlugin;

namespace {

constexpr std::size_t kMaxMsgSize = 50;

/// Keeps what is published. The topic "full" refuses.
class SlowPublisher final : public sdk::Publisher {
public:
    SlowPublisher(sdk::PublishListener& listener, std::vector<std::string>& published)
        : listener_(listener), published_(published) {}

    sdk::Result<void> publish(const sdk::Publication& publication, std::uint64_t tag) override {
        if (publication.topic == "full") return sdk::Error{sdk::ErrorCode::kStorage, "topic full"};
        REQUIRE(publication.bodies.size() == 1);
        published_.push_back(std::string(publication.topic) + '=' +
                             std::string(sdk::asText(publication.bodies[0])));
        waiting_.push_back({tag, nullptr});
        return {};
    }

    std::size_t pending() const override { return waiting_.size(); }

    /// Commits the oldest `count` publishes, or lets them fail.
    void finish(std::size_t count, const sdk::Error* error = nullptr) {
        std::vector<sdk::PublishOutcome> outcomes;
        for (; count > 0; --count) {
            outcomes.push_back({waiting_.front().tag, error});
            waiting_.pop_front();
        }
        listener_.onPublished(outcomes);
    }

private:
    sdk::PublishListener& listener_;
    std::vector<std::string>& published_;
    std::deque<sdk::PublishOutcome> waiting_;
};

class SlowBroker final : public plugin::test::NoBroker {
public:
    std::unique_ptr<sdk::Publisher> openPublisher(sdk::Loop&, sdk::PublishListener& listener) override {
        auto made = std::make_unique<SlowPublisher>(listener, published);
        publisher = made.get();
        return made;
    }

    std::vector<std::string> published;
    SlowPublisher* publisher = nullptr;  ///< the last one opened
};

class IdleLoop final : public sdk::Loop {
public:
    void post(sdk::LoopTask&) override {}
    void cancel(sdk::LoopTask&) override {}
    void atTurnEnd(sdk::LoopTask&) override {}
    bool isCurrentThread() const override { return true; }
    sdk::Clock::time_point now() const override { return {}; }
};

/// Keeps the input a session leaves, as the host does.
class Line final : public sdk::Connection {
public:
    /// The plugin's protocol makes the session.
    explicit Line(sdk::Protocol& protocol) : session_(protocol.createSession(*this)) { receive("LINE"); }

    void receive(const std::string& data) {
        input_ += data;
        resumeInput();
    }

    /// What was answered since the last call.
    std::string takeAnswers() {
        std::string answers;
        std::array<sdk::Bytes, 16> pieces;
        while (const std::size_t count = output_.peek(pieces)) {
            std::size_t size = 0;
            for (const sdk::Bytes piece : std::span{pieces}.first(count)) {
                answers += sdk::asText(piece);
                size += piece.size();
            }
            output_.consume(size);
        }
        return answers;
    }

    void setRoom(std::size_t room) {
        room_ = room;
        if (room > 0) session_->onOutputDrained();
    }

    bool closed() const { return closed_; }
    std::size_t left() const { return input_.size(); }
    sdk::Session& session() { return *session_; }

    sdk::Loop& loop() override { return loop_; }
    sdk::Output& output() override { return output_; }
    std::size_t outputRoom() const override { return room_; }
    void resumeInput() override {
        if (!closed_ && !input_.empty()) input_.erase(0, session_->onData(sdk::asBytes(input_)));
    }
    void close(std::string_view) override { closed_ = true; }
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
    IdleLoop loop_;
    sdk::Output output_;
    std::size_t room_ = 1;
    bool closed_ = false;
    std::string address_ = "here";
    std::string input_;
    std::unique_ptr<sdk::Session> session_;  ///< last: it goes first
};

struct Example {
    Example() {
        server.limits.maxMsgSize = kMaxMsgSize;
        REQUIRE(host.load(testPlugin("line_protocol")).ok());
        REQUIRE(host.start(server.contextWith(broker)).ok());
        line.emplace(*server.protocols.at("LINE"));
    }

    FakeServer server;
    SlowBroker broker;
    plugin::PluginHost host;
    std::optional<Line> line;
};

const std::string kShapeError = "error a line is a topic, a space and a text\n";

}  // namespace

TEST_CASE("line protocol: a line is answered when its message is stored") {
    Example example;
    example.line->receive("greetings hello, wor");
    CHECK(example.broker.published.empty());
    example.line->receive("ld\ngreetings again\n");
    CHECK(example.broker.published == std::vector<std::string>{"greetings=hello, world", "greetings=again"});
    CHECK(example.line->takeAnswers().empty());
    example.broker.publisher->finish(1);
    CHECK(example.line->takeAnswers() == "ok\n");
    const sdk::Error error{sdk::ErrorCode::kStorage, "disk full"};
    example.broker.publisher->finish(1, &error);
    CHECK(example.line->takeAnswers() == "error disk full\n");
}

TEST_CASE("line protocol: an error does not overtake earlier answers") {
    Example example;
    example.line->receive("a 1\nfull 2\nwrong\n\na \na 3\n");
    CHECK(example.broker.published == std::vector<std::string>{"a=1"});
    CHECK(example.line->takeAnswers().empty());
    example.broker.publisher->finish(1);
    CHECK(example.line->takeAnswers() == "ok\nerror topic full\n" + kShapeError + kShapeError + kShapeError);
    CHECK(example.broker.published == std::vector<std::string>{"a=1", "a=3"});
    CHECK(example.line->left() == 0);
}

TEST_CASE("line protocol: a client that does not read is not served") {
    Example example;
    example.line->setRoom(0);
    example.line->receive("a 1\n");
    CHECK(example.broker.published.empty());
    example.line->setRoom(1);
    CHECK(example.broker.published == std::vector<std::string>{"a=1"});
}

TEST_CASE("line protocol: the lines waiting for the disk are bounded") {
    Example example;
    std::string lines;
    for (int i = 0; i < 1500; ++i) lines += "a x\n";
    example.line->receive(lines);
    CHECK(example.broker.published.size() == 1000);
    example.broker.publisher->finish(1000);
    CHECK(example.broker.published.size() == 1500);
    example.broker.publisher->finish(500);
    CHECK(example.line->takeAnswers().size() == 1500 * 3);
}

TEST_CASE("line protocol: a line that is too long ends the connection after the answers before it") {
    Example example;
    CHECK(example.line->session().maxPending() == kMaxMsgSize + 1);
    const std::string longest = "a " + std::string(kMaxMsgSize - 2, 'x');
    example.line->receive(longest + "\n" + longest + "x");
    CHECK(example.broker.published.size() == 1);
    CHECK_FALSE(example.line->closed());
    example.broker.publisher->finish(1);
    CHECK(example.line->takeAnswers() == "ok\nerror line too long\n");
    CHECK(example.line->closed());
}

TEST_CASE("line protocol: it does not start where clients have to AUTH") {
    FakeServer server;
    SlowBroker broker;
    plugin::PluginHost host;
    server.authorizer.require(true);
    REQUIRE(host.load(testPlugin("line_protocol")).ok());
    const auto started = host.start(server.contextWith(broker));
    REQUIRE_FALSE(started.ok());
    CHECK(started.error().text.find("LINE has neither AUTH nor TLS") != std::string::npos);
}
