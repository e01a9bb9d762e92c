#include "nsq/sdk/testing/fake_connection.h"

#include <algorithm>
#include <array>

namespace nsq::sdk::testing {

void FakeConnection::receive(Bytes data) {
    if (closed()) return;
    lastReadAt_ = loop_.now();
    if (!unread_.empty() || (!pending_.empty() && pending_.size() > session_->maxPending())) {
        unread_ += asText(data);
        return;
    }
    pending_.insert(pending_.end(), data.begin(), data.end());
    give();
}

void FakeConnection::give() {
    const std::size_t used = session_->onData(pending_);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(used));
}

void FakeConnection::endTurn() {
    if (timer_ && *timer_ <= loop_.now() && !closed()) {
        timer_.reset();
        session_->onTimer();
    }
    do loop_.runTurn();
    while (resume());
    flush();
}

/// True if the session was given its input again.
bool FakeConnection::resume() {
    const bool again = std::exchange(resumed_, false) && !pending_.empty() && !closed();
    if (again) give();
    if (!closed() && !unread_.empty() && pending_.size() <= session_->maxPending()) {
        receive(std::exchange(unread_, {}));
        return true;
    }
    return again;
}

void FakeConnection::flush() {
    starved_ = starved_ || outputRoom() == 0;
    if (held_) return;
    std::array<Bytes, 16> pieces;
    while (!output_.empty()) {
        std::size_t bytes = 0;
        for (const Bytes piece : std::span{pieces}.first(output_.peek(pieces))) {
            sent_ += asText(piece);
            bytes += piece.size();
        }
        output_.consume(bytes);
    }
    if (closed() || outputRoom() == 0 || !std::exchange(starved_, false)) return;
    session_->onOutputDrained();
    endTurn();
}

void FakeConnection::exchange(std::string_view text) {
    receive(text);
    endTurn();
}

std::size_t FakeConnection::outputRoom() const {
    return room_ - std::min(room_, output_.size());
}

void FakeConnection::close(std::string_view reason) {
    if (!closed()) closeReason_ = reason;
    timer_.reset();
}

void FakeConnection::start(std::string filter) {
    output_.write(asBytes('<' + filter + '>'));
    filters_.push_back(std::move(filter));
    resumed_ = true;  // what the session leaves comes again, through the filter
}

void FakeConnection::setTimer(Clock::time_point when) {
    if (!closed()) timer_ = when;
}

std::vector<Frame> splitFrames(std::string_view bytes) {
    constexpr std::size_t kHeader = 8;
    std::vector<Frame> frames;
    while (bytes.size() >= kHeader) {
        const auto* header = reinterpret_cast<const std::byte*>(bytes.data());
        const std::size_t size = static_cast<std::uint32_t>(loadBig<std::int32_t>(header)) + std::size_t{4};
        if (size < kHeader || size > bytes.size()) break;
        frames.push_back(
            {loadBig<std::int32_t>(header + 4), std::string{bytes.substr(kHeader, size - kHeader)}});
        bytes.remove_prefix(size);
    }
    if (!bytes.empty()) frames.push_back({-1, std::string{bytes}});
    return frames;
}

}  // namespace nsq::sdk::testing
