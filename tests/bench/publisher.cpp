#include "bench/publisher.h"

#include <algorithm>

#include "bench/publish_command.h"

namespace nsq::bench {

namespace {

std::string repeated(const std::string& text, std::uint64_t times) {
    std::string all;
    for (std::uint64_t i = 0; i < times; ++i) all += text;
    return all;
}

/// The share of part `number` of `parts`.
std::uint64_t shareOf(std::uint64_t whole, std::uint64_t parts, std::uint64_t number) {
    return whole / parts + (number < whole % parts ? 1 : 0);
}

}  // namespace

Publishers::Publishers(const Settings& settings, std::uint64_t connections, std::uint64_t messages)
    : settings_(settings),
      begin_(std::chrono::steady_clock::now()),
      window_(repeated(publishCommand(settings, settings.batch), settings.window)) {
    for (std::uint64_t i = 0; i < connections; ++i) {
        Publisher& publisher = *publishers_.emplace_back(std::make_unique<Publisher>(settings));
        publisher.messages = shareOf(messages, connections, i);
        group_.add(publisher.client);
    }
}

void Publishers::run() {
    for (const auto& publisher : publishers_) fillWindow(*publisher);
    while (toAnswer_ > 0) {
        for (const std::size_t ready : group_.wait()) {
            receiveAnswers(*publishers_[ready]);
            fillWindow(*publishers_[ready]);
        }
    }
}

void Publishers::fillWindow(Publisher& publisher) {
    const std::uint64_t room = settings_.window - publisher.unanswered;
    const std::uint64_t whole = std::min(room, publisher.messages / settings_.batch);
    std::uint64_t sent = whole;
    if (whole > 0 && settings_.dueMs > 0) {
        Settings one = settings_;
        const std::chrono::milliseconds due{settings_.dueMs};
        const auto left = begin_ + due - std::chrono::steady_clock::now();
        one.deferMs = static_cast<std::uint64_t>(
            std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
        publisher.client.send(repeated(publishCommand(one, 1), whole));
    } else if (whole > 0) {
        publisher.client.send(
            std::string_view(window_).substr(0, whole * (window_.size() / settings_.window)));
    } else if (room > 0 && publisher.messages > 0) {
        publisher.client.send(publishCommand(settings_, publisher.messages));
        publisher.messages = 0;
        sent = 1;
    }
    publisher.messages -= whole * settings_.batch;
    publisher.unanswered += sent;
    toAnswer_ += sent;
}

void Publishers::receiveAnswers(Publisher& publisher) {
    do {
        publisher.client.expectOk();
        --publisher.unanswered;
        --toAnswer_;
    } while (publisher.unanswered > 0 && publisher.client.hasFrame());
}

}  // namespace nsq::bench
