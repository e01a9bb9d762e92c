#include "http/http_session.h"

#include <algorithm>

#include "faults/exception_text.h"
#include "http/response_writer.h"

namespace nsq::http {

namespace {

/// The size of a head that is an empty line only: some clients send one between requests.
constexpr std::size_t kEmptyLine = 2;

sdk::HttpResponse emptyResponse(int status, const char* header = nullptr, const std::string& value = {}) {
    sdk::HttpResponse response{status, {}, {}, {}};
    if (header != nullptr) response.headers.emplace_back(header, value);
    return response;
}

}  // namespace

HttpSession::HttpSession(sdk::Connection& connection, const HttpService& service, ReturnQueue& home)
    : connection_(connection), service_(service), home_(home) {
    enter(Phase::kIdle);
}

HttpSession::~HttpSession() {
    if (exchange_) exchange_->abandon();
}

std::size_t HttpSession::onData(sdk::Bytes data) {
    std::size_t used = 0;
    while (used < data.size() && phase_ != Phase::kAnswering) {
        const sdk::Bytes rest = data.subspan(used);
        std::size_t step = rest.size();
        if (phase_ == Phase::kIdle || phase_ == Phase::kHead) {
            stalled_ = connection_.outputRoom() == 0;
            step = stalled_ ? 0 : readHead(rest);
        } else if (phase_ == Phase::kBody) {
            step = readBody(rest);
        }
        if (step == 0) break;
        used += step;
    }
    return used;
}

std::size_t HttpSession::readHead(sdk::Bytes data) {
    if (phase_ == Phase::kIdle) enter(Phase::kHead);
    switch (scanner_.scan(data.first(std::min(data.size(), kMaxHead)))) {
        case HeadScanner::Verdict::kBad:
            refuse(400);
            return data.size();
        case HeadScanner::Verdict::kNeedMore:
            if (data.size() < kMaxHead) return 0;
            refuse(431);
            return data.size();
        case HeadScanner::Verdict::kWhole:
            break;
    }
    const std::size_t size = scanner_.size();
    scanner_.reset();
    if (size == kEmptyLine) {
        enter(Phase::kIdle);
    } else {
        onHead(data.first(size), data.size() > size);
    }
    return size;
}

void HttpSession::onHead(sdk::Bytes bytes, bool moreFollows) {
    ExchangeOwner& owner = *this;
    exchange_ = std::make_shared<Exchange>(owner, home_, service_.router.fallback(), service_.bodies,
                                           service_.logger);
    sdk::HttpRequest& request = exchange_->request;
    parser_.emplace(request);
    if (const int status = parser_->putHead(bytes)) return refuse(status);
    const RequestHead& head = parser_->head();
    bodyUnread_ = head.hasBody();
    if (const auto refused = refusal(service_.access, request)) return respond(*refused);

    Target target;
    if (!splitTarget(head.target, target) || !decodePath(target.path, request.path)) return refuse(400);
    if (service_.refusal) return respond(*service_.refusal);
    const RouteMatch match = service_.router.find(request.method, request.path);
    if (request.method == "OPTIONS") return answerOptions(match);
    if (match.entry == nullptr) return answerUnrouted(target, match);

    exchange_->entry = match.entry;
    const sdk::HttpRoute& route = match.entry->route;
    if (head.contentLength > route.maxBody) return respond(route.tooLarge);
    request.pathParameter = match.parameter;
    request.badQuery = !decodeQuery(target.query, request.query);
    request.remoteAddress = connection_.remoteAddress();
    if (!head.hasBody()) return dispatch();
    parser_->limitBody(route.maxBody);
    if (head.expectContinue && !moreFollows) writeContinue(connection_.output());
    bodyBegan_ = connection_.loop().now();
    enter(Phase::kBody);
}

std::size_t HttpSession::readBody(sdk::Bytes data) {
    const std::size_t used = parser_->putBody(data);
    const sdk::HttpRoute& route = exchange_->entry->route;
    int status = parser_->failure();
    // The line of a chunk or a trailer without end.
    if (status == 0 && used == 0 && data.size() >= kMaxHead) status = 400;
    const std::size_t size = exchange_->request.body.size();
    if (status == 0 && !exchange_->share.growTo(size, route.maxBody)) status = 503;
    if (status != 0) {
        status == 413 ? respond(route.tooLarge) : refuse(status);
        return data.size();
    }
    if (used > 0) enter(Phase::kBody);
    if (parser_->done()) {
        bodyUnread_ = false;
        dispatch();
    }
    return used;
}

void HttpSession::dispatch() {
    if (exchange_->entry->route.isQuick) {
        enter(Phase::kAnswering);
        return exchange_->run();  // which comes back with the loop's next task, not from within
    }
    if (!service_.workers.submit(exchange_)) return respond(plainResponse(503));
    enter(Phase::kAnswering);
}

void HttpSession::onAnswered(Exchange& exchange) {
    try {
        respond(std::move(exchange.response));
    } catch (...) {
        service_.logger.error("HTTP {}: the response could not be written: {}", connection_.remoteAddress(),
                              faults::exceptionText());
        return close("its response could not be written");
    }
    if (phase_ == Phase::kIdle) connection_.resumeInput();
}

void HttpSession::answerOptions(const RouteMatch& match) {
    if (match.allow != nullptr) return respond(emptyResponse(200, "Allow", *match.allow));
    respond(exchange_->request.path == "*" ? emptyResponse(200) : service_.router.fallback().notFound);
}

void HttpSession::answerUnrouted(const Target& target, const RouteMatch& match) {
    const sdk::HttpRequest& request = exchange_->request;
    if (match.allow != nullptr) {
        sdk::HttpResponse response = service_.router.fallback().methodNotAllowed;
        response.headers.emplace_back("Allow", *match.allow);
        return respond(response);
    }
    if (const auto corrected = service_.router.corrected(request.method, request.path)) {
        // A client that sent a body must send it again: only 307 promises that it does.
        const int status = request.method == "GET" ? 301 : 307;
        std::string location = encodePath(*corrected);
        if (!target.query.empty()) location.append("?").append(target.query);
        return respond(emptyResponse(status, "Location", location));
    }
    respond(service_.router.fallback().notFound);
}

void HttpSession::respond(sdk::HttpResponse response) {
    const RequestHead& head = parser_->head();
    const std::string& method = exchange_->request.method;
    const bool keepAlive = head.keepAlive && !bodyUnread_;
    service_.logger.debug("{} {} {} ({})", response.status, method, head.target, connection_.remoteAddress());
    writeResponse(connection_.output(), std::move(response), {head.version, keepAlive, method == "HEAD"});
    if (!keepAlive) return close("the response was the last");
    parser_.reset();
    exchange_.reset();
    enter(Phase::kIdle);
}

void HttpSession::refuse(int status) {
    const bool head = exchange_ && exchange_->request.method == "HEAD";
    writeResponse(connection_.output(), plainResponse(status), {11, false, head});
    close("the request is refused");
}

void HttpSession::close(std::string_view reason) {
    parser_.reset();
    exchange_.reset();
    enter(Phase::kClosed);
    connection_.close(reason);
}

void HttpSession::onOutputDrained() {
    if (!stalled_) return;
    stalled_ = false;
    connection_.resumeInput();
}

bool HttpSession::onInputEnd() {
    inputEnded_ = true;
    return phase_ == Phase::kAnswering || stalled_;
}

void HttpSession::describe(sdk::ClientStats& stats) const {
    stats.protocol = "HTTP";
}

void HttpSession::enter(Phase phase) {
    phase_ = phase;
    const sdk::Clock::time_point now = connection_.loop().now();
    switch (phase) {
        case Phase::kIdle:
            // What was sent before the end is still answered: it comes within this turn.
            deadline_ = inputEnded_ ? now : now + kIdleLimit;
            break;
        case Phase::kHead:
            deadline_ = now + kHeadLimit;
            break;
        case Phase::kBody:
            deadline_ = bodyDeadline();
            break;
        case Phase::kAnswering:
        case Phase::kClosed:
            deadline_ = sdk::Clock::time_point::max();
            break;
    }
    armTimer();
}

sdk::Clock::time_point HttpSession::bodyDeadline() const {
    const std::chrono::seconds earned{exchange_->request.body.size() / kMinBodyRate};
    return std::min(connection_.loop().now(), bodyBegan_ + earned) + kBodyLimit;
}

/// A timer that is set already is left to come too early: most requests set none.
void HttpSession::armTimer() {
    if (deadline_ >= timerAt_ || phase_ == Phase::kClosed) return;
    timerAt_ = deadline_;
    connection_.setTimer(deadline_);
}

void HttpSession::onTimer() {
    timerAt_ = sdk::Clock::time_point::max();
    if (connection_.loop().now() < deadline_) return armTimer();
    if (phase_ == Phase::kHead || phase_ == Phase::kBody) return refuse(408);
    // Requests wait for room in the output; the connection limits how long after the client's end.
    if (inputEnded_ && stalled_) return;
    if (outputMoves()) return enter(Phase::kIdle);
    close("idle");
}

bool HttpSession::outputMoves() {
    const std::size_t before = std::exchange(outputSeen_, connection_.unsent());
    return outputSeen_ != 0 && outputSeen_ != before;
}

}  // namespace nsq::http
