#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/testing/fake_connection.h"
#include "nsq/sdk/testing/fake_host.h"
#include "session.h"

namespace nsq::stomp {

using Lines = std::vector<std::string>;

/// `text` and the NUL that ends a frame.
std::string frame(std::string_view text);

/// Frames whole, without their NULs; a heart-beat is an empty one. Every body has a content-length, or none.
Lines splitOutput(std::string_view output);

/// A header of a whole frame, as it stands there; empty without it.
std::string headerOf(std::string_view frame, std::string_view name);

/// Frames as text: `CONNECTED <version> <heart-beat>`, `#<subscription> <attempts> <body>` for a message,
/// `receipt <id>`, `!<message>` or `!<message> (<receipt-id>)` for an error, `~` for a heart-beat.
Lines readable(std::string_view output);

/// A server of one client.
class Client {
public:
    explicit Client(sdk::testing::FakeHost& host) : connection(loop), session(makeSession(host, connection)) {
        connection.attach(*session);
    }

    /// What the server answers within a turn to a frame, to which the NUL is added.
    Lines send(std::string_view text) { return sendRaw(frame(text)); }
    Lines sendRaw(std::string_view bytes);

    /// CONNECT with these header lines. It has to be accepted.
    Client& connect(std::string_view headers = "accept-version:1.2\n");

    /// What the server says on its own in a turn.
    Lines idle() { return sendRaw({}); }

    /// The last answers, whole.
    const Lines& frames() const { return frames_; }

    void passTime(std::chrono::milliseconds time) { loop.advance(time); }

    sdk::ClientStats stats() const {
        sdk::ClientStats stats;
        session->describe(stats);
        return stats;
    }

    sdk::testing::FakeLoop loop;
    sdk::testing::FakeConnection connection;
    std::unique_ptr<sdk::Session> session;

private:
    Lines frames_;
};

/// Publishes to the fake broker, past any session.
void publish(sdk::testing::FakeHost& host, std::string_view topic, const Lines& bodies);

}  // namespace nsq::stomp
