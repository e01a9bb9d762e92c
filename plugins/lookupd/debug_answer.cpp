// GET /debug.

#include <Poco/JSON/Stringifier.h>
#include <spdlog/fmt/fmt.h>

#include <sstream>

#include "answers.h"
#include "replies.h"

namespace nsq::lookupd {

using sdk::Clock;

namespace {

/// What nsqlookupd shows of a producer that was never tombstoned: Go's zero time in nanoseconds, overflown.
constexpr std::int64_t kNever = -6795364578871345152;

std::string quoted(const std::string& text) {
    std::ostringstream json;
    Poco::JSON::Stringifier::formatString(text, json);
    return json.str();
}

/// Times as nanoseconds since the epoch, which this server measures with a clock that has none.
class Times {
public:
    std::int64_t operator()(Clock::time_point time) const {
        return std::chrono::nanoseconds{system_.time_since_epoch() - (steady_ - time)}.count();
    }

private:
    const Clock::time_point steady_ = Clock::now();
    const std::chrono::system_clock::time_point system_ = std::chrono::system_clock::now();
};

/// The map of registrations being written: keys, each with its producers. As in nsqlookupd, keys without
/// producers do not appear.
class Map {
public:
    explicit Map(std::size_t mostBytes) : mostBytes_(mostBytes) {}

    void add(std::string_view key, const std::vector<PeerPtr>& peers, const Topic* topic = nullptr) {
        if (peers.empty() || isFull()) return;
        json_ += fmt::format("{}\"{}\":[", json_.size() > 1 ? "," : "", key);
        for (const PeerPtr& peer : peers) {
            if (isFull()) break;
            if (peer != peers.front()) json_ += ',';
            addPeer(*peer, topic == nullptr ? std::nullopt : peer->tombstonedAt(*topic));
        }
        json_ += ']';
    }

    bool isFull() const { return json_.size() > mostBytes_; }
    std::string end() { return std::move(json_ += '}'); }

private:
    void addPeer(const Peer& peer, const std::optional<Clock::time_point>& tombstonedAt) {
        const Identity& identity = peer.identity();
        fmt::format_to(std::back_inserter(json_),
                       "{{\"broadcast_address\":{},\"hostname\":{},\"http_port\":{},\"id\":{},"
                       "\"last_update\":{},\"tcp_port\":{},\"tombstoned\":{},\"tombstoned_at\":{},"
                       "\"version\":{}}}",
                       quoted(identity.broadcastAddress), quoted(identity.hostname), identity.httpPort,
                       quoted(identity.remoteAddress), times_(peer.lastSeen()), identity.tcpPort,
                       tombstonedAt.has_value(), tombstonedAt ? times_(*tombstonedAt) : kNever,
                       quoted(identity.version));
    }

    const std::size_t mostBytes_;
    const Times times_;
    std::string json_{"{"};
};

}  // namespace

sdk::HttpResponse debug(Lookupd& lookupd, const sdk::HttpRequest&) {
    Map map{lookupd.mostDebugBytes};
    map.add("client::", lookupd.db.peers());
    for (const TopicPtr& topic : lookupd.db.topics()) {
        map.add(fmt::format("topic:{}:", topic->name()), topic->producers(), topic.get());
        for (const Topic::Channel& channel : topic->producersByChannel())
            map.add(fmt::format("channel:{}:{}", topic->name(), channel.name), channel.producers);
        if (map.isFull()) break;
    }
    if (map.isFull()) return http_api::errorReply(503, "TOO_MANY_REGISTRATIONS");
    return http_api::jsonReply(map.end());
}

}  // namespace nsq::lookupd
