#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/host.h"
#include "nsq/sdk/result.h"

/// What nsqd and nsqlookupd say to each other: commands over TCP, and answers of the HTTP API. THREAD: any.
namespace nsq::cluster {

/// Opens a connection; after it come commands, each a line of its own.
inline constexpr std::string_view kLookupdMagic = "  V1";

inline constexpr std::string_view kPing = "PING";

/// What a command that succeeded is answered.
inline constexpr std::string_view kOk = "OK";

/// IDENTIFY with its body: who this server is.
std::string identifyCommand(const sdk::ServerInfo& info);

/// `verb topic` or, if there is a channel, `verb topic channel`, without the end of the line.
std::string topicCommand(std::string_view verb, std::string_view topic, std::string_view channel);

/// What a lookupd says of itself.
struct LookupdInfo {
    int tcpPort = 0;
    int httpPort = 0;
    std::string version;
    std::string broadcastAddress;  ///< only what may stand in a host's name or an address; else empty
};

/// The answer to IDENTIFY; what it does not say stays empty. kInvalid: it is none.
sdk::Result<LookupdInfo> parseLookupdInfo(std::string_view answer);

/// The valid names in the answer to GET /channels, without the ephemeral ones. kInvalid: it is none.
sdk::Result<std::vector<std::string>> parseChannels(const std::string& answer);

/// What another server sent, for the log: not too long, and on one line.
std::string shown(std::string_view text);

/// Cuts the answers out of what comes over a connection: each is an int32 size and as many bytes.
class AnswerReader {
public:
    /// Longest answer that is taken. The longest a lookupd sends, which is that to IDENTIFY, has a few
    /// hundred bytes (chosen).
    static constexpr std::int32_t kMostBytes = 64 * 1024;

    void add(sdk::Bytes bytes) { buffer_.append(sdk::asText(bytes)); }

    /// The next answer, nullopt until all of it is there. kInvalid: what came is none.
    sdk::Result<std::optional<std::string>> next();

    /// Nothing is left.
    bool isEmpty() const { return buffer_.empty(); }

private:
    std::string buffer_;
};

}  // namespace nsq::cluster
