#include "bench/v2_client.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "bench/publish_command.h"
#include "nsq/sdk/message.h"

namespace nsq::bench {

namespace {

constexpr std::size_t kHeaderBytes = 8;        ///< size and type
constexpr std::size_t kBufferBytes = 1 << 20;  ///< read at once

}  // namespace

V2Client::V2Client(const Settings& settings)
    : transport_(static_cast<int>(settings.port)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(kBufferBytes)),
      capacity_(kBufferBytes) {
    send("  V2");
    if (settings.transport != TransportKind::kPlain) upgrade(settings.transport);
}

void V2Client::upgrade(TransportKind kind) {
    const std::string feature = kind == TransportKind::kTls      ? "tls_v1"
                                : kind == TransportKind::kSnappy ? "snappy"
                                                                 : "deflate";
    send("IDENTIFY\n" + sizedText(R"({"feature_negotiation":true,")" + feature + R"(":true})"));
    const Frame agreed = receive();
    if (sdk::asText(agreed.data).find('"' + feature + "\":true") == std::string_view::npos)
        throw std::runtime_error("the server has no " + feature);
    transport_.upgrade(kind, {buffer_.get() + begin_, end_ - begin_});
    begin_ = end_;
    expectOk();
}

/// Size of the frame at the buffer's begin, its size field included; 0 when not even that is there.
std::size_t V2Client::frameBytes() const {
    if (end_ - begin_ < kHeaderBytes) return 0;
    return static_cast<std::size_t>(sdk::loadBig<std::int32_t>(buffer_.get() + begin_)) + 4;
}

bool V2Client::isWhole() const {
    const std::size_t size = frameBytes();
    return size != 0 && end_ - begin_ >= size;
}

bool V2Client::hasFrame() {
    while (!isWhole() && transport_.holdsInput()) fill();
    return isWhole();
}

/// For the whole frame that has begun.
void V2Client::makeRoom() {
    std::unique_ptr<std::byte[]> larger;
    const std::size_t bytes = std::max(frameBytes(), capacity_);
    if (bytes > capacity_) larger = std::make_unique_for_overwrite<std::byte[]>(bytes);
    std::memmove(larger ? larger.get() : buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    if (larger) buffer_ = std::move(larger);
    capacity_ = bytes;
    end_ -= begin_;
    begin_ = 0;
}

void V2Client::fill() {
    makeRoom();
    end_ += transport_.receive(std::span{buffer_.get(), capacity_}.subspan(end_));
}

V2Client::Frame V2Client::receive() {
    for (;;) {
        while (!isWhole()) fill();
        const std::size_t size = frameBytes();
        const sdk::Bytes whole{buffer_.get() + begin_, size};
        begin_ += size;
        const Frame frame{sdk::loadBig<std::int32_t>(whole.data() + 4), whole.subspan(kHeaderBytes)};
        if (frame.type == sdk::frame::kTypeResponse && sdk::asText(frame.data) == "_heartbeat_") {
            send("NOP\n");
            continue;
        }
        if (frame.type == sdk::frame::kTypeError)
            throw std::runtime_error(std::string(sdk::asText(frame.data)));
        return frame;
    }
}

void V2Client::expectOk() {
    const Frame frame = receive();
    if (sdk::asText(frame.data) != "OK")
        throw std::runtime_error("not OK: " + std::string(sdk::asText(frame.data)));
}

}  // namespace nsq::bench
