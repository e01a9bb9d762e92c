#include "auth/authorizer.h"

#include <string>
#include <utility>

#include "auth/answer.h"
#include "auth/granted.h"

namespace nsq::auth {

namespace {

/// Threads that ask (chosen): they wait for the servers nearly all the time.
constexpr int kThreads = 16;

/// Questions that may wait for a thread (chosen).
constexpr std::size_t kMaxWaiting = 4096;

/// The longest secret (chosen, bytes): HTTP servers take no longer lines.
constexpr std::size_t kMaxSecret = 16 * 1024;

sdk::Error failed(std::string why) {
    return {sdk::ErrorCode::kAuthFailed, std::move(why)};
}

/// What the asker holds.
class Request final : public sdk::AuthorizationRequest {
public:
    explicit Request(std::shared_ptr<Question> question) : question_(std::move(question)) {}
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request() override { question_->takeBack(); }

private:
    std::shared_ptr<Question> question_;
};

}  // namespace

/// A question on a thread.
class Authorizer::Asking final : public http::Job {
public:
    Asking(Authorizer& authorizer, std::shared_ptr<Question> question)
        : authorizer_(authorizer), question_(std::move(question)) {}

    void run() override {
        if (!question_->isTakenBack()) question_->answer(authorizer_.answerFor(*question_));
    }

private:
    Authorizer& authorizer_;
    std::shared_ptr<Question> question_;
};

Authorizer::Authorizer(AuthSettings settings)
    : settings_(std::move(settings)),
      client_(settings_, watch_, stop_),
      turns_(settings_.servers.size()),
      workers_(kThreads, kMaxWaiting, "auth") {}

Authorizer::~Authorizer() {
    stop();
}

sdk::Result<void> Authorizer::start() {
    if (!required()) return {};
    if (const auto started = client_.start(); !started) return started;
    watch_.start();
    workers_.start();
    return {};
}

void Authorizer::stop() {
    stop_.raise();
    watch_.endAll();
    workers_.stop();
    watch_.stop();
}

std::unique_ptr<sdk::AuthorizationRequest> Authorizer::authenticate(sdk::Credentials credentials,
                                                                    sdk::Loop& loop,
                                                                    sdk::AuthorizationListener& listener) {
    const bool tooLong = credentials.secret.size() > kMaxSecret;
    if (tooLong) credentials.secret.clear();
    const auto question = std::make_shared<Question>(std::move(credentials), loop, listener);
    auto request = std::make_unique<Request>(question);
    if (tooLong) {
        question->answer(failed("the secret is longer than " + std::to_string(kMaxSecret) + " bytes"));
    } else if (!workers_.submit(std::make_shared<Asking>(*this, question))) {
        question->answer(failed("too many clients wait for the auth servers"));
    }
    return request;
}

/// Asks one server after the other, until one gives a good answer.
sdk::Result<sdk::AuthorizationPtr> Authorizer::answerFor(const Question& question) {
    if (sdk::Clock::now() - question.since() > settings_.requestTimeout) {
        return failed("the auth servers are too slow for the clients there are");
    }
    std::string why;
    for (const std::size_t server : turns_.next(sdk::Clock::now())) {
        if (stop_.raised()) break;
        auto answer = ask(server, question.credentials());
        if (answer) return answer;
        if (!why.empty()) why += "; ";
        why += "failed to auth against " + settings_.servers[server].name() + " - " + answer.error().text;
    }
    return failed(std::move(why));
}

sdk::Result<sdk::AuthorizationPtr> Authorizer::ask(std::size_t server, const sdk::Credentials& credentials) {
    const sdk::Result<std::string> body = client_.ask(settings_.servers[server], credentials);
    // One that refuses a client is well: whose fault it is may be the client's.
    if (body || body.error().code == sdk::ErrorCode::kAuthFailed) {
        turns_.answered(server);
    } else {
        turns_.failed(server, sdk::Clock::now());
    }
    if (!body) return body.error();
    const sdk::Result<Answer> answer = parseAnswer(body.value());
    if (!answer) return failed("its answer is bad: " + answer.error().text);
    auto granted = Granted::make(answer.value(), patterns_);
    if (!granted) return failed("its answer is bad: " + granted.error().text);
    return granted;
}

}  // namespace nsq::auth
