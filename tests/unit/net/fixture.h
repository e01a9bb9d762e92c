#pragma once

#include <Poco/Net/ServerSocket.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ringbuffer_sink.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "net/listener.h"
#include "net/loop_group.h"
#include "unit/net/signal.h"

namespace nsq::net::test {

/// A session made of functions; those not set do nothing. `onData` uses up everything by default.
class ScriptedSession final : public sdk::Session {
public:
    explicit ScriptedSession(sdk::Connection& connection) : connection_(connection) {}
    ~ScriptedSession() override {
        if (onDestroy) onDestroy();
    }

    sdk::Connection& connection() { return connection_; }

    std::size_t onData(sdk::Bytes data) override { return dataFunction ? dataFunction(data) : data.size(); }
    std::size_t maxPending() const override { return pendingLimit; }
    void onOutputDrained() override {
        if (drainedFunction) drainedFunction();
    }
    void onTimer() override {
        if (timerFunction) timerFunction();
    }
    void describe(sdk::ClientStats& stats) const override {
        if (describeFunction) describeFunction(stats);
    }
    bool onInputEnd() override { return inputEndFunction && inputEndFunction(); }

    std::function<std::size_t(sdk::Bytes)> dataFunction;
    std::function<void()> drainedFunction;
    std::function<void()> timerFunction;
    std::function<void(sdk::ClientStats&)> describeFunction;
    std::function<bool()> inputEndFunction;
    std::function<void()> onDestroy;
    std::size_t pendingLimit = 1024 * 1024;

private:
    sdk::Connection& connection_;
};

/// Makes a scripted session for each connection and lets the test set it up, on the loop.
class ScriptedOpener final : public SessionOpener {
public:
    using SetUp = std::function<void(ScriptedSession&)>;

    explicit ScriptedOpener(SetUp setUp, std::size_t bytesNeeded = 1)
        : setUp_(std::move(setUp)), bytesNeeded_(bytesNeeded) {}

    std::size_t bytesNeeded() const override { return bytesNeeded_; }
    std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes) override {
        auto session = std::make_unique<ScriptedSession>(connection);
        setUp_(*session);
        return session;
    }
    faults::CodeOwner* ownerOf(sdk::Bytes) const override { return &owner; }

    mutable faults::CodeOwner owner{"Scripted", ""};

private:
    SetUp setUp_;
    std::size_t bytesNeeded_;
};

/// Loops and a listener on a free port, with what was logged.
class Server {
public:
    explicit Server(SessionOpener& opener, std::chrono::milliseconds firstBytesTimeout = kPatience,
                    int threads = 1, ConnectionKind kind = ConnectionKind::kProtocol,
                    const ConnectionSettings& settings = {}, Transport transport = Transport::kPlain)
        : loops_(threads, logger_, settings),
          listener_(socket_, loops_, opener, kind, logger_, firstBytesTimeout, nullptr, transport) {
        loops_.start();
        listener_.start();
    }
    ~Server() {
        listener_.stop();
        loops_.stop();
    }

    int port() const { return port_; }
    LoopGroup& loops() { return loops_; }
    Listener& listener() { return listener_; }
    spdlog::logger& logger() { return logger_; }

    /// What was logged at `info` or above, joined.
    std::string log() const {
        std::string all;
        for (const std::string& line : sink_->last_formatted()) all += line;
        return all;
    }

private:
    std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
        std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
    spdlog::logger logger_{"test", sink_};
    Poco::Net::ServerSocket socket_{Poco::Net::SocketAddress("127.0.0.1", 0)};
    int port_ = socket_.address().port();
    LoopGroup loops_;
    Listener listener_;
};

/// Runs `work` on the loop and waits for it.
inline void runOn(EventLoop& loop, const std::function<void()>& work) {
    Signal done;
    loop.submit([&] {
        work();
        done.add();
    });
    if (!done.reaches(1)) throw std::runtime_error("the loop does not answer");
}

/// Writes back all it gets.
inline void echo(ScriptedSession& session) {
    session.dataFunction = [&session](sdk::Bytes data) {
        session.connection().output().write(data);
        return data.size();
    };
}

}  // namespace nsq::net::test
