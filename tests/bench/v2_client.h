#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/socket.h"
#include "nsq/sdk/bytes.h"

namespace nsq::bench {

/// A blocking V2 connection that does no more than a benchmark needs. Errors are thrown as
/// std::runtime_error. THREAD: one.
class V2Client {
public:
    /// `port` on 127.0.0.1.
    explicit V2Client(int port);

    void send(std::string_view text) { socket_.send(sdk::asBytes(text)); }

    struct Frame {
        std::int32_t type;
        sdk::Bytes data;  ///< valid until the next call
    };

    /// The next frame. Heartbeats are answered and passed over.
    Frame receive();

    /// A whole frame is buffered: receive() will not wait.
    bool hasFrame() const;

    /// Reads one frame, which must be the response `OK`.
    void expectOk();

private:
    std::size_t frameBytes() const;

    Socket socket_;
    std::vector<std::byte> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace nsq::bench
