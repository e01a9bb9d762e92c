#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsq/sdk/authorizer.h"
#include "nsq/sdk/broker.h"
#include "nsq/sdk/host.h"
#include "nsq/sdk/session.h"
#include "protocol/v2/answers.h"
#include "protocol/v2/client_settings.h"
#include "protocol/v2/command_line.h"
#include "protocol/v2/delivery.h"
#include "protocol/v2/heartbeat.h"
#include "protocol/v2/mpub_reader.h"
#include "protocol/v2/protocol_error.h"

namespace nsq::v2 {

/// One client of the V2 protocol. THREAD: the connection's loop.
///
/// Publishes may be pipelined; a command with an answer of its own waits until all of them have theirs. Input
/// also waits while the client does not take its answers, and while an auth server is asked. FINs that follow
/// each other are finished together.
class V2Session final : public sdk::Session,
                        private sdk::PublishListener,
                        private sdk::SubscriptionListener,
                        private sdk::AuthorizationListener {
public:
    V2Session(sdk::Host& host, sdk::Connection& connection);

    std::size_t onData(sdk::Bytes data) override;
    std::size_t maxPending() const override { return maxPending_; }
    void onOutputDrained() override;
    void onTimer() override;
    bool onInputEnd() override;
    void onTlsFailed(std::string_view reason) override;
    void describe(sdk::ClientStats& stats) const override;

private:
    enum class Publish : std::uint64_t { kPub, kMpub, kDpub };  ///< the tags of publishes

    /// How far a command has come.
    struct Progress {
        enum class Kind {
            kDone,        ///< `bytes` of the input are used up
            kIncomplete,  ///< it needs `bytes` of input in all
            kWait,        ///< nothing happened; to be tried again when what it waits for has come
        };
        Kind kind;
        std::size_t bytes = 0;
    };
    static Progress done(std::size_t bytes) { return {Progress::Kind::kDone, bytes}; }
    static Progress incomplete(std::size_t bytes) { return {Progress::Kind::kIncomplete, bytes}; }
    static Progress wait() { return {Progress::Kind::kWait}; }

    /// A whole line, and what follows it in the input.
    struct Command {
        CommandLine line;
        std::size_t lineBytes;  ///< its newline included
        sdk::Bytes rest;
    };

    // v2_session.cpp
    std::size_t advance(sdk::Bytes data);
    Progress next(sdk::Bytes data);
    std::size_t gatherFin(sdk::Bytes data);
    Progress execute(const Command& command);
    Progress executeAnswered(const Command& command);
    void answer(std::string_view text);
    Progress refuse(const ProtocolError& error, std::string_view detail = {});
    void log(const ProtocolError& error, std::string_view detail);
    void end(std::string_view reason);
    void endIfAnswered();
    void close(std::string_view reason);
    void goOn();
    bool inputIsOver() const { return ended_ || closed_; }
    bool willGoOn() const { return authRequest_ || (waiting_ && inputLeft_); }

    // v2_session_publish.cpp
    Progress pub(const Command& command);
    Progress mpub(const Command& command);
    Progress dpub(const Command& command);
    Progress publishOne(const Command& command, Publish kind, std::chrono::milliseconds delay);
    std::optional<Progress> authorizePublish(Publish kind, std::string_view topic);
    Progress publish(Publish kind, const sdk::Publication& publication, std::size_t bytes);
    void countPublished(std::string_view topic, std::size_t count);
    void onPublished(std::span<const sdk::PublishOutcome> outcomes) override;

    // v2_session_setup.cpp
    Progress identify(const Command& command);
    Progress negotiateFeatures(const IdentifyRequest& request, std::size_t bytes);
    void upgrade(const Upgrades& upgrades);
    Progress sub(const Command& command);

    // v2_session_auth.cpp
    Progress auth(const Command& command);
    std::optional<Progress> authorize(std::string_view command, sdk::Permission permission,
                                      std::string_view topic, std::string_view channel);
    void askAuthorizer();
    sdk::Credentials credentials() const;
    void onAuthorization(sdk::Result<sdk::AuthorizationPtr> answer) override;
    void answerAuth();

    // v2_session_consume.cpp
    Progress rdy(const Command& command);
    Progress fin(const Command& command);
    Progress req(const Command& command);
    Progress touch(const Command& command);
    Progress cls(const Command& command);
    void flushFins();
    bool isConsuming() const {
        return state_ == sdk::ClientState::kSubscribed || state_ == sdk::ClientState::kClosing;
    }
    void onMessagesReady() override { delivery_.schedule(); }
    void onSubscriptionClosed() override { end("its channel is gone"); }

    sdk::Host& host_;
    sdk::Connection& connection_;
    const sdk::Limits& limits_;
    const std::size_t maxPending_;

    ClientSettings settings_;
    sdk::ClientState state_ = sdk::ClientState::kInit;
    Answers answers_;
    Heartbeat heartbeat_;

    // Where the input stands.
    bool magicSeen_ = false;
    bool waiting_ = false;  ///< for owed answers, room in the output, or the authorizer
    bool tlsMissing_;       ///< the server requires it
    bool compressed_ = false;
    bool upgraded_ = false;    ///< the input behind the current command goes through a new filter first
    bool inputLeft_ = false;   ///< onData left something
    bool inputEnded_ = false;  ///< the client sends no more
    bool ended_ = false;       ///< no more input is used; closes when the owed answers are out
    bool closed_ = false;
    std::size_t needed_ = 0;   ///< bytes the current command needs before anything new can be done with it
    std::size_t scanned_ = 0;  ///< bytes without a newline at the start of the current command
    std::string endReason_;

    MpubReader mpub_;                     ///< how far the current MPUB was checked
    std::vector<sdk::Bytes> bodies_;      ///< scratch of mpub
    std::vector<sdk::MessageId> finIds_;  ///< gathered, not yet given to the broker

    std::map<std::string, std::uint64_t, std::less<>> published_;  ///< messages by topic
    decltype(published_)::iterator lastPublished_ = published_.end();

    const bool authRequired_;
    std::string secret_;                   ///< the one of AUTH; for the next time
    sdk::AuthorizationPtr authorization_;  ///< null before AUTH has succeeded
    bool authUnanswered_ = false;          ///< AUTH itself waits, not a command after it
    bool authIsNew_ = false;               ///< the command that waited has not been tried yet

    std::string topic_;    ///< subscribed to
    std::string channel_;  ///< subscribed to
    std::uint64_t finishCount_ = 0;
    std::uint64_t requeueCount_ = 0;

    // Destroyed in reverse order: delivery_ uses the subscription.
    std::unique_ptr<sdk::Publisher> publisher_;        ///< opened by the first publish
    std::unique_ptr<sdk::Subscription> subscription_;  ///< there from SUB on
    Delivery delivery_;
    std::unique_ptr<sdk::AuthorizationRequest> authRequest_;  ///< there while the authorizer is asked
};

}  // namespace nsq::v2
