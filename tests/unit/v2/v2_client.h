#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"
#include "protocol/v2/v2_protocol.h"

namespace nsq::v2 {

/// An int32 as on the wire.
std::string int32(std::int64_t value);

/// `body` with its size before it.
std::string sized(std::string_view body);

std::string identifyCommand(std::string_view json);

/// `count` messages of an MPUB, with body size and count before them.
std::string mpubBody(const std::vector<std::string>& messages);

/// Frames as text: responses as they are, errors with a `!` before them, messages `#<attempts> <body>`,
/// anything else `?` and its bytes.
std::vector<std::string> readable(std::string_view output);

/// A server of one client.
class Client {
public:
    explicit Client(sdk::testing::FakeHost& host)
        : connection(loop), session(V2Protocol{host}.createSession(connection)) {
        connection.attach(*session);
        connection.receive("  V2");
    }

    /// What the server answers to these bytes within a turn.
    std::vector<std::string> send(std::string_view bytes) {
        connection.exchange(bytes);
        return readable(connection.sent());
    }

    /// What the server says on its own in a turn.
    std::vector<std::string> idle() {
        connection.endTurn();
        return readable(connection.sent());
    }

    void passTime(std::chrono::milliseconds time) { loop.advance(time); }

    sdk::ClientStats stats() const {
        sdk::ClientStats stats;
        session->describe(stats);
        return stats;
    }

    sdk::testing::FakeLoop loop;
    sdk::testing::FakeConnection connection;
    std::unique_ptr<sdk::Session> session;
};

/// The ids of the messages among the frames of `output`.
std::vector<std::string> messageIds(std::string_view output);

using Lines = std::vector<std::string>;

}  // namespace nsq::v2
