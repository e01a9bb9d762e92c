#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "http/access.h"
#include "http/body_budget.h"
#include "http/exchange.h"
#include "http/request_parser.h"
#include "http/router.h"
#include "http/target.h"
#include "http/worker_pool.h"
#include "nsq/sdk/connection.h"
#include "nsq/sdk/session.h"

namespace nsq::http {

/// What the sessions share. All of it outlives them.
struct HttpService {
    const Router& router;
    WorkerPool& workers;
    BodyBudget& bodies;
    spdlog::logger& logger;
    Access access{};

    /// The answer to every request instead of its own; null: there is none.
    std::shared_ptr<const sdk::HttpResponse> refusal{};
};

/// HTTP/1.0 and 1.1 on one connection: gathers a whole request, never more of it than its route allows, has a
/// worker answer it, and only then looks at the next one. Until a request is whole no thread knows of it.
/// THREAD: the connection's loop.
class HttpSession final : public sdk::Session, private ExchangeOwner {
public:
    /// Request line and headers, together (chosen, bytes).
    static constexpr std::size_t kMaxHead = 16 * 1024;

    /// For the next request to begin, a head to be whole, and the next piece of a body to come (chosen).
    static constexpr std::chrono::seconds kIdleLimit{60};
    static constexpr std::chrono::seconds kHeadLimit{10};
    static constexpr std::chrono::seconds kBodyLimit{30};

    /// What a body brings on average once kBodyLimit is over (chosen, bytes a second): a trickle does not
    /// keep the memory of what came before.
    static constexpr std::size_t kMinBodyRate = 1024;

    HttpSession(sdk::Connection& connection, const HttpService& service, ReturnQueue& home);
    ~HttpSession() override;

    std::size_t onData(sdk::Bytes data) override;
    std::size_t maxPending() const override { return kMaxHead; }
    void onOutputDrained() override;
    void onTimer() override;
    void describe(sdk::ClientStats& stats) const override;
    bool onInputEnd() override;

private:
    enum class Phase { kIdle, kHead, kBody, kAnswering, kClosed };

    /// kIdle and kHead: take what belongs to the head. Returns how many bytes are used up.
    std::size_t readHead(sdk::Bytes data);
    std::size_t readBody(sdk::Bytes data);

    void onHead(sdk::Bytes head, bool moreFollows);
    void dispatch();
    void onAnswered(Exchange& exchange) override;

    void answerOptions(const RouteMatch& match);
    void answerUnrouted(const Target& target, const RouteMatch& match);

    /// Writes the response to the current request and goes on with the next, or closes.
    void respond(sdk::HttpResponse response);

    /// Refuses a request that cannot be followed by another.
    void refuse(int status);
    void close(std::string_view reason);

    /// Begins a phase, or begins it anew: its time runs from now.
    void enter(Phase phase);
    void armTimer();
    sdk::Clock::time_point bodyDeadline() const;

    /// The client still takes output, if slowly, since this was last asked.
    bool outputMoves();

    sdk::Connection& connection_;
    const HttpService& service_;
    ReturnQueue& home_;

    Phase phase_ = Phase::kIdle;
    HeadScanner scanner_;
    std::shared_ptr<Exchange> exchange_;   ///< the current request, from its head on
    std::optional<RequestParser> parser_;  ///< reads into exchange_
    bool bodyUnread_ = false;              ///< the current request has a body that nobody will read
    bool inputEnded_ = false;              ///< the client sends no more, but may listen
    bool stalled_ = false;                 ///< input waits until the client has read some output

    sdk::Clock::time_point bodyBegan_;  ///< when the current request's head was whole
    sdk::Clock::time_point deadline_ =
        sdk::Clock::time_point::max();  ///< of the current phase; max() for none
    sdk::Clock::time_point timerAt_ = sdk::Clock::time_point::max();  ///< what the timer is set to
    std::size_t outputSeen_ = 0;  ///< bytes not sent when outputMoves was last asked
};

}  // namespace nsq::http
