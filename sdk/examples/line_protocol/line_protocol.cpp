// A line protocol. After the magic "LINE" every line is `<topic> <text>`: the text is published as a message,
// and answered with `ok` once it is stored, or with `error <reason>`. The answers come in the order of the
// lines:
//
//     { printf LINE; echo 'greetings hello, world'; sleep 1; } | nc 127.0.0.1 4150

#include <nsq/sdk/plugin.h>

#include <algorithm>
#include <string>

using namespace nsq;

namespace {

constexpr sdk::Magic kMagic{'L', 'I', 'N', 'E'};
constexpr std::size_t kMaxUnanswered = 1000;  ///< lines published but not yet stored (chosen)

class LineSession final : public sdk::Session, public sdk::PublishListener {
public:
    LineSession(sdk::Host& host, sdk::Connection& connection)
        : connection_(connection),
          publisher_(host.broker().openPublisher(connection.loop(), *this)),
          maxLine_(static_cast<std::size_t>(host.limits().maxMsgSize)) {}

    std::size_t onData(sdk::Bytes data) override {
        std::size_t used = greeted_ ? 0 : kMagic.size();
        greeted_ = true;
        // Two reasons to leave lines for later: a client that does not read its answers, a disk that is slow.
        while (connection_.outputRoom() > 0 && publisher_->pending() < kMaxUnanswered) {
            const std::string_view rest = sdk::asText(data.subspan(used));
            const std::size_t length = std::min(rest.find('\n'), rest.size());
            if (length > maxLine_ && publisher_->pending() == 0) {
                answer("error line too long");
                connection_.close("line too long");
            }
            if (length > maxLine_ || length == rest.size() || !onLine(rest.substr(0, length))) break;
            used += length + 1;
        }
        return used;
    }

    std::size_t maxPending() const override { return maxLine_ + 1; }

    void onOutputDrained() override { connection_.resumeInput(); }

    void onPublished(std::span<const sdk::PublishOutcome> outcomes) override {
        for (const auto& outcome : outcomes)
            answer(outcome.error == nullptr ? "ok" : "error " + outcome.error->text);
        connection_.resumeInput();
    }

private:
    /// False if the line has to wait: its error must not overtake the answers that are still to come.
    bool onLine(std::string_view line) {
        const std::size_t space = std::min(line.find(' '), line.size());
        const sdk::Bytes body = sdk::asBytes(line.substr(std::min(space + 1, line.size())));
        sdk::Result<void> result =
            sdk::Error{sdk::ErrorCode::kInvalid, "a line is a topic, a space and a text"};
        if (!body.empty()) result = publisher_->publish({line.substr(0, space), {&body, 1}}, 0);
        if (result) return true;  // the answer comes with the outcome
        if (publisher_->pending() > 0) return false;
        answer("error " + result.error().text);
        return true;
    }

    void answer(const std::string& text) { connection_.output().write(sdk::asBytes(text + '\n')); }

    sdk::Connection& connection_;
    std::unique_ptr<sdk::Publisher> publisher_;
    std::size_t maxLine_;  ///< in bytes, without its end
    bool greeted_ = false;
};

class LineProtocol final : public sdk::Protocol {
public:
    explicit LineProtocol(sdk::Host& host) : host_(host) {}
    std::string_view name() const override { return "LINE"; }
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override {
        return std::make_unique<LineSession>(host_, connection);
    }

private:
    sdk::Host& host_;
};

class LinePlugin final : public sdk::Plugin {
public:
    sdk::Result<void> start(sdk::Host& host, sdk::Registrar& registrar) override {
        // An error here stops the server's start.
        if (host.authorizer().required() || host.limits().tlsRequired)
            return sdk::Error{sdk::ErrorCode::kInvalid, "LINE has neither AUTH nor TLS, which are required"};
        return registrar.addProtocol(kMagic, std::make_shared<LineProtocol>(host));
    }
};

}  // namespace

NSQ_SDK_PLUGIN(LinePlugin, sdk::kProtocolPlugin, "line_protocol", "1.0")
