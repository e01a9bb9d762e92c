// A protocol in Go's shape, a thread for each connection. After the magic "TALK" each line is a command,
// answered with `ok` or `error <reason>`:
//
//     PUB <topic> <text>       publishes the text as a message
//     SUB <topic> <channel>    from now on messages come, one at a time, as lines `<id> <attempts> <text>`
//     FIN <id>                 is done with a message; then the next one comes
//
//     { printf TALK; echo 'PUB greetings hello'; echo 'SUB greetings readers'; sleep 1; } | nc 127.0.0.1 4150

#include <nsq/sdk/blocking.h>
#include <nsq/sdk/plugin.h>

#include <algorithm>
#include <string>
#include <utility>

using namespace nsq;

namespace {

constexpr sdk::Magic kMagic{'T', 'A', 'L', 'K'};

/// What stands before the first space, and what behind it.
std::pair<std::string_view, std::string_view> cut(std::string_view text) {
    const std::size_t space = std::min(text.find(' '), text.size());
    return {text.substr(0, space), text.substr(std::min(space + 1, text.size()))};
}

class TalkProtocol final : public sdk::BlockingProtocol {
public:
    explicit TalkProtocol(sdk::Host& host) : host_(host) {}
    std::string_view name() const override { return "TALK"; }

    void ioLoop(sdk::BlockingStream& stream) override {
        const auto maxLine = static_cast<std::size_t>(host_.limits().maxMsgSize);
        std::unique_ptr<sdk::BlockingSubscription> subscription;
        std::string line;
        while (true) {
            sdk::MessageView message;
            auto status = sdk::StreamStatus::kInput;
            if (subscription) status = subscription->receiveOrInput(message);
            if (status == sdk::StreamStatus::kOk) {
                if (!stream.write(toLine(message))) return;
                continue;
            }
            if (status == sdk::StreamStatus::kInput) status = stream.readLine(line, maxLine);
            if (status == sdk::StreamStatus::kTooLong) stream.write("error line too long\n");
            if (status != sdk::StreamStatus::kOk) return;
            const sdk::Result<void> result = command(line, stream, subscription);
            if (!stream.write(result ? "ok\n" : "error " + result.error().text + '\n')) return;
        }
    }

private:
    static std::string toLine(const sdk::MessageView& message) {
        const auto id = message.id.text();
        return std::string{id.data(), id.size()} + ' ' + std::to_string(message.attempts) + ' ' +
               std::string{sdk::asText(message.body)} + '\n';
    }

    sdk::Result<void> command(std::string_view line, sdk::BlockingStream& stream,
                              std::unique_ptr<sdk::BlockingSubscription>& subscription) {
        const auto [verb, parameters] = cut(line);
        const auto [first, second] = cut(parameters);
        if (verb == "PUB" && !second.empty()) {
            const sdk::Bytes body = sdk::asBytes(second);
            return host_.broker().publish({first, {&body, 1}});
        }
        if (verb == "SUB" && !subscription) {
            auto subscribed = stream.subscribe(first, second, {host_.limits().msgTimeout});
            if (!subscribed) return subscribed.error();
            subscription = std::move(subscribed).value();
            return {};
        }
        const auto id = sdk::MessageId::parse(first);
        if (verb == "FIN" && id && subscription) return subscription->finish(*id);
        return sdk::Error{sdk::ErrorCode::kInvalid, "PUB topic text, SUB topic channel once, or then FIN id"};
    }

    sdk::Host& host_;
};

class TalkPlugin final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        if (host.authorizer().required() || host.limits().tlsRequired)
            return sdk::Error{sdk::ErrorCode::kInvalid, "TALK has neither AUTH nor TLS, which are required"};
        talk_ = std::make_shared<sdk::BlockingAdapter>(host, std::make_unique<TalkProtocol>(host));
        return registrar.addProtocol(kMagic, talk_);
    }
    void stop() override { talk_->stop(); }

private:
    std::shared_ptr<sdk::BlockingAdapter> talk_;
};

}  // namespace

NSQ_SDK_PLUGIN(TalkPlugin, sdk::kProtocolPlugin, "blocking_protocol", "1.0")
