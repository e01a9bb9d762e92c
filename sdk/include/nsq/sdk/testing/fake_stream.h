#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "nsq/sdk/blocking_stream.h"
#include "nsq/sdk/testing/fake_broker.h"
#include "nsq/sdk/testing/fake_loop.h"

namespace nsq::sdk::testing {

/// A stream without a connection: ioLoop reads what the test wrote down, and then the end. Where a real
/// stream would wait, this one tells a timeout, if there is one and only once, and then the end. THREAD: the
/// test's only.
class FakeStream final : public BlockingStream {
public:
    /// The client sends `input`. `broker` outlives the stream.
    explicit FakeStream(FakeBroker& broker, std::string input = {})
        : broker_(broker), input_(std::move(input)) {}
    ~FakeStream() = default;

    /// What was written since the last call.
    std::string written() { return std::exchange(written_, {}); }

    /// From now on writes fail: the connection is gone.
    void hangUp() { closed_ = true; }

    bool closed() const { return closed_; }

    Result<std::unique_ptr<BlockingSubscription>> subscribe(std::string_view topic, std::string_view channel,
                                                            const SubscribeOptions& options) override;
    const std::string& remoteAddress() const override { return remoteAddress_; }
    void close(std::string_view reason) override;

private:
    class Consumer;

    StreamStatus receive(std::string& bytes, Deadline deadline) override;
    StreamStatus waitInVain(bool hasTimeout);
    bool send(Bytes bytes) override;
    bool hasInput() const { return hasUnread() || !input_.empty(); }

    FakeBroker& broker_;
    FakeLoop loop_;
    std::string input_;
    std::string written_;
    std::string remoteAddress_ = "192.0.2.1:50000";
    bool closed_ = false;
    bool subscribed_ = false;
    bool timedOut_ = false;
};

}  // namespace nsq::sdk::testing
