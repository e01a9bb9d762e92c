#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/settings.h"
#include "bench/transport.h"
#include "nsq/sdk/bytes.h"

namespace nsq::bench {

/// A blocking V2 connection that does no more than a benchmark needs. Errors are thrown as
/// std::runtime_error. THREAD: one.
class V2Client {
public:
    /// To the port of `settings` on 127.0.0.1, over its transport.
    explicit V2Client(const Settings& settings);

    void send(std::string_view text) { transport_.send(sdk::asBytes(text)); }

    struct Frame {
        std::int32_t type;
        sdk::Bytes data;  ///< valid until the next call
    };

    /// The next frame. Heartbeats are answered and passed over.
    Frame receive();

    /// A whole frame is buffered: receive() will not wait.
    bool hasFrame();

    int fd() const { return transport_.fd(); }

    /// Reads one frame, which must be the response `OK`.
    void expectOk();

private:
    void upgrade(TransportKind kind);
    std::size_t frameBytes() const;
    bool isWhole() const;
    void makeRoom();
    void fill();

    Transport transport_;
    std::unique_ptr<std::byte[]> buffer_;  ///< not touched before it is needed
    std::size_t capacity_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace nsq::bench
