// A protocol on threads that waits wherever it can, or throws: see blocking.py.

#include "nsq/sdk/blocking.h"

#include <stdexcept>

#include "nsq/sdk/plugin.h"

using namespace nsq;

namespace {

/// Threads it may have.
constexpr std::size_t kThreads = 100;

class WaitingProtocol final : public sdk::BlockingProtocol {
public:
    explicit WaitingProtocol(sdk::Host& host) : host_(host) {}
    std::string_view name() const override { return "WAIT"; }

    void ioLoop(sdk::BlockingStream& stream) override {
        std::string line;
        while (stream.readLine(line, 1000) == sdk::StreamStatus::kOk) {
            if (line == "throw") throw std::runtime_error{"stumbled"};
            if (line == "flood") return flood(stream);
            if (line == "receive") return receive(stream);
            if (line == "hoard") return hoard(stream);
            if (!stream.write(line + '\n')) return;
        }
    }

private:
    static void flood(sdk::BlockingStream& stream) {
        const std::string piece(100'000, 'x');
        while (stream.write(piece)) {
        }
    }

    void receive(sdk::BlockingStream& stream) {
        const auto subscribed = stream.subscribe("waiting", "ch", {host_.limits().msgTimeout});
        if (!subscribed) return;
        stream.write("subscribed\n");
        sdk::MessageView message;
        while (subscribed.value()->receive(message) == sdk::StreamStatus::kOk) {
            stream.write(sdk::asText(message.body));
        }
    }

    /// Fetches many messages, receives one of them, and waits for its client's end.
    void hoard(sdk::BlockingStream& stream) {
        const auto subscribed = stream.subscribe("waiting", "ch", {host_.limits().msgTimeout});
        if (!subscribed) return;
        subscribed.value()->setReady(100);
        sdk::MessageView message;
        if (subscribed.value()->receive(message) != sdk::StreamStatus::kOk) return;
        stream.write(sdk::asText(message.body));
        std::string line;
        stream.readLine(line, 1000);
    }

    sdk::Host& host_;
};

class WaitingPlugin final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        waiting_ =
            std::make_shared<sdk::BlockingAdapter>(host, std::make_unique<WaitingProtocol>(host), kThreads);
        return registrar.addProtocol({'W', 'A', 'I', 'T'}, waiting_);
    }
    void stop() override { waiting_->stop(); }

private:
    std::shared_ptr<sdk::BlockingAdapter> waiting_;
};

}  // namespace

NSQ_SDK_PLUGIN(WaitingPlugin, sdk::kProtocolPlugin, "blocking", "1.0")
