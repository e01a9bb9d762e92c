// A client's session: what each frame does, and the order of the answers.

#include "session.h"

#include <spdlog/fmt/fmt.h>

#include <random>

#include "heart_beat.h"
#include "nsq/sdk/names.h"
#include "transactions.h"

namespace nsq::stomp {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxSubscriptions = 100;   ///< chosen, like the four below
constexpr std::size_t kMaxSubscriptionId = 256;  ///< bytes: each message has it
constexpr std::size_t kMaxReceipt = 1024;        ///< bytes
constexpr std::size_t kMaxOwed = 1024;           ///< frames that wait for a commit
constexpr std::int64_t kDefaultPrefetch = 100;
constexpr std::uint64_t kMinMsgTimeout = 1000;                   ///< ms; as nsqd has it for V2
constexpr std::string_view kVersions[] = {"1.0", "1.1", "1.2"};  // as Version
constexpr std::string_view kAckModes[] = {"auto", "client", "client-individual"};  // as AckMode

using Done = sdk::Result<void>;  ///< an error is for the client

/// The highest one that both have.
std::optional<Version> agreeVersion(std::string_view accepted) {
    const std::string list = ',' + std::string{accepted} + ',';
    for (std::size_t i = std::size(kVersions); i-- > 0;) {
        if (list.find(fmt::format(",{},", kVersions[i])) != std::string::npos) return static_cast<Version>(i);
    }
    return {};
}

using Destination = std::pair<std::string, std::string>;

/// Topic and channel, which is empty for /topic/TOPIC.
sdk::Result<Destination> parseDestination(std::string_view text) {
    const std::string_view names = text.substr(std::min<std::size_t>(text.size(), 7));
    if (text.starts_with("/topic/") && sdk::isValidTopicName(names)) return Destination{names, ""};
    const auto [topic, channel] = sdk::cut(names, '/');
    if (text.starts_with("/queue/") && sdk::isValidTopicName(topic) && sdk::isValidChannelName(channel))
        return Destination{topic, channel};
    return invalid("destination " + quoted(text) + " is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL");
}

/// The number in a header, within least..most; without the header `otherwise`.
sdk::Result<std::int64_t> readNumber(const Frame& frame, std::string_view name, std::uint64_t least,
                                     std::int64_t most, std::int64_t otherwise) {
    const auto text = frame.header(name);
    if (!text) return otherwise;
    const std::optional<std::uint64_t> number = sdk::parseNumber(*text);
    if (number && *number >= least && *number <= static_cast<std::uint64_t>(most))
        return static_cast<std::int64_t>(*number);
    return invalid(fmt::format("{} {} is not a number in {}-{}", name, quoted(*text), least, most));
}

/// What a frame still waits for, and what follows then.
struct Owed {
    std::size_t outcomes = 0;  ///< of publishes
    std::vector<Answer> answers;
    std::optional<std::string> receipt;
    std::string error;  ///< of a publish
};

class StompSession final : public sdk::Session, sdk::PublishListener, sdk::AuthorizationListener {
public:
    StompSession(sdk::Host& host, sdk::Connection& connection) : host_(host), connection_(connection) {
        heartBeat_.start();
    }

    std::size_t onData(sdk::Bytes data) override {
        const std::string_view input = sdk::asText(data);
        std::size_t used = 0;
        while (!waiting_ && !ended_) {
            used = std::min(input.find_first_not_of("\r\n", used), input.size());
            if (used == input.size()) break;
            if (waiting_ = mustWait(); waiting_) break;
            if (!reader_.read(input.substr(used), version_)) {
                if (!reader_.error().empty()) fail(reader_.error(), reader_.frame().header("receipt"));
                break;
            }
            execute(reader_.frame());
            if (waiting_) break;
            used += reader_.size();
            reader_.reset();
        }
        settle();
        return ended_ ? input.size() : used;
    }

    std::size_t maxPending() const override {
        return kMaxHead + static_cast<std::size_t>(limits_.maxMsgSize) + 1;
    }

    void onOutputDrained() override {
        for (const auto& [number, subscription] : subscriptions_) subscription->schedule();
        goOn();
    }

