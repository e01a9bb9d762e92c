#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "nsq/sdk/blocking.h"
#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"

namespace nsq::sdk::test {

using IoLoop = std::function<void(BlockingStream&)>;

class FunctionProtocol final : public BlockingProtocol {
public:
    explicit FunctionProtocol(IoLoop ioLoop) : ioLoop_(std::move(ioLoop)) {}
    std::string_view name() const override { return "TEST"; }
    void ioLoop(BlockingStream& stream) override { ioLoop_(stream); }

private:
    IoLoop ioLoop_;
};

/// A connection of the adapter's, of which the test is the client and the loop.
struct Client {
    Client(testing::FakeLoop& theLoop, BlockingAdapter& adapter)
        : loop(theLoop), connection(loop), session(adapter.createSession(connection)) {
        if (!session) return;
        connection.attach(*session);
        connection.receive("TEST");
    }

    void send(std::string_view text) { connection.exchange(text); }

    /// Lets the loop go on until so many bytes came in all, and returns them.
    std::string receive(std::size_t count) {
        while ((received += connection.sent()).size() < count) turn();
        return received.substr(0, count);
    }

    /// Lets the loop go on until the thread has closed the connection. Returns all that came.
    std::string receiveAll() {
        while (!connection.closed()) turn();
        received += connection.sent();
        session.reset();
        return received + connection.sent();
    }

    /// The client shuts its side; by then the session has all that it sent.
    void endInput() {
        while (connection.pending() + connection.unread() > 0) turn();
        connection.endInput();
    }

    /// The server notices that the client is gone.
    void vanish() {
        connection.close("the client hung up");
        session.reset();
    }

    /// What a thread posts next, and the rest of the turn.
    void turn() {
        loop.waitForWork();
        connection.endTurn();
    }

    testing::FakeLoop& loop;
    testing::FakeConnection connection;
    std::unique_ptr<Session> session;
    std::string received;
};

/// One adapter and its first client. What ioLoop has noted down may be looked at after join().
struct Fixture {
    explicit Fixture(IoLoop ioLoop, std::size_t threads = BlockingAdapter::kDefaultThreads)
        : adapter(host, std::make_unique<FunctionProtocol>(std::move(ioLoop)), threads),
          client(loop, adapter) {}

    /// The connection is over, and so is its thread.
    void join() {
        client.session.reset();
        adapter.stop();
    }

    testing::FakeHost host;
    testing::FakeLoop loop;
    BlockingAdapter adapter;
    Client client;
};

}  // namespace nsq::sdk::test
