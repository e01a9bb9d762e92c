#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "fake_loop.h"
#include "nsq/sdk/connection.h"

namespace nsq::http::test {

/// What a session sees, and what it did with it. THREAD: the test.
class FakeConnection final : public sdk::Connection {
public:
    explicit FakeConnection(FakeLoop& loop) : loop_(loop) {}

    sdk::Loop& loop() override { return loop_; }
    sdk::Output& output() override {
        if (fails) throw std::bad_alloc();
        return output_;
    }
    std::size_t outputRoom() const override { return room; }
    void resumeInput() override { resumed = true; }
    void close(std::string_view reason) override { closeReason = reason; }
    void setTimer(sdk::Clock::time_point when) override { timer = when; }
    void clearTimer() override { timer.reset(); }
    sdk::Clock::time_point lastReadAt() const override { return loop_.now(); }
    const std::string& remoteAddress() const override { return address_; }
    std::string remoteHost() const override { return "127.0.0.1"; }
    void startTls() override {}
    void startSnappy() override {}
    void startDeflate(int) override {}
    bool isTls() const override { return false; }
    std::string peerCommonName() const override { return {}; }
    std::size_t unsent() const override { return output_.size() + filtered; }

    bool closed() const { return closeReason.has_value(); }

    /// Takes what was written so far.
    std::string takeOutput() {
        std::string text;
        std::array<sdk::Bytes, 8> pieces;
        while (const std::size_t count = output_.peek(pieces)) {
            std::size_t size = 0;
            for (std::size_t i = 0; i < count; ++i) {
                text += sdk::asText(pieces[i]);
                size += pieces[i].size();
            }
            output_.consume(size);
        }
        return text;
    }

    std::size_t room = 1024 * 1024;
    bool fails = false;        ///< there is no memory for output
    std::size_t filtered = 0;  ///< bytes that wait in filters
    bool resumed = false;
    std::optional<std::string> closeReason;
    std::optional<sdk::Clock::time_point> timer;

private:
    FakeLoop& loop_;
    sdk::Output output_;
    const std::string address_ = "127.0.0.1:9999";
};

}  // namespace nsq::http::test