    void onTimer() override {
        if (ended_ || (authRequest_ && !authorization_)) return;  // CONNECTED begins anew
        if (waiting_) heartBeat_.excuse();
        if (const std::string problem = heartBeat_.onTimer(); !problem.empty()) fail(problem);
    }

    bool onInputEnd() override {
        inputEnded_ = true;
        return !owed_.empty() || willGoOn();
    }

    void describe(sdk::ClientStats& stats) const override {
        stats.hostname = connection_.remoteHost();
        stats.clientId = login_.empty() ? stats.hostname : login_;
        stats.protocol = "STOMP";
        stats.state = connected_ ? sdk::ClientState::kConnected : sdk::ClientState::kInit;
        for (const auto& [number, subscription] : subscriptions_) {
            stats.state = sdk::ClientState::kSubscribed;
            stats.topic = subscription->request.topic;  // there is place for one
            stats.channel = subscription->request.channel;
            stats.readyCount += subscription->request.prefetch;
            stats.inFlightCount += subscription->inFlight();
        }
        stats.messageCount = counts_.messageCount;
        stats.finishCount = counts_.finishCount;
        stats.requeueCount = counts_.requeueCount;
        for (const auto& [topic, count] : published_) stats.pubCounts.push_back({topic, count});
        stats.authed = authorization_ != nullptr;
        stats.authIdentity = authorization_ ? authorization_->identity() : "";
        stats.authIdentityUrl = authorization_ ? authorization_->identityUrl() : "";
    }

private:
    bool mustWait() const { return authRequest_ || connection_.outputRoom() == 0 || owed_.size() > kMaxOwed; }
    bool willGoOn() const { return authRequest_ || waiting_; }

    /// What the input waited for may have come.
    void goOn() {
        if (!waiting_ || ended_ || mustWait()) return settle();
        waiting_ = false;
        heartBeat_.excuse();
        connection_.resumeInput();
    }

    /// With waiting_ nothing has happened: the frame is to be tried again.
    void execute(const Frame& frame) {
        current_ = {};
        const auto receipt = frame.connects() ? std::nullopt : frame.header("receipt");
        if (receipt && receipt->size() > kMaxReceipt)
            return fail(fmt::format("the receipt exceeds {} bytes", kMaxReceipt));
        const Done result = perform(frame);
        if (waiting_) return;
        if (result) current_.receipt = receipt;
        owed_.push_back(std::move(current_));
        if (!result) fail(result.error().text, receipt);
        settle();
    }

    Done perform(const Frame& frame) {
        const std::string& name = frame.command;
        if (connected_ == frame.connects())
            return invalid(connected_ ? name + " again" : "another frame before CONNECT");
        if (!frame.body.empty() && name != "SEND") return invalid("a body without SEND");
        if (frame.connects()) return connect(frame);
        if ((name == "SEND" || name == "SUBSCRIBE" || name == "COMMIT") && !isAuthorized()) return {};
        if (name == "SEND") return send(frame);
        if (name == "ACK" || name == "NACK") return answer(frame);
        if (name == "SUBSCRIBE") return subscribe(frame);
        if (name == "UNSUBSCRIBE") return unsubscribe(frame);
        if (name == "DISCONNECT") return end(), Done{};
        const std::string_view transaction = frame.header("transaction").value_or("");
        if (name == "BEGIN") return transactions_.begin(transaction);
        if (name == "COMMIT" || name == "ABORT") return endTransaction(transaction, name == "COMMIT");
        return invalid("unknown command");  // unsaid which: it may be a piece of a body
    }

    /// Answers what is no longer waited for, in the order of the frames. Closes behind the last one.
    void settle() {
        while (!owed_.empty() && owed_.front().outcomes == 0) {
            auto [outcomes, answers, receipt, error] = std::move(owed_.front());
            owed_.pop_front();
            if (!error.empty()) answers.clear();
            const auto late = std::ranges::count(answers, false, [this](auto& each) { return apply(each); });
            if (receipt && late > 0) error = fmt::format("{} answers of the transaction came too late", late);
            if (!error.empty()) {
                // In place of all that is owed, and of an error behind it.
                owed_.clear();
                ended_ = false;
                return fail(error, receipt);
            }
            if (receipt) write("RECEIPT\nreceipt-id:" + escaped(*receipt, version_) + "\n\n");
        }
        if (closed_ || !owed_.empty() || !(ended_ || (inputEnded_ && !willGoOn()))) return;
        end();
        closed_ = true;
        if (!error_.empty()) write(error_);
        connection_.close(error_.empty() ? "the client left" : "an ERROR");
    }

