#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/connection.h"
#include "nsq/sdk/session.h"
#include "nsq/sdk/testing/fake_loop.h"

namespace nsq::sdk::testing {

/// A connection without a socket, which treats its session as the server does. Bytes go in with receive(),
/// come out of sent(). THREAD: the test's only.
class FakeConnection final : public Connection {
public:
    explicit FakeConnection(FakeLoop& loop) : loop_(loop), lastReadAt_(loop.now()) {}

    /// The session to serve; the test owns it. Before the first receive().
    void attach(Session& session) { session_ = &session; }

    /// Gives bytes from the client to the session, together with what it left before. A session that left
    /// more than its maxPending() gets nothing more before resumeInput(), as in the server: see unread().
    void receive(Bytes data);
    void receive(std::string_view text) { receive(asBytes(text)); }

    /// Ends the loop's turn: runs its tasks, resumes input, fires the timer if it is due, and sends the
    /// output, unless holdOutput() is on.
    void endTurn();

    /// receive() and endTurn().
    void exchange(std::string_view text);

    /// The client shuts its side: what the session answers (see Session::onInputEnd).
    bool endInput() { return session_->onInputEnd(); }

    /// What was sent since the last call.
    std::string sent() { return std::exchange(sent_, {}); }

    /// While on, the client takes nothing, and output stays where it is.
    void holdOutput(bool hold) { held_ = hold; }

    /// outputRoom() is this less what the output holds. 1 MiB at first.
    void setRoom(std::size_t bytes) { room_ = bytes; }

    const std::optional<std::string>& closeReason() const { return closeReason_; }
    bool closed() const { return closeReason_.has_value(); }
    const std::optional<Clock::time_point>& timer() const { return timer_; }
    std::size_t pending() const { return pending_.size(); }  ///< bytes the session left
    std::size_t unread() const { return unread_.size(); }    ///< bytes beyond maxPending()
    void setRemoteHost(std::string host) { remoteHost_ = std::move(host); }

    Loop& loop() override { return loop_; }
    Output& output() override { return output_; }
    std::size_t outputRoom() const override;
    void resumeInput() override { resumed_ = true; }
    void close(std::string_view reason) override;
    void setTimer(Clock::time_point when) override;
    void clearTimer() override { timer_.reset(); }
    Clock::time_point lastReadAt() const override { return lastReadAt_; }
    const std::string& remoteAddress() const override { return remoteAddress_; }
    std::string remoteHost() const override { return remoteHost_; }

    /// Filters only leave their names, in filters(), and a mark `<name>` in the output where they begin.
    void startTls() override { start("tls"); }
    void startSnappy() override { start("snappy"); }
    void startDeflate(int level) override { start("deflate " + std::to_string(level)); }
    bool isTls() const override { return !filters_.empty() && filters_.front() == "tls"; }
    std::string peerCommonName() const override { return peerCommonName_; }
    std::size_t unsent() const override { return output_.size(); }

    const std::vector<std::string>& filters() const { return filters_; }
    void setPeerCommonName(std::string name) { peerCommonName_ = std::move(name); }

private:
    void give();
    bool resume();
    void flush();
    void start(std::string filter);

    FakeLoop& loop_;
    Session* session_ = nullptr;
    Output output_;
    std::vector<std::byte> pending_;
    std::string unread_;
    std::string sent_;
    std::string remoteHost_ = "192.0.2.1";
    std::string remoteAddress_ = "192.0.2.1:50000";
    std::vector<std::string> filters_;
    std::string peerCommonName_;
    std::optional<std::string> closeReason_;
    std::optional<Clock::time_point> timer_;
    Clock::time_point lastReadAt_;
    std::size_t room_ = 1024 * 1024;
    bool held_ = false;
    bool resumed_ = false;
    bool starved_ = false;
};

/// One frame of what a V2 server sends.
struct Frame {
    std::int32_t type;
    std::string data;

    friend bool operator==(const Frame&, const Frame&) = default;
};

/// Cuts V2 frames apart. What is not a whole frame at the end becomes one of type -1.
std::vector<Frame> splitFrames(std::string_view bytes);

}  // namespace nsq::sdk::testing
