#include "bench/latency.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <thread>

#include "bench/publish_command.h"
#include "bench/v2_client.h"
#include "nsq/sdk/message.h"

namespace nsq::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeaderBytes = 8;  ///< size and type, which a frame's data comes behind
constexpr std::size_t kNumberBytes = 8;  ///< the message's number, which a body begins with

/// The moments at which messages are due.
class Schedule {
public:
    explicit Schedule(const Settings& settings)
        : settings_(settings), begin_(Clock::now() + std::chrono::milliseconds{100}) {}

    std::uint64_t messages() const { return settings_.rate * settings_.seconds; }
    Clock::time_point due(std::uint64_t number) const {
        return begin_ + std::chrono::nanoseconds{number * 1'000'000'000 / settings_.rate};
    }
    void note(std::uint64_t number, std::vector<double>& late) const {
        if (number < settings_.rate) return;  // the first second
        late.push_back(std::chrono::duration<double, std::micro>(Clock::now() - due(number)).count());
    }

private:
    const Settings& settings_;
    const Clock::time_point begin_;
};

void receiveAll(V2Client& client, const Schedule& schedule, Latency& latency) {
    std::string finishes;
    for (std::uint64_t got = 0; got < schedule.messages();) {
        finishes.clear();
        do {
            const V2Client::Frame frame = client.receive();
            if (frame.type != sdk::frame::kTypeMessage) continue;
            const std::byte* const body = frame.data.data() + sdk::frame::kBodyOffset - kHeaderBytes;
            schedule.note(sdk::loadBig<std::uint64_t>(body), latency.received);
            const auto id =
                frame.data.subspan(sdk::frame::kIdOffset - kHeaderBytes, sdk::MessageId::kTextLength);
            finishes.append("FIN ").append(sdk::asText(id)).append("\n");
            ++got;
        } while (client.hasFrame());
        client.send(finishes);
    }
}

void publishAll(const Settings& settings, V2Client& client, const Schedule& schedule) {
    prctl(PR_SET_TIMERSLACK, 1);  // sleeps end when they should
    Settings one = settings;
    one.batch = 1;
    one.size = std::max(settings.size, kNumberBytes);
    const std::string command = publishCommand(one, 1);
    const std::size_t bodyAt = command.size() - one.size;
    std::string due;
    for (std::uint64_t number = 0; number < schedule.messages();) {
        std::this_thread::sleep_until(schedule.due(number));
        due.clear();
        for (const auto now = Clock::now(); number < schedule.messages() && schedule.due(number) <= now;
             ++number) {
            std::byte text[kNumberBytes];
            sdk::storeBig(text, number);
            due.append(command, 0, bodyAt).append(sdk::asText(text)).append(command, bodyAt + kNumberBytes);
        }
        client.send(due);
    }
}

/// Two threads use the publisher's connection: one only sends, the other only receives.
template <typename Work>
std::thread threadOf(Work work) {
    return std::thread{[work] {
        try {
            work();
        } catch (const std::exception& failure) {
            std::fprintf(stderr, "nsq_load: %s\n", failure.what());
            std::_Exit(1);
        }
    }};
}

}  // namespace

Latency measureLatency(const Settings& settings) {
    V2Client consumer{settings};
    if (settings.unbuffered) {
        const std::string wishes = R"({"output_buffer_size":-1,"output_buffer_timeout":-1})";
        consumer.send("IDENTIFY\n" + sizedText(wishes));
        consumer.expectOk();
    }
    consumer.send("SUB " + settings.topic + " " + settings.channel + "\n");
    consumer.expectOk();
    consumer.send("RDY " + std::to_string(settings.rdy) + "\n");
    V2Client publisher{settings};
    Latency latency;
    const Schedule schedule{settings};
    latency.messages = schedule.messages();
    std::thread receiving = threadOf([&] { receiveAll(consumer, schedule, latency); });
    std::thread acknowledging = threadOf([&] {
        for (std::uint64_t number = 0; number < schedule.messages(); ++number) {
            publisher.expectOk();
            schedule.note(number, latency.acknowledged);
        }
    });
    std::thread publishing = threadOf([&] { publishAll(settings, publisher, schedule); });
    for (std::thread* thread : {&publishing, &acknowledging, &receiving}) thread->join();
    for (auto* late : {&latency.acknowledged, &latency.received}) std::ranges::sort(*late);
    return latency;
}

void printPercentiles(const char* name, const std::vector<double>& sorted) {
    const auto at = [&](double part) {
        return sorted.empty()
                   ? 0.0
                   : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
    };
    std::printf(",\"%s\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name, at(0.5), at(0.99),
                at(0.999), at(1));
}

}  // namespace nsq::bench
