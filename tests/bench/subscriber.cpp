#include "bench/subscriber.h"

#include "bench/publish_command.h"
#include "nsq/sdk/message.h"

namespace nsq::bench {

namespace {

constexpr std::size_t kHeaderBytes = 8;  ///< size and type, which a frame's data comes behind

}  // namespace

Subscribers::Subscribers(const Settings& settings, std::uint64_t connections, std::atomic<std::int64_t>& left)
    : settings_(settings), left_(left) {
    for (std::uint64_t i = 0; i < connections; ++i) {
        V2Client& client = *clients_.emplace_back(std::make_unique<V2Client>(settings));
        if (settings.msgTimeoutMs > 0) {
            const std::string wishes = R"({"msg_timeout":)" + std::to_string(settings.msgTimeoutMs) + "}";
            client.send("IDENTIFY\n" + sizedText(wishes));
            client.expectOk();
        }
        client.send("SUB " + settings.topic + " " + settings.channel + "\n");
        client.expectOk();
        group_.add(client);
    }
}

void Subscribers::run() {
    for (const auto& client : clients_) client->send("RDY " + std::to_string(settings_.rdy) + "\n");
    while (settings_.mode == "hold" || left_.load(std::memory_order_relaxed) > 0) {
        for (const std::size_t ready : group_.wait()) {
            const std::int64_t got = receiveAll(*clients_[ready]);
            if (left_.fetch_sub(got, std::memory_order_relaxed) <= got) left_.notify_all();
        }
    }
}

/// Waits for a frame, and takes and answers all that have come. Returns how many were messages.
std::int64_t Subscribers::receiveAll(V2Client& client) {
    std::int64_t got = 0;
    answers_.clear();
    do {
        const V2Client::Frame frame = client.receive();
        if (frame.type != sdk::frame::kTypeMessage) continue;
        ++got;
        if (settings_.mode == "hold") continue;
        const auto id = frame.data.subspan(sdk::frame::kIdOffset - kHeaderBytes, sdk::MessageId::kTextLength);
        const bool requeues = settings_.mode == "requeue";
        answers_.append(requeues ? "REQ " : "FIN ").append(sdk::asText(id)).append(requeues ? " 0\n" : "\n");
    } while (client.hasFrame());
    if (!answers_.empty()) client.send(answers_);
    return got;
}

}  // namespace nsq::bench