    /// `frame` without its NUL.
    void write(const std::string& frame) { connection_.output().write(sdk::asBytes(frame + '\0')); }

    /// Ends with an ERROR, behind what is owed.
    void fail(const std::string& text, std::optional<std::string_view> receipt = {}) {
        if (ended_) return;
        host_.logger().error("[{}] - STOMP: {}", connection_.remoteAddress(), text);
        error_ = fmt::format("ERROR\nmessage:{}\ncontent-type:text/plain\ncontent-length:{}\n",
                             escaped(text, version_), text.size());
        if (!connected_) error_ += "version:1.0,1.1,1.2\n";
        if (receipt) error_ += "receipt-id:" + escaped(*receipt, version_) + '\n';
        error_ += '\n' + text;
        end();
        settle();
    }

    /// No more input is used, and nothing delivered.
    void end() {
        ended_ = true;
        for (const auto& [number, subscription] : subscriptions_) subscription->stop();
    }

    Done connect(const Frame& frame) {
        if (limits_.tlsRequired && !connection_.isTls())
            return invalid("this server requires TLS, which STOMP clients cannot have here");
        const std::optional<Version> version = agreeVersion(frame.header("accept-version").value_or("1.0"));
        if (!version) return invalid("supported protocol versions are 1.0, 1.1 and 1.2");
        if (!heartBeat_.agree(frame.header("heart-beat").value_or("0,0")))
            return invalid("heart-beat is malformed");
        secret_ = frame.header("passcode").value_or("");
        if (authRequired_ && secret_.empty()) return invalid("this server requires a passcode");
        connected_ = true;
        version_ = *version;
        login_ = sdk::printable(frame.header("login").value_or(""));
        authRequired_ ? askAuthorizer() : welcome();
        return {};
    }

    void welcome() {
        const std::string_view version = kVersions[static_cast<std::size_t>(version_)];
        host_.logger().info("[{}] STOMP {}", connection_.remoteAddress(), version);
        write(fmt::format("CONNECTED\nversion:{}\nsession:{}\nserver:{}/{}\nheart-beat:{}\n\n", version,
                          connection_.remoteAddress(), host_.info().program, host_.info().productVersion,
                          heartBeat_.header()));
        heartBeat_.start();
    }

    /// No input is used until the answer is there.
    void askAuthorizer() {
        sdk::Credentials client{connection_.remoteHost(), connection_.isTls(), connection_.peerCommonName(),
                                secret_};
        authRequest_ = host_.authorizer().authenticate(std::move(client), connection_.loop(), *this);
    }

    void onAuthorization(sdk::Result<sdk::AuthorizationPtr> answer) override {
        authRequest_.reset();
        heartBeat_.excuse();
        if (!answer) host_.logger().error("[{}] - {}", connection_.remoteAddress(), answer.error().text);
        if (!answer || answer.value()->permissionCount() == 0)
            return fail("authentication failed", reader_.frame().header("receipt"));
        authIsNew_ = std::exchange(authorization_, std::move(answer).value()) != nullptr;
        if (!authIsNew_) welcome();
        goOn();
    }

    /// False: the authorizer is asked again before the frame is tried again.
    bool isAuthorized() {
        // However short it lasts, it is good for the frame that it was asked for.
        if (!authRequired_ || std::exchange(authIsNew_, false)) return true;
        if (connection_.loop().now() < authorization_->expiry()) return true;
        askAuthorizer();
        waiting_ = true;
        return false;
    }

    Done allow(sdk::Permission permission, std::string_view topic, std::string_view channel) const {
        if (!authRequired_ || authorization_->allows(permission, topic, channel)) return {};
        return invalid("not authorized for topic " + quoted(topic) + ", channel " + quoted(channel));
    }

    Done send(const Frame& frame) {
        const sdk::Result<Destination> to = parseDestination(frame.header("destination").value_or(""));
        if (!to) return to.error();
        const auto& [topic, channel] = to.value();
        if (!channel.empty()) return invalid("SEND to a channel; messages go to /topic/TOPIC");
        if (frame.body.empty()) return invalid("SEND without a body: NSQ has no empty messages");
        const auto delay = readNumber(frame, "delay", 0, limits_.maxReqTimeout.count(), 0);
        if (!delay) return delay.error();
        if (const Done allowed = allow(sdk::Permission::kPublish, topic, {}); !allowed) return allowed;
        const milliseconds due{delay.value()};
        if (const auto name = frame.header("transaction"))
            return transactions_.send(*name, {topic, due}, sdk::asText(frame.body));
        return publish({topic, {&frame.body, 1}, due});
    }

    Done publish(const sdk::Publication& publication) {
        if (!publisher_) publisher_ = host_.broker().openPublisher(connection_.loop(), *this);
        if (const Done published = publisher_->publish(publication, 0); !published) return published;
        ++current_.outcomes;
        published_[std::string{publication.topic}] += publication.bodies.size();
        return {};
    }

    void onPublished(std::span<const sdk::PublishOutcome> outcomes) override {
        for (const sdk::PublishOutcome& outcome : outcomes) {
            if (closed_) return;
            if (outcome.error != nullptr) owed_.front().error = "not stored: " + outcome.error->text;
            --owed_.front().outcomes;
            settle();
        }
        goOn();
    }

    /// The answers of one that is committed follow when all that it sends is.
    Done endTransaction(std::string_view name, bool commits) {
        sdk::Result<Transaction> taken = transactions_.take(name);
        if (!taken || !commits) return taken ? Done{} : taken.error();
        for (const auto& [key, texts] : taken.value().sends) {
            if (Done allowed = allow(sdk::Permission::kPublish, key.first, {}); !allowed) return allowed;
        }
        for (const auto& [key, texts] : taken.value().sends) {
            std::vector<sdk::Bytes> bodies;
            for (const std::string& text : texts) bodies.push_back(sdk::asBytes(text));
            if (const Done published = publish({key.first, bodies, key.second}); !published) return published;
        }
        current_.answers = std::move(taken.value().answers);
        return {};
    }

    /// What tells the client's subscriptions apart; 1.0 need not give them ids. Empty: it is missing.
    std::string subscriptionId(const Frame& frame) const {
        const auto id = frame.header(frame.header("id") || version_ != Version::k10 ? "id" : "destination");
        return std::string{id.value_or("")};
    }

    auto findSubscription(std::string_view id) {
        return std::ranges::find_if(subscriptions_, [&](auto& it) { return it.second->request.id == id; });
    }

    Done subscribe(const Frame& frame) {
        const sdk::Result<Destination> from = parseDestination(frame.header("destination").value_or(""));
        if (!from) return from.error();
        auto [topic, channel] = from.value();
        std::random_device random;
        if (channel.empty())
            channel = fmt::format("stomp-{:08x}{:08x}{}", random(), random(), sdk::kEphemeralSuffix);
        const std::string id = subscriptionId(frame);
        if (id.empty() || id.size() > kMaxSubscriptionId) return invalid("SUBSCRIBE needs a short id");
        if (findSubscription(id) != subscriptions_.end())
            return invalid("subscription " + quoted(id) + " is there already");
        if (subscriptions_.size() == kMaxSubscriptions) return invalid("too many subscriptions");
        const auto* mode = std::ranges::find(kAckModes, frame.header("ack").value_or("auto"));
        if (mode == std::end(kAckModes)) return invalid("ack is none of auto, client, client-individual");
        const auto prefetch = readNumber(frame, "prefetch-count", 1, limits_.maxRdyCount,
                                         std::min(kDefaultPrefetch, limits_.maxRdyCount));
        const auto timeout = readNumber(frame, "msg-timeout", kMinMsgTimeout, limits_.maxMsgTimeout.count(),
                                        limits_.msgTimeout.count());
        if (!prefetch || !timeout) return (prefetch ? timeout : prefetch).error();
        if (const Done allowed = allow(sdk::Permission::kSubscribe, topic, channel); !allowed) return allowed;
        const auto ackMode = static_cast<AckMode>(mode - kAckModes);
        const SubscribeRequest request{version_, id,      ++lastNumber_,    topic,
                                       channel,  ackMode, prefetch.value(), milliseconds{timeout.value()}};
        const auto onGone = [this] { fail("a subscription's channel is gone"); };
        auto subscription = std::make_unique<Subscription>(request, connection_, counts_, onGone);
        const Done joined = subscription->join(host_.broker());
        if (joined) subscriptions_.emplace(lastNumber_, std::move(subscription));
        return joined;
    }

    Done unsubscribe(const Frame& frame) {
        if (waiting_ = !owed_.empty(); waiting_) return {};  // for answers to its messages, perhaps
        const auto found = findSubscription(subscriptionId(frame));
        if (found == subscriptions_.end()) return invalid("there is no such subscription");
        subscriptions_.erase(found);
        return {};
    }

    Done answer(const Frame& frame) {
        const auto text = frame.header(version_ == Version::k12 ? "id" : "message-id").value_or("");
        const auto [first, rest] = sdk::cut(text, '-');
        const auto [second, third] = sdk::cut(rest, '-');
        const auto number = sdk::parseNumber(first), attempts = sdk::parseNumber(third);
        const auto id = sdk::MessageId::parse(second);
        if (!number || !id || !attempts)
            return invalid(frame.command + " of " + quoted(text) + ": not an id");
        const auto delay = readNumber(frame, "delay", 0, limits_.maxReqTimeout.count(), 0);
        if (!delay) return delay.error();
        const Answer answer{*number, *id, *attempts, frame.command == "ACK", milliseconds{delay.value()}};
        if (const auto name = frame.header("transaction")) return transactions_.answer(*name, answer);
        // A client that is late should not lose its connection; but what was not done is not confirmed.
        if (apply(answer) || !frame.header("receipt")) return {};
        return invalid(frame.command + " of a message that is not in flight here any more");
    }

    /// False: the message is not in flight here.
    bool apply(const Answer& answer) {
        const auto found = subscriptions_.find(answer.subscription);
        return found != subscriptions_.end() && found->second->answer(answer);
    }

    sdk::Host& host_;
    sdk::Connection& connection_;
    const sdk::Limits& limits_ = host_.limits();
    const bool authRequired_ = host_.authorizer().required();
    FrameReader reader_{static_cast<std::size_t>(limits_.maxMsgSize)};
    bool waiting_ = false;     ///< with input left: for outcomes, room in the output, or the authorizer
    bool inputEnded_ = false;  ///< the client sends no more
    bool ended_ = false;       ///< no more input is used; closes when nothing is owed
    bool closed_ = false;
    std::string error_;       ///< the ERROR to end with
    bool connected_ = false;  ///< CONNECT was good; the authorizer may still be asked
    Version version_ = Version::k10;
    HeartBeat heartBeat_{connection_, limits_};
    std::string login_;
    std::string secret_;                   ///< for the next time
    sdk::AuthorizationPtr authorization_;  ///< null before the first one
    bool authIsNew_ = false;               ///< the frame that waited has not been tried yet
    Owed current_;                         ///< of the frame that is being executed
    std::deque<Owed> owed_;
    Transactions transactions_{static_cast<std::size_t>(limits_.maxBodySize)};
    std::map<std::string, std::uint64_t> published_;                        ///< messages by topic
    sdk::ClientStats counts_;                                               ///< of messages only
    std::uint64_t lastNumber_ = 0;                                          ///< of a subscription
    std::unique_ptr<sdk::Publisher> publisher_;                             ///< opened by the first publish
    std::map<std::uint64_t, std::unique_ptr<Subscription>> subscriptions_;  ///< by number
    std::unique_ptr<sdk::AuthorizationRequest> authRequest_;  ///< there while the authorizer is asked
};

}  // namespace

std::unique_ptr<sdk::Session> makeSession(sdk::Host& host, sdk::Connection& connection) {
    return std::make_unique<StompSession>(host, connection);
}

}  // namespace nsq::stomp
